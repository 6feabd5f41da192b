"""test_ka_faults.py - what breaks a ka session of the originals, row by row, and what happens here instead."""
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import pathlib
import random
import signal
import socket
import time

import faults
import netns
from kalab import CLIENT, SERVER, KaRun

DATA = faults.some_bytes(30 << 20)
RATE = "100mbit"  # 30 MB take 2.5 s: faults strike in the middle of it
LONG = DATA[:8 << 20] * 16


def session(fault, count=4, rate=RATE, lost=(), data=DATA, limit=None, **how):
    """Runs one session in which FAULT(run) happens; everybody but LOST ends well. Returns the run."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, count, rate=rate)
        finish = {key: how.pop(key) for key in ("may_be_lost", "status", "timeout") if key in how}
        run = KaRun(cluster, data, **how)
        if fault:
            fault(run)
        run.words = run.finish(lost=lost, **finish)
        run.named = run.outcome()
        if limit:
            assert run.seconds < limit, f"took {run.seconds:.1f} s, allowed {limit}\n{run.server.tail(60)}"
        return run


def killed(*nodes, after=1.0, every=0.0):
    def fault(run):
        run.flowing()
        time.sleep(after)
        for i in nodes:
            run.kill(i)
            time.sleep(every)

    return fault


def test_kill_middle():
    """A node in the middle is killed: its child goes on at the node above, at most two seconds are lost."""
    session(killed(2), lost={2}, limit=8)


def test_kill_first():
    """The first node is killed: its child goes on at the server."""
    session(killed(1), lost={1}, limit=8)


def test_kill_last_two():
    """The last node is killed, a second later the new last one: the others never notice."""
    session(killed(4, 3, every=1.0), lost={3, 4}, limit=8)


def test_kill_first_again_and_again():
    """The first node is killed, then the new first one, and so on, five times: the sixth gets every byte."""
    session(killed(1, 2, 3, 4, 5, after=0.3, every=0.35), count=6, lost={1, 2, 3, 4, 5}, limit=10)


def test_kill_neighbours():
    """Two neighbours die at the same moment: the chain closes over both."""
    session(killed(2, 3), count=5, lost={2, 3}, limit=8)


def test_freeze_middle():
    """A frozen node is out within seconds, without -l, and the session goes on."""

    def fault(run):
        run.flowing()
        time.sleep(0.8)
        run.stop(2)

    session(fault, lost={2}, limit=15)


def test_unplug_middle():
    """A node whose cable is out is out within seconds, and the session goes on."""

    def fault(run):
        run.flowing()
        time.sleep(0.8)
        run.unplug(2)

    session(fault, lost={2}, limit=15)


def test_freeze_and_thaw():
    """A node that was frozen for three seconds comes back and ends with every byte."""

    def fault(run):
        run.flowing()
        time.sleep(0.8)
        run.stop(2)
        time.sleep(3)
        run.cont(2)

    assert "is back with" in session(fault, limit=20).words


def test_unplugged_when_it_finishes():
    """A node is unplugged when its sink ends, and back three seconds later: the server had not heard of its end, does
    now, and counts it as done. In a stream that is longer than what is kept."""

    def fault(run):
        run.client[2].wait_line("End of data flow", 20)
        time.sleep(0.3)
        run.unplug_for(2, 3)

    session(fault, count=3, rate="800mbit", data=LONG, limit=15,
            sink=lambda i: "cat > /dev/null; sleep 1.5" if i == 2 else "cat > /dev/null")


def test_slow_last_and_kill():
    """A slow last node and the death of one in the middle, in a stream of twice what is kept: nothing that anybody
    needs has been overwritten."""

    def fault(run):
        run.slow(4, "200mbit")
        run.flowing()
        time.sleep(2)
        run.kill(2)

    session(fault, lost={2}, rate="800mbit", data=LONG, limit=40)


def test_tree_kill():
    """In a tree of arity 2 a node with two children is killed: both go on elsewhere."""
    session(killed(1), count=6, lost={1}, server_args=["-a", "2"], limit=12)


def test_tree_of_four_kills():
    """In a tree of arity 4 two of the first level die."""
    session(killed(1, 3), count=8, lost={1, 3}, server_args=["-a", "4"], data=DATA[:15 << 20], limit=30)


def test_kill_while_draining():
    """A node dies when the server has sent its last byte and the chain still drains: its child is served to the end."""

    def fault(run):
        run.slow(4, "50mbit")
        run.server.wait_line("End of data flow", 60)
        run.kill(3)

    session(fault, rate="400mbit", lost={3}, limit=30)


def test_kill_while_draining_a_long_stream():
    """The same with a stream whose beginning everybody has given up, and more of it while the chain drains: two nodes
    die one after the other, and what the slow last one lacks is still there. In the end everybody has given back
    memory."""
    used = {}

    def fault(run):
        run.slow(5, "150mbit")
        run.server.wait_line("End of data flow", 60)
        run.kill(4)
        time.sleep(1)
        run.kill(3)
        time.sleep(1)
        used[1] = netns.memory(run.client[1].popen.pid)

    session(fault, count=5, rate="800mbit", data=LONG, lost={4}, may_be_lost={3},
            client_args=["-w"], limit=40)
    assert 0 < used[1] < 40 << 20, used


def test_reset_of_a_data_connection():
    """The connections of a node are reset although nobody is dead: everybody ends well."""

    def fault(run):
        run.flowing()
        time.sleep(0.8)
        run.reset(2)

    session(fault, limit=10)


def test_reset_below_the_server():
    """The first node's connections are reset."""

    def fault(run):
        run.flowing()
        time.sleep(0.8)
        run.reset(1)

    session(fault, limit=10)


