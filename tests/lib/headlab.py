"""headlab - N sockets on a switch, a head node with nothing but `head-node serve` -> machines that boot from it.

    with netns.Lab() as lab:
        site = Site(lab, 2)
        site.serve("--image", image)                          # returns when it says that it is ready
        machines = [site.machine(1), site.machine(2, firmware="uefi")]

The head node is 10.0.1.20, with a cable of its own to the switch; socket I is the tap device tapI of the switch.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: dnsmasq-base nginx-light squashfs-tools squashfs-tools-ng pxelinux syslinux-common shim-signed
# packages: grub-efi-amd64-signed grub-efi-amd64-bin
import pathlib
import shutil
import tempfile

import netns
import qemu
import room

TOP = pathlib.Path(__file__).resolve().parents[2]
HEAD_NODE = TOP / "build" / "bin" / "head-node"
HEAD = "10.0.1.20"
SERIAL = "console=ttyS0,115200 panic=-1 loglevel=4 no_timer_check"
SECURE_CODE, SECURE_VARS = "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"


class Site:
    """COUNT sockets and a head node on one switch. ADDRESS: the head node's, None: it has none. RATE limits cables."""

    def __init__(self, lab, count=0, address=f"{HEAD}/24", rate=None):
        self.lab, self.count = lab, count
        self.switch, self.head = lab.switch("boot"), lab.node("head")
        _, port = lab.cable(self.head, self.switch)
        if address:
            self.head.address("eth0", address)
        for i in range(1, count + 1):
            self.switch.ip("tuntap", "add", f"tap{i}", "mode", "tap")
            self.switch.ip("link", "set", f"tap{i}", "master", "br0", "up")
        if rate:
            self.head.shape("eth0", rate)
            for interface in (port, *(f"tap{i}" for i in range(1, count + 1))):
                self.switch.shape(interface, rate)
        room.Router(self.switch, "br0")
        self.state = lab.dir / "state"

    def words(self, *options):
        """The words of `head-node serve` here."""
        return [HEAD_NODE, "serve", "--interface", "eth0", "--state", self.state, *options]

    def serve(self, *options, patience=60):
        """A head-node that is ready."""
        return self.head.start(self.words("--append", SERIAL, *options), ready=netns.line("^head-node: ready"),
                               timeout=patience)

    def command(self, *words, check=True):
        """Another command of head-node, with the same state folder; what it says, on both ways."""
        done = self.head.run([HEAD_NODE, *words, "--state", self.state], check=check)
        return (done.stdout + done.stderr).decode()

    def name_all(self):
        """Every machine has its row: node I, at 10.0.1.(30+I)."""
        for i in range(1, self.count + 1):
            self.command("nodes", "add", self.mac(i), f"name=node{i}", f"node_id={i}", f"address={self.address(i)}")

    def address(self, i):
        """Machine I's address, as name_all() gives it."""
        return f"10.0.1.{30 + i}"

    def mac(self, i):
        """The address of machine I's card."""
        return f"00:02:b3:3f:78:{0x80 + i:02x}"

    def log(self, name):
        """What a program that head-node runs has said."""
        return (self.state / "log" / f"{name}.log").read_text()

    def machine(self, i, firmware="bios", nic="e1000", mem=512, **how):
        """Switches machine I on. FIRMWARE: bios, uefi (QEMU's iPXE is its card's ROM), plain (UEFI's own PXE) or
        secure (the same with Secure Boot on)."""
        card = qemu.Nic(nic, net=f"tap,ifname=tap{i},script=no,downscript=no", mac=self.mac(i))
        how = {"name": f"{qemu.test_name()}.node{i}", "lifetime": 900, **how}
        with self.switch.inside():  # QEMU opens its end of the cable in there
            if firmware in ("bios", "uefi"):
                return qemu.bare(card, mem, firmware, **how)
            return own_rom(card, mem, firmware == "secure", **how)


def own_rom(card, mem, secure, **how):
    """A machine whose firmware has no other ROM than its own; SECURE: with Microsoft's keys, Secure Boot on."""
    folder = tempfile.TemporaryDirectory(prefix="uefi-")
    variables = pathlib.Path(folder.name) / "vars.fd"
    shutil.copyfile(SECURE_VARS if secure else qemu.OVMF_VARS, variables)
    words = ["-drive", f"if=pflash,format=raw,readonly=on,file={SECURE_CODE if secure else qemu.OVMF_CODE}",
             "-drive", f"if=pflash,format=raw,file={variables}"]
    if secure:
        words += ["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]
    return qemu._start(card, mem, words, files=folder, **how)
