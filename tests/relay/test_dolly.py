"""test_dolly.py - dolly among our own programs: what the originals fail at, each with the better result."""
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import gzip
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import faults
import netns

MB = 1_000_000


@contextlib.contextmanager
def cluster(count, rate="400mbit"):
    with netns.Lab() as lab:
        yield faults.Cluster(lab, count, rate=rate)


def test_three_nodes_get_the_image():
    """Three nodes named in the seeds' kind of dolly.cfg get the image; everybody exits 0."""
    with cluster(3) as c:
        words = c.dolly(faults.some_bytes(20 * MB)).finish()
        assert "3 of 3 nodes have everything" in words


def test_who_has_how_much():
    """With -C the server has a line for each node and, at the end, each has all."""
    with cluster(3) as c:
        chain, size = c.lab.dir / "chain", 20 * MB
        c.dolly(faults.some_bytes(size), server_args=["-C", str(chain)]).finish()
        rows = {words[1]: words[2:] for words in map(str.split, chain.read_text().splitlines())}
        assert set(rows) == {c.address(i) for i in (1, 2, 3)}, rows
        assert all(row == ["-", "done", str(size), str(size), "0"] for row in rows.values()), rows


def test_sizes_around_blocks():
    """Images of 0, 1, 100, 4095, 4096, 65537 bytes and of chunks exactly arrive; none hangs."""
    with cluster(3, rate=None) as c:
        for size in (0, 1, 100, 4095, 4096, 16384, 16385, 65537, 256 * 16384, 256 * 16384 + 1):
            run = c.dolly(faults.some_bytes(size))
            run.finish(timeout=20)
            run.clean()


def test_killed_middle_first_last():
    """The first, a middle and the last node are killed in turn: the others complete, the dead one is named."""
    with cluster(4) as c:
        for victim in (1, 2, 4):
            run = c.dolly(faults.some_bytes(30 * MB), server_args=["-w", "1"])
            run.at(0.4, run.kill, victim)
            run.finish(lost={victim})
            run.clean()


def test_stopped_by_a_person():
    """A client that gets SIGTERM in the middle says so to the server, exits 143, and the others complete."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(30 * MB))
        run.at(0.4, run.client[2].signal, signal.SIGTERM)
        words = run.finish(lost={2}, timeout=10)
        assert "stopped by signal 15" in words, words
        assert run.client[2].wait(5) == 143


def test_two_neighbours_killed_together():
    """Two neighbours die in the same moment; the chain closes over both."""
    with cluster(5) as c:
        run = c.dolly(faults.some_bytes(30 * MB), server_args=["-w", "1"])
        run.at(0.4, run.kill, 2)
        run.at(0.4, run.kill, 3)
        run.finish(lost={2, 3})


def test_frozen_node():
    """A node stopped by SIGSTOP costs the others at most 2 s; it is named."""
    with cluster(4) as c:
        free = c.dolly(faults.some_bytes(30 * MB))
        free.finish()
        run = c.dolly(faults.some_bytes(30 * MB), server_args=["-w", "1"])
        run.at(0.4, run.stop, 2)
        words = run.finish(lost={2})
        last = max(float(m) for m in re.findall(r"^ *([\d.]+) s  10.9.1.[134] has everything", words, re.M))
        assert last < free.seconds + 2.5, f"{last:.1f} s instead of {free.seconds:.1f} s"


def test_frozen_before_its_hello():
    """A node that is frozen before the server comes (its kernel still accepts connections) is named within 12 s, not
    after the whole time given for nodes that are late; the others do not wait for it."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(10 * MB), start_server=False, server_args=["-w", "1"])
        netns.port(9995)(run.client[2], time.monotonic() + 10)
        run.stop(2)
        run.serve()
        words = run.finish(lost={2}, timeout=12)
        assert re.search(r"NOT DONE 10.9.1.2 .*silent", words), words


