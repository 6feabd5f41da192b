"""test_ka_streams.py - streams of every size and pace by ka, releases, options: every byte, and at once."""
# SPDX-License-Identifier: GPL-2.0-or-later
import re
import subprocess
import sys
import time

import faults
import kapeer
import netns
from kalab import CLIENT, SERVER, KaRun


def sizes(args):
    """Streams of sizes at which the originals hold something back, through a chain of three."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3)
        for size in (0, 1, 100, 32678, 32679, 65536, 65537, 300001):
            run = KaRun(cluster, faults.some_bytes(size), server_args=args)
            run.finish(timeout=15)
            run.clean()


def test_sizes():
    """Streams of 0, 1, 100, 32678, 32679 and a few more sizes arrive whole at three nodes."""
    sizes([])


def test_sizes_in_a_tree():
    """The same in a tree of arity 3."""
    sizes(["-a", "3"])


def test_64_megabytes():
    """64 MB arrive whole at five nodes."""
    with netns.Lab() as lab:
        KaRun(faults.Cluster(lab, 5), faults.some_bytes(64 << 20)).finish(timeout=40)


def test_sparse_5_gigabytes():
    """5 GB, more than 32 bits count, from a sparse file: two nodes count and hash every byte."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        size = 5 * 10**9 + 7
        with open(lab.dir / "sparse", "wb") as file:
            file.truncate(size)
        run = KaRun(cluster, source=f"cat {lab.dir}/sparse", sink=lambda i: f"wc -c > {lab.dir}/count{i}")
        run.finish(timeout=180)
        assert all(int((lab.dir / f"count{i}").read_text()) == size for i in run.nodes)


ARRIVALS = """
import os, sys, time
out = open(sys.argv[1], "w")
while block := os.read(0, 1 << 20):
    print(time.monotonic(), len(block), file=out, flush=True)
"""
PAUSES = """
import os, sys, time
out = open(sys.argv[1], "w")
for size in (20000, 20000, 1, 3):
    os.write(1, b"x" * size)
    print(time.monotonic(), size, file=out, flush=True)
    time.sleep(1)
"""


def _times(path):
    """{bytes so far: when they were there}"""
    total, times = 0, {}
    for line in path.read_text().splitlines():
        when, size = line.split()
        total += int(size)
        times[total] = float(when)
    return times


