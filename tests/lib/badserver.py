"""badserver.py - a script of bad manners -> a TCP server on the loopback that has them, and a record of who asked what.

    with badserver.BadServer(http_file(data, cut=1000), http_file(data)) as server:
        ... fetch from server.port ...
        assert server.requests[1].headers["range"] == "bytes=1000-"

Each connection gets the next step of the script, and the last step serves all that follow. A step is a function of one
argument, the Visit. The http_* steps below read one request and answer it; raw steps say what they want. Other
protocols add their own steps: a step only needs visit.conn, visit.send() and visit.line().
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import re
import select
import socket
import struct
import threading
import time

MODIFIED = "Tue, 01 Sep 2026 10:00:00 GMT"


class Gone(Exception):
    """The other side has closed."""


class Request:
    """One request as it came: .line, .verb, .path, .headers (names in lower case), .time."""

    def __init__(self, text):
        self.time = time.monotonic()
        self.text = text
        self.line, *rest = text.split("\r\n")
        self.verb, self.path = (self.line.split(" ") + [""])[:2]
        self.headers = {name.strip().lower(): value.strip() for name, _, value in (row.partition(":") for row in rest)}

    def first_byte(self):
        """Where the range asked for begins; 0 without one."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(match.group(1)) if match else 0


class Visit:
    """One connection being served."""

    def __init__(self, server, conn):
        self.server, self.conn = server, conn
        self.input = conn.makefile("rb")
        self.sent = 0

    def line(self):
        """The next line of the other side, without its end."""
        text = self.input.readline()
        if not text.endswith(b"\n"):
            raise Gone()
        return text.decode("latin-1").rstrip("\r\n")

    def request(self):
        """The next HTTP request, kept in the server's record."""
        rows = []
        while True:
            row = self.line()
            if not row:
                break
            rows.append(row)
        request = Request("\r\n".join(rows))
        with self.server.lock:
            self.server.requests.append(request)
        return request

    def send(self, data):
        self.conn.sendall(data)

    def reset(self):
        """Closes with a reset: what is on its way is lost."""
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.conn.close()

    def hold(self, seconds=60):
        """Says nothing more until the other side gives up, the server ends, or the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.server.ending:
            readable, _, _ = select.select([self.conn], [], [], 0.05)
            if readable and not self.conn.recv(4096):
                return


class BadServer:
    """Serves the script on HOST:port until the end of the with block. .requests is the record."""

    def __init__(self, *script, host="127.0.0.1", port=0, tls=None):
        self.tls = tls  # an ssl.SSLContext
        self.script, self.requests, self.visits = list(script), [], 0
        self.lock, self.ending, self.threads = threading.Lock(), False, []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family, backlog=64)
        self.host, self.port = host, self.listener.getsockname()[1]

    def __enter__(self):
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.ending = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(5)

    def _accept(self):
        while not self.ending:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            step = self.script[min(self.visits, len(self.script) - 1)]
            self.visits += 1
            thread = threading.Thread(target=self._serve, args=(step, conn), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, step, conn):
        try:
            conn = self.tls.wrap_socket(conn, server_side=True) if self.tls else conn
        except OSError:
            return
        with conn:
            try:
                step(Visit(self, conn))
                if conn.fileno() >= 0:
                    if self.tls:
                        conn = conn.unwrap()  # says that this is the end
                    conn.shutdown(socket.SHUT_WR)
                    while conn.recv(65536):  # so that the last bytes are not lost in a reset
                        pass
            except (Gone, OSError):
                pass


def etag(data):
    return '"%s"' % hashlib.md5(data).hexdigest()


def _ranged(request, data, tag, modified):
    """The first byte to send: RFC 9110, sections 13.1.5 and 14.2."""
    first = request.first_byte()
    wanted = request.headers.get("if-range")
    if wanted and wanted not in (tag, modified):
        return 0
    return first if first < len(data) else 0


def http_file(data, *, cut=None, reset=False, stall=False, trickle=None, ranges=True, tag=True, modified=MODIFIED,
              size=None, total=None, shift=0, headers=(), protocol="HTTP/1.1", length=True, head=None, slice=None):
    """Answers with DATA, honouring ranges.

    cut      closes after this many bytes of the body (reset: with a reset; stall: stays silent instead)
    trickle  (bytes, seconds): that many bytes at a time
    ranges   False: Range is ignored
    tag      False: no ETag, or its text; modified: None for no Last-Modified
    size     what Content-Length claims; total: what Content-Range claims; shift: moves the range that is sent
    length   False: no Content-Length
    head     header lines that HEAD is answered by, in place of the others
    slice    answers are partial ones of so many bytes at most, asked for or not; "all": of all there are
    """
    its_tag = etag(data) if tag is True else tag or None

    def step(visit):
        request = visit.request()
        first = _ranged(request, data, its_tag, modified) if ranges else 0
        if head is not None and request.verb == "HEAD":
            visit.send("\r\n".join([f"{protocol} 200 OK", *head, "", ""]).encode())
            return
        partial = first or slice
        first = 0 if slice == "all" else first
        body = data[first + (shift if first else 0):]
        body = body[:slice] if isinstance(slice, int) else body
        rows = [f"{protocol} 206 Partial Content" if partial else f"{protocol} 200 OK"]
        if partial:
            rows.append(f"Content-Range: bytes {first + shift}-{first + shift + len(body) - 1}/{total or len(data)}")
        if length:
            rows.append(f"Content-Length: {len(body) if size is None else size}")
        rows += [f"ETag: {its_tag}"] if its_tag else []
        rows += [f"Last-Modified: {modified}"] if modified else []
        visit.send("\r\n".join([*rows, *headers, "", ""]).encode())
        if request.verb == "HEAD":
            return
        body = body[:cut]
        if trickle:
            for at in range(0, len(body), trickle[0]):
                visit.send(body[at:at + trickle[0]])
                time.sleep(trickle[1])
        else:
            visit.send(body)
        if stall:
            visit.hold()
        if reset:
            time.sleep(0.1)  # let it be read first: a reset takes back what was not
            visit.reset()

    return step


def http_chunked(data, sizes, *, extension="", trailers=(), cut=None, headers=(), coding="chunked", trickle=0):
    """Answers with DATA in chunks whose sizes are taken in turn; CUT ends the stream after that many bytes on the
    wire."""

    def step(visit):
        request = visit.request()
        stream, at, turn = bytearray(), 0, 0
        while at < len(data):
            piece = data[at:at + sizes[turn % len(sizes)]]
            stream += b"%x%s\r\n%s\r\n" % (len(piece), extension.encode(), piece)
            at, turn = at + len(piece), turn + 1
        stream += b"0%s\r\n" % extension.encode() + b"".join(t.encode() + b"\r\n" for t in trailers) + b"\r\n"
        rows = ["HTTP/1.1 200 OK", f"transfer-encoding: {coding}", *headers, "", ""]
        visit.send("\r\n".join(rows).encode())
        if request.verb != "HEAD":
            visit.send(bytes(stream[:-1][:cut]))
            time.sleep(trickle)
            visit.send(bytes(stream[-1:] if cut is None else b""))

    return step


def http_status(status, *headers, body=b"no\n"):
    """Answers with a status line's end ("404 Not Found") and headers."""

    def step(visit):
        visit.request()
        visit.send("\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]).encode()
                   + body)

    return step


