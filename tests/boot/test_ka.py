"""test_ka - three bare machines on one network, the seeds' kamethod line -> a tree sent by ka; one is switched off."""
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import re
import shutil
import subprocess

import debian
import netns
import qemu
import stage2
from room import BOOT_SERVER, KA_LINE, Room

alone = True  # three machines are all that two processors can emulate
RATE = "30mbit"  # of every cable: the processors here are emulated, the chain is to be what takes time


def golden_tree(lab):
    """A Debian with the folder /ka, as the seeds' rescue system has it, and some bytes to be summed there."""
    tree = lab.dir / "mnt-ka"
    subprocess.run(["cp", "-a", debian.tree(), tree], check=True)
    (tree / "ka").mkdir()
    shutil.copy(stage2.squashfs(), tree / "ka" / "filler")
    (tree / "ka" / "again").hardlink_to(tree / "ka" / "filler")
    return tree


def look_around(machine, number):
    """Logs in: the root is what was sent, in the ramdisk, and knows where it came from."""
    machine.expect("login:", 300).send("root\n").expect("# ")
    for command, words in (
            ("uname -n", rf"^node{number}$"),
            ("findmnt -no SOURCE,FSTYPE /", r"^/dev/ram3 +ext4$"),
            ("cat /ka/tftpserver", f"^{BOOT_SERVER}$"),
            ("stat -c 'links %h' /ka/again", "^links 2$"),
            ("sha256sum </ka/again", hashlib.sha256(stage2.squashfs().read_bytes()).hexdigest()),
            ("systemctl --failed --no-legend | wc -l", "^0$")):
        machine.send(command + "\n").expect(re.compile(words, re.M), 60)


def test_three_machines_one_is_switched_off():
    """Three machines PXE-boot with the seeds' kamethod line and get a Debian's tree; the middle one is switched off
    while it flows; the others come to their login, with every byte; the golden node says who was lost."""
    with netns.Lab() as lab:
        room = Room(lab, 3, KA_LINE.replace("64000", "256000"), RATE)
        server = room.ka_tree(golden_tree(lab))
        machines = {i: room.machine(i) for i in (1, 2, 3)}
        for machine in machines.values():
            machine.expect("Waiting for rescue from KA server (Try 1/5)", 300)
        server.wait_line("Let's go!", 300)
        machines[2].expect(re.compile(r"^(\[4/6\] image)? +(#+\.+ +\d+ %  )?[3-6]\d(/\d+)? MB  .*/s", re.M),
                           120).power_off()
        for i in (1, 3):
            look_around(machines[i], i)
        status = server.wait(60)
        (qemu.SCRATCH / "console" / "test_ka.golden.log").write_text(server.text())
        assert status == 2, server.tail()
        assert server.text().count(": done, ") == 2 and server.text().count("FAILED at") == 1, server.tail()


def test_an_image():
    """One machine gets a squashfs by ka, in a session of another name: it is kept as it is and becomes the root."""
    with netns.Lab() as lab:
        room = Room(lab, 1, "automatic=method:ka,network:dhcp,session:image")
        server = room.ka(f"cat {stage2.squashfs()}", session="image")
        machine = room.machine(1, mem=384)
        machine.expect("Waiting for stage2 from KA server (Try 1/5)", 300).expect("STAGE2 UP", 240)
        machine.expect(f"FILLER 8000000 bytes sum {stage2.filler_sum()}", 60).expect_end("poweroff", 60)
        assert server.wait(20) == 0, server.tail()


test_an_image.slow = True
