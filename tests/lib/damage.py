"""damage.py - a ka client behind a machine that changes bytes on their way -> what its children make of them.

    hidden = damage.Hidden(cluster, 1, {5, 100_000})       # node 1 is that machine; the client runs on hidden.node
    hidden.node.start([CLIENT, "-h", hidden.server, ...])
The server and the other clients see one client at node 1's address. Control connections and what the server sends go
through as they are; of what the client sends to a child, the bytes at these offsets of each data connection are
changed.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import threading

CONTROL, DATA = 30765, 30764


class Hidden:
    """Node I of the cluster becomes the machine in between. `changed`: how many bytes it has changed."""

    server, inner = "192.168.77.1", "192.168.77.2"  # the server's address, seen from the client; its own

    def __init__(self, cluster, i, offsets):
        self.outer, self.offsets, self.changed = cluster.nodes[i], sorted(offsets), 0
        self.node = cluster.lab.node(f"hidden{i}")
        cluster.lab.cable(self.outer, self.node, a_name="eth1")
        self.outer.address("eth1", self.server + "/24")
        self.node.address("eth0", self.inner + "/24")
        for address, port, to in ((self.server, CONTROL, cluster.address(0)), (self.server, DATA, cluster.address(0)),
                                  (cluster.address(i), DATA, self.inner)):
            with self.outer.inside():
                listener = socket.create_server((address, port))
            threading.Thread(target=self._accept, args=(listener, to, port), daemon=True).start()

    def _accept(self, listener, to, port):
        while True:
            here, _ = listener.accept()
            try:
                with self.outer.inside():
                    there = socket.create_connection((to, port), 5)
            except OSError:
                here.close()
                continue
            there.settimeout(None)
            for ends, hurt in (((here, there), False), ((there, here), to == self.inner)):
                threading.Thread(target=self._pump, args=(*ends, hurt), daemon=True).start()

    def _pump(self, source, target, hurt):
        at = 0
        try:
            while block := bytearray(source.recv(1 << 18)):
                for offset in self.offsets if hurt else ():
                    if at <= offset < at + len(block):
                        block[offset - at] ^= 0x55
                        self.changed += 1
                at += len(block)
                target.sendall(block)
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # ended already
