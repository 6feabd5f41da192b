"""test_http.py - method http by stage1-fetch: nginx for what is right, a server of bad manners for what is not."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: curl zstd
import base64
import contextlib
import gzip
import hashlib
import io
import os
import platform
import pty
import signal
import socket
import struct
import subprocess
import tarfile
import tempfile
import threading
import time

import badtftp
import netns
from badserver import (BadServer, MODIFIED, ftp_file, greeting, hang_up, http_chunked, http_file, http_raw, http_status,
                       silent)
from fetcher import PROGRAM, fetch, some_bytes
from web import Web, web

IMAGE = some_bytes(300_000)
OTHER = some_bytes(300_000, seed=2)
OVERLAP = 4096  # of methods/retrieve/transfer.h: so many bytes are asked for twice when a transfer is resumed
RANGED = f"bytes={100_000 - OVERLAP}-"


def line(server, more="", image="x"):
    """The automatic= value that fetches /IMAGE from a server of this machine; no retries unless MORE has them."""
    retries = "" if "retries:" in more else ",retries:0"
    return f"method:http,server:127.0.0.1:{server.port},directory:/,image:{image}{retries}{more}"


def serve(name, data, server=None):
    """Puts a file into nginx's folder."""
    server = server or web()
    path = server.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return server


@contextlib.contextmanager
def nginx(extra):
    """An nginx of its own, with EXTRA in its server's configuration."""
    server = Web(extra=extra)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


# ---- what goes right


def test_a_file_from_nginx_comes_whole():
    """A file of 20 MB from nginx arrives with every byte."""
    data = some_bytes(20_000_000)
    fetch(line(serve("big", data), image="big")).is_file(data)


def test_small_files_come_whole():
    """Files of 0, 1 and 4097 bytes arrive as they are."""
    for size in (0, 1, 4097):
        data = some_bytes(size)
        fetch(line(serve(f"small{size}", data), image=f"small{size}")).is_file(data)


def test_names_are_encoded():
    """Blanks, per cents, question marks, hashes and letters beyond ASCII in a file's name reach nginx as they are."""
    for name in ("a b", "50%", "what?", "no#1", "grün", "a+b&c=d;e", "dir/with space/f"):
        fetch(line(serve(name, name.encode()), image=name)).is_file(name.encode())


def test_queries():
    """A '?' with a '=' behind it begins a query, which is sent as it stands and shown nowhere; %3F is a '?' of the
    name."""
    for directory, image, path in (
            ("/", "root.sqfs?X-Amz-Signature=ab%2Fc&X-Amz-Expires=600",
             "/root.sqfs?X-Amz-Signature=ab%2Fc&X-Amz-Expires=600"),
            ("pub", "a b?k=//x/../y+z;", "/pub/a%20b?k=//x/../y+z;"),
        ("/", "x?k=a b#c\u00e4?d", "/x?k=a%20b%23c%C3%A4?d"),
            ("/get.cgi?node=7&file=", "x//y", "/get.cgi?node=7&file=/x/y"), ("/", "x%3Fk=v", "/x%3Fk=v"),
            ("/", "what?", "/what%3F"), ("/", "x?v", "/x%3Fv"), ("/", "a+b;c", "/a%2Bb%3Bc"), ("/", "a%2Bb", "/a%2Bb")):
        with BadServer(http_file(IMAGE)) as server:
            got = fetch(f"method:http,server:127.0.0.1:{server.port},directory:{directory},image:{image}",
                        options=("-v", "-o", "F"))
            got.is_file(IMAGE)
            assert server.requests[0].path == path, server.requests[0].path
            assert "?" not in path or path.split("?")[1] not in got.words
    with BadServer(http_status("403 Forbidden")) as server:
        got = fetch(line(server, image="root.sqfs?key=hush"), options=("-v",))
        got.failed("S1-SRV-07", "/root.sqfs?...")
        assert "hush" not in got.words, got.words
        fetch(line(server, image="x?key=hush"), options=("-v",)).failed("S1-SRV-07")
    with BadServer(http_status("404 Not Found")) as server:
        got = fetch(line(server, image="x?key=hush"))
        got.failed("S1-SRV-06", "; nor /")
        assert "hush" not in got.words, got.words
        assert [r.path for r in server.requests] == ["/x?key=hush", f"/{platform.machine()}/x?key=hush"]
    with BadServer(http_file(IMAGE)) as server:
        got = fetch(line(server, image="d/named.img?key=hush"), options=())
        assert got.status == 0 and got.left == ["named.img"], (got.words, got.left)


def test_slashes_are_handled():
    """Slashes too many and too few between server, directory and image make no difference."""
    server = serve("pub/d/f", IMAGE)
    for directory, image in (("/pub/d", "f"), ("pub/d/", "/f"), ("//pub//d//", "//f"), ("", "pub/d/f")):
        fetch(f"method:http,server:127.0.0.1:{server.port},directory:{directory},image:{image}").is_file(IMAGE)


def test_the_classic_names():
    """Without image: the installer's stage2 is fetched, with the word rescue the rescue system."""
    server = serve("classic/install/stage2/mdkinst.sqfs", IMAGE)
    serve("classic/install/stage2/rescue.sqfs", OTHER)
    words = f"met:http,ser:127.0.0.1:{server.port},dir:/classic"
    fetch(words).is_file(IMAGE)
    fetch(words, "rescue").is_file(OTHER)


def test_the_architecture_folder():
    """Where the plain path has nothing, the folder of the machine's architecture is looked into."""
    arch = platform.machine()
    server = serve(f"distrib/{arch}/install/stage2/rescue.sqfs", IMAGE)
    fetch(f"method:http,server:127.0.0.1:{server.port},directory:/distrib/", "rescue").is_file(IMAGE)
    fetch(line(serve(f"{arch}/own.img", OTHER), image="own.img")).is_file(OTHER)