def test_sink_ends_early():
    """A sink command that fails in the middle takes its own node out, by name, and no other."""
    run = session(None, lost={2}, sink=lambda i: "head -c 1000000 >/dev/null; exit 3" if i == 2 else "cat > /dev/null")
    assert run.client[2].wait() == 1
    assert "the command exited with status 3" in run.named[run.cluster.address(2)]


def test_sink_fails_at_the_end():
    """A sink command that fails at the very end is a failure of its node (tar: this is no archive)."""
    run = session(None, lost={1}, sink=lambda i: "tar -x -f - -C /nowhere" if i == 1 else "cat > /dev/null", rate=None)
    assert run.client[1].wait() == 1


def test_source_fails():
    """The source command's failure is everybody's; no sink is told that the stream was whole."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3)
        folder = lab.dir / "marks"
        folder.mkdir()
        run = KaRun(cluster, source="head -c 3000000 /dev/urandom; exit 9",
                    sink=lambda i: f"cat > /dev/null && touch {folder}/{i}")
        words = run.finish(lost={1, 2, 3}, timeout=20)
        assert "the source command exited with status 9" in words
        assert [run.client[i].wait(10) for i in run.nodes] == [1, 1, 1]
        assert not list(folder.iterdir()), "a sink took the truncated stream for a whole one"


def test_server_killed():
    """The server is killed: all clients end with 1 within seconds, and no sink is told that the stream was whole."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3, rate=RATE)
        folder = lab.dir / "marks"
        folder.mkdir()
        run = KaRun(cluster, DATA, sink=lambda i: f"cat > /dev/null && touch {folder}/{i}")
        run.flowing()
        time.sleep(0.5)
        run.server.kill()
        assert [run.client[i].wait(15) for i in run.nodes] == [1, 1, 1]
        assert not list(folder.iterdir()), "a sink took the truncated stream for a whole one"


def test_late_client():
    """A client that comes while the first part is still kept gets everything."""

    def fault(run):
        run.flowing()
        time.sleep(0.5)
        run.join(3)

    session(fault, count=3, late=(3,), limit=12)


def test_too_late():
    """A client that comes when the beginning is gone is told so and ends with 1; the session does not notice."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        run = KaRun(cluster, source="head -c 150000000 /dev/zero; sleep 4", late=(2,))
        run.flowing()
        time.sleep(2)
        late = cluster.nodes[2].start([CLIENT, "-h", "10.9.0.1", "-e", "cat > /dev/null"])
        assert late.wait(15) == 1
        assert "too late" in late.text()
        run.nodes = [1]
        run.finish()


def test_one_too_many():
    """Three clients for -n 1, started together: all three get everything, nobody waits for ever."""
    session(None, count=3, wanted=1, limit=12)


def test_one_too_few():
    """With -t the server starts with those that came; one that never comes holds nobody up."""
    session(None, count=2, wanted=3, server_args=["-t", "3"], limit=15)


def test_nobody_comes():
    """With -t and no client at all the server ends with 1."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        run = KaRun(cluster, DATA, nodes=[1], late=(1,), wanted=1, server_args=["-t", "1"])
        assert run.wait(10) == 1
        assert "nobody has come" in run.server.text()


def test_dies_while_waiting_replaced():
    """A client that dies while it waits is replaced by another; it does not count."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3)
        run = KaRun(cluster, DATA, late=(3,), wanted=3)
        run.server.wait_line(r"want_data 1", 10)
        time.sleep(0.3)
        run.kill(1)
        time.sleep(0.2)
        run.join(3)
        time.sleep(0.2)
        run.join(1)
        run.finish(timeout=20)


def test_dies_while_waiting_then_go():
    """A client dies while it waits, then -g: the server starts with the others."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3)
        run = KaRun(cluster, DATA, nodes=[1, 2], wanted=3)
        run.server.wait_line(r"(?s)accepts data.*accepts data", 10)
        run.kill(1)
        time.sleep(0.3)
        assert cluster.nodes[3].start([CLIENT, "-s", "test", "-g"]).wait(10) == 0
        run.nodes = [2]
        run.finish(timeout=20)


