"""test_method.py - method:dolly as stage1 runs it (stage1-fetch): below our server, below an original, tries and
words."""
# SPDX-License-Identifier: GPL-2.0-or-later
import gzip
import hashlib
import os
import pathlib
import re
import sys

import faults
import netns
import originals

FETCH = pathlib.Path(os.environ.get("STAGE1_FETCH", faults.ROOT / "build/bin/stage1-fetch"))


def start(cluster, i, path, automatic="method:dolly,dolly_timeout:20"):
    return cluster.nodes[i].start([FETCH, "-o", path, f"automatic={automatic}"], ready=netns.port(9997), name="fetch")


def test_three_nodes_by_our_server():
    """Three stage1 get the image through our server's chain; each has every byte, and the server confirms all three."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3, rate="400mbit")
        data = faults.some_bytes(20_000_001)
        image = lab.file("image", data)
        hosts = [cluster.address(i) for i in (1, 2, 3)]
        config = lab.file("dolly.cfg", originals.config(originals.OLD, image, "/dev/ram3", hosts))
        nodes = [start(cluster, i, lab.dir / f"out{i}") for i in (1, 2, 3)]
        server = cluster.head.start([faults.DOLLY, "-s", "-v", "-f", config], name="dolly-s")
        assert server.wait(60) == 0, server.text()
        assert "3 of 3 nodes have everything" in server.text()
        for i, node in enumerate(nodes, 1):
            assert node.wait(20) == 0, node.text()
            assert (lab.dir / f"out{i}").read_bytes() == data


def test_two_nodes_by_an_original_server():
    """Two stage1 below an original server store, pass on and acknowledge."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        data = faults.some_bytes(1_000_001)
        hosts = [cluster.address(i) for i in (1, 2)]
        nodes = [start(cluster, i, lab.dir / f"out{i}", f"method:dolly,dolly_timeout:20,hostname:n{i}") for i in (1, 2)]
        text = originals.config(originals.OLD, "/in", "/dev/ram3", hosts)
        parent = originals.Parent(cluster.head, originals.OLD, hosts[0], text, data, ready=2)
        assert parent.deliver() == len(data)
        for i, node in enumerate(nodes, 1):
            assert node.wait(20) == 0, node.text()
            assert (lab.dir / f"out{i}").read_bytes() == data


# Standard input into the file argv[1], 16 KiB in 2 ms.
SLOW = """
import sys, time
with open(sys.argv[1], "wb") as out:
    while (piece := sys.stdin.buffer.read(16384)):
        out.write(piece)
        time.sleep(0.0018)
"""


def start_slow(cluster, i, more=""):
    """A stage1 whose sink is slow, of which out{I} is the other end."""
    lab = cluster.nodes[i].lab
    program = f"{sys.executable} {lab.file('slow.py', SLOW.encode())} {lab.dir}/out{i}"
    command = f"set -o pipefail; {FETCH} -o /dev/stdout automatic=method:dolly,dolly_timeout:20{more} | {program}"
    return cluster.nodes[i].start(["bash", "-c", command], ready=netns.port(9997), name="fetch")


def test_original_server_that_leaves_early():
    """An original server is gone behind its last byte, while the sink is still at work: what came is complete, and
    counts."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        data, host = gzip.compress(faults.some_bytes(5_000_001), 1), cluster.address(1)
        node = start_slow(cluster, 1, ",hostname:n1")
        text = originals.config(originals.OLD, "/in", "/dev/ram3", [host])
        originals.Parent(cluster.head, originals.OLD, host, text, data, ready=1).deliver(leave=True)
        assert node.wait(20) == 0, node.text()
        assert (lab.dir / "out1").read_bytes() == data


def test_node_with_a_slow_sink_forwards():
    """Two stage1 whose sinks take a compressed image at a sixth of the rate at which it comes, and a node behind them
    that only stores: it has everything before them, and nobody is taken for silent or lost."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3, rate="400mbit")
        data = gzip.compress(faults.some_bytes(30_000_001), 1)
        config = lab.file("dolly.cfg", originals.config(originals.OLD, lab.file("image", data), lab.dir / "out3",
                                                        [cluster.address(i) for i in (1, 2, 3)]))
        nodes = [start_slow(cluster, i) for i in (1, 2)]
        nodes.append(cluster.nodes[3].start([faults.DOLLY, "-v"], ready=netns.port(9997), name="dolly"))
        server = cluster.head.start([faults.DOLLY, "-s", "-v", "-f", config], name="dolly-s")
        assert server.wait(120) == 0, server.text()
        words = server.text()
        done = [float(re.search(rf"([0-9.]+) s  10.9.1.{i} has everything", words)[1]) for i in (1, 2, 3)]
        assert done[2] < 0.7 * min(done[:2]), words
        assert not re.search("silent|lost|gets nothing", words), words
        for node in nodes:
            assert node.wait(20) == 0, node.text()
        for i in (1, 2, 3):
            assert (lab.dir / f"out{i}").read_bytes() == data


