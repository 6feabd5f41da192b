"""nfsclient - a machine with the kernel's NFS client and stage1-fetch in it -> what runs of it say; and a wire to
break.

    with Client() as client, ganesha({"x": file}) as server, Wire(server) as wire:
        wire.at(2_000_000, server.freeze)        once so many bytes have come from the server
        client.fetch(wire, "image:x,timeout:2").failed("S1-SRV-04")
One machine serves many runs: a boot takes longer than all of them.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import itertools
import re
import shutil
import socket
import threading
import time

import fetcher
import initramfs
from nfs import FOLDER, GUEST_VIEW
from qemu import boot

CLIENT_MODULES = ("virtio_net", "virtio_pci", "nfsv4", "nfsv3")

# Each line that comes on the console is a command.
CLIENT_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs tmp /tmp
for module in {modules}; do insmod $module; done
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
stty -echo; echo CLIENT READY
while read -r line; do eval "$line"; done
"""


def client_initramfs():
    """The initramfs of such a machine."""
    return initramfs.machine(FOLDER / "nfs-client.cpio", CLIENT_INIT, modules=CLIENT_MODULES,
                             fill=lambda root: shutil.copy(fetcher.PROGRAM, root / "bin/stage1-fetch"))


class Said:
    """What one run did: .status, .words (stderr), .sum (SHA-256 of what came), .bytes."""

    def __init__(self, status, words, total, count):
        self.status, self.words, self.sum, self.bytes = status, words, total, count


class Client:
    """The machine. close() it, or let it die with this process."""

    def __init__(self, name, mem=512, lifetime=300):
        self.machine = boot("virtio-net-pci", initrd=client_initramfs(), mem=mem, name=name, lifetime=lifetime)
        self.machine.expect("CLIENT READY", 90)
        self.numbers = itertools.count(1)

    def run(self, command, timeout=60):
        """Runs a line of shell; what it printed."""
        number = next(self.numbers)
        self.machine.send(f"echo BEGIN {number}; {command}; echo END {number}\n")
        self.machine.expect(re.compile(rf"BEGIN {number}\n(.*?)END {number}\n", re.S), timeout)
        return self.machine.match.group(1)

    def fetch(self, words, to="-", timeout=60):
        """Runs stage1-fetch by method nfs, with "-" into memory and from there into a file; else into the file TO."""
        out = "/tmp/out" if to == "-" else to
        said = self.run(f"rm -f /tmp/*; stage1-fetch -v -o {to} automatic=method:nfs,{words} 2>/tmp/err"
                        f"{' >/tmp/out' if to == '-' else ''}; echo STATUS $?; cat /tmp/err; echo; "
                        f"[ -e {out} ] && sha256sum <{out}; [ -e {out} ] && stat -c %s {out}; rm -f {out}", timeout)
        found = re.match(r"STATUS (\d+)\n(.*?)(?:\n([0-9a-f]{64})  -\n(\d+)\n)?\Z", said, re.S)
        assert found, said
        return Said(int(found.group(1)), found.group(2), found.group(3), int(found.group(4) or 0))

    def close(self):
        """Switches it off."""
        self.machine.close()


class Wire:
    """A port of its own on the way to a server: .at() does something in the middle, .rate (bytes per second) makes it
    slow, .cut() breaks all connections. .sent is how many bytes have come from the server."""

    def __init__(self, server):
        self.server, self.sent, self.rate, self._plans, self._pairs = server, 0, None, [], []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        self.cut()

    def at(self, count, action):
        """Runs ACTION before more than COUNT bytes from the server have gone on to the client."""
        self._plans.append((count, action))

    def words(self, more):
        """What automatic= says for a file on the server; without retries unless MORE has them."""
        retries = "" if "retries:" in more else ",retries:0"
        return f"server:{GUEST_VIEW}:{self.port},directory:/export,{more}{retries}"

    def cut(self):
        """Every connection ends, at both ends."""
        while self._pairs:
            for one in self._pairs.pop():
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it has ended by itself

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.server.port))
            except OSError:
                client.close()
                continue
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # the server is not far ahead
            self._pairs.append((client, server))
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source, target, counted):
        try:
            while True:
                data = source.recv(min(16384, self.rate // 10) if self.rate and counted else 16384)
                if not data:
                    break
                if counted:
                    self._count(len(data))
                target.sendall(data)
        except OSError:
            pass  # cut
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _count(self, count):
        self.sent += count
        for plan in [plan for plan in self._plans if plan[0] < self.sent]:
            self._plans.remove(plan)
            plan[1]()
        if self.rate:
            time.sleep(count / self.rate)
