"""test_ka_method.py - method:ka, run by stage1-fetch: found by broadcast or asked, five tries, the seeds' words."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import time

import faults
import netns
from kalab import SERVER, KaRun

ROOT = pathlib.Path(__file__).resolve().parents[2]
FETCH = pathlib.Path(os.environ.get("KA_BIN", ROOT / "build/bin")) / "stage1-fetch"
DATA = faults.some_bytes(20 << 20)


def fetch(cluster, i, words, *args):
    """Starts stage1-fetch on node I; returns (process, file)."""
    file = cluster.lab.dir / f"fetched{i}"
    return cluster.nodes[i].start([FETCH, "-v", "-o", file, *args, f"automatic=method:ka,{words}"]), file


def test_three_nodes():
    """Three nodes find session getstage2 by themselves and get the same bytes, while a client command gets them too."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 4)
        run = KaRun(cluster, DATA, nodes=[4], wanted=4, session="getstage2")
        others = [fetch(cluster, i, "network:dhcp") for i in (1, 2, 3)]
        for process, file in others:
            assert process.wait(20) == 0, process.tail()
            assert file.read_bytes() == DATA
        run.finish(timeout=20)


# ---- what a node keeps whole

LONG = faults.some_bytes(8 << 20) * 16  # twice of what the server keeps
FIRST_PART = 120_000_000


def keeper(cluster, i):
    """Starts stage1-fetch on node I with the image in memory, as a booting node has it; returns (process, file)."""
    file = cluster.lab.dir / f"kept{i}"
    words = f"exec {FETCH} -v -o - automatic=method:ka,session:test > {file}"
    return cluster.nodes[i].start(["sh", "-c", words], name="keeper"), file


def paused(cluster, count, wanted, seconds):
    """A session of LONG that pauses when the server has long given up its beginning. All clients come late."""
    source = cluster.lab.file("long", LONG)
    return KaRun(cluster, source=f"head -c {FIRST_PART} {source}; sleep {seconds}; tail -c +{FIRST_PART + 1} {source}",
                 nodes=list(range(1, count + 1)), late=tuple(range(1, count + 1)), wanted=wanted)


def wait_for_pause(process):
    process.wait_line(r"startpos = [1-9]", 30)


def test_late_nodes_where_all_is_kept():
    """Nodes that keep the image in memory have all of it for those who come when its beginning is long gone from the
    server: another such node, and a client with a command below that."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 4)
        run = paused(cluster, 4, 2, 3)
        nodes = [keeper(cluster, 1), keeper(cluster, 2)]
        wait_for_pause(run.server)
        nodes.append(keeper(cluster, 3))
        run.server.wait_line(r"Added client 10.9.1.3, daddy = 10.9.1.2", 10)
        run.join(4)
        for process, file in nodes:
            assert process.wait(30) == 0, process.tail()
            assert file.read_bytes() == LONG
        assert run.client[4].wait(10) == 0 and pathlib.Path(run.target(4)).read_bytes() == LONG
        assert run.wait(10) == 0, run.server.tail(40)


def test_late_node_loses_its_parent():
    """The only one that keeps the whole dies while a late node is far behind: it goes on at another that does; a client
    that keeps only the end of the stream is not asked."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 4, rate="400mbit")
        run = paused(cluster, 4, 3, 4)
        first, second = keeper(cluster, 1), keeper(cluster, 3)
        run.join(2)
        wait_for_pause(run.server)
        late, file = keeper(cluster, 4)
        run.server.wait_line(r"Added client 10.9.1.4, daddy = 10.9.1.3", 10)
        time.sleep(0.5)
        second[0].kill()
        run.server.wait_line(r"Added client 10.9.1.4, daddy = 10.9.1.1\s", 10)
        for process, got in (first, (late, file)):
            assert process.wait(40) == 0, f"{process.tail()}\n{run.server.tail(40)}"
            assert got.read_bytes() == LONG
        assert run.client[2].wait(10) == 0 and pathlib.Path(run.target(2)).read_bytes() == LONG
        assert run.wait(10) == 2


