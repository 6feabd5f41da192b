"""wire.py - a machine of a Lab and QEMU's cards -> a switch between them that tags, aggregates, forwards late, or
drops.

    with netns.Lab() as lab:
        head = lab.node("head")
        switch = wire.Switch(head, vlan=12)               # head gets a card eth0 (a tap), untagged; QEMU's side is
        tagged
        head.address("eth0", "10.9.0.1/24")
        boot(nic=switch.nic("e1000"), append="automatic=...,vlan:12").expect("STAGE2 UP")

The switch is a thread of the test. What QEMU sends without the tag is not forwarded, as on a real trunk port.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import fcntl
import os
import select
import socket
import struct
import sys
import threading

import dhcp
import netns
import stage2
from qemu import Nic

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
BROADCAST = b"\xff" * 6
SLOW_PROTOCOLS = b"\x01\x80\xc2\x00\x00\x02"  # IEEE 802.3, annex 57A: where LACP is spoken


def _free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Port:
    """One of QEMU's cards on the switch."""

    def __init__(self, model):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.peer = ("127.0.0.1", _free_port())
        mine = self.socket.getsockname()
        self.nic = Nic(model, f"socket,udp=127.0.0.1:{mine[1]},localaddr=127.0.0.1:{self.peer[1]}")
        self.open = True      # forwards
        self.frames = []      # (destination MAC, type) of each frame QEMU sent
        self.macs = set()     # who is behind it
        self.partner = None   # of LACP: the node's last word about itself
        self.aggregated = False

    def send(self, frame):
        try:
            self.socket.sendto(frame, self.peer)
        except ConnectionRefusedError:
            pass  # QEMU is not there yet, or not any more


class Switch(threading.Thread):
    """NODE's new interface on one side, QEMU's cards on the other. VLAN: frames there carry this tag. LACP: the ports
    forward only once the node has aggregated them (IEEE 802.1AX)."""

    def __init__(self, node, interface="eth0", vlan=None, lacp=False):
        super().__init__(daemon=True)
        self.vlan, self.lacp, self.ports = vlan, lacp, []
        with node.inside():
            self.tap = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", interface.encode(), IFF_TAP | IFF_NO_PI))
        self._wake = os.pipe()
        self.start()

    def nic(self, model="e1000"):
        """A new port, as a Nic for boot()."""
        port = Port(model)
        self.ports.append(port)
        os.write(self._wake[1], b"x")
        return port.nic

    def run(self):
        while True:
            ports = {port.socket: port for port in self.ports}
            ready, _, _ = select.select([self.tap, self._wake[0], *ports], [], [])
            for source in ready:
                if source == self._wake[0]:
                    os.read(source, 1)
                elif source == self.tap:
                    self.to_machines(os.read(source, 65536))
                else:
                    self.from_machine(ports[source], source.recv(65536))

    # ---- forwarding

    def to_machines(self, frame, but=None):
        """A frame from the node, or another port: to the port its destination is behind, or to all."""
        to = frame[:6]
        known = [port for port in self.ports if to in port.macs]
        tagged = frame if self.vlan is None else frame[:12] + struct.pack(">HH", 0x8100, self.vlan) + frame[12:]
        for port in known or self.ports:
            if port is not but and self.forwards(port):
                port.send(tagged)
                if self.lacp:
                    return  # the ports are one

    def forwards(self, port):
        return port.open and (port.aggregated or not self.lacp)

    def from_machine(self, port, frame):
        port.frames.append((frame[:6], frame[12:14]))
        if frame[:6] == SLOW_PROTOCOLS and frame[12:15] == b"\x88\x09\x01":
            if self.lacp and port.open:
                self.answer_lacp(port, frame)
            return
        if not self.forwards(port):
            return
        if self.vlan is not None:
            if frame[12:14] != b"\x81\x00" or struct.unpack(">H", frame[14:16])[0] & 0xFFF != self.vlan:
                return
            frame = frame[:12] + frame[16:]
        for other in self.ports:
            other.macs.discard(frame[6:12])
        port.macs.add(frame[6:12])
        os.write(self.tap, frame)

    # ---- LACP, as far as a partner needs it that always agrees

    def answer_lacp(self, port, frame):
        actor = frame[18:18 + 18]  # system priority, system, key, port priority, port, state, reserved
        port.partner = actor
        collecting = 0x10 | 0x20  # collecting, distributing
        state = 0x01 | 0x02 | 0x04 | 0x08  # active, short timeout, aggregatable, in sync
        if actor[14] & 0x08:
            state |= collecting
            port.aggregated = True
        number = self.ports.index(port) + 1
        me = struct.pack(">H6sHHHB3x", 1, b"\x02\x53\x57\0\0\x01", 7, 255, number, state)
        pdu = (b"\x01\x01" + b"\x01\x14" + me + b"\x02\x14" + actor[:15] + b"\0\0\0" + b"\x03\x10" + bytes(14) +
               b"\0\0" + bytes(50))
        port.send(SLOW_PROTOCOLS + b"\x02\x53\x57\0\0" + bytes([number]) + b"\x88\x09" + pdu)


def head_on(lab, **switch):
    """A head 10.9.0.1 with DHCP and HTTP (the switch's .http) behind a switch, and the automatic= line that boots from
    it."""
    head = lab.node("head")
    ports = Switch(head, **switch)
    head.address("eth0", "10.9.0.1/24")
    dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h")
    image = stage2.squashfs()
    ports.http = head.start([sys.executable, "-m", "http.server", "8000"], ready=netns.port(8000), cwd=image.parent)
    return ports, f"automatic=method:http,network:dhcp,server:10.9.0.1:8000,directory:/,image:{image.name}"
