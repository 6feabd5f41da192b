"""test_failures.py - each network method x each way to fail -> its code and words: the table below, against real
servers.

The servers are nginx, vsftpd and tftpd-hpa on one head node (lan.py), one cable from the node. A row of the table is a
test; a cell is the code ("S1-" left out) that stage1-fetch has to end with, without a file left behind, or "whole": the
file arrives with every byte; "-": there is no such thing. The words have to be on its standard error, whatever the
method; "a|b": one of them, for each libc has words of its own.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: iproute2
import contextlib
import hashlib
import os
import re
import threading
import time

import netns
from badserver import BadServer, greeting
from fetcher import fetch, some_bytes
from lan import HEAD, NODE, Lan

TABLE = """
what goes wrong                   http     https    ftp      tftp     words
the head node is off              SRV-02   SRV-02   SRV-02   SRV-02   10.9.0.77, No route to host|Host is unreachable
there is no route                 SRV-02   SRV-02   SRV-02   SRV-02   192.0.2.1, Network is unreachable|Network unreachable
a firewall says no                SRV-02   SRV-02   SRV-02   SRV-02   10.66.0.1, No route to host|Host is unreachable
a black hole                      SRV-03   SRV-03   SRV-03   SRV-03   10.9.0.1, in 2 s
the service is down               SRV-01   SRV-01   SRV-01   SRV-01   10.9.0.1, Connection refused
the service hangs                 SRV-03   SRV-03   SRV-03   SRV-03   10.9.0.1, in 2 s
another service on the port       SRV-05   TLS-04   SRV-05   -        10.9.0.1:22
a wrong path                      SRV-06   SRV-06   SRV-06   SRV-06   /nothing, nor /x86_64/nothing
a file that may not be read       SRV-07   SRV-07   SRV-06   SRV-07   /closed/x
no login where one is wanted      SRV-07   SRV-07   SRV-07   -        it wants user: and pass:
a wrong login                     SRV-07   SRV-07   SRV-07   -        user: or pass: is wrong
cut in the middle                 SRV-09   SRV-09   SRV-09   SRV-09   of 8000000 bytes
cut in the middle and resumed     whole    whole    whole    whole    -
stalled in the middle             SRV-04   SRV-04   SRV-04   SRV-04   for 2 s, after, bytes
stalled and resumed               whole    whole    whole    whole    -
too slow                          SRV-04   SRV-04   SRV-04   SRV-04   only, bytes in 6
truncated while it is read        SRV-09   SRV-09   SRV-09   SRV-09   of 8000000 bytes
grown while it is read            as-said  as-said  whole    whole    -
growing all the time              longer   longer   longer   longer   -
replaced while it is read         whole    whole    whole    whole    -
a wrong sum                       IMG-04   IMG-04   IMG-04   IMG-04   sha256
too big for memory                MEM-01   MEM-01   MEM-01   MEM-01   needs 1099512 MB, MB are free
too big for the disk              IMG-05   IMG-05   IMG-05   IMG-05   1099512 MB
"""

IMAGE = some_bytes(8_000_000)
OTHER = some_bytes(8_000_000, seed=2)
RESULTS = {"grown while it is read": IMAGE + OTHER, "replaced while it is read": OTHER}
RATE, MIDDLE = "48mbit", 2_000_000  # so that a transfer takes a second and a half, and what has been sent by its middle
BUFFERS = 10_000_000  # that sockets fill before somebody hangs up


class Site(Lan):
    """A Lan, and runs of stage1-fetch in it."""

    def fetch(self, method, image="x", more="", server=HEAD, options=("-v", "-o", "F"), **how):
        return fetch(self.words(method, image, more, server), node=self.node, env=self.env, options=options, **how)

    def slow_down(self):
        """A transfer takes a while, and no server is ahead of it by more than a little."""
        self.head.shape("eth0", RATE)
        self.head.sysctl("ipv4/tcp_wmem", "4096 65536 131072")
        self.add("x", IMAGE)

    @contextlib.contextmanager
    def in_the_middle(self, action):
        """Runs ACTION once the transfer that the block begins has come to its middle."""
        middle, thread = self.sent() + MIDDLE, None

        def wait():
            deadline = time.monotonic() + 20
            while self.sent() < middle and time.monotonic() < deadline:
                time.sleep(0.01)
            action()

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def cut(self):
        """Every connection of the head node is reset; the process that serves a file by TFTP ends."""
        self.head.run(["ss", "-K", "-t", "state", "established"])
        for pid in self.head.pids():
            with contextlib.suppress(OSError):  # it has just ended
                parent = int(open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[1])
                if parent in self.head.pids() and open(f"/proc/{pid}/comm", encoding="utf-8").read() == "in.tftpd\n":
                    os.kill(pid, 9)


# ---- the rows: what each of them does to the servers, and the run of stage1-fetch it does it to


def the_head_node_is_off(site, method):
    return site.fetch(method, server="10.9.0.77")


def there_is_no_route(site, method):
    return site.fetch(method, server="192.0.2.1")


def a_firewall_says_no(site, method):
    site.head.sysctl("ipv4/ip_forward", 1)
    site.head.ip("route", "add", "prohibit", "10.66.0.1")  # the sender is told: administratively prohibited
    site.node.ip("route", "add", "default", "via", HEAD)
    return site.fetch(method, server="10.66.0.1")


def a_black_hole(site, method):
    site.head.ip("route", "replace", "blackhole", NODE)
    return site.fetch(method, more=",timeout:2")


def the_service_is_down(site, method):
    site.stop()
    return site.fetch(method)


def the_service_hangs(site, method):
    site.freeze()
    return site.fetch(method, more=",timeout:2")


def another_service_on_the_port(site, method):
    with site.head.inside():
        other = BadServer(greeting(b"SSH-2.0-OpenSSH_9.2\r\n"), host=HEAD, port=22)
    with other:
        return site.fetch(method, server=HEAD + ":22")


def a_wrong_path(site, method):
    return site.fetch(method, "nothing")


def a_file_that_may_not_be_read(site, method):
    site.add("closed/x", IMAGE).chmod(0o600)
    return site.fetch(method, "closed/x")


def no_login_where_one_is_wanted(site, method):
    site.add("private/x", IMAGE)
    return site.fetch(method, "private/x")


def a_wrong_login(site, method):
    site.add("private/x", IMAGE)
    got = site.fetch(method, "private/x", ",user:me,pass:wr0ng")
    assert "wr0ng" not in got.words, got.words
    return got


def cut_in_the_middle(site, method, more=",timeout:2"):
    site.slow_down()
    with site.in_the_middle(site.cut):
        return site.fetch(method, more=more)


def cut_in_the_middle_and_resumed(site, method):
    got = cut_in_the_middle(site, method, ",retries:2,timeout:2")
    resumed = {"http": lambda: site.web_statuses()[-1] == "206", "https": lambda: site.web_statuses()[-1] == "206",
               "ftp": lambda: [c for c in site.ftpd.commands() if c.startswith("REST ") and int(c[5:]) > 1_000_000],
               "tftp": lambda: True}  # RFC 1350 has no way to begin in the middle
    assert resumed[method](), (method, site.web_requests(), site.ftpd.commands())
    return got


def stalled_in_the_middle(site, method):
    site.slow_down()
    with site.in_the_middle(site.freeze):
        return site.fetch(method, more=",timeout:2")


def stalled_and_resumed(site, method):
    site.slow_down()

    def pause():
        site.freeze()
        time.sleep(3)
        site.thaw()

    with site.in_the_middle(pause):
        return site.fetch(method, more=",retries:5,timeout:2")


def too_slow(site, method):
    site.add("slow/x", IMAGE)
    if method == "tftp":  # which has no limit of its own
        site.head.shape("eth0", "4kbit", "2kb")
    return site.fetch(method, "slow/x", timeout=90)


def truncated_while_it_is_read(site, method):
    site.slow_down()
    with site.in_the_middle(lambda: os.truncate(site.root / "x", 3_000_000)):
        return site.fetch(method)


def grown_while_it_is_read(site, method):
    site.slow_down()

    def grow():
        with open(site.root / "x", "ab") as file:
            file.write(OTHER)

    with site.in_the_middle(grow):
        return site.fetch(method)


def growing_all_the_time(site, method):
    site.slow_down()
    enough = threading.Event()

    def grow():
        with open(site.root / "x", "ab") as file:
            while not enough.wait(0.02):
                file.write(b"more")
                file.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        return site.fetch(method)
    finally:
        enough.set()
        thread.join()


def replaced_while_it_is_read(site, method):
    site.slow_down()

    def replace():
        site.cut()
        (site.root / "new").write_bytes(OTHER)
        os.replace(site.root / "new", site.root / "x")

    with site.in_the_middle(replace):
        return site.fetch(method, more=",retries:3,timeout:2")


def a_wrong_sum(site, method):
    site.add("x", IMAGE)
    return site.fetch(method, more=",sha256:" + hashlib.sha256(OTHER).hexdigest())


def too_big_for_memory(site, method):
    os.truncate(site.add("x", IMAGE), 1 << 40)  # nothing but its size is sent
    got = site.fetch(method, options=("-o", "-"))
    assert site.sent() < BUFFERS, "it was fetched first"
    return got


def too_big_for_the_disk(site, method):
    os.truncate(site.add("x", IMAGE), 1 << 40)
    got = site.fetch(method)
    assert site.sent() < BUFFERS, "it was fetched first"
    return got


# ---- the table


def check(got, cell, words, data):
    """Holds what a run did against a cell."""
    if cell in ("whole", "as-said"):  # as-said: as many bytes as the server said in the beginning
        got.is_file(data if cell == "whole" else IMAGE)
        return
    if cell == "longer":  # as long as it was when it was asked for: whole of its time, nothing but its own bytes
        assert got.status == 0 and got.data.startswith(IMAGE), got.words
        assert not got.data[len(IMAGE):].replace(b"more", b""), "bytes that were never in it"
        return
    got = stripped(got)
    got.failed("S1-" + cell)
    missing = [word for word in words if not any(one in got.words for one in word.split("|"))]
    assert not missing, f"{missing} not in: {got.words}"


def stripped(got):
    """The same without the lines of -v before the failure."""
    got.words = got.words[re.search(r"^S1-|\Z", got.words, re.M).start():]
    return got


def make_test(name, cells, words):
    """The test of one row."""
    action = globals()[re.sub(r"\W", "_", name)]
    servers = {"nginx_extra": "location /slow/ { limit_rate 500; }",
               "ftp_extra": {"no login where one is wanted": "anonymous_enable=NO",
                             "too slow": "anon_max_rate=500\ntrans_chunk_size=4096"
                             }.get(name, "")}

    def one(method, problems):
        try:
            with netns.Lab() as lab:
                check(action(Site(lab, **servers), method), cells[method], words, RESULTS.get(name, IMAGE))
        except Exception as error:  # said with the others'
            problems.append(f"{method}: {error}")

    def test():
        problems = []
        threads = [threading.Thread(target=one, args=(method, problems)) for method in cells if cells[method] != "-"]
        for thread in threads:  # most of it is waiting
            thread.start()
        for thread in threads:
            thread.join()
        assert not problems, "\n".join(problems)

    test.__doc__ = f"{name}: " + ", ".join(f"{method} {cell}" for method, cell in cells.items() if cell != "-") + "."
    return test


def read_table():
    """A function test_* for each row."""
    head, *rows = [re.split(r"  +", row) for row in TABLE.strip().splitlines()]
    for name, *cells, words in rows:
        test = make_test(name, dict(zip(head[1:], cells)), [] if words == "-" else words.split(", "))
        globals()["test_" + re.sub(r"\W", "_", name)] = test


read_table()