def test_ports():
    """The port may stand in server: or in port:; server: is stronger; IPv6 addresses stand in brackets."""
    port = serve("p", IMAGE).port
    fetch(f"method:http,server:127.0.0.1,port:{port},directory:/,image:p").is_file(IMAGE)
    fetch(f"method:http,server:127.0.0.1:{port},port:9,directory:/,image:p").is_file(IMAGE)
    with BadServer(http_file(IMAGE), host="::1") as server:
        fetch(f"method:http,server:[::1]:{server.port},directory:/,image:p").is_file(IMAGE)
        assert server.requests[0].headers["host"] == f"[::1]:{server.port}"
        fetch(f"method:http,server:::1,port:{server.port},directory:/,image:p").is_file(IMAGE)


def test_the_default_output_name():
    """Without -o the image keeps its own name; -o - writes it to standard output, when it is whole."""
    server = serve("named.img", IMAGE)
    got = fetch(line(server, image="named.img"), options=())
    assert got.status == 0 and got.left == ["named.img"], (got.words, got.left)
    got = fetch(line(server, image="named.img"), options=("-o", "-"))
    assert got.status == 0 and got.stdout == IMAGE and not got.left, got.words
    got = fetch(line(server, image="nonesuch"), options=("-o", "-"))
    assert got.status == 1 and got.stdout == b""


def test_redirections():
    """Each kind of redirection is followed, absolute, relative to the path, to the folder, and to another server."""
    with BadServer(http_file(IMAGE)) as other:
        for status in (301, 302, 303, 307, 308):
            for location in (f"http://127.0.0.1:{other.port}/x", "/y", "z", "../a/./b", f"//127.0.0.1:{other.port}/c"):
                with BadServer(http_status(f"{status} Go", f"Location: {location}"), http_file(IMAGE)) as server:
                    fetch(line(server, image="d/x")).is_file(IMAGE)
    serve("there", IMAGE)
    with nginx("location /here { return 302 /there; }") as server:
        (server.root / "there").write_bytes(IMAGE)
        fetch(line(server, image="here")).is_file(IMAGE)


def test_chunked():
    """Chunks of any size, with extensions and trailers, are put together; also from nginx."""
    for sizes in ([1], [100_000], [1, 2, 3, 5, 1000, 65536], [300_000]):
        with BadServer(http_chunked(IMAGE[:20_000] if sizes == [1] else IMAGE, sizes, extension=';a="b"',
                                    trailers=["X-Sum: 1", "Content-Length: 5"])) as server:
            fetch(line(server)).is_file(IMAGE[:20_000] if sizes == [1] else IMAGE)
    with nginx("sub_filter_types *; sub_filter 'nonesuch words' ''; sub_filter_once off;") as server:
        (server.root / "c").write_bytes(IMAGE)
        fetch(line(server, image="c"), f",sha256:{hashlib.sha256(IMAGE).hexdigest()}").is_file(IMAGE)


def test_interim_answers_are_skipped():
    """100 and 103 before the answer are no answer."""
    head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 7\r\n\r\n"
    with BadServer(http_raw(f"{head}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".encode())) as server:
        fetch(line(server)).is_file(b"hello")


def test_odd_heads():
    """Header names in any case, folded lines, bare line feeds, no reason, HTTP/1.0: all understood."""
    for head in ("HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:5\r\n\r\n", "HTTP/1.0 200\r\nContent-Length:\r\n 5\r\n\r\n",
                 "HTTP/1.1 200 OK\nContent-Length: 5\n\n", "HTTP/1.1 200 \r\nContent-Length : 5 , 5\r\n\r\n"):
        with BadServer(http_raw(head.encode() + b"hello")) as server:
            fetch(line(server)).is_file(b"hello")


def test_a_huge_header():
    """A header of 900 KiB is read; one of more than 1 MiB is refused by name."""
    row = "X-Filler: " + "x" * 1000
    with BadServer(http_file(IMAGE, headers=[row] * 900)) as server:
        fetch(line(server)).is_file(IMAGE)
    with BadServer(http_file(IMAGE, headers=[row] * 1100)) as server:
        fetch(line(server)).failed("S1-SRV-05", "header of more than 1024 KiB")
    with BadServer(http_file(IMAGE, headers=["X-Filler: " + "x" * 2_000_000])) as server:
        fetch(line(server)).failed("S1-SRV-05", "header of more than 1024 KiB")


def test_login():
    """user: and pass: are sent to the named server only, and shown nowhere."""
    with BadServer(http_file(IMAGE)) as other:
        with BadServer(http_status("302 Go", f"Location: http://127.0.0.1:{other.port}/y")) as server:
            got = fetch(line(server, ",user:me,pass:to:p s3cret"), options=("-v", "-o", "F"))
            got.is_file(IMAGE)
            expected = "Basic " + base64.b64encode(b"me:to:p s3cret").decode()
            assert server.requests[0].headers["authorization"] == expected
            assert "authorization" not in other.requests[0].headers
    with BadServer(http_status("401 Unauthorized")) as server:
        got = fetch(line(server, ",user:me,pass:to:p s3cret"), options=("-v", "-o", "F"))
        assert got.status == 1 and "s3cret" not in got.words and expected[6:] not in got.words


# ---- answers that are no file


def test_statuses():
    """Each kind of status becomes its failure, with the URL and the status line, and no file."""
    cases = {"404 Not Found": "S1-SRV-06", "410 Gone": "S1-SRV-06", "401 Unauthorized": "S1-SRV-07",
             "403 Forbidden": "S1-SRV-07", "405 Method Not Allowed": "S1-SRV-07", "407 Proxy": "S1-SRV-07",
             "500 Internal Server Error": "S1-SRV-08", "503 Service Unavailable": "S1-SRV-08", "429 Slow": "S1-SRV-08",
             "400 Bad Request": "S1-SRV-05", "204 No Content": "S1-SRV-05", "304 Not Modified": "S1-SRV-10",
             "206 Partial Content": "S1-SRV-05", "302 Found": "S1-SRV-10"}
    for status, code in cases.items():
        with BadServer(http_status(status)) as server:
            fetch(line(server)).failed(code, f"http://127.0.0.1:{server.port}/x", f"HTTP/1.1 {status}")


