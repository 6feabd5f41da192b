"""test_ka_hostile.py - bytes changed on the wire, strangers among originals, children that vanish: every byte right."""
# SPDX-License-Identifier: GPL-2.0-or-later
import time

import damage
import faults
import kapeer
import netns
from kalab import CLIENT, KaRun

DATA = faults.some_bytes(20 << 20)


def below_damage(offsets):
    """A chain whose first node's bytes are changed on their way to the second; returns (server's, second's words)."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3, rate="400mbit")
        run = KaRun(cluster, DATA, late=(1,), wanted=3)
        hidden = damage.Hidden(cluster, 1, offsets)
        run.client[1] = hidden.node.start([CLIENT, "-h", hidden.server, "-e", run.sink(1)], name="ka-c")
        words = run.finish(timeout=40)
        assert hidden.changed, "nothing was changed: the second node was not fed by the first"
        return words, run.client[2].text()


def test_a_wrong_byte_in_the_stream():
    """A byte of the stream is changed on its way to a child: the child does not take it, names its parent, and gets it
    elsewhere; nothing wrong reaches a sink."""
    words, child = below_damage({3_000_000})
    assert "came with the wrong hash: not taken" in child
    assert "10.9.1.2: its parent 10.9.1.1 sends wrong bytes" in words


def test_wrong_bytes_anywhere():
    """The same at the beginning of a data connection, in the heads of its frames, and again and again."""
    below_damage({2})
    below_damage({9, 40})
    below_damage(set(range(0, 20 << 20, 99_991)))


def test_strangers_among_originals():
    """Port scans and garbage while originals of both layouts and ours share a session: on the server's ports and on
    those of ours nobody is harmed."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 5, rate="100mbit")
        run = KaRun(cluster, DATA, nodes=[1, 3], wanted=5)
        old = [kapeer.Client(cluster.nodes[i], "10.9.0.1", bits) for i, bits in ((2, 32), (4, 64), (5, 32))]
        for port in (30764, 30765):
            run.stray(0, port)
        run.flowing()
        for words in (b"", b"\0", b"GET / HTTP/1.0\r\n\r\n", b"\xd3relay1\n" + b"\xff" * 64, b"\xff" * 4000,
                      b"\0\0\0\0Ka-deploy-0.6\0" + b"\0" * 14 + b"\x01\0\0\0\x0a\x09\x01\x02" + b"\0" * 24):
            for i, port in ((0, 30764), (0, 30765), (1, 30764), (3, 30764)):
                run.stray(i, port, words)
        run.finish(timeout=60)
        for client in old:
            client.join_it()
            assert client.ok and client.data == DATA, client.why


def test_stranger_at_an_original():
    """A stranger connects to an original client, which may cost that its bytes: it is not called done; the others
    are."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3, rate="100mbit")
        run = KaRun(cluster, DATA, nodes=[1, 3], wanted=3)
        old = kapeer.Client(cluster.nodes[2], "10.9.0.1", 32)
        run.flowing()
        time.sleep(0.3)
        run.stray(2, 30764)
        run.finish(timeout=60, status=2)
        assert old.join_it().cut, "the stand-in for the original has not the original's flaw"
        assert "a stranger's connection may have cost it bytes" in run.outcome()["10.9.1.2"]


def test_child_that_vanishes_before_it_is_served():
    """An original that dies between its connection to its parent and being served costs its parent nothing: below our
    server, and as the child of one of ours below an original server."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2, rate="100mbit")
        run = KaRun(cluster, DATA, nodes=[1], wanted=2)
        old = kapeer.Client(cluster.nodes[2], "10.9.0.1", 64, die_at=0)
        run.finish(timeout=40, status=2)
        assert not old.join_it().ok
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        server = kapeer.Server(cluster.head, DATA, 1, 64)
        client = cluster.nodes[1].start([CLIENT, "-h", "10.9.0.1", "-e", f"cat > {lab.dir}/out"],
                                        ready=netns.port(30764))
        with cluster.stranger.inside():
            for _ in range(5):
                kapeer.vanish("10.9.1.1")
        assert client.wait(20) == 0, f"{server.why}\n{client.tail()}"
        assert (lab.dir / "out").read_bytes() == DATA
        assert server.join_it().ok, server.why
