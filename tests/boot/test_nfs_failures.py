"""test_nfs_failures - method nfs x each way to fail -> its code and words: the table below, against nfs-ganesha.

The kernel mounts NFS, so stage1-fetch runs in a machine, one for all rows. A row of the table is a test; its cell is
the code ("S1-" left out) that stage1-fetch has to end with, or "whole": every byte arrives. The bytes come into memory,
as in stage1. "a|b": one of them, for each libc has words of its own.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import concurrent.futures
import functools
import hashlib
import os
import pathlib
import re
import socket
import tempfile
import threading

from badserver import BadServer, greeting
from fetcher import some_bytes
from nfs import GUEST_VIEW, ganesha
from nfsclient import Client, Wire

TABLE = """
what goes wrong                   nfs      words
the head node is off              SRV-02   10.0.2.77, No route to host|Host is unreachable
there is no route                 SRV-02   192.0.2.1, Network is unreachable|Network unreachable
a black hole                      SRV-03   10.0.2.2, in 2 s
the service is down               SRV-01   10.0.2.2, Connection refused
the service hangs                 SRV-03   no answer for
another service on the port       SRV-03   no answer for
a wrong path                      SRV-06   /export/nothing, nor
a wrong export                    SRV-06   :/nothing
a file that may not be read       SRV-07   /export/x, readable
not for this machine              SRV-06   :/export: No such file
a login by another way            SRV-07   does not export it to this machine
cut in the middle                 SRV-04   no byte for 2 s, of 24000000 bytes
cut in the middle and resumed     whole    -
stalled in the middle             SRV-04   no byte for 2 s, of 24000000 bytes
stalled and resumed               whole    -
too slow                          SRV-04   no byte for 2 s, of 24000000 bytes
truncated while it is read        SRV-09   of 24000000 bytes
replaced while it is read         whole    -
a wrong sum                       IMG-04   SHA-256
too big for memory                MEM-01   needs 1099512 MB, MB are free
too big for the disk              IMG-05   1099512 MB
"""

IMAGE, OTHER = some_bytes(24_000_000), some_bytes(24_000_000, seed=2)
RESULTS = {"replaced while it is read": OTHER}
MIDDLE = 9_000_000  # bytes
HELPER = concurrent.futures.ThreadPoolExecutor(1)  # a server ends with the thread that started it


@functools.cache
def client():
    """The machine of all rows."""
    return Client("test_nfs_failures")


class Site:
    """One server, the wire to it, and the client."""

    def __init__(self, server, wire):
        self.server, self.wire, self.file = server, wire, server.folder / "x"

    def fetch(self, more="image:x,timeout:2", **how):
        return client().fetch(self.wire.words(more), **how)

    def elsewhere(self, server, more=",timeout:2"):
        """The same from another server than ours."""
        return client().fetch(f"server:{server},directory:/export,image:x,retries:0{more}")


# ---- the rows


def the_head_node_is_off(site):
    return site.elsewhere("10.0.2.77", "")


def there_is_no_route(site):
    return site.elsewhere("192.0.2.1")


def a_black_hole(site):
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # who comes when the queue is full gets no answer at all
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        return site.elsewhere(f"{GUEST_VIEW}:{full.getsockname()[1]}")


def the_service_is_down(site):
    site.server.kill()
    return site.elsewhere(f"{GUEST_VIEW}:{site.server.port}")


def the_service_hangs(site):
    site.server.freeze()
    return site.fetch()


def another_service_on_the_port(site):
    with BadServer(greeting(b"SSH-2.0-OpenSSH_9.2\r\n")) as other:
        return site.elsewhere(f"{GUEST_VIEW}:{other.port}")


def a_wrong_path(site):
    return site.fetch("image:nothing")


def a_wrong_export(site):
    return client().fetch(f"server:{GUEST_VIEW}:{site.server.port},directory:/nothing,image:x,retries:0")


def a_file_that_may_not_be_read(site):
    site.file.chmod(0o600)
    return site.fetch()


def not_for_this_machine(site):
    site.server.kill()
    site.server.start("Access_Type = None; CLIENT { Clients = 192.0.2.7; Access_Type = RO; }")
    return site.fetch()


def a_login_by_another_way(site):
    site.server.kill()
    site.server.start("Access_Type = RO; SecType = krb5;")
    return site.fetch()


def cut_in_the_middle(site):
    def cut():
        site.server.kill()
        site.wire.cut()

    site.wire.at(MIDDLE, cut)
    return site.fetch()


def cut_in_the_middle_and_resumed(site):
    site.wire.at(MIDDLE, site.wire.cut)
    got = site.fetch()
    assert len(IMAGE) < site.wire.sent < 1.5 * len(IMAGE), site.wire.sent
    return got


def stalled_in_the_middle(site):
    site.wire.at(MIDDLE, site.server.freeze)
    return site.fetch()


def stalled_and_resumed(site):
    def pause():
        site.server.freeze()
        threading.Timer(4, site.server.thaw).start()

    site.wire.at(MIDDLE, pause)
    got = site.fetch("image:x,timeout:2,retries:3")
    assert "no byte for 2 s" in got.words and site.wire.sent < 1.5 * len(IMAGE), (got.words, site.wire.sent)
    return got


def too_slow(site):
    def slow_down():
        site.wire.rate = 3000

    site.wire.at(MIDDLE, slow_down)
    return site.fetch()


def truncated_while_it_is_read(site):
    site.wire.at(MIDDLE, lambda: os.truncate(site.file, MIDDLE))
    return site.fetch()


def replaced_while_it_is_read(site):
    def replace():  # a server that goes on has the old file to its end
        site.server.kill()
        new = site.file.with_name("new")
        new.write_bytes(OTHER)
        os.replace(new, site.file)
        HELPER.submit(site.server.start).result()
        site.wire.cut()

    site.wire.at(MIDDLE, replace)
    return site.fetch("image:x,timeout:2,retries:3")


def a_wrong_sum(site):
    return site.fetch("image:x,sha256:" + hashlib.sha256(OTHER).hexdigest())


def too_big_for_memory(site):
    os.truncate(site.file, 1 << 40)
    got = site.fetch()
    assert site.wire.sent < 1_000_000, "it was fetched first"
    return got


def too_big_for_the_disk(site):
    os.truncate(site.file, 1 << 40)
    got = site.fetch(to="/tmp/F")
    assert site.wire.sent < 1_000_000, "it was fetched first"
    return got


# ---- the table


def check(got, cell, words, data):
    """Holds what a run did against a cell."""
    if cell == "whole":
        assert got.status == 0, got.words
        assert (got.bytes, got.sum) == (len(data), hashlib.sha256(data).hexdigest()), "other bytes"
        return
    said = re.split(r"^(?=S1-)", got.words, flags=re.M)[-1]  # without the lines of -v before it
    assert got.status == 1 and said.startswith(f"S1-{cell} "), got.words
    missing = [word for word in words if not any(one in said for one in word.split("|"))]
    assert not missing, f"{missing} not in: {said}"
    assert not got.bytes, "it left bytes behind"


def run_row(name, cell, words):
    """One row, on a server of its own."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(IMAGE)
        file.flush()
        with ganesha({"x": pathlib.Path(file.name)}) as server, Wire(server) as wire:
            got = globals()[re.sub(r"\W", "_", name)](Site(server, wire))
    check(got, cell, words, RESULTS.get(name, IMAGE))


def read_table():
    """A function test_* for each row."""
    for line in TABLE.strip().splitlines()[1:]:
        name, cell, words = re.split(r"  +", line)
        test = functools.partial(run_row, name, cell, [] if words == "-" else words.split(", "))
        test.__doc__ = f"{name[0].upper()}{name[1:]}: {cell}."
        globals()["test_" + re.sub(r"\W", "_", name)] = test


read_table()
