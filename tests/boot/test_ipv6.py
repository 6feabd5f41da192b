"""test_ipv6.py - a network with IPv6 only, and one whose IPv4 leads nowhere: the machine boots over IPv6."""
# SPDX-License-Identifier: GPL-2.0-or-later
import sys

import dhcp
import netns
import stage2
from qemu import boot
from wire import Switch

NAME = "--host-record=www.lab.example,fd00::1"


def head6(lab, *dnsmasq, address4=()):
    """A head fd00::1 with router advertisements, DNS and HTTP behind a switch, and the automatic= line without
    server."""
    head = lab.node("head")
    head.sysctl("ipv6/conf/default/accept_dad", 0)  # the kernel's own checks take seconds
    ports = Switch(head)
    head.address("eth0", "fd00::1/64", *address4)
    dhcp.dnsmasq(head, "--port=53", "--enable-ra", "--dhcp-range=fd00::,ra-stateless",
                 "--dhcp-option=option6:dns-server,[fd00::1]", *dnsmasq, ready="router advertisement")
    image = stage2.squashfs()
    head.start([sys.executable, "-u", "-m", "http.server", "--bind", "::", "8000"],
               ready=netns.line("Serving HTTP"), cwd=image.parent)
    return ports, f"automatic=method:http,directory:/,image:{image.name},"


def test_an_ipv6_address_as_server():
    """server: is an IPv6 address on a network without IPv4: address, router and image come by IPv6."""
    with netns.Lab() as lab:
        switch, automatic = head6(lab)
        machine = boot(nic=switch.nic("e1000"), append=automatic + "server:[fd00::1]:8000")
        machine.expect("by the router's prefix").expect("STAGE2 UP").expect("RUN env: DEVICE='eth0'").expect("IPV6ADDR='fd00:")
        machine.never("IPADDR=")


def test_a_name_with_ipv6_only():
    """network:auto6 and a server's name: the router's word leads to the name server, and that to the server."""
    with netns.Lab() as lab:
        switch, automatic = head6(lab, NAME)
        machine = boot(nic=switch.nic("virtio-net-pci"), append=automatic + "network:auto6,server:www.lab.example:8000")
        machine.expect("STAGE2 UP").expect("IPV6PROTO='auto'").expect("IPV6DNS='fd00::1'")


test_a_name_with_ipv6_only.slow = True


def test_ipv4_that_leads_nowhere():
    """Both families, but the server's IPv4 address is nobody's: that is said, and IPv6 of the same card boots."""
    with netns.Lab() as lab:
        switch, automatic = head6(lab, NAME, "--host-record=www.lab.example,10.9.0.99",
                                  "--dhcp-range=10.9.0.30,10.9.0.40,1h",
                                  address4=["10.9.0.1/24"])
        machine = boot(nic=switch.nic("virtio-net-pci"),
                       append=automatic + "network:dhcp,server:www.lab.example:8000,retries:0")
        machine.expect("10.9.0.3").expect("not reached that way").expect("STAGE2 UP")
        machine.expect("IPADDR='10.9.0.3").expect("IPV6ADDR='fd00:")