def test_unplugged_node():
    """A node whose cable is pulled is bypassed within 2 s and named."""
    with cluster(4) as c:
        run = c.dolly(faults.some_bytes(30 * MB), server_args=["-w", "1"])
        run.at(0.4, run.unplug, 2)
        run.finish(lost={2}, timeout=30)


def test_thawed_node_completes():
    """A node frozen for 2.5 s comes back by itself and completes."""
    with cluster(4) as c:
        run = c.dolly(faults.some_bytes(30 * MB))
        run.at(0.3, run.pause, 2, 2.5)
        run.finish()


def test_node_started_anew():
    """A node whose program is killed and started again joins and completes, with what its target holds already."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(60 * MB))
        run.at(1.0, run.restart, 2)
        run.finish()
        assert re.search(r"MB of 60 MB were there already", run.client[2].text()), run.client[2].text()


def test_ipv6():
    """Nodes listed by IPv6 address, reached over IPv6 alone: the chain forms, closes over a dead one, all is there."""
    with cluster(4) as c:
        for i, node in enumerate([c.head, *c.nodes[1:]]):
            node.run(["ip", "address", "flush", "dev", "eth0", "scope", "global"])
            node.address("eth0", f"fd09::{i + 0x10:x}/64")
        c.address = lambda i: f"fd09::{i + 0x10:x}"
        run = c.dolly(faults.some_bytes(30 * MB), server_args=["-w", "1"])
        run.at(0.4, run.kill, 2)
        words = run.finish(lost={2})
        assert "NOT DONE fd09::12 (fd09::12)" in words, words


def test_late_node():
    """A node that comes 3 s late is waited for and completes (the originals: the same)."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(10 * MB), late=[2])
        run.at(3, run.join, 2)
        run.finish()


def test_node_never_comes():
    """A node that never comes holds nobody up: the others complete, it is named, and the server ends in time."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(10 * MB), late=[2], server_args=["-a", "4"])
        words = run.finish(lost={2}, timeout=15)
        assert "NOT DONE 10.9.1.2 (10.9.1.2): never answered" in words, words


def test_host_down():
    """A listed host that does not exist at all is named after the time given."""
    with cluster(2) as c:
        run = c.dolly(faults.some_bytes(10 * MB), hosts=[c.address(1), "10.9.9.9", c.address(2)],
                      server_args=["-a", "4"])
        assert run.wait(20) == 1
        assert "NOT DONE 10.9.9.9" in run.server.text()
        assert "2 of 3 nodes have everything" in run.server.text()


def test_bad_outfile():
    """An outfile that cannot be opened on the first, a middle or the last node: the others complete, the server says
    which and why at once."""
    for bad in (1, 2, 3):
        with cluster(3) as c:
            run = c.dolly(faults.some_bytes(10 * MB), start_server=False)
            run.client[bad].kill()
            run.target, good = (lambda i: "/nowhere/image" if i == bad else good(i)), run.target
            run.join(bad)
            run.serve()
            words = run.finish(lost={bad})
            assert f"10.9.1.{bad} failed: /nowhere/image: No such file" in words, words
            assert run.client[bad].wait(5) == 1


def test_disk_full():
    """A full disk on the first, a middle or the last node is said before a byte is sent, with the numbers; the others
    complete."""
    for full in (1, 2, 3):
        with cluster(3) as c:
            run = c.dolly(faults.some_bytes(20 * MB), small_disk={full: 10 * MB})
            words = run.finish(lost={full})
            assert re.search(r"the image has 20000000 bytes, the file system has room for \d+", words), words
            run.clean()


def test_longer_old_file():
    """An old target that was longer than the image is cut: no old tail stays."""
    with cluster(2) as c:
        run = c.dolly(faults.some_bytes(5 * MB), start_server=False)
        for i in (1, 2):
            pathlib.Path(run.target(i)).write_bytes(b"x" * 6 * MB)
        run.serve()
        run.finish()


def test_delta():
    """A target that holds the image but for one chunk gets only that chunk."""
    image = faults.some_bytes(30 * MB)
    with cluster(2) as c:
        run = c.dolly(image, start_server=False)
        for i in (1, 2):
            pathlib.Path(run.target(i)).write_bytes(image[:9 * MB] + b"changed" + image[9 * MB + 7:])
        before = _sent(c.head)
        run.serve()
        run.finish()
        assert _sent(c.head) - before < MB, f"{_sent(c.head) - before} bytes were sent"


def _sent(node):
    return int(node.run(["cat", "/sys/class/net/eth0/statistics/tx_bytes"]).stdout)


def test_partial_file_has_no_final_name():
    """A client stopped in the middle leaves nothing under the target's name."""
    with cluster(1) as c:
        run = c.dolly(faults.some_bytes(60 * MB), server_args=["-w", "1"])
        run.client[1].wait_line("the server sends")
        time.sleep(0.3)
        run.client[1].signal(signal.SIGTERM)
        assert run.client[1].wait(5) == 128 + signal.SIGTERM
        assert not pathlib.Path(run.target(1)).exists()
        run.finish(lost={1})


