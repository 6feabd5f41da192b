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


