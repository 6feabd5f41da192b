"""test_ipv6.py - routers, SLAAC and DHCPv6 by radvd, dnsmasq and ISC dhcpd; both families at once; what goes wrong."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: radvd
import ipaddress
import re
import shutil

import dhcp
import netns

RA = """interface eth0 {
  AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; UnicastOnly off; AdvLinkMTU 1400; %s
  prefix 2001:db8:1::/64 { AdvOnLink on; AdvAutonomous %s; };
  RDNSS 2001:db8:1::1 2001:db8:1::2 { };
  DNSSL a.example b.example { };
};
"""


def pair(lab, address4=None):
    """A head with 2001:db8:1::1/64 (and, if given, an IPv4 address), and a node without, a cable between them."""
    head, node = lab.node("head"), lab.node("node")
    for machine in (head, node):
        machine.sysctl("ipv6/conf/default/accept_dad", 0)  # the kernel's own checks take seconds
    head.sysctl("ipv6/conf/all/forwarding", 1)
    lab.cable(head, node, b_up=False)
    head.address("eth0", "2001:db8:1::1/64", *([address4] if address4 else []))
    return head, node


def radvd(head, options="", autonomous="on"):
    program = netns.need("radvd", "radvd")
    conf = head.lab.file(f"{head.name}/radvd.conf", RA % (options, autonomous))
    return head.start([program, "-n", "-C", conf, "-m", "stderr", "-d", "3", "-p", head.lab.dir / "radvd.pid"],
                      ready=netns.line("sending RA|config file"))


def dnsmasq6(head, *options):
    return dhcp.dnsmasq(head, "--enable-ra", *options, ready="DHCPv6|router advertisement")


def dhcpd6(head, config):
    program = netns.need("dhcpd", "isc-dhcp-server")
    lab = head.lab
    copy = lab.dir / "dhcpd"  # see dhcp.dhcpd
    if not copy.exists():
        shutil.copy(program, copy)
    conf = lab.file(f"{head.name}/dhcpd6.conf", config)
    leases = lab.file(f"{head.name}/dhcpd6.leases", "")
    leases.parent.chmod(0o777)
    return head.start([copy, "-6", "-d", "-f", "-cf", conf, "-lf", leases, "-pf", lab.dir / "dhcpd6.pid", "eth0"],
                      ready=netns.line("Server starting service"))


def eui64(mac, prefix="2001:db8:1::"):
    b = [int(x, 16) for x in mac.split(":")]
    b = [b[0] ^ 2, b[1], b[2], 0xFF, 0xFE, *b[3:]]
    return str(ipaddress.IPv6Address(ipaddress.IPv6Address(prefix).packed[:8] + bytes(b)))


def test_slaac():
    """A router's prefix gives the address, the router itself the route; name servers, search list and MTU arrive."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        radvd(head)
        up = dhcp.netup(node, "network:auto6")
        assert up.status == 0, up
        address = eui64(node.mac("eth0"))
        assert up.facts["IPV6ADDR"] == address + "/64" and up.facts["IPV6PROTO"] == "auto", up
        assert up.facts["IPV6GATEWAY"].startswith("fe80::") and "IPADDR" not in up.facts, up
        assert up.facts["IPV6DNS"] == "2001:db8:1::1 2001:db8:1::2" and up.facts["SEARCH"] == "a.example b.example", up
        assert address in node.ip("-6", "address", "show", "eth0"), node.ip("-6", "address")
        assert "tentative" not in node.ip("-6", "address", "show", "eth0"), node.ip("-6", "address", "show", "eth0")
        assert re.search("default via fe80::.* mtu 1400", node.ip("-6", "route")), node.ip("-6", "route")
        assert node.reaches("2001:db8:1::1")


