"""test_wrong_card.py - a card has an address, but the server is not behind it: the next card is tried, and all is told."""
# SPDX-License-Identifier: GPL-2.0-or-later
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


def test_cards_without_link_are_not_waited_for():
    """The other card has no link: that is told after a few seconds, not at the deadline."""
    with netns.Lab() as lab:
        node, _ = networks(lab, 1)
        lab.cable(node, lab.node("off"), a_name="eth1", a_up=False, b_up=False)
        up = dhcp.netup(node, seconds=60, env={"REACH": "10.77.0.1"})
        assert up.code == "S1-NET-02" and "eth1: no link" in up.why, up
