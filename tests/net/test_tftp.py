"""test_tftp.py - method tftp by stage1-fetch: tftpd-hpa and dnsmasq for what is right, a server that loses for what is
not."""
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import hashlib
import platform
import random
import socket

import badtftp
import netns
from fetcher import fetch, some_bytes

IMAGE = some_bytes(300_000)
OTHER = some_bytes(300_000, seed=2)


class Tftpd:
    """A machine with a TFTP server, tftpd-hpa or dnsmasq; .root is what it serves."""

    def __init__(self, lab, kind, extra):
        self.node = lab.node("head")
        self.root = lab.dir / "root"
        self.root.mkdir()
        if kind == "hpa":
            argv = [netns.need("in.tftpd", "tftpd-hpa"), "-L", "-s", "-u", "nobody", *extra, self.root]
        else:
            argv = [netns.need("dnsmasq", "dnsmasq-base"), "-k", "--port=0", "--enable-tftp",
                    f"--tftp-root={self.root}",
                    "--conf-file=/dev/null", "--log-facility=-", *extra]
        self.process = self.node.start(argv, ready=netns.port(69, "udp"))

    def add(self, name, data):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def fetch(self, words, *more, **how):
        return fetch("method:tftp,server:127.0.0.1,retries:0," + words, *more, node=self.node, **how)


@contextlib.contextmanager
def tftpd(kind, *extra):
    with netns.Lab() as lab:
        yield Tftpd(lab, kind, extra)


def line(server, more="", image="x"):
    retries = "" if "retries:" in more else ",retries:0"
    return f"method:tftp,server:127.0.0.1:{server.port},image:{image}{retries}{more}"


# ---- real servers


def test_files_come_whole():
    """Files of 20 MB, of whole blocks, of one byte and none arrive from tftpd-hpa and dnsmasq with every byte."""
    for kind in ("hpa", "dnsmasq"):
        with tftpd(kind) as server:
            for size in (20_000_000, 65464, 65464 * 2, 512, 1, 0):
                data = some_bytes(size)
                server.add("f", data)
                server.fetch("image:f").is_file(data)


def test_more_blocks_than_numbers():
    """40 MB in blocks of 512 bytes: the blocks' numbers begin anew after 65535."""
    data = some_bytes(40_000_000)
    with tftpd("hpa", "-B", "512") as server:
        server.add("f", data)
        server.fetch("image:f").is_file(data)


def test_paths():
    """The classic names, the architecture's folder, and a directory with or without its first slash."""
    for kind in ("hpa", "dnsmasq"):
        with tftpd(kind) as server:
            server.add("d/install/stage2/mdkinst.sqfs", IMAGE)
            server.add(f"d/{platform.machine()}/install/stage2/rescue.sqfs", OTHER)
            for directory in ("d", "/d", "d/"):
                server.fetch("directory:" + directory).is_file(IMAGE)
            server.fetch("directory:d", "rescue").is_file(OTHER)


def test_not_there_and_not_allowed():
    """A file that is not there, and one that may not be read."""
    for kind in ("hpa", "dnsmasq"):
        with tftpd(kind) as server:
            server.fetch("image:none").failed("S1-SRV-06", "tftp://127.0.0.1/none: error 1")
    with tftpd("hpa") as server:
        server.add("closed", IMAGE).chmod(0o600)
        server.fetch("image:closed").failed("S1-SRV-07", "Permission denied")


def test_sum():
    """sha256: is checked."""
    with tftpd("hpa") as server:
        server.add("x", IMAGE)
        server.fetch("image:x,sha256:" + hashlib.sha256(IMAGE).hexdigest()).is_file(IMAGE)
        server.fetch("image:x,sha256:" + hashlib.sha256(OTHER).hexdigest()).failed("S1-IMG-04", "/x: the ")


def test_over_an_ethernet():
    """Over a cable the blocks are as large as a packet may be, and none is cut into fragments."""
    with netns.Lab() as lab:
        head, node = lab.node("head"), lab.node("node")
        lab.cable(head, node)
        head.address("eth0", "10.9.0.1/24", "fd09::1/64")
        node.address("eth0", "10.9.0.2/24", "fd09::2/64")
        for host, size in (("10.9.0.1", "1468"), ("fd09::1", "1448")):
            with head.inside():
                server = badtftp.Server({"x": IMAGE}, host=host)
            with server:
                name = f"[{host}]" if ":" in host else host
                fetch(f"method:tftp,server:{name}:{server.port},image:x", node=node).is_file(IMAGE)
                assert server.requests[0].options["blksize"] == size, server.requests[0].options
                assert int(server.requests[0].options["windowsize"]) > 1


