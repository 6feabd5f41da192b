"""test_next_system.py - the files for the next system's networkd -> it takes the interface over, and its leases, as
they are."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: systemd
import re

import dhcp
import netns

NETWORKD = "/lib/systemd/systemd-networkd"
# A /run/systemd of its own; a /sys that cannot be written means that there is no udev to wait for.
START = """mount -t tmpfs run /run/systemd && cp -r {run}/systemd/network /run/systemd &&
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp &&
chmod -R 777 /run/systemd/netif &&
mount -o remount,ro,bind /sys && SYSTEMD_LOG_LEVEL=debug exec {networkd}"""


def pair(lab):
    """A head with 10.9.0.1 and 2001:db8:1::1, and a node."""
    head, node = lab.node("head"), lab.node("node")
    for machine in (head, node):
        machine.sysctl("ipv6/conf/default/accept_dad", 0)  # the kernel's own checks take seconds
    lab.cable(head, node, b_up=False)
    head.address("eth0", "10.9.0.1/24", "2001:db8:1::1/64")
    return head, node


def next_system(node, automatic):
    """Brings the node's network up, and starts networkd with the files that are left for it; both."""
    run = node.lab.dir / "run"
    (run / "stage1").mkdir(parents=True)
    up = dhcp.netup(node, automatic, env={"RUN": str(run)})
    assert up.status == 0, up
    run.chmod(0o755)
    networkd = node.start([netns.need("unshare", "util-linux"), "-m", "sh", "-c",
                           START.format(run=run, networkd=netns.need(NETWORKD, "systemd"))], name="networkd")
    return up, networkd


def addresses(node):
    """The node's addresses, but those of links and loopback."""
    return re.findall(r"inet6? (\S+)/\d+ .*scope global", node.ip("address", "show", "eth0"))


def test_a_lease():
    """The lease is confirmed by a request for the same address from the same client; there is one default route."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        server = dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h")
        up, networkd = next_system(node, "network:dhcp")
        before = len(server.text())
        networkd.wait_line(f"updated DHCPv4 address.*: {up.facts['IPADDR']}/24")
        assert f"DHCPREQUEST(eth0) {up.facts['IPADDR']}" in server.text()[before:], server.text()
        assert "DHCPDISCOVER" not in server.text()[before:], server.text()
        networkd.wait_line("configuring -> configured")
        assert addresses(node) == [up.facts["IPADDR"]] and node.ip("route").count("default") == 1, node.ip("route")


def test_a_router():
    """The address by a router's prefix is taken over, with its lifetimes."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        dhcp.dnsmasq(head, "--enable-ra", "--dhcp-range=2001:db8:1::,ra-only,10m", ready="router advertisement")
        up, networkd = next_system(node, "network:auto6")
        address = up.facts["IPV6ADDR"].split("/")[0]
        networkd.wait_line(f"updated NDisc address.*: {address}/64")
        assert addresses(node) == [address]


def test_a_dhcp6_lease():
    """The DHCPv6 server gives the same address again, and it is taken over, with its lifetimes."""
    with netns.Lab() as lab:
        head, node = pair(lab)
        dhcp.dnsmasq(head, "--enable-ra", "--dhcp-range=2001:db8:1::100,2001:db8:1::1ff,64,10m",
                     ready="router advertisement")
        up, networkd = next_system(node, "network:dhcp6")
        address = up.facts["IPV6ADDR"].split("/")[0]
        networkd.wait_line(f"updated DHCPv6 address.*: {address}/128")
        assert addresses(node) == [address] and node.reaches("2001:db8:1::1")


def test_a_static_address():
    """A static address and its gateway stay as they are, and networkd knows them as its own."""
    with netns.Lab() as lab:
        _, node = pair(lab)
        _, networkd = next_system(node, "network:static,ip:10.9.0.50,netmask:255.255.255.0,gateway:10.9.0.1")
        networkd.wait_line("updated static address.*: 10.9.0.50/24")
        networkd.wait_line("static route.* gw: 10.9.0.1")
        assert addresses(node) == ["10.9.0.50"] and node.reaches("10.9.0.1")
        assert node.ip("route").count("default") == 1, node.ip("route")
