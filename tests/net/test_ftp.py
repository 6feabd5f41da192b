"""test_ftp.py - method ftp by stage1-fetch: vsftpd for what is right, a server of bad manners for what is not."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: curl iproute2
import hashlib
import os
import platform
import socket
import subprocess
import tempfile
import threading
import time

import netns
from badserver import BadServer, ftp_file, greeting, hang_up, silent
from fetcher import PROGRAM, fetch, some_bytes
from ftpd import vsftpd

IMAGE = some_bytes(300_000)
OTHER = some_bytes(300_000, seed=2)
OVERLAP = 4096  # of methods/retrieve/transfer.h

def line(server, more="", image="x"):
    """The value that fetches /IMAGE from a server of this machine; no retries unless MORE has them."""
    retries = "" if "retries:" in more else ",retries:0"
    return f"method:ftp,server:127.0.0.1:{server.port},directory:/,image:{image}{retries}{more}"


# ---- what goes right


def test_a_file_from_vsftpd_comes_whole():
    """Files of 20 MB, one byte and none arrive from vsftpd with every byte, anonymously."""
    with vsftpd() as server:
        for size in (20_000_000, 1, 0):
            data = some_bytes(size)
            server.add("big", data)
            server.fetch("server:127.0.0.1,image:big").is_file(data)
        assert any(command.startswith("EPSV") for command in server.commands())


def test_paths_of_vsftpd():
    """The classic names, the architecture's folder, blanks and odd letters in names."""
    with vsftpd() as server:
        server.add("d/install/stage2/mdkinst.sqfs", IMAGE)
        server.add(f"{platform.machine()}/install/stage2/rescue.sqfs", OTHER)
        fetch("met:ftp,ser:127.0.0.1,dir:/d", node=server.node).is_file(IMAGE)
        fetch("met:ftp,ser:127.0.0.1,dir:/", "rescue", node=server.node).is_file(OTHER)
        for name in ("a b", "50%20", "what?#", "grün"):
            server.add(name, name.encode())
            server.fetch("server:127.0.0.1,image:" + name).is_file(name.encode())


def test_ipv6():
    """A server on IPv6 is asked for an extended passive port."""
    with vsftpd(v6=True) as server:
        server.add("x", IMAGE)
        server.fetch("server:[::1],image:x").is_file(IMAGE)


def test_login():
    """user: and pass: log in; a wrong password is a denial, and is shown nowhere."""
    with vsftpd() as server:
        server.add("secret", IMAGE, server.private)
        server.fetch("server:127.0.0.1,image:secret,user:me,pass:s3cret").is_file(IMAGE)
        got = server.fetch("server:127.0.0.1,image:secret,user:me,pass:wr0ng", options=("-v", "-o", "F"))
        assert got.status == 1 and "S1-SRV-07" in got.words and "wr0ng" not in got.words, got.words
        assert "user: or pass: is wrong" in got.words
    with vsftpd("anonymous_enable=NO") as server:
        server.fetch("server:127.0.0.1,image:x").failed("S1-SRV-07", "it wants user: and pass:")


def test_only_the_old_passive_mode():
    """A server that knows PASV only is asked so, and its own address is not believed."""
    with vsftpd("pasv_address=192.0.2.9\ncmds_denied=EPSV") as server:
        server.add("x", IMAGE)
        server.fetch("server:127.0.0.1,image:x").is_file(IMAGE)
        assert "PASV" in server.commands()


def test_not_there_and_not_allowed():
    """A file that is not there, and one that may not be read."""
    with vsftpd() as server:
        server.fetch("server:127.0.0.1,image:none").failed("S1-SRV-06", "ftp://127.0.0.1/none: 550", "nor /")
    with vsftpd("download_enable=NO") as server:
        server.add("x", IMAGE)
        server.fetch("server:127.0.0.1,image:x").failed("S1-SRV-07", "550 Permission denied")