def test_dhcp6_when_the_router_says_so():
    """A router with the managed flag: the address comes from the DHCPv6 server, with name servers and search list."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        server = dnsmasq6(head, "--dhcp-range=2001:db8:1::30,2001:db8:1::40,64,1h",
                          "--dhcp-option=option6:dns-server,[::]",
                          "--dhcp-option=option6:domain-search,a.example,b.example")
        up = dhcp.netup(node, "network:auto6,hostname:node7")
        assert up.status == 0, up
        assert re.fullmatch(r"2001:db8:1::(3\w|40)/64", up.facts["IPV6ADDR"]), up
        assert up.facts["IPV6PROTO"] == "dhcp" and up.facts["LEASE"] == "3600" and up.facts["IPV6SERVERID"], up
        assert "2001:db8:1::1" in up.facts["IPV6DNS"] and up.facts["SEARCH"] == "a.example b.example", up
        assert "node7" in server.text(), "the node's name reaches the server"
        # radvd would be no measure: it advertises to all every 3 s at most (RFC 4861, 6.2.6)
        print(f"      carrier to lease, ms: {up.link_to_lease_ms()}")
        assert up.link_to_lease_ms() <= 700, up
        assert node.reaches("2001:db8:1::1")


def test_dhcp6_from_isc_dhcpd():
    """ISC dhcpd gives a fixed address by the card's DUID; the router comes from radvd."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        mac = node.mac("eth0")
        radvd(head, "AdvManagedFlag on;", autonomous="off")
        dhcpd6(head, """subnet6 2001:db8:1::/64 { range6 2001:db8:1::30 2001:db8:1::40;
                 option dhcp6.name-servers 2001:db8:1::53; option dhcp6.bootfile-url "tftp://[2001:db8:1::1]/x"; }
                 host n { host-identifier option dhcp6.client-id 00:03:00:01:%s; fixed-address6 2001:db8:1::77; }
                 default-lease-time 600;""" % mac)
        up = dhcp.netup(node, "network:auto6")
        assert up.status == 0 and up.facts["IPV6ADDR"] == "2001:db8:1::77/64", up
        assert "2001:db8:1::53" in up.facts["IPV6DNS"] and up.facts["BOOTFILE"] == "tftp://[2001:db8:1::1]/x", up


def test_stateless_dhcp6():
    """A router with the other flag: the address is the node's own, the name servers come from the DHCPv6 server."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        dnsmasq6(head, "--dhcp-range=2001:db8:1::,ra-stateless,64,1h",
                 "--dhcp-option=option6:dns-server,[2001:db8:1::99]")
        up = dhcp.netup(node, "network:auto6")
        assert up.status == 0 and up.facts["IPV6ADDR"] == eui64(node.mac("eth0")) + "/64", up
        assert "2001:db8:1::99" in up.facts["IPV6DNS"] and up.facts["IPV6PROTO"] == "auto", up


def test_dhcp6_without_a_router():
    """network:dhcp6 asks at once, and takes an address although no router says anything."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        dhcpd6(head, "subnet6 2001:db8:1::/64 { range6 2001:db8:1::30 2001:db8:1::40; } default-lease-time 600;")
        up = dhcp.netup(node, "network:dhcp6")
        assert up.status == 0 and "IPV6GATEWAY" not in up.facts, up
        assert re.fullmatch(r"2001:db8:1::(3\w|40)/64", up.facts["IPV6ADDR"]), up
        assert node.reaches("2001:db8:1::1")


def test_managed_but_no_server():
    """The router promises a DHCPv6 server that is not there: after 3 s the node's own address is good enough."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        radvd(head, "AdvManagedFlag on;")
        up = dhcp.netup(node, "network:auto6")
        assert up.status == 0 and up.facts["IPV6PROTO"] == "auto", up
        assert 2500 < up.when("configuring device") - up.when("note eth0") < 5000, up


def test_a_server_without_addresses():
    """A DHCPv6 server whose pool is empty: S1-NET-05 with its own words."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        radvd(head, "AdvManagedFlag on;", autonomous="off")
        dhcpd6(head, "subnet6 2001:db8:1::/64 { } default-lease-time 600;")
        up = dhcp.netup(node, "network:auto6", seconds=5)
        assert up.code == "S1-NET-05" and "gives no address (status 2" in up.why, up


