"""test_clone - a golden node and a bare machine in QEMU -> the machine PXE-boots with the seeds' kamethod line, becomes
a clone on a disk of another size and controller, and boots from it by itself."""
# SPDX-License-Identifier: GPL-2.0-or-later
import re

import golden
import kit
import netns
import qemu
from room import KA_LINE, Room

alone = True  # two machines are all that two processors can emulate

TABLE = "label: dos\n,1600M,83,*\n,,5\n,128M,82\n,,83\n"
PARTS = {1: ("ext4", "/"), 5: ("swap", None), 6: ("ext4", "/var")}
DESC = "# the seeds' kind\nlinux 1600\nextended fill\nlogical swap 128\nlogical linux fill\n"


def disk(path, size):
    """A file as an empty disk."""
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def cloned(lab, source, target, line=KA_LINE, loader="grub"):
    """Sends SOURCE to a machine with the disk TARGET; its console up to the reboot."""
    rescue = kit.rescue()  # by the network, which there is none of in there
    site = Room(lab, 2, line)
    with site.switch.inside():
        card = qemu.Nic("virtio-net-pci", net="tap,ifname=tap1,script=no,downscript=no", mac=site.mac(1))
        first = source.boot(card, rescue, name=f"{qemu.test_name()}.golden", lifetime=3000)
    first.expect("login:", 300).send("root\n").expect("# ")
    first.send("mkdir -p /mnt/ka; mount -o ro /dev/vda /mnt/ka && "
               f"/mnt/ka/ka/ka-d.sh -n 1 -p sda /root/desc -r {loader}; echo status $?\n")
    first.expect("Sending Stage2", 120)
    node = site.machine(2, nic="virtio-net-pci", mem=768, drives=[target], lifetime=3000)
    node.expect("Install starting", 300).expect("Linux copy is about to start", 300)
    node.expect("This node is a clone now", 1500)  # its initramfs takes an emulated processor minutes
    node.expect_end("reboot", 120)
    first.expect(re.compile(r"^status (\d)", re.M), 120)
    assert first.match[1] == "0", first.match.group()
    first.send("poweroff\n").expect_end("poweroff", 120)


def test_mbr_to_a_larger_disk():
    """A golden Debian on a SCSI disk with the seeds' desc becomes a machine with a larger virtio disk, which boots from
    that disk, without the network, with a name and an identity of its own."""
    with netns.Lab() as lab:
        source = golden.Golden(lab.dir, 3 << 30, TABLE, PARTS, DESC)
        target = disk(lab.dir / "clone.img", 5 << 30)
        cloned(lab, source, target)
        clone = qemu._start(qemu.Nic("virtio-net-pci", "unplugged"), 512, ["-boot", "c"], [target], lifetime=600,
                            name="test_clone.clone")
        clone.expect(re.compile(r"(\S+) login:"), 300)
        assert clone.match[1] != "golden", clone.match.group()
        clone.send("root\n").expect("# ")
        for words, answer in (("findmnt -no SOURCE /", r"^/dev/vda1"), ("findmnt -no SOURCE /var", r"^/dev/vda6"),
                              ("swapon --noheadings --show=NAME", r"^/dev/vda5"), ("cat /srv/again", "^golden words"),
                              ("getcap /usr/bin/ip", "cap_net_raw=ep"),
                              ("cat /etc/machine-id", r"^(?!0123456789)\w{32}\s"),
                              ("systemctl --failed --no-legend | wc -l", "^0")):
            clone.send(words + "\n").expect(re.compile(answer, re.M), 60)
        clone.send("poweroff\n").expect_end("poweroff", 120)


test_mbr_to_a_larger_disk.slow = True
