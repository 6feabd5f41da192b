"""test_pxe - bare machines, one per card: the card's ROM, DHCP, TFTP, boot loader, all.rdz, http -> stage2's init."""
# SPDX-License-Identifier: GPL-2.0-or-later
import stage2
from qemu import pxe
from web import web


def arrives(**machine):
    """PXE-boots MACHINE and sees it arrive in a stage2 that is whole."""
    pxe(append=web().automatic(stage2.squashfs()), **machine).expect("STAGE2 UP", 120).expect(
        f"FILLER 8000000 bytes sum {stage2.filler_sum()}").expect_end("poweroff")


def test_e1000():
    """A machine with an Intel 82540EM (e1000) PXE-boots to stage2."""
    arrives(nic="e1000")


def test_e1000e():
    """A machine with an Intel 82574L (e1000e) PXE-boots to stage2."""
    arrives(nic="e1000e")


test_e1000e.slow = True


def test_i82559er():
    """A machine with an Intel 82559ER (e100) PXE-boots to stage2."""
    arrives(nic="i82559er")


test_i82559er.slow = True


def test_rtl8139():
    """A machine with a Realtek 8139 PXE-boots to stage2."""
    arrives(nic="rtl8139")


test_rtl8139.slow = True


def test_pcnet():
    """A machine with an AMD PCnet PXE-boots to stage2."""
    arrives(nic="pcnet")


test_pcnet.slow = True


def test_vmxnet3():
    """A machine with a VMware vmxnet3 card PXE-boots to stage2."""
    arrives(nic="vmxnet3")


test_vmxnet3.slow = True


def test_virtio():
    """A machine with a virtio card PXE-boots to stage2."""
    arrives(nic="virtio-net-pci")


def test_uefi():
    """A machine with UEFI firmware PXE-boots to stage2."""
    arrives(nic="e1000", firmware="uefi")