def test_not_found_names_all_paths():
    """When no path has the file, both are named."""
    server = serve("nothing/here", b"")
    fetch(line(server, image="none.sqfs")).failed("S1-SRV-06", "/none.sqfs: HTTP/1.1 404",
                                                  f"/{platform.machine()}/none.sqfs")


def test_forbidden_by_nginx():
    """A folder that nginx does not list is a denial, not a file."""
    with nginx("location /closed/ { deny all; }") as server:
        (server.root / "closed").mkdir()
        fetch(line(server, image="closed/x")).failed("S1-SRV-07", "403")


def test_busy_servers_are_asked_again():
    """500 and 503 are tried again, after the time the server wants."""
    with BadServer(http_status("500 Oops"), http_status("503 Busy", "Retry-After: 2"), http_file(IMAGE)) as server:
        fetch(line(server, ",retries:2")).is_file(IMAGE)
        assert server.requests[2].time - server.requests[1].time >= 2
        assert server.requests[1].time - server.requests[0].time < 2
    with BadServer(http_status("503 Busy")) as server:
        fetch(line(server, ",retries:2")).failed("S1-SRV-08", "503 Busy")
        assert len(server.requests) == 3


def test_redirect_loops_are_named():
    """A loop of redirections is named step by step; an endless row of them ends."""
    with BadServer(http_status("301 A", "Location: /a"), http_status("301 B", "Location: /b"),
                   http_status("301 A", "Location: /a")) as server:
        here = f"http://127.0.0.1:{server.port}"
        fetch(line(server)).failed("S1-SRV-10", f"{here}/a -> {here}/b -> {here}/a")

    def onward(visit):
        number = int("0" + "".join(c for c in visit.request().path if c.isdigit()))
        visit.send(f"HTTP/1.1 302 On\r\nLocation: /{number + 1}\r\nContent-Length: 0\r\n\r\n".encode())

    with BadServer(onward) as server:
        fetch(line(server)).failed("S1-SRV-10", "more than 10 redirections")


def test_redirections_that_cannot_be_followed():
    """To another scheme, to nonsense and to nowhere: each refused with where it leads."""
    for location, words in (("ftp://h/x", "leads to ftp://h/x, which is no http"),
                            ("mailto:x@y", "no URL"), ("http://", "no URL"), ("http://[::1/x", "no URL"),
                            ("http://h:99999/", "no URL")):
        with BadServer(http_status("302 Found", f"Location: {location}")) as server:
            fetch(line(server)).failed("S1-SRV-10", words)


def test_secrets_in_redirections_are_not_shown():
    """A query and a login in a redirection are used or dropped, but never shown."""
    with BadServer(http_status("302 Found", "Location: http://u:hush@127.0.0.1:1/x?key=hush")) as server:
        got = fetch(line(server), options=("-v", "-o", "F"))
        got = (got.status, got.words)
        assert got[0] == 1 and "hush" not in got[1], got[1]


def test_other_services():
    """Something else on the port is said to make no sense, with its first words, at once."""
    for words in (b"SSH-2.0-OpenSSH_9.2\r\n", b"220 ftp ready\r\n", b"\x15\x03\x01\x00\x02\x02P", b"\0" * 100,
                  b"HTTX/1.1 200"):
        with BadServer(greeting(words)) as server:
            got = fetch(line(server))
            got.failed("S1-SRV-05")
            assert got.seconds < 3
    with BadServer(greeting(b"SSH-2.0-OpenSSH_9.2\r\n")) as server:
        fetch(line(server)).failed("S1-SRV-05", "SSH-2.0-OpenSSH")
    with BadServer(hang_up) as server:
        fetch(line(server)).failed("S1-SRV-05", "without an answer", "look at the server's log")


def test_encodings():
    """A file that the server compresses on its way is not the file; a compressed file is, whatever the server calls
    it."""
    with BadServer(http_file(IMAGE, headers=["Content-Encoding: gzip"])) as server:
        fetch(line(server)).failed("S1-SRV-05", "encoded by gzip")
        fetch(line(server, image="x.gz")).is_file(IMAGE)
        assert server.requests[0].headers["accept-encoding"] == "identity"
    with nginx("gzip on; gzip_min_length 1; gzip_types *;") as server:
        (server.root / "x").write_bytes(IMAGE)
        fetch(line(server)).is_file(IMAGE)


def test_encodings_that_are_none():
    """Names in Content-Encoding that change nothing are no encoding; those that do are found in any list of them."""
    for words in ("identity", "aws-chunked", "none", "binary", "utf-8", "8bit", "", ",", "identity, aws-chunked",
                  "\xe4"):
        with BadServer(http_file(IMAGE, headers=["Content-Encoding: " + words])) as server:
            fetch(line(server)).is_file(IMAGE)
    for words in ("X-GZip", "aws-chunked, gzip", "br", "gzip, br", "deflate", "identity,zstd",
                  "aws-chunked\r\nContent-Encoding: br"):
        with BadServer(http_file(IMAGE, headers=["Content-Encoding: " + words])) as server:
            fetch(line(server)).failed("S1-SRV-05", "encoded by")


def test_encodings_of_compressed_files():
    """A file that is compressed itself may be called encoded: told by its bytes, by a name that led there, or by the
    sum."""
    packed = gzip.compress(IMAGE, 1)
    sum_of = ",sha256:" + hashlib.sha256(IMAGE).hexdigest()
    gz = ["Content-Encoding: x-gzip"]
    for steps, expected, image, more in (
            ([http_file(packed, headers=gz)], packed, "rootfs.img", ""),
            ([http_chunked(packed, [1, 2, 3, 100_000], headers=gz)], packed, "rootfs.img", ""),
            ([http_file(packed, headers=gz, cut=100_000), http_file(packed, headers=gz)], packed, "rootfs.img",
             ",retries:1"),
            ([http_file(b"\x28\xb5\x2f\xfd" + IMAGE, headers=["Content-Encoding: zstd"])], b"\x28\xb5\x2f\xfd" + IMAGE,
             "x", ""),
            ([http_status("302 Go", "Location: /blob/7f3a"), http_file(IMAGE, headers=gz)], IMAGE, "x.gz", ""),
            ([http_status("302 Go", "Location: /x.tgz"), http_status("302 Go", "Location: /y"),
              http_file(IMAGE, headers=gz)],
             IMAGE, "x", ""),
            ([http_file(IMAGE, headers=gz)], IMAGE, "x", sum_of)):
        with BadServer(*steps) as server:
            fetch(line(server, more, image=image)).is_file(expected)
            assert len(server.requests) == len(steps)


