"""test_rescue - the rescue system by http -> its drivers, its tools, its menu, and what the seeds' words do."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: qemu-utils
import re
import subprocess

import kit
import qemu
from qemu import boot
from web import web

CONTROLLERS = (("nvme,serial=1", "nvme0n1"), ("virtio-blk-pci", "vda"), ("ide-hd", "sda"))


def rescue(words, **how):
    """A machine that boots the rescue system."""
    return boot(append=f"{web().automatic(kit.rescue())} {words}", mem=512, **how)


def disks(folder):
    """QEMU's options for one small disk at each of the controllers."""
    options = ["-device", "ich9-ahci,id=ahci"]
    for number, (device, name) in enumerate(CONTROLLERS):
        path = folder / f"rescue.{name}.img"
        path.unlink(missing_ok=True)
        subprocess.run(["truncate", "-s", f"{320 + number}M", path], check=True)  # mkfs.xfs makes none below 300
        bus = ",bus=ahci.0" if device == "ide-hd" else ""
        options += ["-drive", f"file={path},if=none,format=raw,id=disk{number}",
                    "-device", f"{device}{bus},drive=disk{number}"]
    return options


def test_menu_and_tools():
    """The rescue system finds the disks of three controllers, makes and mounts file systems, and offers its menu."""
    machine = rescue("rescue", extra=disks(qemu.SCRATCH)).expect("RESCUE UP").expect("Your choice? [3] ").send("1\n")
    machine.expect("No disk of this machine holds a system").expect("Your choice? [3] ").send("3\n").expect("# ")
    machine.send("lsblk -dno NAME,SIZE | sort\n")
    for _, name in sorted(CONTROLLERS, key=lambda row: row[1]):
        machine.expect(re.compile(rf"^{name} +\d+M", re.M))
    for kind, device in (("ext4", "nvme0n1"), ("vfat", "vda"), ("xfs -f -q", "sda")):
        machine.expect("# ").send(f"mkfs.{kind} /dev/{device} >/dev/null 2>&1; mount /dev/{device} /mnt/disk && "
                                  f"umount /mnt/disk; echo made $?\n").expect(re.compile("^made 0", re.M), 60)
    machine.expect("# ").send("for p in sfdisk mdadm lvm cryptsetup mkfs.btrfs grub-install efibootmgr tar zstd sshd; do "
                              "command -v $p >/dev/null || echo la''cks $p; done; echo look'ed'\n").expect("looked")
    machine.never("lacks ")
    machine.send("exit\n").expect("Your choice? [3] ").send("4\n").expect_end("reboot")


def test_kamethod():
    """With the word kamethod the rescue system's init looks for the golden node's first session."""
    rescue("rescue kamethod").expect("------| Ka |---- Install starting...").expect("Current session is -s kainstall1")


test_kamethod.slow = True