def test_reset_connections():
    """Every TCP connection of a node is reset, twice; nobody dies and nobody is lost."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(40 * MB))
        run.at(0.3, run.reset, 2)
        run.at(0.8, run.reset, 2)
        run.finish()


def test_server_started_anew():
    """The server is killed in the middle and started again: the nodes go on where they were."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(60 * MB))
        run.at(0.7, run.restart_server)
        time.sleep(1.5)
        words = run.finish()
        assert re.search(r"waiting for it", run.client[1].text()), run.client[1].text()
        del words


def test_server_gone_for_good():
    """The server is killed and does not come back: after a minute without it the clients give up, exit 1, and nothing
    stands under the target's name."""
    with cluster(2) as c:
        run = c.dolly(faults.some_bytes(60 * MB))
        time.sleep(0.8)
        run.server.kill()
        for i in (1, 2):
            assert run.client[i].wait(75) == 1, run.client[i].text()
            assert "no head for 60 s" in run.client[i].text(), run.client[i].text()
            assert not pathlib.Path(run.target(i)).exists()


test_server_gone_for_good.slow = True


def test_strangers():
    """Port scans, garbage and half-open talk on every port of every program harm nobody."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(20 * MB), start_server=False)
        strangers = []
        for words in faults.GARBAGE:
            for port in faults.PORTS:
                for i in (1, 3):
                    strangers.append(threading.Thread(target=run.stray, args=(i, port, words)))
        for thread in strangers:
            thread.start()
        run.serve()
        run.stray(0, 9995, b"\xd3relay1\n" + struct.pack("<IBBH", 3, 16, 0, 0) + b"abc")
        for thread in strangers:
            thread.join()
        run.finish()


def test_slow_node_hurts_only_itself():
    """A node at a tenth of the rate becomes a leaf; the others take at most 15 % longer."""
    size = 250 * MB
    with cluster(6, rate="200mbit") as c:
        free = c.dolly(faults.some_bytes(size))
        whole = _slowest(free.finish(), range(1, 7))
        free.clean()
        run = c.dolly(faults.some_bytes(size), start_server=False)
        c.slow(3, "20mbit")
        run.serve()
        run.at(whole * 1.3, c.slow, 3, None)  # so that the test need not wait for the slow one
        slowest = _slowest(run.finish(timeout=120), (1, 2, 4, 5, 6))
        assert slowest < 1.15 * whole, f"{slowest:.1f} s instead of {whole:.1f} s"


def test_slow_first_node():
    """The same where the slow node is the first of the list, behind which everybody stands."""
    size = 250 * MB
    with cluster(4, rate="200mbit") as c:
        run = c.dolly(faults.some_bytes(size), start_server=False)
        c.slow(1, "20mbit")
        run.serve()
        run.at(14, c.slow, 1, None)
        words = run.finish(timeout=120)
        slowest = _slowest(words, (2, 3, 4))
        assert slowest < 1.15 * 1.08 * size * 8 / 200e6, f"{slowest:.1f} s\n{words}"


test_slow_first_node.slow = True


def _slowest(words, nodes):
    """When the last of these nodes had everything, in seconds."""
    return max(float(re.search(rf"^ *([\d.]+) s  10\.9\.1\.{i} has everything", words, re.M).group(1)) for i in nodes)


def test_password():
    """With the same password everywhere it works; a server without it is refused and the client waits on."""
    with cluster(2) as c:
        run = c.dolly(faults.some_bytes(5 * MB), server_args=["-P", "secret"], client_args=["-P", "secret"])
        run.finish()
        run.clean()
        run = c.dolly(faults.some_bytes(5 * MB), server_args=["-a", "3"], client_args=["-P", "secret"])
        assert run.wait(20) == 1
        assert "the passwords differ" in run.server.text(), run.server.text()
        assert "secret" not in run.server.text() + run.client[1].text()


def test_announced_nodes():
    """`clients auto 3` takes the nodes that announce themselves, whatever their addresses."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(5 * MB), start_server=False)
        run.config = f"infile {run.source}\noutfile /tmp/unused\nserver head\nclients auto 3\nendconfig\n"
        run.serve()
        assert run.wait(30) == 0, run.server.text()
        assert "3 of 3 nodes have everything" in run.server.text()
        for i in (1, 2, 3):
            assert run.client[i].wait(10) == 0


