"""test_ka_originals.py - ours and originals (stand-ins of both layouts) in one session: any mix, any position."""
# SPDX-License-Identifier: GPL-2.0-or-later
import itertools
import time

import faults
import kapeer
import netns
from kalab import CLIENT, KaRun

DATA = faults.some_bytes(3_000_017)


def mixed(pattern, data=DATA, lost=(), rate=None, limit=40, die_at=None, **how):
    """One session of our server with a client per letter: o ours, 3 and 6 originals of the two layouts. Originals
    listed in LOST die at DIE_AT bytes."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, len(pattern), rate=rate)
        ours = [i for i, kind in enumerate(pattern, 1) if kind == "o"]
        run = KaRun(cluster, data, nodes=ours, wanted=len(pattern), **how)
        old = {i: kapeer.Client(cluster.nodes[i], "10.9.0.1", {"3": 32, "6": 64}[kind],
                                die_at=die_at if i in lost else None)
               for i, kind in enumerate(pattern, 1) if kind != "o"}
        words = run.finish(timeout=limit, status=2 if lost else 0, lost=set(lost) & set(ours))
        for i, client in old.items():
            client.join_it()
            if i in lost:
                assert not client.ok
                continue
            assert client.ok, f"node {i}: {client.why}\n{words}"
            assert client.data == data, f"node {i}: {len(client.data)} bytes\n{words}"


def test_every_mix_of_three():
    """Ours and originals of the 32-bit layout: all eight mixes of three, through a chain."""
    for pattern in itertools.product("o3", repeat=3):
        mixed(pattern)


def test_both_layouts_at_once():
    """Originals of both layouts and ours in one session of six."""
    mixed("3o6o63")


def test_small_streams():
    """0, 1 and 100 bytes to a mix."""
    for size in (0, 1, 100):
        mixed("o36", data=DATA[:size])


def test_tree_of_mixes():
    """A tree of arity 2 with originals in it."""
    mixed("3o6o63o", server_args=["-a", "2"])


def test_original_dies_in_the_middle():
    """An original dies in the middle of a chain of originals: the one below goes on at the one above."""
    mixed("o366", data=DATA * 4, lost={3}, rate="100mbit", die_at=4_000_000)


def test_originals_die_in_a_tree():
    """Two originals with children die in a tree: with the original server any death in a tree was the end."""
    mixed("363636", data=DATA * 4, lost={1, 2}, rate="100mbit", die_at=4_000_000, server_args=["-a", "2"], limit=60)


def below_an_original(count, layout, **how):
    """COUNT clients of ours under an original server."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, count)
        server = kapeer.Server(cluster.head, DATA, count, layout)
        clients = {i: cluster.nodes[i].start([CLIENT, "-h", "10.9.0.1", "-e", f"cat > {lab.dir}/out{i}"])
                   for i in range(1, count + 1)}
        for i, client in clients.items():
            assert client.wait(20) == 0, f"{client.tail()}\n{server.why}"
            assert (lab.dir / f"out{i}").read_bytes() == DATA
        server.join_it()
        assert server.ok, server.why
        assert not how


def test_original_server_32():
    """Three clients of ours below an original server of the 32-bit layout."""
    below_an_original(3, 32)


def test_original_server_64():
    """The same with the 64-bit layout: it hangs up on the first hello, and ours call again with the other one."""
    below_an_original(3, 64)


def test_original_server_mixed_clients():
    """An original server, originals and ours in turns."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 4)
        server = kapeer.Server(cluster.head, DATA, 4, 64)
        old = [kapeer.Client(cluster.nodes[i], "10.9.0.1", 64) for i in (1, 3)]
        ours = {i: cluster.nodes[i].start([CLIENT, "-h", "10.9.0.1", "-e", f"cat > {lab.dir}/out{i}"]) for i in (2, 4)}
        for i, client in ours.items():
            assert client.wait(20) == 0, f"{client.tail()}\n{server.why}"
            assert (lab.dir / f"out{i}").read_bytes() == DATA
        for client in old:
            client.join_it()
            assert client.ok and client.data == DATA, client.why
        server.join_it()
        assert server.ok, server.why


def test_scan_of_ours_below_an_original_server():
    """A port scan of our client's data port is not reported to an original server, which would not survive it."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        run = KaRun.__new__(KaRun)
        run.cluster = cluster
        server = kapeer.Server(cluster.head, DATA, 2, 32)
        client = cluster.nodes[1].start([CLIENT, "-h", "10.9.0.1", "-e", f"cat > {lab.dir}/out1"],
                                        ready=netns.port(30764))
        time.sleep(0.6)
        for words in (b"", b"GET / HTTP/1.0\r\n\r\n"):
            run.stray(1, 30764, words)
        other = cluster.nodes[2].start([CLIENT, "-h", "10.9.0.1", "-e", f"cat > {lab.dir}/out2"])
        assert client.wait(20) == 0 and other.wait(20) == 0, f"{server.why}\n{client.tail()}"
        assert (lab.dir / "out1").read_bytes() == DATA
        server.join_it()
        assert server.ok, server.why


def test_sink_fails_below_an_original_server():
    """Below an original server too the sink command's failure is our status."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        kapeer.Server(cluster.head, DATA, 1, 64)
        client = cluster.nodes[1].start([CLIENT, "-h", "10.9.0.1", "-e", "cat > /dev/null; exit 3"])
        assert client.wait(20) == 1
        assert "the command exited with status 3" in client.text()