def test_no_server():
    """Nobody on the port is refused at once; a server that says nothing ends at the deadline."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        got = fetch(f"method:tftp,server:127.0.0.1:{port},image:x,retries:0,timeout:2")
        got.failed("S1-SRV-03", "no answer in 2 s")
        assert got.seconds < 4
    got = fetch(f"method:tftp,server:127.0.0.1:{port},image:x,retries:0")
    got.failed("S1-SRV-01", "127.0.0.1")
    assert got.seconds < 1
    with netns.Lab() as lab:
        words = "method:tftp,server:192.0.2.1,image:x,retries:0"
        fetch(words, node=lab.node()).failed("S1-SRV-02", "192.0.2.1")
    fetch("method:tftp,image:x").failed("S1-CMD-03", "server:")


# ---- options


def test_options():
    """With windows, without, with blocks only, and with a server that knows none or refuses them, the file comes
    whole."""
    for how in ({}, {"window": 1}, {"window": 3}, {"options": ("blksize",)}, {"options": ("windowsize", "tsize")},
                {"options": None}, {"refuse_options": True, "options": None}):
        with badtftp.Server({"x": IMAGE}, **how) as server:
            fetch(line(server)).is_file(IMAGE)
            if "refuse_options" in how:
                assert not server.requests[1].options


def test_odd_acknowledgements_of_options():
    """Zeros behind an OACK or between its options, a last zero that is missing, and what nobody asked for are left out;
    the options that are clear count."""
    for mangle in (lambda o: o + b"\0", lambda o: o + b"\0" * 20, lambda o: o[:-1], lambda o: o[:2] + b"\0\0" + o[2:],
                   lambda o: o + b"timeout\0" + b"5\0", lambda o: o + b"multicast\0,,1\0", lambda o: o
                   + b"rollover\0\x30\0",
                   lambda o: o.replace(b"blksize", b"BLKSIZE"), lambda o: o.replace(b"tsize\x00300000", b"tsize\0"),
                   lambda o: o.replace(b"tsize\x00300000", b"tsize\0-1"), lambda o: o + o[2:], lambda o: o
                   + b"x" * 400):
        with badtftp.Server({"x": IMAGE}, mangle=mangle) as server:
            fetch(line(server)).is_file(IMAGE)
            assert len(server.requests) == 1 and len(server.requests[0].acks) <= 3, server.requests[0].acks


def test_options_that_cannot_be():
    """Where the size of blocks or windows cannot be told from the OACK, the file is asked for without options."""
    for mangle in (lambda o: b"\0\6blksize\0", lambda o: b"\0\6blksize", lambda o: b"\0\6blksize\x00999999\0",
                   lambda o: b"\0\6blksize\x007\0", lambda o: b"\0\6windowsize\x000\0",
                   lambda o: b"\0\6windowsize\x0099\0",
                   lambda o: o + b"blksize\x00512\0", lambda o: o.replace(b"blksize\0", b"blksize\0x")):
        with badtftp.Server({"x": IMAGE}, mangle=mangle) as server:
            fetch(line(server)).is_file(IMAGE)
            assert [bool(request.options) for request in server.requests] == [True, False]


def test_servers_that_do_not_answer_options():
    """A server that drops requests with options gets one without; one that obeys blksize without a word is understood,
    and asked without where its blocks do not fit together."""
    with badtftp.Server({"x": IMAGE}, deaf=True) as server:
        got = fetch(line(server, ",timeout:10"))
        got.is_file(IMAGE)
        assert [bool(request.options) for request in server.requests] == [True, True, False] and got.seconds < 5
    for size in (300_000, 65464, 1, 0):
        with badtftp.Server({"x": IMAGE[:size]}, tacit=True) as server:
            fetch(line(server)).is_file(IMAGE[:size])
    with badtftp.Server({"x": IMAGE[:1000]}, tacit=True) as server:  # the last block, or the first of many?
        fetch(line(server)).is_file(IMAGE[:1000])
        assert not server.requests[1].options


def test_a_slow_answer_to_options():
    """An OACK that comes after the request without options still counts."""
    with badtftp.Server({"x": IMAGE}, lose=lambda kind, number, times: kind == "oack" and times < 12) as server:
        fetch(line(server)).is_file(IMAGE)
        assert len(server.requests) >= 3


def test_windows_are_used():
    """With a window there is one acknowledgement to many blocks."""
    data = some_bytes(20_000_000)
    with badtftp.Server({"x": data}) as server:
        fetch(line(server)).is_file(data)
        request = server.requests[0]
        blocks, window = len(data) // int(request.options["blksize"]) + 1, int(request.options["windowsize"])
        assert window > 1 and len(request.acks) <= blocks // window + 3, (blocks, window, len(request.acks))


def test_block_numbers_that_go_on_with_0_or_1():
    """Behind block 65535 comes 0, or 1, with windows or without, whatever gets lost there, and wherever the file
    ends."""
    data = some_bytes(66_000 * 512 + 100)
    for rollover, window, blocks, lost in ((0, 1, 66_000, ()), (0, 8, 66_000, (65536,)), (0, 8, 65_536, (65535, 65536)),
                                           (1, 1, 66_000, (65535, 65536, 65537)), (1, 8, 66_000, ()),
                                           (1, 8, 65_536, ()), (1, 8, 65_537, (65536,)),
                                           (1, 7, 66_000, (65535, 65536))):
        lose = lambda kind, number, times, lost=lost: kind == "data" and number in lost and times == 1
        with badtftp.Server({"x": data[:blocks * 512 + 100]}, options=("windowsize",), window=window, rollover=rollover,
                            lose=lose) as server:
            fetch(line(server, ",timeout:5")).is_file(data[:blocks * 512 + 100])


# ---- packets that get lost


def test_each_packet_may_get_lost():
    """The request's answer, any block and any acknowledgement may get lost once, or come twice, or out of order."""
    faults = [{"lose": lambda kind, number, times: kind == "oack" and times == 1},
              {"lose": lambda kind, number, times: kind == "data" and number in (1, 5, 6) and times == 1},
              {"lose": lambda kind, number, times: kind == "data" and number == 5 and times <= 3},
              {"lose": lambda kind, number, times: kind == "ack" and number in (0, 4) and times == 1},
              {"double": lambda kind, number, times: True},
              {"swap": lambda kind, number, times: number % 3 == 0 and times == 1}]
    data = some_bytes(1_000_000)
    for window in (1, 4):
        for fault in faults:
            with badtftp.Server({"x": data}, window=window, **fault) as server:
                fetch(line(server)).is_file(data)