def test_nothing_is_held_back():
    """A source that pauses: each part, the very last byte too, reaches the end of a chain of eight within 0.2 s."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 8)
        arrivals, pauses = lab.file("arrivals.py", ARRIVALS), lab.file("pauses.py", PAUSES)
        run = KaRun(cluster, source=f"{sys.executable} {pauses} {lab.dir}/sent",
                    sink=lambda i: f"{sys.executable} {arrivals} {lab.dir}/came{i}")
        run.finish(timeout=30)
        sent = _times(lab.dir / "sent")
        worst = 0
        for i in run.nodes:
            came = _times(lab.dir / f"came{i}")
            for total, when in sent.items():
                delay = min(t for n, t in came.items() if n >= total) - when
                worst = max(worst, delay)
                assert delay < 0.2, f"node {i}: {total} bytes came {delay:.3f} s late"
        print(f"        the slowest part was {worst * 1000:.0f} ms on its way")


def test_source_idle():
    """A source that pauses for 33 seconds, longer than any silence that means death: nobody is dropped, neither ours in
    a chain and in a tree nor originals, and every byte arrives."""
    data = faults.some_bytes(2 << 20)

    def idle(lab, **how):
        """A session of three of ours and two originals."""
        cluster = faults.Cluster(lab, 5)
        source = lab.file("source", data)
        run = KaRun(cluster, source=f"head -c 1000000 {source}; sleep 33; tail -c +1000001 {source}", nodes=[1, 2, 3],
                    wanted=5, **how)
        return run, [kapeer.Client(cluster.nodes[i], "10.9.0.1", bits) for i, bits in ((4, 32), (5, 64))]

    with netns.Lab() as one, netns.Lab() as two:
        runs = [idle(one), idle(two, server_args=["-a", "2"])]
        for run, old in runs:
            words = run.finish(timeout=60)
            assert run.seconds > 33 and "FAILURE" not in words, words
            for i in run.nodes:
                assert (run.dir / f"node{i}" / "out").read_bytes() == data
            for client in old:
                client.join_it()
                assert client.ok and client.data == data, client.why


def test_all_leave_together():
    """-w: nobody leaves before the slowest has finished."""
    with netns.Lab() as lab:
        run = KaRun(faults.Cluster(lab, 3), faults.some_bytes(1 << 20), client_args=["-w"],
                    sink=lambda i: "cat > /dev/null; sleep 2" if i == 2 else "cat > /dev/null")
        run.flowing()
        time.sleep(1)
        assert run.client[1].popen.poll() is None and run.client[3].popen.poll() is None
        run.finish(timeout=15)


def test_staggered_leave():
    """-d 10 with -w: the clients leave one by one, a second apart."""
    with netns.Lab() as lab:
        run = KaRun(faults.Cluster(lab, 3), faults.some_bytes(1 << 20), client_args=["-w"], server_args=["-d", "10"])
        left = {}
        while len(left) < 3:
            for i in run.nodes:
                if i not in left and run.client[i].popen.poll() is not None:
                    left[i] = time.monotonic()
            assert time.monotonic() - run.begun < 20
            time.sleep(0.01)
        run.finish(timeout=15)
        first, second, third = sorted(left.values())
        assert 0.8 < second - first < 1.5 and 0.8 < third - second < 1.5


def test_delay_without_w():
    """-d without -w keeps nobody."""
    with netns.Lab() as lab:
        run = KaRun(faults.Cluster(lab, 3), faults.some_bytes(1 << 20), server_args=["-d", "50"])
        run.finish(timeout=15)
        assert run.seconds < 6


def test_leaves_without_w():
    """Without -w a client that feeds nobody leaves when it has finished, whatever the others do."""
    with netns.Lab() as lab:
        run = KaRun(faults.Cluster(lab, 3), faults.some_bytes(1 << 20),
                    sink=lambda i: "cat > /dev/null; sleep 3" if i == 1 else "cat > /dev/null")
        run.flowing()
        assert run.client[3].wait(2) == 0
        run.finish(timeout=15)


def test_other_ports_and_host():
    """-p, -P and -h."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        run = KaRun(cluster, b"x" * 100000, start_server=False, late=(1, 2), wanted=2)
        run.server = cluster.head.start([SERVER, "-n", "2", "-p", "4000", "-P", "4001", "-e", run.source],
                                        ready=netns.port(4000), name="ka-s")
        run.begun = time.monotonic()
        for i in run.nodes:
            run.client[i] = cluster.nodes[i].start([CLIENT, "-h", "10.9.0.1", "-p", "4000", "-P", "4001",
                                                    "-e", run.sink(i)])
        run.finish(timeout=15)


