"""test_lines - `head-node lines` -> each of the real DHCP servers takes them, and answers a machine with its file."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: isc-dhcp-server kea-dhcp4-server dnsmasq-base
import re

import netns
from headlab import HEAD, HEAD_NODE, Site


def lines(site, kind):
    """What head-node prints for a server of this kind."""
    return site.head.run([HEAD_NODE, "lines", kind, "--interface", "eth0"]).stdout.decode()


def test_dhcpd():
    """ISC dhcpd takes the lines."""
    with netns.Lab() as lab:
        site = Site(lab)
        said = lines(site, "dhcpd")
        conf = lab.file("dhcpd.conf", said + "subnet 10.0.1.0 netmask 255.255.255.0 { range 10.0.1.100 10.0.1.120; }\n")
        site.head.run(["dhcpd", "-t", "-cf", conf])
        assert f"next-server {HEAD};" in said and '"shimx64.efi"' in said, said


def test_kea():
    """Kea takes the lines."""
    with netns.Lab() as lab:
        site = Site(lab)
        conf = lab.file("kea.conf", '{ "Dhcp4": { "interfaces-config": { "interfaces": [ "eth0" ] }, "subnet4": [\n'
                        '{ "subnet": "10.0.1.0/24", "pools": [ { "pool": "10.0.1.100 - 10.0.1.120" } ] } ],\n'
                        + lines(site, "kea") + "} }\n")
        site.head.run(["kea-dhcp4", "-t", conf])


def test_dnsmasq():
    """dnsmasq takes the lines."""
    with netns.Lab() as lab:
        site = Site(lab)
        site.head.run(["dnsmasq", "--test", "-C", lab.file("dnsmasq.conf", lines(site, "dnsmasq"))])


def test_windows():
    """The lines for a Windows server name each class, policy and option once."""
    with netns.Lab() as lab:
        said = lines(Site(lab), "windows")
        for arch, file in (("00000", "pxelinux.0"), ("00007", "shimx64.efi")):
            assert f"PXEClient:Arch:{arch}" in said and f"-OptionId 67 -Value {file}" in said, said
        names = re.findall(r'Add-DhcpServerv4Policy .* -Name "([^"]+)"', said)
        assert len(names) == len(set(names)) == 4, said


def test_unknown():
    """A kind of server that nobody knows, or none, is wrong usage."""
    with netns.Lab() as lab:
        site = Site(lab)
        for words in (["lines", "udhcpd", "--interface", "eth0"], ["lines"]):
            assert site.head.run([HEAD_NODE, *words], check=False).returncode == 2, words