def http_raw(data, hold=False):
    """Reads a request and answers with these bytes, whatever they mean."""

    def step(visit):
        visit.request()
        visit.send(data)
        if hold:
            visit.hold()

    return step


def greeting(data):
    """Speaks first, as other services do, and waits."""

    def step(visit):
        visit.send(data)
        visit.hold()

    return step


def silent(visit):
    """Accepts, and never says a word."""
    visit.hold()


def hang_up(visit):
    """Accepts and closes at once."""


# ---- FTP


def ftp_file(data, *, path="/x", cut=None, stall=False, epsv=True, rest=True, size=True, modified="20260901100000",
             pasv_host=None, end="226 Done", greeting="220 ready", login=None, replies=None, data_end="close",
             after=b""):
    """A session that has DATA at PATH.

    cut       ends the data connection after this many bytes (stall: stays silent instead)
    epsv, rest, size   False: the command is not known; size may be a number to claim
    modified  None: MDTM is not known
    pasv_host the address PASV claims ("10,9,9,9")
    end       the reply behind the data, None for no reply at all, "close": the control connection ends there
    data_end  what becomes of the data connection: "close", "hold" (it stays open), "reset"
    after     bytes that are sent behind the data
    login     (user, password) that is wanted; None: anybody
    replies   {command: reply} that come in place of the usual ones
    """

    def step(visit):
        offset, listener, user, held = 0, None, None, []

        def reply(text):
            visit.send(text.encode() + b"\r\n")

        def open_port():
            host = visit.conn.getsockname()[0]
            if ":" in host:  # which may have a zone
                return socket.create_server(("::", 0), family=socket.AF_INET6)
            return socket.create_server((host, 0))

        def send_file():
            conn, _ = listener.accept()
            reply("150 Here it comes")
            conn.sendall(data[offset:][:cut] + after)
            if stall:
                visit.hold()
            if data_end == "reset":
                time.sleep(0.2)  # let it be read first
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if data_end == "hold":
                held.append(conn)
            else:
                conn.close()
            if end == "close":
                raise Gone()
            if end:
                reply(end)

        reply(greeting)
        while True:
            line = visit.line()
            with visit.server.lock:
                visit.server.requests.append(line)
            word, _, argument = line.partition(" ")
            if replies and word in replies:
                reply(replies[word])
            elif word == "USER":
                user = argument
                reply("331 Password")
            elif word == "PASS":
                reply("230 In" if login in (None, (user, argument)) else "530 Login incorrect.")
            elif word == "TYPE":
                reply("200 Fine")
            elif word == "SIZE" and size is not False and argument == path:
                reply(f"213 {len(data) if size is True else size}")
            elif word == "MDTM" and modified and argument == path:
                reply(f"213 {modified}")
            elif word == "EPSV" and epsv:
                listener = open_port()
                reply(f"229 Entering Extended Passive Mode (|||{listener.getsockname()[1]}|)")
            elif word == "PASV":
                listener = open_port()
                host, port = visit.conn.getsockname()[0].replace(".", ","), listener.getsockname()[1]
                reply(f"227 Entering Passive Mode ({pasv_host or host},{port // 256},{port % 256}).")
            elif word == "REST" and rest:
                offset = int(argument)
                reply("350 Go on")
            elif word == "RETR" and argument == path:
                send_file()
            elif word in ("RETR", "SIZE", "MDTM"):
                reply("550 Failed to open file.")
            else:
                reply("500 What?")

    return step
