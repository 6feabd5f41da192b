"""test_outside.py - dolly and ka in a program of their own beside stage1-fetch: nothing of the job is public, no
process is left whoever dies first, and the sink's failures come back under their own codes."""
# SPDX-License-Identifier: GPL-2.0-or-later
import gzip
import hashlib
import os
import pathlib
import re
import shutil
import signal
import time

import faults
import netns
import originals

FETCH = pathlib.Path(os.environ.get("STAGE1_FETCH", faults.ROOT / "build/bin/stage1-fetch"))
WAITING = "method:dolly,dolly_timeout:50,pass:hidden"


def start(node, automatic=WAITING, program=FETCH):
    """stage1-fetch in NODE, once its other program waits for a dolly server; returns (process, pid of the program)."""
    process = node.start([program, "-v", "-o", node.lab.dir / "out", f"automatic={automatic}"], ready=netns.port(9997))
    return process, int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())


def state(pid):
    """The letter of the process's state ("Z": ended, but nobody has looked), "" when there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def gone(pid, timeout=3):
    """Waits until there is no such process."""
    deadline = time.monotonic() + timeout
    while state(pid) not in ("", "Z"):  # its end is seen by whoever took it over
        assert time.monotonic() < deadline, f"{pid} is still there: {state(pid)}"
        time.sleep(0.01)


def test_nothing_is_public():
    """The command line and the environment of the program tell the method and no more; the log has no password."""
    with netns.Lab() as lab:
        process, pid = start(lab.node())
        assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"stage1-relay\0dolly\0"
        assert b"hidden" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        process.popen.terminate()
        assert process.wait(5) == 1
        assert "hidden" not in process.text(), process.text()


def test_it_is_nobody():
    """The program, which reads what other machines send, is nobody: no capability, no way back, no other process."""
    for method in ("dolly,dolly_timeout:30", "ka"):
        with netns.Lab() as lab:
            process = lab.node().start([FETCH, "-o", lab.dir / "out", f"automatic=method:{method}"])
            deadline, words = time.monotonic() + 10, {}
            while words.get("Seccomp") != ["2"]:  # it has just been started
                assert time.monotonic() < deadline, words
                time.sleep(0.02)
                for pid in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                    words = {line.split(":")[0]: line.split()[1:] for line in lines}
                    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            assert words["Name"] == ["stage1-relay"] and words["Groups"] == [], words
            assert words["NoNewPrivs"] == ["1"], words
            assert words["Uid"] == words["Gid"] == ["65534"] * 4, words
            assert all(int(words[name][0], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")), words
            assert "Max processes             0                    0 " in limits, limits
            process.kill()


def test_the_program_dies():
    """A program that is killed is a failure with a name at once; nothing is left, no file and no process."""
    with netns.Lab() as lab:
        process, pid = start(lab.node())
        os.kill(pid, signal.SIGKILL)
        assert process.wait(2) == 1
        assert "S1-SYS-02" in process.text() and "stage1-relay was ended by signal 9" in process.text(), process.text()
        assert not (lab.dir / "out").exists() and not state(pid)


def test_stage1_dies():
    """The program ends with the process that runs it."""
    with netns.Lab() as lab:
        process, pid = start(lab.node())
        os.kill(process.pid, signal.SIGKILL)
        gone(pid)


def test_a_person_stops_it():
    """Control-C, which both get, and a signal to stage1-fetch alone stop both soon, in the method's own words."""
    for everybody in (True, False):
        with netns.Lab() as lab:
            process, pid = start(lab.node())
            start_s = time.monotonic()
            process.signal(signal.SIGINT) if everybody else os.kill(process.pid, signal.SIGTERM)
            assert process.wait(3) == 1
            assert time.monotonic() - start_s < 1.5
            assert "S1-SYS-03 Stopped by a person: while waiting for dolly" in process.text(), process.text()
            assert not state(pid)


