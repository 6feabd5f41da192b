"""test_dolly - three bare machines on one network, the seeds' dolly.cfg -> a Debian login on each, by the chain."""
# SPDX-License-Identifier: GPL-2.0-or-later
import re

import debian
import netns
import qemu
import rescue
from room import DOLLY_LINE, Room

alone = True  # three machines are all that two processors can emulate
RATE = "50mbit"  # of every cable: the processors here are emulated, the chain is to be what takes time
PATIENCE = 300   # until a login, on a busy machine


def at_login(machine):
    """Waits for the login of a Debian that really runs, and logs in."""
    machine.expect("Waiting for rescue from Dolly server (timeout 100) (Try 1/3)", PATIENCE)
    machine.expect("login:", PATIENCE).send("root\n").expect("# ")
    return machine


def says(machine, command, words):
    """COMMAND in the shell of MACHINE prints WORDS."""
    machine.send(f"{command}\n").expect(re.compile(words, re.M), 60)


def keep_words(server, name):
    """The head's words, beside the consoles."""
    (qemu.SCRATCH / "console" / f"test_dolly.{name}.head.log").write_text(server.text())
    return server.text()


def test_three_machines():
    """Three machines PXE-boot at once with the seeds' line and get the diskless image through the chain: each comes to
    its login, and the image leaves the head node once."""
    with netns.Lab() as lab:
        room = Room(lab, 3, DOLLY_LINE, RATE)
        image = debian.ext2()
        server = room.dolly(image)
        machines = [room.machine(i) for i in (1, 2, 3)]
        for i, machine in enumerate(machines, 1):
            at_login(machine)
            says(machine, "uname -n; findmnt -no FSTYPE /", rf"^node{i}\noverlay$")
        assert server.wait(60) == 0, server.tail()
        words = keep_words(server, "three")
        assert "3 of 3 nodes have everything" in words, words
        assert room.sent() < 1.1 * image.stat().st_size, f"{room.sent()} bytes left the head"


test_three_machines.slow = True  # make demo NODES=3, which test_demo.py runs, is nearly the same


def test_one_is_switched_off():
    """The machine in the middle of the chain is switched off while the image flows: the others come to their login, and
    the head names the one that was lost."""
    with netns.Lab() as lab:
        room = Room(lab, 3, DOLLY_LINE, RATE)
        server = room.dolly(debian.ext2())
        machines = {i: room.machine(i) for i in (1, 2, 3)}
        machines[2].expect(re.compile(r"#+\.+ +[2-6]\d %"), PATIENCE).power_off()
        for i in (1, 3):
            at_login(machines[i])
        assert server.wait(60) == 1, server.tail()
        words = keep_words(server, "off")
        assert "2 of 3 nodes have everything" in words and "NOT DONE 10.0.1.32" in words, words


test_one_is_switched_off.slow = True


def test_in_two_steps():
    """As the seeds describe it: three machines get a rescue system by dolly; from within it, by the word dollymethod,
    the system image into /dev/ram3, and that becomes the root; of the rescue system nothing stays."""
    with netns.Lab() as lab:
        room = Room(lab, 3, DOLLY_LINE, RATE)
        first = room.dolly(rescue.squashfs())
        machines = [room.machine(i) for i in (1, 2, 3)]
        for i, machine in enumerate(machines, 1):
            machine.expect("Waiting for rescue from Dolly server (timeout 100) (Try 1/3)", PATIENCE)
            machine.expect(f"RESCUE UP node_id {i}", PATIENCE)
        assert first.wait(60) == 0, first.tail()
        second = room.dolly(debian.ext2())
        for i, machine in enumerate(machines, 1):
            machine.expect("Waiting for image from Dolly server (timeout 100) (Try 1/3)", PATIENCE)
            machine.expect("login:", PATIENCE).send("root\n").expect("# ")
            says(machine, "uname -n; findmnt -no SOURCE,FSTYPE /", rf"^node{i}\n/dev/ram3 +ext[24]$")
            says(machine, "grep -c -e stage1/ -e /mnt /proc/mounts", "^0$")
        assert second.wait(60) == 0, second.tail()


test_in_two_steps.slow = True


def test_one_comes_back():
    """The machine in the middle is switched off while the image flows, and on again: it boots anew, joins at the end of
    the chain, and all three come to their login."""
    with netns.Lab() as lab:
        room = Room(lab, 3, DOLLY_LINE, RATE)
        server = room.dolly(debian.ext2(), "-w", str(PATIENCE))
        machines = {i: room.machine(i) for i in (1, 2, 3)}
        machines[2].expect(re.compile(r"#+\.+ +[2-6]\d %"), PATIENCE).power_off()
        machines[2] = room.machine(2, name="test_dolly.test_one_comes_back.node2.again")
        for machine in machines.values():
            at_login(machine)
        assert server.wait(60) == 0, server.tail()
        words = keep_words(server, "back")
        assert "10.0.1.32 is lost" in words and "3 of 3 nodes have everything" in words, words


test_one_comes_back.slow = True