def test_sum():
    """sha256: is checked."""
    with vsftpd() as server:
        server.add("x", IMAGE)
        good, bad = hashlib.sha256(IMAGE).hexdigest(), hashlib.sha256(OTHER).hexdigest()
        server.fetch("server:127.0.0.1,image:x,sha256:" + good).is_file(IMAGE)
        server.fetch("server:127.0.0.1,image:x,sha256:" + bad).failed("S1-IMG-04", "/x: the ")


def test_too_many_users():
    """A server that is full is asked again."""
    with vsftpd("max_clients=0\nmax_per_ip=1") as server:
        server.add("x", IMAGE)
        with server.node.inside():
            busy = socket.create_connection(("127.0.0.1", 21))
            busy.recv(100)
        server.fetch("server:127.0.0.1,image:x").failed("S1-SRV-08", "421")
        timer = threading.Timer(1, busy.close)
        timer.start()
        fetch("method:ftp,server:127.0.0.1,directory:/,image:x,retries:5", node=server.node).is_file(IMAGE)
        timer.join()


def test_a_cut_of_vsftpd_is_resumed():
    """vsftpd's data connection is cut in the middle: the rest is asked for by REST."""
    data = some_bytes(40_000_000)
    not_control = ["sport", "!=", ":21", "dport", "!=", ":21"]
    # vsftpd keeps to a rate by sending a second's bytes at once and pausing: four bursts, three pauses
    with vsftpd("anon_max_rate=10000000") as server:
        server.add("x", data)

        def cut():
            for _ in range(500):
                if server.node.run(["ss", "-Htn", "state", "established", *not_control]).stdout:
                    break
                time.sleep(0.02)
            time.sleep(0.4)
            server.node.run(["ss", "-K", "dst", "127.0.0.1", *not_control], check=False)

        cutter = threading.Thread(target=cut)
        cutter.start()
        fetch("method:ftp,server:127.0.0.1,directory:/,image:x,retries:3", node=server.node).is_file(data)
        cutter.join()
        rests = [int(command[5:]) for command in server.commands() if command.startswith("REST ")]
        assert len(rests) == 1 and rests[0] > 2_000_000, server.commands()


# ---- what goes wrong


def test_a_cut_is_resumed():
    """A data connection that ends early goes on where it was, whatever the reply says."""
    for end in ("226 Done", "426 Broken", None):
        with BadServer(ftp_file(IMAGE, cut=100_000, end=end), ftp_file(IMAGE)) as server:
            fetch(line(server, ",retries:1,timeout:2")).is_file(IMAGE)
            assert f"REST {100_000 - OVERLAP}" in server.requests, server.requests


def test_no_rest():
    """A server without REST sends all of it again: still the right bytes."""
    with BadServer(ftp_file(IMAGE, cut=100_000), ftp_file(IMAGE, rest=False)) as server:
        fetch(line(server, ",retries:1")).is_file(IMAGE)


def test_a_file_that_is_replaced():
    """A file replaced between two connections arrives as the new one, by its time, its size, or its bytes."""
    for new, modified in ((OTHER, "20260901100001"), (OTHER + b"x", "20260901100000"), (OTHER, "20260901100000")):
        with BadServer(ftp_file(IMAGE, cut=100_000), ftp_file(new, modified=modified)) as server:
            fetch(line(server, ",retries:2")).is_file(new)


def test_a_file_that_changes_meanwhile():
    """A file whose time changes while it is read is read again."""
    old, new = ftp_file(IMAGE), ftp_file(OTHER, modified="20260901100001")
    calls = []

    def changing(visit):
        line_of = visit.line

        def slip():
            words = line_of()
            if words.startswith("MDTM"):
                calls.append(words)
                if len(calls) == 2:
                    visit.send(b"213 20260901100001\r\n")
                    return slip()
            return words

        visit.line = slip
        old(visit)

    with BadServer(changing, new) as server:
        fetch(line(server, ",retries:2")).is_file(OTHER)


