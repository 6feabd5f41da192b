"""test_classic.py - the published dolly protocols: our client under originals, our server over originals, mixed
chains."""
# SPDX-License-Identifier: GPL-2.0-or-later
import concurrent.futures
import pathlib
import re
import socket
import time

import faults
import netns
import originals
from originals import NEW, OLD

SIZES = (0, 1, 100, 4095, 4096, 8192, 10_000, 1_000_001)


class Chain:
    """Our clients on nodes 1..COUNT below an original server."""

    def __init__(self, lab, count, args=()):
        self.cluster = faults.Cluster(lab, count)
        self.folder = lab.dir / f"chain{next(lab.numbers)}"
        self.folder.mkdir()
        self.hosts = [self.cluster.address(i) for i in range(1, count + 1)]
        self.clients = [self.cluster.nodes[i].start([faults.DOLLY, "-v", "-n", "-O", self.target(i), *args],
                                                    name="dolly",
                                                    ready=netns.port(9997))
                        for i in range(1, count + 1)]

    def target(self, i):
        return self.folder / f"out{i}"

    def parent(self, family, data, password=None):
        text = originals.config(family, "/in", "/out", self.hosts)
        return originals.Parent(self.cluster.head, family, self.hosts[0], text, data, password, len(self.hosts))

    def check(self, data):
        for i, client in enumerate(self.clients, 1):
            assert client.wait(10) == 0, client.tail()
            assert self.target(i).read_bytes() == data, f"node {i}: other bytes"


def test_client_of_both_families():
    """Three of our clients in a chain below an original server of either family, sizes around the blocks, the length
    before or after the data: all arrive, acknowledged by the right number."""
    with netns.Lab() as lab:
        for family in (OLD, NEW):
            for size in (0, 100, 4096, 1_000_001):
                for late in (False, True):
                    chain = Chain(lab, 3) if not lab.nodes else _again(lab, chain)
                    data = faults.some_bytes(size)
                    parent = chain.parent(family, data)
                    assert parent.deliver(data_first=late) == size, (family, size, late, parent.words)
                    chain.check(data)
                    assert parent.words.count(b"ready") == 3


def _again(lab, chain):
    """New clients on the same machines."""
    fresh = Chain.__new__(Chain)
    fresh.cluster, fresh.hosts = chain.cluster, chain.hosts
    fresh.folder = lab.dir / f"chain{next(lab.numbers)}"
    fresh.folder.mkdir()
    fresh.clients = [fresh.cluster.nodes[i].start([faults.DOLLY, "-v", "-n", "-O", fresh.target(i)], name="dolly",
                                                  ready=netns.port(9997))
                     for i in range(1, len(fresh.hosts) + 1)]
    return fresh


def test_fanout():
    """`fanout 2` below an original server: it feeds the first two of our seven clients, these the next four, and the
    third the last one; everybody has everything, and each branch acknowledges when all of it has."""
    with netns.Lab() as lab:
        chain, data = Chain(lab, 7), faults.some_bytes(1_000_001)
        text = originals.config(OLD, "/in", "/out", chain.hosts).replace(b"server head", b"fanout 2\nserver head")
        branches = [originals.Parent(chain.cluster.head, OLD, host, text, data, ready=count)
                    for host, count in zip(chain.hosts, (4, 3))]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            assert [f.result() for f in [pool.submit(b.deliver) for b in branches]] == [len(data)] * 2
        chain.check(data)
        said = b"".join(b.words for b in branches)
        assert sorted(re.findall(rb"Host ready '(.*)'", said)) == sorted(h.encode() for h in chain.hosts), said


def test_client_messages_to_the_byte():
    """What a single client says is what the originals say, byte for byte."""
    with netns.Lab() as lab:
        chain = Chain(lab, 1)
        parent = chain.parent(OLD, b"x" * 100)
        assert parent.deliver() == 100
        assert parent.words == b"Host got parameters '10.9.1.1'.\nHost ready '10.9.1.1'.\n", parent.words
        chain = _again(lab, chain)
        parent = chain.parent(NEW, b"x" * 100)
        assert parent.deliver() == 100
        assert parent.words == (b"Client 10.9.1.1 configured with parameters. Ready to proceed.\n"
                                b"Client 10.9.1.1 ready.\n"), parent.words


def test_configuration_in_pieces():
    """A configuration that comes in many segments is read to its end (an original client exits)."""
    with netns.Lab() as lab:
        chain = Chain(lab, 2)
        assert chain.parent(OLD, b"y" * 5000).deliver(pieces=7) == 5000
        chain.check(b"y" * 5000)


def test_data_end_too_early():
    """Data that end before the announced length are an error, without spinning; nothing stands under the final name."""
    with netns.Lab() as lab:
        chain = Chain(lab, 2)
        assert chain.parent(NEW, b"z" * 9000).deliver(cut=5000) is None
        for i, client in enumerate(chain.clients, 1):
            assert client.wait(10) == 1, client.tail()
            assert not chain.target(i).exists()


