"""test_wrong_card.py - a card has an address, but the server is not behind it: the next card is tried, and all is
told."""
# SPDX-License-Identifier: GPL-2.0-or-later
import time

import dhcp
import netns


def networks(lab, count):
    """A node with COUNT cards, each on a network of its own with a DHCP server (10.9.N.1). All servers."""
    node = lab.node("node")
    servers = []
    for i in range(count):
        head = lab.node(f"head{i}")
        lab.cable(head, node, b_name=f"eth{i}", b_up=False)
        head.address("eth0", f"10.9.{i}.1/24")
        servers.append((head, dhcp.dnsmasq(head, f"--dhcp-range=10.9.{i}.30,10.9.{i}.40,1h", "--dhcp-option=3")))
    return node, servers


def test_the_next_card_reaches_the_server():
    """Of three cards with an address only one reaches the server: it is found, the others are given back and off."""
    with netns.Lab() as lab:
        node, servers = networks(lab, 3)
        up = dhcp.netup(node, "interface:auto", seconds=30, env={"REACH": "10.9.1.1"})
        assert up.status == 0 and up.facts["DEVICE"] == "eth1", up
        assert node.reaches("10.9.1.1")
        for i, (_, process) in enumerate(servers):
            if "DHCPACK(" in process.text() and i != 1:
                process.wait_line(r"DHCPRELEASE\(")
            assert (",UP" in node.ip("link", "show", f"eth{i}")) == (i == 1)
            assert ("10.9." in node.ip("address", "show", f"eth{i}")) == (i == 1)


def test_bootifs_card_is_left_too():
    """The card that BOOTIF= names is left for another when the server is not behind it."""
    with netns.Lab() as lab:
        node, _ = networks(lab, 2)
        bootif = "BOOTIF=01-" + node.mac("eth0").replace(":", "-")
        up = dhcp.netup(node, words=bootif, seconds=30, env={"REACH": "10.9.1.1"})
        assert up.status == 0 and up.facts["DEVICE"] == "eth1", up


def test_a_persons_choice_is_kept():
    """interface: with a name is kept: there is no other card, and the failure is the server's."""
    with netns.Lab() as lab:
        node, _ = networks(lab, 2)
        up = dhcp.netup(node, "interface:eth0", seconds=30, env={"REACH": "10.9.1.1"})
        assert up.code == "S1-SRV-02", up


def test_no_card_reaches_it():
    """When no card reaches the server, each is tried once, and the search ends with the server's failure."""
    with netns.Lab() as lab:
        node, _ = networks(lab, 2)
        up = dhcp.netup(node, seconds=60, env={"REACH": "10.77.0.1"})
        assert up.code == "S1-SRV-02" and up.text.count("configuring device") == 2, up


def test_a_late_link_is_waited_for():
    """The first card leads nowhere, and the right one gets its link late: all the time there is counts; both are told
    of."""
    with netns.Lab() as lab:
        node, servers = networks(lab, 2)
        servers[1][0].down("eth0")
        running = dhcp.start_netup(node, seconds=40, env={"REACH": "10.9.1.1"})
        time.sleep(16)
        servers[1][0].up("eth0")
        up = dhcp.Up(running)
        assert up.status == 0 and up.facts["DEVICE"] == "eth1", up
        assert any("eth1: no link" in words and "eth0: leads nowhere" in words for _, words in up.lines("waiting")), up


def test_no_link_to_the_end():
    """The other card never gets its link: that is the failure at the deadline."""
    with netns.Lab() as lab:
        node, _ = networks(lab, 1)
        lab.cable(node, lab.node("off"), a_name="eth1", a_up=False, b_up=False)
        up = dhcp.netup(node, seconds=20, env={"REACH": "10.77.0.1"})
        assert up.code == "S1-NET-02" and "eth1: no link" in up.why, up


def test_the_faster_server_is_wrong():
    """Two DHCP servers on one wire: the addresses of the faster one lead nowhere, so the other's is used, and one given
    back."""
    with netns.Lab() as lab:
        switch, head, rogue, node = lab.switch(), lab.node("head"), lab.node("rogue"), lab.node("node")
        lab.cable(head, switch)
        lab.cable(rogue, switch)
        lab.cable(node, switch, a_up=False)
        head.address("eth0", "10.9.0.1/24")
        rogue.address("eth0", "10.77.0.1/24")

        def asked(message, server):
            return message.type == dhcp.DISCOVER or message.options.get(54) == dhcp.ip(server)

        def slow(message):
            time.sleep(0.2)
            return dhcp.willing(message) if asked(message, "10.9.0.1") else None

        fast = dhcp.FakeServer(rogue, lambda m: dhcp.willing(m, address="10.77.0.30", server="10.77.0.1")
                               if asked(m, "10.77.0.1") else None)
        dhcp.FakeServer(head, slow)
        up = dhcp.netup(node, seconds=25, env={"REACH": "10.9.0.1"})
        assert up.status == 0 and up.facts["IPADDR"] == "10.9.0.30", up
        assert "10.77.0.30" not in node.ip("address", "show", "eth0")
        assert dhcp.RELEASE in fast.types()


def test_an_unknown_name_is_no_wrong_card():
    """A name server that knows no such name was reached: no other card is tried, and the address stays."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        lab.cable(node, lab.node("off"), a_name="eth1", a_up=False)
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h", "--port=53", "--local=/example/")
        up = dhcp.netup(node, seconds=20, env={"REACH": "none.example"})
        assert up.code == "S1-DNS-02" and "10.9.0." in node.ip("address", "show", "eth0"), up
