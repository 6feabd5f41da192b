"""originals.py - the published dolly protocols as an original parent and an original child speak them, quirks included.

Written from the protocol description: an original child reads the configuration with one read, reads 4096 bytes
blocking until they are full while it does not know the length, and gives up on anything unexpected.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import os
import select
import socket
import struct
import threading
import time

OLD, NEW = "0.58 to 0.64", "0.70 to 0.72"


def config(family, infile, outfile, hosts):
    """The text a server of that family sends."""
    rows = [f"infile {infile}", f"outfile {outfile}"]
    if family == OLD:
        rows += ["server head", f"firstclient {hosts[0]}", f"lastclient {hosts[-1]}", f"clients {len(hosts)}"]
    return "\n".join([*rows, *hosts, "endconfig", ""]).encode()


def answer(password, nonce):
    return hashlib.sha256(hashlib.sha256(password.encode()).digest() + nonce).digest()


class Child(threading.Thread):
    """An original client, the last of its chain, in machine NODE. .data is what it stored, .error why it gave up."""

    def __init__(self, node, family, me, password=None):
        super().__init__(daemon=True)
        self.family, self.me, self.password = family, me, password
        self.data, self.error, self.text, self.acked = b"", None, b"", False
        with node.inside():
            self.data_listener = socket.create_server(("0.0.0.0", 9998), backlog=1)
            self.control_listener = socket.create_server(("0.0.0.0", 9997), backlog=1)
        self.start()

    def run(self):
        try:
            self.session()
        except (OSError, AssertionError) as error:
            self.error = repr(error)

    def exactly(self, conn, count):
        data = b""
        while len(data) < count:
            more = conn.recv(count - len(data))
            if not more:
                break
            data += more
        return data

    def greeting(self, control):
        if self.family == OLD:
            return
        flag = control.recv(1)
        assert flag == (b"\1" if self.password else b"\0"), f"flag {flag}"
        if self.password:
            control.sendall(answer(self.password, self.exactly(control, 32)))
            ok = control.recv(270)  # one read: what comes together with OK is swallowed
            assert ok == b"OK\0", f"instead of OK alone: {ok}"
        assert self.exactly(control, 4) == bytes(4)

    def session(self):
        control, _ = self.control_listener.accept()
        self.greeting(control)
        self.text = control.recv(4096)
        assert b"endconfig" in self.text, f"the configuration came in pieces: {self.text[-40:]}"
        data, _ = self.data_listener.accept()
        words = {OLD: (f"Host got parameters '{self.me}'.\n", f"Host ready '{self.me}'.\n"),
                 NEW: (f"Client {self.me} configured with parameters. Ready to proceed.\n",
                       f"Client {self.me} ready.\n")}
        for line in words[self.family]:
            control.sendall(line.encode())
        length = None
        while length is None or len(self.data) < length:
            readable, _, _ = select.select([control] if length is None else [data],
                                           [], [], 0) if length is not None else select.select([control, data], [], [],
                                                   30)
            if length is not None:
                readable = [data]
            assert readable, "nothing came for 30 s"
            if control in readable and length is None:
                eight = self.exactly(control, 8)
                assert len(eight) == 8, "the control connection ended"
                length = struct.unpack("<Q", eight)[0]
                continue
            block = self.exactly(data, 4096 if length is None else min(4096, length - len(self.data)))
            assert block or length is None, "the data ended too early"
            if not block:
                length = struct.unpack("<Q", self.exactly(control, 8))[0]
            self.data += block
        control.sendall(struct.pack("<Q", length))
        self.acked = True


class Parent:
    """An original server in machine NODE with one chain to serve. deliver() returns what the chain acknowledged."""

    def __init__(self, node, family, first, text, data, password=None, ready=1):
        self.node, self.family, self.first, self.text, self.payload = node, family, first, text, data
        self.password, self.ready, self.words = password, ready, b""

    def connect(self, port, deadline):
        while True:
            s = socket.socket()
            try:
                s.connect((self.first, port))
                s.settimeout(30)
                return s
            except ConnectionRefusedError:
                s.close()
                assert time.monotonic() < deadline, f"port {port} refuses"
                time.sleep(0.1)

    def greet(self, control, pieces):
        if self.family == NEW:
            control.sendall(b"\1" if self.password else b"\0")
            if self.password:
                nonce = os.urandom(32)
                control.sendall(nonce)
                assert control.recv(32) == answer(self.password, nonce)
                control.sendall(b"OK\0")
            control.sendall(bytes(4))
        step = len(self.text) // pieces + 1
        for at in range(0, len(self.text), step):
            control.sendall(self.text[at:at + step])
            if pieces > 1:
                time.sleep(0.05)

    def deliver(self, data_first=False, pieces=1, cut=None, length_never=False, leave=False):
        """DATA_FIRST: the length comes late, after all data. PIECES: the text in several segments. CUT: the data end
        after so many bytes, the length says more. LENGTH_NEVER: it does not come; returns the control connection.
        LEAVE: is gone behind the last byte."""
        with self.node.inside():
            deadline = time.monotonic() + 10
            data = self.connect(9998, deadline)
            control = self.connect(9997, deadline)
            self.greet(control, pieces)
            while self.words.count(b"ready") < self.ready:
                more = control.recv(1024)
                assert more, "the chain left before it was ready"
                self.words += more
            length = struct.pack("<Q", len(self.payload))
            if not data_first and not length_never:
                control.sendall(length)
            data.sendall(self.payload[:cut])
            if data_first:
                time.sleep(0.3)
                control.sendall(length)
            data.shutdown(socket.SHUT_RDWR)
            if length_never:
                return control
            if leave:
                time.sleep(0.3)  # the data and the length have been read by then: their own closing is another case
                return control.close()
            ack = control.recv(8)
            return struct.unpack("<Q", ack)[0] if len(ack) == 8 else None