def test_servers_that_know_little():
    """Without SIZE, MDTM and EPSV a file comes whole; what breaks is begun again."""
    with BadServer(ftp_file(IMAGE, size=False, modified=None, epsv=False)) as server:
        fetch(line(server)).is_file(IMAGE)
    with BadServer(ftp_file(IMAGE, cut=100_000, modified=None, end="426 Broken"), ftp_file(IMAGE)) as server:
        fetch(line(server, ",retries:1")).is_file(IMAGE)
        assert not any(row.startswith("REST") for row in server.requests)


def test_wrong_sizes():
    """Fewer bytes than SIZE says are too few, more are another file; without SIZE the reply behind them decides."""
    with BadServer(ftp_file(IMAGE, size=400_000)) as server:
        fetch(line(server, ",retries:1")).failed("S1-SRV-09", "300000 of 400000")
    with BadServer(ftp_file(IMAGE, size=200_000)) as server:
        fetch(line(server, ",retries:1")).failed("S1-SRV-11")
    with BadServer(ftp_file(IMAGE, size=False, cut=100_000, end="426 Broken")) as server:
        fetch(line(server)).failed("S1-SRV-09", "426 Broken")


def test_the_end_of_a_transfer():
    """When as many bytes came as SIZE says, that is the file, whatever becomes of the two connections, and soon."""
    sum_of = ",sha256:" + hashlib.sha256(IMAGE).hexdigest()
    for data_end in ("close", "hold", "reset"):
        for end in ("226 Done", "426 Aborted", None, "close"):
            for more in ("", sum_of) if end is None else ("",):
                with BadServer(ftp_file(IMAGE, data_end=data_end, end=end)) as server:
                    got = fetch(line(server, more))
                    got.is_file(IMAGE)
                    assert sum(row.startswith("RETR")
                               for row in server.requests) == 1 and got.seconds < 6, server.requests
    for steps in ((ftp_file(IMAGE, cut=100_000, end="close"), ftp_file(IMAGE, data_end="hold", end="close")),
                  (ftp_file(b"", data_end="hold"),)):
        with BadServer(*steps) as server:
            fetch(line(server, ",retries:1")).is_file(IMAGE if len(steps) > 1 else b"")


def test_bytes_behind_the_end():
    """More bytes than SIZE says, whenever they come, are another file's."""
    for data_end in ("close", "hold"):
        with BadServer(ftp_file(IMAGE, after=b"x", data_end=data_end)) as server:
            fetch(line(server, ",retries:1")).failed("S1-SRV-11")


def test_times_that_always_differ():
    """A server whose MDTM is another one each time has its file read twice, and no more."""
    times = iter(range(100))

    def changing(visit):
        line_of = visit.line

        def slip():
            words = line_of()
            if words.startswith("MDTM"):
                visit.send(b"213 202609011000%02d\r\n" % next(times))
                return slip()
            return words

        visit.line = slip
        ftp_file(IMAGE)(visit)

    with BadServer(changing) as server:
        fetch(line(server, ",retries:5")).is_file(IMAGE)
        assert sum(row.startswith("RETR") for row in server.requests) == 2
        fetch(line(server, ",sha256:" + hashlib.sha256(IMAGE).hexdigest())).is_file(IMAGE)
        assert sum(row.startswith("RETR") for row in server.requests) == 3


def test_replies():
    """Each kind of reply becomes its failure, with the URL and the reply."""
    cases = {("RETR", "550 Failed to open file."): "S1-SRV-06", ("RETR", "550 Permission denied."): "S1-SRV-07",
             ("RETR", "450 Busy"): "S1-SRV-08", ("RETR", "500 What?"): "S1-SRV-05", ("USER", "530 No"): "S1-SRV-07",
             ("USER", "421 Full"): "S1-SRV-08", ("PASS", "332 Account"): "S1-SRV-07", ("TYPE", "504 No"): "S1-SRV-08",
             ("EPSV", "229 (|||0|)"): None, ("RETR", "226 nothing"): "S1-SRV-05"}
    for (word, reply), code in cases.items():
        with BadServer(ftp_file(IMAGE, replies={word: reply})) as server:
            got = fetch(line(server))
            if code:
                got.failed(code, f"ftp://127.0.0.1:{server.port}/x", reply)
            else:
                got.is_file(IMAGE)
    with BadServer(ftp_file(IMAGE, replies={"EPSV": "500 No", "PASV": "227 what"})) as server:
        fetch(line(server)).failed("S1-SRV-05", "227 what")


