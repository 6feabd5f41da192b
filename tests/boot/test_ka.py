"""test_ka - three bare machines on one network, the seeds' kamethod line -> a tree sent by ka; one is switched off."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import shutil
import time

import netns
import qemu
import stage2

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = pathlib.Path(os.environ.get("KA_BIN", ROOT / "build/bin")) / "ka-d-server"
SEEDS_LINE = ("ramdisk_size=64000 vga=788 automatic=method:ka,interface:eth0,network:dhcp root=/dev/ram3 rw rescue "
              "kamethod")
FILLER = 24  # MB of stage2
RATE = "40mbit"


class Room:
    """A golden node with DHCP and TFTP, and sockets for machines to be plugged in, all on one switch."""

    def __init__(self, lab, count, line=SEEDS_LINE):
        self.lab = lab
        self.head = lab.switch("golden")  # the switch's own port is the golden node's card
        self.head.ip("address", "add", "10.0.1.40/24", "dev", "br0")
        for i in range(1, count + 1):
            self.head.ip("tuntap", "add", f"tap{i}", "mode", "tap")
            self.head.ip("link", "set", f"tap{i}", "master", "br0", "up")
            self.head.shape(f"tap{i}", RATE)
        tftp = lab.dir / "tftp"
        tftp.mkdir()
        bootfile = qemu.fill_tftp(tftp, qemu._command_line("no_timer_check " + line))
        self.head.start([netns.need("dnsmasq", "dnsmasq-base"), "-k", "-p", "0", "-C", "/dev/null", "--user=root",
                         "--leasefile-ro", f"--dhcp-boot={bootfile}", "--dhcp-range=10.0.1.31,10.0.1.39,80h",
                         "--enable-tftp", f"--tftp-root={tftp}", "--interface=br0", "--bind-interfaces"],
                        ready=netns.port(67, "udp"))

    def machine(self, i, **how):
        """Switches machine I on (with a screen: the seeds' line asks for a mode of it)."""
        nic = qemu.Nic("e1000", net=f"tap,ifname=tap{i},script=no,downscript=no", mac=f"00:02:b3:3f:78:{0x80 + i:02x}")
        with self.head.inside():  # QEMU opens its end of the cable in there
            return qemu._start([nic], 384, ["-boot", "n"], extra=["-device", "VGA"], lifetime=560,
                               name=f"test_ka.{self.lab.prefix}.{i}", **how)


def golden_tree(lab):
    """A stage2 with the folder /ka, as the seeds' rescue system has it."""
    stage2.squashfs(FILLER)
    tree = lab.dir / "mnt-ka"
    shutil.copytree(stage2.FOLDER / f"tree-{FILLER}", tree, symlinks=True)
    (tree / "ka").mkdir()
    (tree / "ka" / "ka-d-client").write_text("here\n")
    (tree / "a").write_text("hard\n")
    (tree / "b").hardlink_to(tree / "a")
    return tree


def serve(room, tree, count):
    return room.head.start([SERVER, "-s", "getstage2", "-n", str(count), "-e",
                            f"(cd {tree}; tar --create --one-file-system --sparse . )"], ready=netns.port(30765))


def test_three_machines_one_is_switched_off():
    """Three machines PXE-boot with the seeds' kamethod line; the middle one is switched off while the tree flows; the
    others arrive in a stage2 that is whole and finds the server's address; the golden node says who was lost."""
    with netns.Lab() as lab:
        room = Room(lab, 3)
        server = serve(room, golden_tree(lab), 3)
        machines = {i: room.machine(i) for i in (1, 2, 3)}
        for machine in machines.values():
            machine.expect("Waiting for rescue from KA server (Try 1/5)", 300)
        server.wait_line("Let's go!", 300)
        time.sleep(2)
        victim = 2
        machines[victim].power_off()
        for i, machine in machines.items():
            if i != victim:
                machine.expect("STAGE2 UP", 240).expect("KA 10.0.1.40", 60).expect(
                    f"FILLER {FILLER}000000 bytes sum {stage2.filler_sum(FILLER)}", 120)
                machine.expect_end("poweroff", 60)
        status = server.wait(60)
        (qemu.SCRATCH / "console" / "test_ka.golden.log").write_text(server.text())
        assert status == 2, server.tail()
        assert server.text().count(": done, ") == 2 and server.text().count("FAILED at") == 1, server.tail()


def test_an_image():
    """One machine gets a squashfs by ka, in a session of another name: it is kept as it is and becomes the root."""
    with netns.Lab() as lab:
        room = Room(lab, 1, "automatic=method:ka,network:dhcp,session:image")
        server = room.head.start([SERVER, "-s", "image", "-n", "1", "-e", f"cat {stage2.squashfs()}"],
                                 ready=netns.port(30765))
        machine = room.machine(1)
        machine.expect("Waiting for stage2 from KA server (Try 1/5)", 300).expect("STAGE2 UP", 240)
        machine.expect(f"FILLER 8000000 bytes sum {stage2.filler_sum()}", 60).expect_end("poweroff", 60)
        assert server.wait(20) == 0, server.tail()
