"""test_static.py - network:static: the guesses, the right card, conflicts, and every bad value by name."""
# SPDX-License-Identifier: GPL-2.0-or-later
import dhcp
import netns



def test_the_seeds_line():
    """The seeds' static line works: class netmask, no gateway needed for a server on the same network."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab, address="192.168.1.7/24")
        up = dhcp.netup(node, "method:nfs,network:static,ip:192.168.1.24,server:192.168.1.7,directory:/stable/x86_64")
        assert up.status == 0, up
        assert up.facts["NETMASK"] == "255.255.255.0" and up.facts["BOOTPROTO"] == "static", up
        assert "GATEWAY" not in up.facts and "LEASE" not in up.facts
        assert "inet 192.168.1.24/24 brd 192.168.1.255" in node.ip("address", "show", "eth0")
        assert node.reaches("192.168.1.7")
        assert up.link_to_lease_ms() <= 500, up


def test_every_value_given():
    """Address, mask in bits, gateway and several name servers are taken as given."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab, address="10.9.1.254/23")
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:23,gateway:10.9.1.254,dns:10.9.1.254+10.9.1.253,"
                              "hostname:node7,domain:cluster.example")
        assert up.status == 0, up
        assert up.facts["PREFIX"] == "23" and up.facts["GATEWAY"] == "10.9.1.254", up
        assert up.facts["DNS"] == "10.9.1.254 10.9.1.253" and up.facts["DOMAIN"] == "cluster.example", up
        assert "default via 10.9.1.254 dev eth0" in node.ip("route")


def test_a_gateway_is_guessed_only_when_it_answers():
    """No gateway: but a server outside the network: the first or last address is the gateway if a machine answers."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab, address="10.9.0.254/24")
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:24,server:10.77.0.1")
        assert up.status == 0 and up.facts["GATEWAY"] == "10.9.0.254" and up.says("is taken for it"), up
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:24,server:10.9.0.254")
        assert up.status == 0, up


def test_point_to_point():
    """netmask:255.255.255.255 is a point-to-point link whose other end is the gateway."""
    with netns.Lab() as lab:
        head, node = lab.node("head"), lab.node("node")
        lab.cable(head, node, b_up=False)
        head.ip("address", "add", "10.1.0.1", "peer", "10.9.0.24", "dev", "eth0")
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:255.255.255.255,gateway:10.1.0.1")
        assert up.status == 0 and up.facts["PREFIX"] == "32", up
        assert "10.9.0.24 peer 10.1.0.1/32" in node.ip("address", "show", "eth0")
        assert node.reaches("10.1.0.1") and "default via 10.1.0.1" in node.ip("route")


def test_the_card_whose_network_answers():
    """Of several cards with link the one on which the gateway answers gets the address."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab, b_name="eth2")
        for i in (0, 1):
            lab.cable(lab.node(f"other{i}"), node, b_name=f"eth{i}", b_up=False)
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:24,gateway:10.9.0.1")
        assert up.status == 0 and up.facts["DEVICE"] == "eth2", up
        assert up.link_to_lease_ms() <= 1000, up


def test_two_cards_on_one_network():
    """Two cards of the node on one network check the same address at once, and are no conflict for each other."""
    with netns.Lab() as lab:
        head, node, switch = lab.node("head"), lab.node("node"), lab.switch()
        lab.cable(head, switch)
        head.address("eth0", "10.9.0.1/24")
        for i in range(2):
            lab.cable(node, switch, a_name=f"eth{i}", a_up=False)
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:24,gateway:10.9.0.1")
        assert up.status == 0, up


def test_nobody_answers():
    """A static address is used before the deadline even when nobody answers, with a warning."""
    with netns.Lab() as lab:
        node = lab.node("node")
        lab.cable(lab.node("silent"), node, b_up=False)
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:24,gateway:10.9.0.1", seconds=4)
        assert up.status == 0 and up.says("nobody asked for answers"), up