def test_long_greetings():
    """Greetings of many lines are read; endless ones, and those of other services, refused at once."""
    many = "220-" + "\r\n".join(["Welcome", "220-still", "2200", " 220 no", "x" * 5000]) + "\r\n220 ready"
    with BadServer(ftp_file(IMAGE, greeting=many)) as server:
        fetch(line(server)).is_file(IMAGE)
    with BadServer(greeting(b"220-" + b"x" * 300_000)) as server:
        fetch(line(server)).failed("S1-SRV-05", "a reply of more than 256 KiB")
    for words in (b"SSH-2.0-OpenSSH\r\n", b"\0\1\2", b"22x"):
        with BadServer(greeting(words)) as server:
            got = fetch(line(server))
            got.failed("S1-SRV-05", "no FTP: " + "".join(chr(c) if c >= 32 else " " for c in words.strip()))
            assert got.seconds < 3
    with BadServer(hang_up) as server:
        fetch(line(server)).failed("S1-SRV-05", "closed")


def test_silence():
    """Silence at the beginning and in the middle ends at the deadline, and is resumed."""
    with BadServer(silent) as server:
        got = fetch(line(server, ",timeout:1"))
        got.failed("S1-SRV-03", "no reply in 1 s")
        assert got.seconds < 3
    with BadServer(ftp_file(IMAGE, cut=100_000, stall=True)) as server:
        fetch(line(server, ",timeout:1")).failed("S1-SRV-04", "100000 of 300000")
    with BadServer(ftp_file(IMAGE, cut=100_000, stall=True), ftp_file(IMAGE)) as server:
        fetch(line(server, ",timeout:1,retries:1")).is_file(IMAGE)


def test_no_commands_in_names():
    """Line ends in names and passwords are refused: they would be commands."""
    with BadServer(ftp_file(IMAGE)) as server:
        fetch(line(server, image="x\r\nDELE x")).failed("S1-CMD-04")
        fetch(line(server, ",pass:x\r\nDELE x")).failed("S1-CMD-04")
        assert not server.requests


def test_mirrors():
    """A transfer that breaks goes on at the next server that has the same file."""
    with BadServer(ftp_file(IMAGE, cut=100_000)) as cutting, BadServer(ftp_file(IMAGE)) as good:
        fetch(f"method:ftp,directory:/,image:x,retries:0,server:127.0.0.1:{cutting.port}+127.0.0.1:{good.port}"
              ).is_file(IMAGE)
        assert f"REST {100_000 - OVERLAP}" in good.requests


def test_throughput():
    """To memory the loopback is as fast as with curl to /dev/shm, in the same run."""
    data = some_bytes(1_000_000) * 300
    best = {"curl": 0, "stage1-fetch": 0}
    with vsftpd() as server:
        server.add("x", data)
        for _ in range(5):
            with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                for name, argv in (("curl", [netns.need("curl", "curl"), "-s", "-o", "F", "ftp://127.0.0.1/x"]),
                                   ("stage1-fetch", [PROGRAM, "-o", "F",
                                                     "automatic=method:ftp,server:127.0.0.1,directory:/,image:x"])):
                    start = time.monotonic()
                    subprocess.run(server.node.command(argv), cwd=folder, check=True)
                    best[name] = max(best[name], len(data) / (time.monotonic() - start) / 1e6)
                    os.unlink(folder + "/F")
    print("      " + ", ".join(f"{name} {rate:.0f} MB/s" for name, rate in best.items()))
    assert best["stage1-fetch"] >= best["curl"], best


test_throughput.slow = True
