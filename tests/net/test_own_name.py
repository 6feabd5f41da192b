"""test_own_name.py - a node without name asks the name servers for that of its address; dnsmasq, and servers that do
not know."""
# SPDX-License-Identifier: GPL-2.0-or-later
import dhcp
import netns

RANGE = "--dhcp-range=10.9.0.30,10.9.0.30,1h"
NAME = "--host-record=node7.lab.example,10.9.0.30"


def named(node, automatic="network:dhcp", words=""):
    """What a node made of it, and the milliseconds it waited for its name."""
    up = dhcp.netup(node, automatic, words, env={"NAMED": "1"})
    assert up.status == 0, up
    return up, up.when("named") - up.when("asked")


def test_the_name_of_the_address():
    """DHCP gives no name: the name server's becomes hostname and domain, within milliseconds."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        dhcp.dnsmasq(head, "--port=53", RANGE, NAME)
        up, waited = named(node)
        assert up.facts["HOSTNAME"] == "node7" and up.facts["DOMAIN"] == "lab.example", up
        assert waited < 300, up


def test_a_name_by_dhcp_counts_more():
    """A name by DHCP, or hostname:, is kept, and nobody is asked."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        server = dhcp.dnsmasq(head, "--port=53", "--log-queries", RANGE, NAME,
                              f"--dhcp-host={node.mac('eth0')},given,10.9.0.30")
        up, _ = named(node)
        assert up.facts["HOSTNAME"] == "given", up
        up, _ = named(node, "network:dhcp,hostname:mine")
        assert up.facts["HOSTNAME"] == "mine" and "in-addr" not in server.text(), server.text()


def test_servers_that_do_not_know():
    """No name, or nobody who listens: the node has none, at once; a silent server is waited for half a second at
    most."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        server = dhcp.dnsmasq(head, "--port=53", RANGE)
        up, waited = named(node)
        assert "HOSTNAME" not in up.facts and waited < 300, up
        server.kill()
        server = dhcp.dnsmasq(head, RANGE, "--dhcp-option=option:dns-server,10.9.0.1")
        up, waited = named(node)
        assert "HOSTNAME" not in up.facts and waited < 300, up
        server.kill()
        dhcp.dnsmasq(head, RANGE, "--dhcp-option=option:dns-server,10.9.0.77")
        up, waited = named(node)
        assert "HOSTNAME" not in up.facts and 400 <= waited < 900, up


def test_the_second_server_knows():
    """Several name servers are asked at once: one that is silent costs nothing."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        dhcp.dnsmasq(head, "--port=53", RANGE, NAME, "--dhcp-option=option:dns-server,10.9.0.77,10.9.0.1")
        up, waited = named(node)
        assert up.facts["HOSTNAME"] == "node7" and waited < 300, up