def test_an_address_in_use():
    """A static address that another machine has is S1-NET-06 with that machine's MAC, without waiting for the
    deadline."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab, address="10.9.0.24/24")
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:24")
        assert up.code == "S1-NET-06" and head.mac("eth0") in up.why, up
        assert "10.9.0.24" not in node.ip("address", "show", "eth0")


def test_every_bad_value_is_named():
    """Each value that cannot be used is an error that names its key and the value."""
    bad = {"ip:10.9.0": "ip:10.9.0", "ip:10.9.0.256": "ip:10.9.0.256", "ip:10.9.0.255,netmask:24": "broadcast",
           "ip:10.9.0.0,netmask:24": "10.9.0.0", "ip:127.0.0.1": "127.0.0.1", "ip:224.0.0.1": "224.0.0.1",
           "ip:10.9.0.2x": "ip:10.9.0.2x", "ip:10.9.0.24,netmask:255.0.255.0": "netmask:255.0.255.0",
           "ip:10.9.0.24,netmask:33": "netmask:33", "ip:10.9.0.24,netmask:0": "netmask:0",
           "ip:10.9.0.24,gateway:10.9": "gateway:10.9", "ip:10.9.0.24,netmask:24,gateway:10.8.0.1": "gateway:10.8.0.1",
           "ip:10.9.0.24,gateway:10.9.0.24": "gateway:10.9.0.24", "ip:10.9.0.24,dns:a.example": "dns:a.example",
           "ip:10.9.0.24,dns:10.9.0.1+x": "dns:10.9.0.1+x"}
    with netns.Lab() as lab:
        node = lab.node("node")
        lab.cable(node, lab.node("other"), a_up=False)
        for words, named in bad.items():
            up = dhcp.netup(node, "network:static," + words)
            assert up.code == "S1-NET-03" and named in up.why, f"{words}: {up}"
        for words in ("", ",ip:10.9.0.24,netmask:32"):
            assert dhcp.netup(node, "network:static" + words).code == "S1-CMD-03", words


def test_dns_that_is_the_own_address():
    """dns: with the node's own address means none, as it always did."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        up = dhcp.netup(node, "network:static,ip:10.9.0.24,netmask:24,dns:10.9.0.24,server:10.9.0.1")
        assert up.status == 0 and "DNS" not in up.facts, up


def test_a_second_try_replaces_the_first():
    """A second run with another address leaves no trace of the first one on the card."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        for address in ("10.9.0.24", "10.9.0.25"):
            assert dhcp.netup(node, f"network:static,ip:{address},netmask:24,server:10.9.0.1").status == 0
        shown = node.ip("address", "show", "eth0")
        assert "10.9.0.25" in shown and "10.9.0.24" not in shown


def test_what_pxelinux_appends():
    """ip= as pxelinux's IPAPPEND writes it, and the kernel's longer form, need no DHCP server at all."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        bootif = "BOOTIF=01-" + node.mac("eth0").replace(":", "-")
        up = dhcp.netup(node, words=f"ip=10.9.0.24:10.9.0.1:10.9.0.1:255.255.255.0 {bootif}")
        assert up.status == 0 and up.facts["BOOTPROTO"] == "static" and up.facts["GATEWAY"] == "10.9.0.1", up
        up = dhcp.netup(node,
                        words="ip=10.9.0.25::10.9.0.1:24:node7.cluster.example:eth0:none:10.9.0.1:10.9.0.2:10.9.0.3")
        assert up.status == 0 and up.facts["DNS"] == "10.9.0.1 10.9.0.2", up
        assert up.facts["HOSTNAME"] == "node7.cluster.example", up
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h")
        up = dhcp.netup(node, "network:dhcp", "ip=10.9.0.24:10.9.0.1:10.9.0.1:255.255.255.0")
        assert up.status == 0 and up.facts["BOOTPROTO"] == "dhcp", up
        up = dhcp.netup(node, words="ip=eth0:dhcp:1400")
        assert up.status == 0 and "mtu 1400" in node.ip("link", "show", "eth0"), up