def test_heads_that_lie():
    """Lengths that are none, negative, too big or contradict each other are refused."""
    for rows in ("Content-Length: -5", "Content-Length: 5x", "Content-Length: 99999999999999999999", "Content-Length:",
                 "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5, 6", "Transfer-Encoding: gzip",
                 "Transfer-Encoding: gzip, chunked", "no colon", ": no name"):
        with BadServer(http_raw(f"HTTP/1.1 200 OK\r\n{rows}\r\n\r\nhello".encode())) as server:
            fetch(line(server)).failed("S1-SRV-05")


def test_chunked_twice():
    """A gateway that adds "chunked" to what is chunked already means it once."""
    for coding in ("chunked\r\nTransfer-Encoding: chunked", "chunked, chunked", "identity,Chunked ,",
                   "chunked\r\nTransfer-Encoding: "):
        with BadServer(http_chunked(IMAGE, [100_000], coding=coding)) as server:
            fetch(line(server)).is_file(IMAGE)


def test_bad_chunks():
    """Chunks with broken sizes and ends are refused; a stream without its last chunk is too short."""
    for body, code in ((b"zz\r\nhello\r\n0\r\n\r\n", "S1-SRV-05"), (b"-5\r\nhello\r\n0\r\n\r\n", "S1-SRV-05"),
                       (b"ffffffffffffffff\r\nhello", "S1-SRV-05"), (b"3\r\nhello\r\n0\r\n\r\n", "S1-SRV-05"),
                       (b"\r\n5\r\nhello\r\n0\r\n\r\n", "S1-SRV-05"), (b"5\r\nhello\r\n", "S1-SRV-09"),
                       (b"5\r\nhello\r\n0\r\n", "S1-SRV-09"), (b"", "S1-SRV-09")):
        with BadServer(http_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)) as server:
            fetch(line(server)).failed(code)


# ---- connections that break


def test_a_cut_is_resumed():
    """A connection cut in the middle goes on where it was: If-Range, a range, and the right bytes."""
    for reset in (False, True):
        with BadServer(http_file(IMAGE, cut=100_000, reset=reset), http_file(IMAGE)) as server:
            fetch(line(server, ",retries:1")).is_file(IMAGE)
            assert len(server.requests) == 2
            assert server.requests[1].headers["range"] == RANGED, server.requests[1].text
            assert server.requests[1].headers["if-range"].startswith('"')


def test_bytes_that_go_by_unseen():
    """An image in memory is moved inside the kernel; cut, resumed, replaced and chunked ones are right there too."""
    data, other = some_bytes(3_000_000, seed=5), some_bytes(3_000_000, seed=6)
    for steps, expected, requests in (
            ([http_file(data, cut=2_000_000), http_file(data)], data, 2),
            ([http_file(data, cut=2_000_000), http_file(data, cut=500_000), http_file(data)], data, 3),
            ([http_file(data, cut=2_000_000, tag='"same"'), http_file(other, tag='"same"')], other, 3),
            ([http_chunked(data, [1_000_000, 5, 70_000])], data, 1)):
        with BadServer(*steps) as server:
            got = fetch(line(server, ",retries:3"), options=("-o", "-"))
            assert got.status == 0 and got.stdout == expected, got.words
            assert len(server.requests) == requests
            if requests == 2:
                assert server.requests[1].first_byte() == 2_000_000 - OVERLAP


def test_many_cuts_are_resumed():
    """A server that cuts every connection after a megabyte and more still delivers, and never twice the same
    megabyte."""
    data = some_bytes(12_000_000)
    with BadServer(http_file(data, cut=1_100_000)) as server:
        fetch(line(server, ",retries:2")).is_file(data)
        assert len(server.requests) == 11, len(server.requests)


def test_a_cut_of_nginx_is_resumed():
    """nginx behind a cable that is cut: the second connection asks for the rest only."""
    data = some_bytes(5_000_000)
    target = serve("cut", data)
    first = []

    def cutting_proxy(visit):
        request = visit.request()
        with socket.create_connection(("127.0.0.1", target.port)) as upstream:
            upstream.sendall((request.text + "\r\n\r\n").encode())
            left = 2_000_000 if not first else 1 << 62
            first.append(1)
            while left > 0:
                piece = upstream.recv(min(left, 65536))
                if not piece:
                    break
                visit.send(piece)
                left -= len(piece)

    with BadServer(cutting_proxy) as server:
        fetch(line(server, ",retries:1", image="cut")).is_file(data)
        assert 1_900_000 < server.requests[1].first_byte() < 2_000_000
    assert any('"GET /cut HTTP/1.1" 206' in row for row in target.requests())


def test_no_etag():
    """Without a strong ETag the time of the last change tells versions apart; without both nothing is resumed."""
    for tag in (False, 'W/"weak"'):
        with BadServer(http_file(IMAGE, cut=100_000, tag=tag), http_file(IMAGE, tag=tag)) as server:
            fetch(line(server, ",retries:1")).is_file(IMAGE)
            assert server.requests[1].headers["range"] == RANGED
            assert server.requests[1].headers["if-range"] == MODIFIED
    with BadServer(http_file(IMAGE, cut=100_000, tag=False, modified=None),
                   http_file(IMAGE, tag=False, modified=None)) as server:
        fetch(line(server, ",retries:1")).is_file(IMAGE)
        assert "range" not in server.requests[1].headers


def test_ranges_that_are_ignored():
    """A server that sends the whole file again when a range is asked for: still the right bytes."""
    with BadServer(http_file(IMAGE, cut=100_000), http_file(IMAGE, ranges=False)) as server:
        fetch(line(server, ",retries:1")).is_file(IMAGE)


