"""room - a command line, N -> N bare machines in QEMU on one switch, with a boot server and a head node, as on a site.

    with netns.Lab() as lab:
        room = Room(lab, 3, DOLLY_LINE, rate="100mbit")
        server = room.dolly(image)                        # the seeds' kind of dolly.cfg, dolly -s -v -f
        machines = [room.machine(i) for i in (1, 2, 3)]   # switched on, all at once

The switch is also the boot server (10.0.1.21: DHCP and TFTP); the head node (10.0.1.20) has a cable of its own, so that
what leaves it can be counted. Node I is 10.0.1.(30+I), by its card's address. RATE limits every cable.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: dnsmasq-base
import contextlib
import os
import pathlib
import socket
import struct
import threading

import netns
import qemu
import web

BIN = pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"
DOLLY = pathlib.Path(os.environ.get("DOLLY", BIN / "dolly"))
KA_SERVER = pathlib.Path(os.environ.get("KA_BIN", BIN)) / "ka-d-server"

BOOT_SERVER, HEAD = "10.0.1.21", "10.0.1.20"
HTTP_LINE = f"automatic=method:http,interface:eth0,network:dhcp,server:{HEAD},directory:/,image:root.sqfs"
# The lines of the seeds' pxelinux configurations, word by word; node_id= is each machine's own.
DOLLY_LINE = ("ramdisk_size=256000 automatic=method:dolly,dolly_timeout:100,interface:eth0,network:dhcp rescue "
              "dollymethod")
KA_LINE = ("ramdisk_size=64000 vga=788 automatic=method:ka,interface:eth0,network:dhcp root=/dev/ram3 rw rescue "
           "kamethod")


class Router(threading.Thread):
    """An IPv6 router that routes nothing and says so. iPXE asks for one for 14 s longer than its DHCP takes."""

    def __init__(self, node, interface):
        super().__init__(daemon=True)
        number = int(node.run(["cat", f"/sys/class/net/{interface}/ifindex"]).stdout)
        with node.inside():
            self.socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(
            socket.AF_INET6, "ff02::2") + struct.pack("@I", number))
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        self.start()

    def run(self):
        advertisement = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0)  # RFC 4861, section 4.2: lifetime 0
        while True:
            message, sender = self.socket.recvfrom(1500)
            if message[:1] == b"\x85":  # a solicitation
                with contextlib.suppress(OSError):  # no address of its own yet: it will ask again
                    self.socket.sendto(advertisement, ("ff02::1", 0, 0, sender[3]))


class Room:
    """COUNT sockets for machines that boot with LINE (None: no file to boot from is offered)."""

    def __init__(self, lab, count, line, rate=None, firmware="bios"):
        self.lab, self.count, self.firmware = lab, count, firmware
        self.switch, self.head = lab.switch("boot"), lab.node("head")
        self.switch.ip("address", "add", f"{BOOT_SERVER}/24", "dev", "br0")
        _, port = lab.cable(self.head, self.switch)
        self.head.address("eth0", f"{HEAD}/24")
        for i in range(1, count + 1):
            self.switch.ip("tuntap", "add", f"tap{i}", "mode", "tap")
            self.switch.ip("link", "set", f"tap{i}", "master", "br0", "up")
        if rate:
            self.head.shape("eth0", rate)
            for interface in (port, "br0", *(f"tap{i}" for i in range(1, count + 1))):
                self.switch.shape(interface, rate)
        Router(self.switch, "br0")
        self.tftp = lab.dir / "tftp"
        self.tftp.mkdir()
        self.tftp.chmod(0o755)
        bootfile = qemu.fill_tftp(self.tftp, line, firmware,
                                  machines={self.mac(i): f"node_id={i}" for i in range(1, count + 1)})
        # -d: like -k, and it stays the user it is, which in a user namespace is the only one there is
        self.switch.start([netns.need("dnsmasq", "dnsmasq-base"), "-d", "-p", "0", "-C", "/dev/null",
                           "--leasefile-ro", f"--dhcp-boot={bootfile}", f"--dhcp-range={BOOT_SERVER},static,80h",
                           *(f"--dhcp-host={self.mac(i)},{self.address(i)},node{i}" for i in range(1, count + 1)),
                           "--enable-tftp", f"--tftp-root={self.tftp}", "--interface=br0", "--bind-interfaces"],
                          ready=netns.port(67, "udp"))

    def address(self, i):
        """Node I's address."""
        return f"10.0.1.{30 + i}"

    def mac(self, i):
        """The address of node I's card."""
        return f"00:02:b3:3f:78:{0x80 + i:02x}"

    def machine(self, i, nic="e1000", mem=512, **how):
        """Switches node I on (with a screen: the seeds' lines may ask for a mode of it)."""
        card = qemu.Nic(nic, net=f"tap,ifname=tap{i},script=no,downscript=no", mac=self.mac(i))
        how = {"name": f"{qemu.test_name()}.node{i}", "lifetime": 900, **how}
        with self.switch.inside():  # QEMU opens its end of the cable in there
            return qemu.bare(card, mem, self.firmware, extra=["-device", "VGA"], **how)

    def sent(self):
        """Bytes that have left the head node by its cable so far."""
        with self.head.inside():
            rows = pathlib.Path("/proc/thread-self/net/dev").read_text().splitlines()
        return next(int(row.split(":")[1].split()[8]) for row in rows if row.split(":")[0].strip() == "eth0")

    # ---- what the head node runs

    def dolly(self, image, *options, infile="infile"):
        """dolly with the seeds' kind of dolly.cfg: IMAGE to all nodes. INFILE: "compressed infile" unpacks it there."""
        hosts = [self.address(i) for i in range(1, self.count + 1)]
        config = self.lab.file("dolly.cfg", "\n".join(
            [f"{infile} {image}", "outfile /dev/ram3", "server servernode", f"firstclient {hosts[0]}",
             f"lastclient {hosts[-1]}", f"clients {len(hosts)}", *hosts, "endconfig", ""]))
        return self.head.start([DOLLY, "-s", "-v", *options, "-f", config])

    def ka(self, command, *options, session="getstage2"):
        """ka-d-server with what COMMAND prints for all nodes, as the seeds' scripts start it."""
        return self.head.start([KA_SERVER, "-s", session, "-n", str(self.count), *options, "-e", command],
                               ready=netns.port(30765))

    def ka_tree(self, tree, *options):
        """The same with a folder, as the seeds send their rescue system."""
        return self.ka(f"(cd {tree}; tar --create --one-file-system --sparse . )", *options)

    def http(self, image):
        """An nginx that has IMAGE as root.sqfs."""
        with self.head.inside():
            server = web.Web(address=HEAD, port=80, view=HEAD)
        server.add(image, "root.sqfs")
        return server
