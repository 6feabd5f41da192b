"""test_leases.py - an address is used no longer than it is leased: it is renewed meanwhile, or it goes, and that is
said."""
# SPDX-License-Identifier: GPL-2.0-or-later
import dhcp
import netns
from dhcp import NAK, REQUEST


def kept(answer, seconds):
    """A node whose leases are renewed for so long by a server that answers like this: (what it said, server, its
    address)."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        server = dhcp.FakeServer(head, answer)
        up = dhcp.netup(node, seconds=6, env={"KEEP": str(seconds)})
        return up, server, node.ip("-4", "address", "show", "eth0")


def test_renewed_meanwhile():
    """A lease of 4 s is renewed by its server, which is asked alone; the times that are handed over are the new
    ones."""
    up, server, address = kept(lambda m: dhcp.willing(m, lease=4), 7)
    assert up.status == 0 and not up.lines("lost") and "10.9.0.30/24" in address, up
    renewals = [m for m in server.seen if m.type == REQUEST and m.ciaddr != bytes(4)]
    assert 3 <= len(renewals) <= 5 and all(54 not in m.options and 50 not in m.options for m in renewals)
    assert int(up.facts["BOUND"]) > up.when("configuring device") / 1000 and up.facts["LEASE"] == "4", up


def test_a_server_that_falls_silent():
    """Nobody renews the lease: the address goes when it ends, and that is said."""
    up, server, address = kept(lambda m: dhcp.willing(m, lease=4) if m.ciaddr == bytes(4) else None, 6)
    assert up.says("its lease has ended") and "10.9.0.30" not in address, up
    assert len([m for m in server.seen if m.ciaddr != bytes(4)]) >= 2, f"{server.types()}\n{up}"


def test_a_server_that_says_no():
    """The server takes the address back: it goes at once."""
    def answer(m):
        if m.ciaddr != bytes(4):
            return dhcp.reply(m, NAK)
        return dhcp.willing(m, lease=6)

    up, _, address = kept(answer, 5)
    assert up.says("takes it back (DHCPNAK)") and "10.9.0.30" not in address, up


def test_dnsmasq_renews():
    """dnsmasq's shortest lease, two minutes, is not due while a boot lasts: nothing is asked, the kernel knows the
    end."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,2m")
        up = dhcp.netup(node, seconds=6, env={"KEEP": "1"})
        address = node.ip("-4", "address", "show", "eth0")
        assert up.status == 0 and "valid_lft 11" in address, address