def test_ranges_that_are_wrong():
    """A range that begins elsewhere, or of a file of another size, is not used; the file is fetched from the start."""
    for lie in ({"shift": 1}, {"shift": 5000}, {"total": 999_999}):
        with BadServer(http_file(IMAGE, cut=100_000), http_file(IMAGE, **lie), http_file(IMAGE)) as server:
            fetch(line(server, ",retries:3")).is_file(IMAGE)


def test_a_file_that_is_replaced():
    """A file replaced between two connections arrives as the new one, whole: larger, smaller, and of the same size."""
    for new in (OTHER, OTHER + b"more", OTHER[:150_000], OTHER[:50_000]):
        for tag in (True, False):
            later = "Tue, 01 Sep 2026 10:00:01 GMT"
            with BadServer(http_file(IMAGE, cut=100_000, tag=tag), http_file(new, tag=tag, modified=later)) as server:
                fetch(line(server, ",retries:1")).is_file(new)


def test_a_file_that_is_replaced_unseen():
    """A new file with the old one's time and size is noticed by the bytes that are asked for twice."""
    with BadServer(http_file(IMAGE, cut=100_000, tag=False), http_file(OTHER, tag=False)) as server:
        fetch(line(server, ",retries:1")).is_file(OTHER)
    with BadServer(http_file(IMAGE, cut=100_000, tag='"same"'), http_file(OTHER, tag='"same"')) as server:
        fetch(line(server, ",retries:1")).is_file(OTHER)


def test_nginx_replaces_the_file():
    """nginx serves a new file in the middle of a transfer: the old one arrives whole, never a mix; cut and resumed
    behind the change, it is the new one."""
    old, new = some_bytes(4_000_000, seed=3), some_bytes(4_000_000, seed=4)
    for cut in (False, True):
        with nginx("location / { limit_rate 2m; }") as server:
            (server.root / "live").write_bytes(old)
            os.utime(server.root / "live", (1_000_000_000, 1_000_000_000))

            def replace():
                (server.root / "new").write_bytes(new)
                os.replace(server.root / "new", server.root / "live")

            def relay(visit):
                request = visit.request()
                with socket.create_connection(("127.0.0.1", server.port)) as upstream:
                    upstream.sendall((request.text + "\r\n\r\n").encode())
                    left = 3_000_000 if cut and len(between.requests) == 1 else 1 << 62
                    while left > 0 and (piece := upstream.recv(min(left, 65536))):
                        visit.send(piece)
                        left -= len(piece)

            timer = threading.Timer(0.7, replace)
            timer.start()
            with BadServer(relay) as between:
                fetch(line(between, ",retries:1", image="live")).is_file(new if cut else old)
                assert len(between.requests) == 1 + cut
            timer.join()


