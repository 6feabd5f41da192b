"""test_next_system - a Debian booted over the network -> its own network programs keep the interface and renew the
lease."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: squashfs-tools zstd make
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import dhcp
import netns
from debs import debs
from qemu import TOP, boot
from wire import Switch

DHCPD = """default-lease-time 30; max-lease-time 30;
subnet 10.9.0.0 netmask 255.255.255.0 { range 10.9.0.30 10.9.0.40; option routers 10.9.0.1; }
"""


def demo_image():
    """The demonstration's Debian, made when it is not there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    image = TOP / "build" / "demo" / "root.sqfs"
    subprocess.run(["make", "--no-print-directory", str(image.relative_to(TOP))], cwd=TOP, env=environment, check=True,
                   stdin=subprocess.DEVNULL, timeout=900)
    return image


def head(lab, image, **switch):
    """A head 10.9.0.1 with HTTP and leases of half a minute behind a switch; the switch, the DHCP server and the
    line."""
    machine = lab.node("head")
    ports = Switch(machine, **switch)
    machine.address("eth0", "10.9.0.1/24")
    server = dhcp.dhcpd(machine, DHCPD)
    machine.start([sys.executable, "-m", "http.server", "8000"], ready=netns.port(8000), cwd=image.parent)
    return ports, server, (f"automatic=method:http,network:dhcp,server:10.9.0.1:8000,directory:/,image:{image.name}")


def leases(server):
    """The addresses the server has given so far, in order."""
    return re.findall(r"DHCPACK on (\S+) to", server.text())


def login(machine, commands):
    """Logs in and runs the shell's COMMANDS."""
    machine.expect("login:", 240).send("root\n").expect("~#").send(f"{commands}\n")
    return machine


def check_renewed(machine, server, interface):
    """INTERFACE has the address that stage1 was given and no other, and a renewal is seen at the server."""
    given = leases(server)
    machine.send("ip -4 -o address; ip route; echo END''END\n").expect("ENDEND")
    addresses = re.findall(rf"{interface}\s+inet (\S+)/24", machine.text)
    assert set(addresses) == set(given) and len(addresses) == 1, (addresses, given)
    assert machine.text.count("default via 10.9.0.1") == 1, machine.log_path
    server.wait_line(f"DHCPACK on {addresses[0]} to", timeout=40, after=len(server.text().encode()))
    assert set(leases(server)) == set(given), leases(server)


def check_networkd(machine, server, interface):
    """Networkd manages INTERFACE by stage1's file."""
    login(machine, f"f=/run/systemd/netif/links/$(cat /sys/class/net/{interface}/ifindex); "
                   "for i in 1 2 3 4 5 6 7 8 9 10; do grep -q =configured $f && break; sleep 1; done; cat $f")
    machine.expect("ADMIN_STATE=configured").expect("OPER_STATE=routable").expect(f"network/10-stage1-{interface}.network")
    check_renewed(machine, server, interface)


def ifupdown_image(folder):
    """The demonstration's Debian with ifupdown and dhclient in networkd's place, and Debian's own interfaces(5)."""
    root, out = folder / "root", folder / "ifupdown.sqfs"
    subprocess.run(["unsquashfs", "-q", "-n", "-d", root, demo_image()], check=True)
    with subprocess.Popen(["tar", "-C", debs("ifupdown", "isc-dhcp-client"), "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(["tar", "-C", root, "-x", "--keep-directory-symlink"], stdin=tar.stdout, check=True)
    for name in ("etc/network/interfaces.d", "var/lib/dhcp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/network/interfaces").write_text("source /etc/network/interfaces.d/*\n")
    units = root / "etc/systemd/system"
    for name in ("systemd-networkd.service", "systemd-networkd.socket"):
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    (units / "multi-user.target.wants/networking.service").symlink_to("/lib/systemd/system/networking.service")
    subprocess.run(["mksquashfs", root, out, "-comp", "zstd", "-Xcompression-level", "1", "-quiet", "-no-progress"],
                   check=True)
    return out


def test_networkd():
    """systemd-networkd of the next system manages the card by the file stage1 left: the same address, renewed in
    time."""
    with netns.Lab() as lab:
        switch, server, automatic = head(lab, demo_image())
        check_networkd(boot(nic=switch.nic("virtio-net-pci"), append=automatic, mem=1024), server, "eth0")


def test_networkd_on_a_vlan_on_a_bond():
    """The same on a VLAN on a bond, whose parts networkd leaves alone."""
    with netns.Lab() as lab:
        switch, server, automatic = head(lab, demo_image(), lacp=True, vlan=12)
        nics = [switch.nic("e1000"), switch.nic("e1000")]  # virtio's have no speed, as LACP wants it
        machine = boot(nic=nics, append=automatic + ",bond:802.3ad,vlan:12", mem=1024)
        check_networkd(machine, server, "bond0.12")
        for part in ("bond0", "eth0", "eth1"):
            machine.send(f"cat /run/systemd/netif/links/$(cat /sys/class/net/{part}/ifindex)\n").expect("ADMIN_STATE=unmanaged")


test_networkd_on_a_vlan_on_a_bond.slow = True


def test_ifupdown():
    """Debian's ifupdown takes the interface up by the lines that stage1 left, which its own file sources."""
    with netns.Lab() as lab, tempfile.TemporaryDirectory(prefix="ifupdown-") as folder:
        switch, server, automatic = head(lab, ifupdown_image(pathlib.Path(folder)))
        machine = boot(nic=switch.nic("virtio-net-pci"), append=automatic, mem=1024)
        login(machine, "systemctl is-active networking; ifquery --state eth0; pidof dhclient && echo DHC''LIENT")
        machine.expect("eth0=eth0").expect("DHCLIENT")
        check_renewed(machine, server, "eth0")


test_ifupdown.slow = True


for _test in (test_networkd, test_networkd_on_a_vlan_on_a_bond, test_ifupdown):
    _test.alone = True  # it may run make
del _test