def test_late_node_whom_nobody_can_help():
    """All that keep the whole die while a late node is far behind: it is told so at once, the others end well."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3, rate="400mbit")
        run = paused(cluster, 3, 2, 4)
        run.join(1)
        kept, _ = keeper(cluster, 2)
        wait_for_pause(run.server)
        run.join(3)
        run.server.wait_line(r"Added client 10.9.1.3, daddy = 10.9.1.2", 10)
        time.sleep(0.5)
        kept.kill()
        assert run.client[3].wait(10) == 1
        assert "the bytes you need are not kept by anybody any more" in run.client[3].text()
        assert run.client[1].wait(20) == 0 and pathlib.Path(run.target(1)).read_bytes() == LONG
        assert run.wait(10) == 2
        assert "nobody keeps any more what it lacks" in run.outcome()["10.9.1.3"]


def test_memory_beside_the_image():
    """A node that keeps the image in memory needs less than 20 MB beside it."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        run = paused(cluster, 1, 1, 4)
        process, file = keeper(cluster, 1)
        run.server.wait_line(f"read = {FIRST_PART >> 20} Megs", 30)
        deadline = time.monotonic() + 2
        while (used := netns.memory(process.popen.pid)) < FIRST_PART and time.monotonic() < deadline:
            time.sleep(0.05)  # the last of it is on its way
        assert FIRST_PART < used < FIRST_PART + (20 << 20), f"{used} bytes"
        assert process.wait(20) == 0 and file.read_bytes() == LONG
        assert run.wait(10) == 0


def test_session_and_server():
    """session: names another session, server: is asked directly where no broadcast gets through."""
    with netns.Lab() as lab:
        head, node = lab.node("head"), lab.node("node")
        lab.cable(head, node)
        head.address("eth0", "10.9.0.1/32")
        node.address("eth0", "10.8.0.1/32")  # two networks, joined by routes
        head.ip("route", "add", "10.8.0.1", "dev", "eth0")
        node.ip("route", "add", "10.9.0.1", "dev", "eth0")
        source = lab.file("source", DATA)
        server = head.start([SERVER, "-s", "mine", "-n", "1", "-e", f"cat {source}"], ready=netns.port(30765))
        file = lab.dir / "out"
        process = node.start([FETCH, "-v", "-o", file, "automatic=method:ka,session:mine,server:10.9.0.1"])
        assert process.wait(20) == 0, process.tail()
        assert file.read_bytes() == DATA
        assert server.wait(5) == 0


def test_session_that_cannot_be():
    """A session's name too long for any ka server is refused at once, not searched for."""
    with netns.Lab() as lab:
        words = "automatic=method:ka,session:" + 200 * "x"
        result = lab.node().run([FETCH, "-o", lab.dir / "out", words], check=False, timeout=5)
        assert result.returncode == 1 and b"S1-CMD-04" in result.stderr and b"199 bytes" in result.stderr, result.stderr


def test_five_tries():
    """No server: five tries in the seeds' words, then a failure that says what could not be reached."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        process, _ = fetch(cluster, 1, "session:nobody,retries:2")
        assert process.wait(40) != 0
        words = process.text()
        assert re.search(r"Waiting for stage2 from KA server \(Try 1/2\)", words), words
        assert re.search(r"Waiting for stage2 from KA server \(Try 2/2\)", words), words
        assert "Can't reach a valid KA server" in words, words


def test_server_comes_at_the_second_try():
    """A server that comes during the second try is found."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        process, file = fetch(cluster, 1, "network:dhcp")
        process.wait_line(r"Try 2/5", 30)
        run = KaRun(cluster, DATA, nodes=[1], late=(1,), wanted=1, session="getstage2")
        assert process.wait(20) == 0, process.tail()
        assert file.read_bytes() == DATA
        run.wait(10)


def test_begins_anew_after_the_server_died():
    """The server dies in the middle; the next try begins anew with the next server, and nothing old is left."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1, rate="50mbit")
        run = KaRun(cluster, DATA[::-1], nodes=[1], late=(1,), wanted=1, session="getstage2")
        process, file = fetch(cluster, 1, "network:dhcp")
        run.flowing()
        time.sleep(1)
        run.server.kill()
        again = KaRun(cluster, DATA, nodes=[1], late=(1,), wanted=1, session="getstage2")
        assert process.wait(60) == 0, process.tail()
        assert file.read_bytes() == DATA
        assert again.wait(10) == 0