def test_sum_of_the_whole():
    """sha256: on the command line fixes the image: with the right sum a node takes it, with another one it keeps
    nothing, says which sum came, and the server names it; its neighbours are not harmed."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 3)
        data = faults.some_bytes(3_000_001)
        image = lab.file("image", data)
        right, wrong = hashlib.sha256(data).hexdigest(), hashlib.sha256(b"another").hexdigest()
        config = lab.file("dolly.cfg", originals.config(originals.OLD, image, "/dev/ram3",
                                                        [cluster.address(i) for i in (1, 2, 3)]))
        nodes = [start(cluster, i, lab.dir / f"out{i}",
                       f"method:dolly,dolly_timeout:20,sha256:{wrong if i == 2 else right}")
                 for i in (1, 2, 3)]
        server = cluster.head.start([faults.DOLLY, "-s", "-v", "-f", config], name="dolly-s")
        assert server.wait(60) == 1, server.text()
        assert "NOT DONE 10.9.1.2" in server.text() and wrong in server.text(), server.text()
        for i in (1, 3):
            assert nodes[i - 1].wait(20) == 0, nodes[i - 1].text()
            assert (lab.dir / f"out{i}").read_bytes() == data
        assert nodes[1].wait(20) == 1 and right in nodes[1].text(), nodes[1].text()
        assert not (lab.dir / "out2").exists()


def test_sum_below_an_original():
    """The same below an original server, whose protocol checks nothing at all: a wrong sum leaves nothing."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        data, host = faults.some_bytes(100_001), cluster.address(1)
        node = start(cluster, 1, lab.dir / "out",
                     f"method:dolly,dolly_timeout:20,hostname:n1,sha256:{hashlib.sha256(b'another').hexdigest()}")
        parent = originals.Parent(cluster.head, originals.OLD, host,
                                  originals.config(originals.OLD, "/in", "/dev/ram3", [host]), data, ready=1)
        assert parent.deliver() != len(data)
        assert node.wait(20) == 1 and hashlib.sha256(data).hexdigest() in node.text(), node.text()
        assert not (lab.dir / "out").exists()


def test_server_behind_a_router():
    """server: names the servers that a broadcast does not reach, by IPv6 address in brackets, by name, by IPv4 address,
    one of several; each is told of the node and comes. A name that nobody knows is said and waited on; nonsense is
    refused."""
    data = faults.some_bytes(100_001)
    with netns.Lab() as lab:
        head, node = lab.node("head"), lab.node("node")
        lab.cable(head, node)
        for own, v4, v6, other, v4_other, v6_other in ((head, "10.9.0.1", "fd09::1", node, "10.8.0.1", "fd08::1"),
                                                       (node, "10.8.0.1", "fd08::1", head, "10.9.0.1", "fd09::1")):
            own.address("eth0", v4 + "/32", v6 + "/128")  # two networks each, joined by routes
            own.ip("route", "add", v4_other, "dev", "eth0")
            own.ip("-6", "route", "add", v6_other, "dev", "eth0")
        # as behind a router: no multicast gets through
        node.run(["ip", "address", "flush", "dev", "eth0", "scope", "link"])
        node.etc("hosts", "fd09::1 golden.example\n")
        config = lab.file("dolly.cfg",
                          f"infile {lab.file('image', data)}\noutfile /dev/ram3\nclients auto 1\nendconfig\n")
        for server in ("[fd09::1]", "golden.example", "10.9.0.7+10.9.0.1", "nobody.example+10.9.0.1", "nobody.example"):
            out = lab.dir / "out"
            out.unlink(missing_ok=True)
            giver = head.start([faults.DOLLY, "-s", "-v", "-f", config, "-t", "8"], name="dolly-s")
            words = f"automatic=method:dolly,dolly_timeout:8,retries:1,server:{server}"
            fetch = node.start([FETCH, "-v", "-o", out, words], name="fetch")
            if server == "nobody.example":
                assert fetch.wait(20) == 1, fetch.text()
                assert "nobody.example" in fetch.text() and "no dolly server came" in fetch.text(), fetch.text()
                giver.kill()
            else:
                assert fetch.wait(20) == 0, fetch.text()
                assert giver.wait(10) == 0, giver.text()
                assert out.read_bytes() == data
        result = node.run([FETCH, "-o", lab.dir / "out", "automatic=method:dolly,server:a/b"], check=False)
        assert result.returncode == 1, result.stderr
        assert b"S1-CMD-04" in result.stderr and b"server:a/b" in result.stderr, result.stderr


def test_no_server():
    """Without a server each try takes its time, then the failure says how many there were."""
    with netns.Lab() as lab:
        node = lab.node()
        result = node.run([FETCH, "-o", lab.dir / "out", "automatic=method:dolly,dolly_timeout:1"], check=False)
        words = result.stderr.decode() + result.stdout.decode()
        assert result.returncode == 1 and "S1-SRV-03" in words, words
        assert "no dolly server came in 3 tries of 1 s" in words, words
        assert not (lab.dir / "out").exists()
