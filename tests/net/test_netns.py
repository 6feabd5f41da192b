"""test_netns.py - tests/lib/netns.py itself: machines, cables, switches, servers, and that nothing of them is left."""
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import subprocess
import sys
import time

import netns

PYTHON = sys.executable


def test_two_machines_talk():
    """Two machines with a cable between them reach a server, which is known to listen when start returns."""
    with netns.Lab() as lab:
        head, node = lab.node("head"), lab.node("node")
        lab.cable(head, node)
        head.address("eth0", "10.9.0.1/24")
        node.address("eth0", "10.9.0.2/24")
        lab.file("www/hello", "hello\n")
        head.start([PYTHON, "-m", "http.server", "8000"], ready=netns.port(8000), cwd=lab.dir / "www")
        fetch = "import urllib.request as u; print(u.urlopen('http://10.9.0.1:8000/hello').read().decode())"
        assert b"hello" in node.run([PYTHON, "-c", fetch]).stdout


def test_a_switch_joins_machines():
    """Machines on one switch share a network; a port that is down takes the link away."""
    with netns.Lab() as lab:
        switch = lab.switch()
        nodes = [lab.node(f"n{i}") for i in range(3)]
        ports = [lab.cable(node, switch)[1] for node in nodes]
        for i, node in enumerate(nodes):
            node.address("eth0", f"10.9.0.{i + 1}/24")
        assert nodes[0].reaches("10.9.0.3")
        switch.down(ports[2])
        assert not nodes[0].reaches("10.9.0.3", timeout=0.5)
        assert "NO-CARRIER" in nodes[2].ip("link", "show", "eth0")


def test_nothing_is_left():
    """After a Lab its namespaces, processes and files are gone, even when the test in it fails."""
    try:
        with netns.Lab() as lab:
            node = lab.node()
            node.etc("resolv.conf", "nameserver 10.9.0.1\n")
            assert node.run(["cat", "/etc/resolv.conf"]).stdout == b"nameserver 10.9.0.1\n"
            process = node.start(["sleep", "100"])
            raise KeyError("on purpose")
    except KeyError:
        pass
    assert process.popen.returncode is not None
    assert not lab.dir.exists() and not (pathlib.Path("/etc/netns") / node.netns).exists()
    assert node.netns not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout


def test_a_server_that_dies_is_told():
    """A server that ends before it is ready fails the test with its last words, at once."""
    with netns.Lab() as lab:
        start = time.monotonic()
        try:
            lab.node().start(["sh", "-c", "echo no config; exit 3"], ready=netns.port(80))
        except AssertionError as error:
            assert "ended with 3" in str(error) and "no config" in str(error)
        else:
            raise AssertionError("not noticed")
        assert time.monotonic() - start < 5