def test_ipv4_comes_first():
    """With both families IPv4 has a head start, and is enough for a server with an IPv4 address or a name."""
    with netns.Lab() as lab:
        head, node = pair(lab, "10.9.0.1/24")
        radvd(head)
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h")
        for server in ("10.9.0.1", "www.example"):
            up = dhcp.netup(node, f"network:dhcp,server:{server}")
            assert up.status == 0 and "IPADDR" in up.facts and "IPV6ADDR" not in up.facts, up
            assert up.link_to_lease_ms() < 500, up


def test_ipv6_where_ipv4_is_silent():
    """No DHCP server for IPv4, but a router for IPv6: a server with a name is looked for over IPv6 then."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        radvd(head)
        up = dhcp.netup(node, "network:dhcp,server:www.example")
        assert up.status == 0 and "IPV6ADDR" in up.facts and "IPADDR" not in up.facts, up
        up = dhcp.netup(node, "network:dhcp,server:10.9.0.1", seconds=8)
        assert up.code == "S1-NET-04" and "IPv6 is there" in up.why, up


def test_ipv6_where_ipv4_leads_nowhere():
    """IPv4 comes first but the server's IPv4 address leads nowhere: IPv6 is fetched on the same card, and reaches
    it."""
    with netns.Lab() as lab:
        head, node = pair(lab, "10.9.0.1/24")
        radvd(head)
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h", "--port=53", "--host-record=www.example,10.9.0.99",
                     "--host-record=www.example,2001:db8:1::1")
        up = dhcp.netup(node, "network:dhcp,server:www.example", seconds=40, env={"REACH": "www.example"})
        assert up.status == 0 and "IPV6ADDR" in up.facts and "IPADDR" in up.facts, up
        assert node.reaches("2001:db8:1::1") and node.reaches("10.9.0.1")


def test_the_name_of_an_ipv6_address():
    """A node with IPv6 only and without name has the one that the name server knows for its address."""
    with netns.Lab() as lab:
        head, node = pair(lab, "10.9.0.1/24")
        radvd(head)
        name = f"--host-record=node6.lab.example,{eui64(node.mac('eth0'), '2001:db8:1::')}"
        dhcp.dnsmasq(head, "--port=53", "--dhcp-range=10.9.0.30,10.9.0.40,1h", name)
        up = dhcp.netup(node, "network:auto6", env={"NAMED": "1"})
        assert up.status == 0 and up.facts["HOSTNAME"] == "node6" and up.facts["DOMAIN"] == "lab.example", up


def test_ipv4_where_ipv6_leads_nowhere():
    """The DHCP server wakes up late, IPv6 comes first, but the server has an IPv4 address only: IPv4 is fetched as
    well."""
    with netns.Lab() as lab:
        head, node = pair(lab, "10.9.0.1/24")
        radvd(head)
        dhcp.dnsmasq(head, "--port=53", "--host-record=www.example,10.9.0.1", ready="started")
        process = dhcp.start_netup(node, "network:dhcp,server:www.example", seconds=40, env={"REACH": "www.example"})
        process.wait_line(r"\d note eth0$", timeout=20)
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h")
        up = dhcp.Up(process)
        assert up.status == 0 and "IPV6ADDR" in up.facts and "IPADDR" in up.facts, up
        assert node.reaches("2001:db8:1::1") and node.reaches("10.9.0.1")


def test_neither_ipv4_nor_ipv6_leads_there():
    """IPv4 leads nowhere and nobody speaks IPv6: the failure is the server's, IPv4 stays as it was, and it ends
    soon."""
    with netns.Lab() as lab:
        head, node = pair(lab, "10.9.0.1/24")
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h", "--port=53", "--host-record=www.example,10.9.0.99")
        up = dhcp.netup(node, "network:dhcp,server:www.example", seconds=60, env={"REACH": "www.example"})
        assert up.code == "S1-SRV-03", up
        assert node.reaches("10.9.0.1")


def test_a_server_with_an_ipv6_address():
    """server: is an IPv6 address: IPv6 is needed, and IPv4 beside it is taken along when it comes first."""
    with netns.Lab() as lab:
        head, node = pair(lab, "10.9.0.1/24")
        radvd(head)
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h")
        for server in ("[2001:db8:1::1]:8000", "2001:db8:1::1"):
            up = dhcp.netup(node, f"network:dhcp,server:{server}")
            assert up.status == 0 and "IPV6ADDR" in up.facts and "IPADDR" in up.facts, up
            assert node.reaches("2001:db8:1::1") and node.reaches("10.9.0.1")


def test_an_address_in_use():
    """An IPv6 address that another machine has is declined to the DHCPv6 server, and another one taken."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        head.address("eth0", "2001:db8:1::30/64")
        server = dnsmasq6(head, "--dhcp-range=2001:db8:1::30,2001:db8:1::31,64,1h",
                          f"--dhcp-host=id:00:03:00:01:{node.mac('eth0')},[2001:db8:1::30]")
        up = dhcp.netup(node, "network:auto6")
        assert up.status == 0 and up.facts["IPV6ADDR"] == "2001:db8:1::31/64", up
        assert up.says(f"2001:db8:1::30 is already used by {head.mac('eth0')}"), up
        assert "DHCPDECLINE" in server.text()