def test_announced_by_ipv6():
    """The same without any IPv4 address: announcements by multicast on the link, a chain of link-local addresses."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(20 * MB), start_server=False, late=[1, 2, 3], server_args=["-w", "1"])
        for node in [c.head, *c.nodes[1:]]:
            node.run(["ip", "address", "flush", "dev", "eth0", "scope", "global"])
        for i in (1, 2, 3):
            run.join(i)
        run.config = f"infile {run.source}\noutfile /tmp/unused\nclients auto 3\nendconfig\n"
        run.serve()
        assert run.wait(30) == 0, run.server.text()
        for i in (1, 2, 3):
            assert pathlib.Path(run.target(i)).read_bytes() == run.image


def test_compressed_image():
    """`compressed infile`: gz, xz and zst images are unpacked on arrival; a damaged one is named, nothing is stored."""
    data = faults.some_bytes(MB) + bytes(3 * MB)
    with cluster(2) as c:
        for program in ("gzip", "xz", "zstd"):
            packed = subprocess.run([program, "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
            run = c.dolly(packed, start_server=False)
            run.config = (f"compressed infile {run.source}\noutfile /tmp/unused\nserver head\nfirstclient {c.address(1)}\n"
                          f"lastclient {c.address(2)}\nclients 2\n{c.address(1)}\n{c.address(2)}\nendconfig\n")
            run.serve()
            assert run.wait(30) == 0, run.server.text()
            for i in (1, 2):
                assert run.client[i].wait(5) == 0
                assert pathlib.Path(run.target(i)).read_bytes() == data, program
            run.clean()
        run = c.dolly(packed[:-100], start_server=False)
        run.config = (f"compressed infile {run.source}\noutfile /tmp/unused\nserver head\nclients 1\n{c.address(1)}\n"
                      "endconfig\n")
        run.serve()
        assert run.wait(30) == 1 and "the zstd data are cut" in run.server.text(), run.server.text()
        assert not pathlib.Path(run.target(1)).exists()


def test_compressed_outfile():
    """`compressed outfile`: the server packs the image, the nodes keep it packed; what is compressed already stays."""
    data = faults.some_bytes(MB) + bytes(3 * MB)
    with cluster(2) as c:
        for word, source in (("", data), ("compressed ", gzip.compress(data, 1))):
            run = c.dolly(source, start_server=False)
            hosts = "\n".join(c.address(i) for i in (1, 2))
            run.config = f"{word}infile {run.source}\ncompressed outfile /tmp/unused.gz\nserver head\nclients 2\n" \
                         f"{hosts}\nendconfig\n"
            run.serve()
            assert run.wait(30) == 0, run.server.text()
            for i in (1, 2):
                packed = pathlib.Path(run.target(i)).read_bytes()
                assert gzip.decompress(packed) == data and len(packed) < len(data) / 2
            run.clean()


def test_split():
    """`infile NAME split` sends NAME_0, NAME_1 ... as one (0.72 sends the first and calls it success); `outfile NAME
    split SIZE` cuts into parts of that size."""
    data = faults.some_bytes(5 * MB)
    with cluster(2) as c:
        run = c.dolly(data, start_server=False)
        for i, part in enumerate((data[:2 * MB], data[2 * MB:2 * MB + 100], data[2 * MB + 100:])):
            pathlib.Path(f"{run.source}_{i}").write_bytes(part)
        run.config = f"infile {run.source} split\noutfile /tmp/unused split 2M\nserver head\nclients 2\n" \
                     f"{run.hosts[0]}\n{run.hosts[1]}\nendconfig\n"
        run.serve()
        assert run.wait(30) == 0, run.server.text()
        for i in (1, 2):
            parts = [pathlib.Path(f"{run.target(i)}_{k}").read_bytes() for k in range(3)]
            assert b"".join(parts) == data and len(parts[0]) == len(parts[1]) == 2 << 20
            assert not pathlib.Path(f"{run.target(i)}_3").exists()


def test_command_line():
    """Without a file: -I -O -H; options in any order, none of HOST, HOSTNAME, MYNODENAME set; a new file in a folder
    whose name sorts before /dev; nothing stays in /tmp. (The originals: segfault, "disagree on server", "No such
    file".)
    """
    with cluster(2) as c:
        data = c.lab.file("image", faults.some_bytes(MB))
        folder = pathlib.Path("/boot") / f"dolly-{os.getpid()}"
        before = set(os.listdir("/tmp"))
        clean = ["env", "-u", "HOST", "-u", "HOSTNAME", "-u", "MYNODENAME", str(faults.DOLLY)]
        folder.mkdir()
        try:
            nodes = [c.nodes[i].start([*clean, "-O", str(folder / f"out{i}"), "-n"]) for i in (1, 2)]
            server = c.head.start([*clean, "-v", "-H", f"{c.address(1)},{c.address(2)}", "-n", "-O", "/unused",
                                   "-S", "10.9.0.1", "-o", c.lab.dir / "log", "-I", data])
            assert server.wait(20) == 0, server.text()
            for i, node in enumerate(nodes, 1):
                assert node.wait(10) == 0, node.text()
                assert (folder / f"out{i}").read_bytes() == pathlib.Path(data).read_bytes()
            assert "2 of 2 nodes have everything" in (c.lab.dir / "log").read_text()
            assert not [name for name in set(os.listdir("/tmp")) - before if "dolly" in name]
        finally:
            shutil.rmtree(folder)


def test_fanout():
    """`fanout 2` makes a tree of seven nodes: each parent feeds two, and one that dies is closed over."""
    with cluster(7, rate=None) as c:
        run = c.dolly(faults.some_bytes(30 * MB), start_server=False, server_args=["-w", "1"])
        hosts = "\n".join(run.hosts)
        run.config = f"infile {run.source}\noutfile /tmp/unused\nfanout 2\nserver head\nclients 7\n{hosts}\nendconfig\n"
        run.serve()
        run.finish()
    with cluster(7, rate="400mbit") as c:
        run = c.dolly(faults.some_bytes(20 * MB), start_server=False, server_args=["-w", "1"])
        run.config = f"infile {run.source}\noutfile /tmp/unused\nfanout 2\nserver head\nclients 7\n{hosts}\nendconfig\n"
        run.serve()
        run.at(0.5, run.kill, 2)
        run.finish(lost={2})


def test_other_interface():
    """`add 0:SUFFIX` reaches each node under its name with the suffix: the address of another interface."""
    with cluster(1) as c:
        run = c.dolly(faults.some_bytes(MB), start_server=False)
        run.config = f"infile {run.source}\noutfile /tmp/unused\nadd 0:.1\nserver head\nclients 1\n10.9.1\nendconfig\n"
        run.serve()
        assert run.wait(30) == 0, run.server.text()
        assert pathlib.Path(run.target(1)).read_bytes() == run.image


def test_standard_output():
    """A client with -O - writes the image to its standard output."""
    with cluster(1) as c:
        data = faults.some_bytes(3 * MB)
        run = c.dolly(data, target=lambda i: "-", client_args=["-q"])
        assert run.wait(30) == 0, run.server.text()
        assert run.client[1].wait(5) == 0
        assert run.client[1].log.read_bytes() == data


def test_more_than_sixteen_hosts():
    """Twenty nodes are served at once (an original refuses more than 16)."""
    with cluster(20) as c:
        c.dolly(faults.some_bytes(5 * MB)).finish()


def test_bad_configuration():
    """Each mistake in dolly.cfg is named with its line and an example; exit 1."""
    good = "infile /etc/hostname\noutfile /tmp/unused\nserver head\nclients 1\n10.9.1.1\nendconfig\n"
    mistakes = {
        good.replace("endconfig\n", ""): "the last line must be endconfig",
        good.replace("clients 1", "clients many"): 'line 4 "clients many"',
        good.replace("infile /etc/hostname\n", ""): "there is no infile line",
        good.replace("10.9.1.1", "two names"): 'line 5 "two names"',
        good.replace("/etc/hostname", "/nowhere"): "/nowhere: No such file",
        good.replace("/etc/hostname", "/etc"): "/etc is neither a file nor a block device",
    }
    with netns.Lab() as lab:
        node = lab.node()
        for text, words in mistakes.items():
            config = lab.file("dolly.cfg", text)
            result = node.run([faults.DOLLY, "-s", "-f", config], check=False)
            assert result.returncode == 1, text
            assert words in result.stderr.decode(), (words, result.stderr.decode())


def test_idle_costs_nothing():
    """A waiting client and a stalled chain use next to no processor time."""
    with cluster(2) as c:
        run = c.dolly(faults.some_bytes(60 * MB), server_args=["-w", "1"])
        run.client[1].wait_line("the server sends")
        time.sleep(0.2)
        run.stop(1)
        before = netns.cpu_seconds(run.server.pid)
        time.sleep(2)
        used = netns.cpu_seconds(run.server.pid) - before
        assert used < 0.5, f"{used} s"
        run.finish(lost={1})


def test_medium_that_loses_bytes():
    """A node whose medium loses what was written is noticed by the node behind it: that one gets right bytes all the
    same, and once it was done the forgetful one is named."""
    image = faults.some_bytes(16 * MB)
    with cluster(3, rate=None) as c:
        for i in (1, 2, 3):
            c.slow(i, "100mbit" if i < 3 else "50mbit")  # the third still fetches when the second has everything
        for when in (0.4, 2.0):
            run = c.dolly(image)
            run.at(when, run.corrupt, 2)
            words = run.finish(timeout=30)
            assert "wrong bytes" in words, words
            if when > 1.4:
                assert re.search(r"NOT DONE 10.9.1.2 .*does not keep what is written", words), words
            run.clean()


def test_image_that_changes():
    """The image is overwritten while it is sent: the server says so and ends, and no node keeps anything."""
    with cluster(2) as c:
        run = c.dolly(faults.some_bytes(60 * MB))
        time.sleep(0.5)
        with open(run.source, "r+b") as file:
            for at in range(0, 60 * MB, MB // 2):
                file.seek(at)
                file.write(b"changed")
        assert run.wait(10) == 1 and "the image has changed" in run.server.text(), run.server.text()
        for i in (1, 2):
            assert run.client[i].wait(10) == 1
            assert not pathlib.Path(run.target(i)).exists()


def test_lying_parent_is_named():
    """A node that passes on wrong bytes is caught by its child's check and named; nobody stores a wrong byte."""
    with cluster(3) as c:
        run = c.dolly(faults.some_bytes(20 * MB), late=[1], server_args=["-w", "1", "-a", "8"])
        with c.nodes[1].inside():
            listener = socket.create_server(("0.0.0.0", 9995))
        liar = Liar(listener, c.nodes[1])
        liar.start()
        words = run.wait(60)
        text = run.server.text()
        assert words == 1, text
        assert "got wrong bytes" in text and "from 10.9.1.1" in text, text
        for i in (2, 3):
            assert run.client[i].wait(10) == 0, run.client[i].text()
            assert run._sum(run.target(i)) == run.sum
        liar.ending = True


class Liar(threading.Thread):
    """A node that claims to have everything and serves zeros, under the right hashes."""

    def __init__(self, listener, node):
        super().__init__(daemon=True)
        self.listener, self.node, self.ending = listener, node, False
        self.groups = {}

    def run(self):
        while not self.ending:
            conn, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    @staticmethod
    def frame(kind, body=b"", flags=0):
        return struct.pack("<IBBH", len(body), kind, flags, 0) + body

    def frames(self, conn, skip_magic=True):
        data = b""
        while True:
            if skip_magic and len(data) >= 8:
                data, skip_magic = data[8:], False
            while not skip_magic and len(data) >= 8:
                length, kind, flags, _ = struct.unpack("<IBBH", data[:8])
                if len(data) < 8 + length:
                    break
                yield kind, flags, data[8:8 + length]
                data = data[8 + length:]
            more = conn.recv(65536)
            if not more:
                return
            data += more

    def progress(self, kind):
        return self.frame(kind, struct.pack("<IIIQQIB", 0, 0xffffffff, 0, 0, 0, 0, 0))

    def serve(self, conn):
        try:
            for kind, _, body in self.frames(conn):
                if kind == 1:    # OPEN: a head
                    conn.sendall(self.frame(2, struct.pack("<QH", 77, 9995) + bytes(16 + 32 + 4 + 32)
                                            + struct.pack("<H", 4) + b"liar" + struct.pack("<H", 5) + b"dolly"))
                elif kind == 3:  # JOB
                    self.session = body[:16]
                    self.chunk, self.size = struct.unpack_from("<Iq", body, 26)
                    self.count = -(-self.size // self.chunk)
                    conn.sendall(self.progress(4))
                    threading.Thread(target=self.report, args=(conn,), daemon=True).start()
                elif kind == 5:  # PARENT: fetch the hashes from there, to look honest
                    self.learn(conn)
                elif kind == 17:  # WANT: a child
                    first, count = struct.unpack("<II", body[:8])
                    for i in range(first, first + count):
                        self.lie(conn, i)
        except OSError:
            pass

    def report(self, conn):
        try:
            while not self.ending:
                conn.sendall(self.progress(7))
                time.sleep(0.2)
        except OSError:
            pass

    def learn(self, control):
        with self.node.inside(), socket.socket() as s:
            s.connect((control.getpeername()[0], 9995))
            s.sendall(b"\xd3relay1\n" + self.frame(16, self.session + struct.pack("<I", 1)))
            groups = -(-self.count // 256)
            for g in range(groups):
                s.sendall(self.frame(18, struct.pack("<I", g)))
            for kind, _, body in self.frames(s, skip_magic=False):
                if kind == 19:
                    self.groups[struct.unpack("<I", body[:4])[0]] = body
                if len(self.groups) == groups:
                    return

    def lie(self, conn, i):
        deadline = time.monotonic() + 5
        while i // 256 not in self.groups and time.monotonic() < deadline:
            time.sleep(0.01)
        length = min(self.chunk, self.size - i * self.chunk)
        conn.sendall(self.frame(19, self.groups[i // 256]))
        conn.sendall(self.frame(20, struct.pack("<IIQ", i, 1, i * self.chunk) + bytes(length)))
