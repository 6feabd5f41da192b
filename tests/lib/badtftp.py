"""badtftp.py - files and faults -> a TFTP server on the loopback, with windows, that loses and doubles what it is told
to.

    with badtftp.Server({"x": data}, lose=lambda kind, number, times: kind == "data" and number == 7 and times == 1) as
    s:
        ... fetch from s.port ...
        assert s.requests[0].options["blksize"] == "1468"
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import collections
import os
import socket
import struct
import threading
import time

import netns

RRQ, DATA, ACK, ERROR, OACK = 1, 3, 4, 5, 6


class Request:
    """A read request: .name, .options, and .acks as they came."""

    def __init__(self, packet):
        words = packet[2:].split(b"\0")
        self.name = words[0].decode()
        self.options = {k.decode().lower(): v.decode() for k, v in zip(words[2:-1:2], words[3:-1:2])}
        self.acks = []


class Server:
    """Serves FILES.

    options    names it knows, or None for a server of 1992; window caps the window
    lose       a function of ("oack", "data" or "ack", number, how often it was seen) that says what gets lost
    double     the same, for data that is sent twice; swap the same, for data sent after the next one
    stop_after the session falls silent after this block
    answer     bytes sent in place of anything else; tsize a lie about the size
    patience   seconds until it sends again
    rollover   the number behind block 65535
    mangle     a function of the OACK's bytes that gives those to send
    deaf       requests with options are not answered
    tacit      options are obeyed, but not acknowledged
    """

    def __init__(self, files, host="127.0.0.1", options=("blksize", "tsize", "windowsize"), window=1 << 16, lose=None,
                 double=None, swap=None, stop_after=None, answer=None, tsize=None, patience=0.3, refuse_options=False,
                 rollover=0,
                 mangle=None, deaf=False, tacit=False):
        self.files, self.options, self.window, self.patience = files, options, window, patience
        self.lose, self.double, self.swap = (f or (lambda *_: False) for f in (lose, double, swap))
        self.stop_after, self.answer, self.tsize, self.refuse_options = stop_after, answer, tsize, refuse_options
        self.rollover, self.mangle, self.deaf, self.tacit = rollover, mangle or (lambda oack: oack), deaf, tacit
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.host, self.port = host, self.socket.getsockname()[1]
        self.requests, self.threads, self.ending = [], [], False
        self.namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def __enter__(self):
        self.threads = [threading.Thread(target=self._listen, daemon=True)]
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.ending = True
        for thread in self.threads:
            thread.join(5)
        self.socket.close()
        os.close(self.namespace)

    def _listen(self):
        self.socket.settimeout(0.1)
        while not self.ending:
            try:
                packet, peer = self.socket.recvfrom(65536)
            except socket.timeout:
                continue
            self.requests.append(Request(packet))
            thread = threading.Thread(target=self._serve, args=(self.requests[-1], peer), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, request, peer):
        netns._setns(self.namespace)  # a thread is in one by itself
        with socket.socket(self.family, socket.SOCK_DGRAM) as conn:
            conn.bind((self.host, 0))
            conn.connect(peer)
            conn.settimeout(self.patience)
            try:
                Session(self, request, conn).run()
            except ConnectionRefusedError:
                pass  # the other side has gone


class Session:
    """One file on its way."""

    def __init__(self, server, request, conn):
        self.server, self.request, self.conn = server, request, conn
        self.size, self.window = 512, 1
        self.seen = collections.Counter()

    def number(self, n):
        """The number of block N on the wire."""
        return (n - 1) % 65535 + 1 if self.server.rollover and n else n & 0xffff

    def send(self, kind, number, packet):
        self.seen[kind, number] += 1
        if not self.server.lose(kind, number, self.seen[kind, number]):
            self.conn.send(packet)

    def wait_ack(self, numbers):
        """The acknowledged block among NUMBERS, or None after the patience."""
        while True:
            try:
                packet = self.conn.recv(1024)
            except socket.timeout:
                return None
            kind, number = struct.unpack("!HH", packet[:4])
            if kind == ERROR:
                raise ConnectionRefusedError()
            self.seen["ack", number] += 1
            if kind == ACK and not self.server.lose("ack", number, self.seen["ack", number]):
                self.request.acks.append(number)
                for n in numbers:
                    if self.number(n) == number:
                        return n

    def agree(self, data):
        """The options both sides know, acknowledged."""
        known = {k: v for k, v in self.request.options.items() if k in (self.server.options or ())}
        if "blksize" in known:
            self.size = int(known["blksize"])
        if "windowsize" in known:
            self.window = min(int(known["windowsize"]), self.server.window)
            known["windowsize"] = str(self.window)
        if "tsize" in known:
            known["tsize"] = str(len(data) if self.server.tsize is None else self.server.tsize)
        if not known or self.server.tacit:
            return
        oack = struct.pack("!H", OACK) + b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in known.items())
        oack = self.server.mangle(oack)
        for _ in range(20):
            self.send("oack", 0, oack)
            if self.wait_ack([0]) is not None:
                return
        raise ConnectionRefusedError()

    def run(self):
        server, data = self.server, self.server.files.get(self.request.name)
        if server.answer is not None:
            self.conn.send(server.answer)
            return
        if server.deaf and self.request.options:
            return
        if server.refuse_options and self.request.options:
            self.conn.send(struct.pack("!HH", ERROR, 8) + b"no options here\0")
            return
        if data is None:
            self.conn.send(struct.pack("!HH", ERROR, 1) + b"File not found\0")
            return
        self.agree(data)
        last = len(data) // self.size + 1
        base, silent = 0, 0
        while base < last and silent < 20 and not server.ending:
            end = min(base + self.window, last)
            self.send_window(data, base + 1, end)
            if server.stop_after and end >= server.stop_after:
                self.hold()
                return
            acked = self.wait_ack(range(base, end + 1))
            silent = silent + 1 if acked is None else 0
            base = base if acked is None else acked

    def hold(self):
        """The socket stays open: nobody tells the other side that nobody is there."""
        while not self.server.ending:
            time.sleep(0.05)

    def send_window(self, data, first, end):
        late = None
        for n in range(first, end + 1):
            packet = struct.pack("!HH", DATA, self.number(n)) + data[(n - 1) * self.size:n * self.size]
            if self.server.swap("data", n, self.seen["data", n] + 1) and not late and n < end:
                self.seen["data", n] += 1
                late = packet
                continue
            self.send("data", n, packet)
            if self.server.double("data", n, self.seen["data", n]):
                self.conn.send(packet)
            if late:
                self.conn.send(late)
                late = None
