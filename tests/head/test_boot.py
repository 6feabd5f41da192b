"""test_boot - bare machines on a wire with nothing but `head-node serve` -> each in its system: BIOS, UEFI, Secure Boot."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: ovmf isc-dhcp-server dnsmasq-base
import os
import subprocess
import time

import debian
import netns
import qemu
import stage2
from headlab import TOP, Site

alone = True  # two machines are all that two processors can emulate
PATIENCE = 240


def arrives(machine):
    """MACHINE comes up in a stage2 that is whole."""
    machine.expect("STAGE2 UP", PATIENCE).expect(f"FILLER 8000000 bytes sum {stage2.filler_sum()}", 60)


def signed():
    """A folder with the kernel and an all.rdz whose modules are as the kernel's package has them: `make SIGNED=1`."""
    folder = qemu.SCRATCH / "signed"
    folder.mkdir(parents=True, exist_ok=True)
    build = TOP / "build"
    version = (build / "kernel" / "version").read_text().strip()
    words = {"modules": build / "kernel/lib/modules" / version, "list": TOP / "modules.list", "init": build / "stage1",
             "ca-bundle": "", "tools": build / "tools", "pci-ids": build / "tools/usr/share/misc/pci.ids",
             "firmware": "", "work": folder / "work", "out": folder / "all.rdz"}
    options = [word for name, value in words.items() for word in (f"--{name}", value)]
    beside_init = [word for name in ("stage1-tls", "stage1-relay") for word in ("--beside", build / "bin" / name)]
    subprocess.run([build / "mkrdz", "--signed", *options, *beside_init], check=True)
    link = folder / "vmlinuz"
    link.unlink(missing_ok=True)
    link.symlink_to(qemu.kernel().resolve())
    return folder


def test_bios_and_uefi():
    """One command serves a machine with BIOS and one with UEFI, each by the boot loader of its firmware."""
    with netns.Lab() as lab:
        site = Site(lab, 2)
        site.serve("--image", stage2.squashfs())
        bios, uefi = site.machine(1), site.machine(2, "uefi")
        arrives(bios)
        arrives(uefi)
        assert "PXELINUX" in bios.text and "PXELINUX" not in uefi.text


def by_method(method, *options):
    """Two machines get the image by METHOD."""
    with netns.Lab() as lab:
        site = Site(lab, 2)
        server = site.serve("--image", stage2.squashfs(), "--method", method, "--nodes", "2", *options)
        for machine in [site.machine(1), site.machine(2)]:
            arrives(machine)
        return server.text()


def test_dolly():
    """By dolly two machines get it through the chain, and the head node waits for the next two."""
    assert "the next machines are waited for" in by_method("dolly")


test_dolly.slow = True


def test_ka():
    """By ka two machines get the tree that the squashfs holds."""
    by_method("ka")


test_ka.slow = True


def test_nfs():
    """By nfs two machines get it from the server that head-node runs."""
    by_method("nfs")


test_nfs.slow = True


def eight(meanwhile, limit=220):
    """Eight machines of 512 MB, BIOS and UEFI in turn, come to the login of a Debian; what MEANWHILE does
    (site, words of serve, server) happens when all are switched on. The seconds from then to the last login."""
    with netns.Lab() as lab:
        site = Site(lab, 8)
        site.name_all()
        words = "--image", debian.squashfs(), "--nodes", "8"
        server = site.serve(*words)
        began = time.monotonic()
        machines = [site.machine(i, "bios" if i % 2 else "uefi", lifetime=1500) for i in range(1, 9)]
        meanwhile(site, words, server)
        for machine in machines:
            machine.expect("login:", 4 * limit)
        took = time.monotonic() - began
        print(f"eight logins after {took:.0f} s; load {os.getloadavg()[0]:.1f}, processors {os.cpu_count()}")
        return took


def test_eight():
    """Eight machines from one command, BIOS and UEFI mixed, come to eight logins."""
    eight(lambda *_: None)


test_eight.slow = True


def test_killed_in_the_middle():
    """head-node is killed by force and started again while eight machines boot: all eight arrive."""
    def kill_and_start(site, words, server):
        time.sleep(25)  # firmware, boot loader and kernel: some here, some there
        server.popen.kill()
        server.popen.wait()
        time.sleep(3)
        site.serve(*words)
    eight(kill_and_start)


test_killed_in_the_middle.slow = True


def beside(server, firmware):
    """A machine boots where SERVER(lab, node) gives the addresses, and head-node boot files only."""
    with netns.Lab() as lab:
        site, foreign = Site(lab, 1), lab.node("foreign")
        lab.cable(foreign, site.switch)
        foreign.address("eth0", "10.0.1.2/24")
        server(lab, foreign)
        site.serve("--image", stage2.squashfs())
        card, mem = ("e1000", 512) if firmware == "bios" else ("virtio-net-pci", 1024)  # OVMF drives this one itself
        arrives(site.machine(1, firmware, nic=card, mem=mem))


def dnsmasq(_, node):
    """Somebody else's dnsmasq."""
    node.start(["dnsmasq", "-d", "-p", "0", "-C", "/dev/null", "--leasefile-ro", "--interface=eth0",
                "--bind-interfaces", "--dhcp-range=10.0.1.100,10.0.1.120"], ready=netns.port(67, "udp"))


def dhcpd(lab, node):
    """Somebody else's ISC dhcpd."""
    conf = lab.file("dhcpd.conf", "authoritative;\nsubnet 10.0.1.0 netmask 255.255.255.0 "
                                  "{ range 10.0.1.100 10.0.1.120; }\n")
    lab.file("dhcpd.leases", "")
    node.start(["dhcpd", "-f", "-d", "-cf", conf, "-lf", lab.dir / "dhcpd.leases", "-pf", lab.dir / "dhcpd.pid",
                "eth0"], ready=netns.port(67, "udp"))


def test_bios_beside_dnsmasq():
    """BIOS, beside a foreign dnsmasq."""
    beside(dnsmasq, "bios")


test_bios_beside_dnsmasq.slow = True


def test_uefi_beside_dnsmasq():
    """UEFI's own PXE, beside a foreign dnsmasq."""
    beside(dnsmasq, "plain")


test_uefi_beside_dnsmasq.slow = True


def test_bios_beside_dhcpd():
    """BIOS, beside ISC dhcpd."""
    beside(dhcpd, "bios")


test_bios_beside_dhcpd.slow = True


def test_uefi_beside_dhcpd():
    """UEFI's own PXE, beside ISC dhcpd."""
    beside(dhcpd, "plain")


test_uefi_beside_dhcpd.slow = True


def test_secure_boot():
    """A machine with Microsoft's keys and Secure Boot on boots by shim, the signed GRUB and Debian's kernel."""
    with netns.Lab() as lab:
        site = Site(lab, 1)
        site.serve("--image", stage2.squashfs(), "--boot", signed())
        machine = site.machine(1, "secure", nic="virtio-net-pci", mem=1024)
        arrives(machine)
        sent = site.log("dnsmasq")
        assert "shimx64.efi" in sent and "grubx64.efi" in sent, sent


test_secure_boot.slow = True
