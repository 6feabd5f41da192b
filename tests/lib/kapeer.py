"""kapeer.py - a ka client and a ka server that behave as the originals do, flaws included -> partners for ours.

    old = kapeer.Client(node, "10.9.0.1", layout=64); old.join_it(); assert old.ok and old.data == image
    old = kapeer.Server(node, image, count=3, layout=32)
One thread each, in the machine's namespace. Written from the description of the protocol: packets are images of C
structs in either layout, unused bytes are noise, a packet has to come in one read, whatever is unexpected is fatal, and
the last 32678 bytes are held back until the end of the flow is announced.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: iproute2
import os
import select
import socket
import struct
import threading
import time

VERSION = b"Ka-deploy-0.6\0"
HELD_BACK = 32678


class Fatal(Exception):
    """Where an original calls abort()."""


class Layout:
    """Where things are in packets: 32 or 64."""

    def __init__(self, bits):
        self.base, self.after_ip = (4, 8) if bits == 32 else (8, 16)
        self.up, self.down = (32, 16) if bits == 32 else (40, 24)

    def packet(self, size, kind, first=b"", number=None, alone=False):
        """SIZE bytes of noise with the fields set."""
        p = bytearray(os.urandom(size))
        p[0:4] = struct.pack("<I", kind)
        p[self.base:self.base + len(first)] = first
        if number is not None:
            at = self.base if alone else self.after_ip
            p[at:at + 8] = struct.pack("<q", number)
        return bytes(p)

    def number(self, p, alone=False):
        at = self.base if alone else self.after_ip
        return struct.unpack("<q", p[at:at + 8])[0]

    def ip(self, p):
        return socket.inet_ntoa(p[self.base:self.base + 4])


def _read_packet(s, size):
    p = s.recv(size)
    if len(p) != size:
        raise Fatal(f"wrong packet size {len(p)}" if p else "connection closed")
    return p


def vanish(address):
    """Connects for data and is gone at once, with a reset, as a client that is killed."""
    with socket.create_connection((address, 30764), 5) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _Peer:
    """A thread in a namespace; .ok and .why tell how it ended."""

    def __init__(self, node):
        self.node, self.ok, self.why, self.stop = node, False, "", False
        self.children = {}  # ip: [socket, position or None]
        self.data = bytearray()
        self.ended = False
        self.thread = threading.Thread(target=self._main, daemon=True)

    def _main(self):
        try:
            with self.node.inside():
                self._run()
            self.ok = True
        except (Fatal, OSError) as error:
            self.why = str(error)
        finally:
            self._close()

    def join_it(self, timeout=30):
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "the original hangs"
        return self

    def _listen(self, port):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0", port))
        s.listen(200)
        return s

    def _feed(self):
        """Serves the children; one whose connection ends is dropped."""
        for ip, child in list(self.children.items()):
            s, at = child
            if at is None:
                continue
            waiting = len(self.data) - at
            if waiting > (0 if self.ended else HELD_BACK):
                try:
                    child[1] += s.send(self.data[at:at + 32768], socket.MSG_DONTWAIT)
                except BlockingIOError:
                    pass
                except OSError:
                    s.close()
                    del self.children[ip]
            elif self.ended and waiting == 0:
                s.close()
                del self.children[ip]


class Client(_Peer):
    """An original client. DIE_AT: it is killed when it has so many bytes. `cut`: it has dropped its own sink's pipe in
    place of a child that went before it was served, when it had so many bytes; it goes on as if nothing had
    happened."""

    def __init__(self, node, server, layout=64, waits=False, die_at=None):
        super().__init__(node)
        self.server, self.l, self.waits, self.die_at = server, Layout(layout), waits, die_at
        self.up, self.dad, self.dad_ip, self.always = None, None, None, False
        self.listener, self.cut = None, None
        with node.inside():
            self.listener = self._listen(30764)
        self.thread.start()

    def _say(self, kind, *args, **how):
        self.control.sendall(self.l.packet(self.l.up, kind, *args, **how))

    def _close(self):
        for s in [self.listener, self.dad, getattr(self, "control", None), *[c[0] for c in self.children.values()]]:
            if s:
                s.close()

    def _run(self):
        self.control = socket.create_connection((self.server, 30765), 5)
        self.control.settimeout(None)
        self._say(0, VERSION)
        self._say(7, bytes([self.waits]))
        self._say(2)
        finished, reported = False, 0
        while not finished or self.waits:
            busy = any(at is not None and len(self.data) - at > (0 if self.ended else HELD_BACK)
                       for _, at in self.children.values())
            unserved = {s: ip for ip, (s, at) in self.children.items() if at is None}
            wanted = [self.control, self.listener, *([self.dad] if self.dad else []), *unserved]
            ready, _, _ = select.select(wanted, [], [], 0.002 if busy or (self.ended and not finished) else 0.5)
            if self.control in ready:
                self._obey(_read_packet(self.control, self.l.down))
            if self.listener in ready:
                s, (ip, _) = self.listener.accept()
                self.children[ip] = [s, None]
                self._say(1, socket.inet_aton(ip))
            for s in set(unserved) & set(ready):
                if self.children.get(unserved[s], [None])[0] is s and not s.recv(1):
                    s.close()
                    del self.children[unserved[s]]
                    self.cut = self.cut or len(self.data)
            if self.dad and self.dad in ready:
                block = self.dad.recv(32768)
                if block:
                    self.data += block
                else:
                    self.dad.close()
                    self.dad = None
                    self._say(3, socket.inet_aton(self.dad_ip), len(self.data))
            if self.die_at is not None and len(self.data) >= self.die_at:
                raise Fatal("killed")
            if self.always and len(self.data) - reported > 1 << 20:
                reported = len(self.data)
                self._say(5, number=reported, alone=True)
            self._feed()
            if self.ended and not finished and not self.children:
                finished = True
                self._say(4)

    def _obey(self, p):
        kind = p[0]
        if kind == 1:
            self.ended = True
        elif kind == 2:
            self.waits = False
        elif kind == 3:
            if self.dad:
                self.dad.close()
            self.dad_ip = self.l.ip(p)
            self.dad = socket.create_connection((self.dad_ip, 30764), 5)
        elif kind == 4:
            if self.l.ip(p) not in self.children:
                raise Fatal("authorisation for a child I do not have")
            self.children[self.l.ip(p)][1] = self.l.number(p)
            self._say(1, socket.inet_aton(self.l.ip(p)))
        elif kind == 5:
            child = self.children.pop(self.l.ip(p), None)
            if child:
                child[0].close()
        elif kind == 6:
            if p[self.l.base] == 2:
                self._say(5, number=len(self.data), alone=True)
            else:
                self.always = p[self.l.base] == 1
        elif kind == 7:
            self._say(8)
        elif kind > 7:
            raise Fatal("Server sent an unknown command")


class Server(_Peer):
    """An original server: a chain in the order of addresses, no repair."""

    def __init__(self, node, data, count, layout=64):
        super().__init__(node)
        self.data, self.count, self.l = bytearray(data), count, Layout(layout)
        self.clients, self.order, self.flowing = {}, [], False
        with node.inside():
            self.listener, self.door = self._listen(30765), self._listen(30764)
        self.thread.start()

    def _close(self):
        for s in [self.listener, self.door, *self.clients, *[c[0] for c in self.children.values()]]:
            s.close()

    def _tell(self, s, kind, *args, **how):
        s.sendall(self.l.packet(self.l.down, kind, *args, **how))

    def _run(self):
        finished = set()
        while len(finished) < self.count or any(s.fileno() >= 0 for s in self.clients):
            open_ = [s for s in self.clients if s.fileno() >= 0]
            ready, _, _ = select.select([self.listener, self.door, *open_], [], [], 0.002 if self.flowing else 0.5)
            for s in ready:
                if s is self.listener:
                    s, (ip, _) = s.accept()
                    self.clients[s] = {"ip": ip, "state": "new", "auth": False}
                elif s is self.door:
                    s, (ip, _) = s.accept()
                    if not self.order or ip != self.order[0]:
                        raise Fatal(f"assertion: {ip} is not my child")
                    self.children[ip] = [s, None]
                    self._tell(self._of(ip), 6, struct.pack("<I", 2))
                else:
                    self._hear(s, finished)
            self._feed()
            if self.flowing and not self.children:
                self.flowing = False

    def _of(self, ip):
        return next(s for s, c in self.clients.items() if c["ip"] == ip and s.fileno() >= 0)

    def _hear(self, s, finished):
        c = self.clients[s]
        p = s.recv(self.l.up)
        if len(p) != self.l.up:  # the end, or one of the other layout
            s.close()
            if c["state"] == "new" or c["ip"] in finished:
                return
            raise Fatal(f"client {c['ip']} is lost")
        kind = p[0]
        if c["state"] == "new":
            if kind != 0:
                raise Fatal("assertion: state >= got_hello")
            if p[self.l.base:self.l.base + 14] != VERSION:
                s.close()
                return
            c["state"] = "hello"
        elif kind == 2:
            c["state"] = "pool"
            pool = [x for x in self.clients.values() if x["state"] == "pool"]
            if len(pool) == self.count:
                self._build(pool)
        elif kind == 1:
            child = self._of(self.l.ip(p))
            if self.order.index(self.l.ip(p)) != self.order.index(c["ip"]) + 1:
                raise Fatal("assertion: not a child of that one")
            if self.clients[child]["auth"]:
                self._connected()
            else:
                self._tell(child, 6, struct.pack("<I", 2))
        elif kind == 5 and not c["auth"]:
            c["auth"] = True
            at = self.order.index(c["ip"])
            if at == 0:
                self.first_at = self.l.number(p, alone=True)
                self._connected()
            else:
                self._tell(self._of(self.order[at - 1]), 4, socket.inet_aton(c["ip"]), self.l.number(p, alone=True))
        elif kind == 3:
            if self.l.number(p) != len(self.data):
                raise Fatal("dad disconnected too early")
            self._tell(s, 1)
        elif kind == 4:
            finished.add(c["ip"])

    def _build(self, pool):
        self.order = sorted((x["ip"] for x in pool), key=lambda ip: [int(b) for b in reversed(ip.split("."))])
        self.connected = 0
        own = self._of(self.order[0]).getsockname()[0]
        for i, ip in enumerate(self.order):
            self._tell(self._of(ip), 3, socket.inet_aton(self.order[i - 1] if i else own))

    def _connected(self):
        self.connected += 1
        if self.connected == self.count:
            self.children[self.order[0]][1] = self.first_at
            self.flowing = self.ended = True
            time.sleep(0.01)