def test_a_person_stops_a_program_that_hangs():
    """A program that does not follow is ended after five seconds."""
    with netns.Lab() as lab:
        process, pid = start(lab.node())
        os.kill(pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(8) == 1
        assert "S1-SYS-03 Stopped by a person: stage1-relay was ended" in process.text(), process.text()
        assert not state(pid)


def test_no_program():
    """Without its other program stage1-fetch says which one is missing."""
    with netns.Lab() as lab:
        program = lab.dir / "stage1-fetch"
        shutil.copy(FETCH, program)
        result = lab.node().run([program, "-o", lab.dir / "out", "automatic=method:ka"], check=False)
        words = result.stderr.decode()
        assert result.returncode == 1 and "S1-SYS-04" in words, words
        assert "the program stage1-relay cannot be run" in words, words


# A program in the place of stage1-relay: it has DATA in a memory file, hands that over, and then writes to it.
HOSTILE = """#!/usr/bin/python3
import array, mmap, os, re, socket, struct, sys
kinds = re.findall(r"^\\s*OUTSIDE_([A-Z0-9_]+)(?:,|\\b)", open({header!r}).read().split("enum outside_kind")[1], re.M)
kind = {{name: n for n, name in enumerate(kinds)}}
there = socket.socket(fileno={fd})
def say(name, a=0, b=0, fds=()):
    socket.send_fds(there, [struct.pack("=qqQ", a, b, kind[name])], fds)
def hear():
    return struct.unpack("=qqQ", there.recv(100000)[:24])
def ask(*what):
    say(*what)
    return hear()[0]
while hear()[2] != kind["START"]:
    pass
data = open({image!r}, "rb").read()
fd = os.memfd_create("image", os.MFD_ALLOW_SEALING)
os.write(fd, data)
mapped = mmap.mmap(fd, len(data)) if {mapped} else None
taken = ask("TAKE", len(data), 0, [fd])
finished = ask("FINISH")
try:
    if mapped:
        mapped[0:1] = b"X"
    else:
        os.pwrite(fd, b"X", 0)
    wrote = "wrote"
except PermissionError:
    wrote = "refused"
try:
    os.ftruncate(fd, 0)
    wrote += ", cut"
except PermissionError:
    wrote += ", not cut"
open({said!r}, "w").write(f"{{taken}} {{finished}} {{wrote}}")
say("END", 0, 0)
"""


def test_memory_that_was_handed_over():
    """The program that handed its memory over cannot write to it behind the sum; where it has it mapped, what it wrote
    is found out when it has ended."""
    data = os.urandom(300_000)
    with netns.Lab() as lab:
        program = lab.dir / "stage1-fetch"
        shutil.copy(FETCH, program)
        image, said, relay = lab.file("image", data), lab.dir / "said", lab.dir / "stage1-relay"
        node = lab.node()
        for mapped in (False, True):
            header, fd = faults.ROOT / "methods/outside/outside.h", process_fd()
            relay.write_text(HOSTILE.format(header=str(header), fd=fd, image=str(image), said=str(said), mapped=mapped))
            relay.chmod(0o755)
            words = f"automatic=method:ka,sha256:{hashlib.sha256(data).hexdigest()}"
            result = node.run([program, "-o", "-", words], check=False)
            if mapped:
                assert said.read_text() == "0 0 wrote, cut", said.read_text()
                assert result.returncode == 1 and b"S1-IMG-04" in result.stderr and not result.stdout, result.stderr
            else:
                assert said.read_text() == "0 0 refused, not cut", said.read_text()
                assert result.returncode == 0 and result.stdout == data, result.stderr


def process_fd():
    """The descriptor by which the two programs talk: base/process.h."""
    return int(re.search(r"#define PROCESS_FD\s+(\d+)", (faults.ROOT / "base/process.h").read_text()).group(1))


def deliver(lab, data, more=""):
    """A dolly server sends DATA to one stage1-fetch; returns its process, which has ended."""
    cluster = faults.Cluster(lab, 1)
    config = lab.file("dolly.cfg", originals.config(originals.OLD, lab.file("image", data), "/dev/ram3",
                                                    [cluster.address(1)]))
    process, pid = start(cluster.nodes[1], f"method:dolly,dolly_timeout:20,retries:1{more}")
    cluster.head.start([faults.DOLLY, "-s", "-f", config])
    process.wait(20)
    assert not state(pid)
    return process


def test_what_the_sink_reads_as_it_comes():
    """A compressed image, which cannot stay as it lies, is read by the sink bit by bit, every byte of it."""
    data = gzip.compress(faults.some_bytes(9_000_001), 1)
    with netns.Lab() as lab:
        process = deliver(lab, data)
        assert process.popen.returncode == 0, process.tail()
        assert (lab.dir / "out").read_bytes() == data


def test_failures_of_the_sink():
    """What the sink refuses has its own code and is in the log once."""
    words = "S1-IMG-04 The image has the wrong checksum: the 100001 bytes"
    with netns.Lab() as lab:
        process = deliver(lab, faults.some_bytes(100_001), ",sha256:" + "0" * 64)
        assert process.popen.returncode == 1 and words in process.text(), process.text()
        assert process.text().count(words) == 2, process.text()  # in the log, and at the end
        assert not (lab.dir / "out").exists()