def test_go_with_nobody():
    """-g while nobody is there starts nothing; the client that comes later gets everything."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        run = KaRun(cluster, DATA, nodes=[1], late=(1,), wanted=1)
        assert cluster.nodes[2].start([CLIENT, "-s", "test", "-g"]).wait(10) == 0
        run.join(1)
        run.finish(timeout=20)


STRAYS = [b"", b"\0", b"GET / HTTP/1.0\r\n\r\n", b"\xd3relay1\n", b"\xd3relay1\n" + b"\xff" * 64, b"\xd2\x04\0\0",
          b"\x07\0\0\0" + b"\0" * 28, b"\x02\0\0\0" + b"\0" * 28, b"\0\0\0\0Ka-deploy-0.5\0" + b"\0" * 14,
          b"\0\0\0\0Ka-deploy-0.6\0" + b"\0" * 13, b"\0\0\0\0Ka-deploy-0.6\0" + b"\0" * 14 + b"\x04\0\0\0" + b"\0" * 28,
          b"\0\0\0\0Ka-deploy-0.6\0" + b"\0" * 14 + b"\x01\0\0\0\x0a\x09\x01\x02" + b"\0" * 24,
          b"\0\0\0\0Ka-deploy-0.6\0" + b"\0" * 14 + b"\x03\0\0\0\x0a\x09\x01\x02" + b"\0" * 24, b"\xff" * 4000]


def test_strays():
    """Port scans, garbage, packets out of order, on every port of the server and of clients, before and during the
    transfer: nobody is harmed."""
    dice = random.Random(5)

    def udp(run):
        with run.cluster.stranger.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for words in (b"", b"test", b"\xff" * 1400, b"test\0\0"):
                s.sendto(words, ("10.9.0.1", 4957))
                s.sendto(words, (run.cluster.address(1), 4958))

    def fault(run):
        udp(run)
        for words in STRAYS:
            run.stray(0, dice.choice((30764, 30765)), words)
        run.join(3)
        run.flowing()
        for words in STRAYS:
            run.stray(0, 30765, words)
            run.stray(0, 30764, words)
            run.stray(dice.randint(1, 3), 30764, words)
        udp(run)

    session(fault, count=3, late=(3,), wanted=3, data=faults.some_bytes(60 << 20), limit=60, timeout=90)


def test_wrong_session():
    """A wrong session's name: silence, ten retries, status 1 and a word that says so; the server goes on waiting."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        run = KaRun(cluster, DATA, nodes=[1], late=(1,), wanted=1)
        lost = cluster.nodes[2].start([CLIENT, "-s", "other", "-e", "cat"])
        assert lost.wait(15) == 1
        assert lost.text().count("Retrying...") == 10 and "no ka server has session other" in lost.text()
        run.join(1)
        run.finish(timeout=20)


def test_no_server():
    """No server at -h's address: a word and status 1, after a few tries."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        client = cluster.nodes[1].start([CLIENT, "-h", "10.9.0.1", "-e", "cat"])
        assert client.wait(20) == 1
        assert "Connection refused" in client.text()


def test_server_comes_later():
    """A client with -h waits a few seconds for a server that is not up yet."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        run = KaRun(cluster, DATA, late=(1,), wanted=1, start_server=False)
        run.client[1] = cluster.nodes[1].start([CLIENT, "-h", "10.9.0.1", "-e", run.sink(1)])
        time.sleep(2)
        run.serve()
        run.finish(timeout=20)


def test_two_on_one_host():
    """Two clients behind one address are two clients: each gets everything."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        run = KaRun(cluster, DATA, nodes=[1], late=(1,), wanted=3)
        files = [lab.dir / name for name in "abc"]
        clients = [cluster.nodes[i].start([CLIENT, "-s", "test", "-e", f"cat > {file}"])
                   for i, file in zip((1, 1, 2), files)]
        assert run.wait(20) == 0
        assert [c.wait(10) for c in clients] == [0, 0, 0]
        assert all(hashlib.sha256(file.read_bytes()).hexdigest() == run.sum for file in files)


def test_own_name_is_loopback():
    """The server's host name stands for 127.0.1.1, or for nothing: nobody looks."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        cluster.head.etc("hosts", "127.0.0.1 localhost\n")
        cluster.head.etc("resolv.conf", "\n")
        KaRun(cluster, DATA).finish(timeout=20)


def test_slow_sink_at_the_end():
    """A sink that is far behind when the whole stream is there gets every byte all the same."""
    with netns.Lab() as lab:
        run = KaRun(faults.Cluster(lab, 3), LONG, late=(1, 2, 3), wanted=3)
        run.sink = lambda i: f"(head -c 90000000; sleep {i // 2}; cat) > {run.target(i)}"
        for i in run.nodes:
            run.join(i)
        run.finish(timeout=30)


def test_slow_sink_in_the_middle():
    """A slow sink slows the session, within its window, and everybody gets everything."""
    session(None, rate=None, sink=lambda i: "sleep 2; cat > /dev/null", limit=20, count=3)
