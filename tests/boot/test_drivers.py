"""test_drivers - what stands between a device and its driver is said by name, and the boot goes on where it can."""
# SPDX-License-Identifier: GPL-2.0-or-later
import stage2
from media import disk, ext4
from qemu import boot
from web import web


def test_a_driver_without_firmware():
    """A card whose driver asks for firmware in vain is named, with the file, after the card could not be used."""
    boot(nic="i82551", append="automatic=method:http,network:dhcp,server:10.0.2.2,timeout:3") \
        .expect("e100 misses its firmware e100/d102e_ucode.bin", 60).expect("S1-NET")


test_a_driver_without_firmware.slow = True


def test_a_controller_without_driver():
    """A disk controller that all.rdz has no driver for is named, and the disk on another one is used."""
    machine = boot(nic=[], append="automatic=method:disk rescue",
                   extra=["-device", "am53c974", *disk(ext4({"install/stage2/rescue.sqfs": stage2.squashfs()}),
                                                       "ahci")])
    machine.expect("no driver for", 60).expect("v00001022d00002020").expect("STAGE2 UP", 60)


def test_options_of_a_module():
    """MODULE.PARAMETER=VALUE on the command line reaches the module, and /run/stage1/modules has it."""
    machine = boot(append=f"e1000.TxDescriptors=128 {web().automatic(stage2.squashfs())}")
    machine.expect("STAGE2 UP").expect("e1000 TxDescriptors=128")


test_options_of_a_module.slow = True


def test_a_blacklisted_driver():
    """A driver that the command line forbids is left alone; the other card carries the boot."""
    machine = boot(nic=["e1000", "virtio-net-pci"],
                   append=f"modprobe.blacklist=e1000 {web().automatic(stage2.squashfs())}")
    machine.expect("e1000 is forbidden by the command line", 60).expect("STAGE2 UP")
    machine.never("RUN modules: e1000")