def test_nobody_there():
    """IPv6 only and nobody there: S1-NET-04 at the deadline, which says what was asked."""
    with netns.Lab() as lab:
        _, node = pair(lab)
        up = dhcp.netup(node, "network:auto6", seconds=3)
        assert up.code == "S1-NET-04" and "IPv6 router solicitation" in up.why, up
        up = dhcp.netup(node, "network:dhcp6", seconds=3)
        assert up.code == "S1-NET-04" and "DHCPv6" in up.why, up


def test_ip_option_for_ipv6():
    """ip= as dracut writes it for IPv6."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        radvd(head)
        assert "IPV6ADDR" in dhcp.netup(node, words="ip=auto6").facts
        assert "IPV6ADDR" in dhcp.netup(node, words="ip=eth0:either6").facts


def test_two_cards():
    """Of two cards one has a router: it wins; the address that the other was given is given back."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        lab.cable(node, lab.node("other"), a_name="eth1", a_up=False)
        radvd(head)
        up = dhcp.netup(node, "network:auto6")
        assert up.status == 0 and up.facts["DEVICE"] == "eth0", up
        assert ",UP" not in node.ip("link", "show", "eth1")


def test_the_wrong_card_gives_its_lease_back():
    """A DHCPv6 lease on a card that leads nowhere is given back."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        other = lab.node("other")
        lab.cable(node, other, a_name="eth1", a_up=False)
        server = dnsmasq6(head, "--dhcp-range=2001:db8:1::30,2001:db8:1::40,64,1h")
        up = dhcp.netup(node, "network:auto6", env={"REACH": "2001:db8:2::1"}, seconds=8)
        assert up.status == 1, up
        server.wait_line("DHCPRELEASE")


def test_kernel_without_ipv6():
    """A kernel without IPv6: named for network:auto6, and no trouble for IPv4."""
    with netns.Lab() as lab:
        head, node = pair(lab, "10.9.0.1/24")
        node.sysctl("ipv6/conf/all/disable_ipv6", 1)
        node.sysctl("ipv6/conf/eth0/disable_ipv6", 1)
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h")
        assert dhcp.netup(node).status == 0
        up = dhcp.netup(node, "network:auto6")
        assert up.code == "S1-NET-07" and "the kernel has no IPv6" in up.why, up


def test_names_over_ipv6():
    """The name server that a router advertises is asked, and AAAA is what it is asked for."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        radvd(head)
        program = netns.need("dnsmasq", "dnsmasq-base")
        head.start([program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                    "--user=root",
                    "--log-facility=-", "--pid-file=", "--host-record=www.example,2001:db8:1::1"],
                   ready=netns.port(53, "udp"))
        up = dhcp.netup(node, "network:auto6,server:www.example", env={"REACH": "www.example"})
        assert up.status == 0, up