def slowly(data, **how):
    """The file in a bit more than the second after which a second look is taken."""
    return http_file(data, trickle=(len(data) // 14 + 1, 0.1), **how)


def test_what_comes_in_one_piece():
    """As many bytes as were announced, in one piece, are the file, whatever a second look would show, and so are those
    that a sum proves: none is taken."""
    sum_of = ",sha256:" + hashlib.sha256(IMAGE).hexdigest()
    for head in ([], ["Content-Length: 0"], ["Content-Length: 153", "ETag: \"other\"", "Last-Modified: "
                                             + MODIFIED.replace("01", "02")]):
        for more in ("", sum_of):
            with BadServer(slowly(IMAGE, head=head)) as server:
                fetch(line(server, more)).is_file(IMAGE)
                assert [r.verb for r in server.requests] == ["GET"]
    with BadServer(http_chunked(IMAGE, [50_000], trickle=1.2, headers=['ETag: "a"'])) as server:
        fetch(line(server, sum_of)).is_file(IMAGE)
        assert [r.verb for r in server.requests] == ["GET"]


def test_a_second_look():
    """What came in pieces, or without a length, is looked at again: another version has it fetched once more, and only
    once; a length that HEAD claims tells nothing."""
    same = [f'ETag: "{hashlib.md5(IMAGE).hexdigest()}"', "Last-Modified: " + MODIFIED]
    other = ['ETag: "other"', "Content-Length: 300000"]
    for head, gets in ((same, 2), (["Content-Length: 0"], 2), (["Content-Length: 153", *same], 2), (other, 3)):
        with BadServer(http_file(IMAGE, cut=50_000, head=head), slowly(IMAGE, head=head)) as server:
            fetch(line(server, ",retries:3")).is_file(IMAGE)
            assert [r.verb for r in server.requests].count("GET") == gets, [r.line for r in server.requests]
    with BadServer(http_file(IMAGE, cut=50_000), slowly(IMAGE), http_file(OTHER), http_file(OTHER)) as server:
        fetch(line(server, ",retries:3")).is_file(OTHER)


def each_time(make):
    """A step that is another one at each request: MAKE(n), from 1 on."""
    turn = iter(range(1, 1000))
    return lambda visit: make(next(turn))(visit)


def test_validators_that_always_differ():
    """Servers whose ETag or Last-Modified is another one in each answer: cut or not, with a length or without, with a
    sum or without, the bytes are the file; with a sum they are also resumed."""
    sum_of = ",sha256:" + hashlib.sha256(IMAGE).hexdigest()
    date = lambda n: f"Tue, 01 Sep 2026 10:00:{n:02} GMT"
    kinds = (lambda n: {"tag": f'"n{n}"', "modified": None}, lambda n: {"tag": False, "modified": date(n)},
             lambda n: {"tag": f'"n{n}"', "modified": date(n)}, lambda n: {"tag": f'W/"n{n}"', "modified": None})
    for kind in kinds:
        for more, first_byte in (("", 0), (sum_of, 100_000 - OVERLAP)):
            with BadServer(each_time(lambda n: slowly(IMAGE, **kind(n)))) as server:
                fetch(line(server, more)).is_file(IMAGE)
                assert len(server.requests) == 1
            with BadServer(each_time(lambda n: http_file(IMAGE, cut=100_000 if n == 1 else None, **kind(n)))) as server:
                fetch(line(server, ",retries:1" + more)).is_file(IMAGE)
                assert [r.first_byte() if sum_of == more else 0 for r in server.requests] == [0, first_byte]
    chunked = each_time(lambda n: http_chunked(IMAGE, [50_000], trickle=1.2, headers=[f'ETag: "n{n}"']))
    with BadServer(chunked) as server:
        fetch(line(server, ",retries:1")).is_file(IMAGE)


def test_partial_answers():
    """206 that was not asked for, or that begins at 0 again, is the file; one that stops early is gone on with at
    once."""
    big = some_bytes(1_000_000, seed=7)
    with BadServer(http_file(IMAGE, slice="all")) as server:
        fetch(line(server)).is_file(IMAGE)
    with BadServer(http_file(IMAGE, cut=100_000), http_file(IMAGE, slice="all")) as server:
        fetch(line(server, ",retries:1")).is_file(IMAGE)
        assert server.requests[1].headers["range"] == RANGED
    with BadServer(http_file(big, slice=200_000)) as server:
        fetch(line(server)).is_file(big)
        assert [r.first_byte() for r in server.requests] == [0] + [n * 200_000 - n * OVERLAP for n in range(1, 6)]
    with BadServer(http_file(big, slice=200_000, tag=False, modified=None)) as server:
        fetch(line(server, ",retries:1")).failed("S1-SRV-09", "200000 of 1000000")
    with BadServer(http_file(IMAGE, slice=1000)) as server:
        fetch(line(server, ",retries:1")).failed("S1-SRV-09", "of 300000 bytes")
    with BadServer(http_raw(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/*\r\nContent-Length: 5\r\n\r\nhello")) as server:
        fetch(line(server)).failed("S1-SRV-05", "206")


def test_a_file_that_keeps_changing():
    """A file that is another one at every connection is given up, with a code of its own."""
    versions = [http_file(some_bytes(300_000, seed=i), cut=100_000) for i in range(20)]
    with BadServer(*versions) as server:
        fetch(line(server, ",retries:9")).failed("S1-SRV-11")
        assert len(server.requests) < 12


def test_a_stalled_server_is_cut_and_resumed():
    """A server that falls silent is left after timeout: seconds, and the rest is asked for."""
    with BadServer(http_file(IMAGE, cut=100_000, stall=True), http_file(IMAGE)) as server:
        got = fetch(line(server, ",retries:1,timeout:1"))
        got.is_file(IMAGE)
        assert server.requests[1].headers["range"] == RANGED
        assert got.seconds < 4, got.seconds


def test_a_server_that_stays_silent():
    """Silence after the connection, and in the middle, ends at the deadline, with how long and how far."""
    with BadServer(silent) as server:
        got = fetch(line(server, ",timeout:1"))
        got.failed("S1-SRV-03", "no answer to the request in 1 s")
        assert 0.9 < got.seconds < 3
    with BadServer(http_file(IMAGE, cut=100_000, stall=True)) as server:
        got = fetch(line(server, ",timeout:1"))
        got.failed("S1-SRV-04", "no byte for 1 s", "100000 of 300000")
    with BadServer(http_raw(b"HTTP/1.1 200 OK\r\nContent-", hold=True)) as server:
        fetch(line(server, ",timeout:1")).failed("S1-SRV-03")


def test_a_slow_trickle():
    """A server that sends a little, again and again, is slow but not silent."""
    with BadServer(http_file(IMAGE[:5000], trickle=(500, 0.3))) as server:
        got = fetch(line(server, ",timeout:1"))
        got.is_file(IMAGE[:5000])
        assert got.seconds > 2


def test_a_server_that_is_too_slow():
    """A server that brings less than 60 KiB in a minute is left, with the figures, for the next one."""
    with BadServer(http_file(IMAGE, trickle=(500, 1))) as slow, BadServer(http_file(IMAGE)) as good:
        fetch(line(slow), timeout=90).failed("S1-SRV-04", "bytes in 60 s")
        got = fetch(f"method:http,server:127.0.0.1:{slow.port}+127.0.0.1:{good.port},directory:/,image:x", timeout=90)
        got.is_file(IMAGE)
        assert good.requests[0].first_byte() > 20_000


test_a_server_that_is_too_slow.slow = True


def test_a_truncated_body():
    """Fewer bytes than announced is an error that says how many, never a file."""
    with BadServer(http_file(IMAGE[:100_000], size=300_000, ranges=False)) as server:
        fetch(line(server, ",retries:1")).failed("S1-SRV-09", "100000 of 300000 bytes")
        assert len(server.requests) == 2


def test_no_length():
    """Without a length only a file that tells its own size, or whose sum is given, can be known to be whole."""
    # magic, ... version 4.0, root inode, bytes used: Linux Documentation/filesystems/squashfs.rst
    squashfs = struct.pack("<4s24xHHqq", b"hsqs", 4, 0, 0, 300_000) + IMAGE[48:]
    for protocol in ("HTTP/1.0", "HTTP/1.1"):
        with BadServer(http_file(squashfs, length=False, protocol=protocol)) as server:
            fetch(line(server)).is_file(squashfs)
        with BadServer(http_file(squashfs, length=False, protocol=protocol, cut=200_000)) as server:
            fetch(line(server)).failed("S1-SRV-09", "200000", "300000")
        with BadServer(http_file(IMAGE, length=False, protocol=protocol)) as server:
            fetch(line(server)).failed("S1-SRV-09", "never said how many", "sha256:")


def cpio(name, data):
    """An archive of one file, as bytes (initramfs-buffer-format)."""
    out = b""
    for n, d, mode in ((name, data, 0o100644), ("TRAILER!!!", b"", 0)):
        fields = (1, mode, 0, 0, 1, 0, len(d), 0, 0, 0, 0, len(n) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + n.encode() + b"\0"
        out += bytes(-len(out) % 4) + d
        out += bytes(-len(out) % 4)
    return out + bytes(-len(out) % 512)


def test_archives_without_length():
    """An archive ends where it ends: without a length it is whole when its end is there, and only then."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("f")
        info.size = len(IMAGE)
        archive.addfile(info, io.BytesIO(IMAGE))
    for data in (tar.getvalue(), cpio("f", IMAGE)):
        for protocol in ("HTTP/1.0", "HTTP/1.1"):
            for out in ("F", "-"):  # to memory it goes by unseen
                with BadServer(http_file(data, length=False, protocol=protocol)) as server:
                    got = fetch(line(server), options=("-o", out))
                    assert got.status == 0 and (got.data or got.stdout) == data, got.words
        for cut in (100_000, len(data) - 20_000):
            with BadServer(http_file(data, length=False, cut=cut)) as server:
                fetch(line(server)).failed("S1-SRV-09", "never said how many")


def test_sums():
    """sha256: is checked over the bytes as they came, also over several connections; a wrong one leaves no file."""
    good, bad = hashlib.sha256(IMAGE).hexdigest(), hashlib.sha256(OTHER).hexdigest()
    fetch(line(serve("sum", IMAGE), f",sha256:{good}", image="sum")).is_file(IMAGE)
    fetch(line(serve("sum", IMAGE), f",sha256:{bad}", image="sum")).failed("S1-IMG-04", "/sum: the ")
    with BadServer(http_file(IMAGE, length=False)) as server:
        fetch(line(server, f",sha256:{good}")).is_file(IMAGE)
    with BadServer(http_file(IMAGE, cut=100_000), http_file(IMAGE)) as server:
        fetch(line(server, f",retries:1,sha256:{good}")).is_file(IMAGE)


# ---- servers that are not there


def test_refused():
    """Nobody listens on the port: refused, with the address, and tried again as often as retries: says."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        fetch(f"method:http,server:127.0.0.1:{port},directory:/,image:x,retries:0").failed("S1-SRV-01", "127.0.0.1")
        got = fetch(f"method:http,server:127.0.0.1:{port},directory:/,image:x,retries:2")
        got.failed("S1-SRV-01")
        assert 0.7 < got.seconds < 3, got.seconds


def test_a_server_that_comes_up_late():
    """A server that starts a second after the first try is found by a retry."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    late = BadServer(http_file(IMAGE), port=0)
    late.listener.close()

    def start():
        late.listener = socket.create_server(("127.0.0.1", port))
        late.__enter__()

    timer = threading.Timer(1, start)
    timer.start()
    fetch(f"method:http,server:127.0.0.1:{port},directory:/,image:x").is_file(IMAGE)
    timer.join()
    late.__exit__()


def test_unreachable_and_unanswered():
    """No route and no such host are told apart from silence."""
    with netns.Lab() as lab:
        head, node = lab.node("head"), lab.node("node")
        lab.cable(head, node)
        head.address("eth0", "10.9.0.1/24")
        node.address("eth0", "10.9.0.2/24")
        words = "method:http,directory:/,image:x,retries:0,timeout:5,server:"
        fetch(words + "192.0.2.1", node=node).failed("S1-SRV-02", "192.0.2.1")
        fetch(words + "10.9.0.77", node=node).failed("S1-SRV-02", "10.9.0.77")
        head.ip("route", "add", "blackhole", "10.9.0.2")  # what comes is not answered
        got = fetch(words.replace("timeout:5", "timeout:2") + "10.9.0.1", node=node)
        got.failed("S1-SRV-03", "10.9.0.1")
        assert got.seconds < 4


def test_a_name_with_a_dead_address():
    """A name with two addresses of which the first is dead: the second one is used; also to resume on."""
    with netns.Lab() as lab:
        head, node = lab.node("head"), lab.node("node")
        lab.cable(head, node)
        head.address("eth0", "10.9.0.1/24", "10.9.0.3/24")
        node.address("eth0", "10.9.0.2/24")
        node.etc("hosts", "10.9.0.77 half.dead\n10.9.0.1 half.dead\n10.9.0.1 two.up\n10.9.0.3 two.up\n")
        with head.inside():
            whole = BadServer(http_file(IMAGE), host="10.9.0.1", port=80)
            cutting = BadServer(http_file(IMAGE, cut=100_000), host="10.9.0.1", port=81)
            resuming = BadServer(http_file(IMAGE), host="10.9.0.3", port=81)
        with whole, cutting, resuming:
            words = "method:http,directory:/,image:x,retries:0,server:"
            fetch(words + "half.dead", node=node).is_file(IMAGE)
            fetch(words + "two.up:81", node=node).is_file(IMAGE)
            assert len(cutting.requests) == 1 and resuming.requests[0].headers["range"] == RANGED
        node.etc("resolv.conf", "nameserver 10.9.0.1\n")
        fetch(words + "nobody.knows,timeout:1", node=node).failed("S1-DNS-03", "nobody.knows", "10.9.0.1")


def test_zones():
    """A link-local server is reached by http, ftp and tftp with the name of the interface or its number behind the
    address, which stays here; an interface that is not there is named."""
    with netns.Lab() as lab:
        head, node = lab.node("head"), lab.node("node")
        for machine in (head, node):
            machine.sysctl("ipv6/conf/default/accept_dad", 0)
            machine.sysctl("ipv6/conf/default/addr_gen_mode", 1)  # no other address
        lab.cable(head, node)
        head.address("eth0", "fe80::77/64")
        node.address("eth0", "fe80::78/64")
        with node.inside():
            number = socket.if_nametoindex("eth0")
        with head.inside():
            servers = {"http": BadServer(http_file(IMAGE), host="::"), "ftp": BadServer(ftp_file(IMAGE), host="::"),
                       "tftp": badtftp.Server({"/x": IMAGE}, host="::")}
        for method, server in servers.items():
            with head.inside():  # its threads stay there
                server.__enter__()
            for zone in ("eth0", number):
                fetch(f"method:{method},server:[fe80::77%{zone}]:{server.port},directory:/,image:x,retries:0",
                      node=node).is_file(IMAGE)
            server.__exit__()
        assert servers["http"].requests[0].headers["host"] == f"[fe80::77]:{servers['http'].port}"
        fetch("method:http,server:fe80::77%eth9,directory:/,image:x", node=node).failed("S1-CMD-04", "eth9",
                                                                                        "no such interface")


# ---- mirrors


def test_mirrors():
    """server:a+b+c: a dead one, one without the file and one with it; the report of failures names each."""
    with BadServer(http_file(IMAGE)) as good, BadServer(http_status("404 Not Found")) as poor:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            dead = taken.getsockname()[1]
            words = "method:http,directory:/,image:x,retries:0,server:"
            fetch(f"{words}127.0.0.1:{dead}+127.0.0.1:{poor.port}+127.0.0.1:{good.port}").is_file(IMAGE)
            fetch(f"{words}127.0.0.1:{dead}+localhost:{poor.port}").failed("S1-SRV-06", "404",
                                                                           "127.0.0.1: The server refused")


def test_mirrors_resume():
    """A transfer that breaks goes on at the next mirror when its file is the same, and starts anew when it is not."""
    words = "method:http,directory:/,image:x,retries:0,server:"
    with BadServer(http_file(IMAGE, cut=100_000, tag='"a"')) as cutting, BadServer(http_file(IMAGE, tag='"b"')) as good:
        fetch(f"{words}127.0.0.1:{cutting.port}+127.0.0.1:{good.port}").is_file(IMAGE)
        assert good.requests[0].headers["range"] == RANGED and good.requests[0].headers["if-range"] == MODIFIED
    with BadServer(http_file(IMAGE, cut=100_000)) as cutting, \
            BadServer(http_file(OTHER, modified="Tue, 01 Sep 2026 10:00:01 GMT")) as good:
        fetch(f"{words}127.0.0.1:{cutting.port}+127.0.0.1:{good.port}").is_file(OTHER)


def test_mirrors_without_a_common_validator():
    """What only an ETag tells apart is not resumed on another mirror, whose tags are its own; with sha256: it is, and
    bytes of another file of that size are found out."""
    words = "method:http,directory:/,image:x,retries:0,server:127.0.0.1:{}+127.0.0.1:{}"
    sum_of = ",sha256:" + hashlib.sha256(IMAGE).hexdigest()
    for more, first_byte in (("", 0), (sum_of, 100_000 - OVERLAP)):
        with BadServer(http_file(IMAGE, cut=100_000, modified=None)) as cutting, \
                BadServer(http_file(IMAGE, modified=None)) as good:
            fetch(words.format(cutting.port, good.port) + more).is_file(IMAGE)
            assert good.requests[0].first_byte() == first_byte, good.requests[0].text
    mixed = OTHER[:100_000] + IMAGE[100_000:]  # the bytes that are asked for twice are the same
    with BadServer(http_file(mixed, cut=150_000, modified=None)) as other, BadServer(http_file(IMAGE,
            modified=None)) as good:
        fetch(words.format(other.port, good.port) + sum_of).is_file(IMAGE)
        assert [request.first_byte() for request in good.requests][:2] == [150_000 - OVERLAP, 0]


# ---- this program


def test_usage():
    """Errors of the command line end with 2, values that cannot be used with 1 and their code."""
    for argv in ([], ["-x", "automatic=method:http"], ["method:http"]):
        assert subprocess.run([PROGRAM, *argv], capture_output=True, check=False).returncode == 2, argv
    fetch("server:h").failed("S1-CMD-01")
    fetch("method:smoke,server:h").failed("S1-CMD-02", "smoke")
    fetch("method:http,directory:/").failed("S1-CMD-03", "server:")
    for bad in ("server:h:99999", "server:h/path", "server:http://h", "server:a+", "server:me:hush@h", "server:[::1",
                "server:h,port:0", "server:h,retries:many", "server:h,timeout:0"):
        got = fetch("method:http," + bad)
        got.failed("S1-CMD-04")
        assert "hush" not in got.words


def test_a_signal_stops_it():
    """Ctrl-C ends a transfer soon and leaves nothing behind."""
    with BadServer(http_file(IMAGE, cut=100_000, stall=True)) as server, tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([PROGRAM, "-o", "F", "automatic=" + line(server)], cwd=folder,
                                   stderr=subprocess.PIPE)
        while not server.requests:
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=3)
        assert process.returncode == 1 and words.startswith(b"S1-SYS-03"), words
        assert not os.listdir(folder)


def test_on_a_terminal():
    """On a terminal there is one line of progress, and a line of its own for what broke on the way."""
    steps = [http_file(IMAGE, cut=100_000, trickle=(20_000, 0.05)), http_file(IMAGE, trickle=(20_000, 0.05))]
    with BadServer(*steps) as server, tempfile.TemporaryDirectory() as folder:
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execv(PROGRAM, [PROGRAM, "-o", "F", "automatic=" + line(server, ",retries:1")])
        said = b""
        with contextlib.suppress(OSError):  # EIO: the other end has closed
            while True:
                said += os.read(terminal, 4096)
        os.close(terminal)
        assert os.waitpid(pid, 0)[1] == 0
        lines = said.decode().split("\r\n")
        assert len(lines) == 2 and "ended after 100000 of 300000 bytes" in lines[0], lines
        assert "\r0.3 MB of 0.3 MB, 100 %" in lines[1], lines


def test_throughput():
    """To memory the loopback is as fast as with curl to /dev/shm, in the same run."""
    data = some_bytes(1_000_000) * 300
    server = serve("fast", data)
    best = {"curl": 0, "stage1-fetch": 0}
    for _ in range(5):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            for name, argv in (("curl", [netns.need("curl", "curl"), "-s", "-o", "F",
                                         f"http://127.0.0.1:{server.port}/fast"]),
                               ("stage1-fetch", [PROGRAM, "-o", "F", "automatic=" + line(server, image="fast")])):
                start = time.monotonic()
                subprocess.run(argv, cwd=folder, check=True)
                best[name] = max(best[name], len(data) / (time.monotonic() - start) / 1e6)
                os.unlink(folder + "/F")
    print("      " + ", ".join(f"{name} {rate:.0f} MB/s" for name, rate in best.items()))
    assert best["stage1-fetch"] >= best["curl"], best


test_throughput.slow = True
