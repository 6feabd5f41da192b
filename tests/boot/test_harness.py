"""test_harness - the harness on a machine without stage1: what it reads, types, plugs and waits for is really so."""
# SPDX-License-Identifier: GPL-2.0-or-later
import qemu
import stage2
from qemu import Nic, Unexpected, boot, pxe


def test_console_and_end():
    """The console is read in order, and a power off is told from a reboot."""
    machine = boot(initrd=stage2.initramfs(), mem=256)
    machine.expect("STAGE2 UP").expect("STAGE2 END").expect_end("poweroff").never("Kernel panic")
    try:
        machine.expect_end("reboot", 1)
    except Unexpected:
        return
    raise AssertionError("a power off passed for a reboot")


def test_missing_words():
    """Words that do not come are an error within their time, with the console's last lines."""
    machine = boot(initrd=stage2.initramfs(), mem=256, append="stage2.stay")
    machine.expect("STAGE2 END")
    try:
        machine.expect("no such words", 0.5)
    except Unexpected as error:
        assert "STAGE2 END" in str(error), error
        return
    raise AssertionError("words were found that are not there")


test_missing_words.slow = True


def test_reset_and_panic():
    """A reset restarts the machine, and a kernel that panics ends it at once."""
    machine = boot(initrd=stage2.initramfs(), mem=256, append="stage2.stay", reboots=True)
    machine.expect("STAGE2 END").reset().expect("STAGE2 END")
    boot(initrd=stage2.SOURCE, mem=256).expect("Kernel panic").expect_end("reboot")


test_reset_and_panic.slow = True


def test_cables():
    """A card without cable has no link, and no process outlives its machine."""
    machine = boot(nic=[Nic("virtio-net-pci", "unplugged"), Nic("e1000", "silent")], initrd=stage2.initramfs(), mem=256,
                   append="stage2.stay")
    machine.expect("STAGE2 END").link(0, up=True).link(0, up=False)
    process = machine.process
    del machine
    assert process.poll() is not None, "QEMU still runs"


def test_pxe_bios():
    """A card's ROM, pxelinux and TFTP bring the kernel and its command line."""
    pxe(initrd=stage2.initramfs(), mem=256, append="some=word").expect("STAGE2 UP").expect("some=word").expect(
        "BOOTIF=01-52-54-00")


test_pxe_bios.slow = True


def test_pxe_uefi():
    """UEFI firmware, its network boot and GRUB bring the kernel and its command line."""
    pxe(firmware="uefi", initrd=stage2.initramfs(), mem=512, append="some=word").expect("STAGE2 UP").expect("some=word")


test_pxe_uefi.slow = True