def test_data_end_without_a_length():
    """Data end, no length was ever said, and the control connection stays: the clients wait without spinning, and end
    with an error when it is closed."""
    with netns.Lab() as lab:
        chain = Chain(lab, 2)
        control = chain.parent(NEW, b"z" * 9000).deliver(cut=5000, length_never=True)
        time.sleep(0.3)
        before = [netns.cpu_seconds(client.pid) for client in chain.clients]
        time.sleep(2)
        used = [netns.cpu_seconds(client.pid) - b for client, b in zip(chain.clients, before)]
        assert max(used) < 0.1, used
        control.close()
        for i, client in enumerate(chain.clients, 1):
            assert client.wait(10) == 1, client.tail()
            assert not chain.target(i).exists()


def test_client_password():
    """The password exchange of 0.70 works; a server without it is sent away and the client waits on."""
    with netns.Lab() as lab:
        chain = Chain(lab, 2, args=["-P", "secret"])
        try:
            chain.parent(NEW, b"no").deliver()
            raise AssertionError("a server without the password was served")
        except (AssertionError, OSError) as error:
            assert "was served" not in str(error)
        assert chain.parent(NEW, b"yes" * 1000, "secret").deliver() == 3000
        chain.check(b"yes" * 1000)


def test_strangers_on_both_ports():
    """Connections that say nothing, end at once, or talk nonsense do not end a waiting client (originals: they do)."""
    with netns.Lab() as lab:
        chain = Chain(lab, 1)
        with chain.cluster.head.inside():
            for port in (9997, 9998):
                for words in (b"", b"\0", b"\7\7\7", b"GET / HTTP/1.0\r\n\r\n", b"infile x\n"):
                    with socket.create_connection((chain.hosts[0], port)) as s:
                        s.sendall(words)
                        time.sleep(0.02)
        assert chain.parent(OLD, b"w" * 777).deliver() == 777
        chain.check(b"w" * 777)


def _serve(lab, cluster, family, data, kids, ours=(), args=()):
    """Our server over original children on nodes KIDS and our clients on OURS; the server's words."""
    hosts = [cluster.address(i) for i in sorted([*kids, *ours])]
    folder = lab.dir / f"serve{next(lab.numbers)}"
    folder.mkdir()
    (folder / "image").write_bytes(data)
    (folder / "dolly.cfg").write_bytes(originals.config(family, folder / "image", "/tmp/unused", hosts))
    clients = {i: cluster.nodes[i].start([faults.DOLLY, "-v", "-O", folder / f"out{i}"], name="dolly") for i in ours}
    server = cluster.head.start([faults.DOLLY, "-s", "-v", "-f", folder / "dolly.cfg", "-a", "10", *args],
                                name="dolly-s")
    status = server.wait(60)
    for i, client in clients.items():
        assert client.wait(10) == 0, client.tail()
        assert pathlib.Path(folder / f"out{i}").read_bytes() == data
    return status, server.text()


def test_server_of_originals():
    """Our server over one original child of either family, with and without a password, sizes around the blocks: the
    child's blocking reads never hang, and its one-read habits are respected."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        for family, password in ((OLD, None), (NEW, None), (NEW, "secret")):
            for size in SIZES if password is None else (100,):
                data = faults.some_bytes(size)
                child = originals.Child(cluster.nodes[1], family, cluster.address(1), password)
                status, words = _serve(lab, cluster, family, data, [1], args=["-P", password] if password else ())
                child.join(10)
                assert status == 0, (family, size, words, child.error)
                assert child.error is None and child.data == data and child.acked, (family, size, child.error)
                child.data_listener.close()
                child.control_listener.close()


def test_mixed_with_ours():
    """One original between two of ours: ours are verified by the extension, the original is served its way."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3)
        data = faults.some_bytes(3_000_001)
        child = originals.Child(cluster.nodes[2], OLD, cluster.address(2))
        status, words = _serve(lab, cluster, OLD, data, [2], ours=[1, 3])
        child.join(10)
        assert status == 0 and child.data == data, (words, child.error)
        assert "3 of 3 nodes have everything" in words


def test_dead_original_is_named():
    """An original that leaves before its acknowledgement is named, and the server's status is 1 (originals: 0)."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        child = originals.Child(cluster.nodes[1], OLD, "somebody.else")
        child.session = lambda: _leave(child)
        status, words = _serve(lab, cluster, OLD, faults.some_bytes(100_000), [1], ours=[2])
        assert status == 1 and "NOT DONE 10.9.1.1" in words, words


def _leave(child):
    control, _ = child.control_listener.accept()
    control.recv(4096)
    control.close()