def test_two_sessions_on_one_network():
    """Two servers with different sessions: each client finds its own."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 4)
        other = cluster.nodes[4].start([SERVER, "-s", "other", "-n", "1", "-e", "echo other"], ready=netns.port(30765))
        mine = KaRun(cluster, b"mine", nodes=[1, 2])
        theirs = cluster.nodes[3].start([CLIENT, "-s", "other", "-e", f"cat > {lab.dir}/theirs"])
        mine.finish(timeout=15)
        assert theirs.wait(10) == 0 and other.wait(10) == 0
        assert (lab.dir / "theirs").read_text() == "other\n"


def test_words_of_the_seeds():
    """The server and the client say what the log of a duplication has always said, in its order."""
    with netns.Lab() as lab:
        run = KaRun(faults.Cluster(lab, 1), faults.some_bytes(1 << 20))
        words = run.finish(timeout=15)
        at = 0
        for line in (r"^Compiled : ", r"^ARGS=\+\S*ka-d-server\+-s\+test\+-n\+1\+-e\+", r"^Server IP = 10.9.0.1$",
                     r"^command = cat ", r"^I want 1 clients$", r"^Socket \d+ on port 30765 on \S+ ready\.$",
                     r"^Socket \d+ on port 30764 on \S+ ready\.$", r"^got UDP packet from 10.9.1.1$",
                     r"^Session name matches$", r"^Sending UDP reply to 10.9.1.1$",
                     r"^Accepting connection from 10.9.1.1$",
                     r"^Clients : want_data 0  / connected 0$", r"^client says hello !$", r"^Client sends options$",
                     r"^Client accepts data$", r"^Added client 10.9.1.1, daddy = 10.9.0.1$", r"^Let's go!$",
                     r"^End of data flow$", r"^Client says he has finished$", r"^Client has finished transfer$",
                     r"^Busy clients: 0 -- connected : 1$", r"^Busy clients: 0 -- connected : 0$",
                     r"^All clients left, I quit$", r"^Total data sent = 1 Megs, in \d+ packets$",
                     r"^Transfer time = \S+ seconds, throughput = \S+ Mbytes/second$",
                     r"^The pipeline was emptied in \S+ seconds$", r"^Node 10.9.1.1 \S+: done, 1048576 bytes in "):
            found = re.compile(line, re.MULTILINE).search(words, at)
            assert found, f"{line!r} is not there, or not in order\n{words}"
            at = found.end()
        said = run.client[1].text()
        for line in ("Server IP is 10.9.0.1", "Buffers names :pipe", "End of data flow", "Flushing buffers",
                     "Total data received = 1 Megs, in", "Elapsed time = "):
            assert line in said, said


def test_usage():
    """Wrong options, neither or both of -s and -h, numbers that are none: usage or a word, and the status
    of wrong usage, which is 1 for the server, whose 2 says something else; -v: the version."""
    for words in ([CLIENT], [CLIENT, "-s", "a", "-h", "b"], [CLIENT, "-x"], [CLIENT, "-s", "a", "stray"],
                  [CLIENT, "-s", "n" * 200], [SERVER, "-a", "5"], [SERVER, "-a", "0"], [SERVER, "-n", "x"],
                  [SERVER, "-m", "224.0.0.1"], [SERVER, "-p", "70000"]):
        done = subprocess.run(words, capture_output=True, timeout=10, check=False)
        assert done.returncode == (2 if words[0] == CLIENT else 1), words
    for program in (SERVER, CLIENT):
        done = subprocess.run([program, "-v"], capture_output=True, timeout=10, check=True)
        assert b"Ka-deploy-0.6" in done.stdout


def test_a_real_tree():
    """A tar of a tree with hard links, devices, long names and holes is unpacked by tar on two nodes."""
    with netns.Lab() as lab:
        tree = lab.dir / "tree"
        (tree / ("d" * 120) / ("e" * 120)).mkdir(parents=True)
        (tree / "a").write_bytes(b"x" * 5000)
        (tree / "b").hardlink_to(tree / "a")
        (tree / "link").symlink_to("/etc/passwd")
        with open(tree / "hole", "wb") as file:
            file.truncate(100 << 20)
        for i in (1, 2):
            (lab.dir / f"t{i}").mkdir()
        run = KaRun(faults.Cluster(lab, 2), source=f"(cd {tree}; tar --create --one-file-system --sparse . )",
                    sink=lambda i: f"tar -x -f - -C {lab.dir}/t{i}")
        run.finish(timeout=20)
        for i in (1, 2):
            subprocess.run(["diff", "-r", "--no-dereference", tree, lab.dir / f"t{i}"], check=True)
            assert (lab.dir / f"t{i}" / "a").stat().st_nlink == 2


