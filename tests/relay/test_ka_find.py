"""test_ka_find.py - how a ka client finds its server: by broadcast on every card, by directed broadcast, by name."""
# SPDX-License-Identifier: GPL-2.0-or-later
import time

import faults
import netns
from kalab import CLIENT, SERVER, KaRun

DATA = faults.some_bytes(1 << 20)


def serve(lab, head, wanted=1):
    return head.start([SERVER, "-s", "test", "-n", wanted, "-e", f"cat {lab.file('source', DATA)}"],
                      ready=netns.port(30765))


def fetch(lab, node, name="out"):
    return node.start([CLIENT, "-s", "test", "-e", f"cat > {lab.dir}/{name}"], name="ka-c")


def test_second_card():
    """A client with two cards, of which the second leads to the server, and no route but to its own networks."""
    with netns.Lab() as lab:
        head, node, nobody = lab.node("head"), lab.node("node"), lab.switch()
        lab.cable(node, nobody)
        lab.cable(node, head, a_name="eth1")
        node.address("eth0", "10.7.0.2/24")
        node.address("eth1", "10.9.0.2/24")
        head.address("eth0", "10.9.0.1/24")
        server = serve(lab, head)
        client = fetch(lab, node)
        assert client.wait(10) == 0 and server.wait(10) == 0, client.tail()
        assert (lab.dir / "out").read_bytes() == DATA


def test_directed_broadcast():
    """A router that forwards directed broadcasts stands between client and server: where broadcasts to everybody end at
    the router, the one to the network's own address gets through."""
    with netns.Lab() as lab:
        head, router, node = lab.node("head"), lab.node("router"), lab.node("node")
        lab.cable(node, router)
        lab.cable(head, router, b_name="eth1")
        router.address("eth0", "10.8.0.1/24")
        router.address("eth1", "10.9.0.2/24")
        head.address("eth0", "10.9.0.1/24")
        head.ip("route", "add", "default", "via", "10.9.0.2")
        node.ip("address", "add", "10.8.0.5/24", "broadcast", "10.9.0.255", "dev", "eth0")
        node.up("eth0")
        node.ip("route", "del", "broadcast", "10.9.0.255", "dev", "eth0", "table", "local")  # by way of the router
        node.ip("route", "add", "10.9.0.0/24", "via", "10.8.0.1")
        for name in ("all", "eth0", "eth1"):
            router.sysctl(f"ipv4/conf/{name}/bc_forwarding", 1)
        router.sysctl("ipv4/ip_forward", 1)
        server = serve(lab, head)
        client = fetch(lab, node)
        assert client.wait(10) == 0 and server.wait(10) == 0, client.tail()
        assert (lab.dir / "out").read_bytes() == DATA


def test_unknown_name_and_dead_host():
    """-h with a name that nobody knows, and with an address where no machine is: status 1 and a word, in time."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 1)
        cluster.nodes[1].etc("resolv.conf", "\n")
        for host, words in (("nowhere.example", "nowhere.example"), ("10.9.99.99", "10.9.99.99")):
            begun = time.monotonic()
            client = cluster.nodes[1].start([CLIENT, "-h", host, "-e", "cat"], name="ka-c")
            assert client.wait(25) == 1
            assert words in client.text() and time.monotonic() - begun < 20, client.text()


def test_answers_that_are_none():
    """Somebody answers the search with another version, and somebody with garbage: the right server is found."""
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 2)
        answer = lab.file("answer.py", """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 4957))
print("ready", flush=True)
while True:
    _, (ip, port) = s.recvfrom(500)
    for words in (b"Ka-deploy-0.5\\0", b"\\xff" * 60, b"", b"Ka-deploy-0.6"):
        s.sendto(words, (ip, 4958))
        s.sendto(words, (ip, port))
""")
        cluster.nodes[2].start(["python3", answer], ready=netns.line("ready"))
        run = KaRun(cluster, DATA, nodes=[1], late=(1,), wanted=1, start_server=False)
        run.join(1)
        run.client[1].wait_line(r"Wrong server version \(10.9.1.2\)", 10)
        run.serve()
        run.finish(timeout=20)