def test_a_lossy_network():
    """Every twentieth packet lost, whichever it is: the file comes whole."""
    chance = random.Random(7)
    data = some_bytes(1_000_000)
    with badtftp.Server({"x": data}, options=("tsize", "windowsize"), window=8, patience=0.1,
                        lose=lambda kind, number, times: chance.random() < 0.05) as server:
        fetch(line(server)).is_file(data)


def test_doubled_packets_stay_doubled():
    """Blocks that come twice are not answered twice (RFC 1123, 4.2.3.1)."""
    with badtftp.Server({"x": IMAGE}, options=None, double=lambda *_: True) as server:
        fetch(line(server)).is_file(IMAGE)
        blocks = len(IMAGE) // 512 + 1
        assert len(server.requests[0].acks) < blocks * 1.1, (len(server.requests[0].acks), blocks)


# ---- what goes wrong


def test_a_server_that_falls_silent():
    """Silence in the middle ends at the deadline, and the file is begun again."""
    with badtftp.Server({"x": IMAGE}, stop_after=2, window=1) as server:
        got = fetch(line(server, ",timeout:1"))
        got.failed("S1-SRV-04", "no byte for 1 s, after 130928 of 300000 bytes")
        assert got.seconds < 3
        fetch(line(server, ",timeout:1,retries:1")).failed("S1-SRV-04")
        assert len(server.requests) == 3


def test_wrong_sizes():
    """The short block ends the file: a size that does not fit, 0 for every file, is told in the log; a file that ends
    long before its size is cut, and no file."""
    for size in (0, 1, 200_000, 299_999, 300_001):
        with badtftp.Server({"x": IMAGE}, tsize=size) as server:
            got = fetch(line(server), options=("-v", "-o", "F"))
            got.is_file(IMAGE)
            assert f"the server said {size} bytes, 300000 came" in got.words, got.words
    with badtftp.Server({"x": IMAGE}, tsize=400_000) as server:
        fetch(line(server)).failed("S1-SRV-09", "300000 of 400000 bytes came")


def test_answers():
    """Errors, garbage and options that cannot be, each under its name."""
    cases = {b"\0\5\0\1not here\0": "S1-SRV-06", b"\0\5\0\2no\0": "S1-SRV-07", b"\0\5\0\0x\x1b[2J": "S1-SRV-08",
             b"\0\5\0\4what": "S1-SRV-05", b"": None, b"\0": "S1-SRV-05", b"\0\3\0": "S1-SRV-05",
             b"HTTP/1.1": "S1-SRV-05",
             b"\0\6blksize\0": "S1-SRV-05", b"\0\6blksize\x00999999\0": "S1-SRV-05", b"\0\6blksize\x007\0": "S1-SRV-05",
             b"\0\6windowsize\x000\0": "S1-SRV-05", b"\0\3\0\1" + b"x" * 600: "S1-SRV-05"}
    for answer, code in cases.items():
        with badtftp.Server({}, answer=answer) as server:
            got = fetch(line(server, ",timeout:1"))
            got.failed(code or "S1-SRV-05")
            assert "\x1b" not in got.words


def test_strangers_are_ignored():
    """Packets from another port than the server's are none of the file."""
    with badtftp.Server({"x": IMAGE}, options=None) as server:
        original = badtftp.Session.send_window

        def with_a_stranger(session, data, first, end):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                if first > 1:  # the first packet settles whose port counts
                    number = bytes([first >> 8 & 255, first & 255])
                    stranger.sendto(b"\0\3" + number + b"y" * 100, session.conn.getpeername())
                original(session, data, first, end)

        badtftp.Session.send_window = with_a_stranger
        try:
            fetch(line(server)).is_file(IMAGE)
        finally:
            badtftp.Session.send_window = original
