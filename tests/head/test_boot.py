"""test_boot - bare machines on a wire with nothing but `head-node serve` -> each in its system: BIOS, UEFI, Secure Boot."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: ovmf
import subprocess

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
    subprocess.run([build / "mkrdz", "--modules", build / "kernel/lib/modules" / version,
                    "--list", TOP / "modules.list", "--init", build / "stage1",
                    "--beside", build / "bin/stage1-tls", "--beside", build / "bin/stage1-relay", "--ca-bundle", "", "--tools", build / "tools", "--pci-ids",
                    build / "tools/usr/share/misc/pci.ids", "--firmware", "", "--work", folder / "work", "--signed",
                    "--out", folder / "all.rdz"], check=True)
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
