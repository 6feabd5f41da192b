"""test_targets.py - where dolly puts an image, where it takes it from, and what its options say: the field's cases."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: bsdutils e2fsprogs zstd
import contextlib
import gzip
import lzma
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

import faults
import kalab
import netns

MB = 1_000_000


@contextlib.contextmanager
def cluster(count, rate=None):
    with netns.Lab() as lab:
        yield faults.Cluster(lab, count, rate=rate)


@contextlib.contextmanager
def loop_device(file, *options):
    """FILE as a block device."""
    name = subprocess.run(["losetup", *options, "-f", "--show", str(file)], check=True, capture_output=True,
                          text=True).stdout.strip()
    try:
        yield name
    finally:
        subprocess.run(["losetup", "-d", name], check=True)


@contextlib.contextmanager
def mounted(*what):
    """`mount WHAT...`; the last word is the place."""
    subprocess.run(["mount", *map(str, what)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(what[-1])], check=True)


# ---- targets

def test_mounted_device():
    """A mounted device is refused by name before a byte is written, the other node completes; -F takes it
    nevertheless."""
    with cluster(2) as c:
        disk, place = c.lab.dir / "disk", c.lab.dir / "mnt"
        disk.write_bytes(b"")
        os.truncate(disk, 32 * MB)
        place.mkdir()
        subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True)
        with loop_device(disk) as device:
            image = faults.some_bytes(2 * MB)
            with mounted(device, place):
                (place / "kept").write_text("kept")
                run = c.dolly(image, target=lambda i: device if i == 1 else str(c.lab.dir / "two"))
                words = run.finish(lost={1})
                assert f"{device} is in use (mounted at {place})" in words, words
                assert (place / "kept").read_text() == "kept"
                forced = c.dolly(image, nodes=[1], target=lambda i: device, client_args=["-F"])
                assert forced.server.wait(20) == 0
                with open(device, "rb") as f:
                    assert f.read(2 * MB) == image


def test_names_and_owners():
    """A link stays a link, a file keeps owner and mode, its other names show the new bytes, too."""
    with cluster(1) as c:
        far, near = c.lab.dir / "far", c.lab.dir / "near"
        far.mkdir()
        near.mkdir()
        cases = {"link": near / "link", "owned": near / "owned", "twice": near / "twice"}
        (far / "real").write_bytes(b"old")
        cases["link"].symlink_to(far / "real")
        cases["owned"].write_bytes(b"old")
        os.chown(cases["owned"], 1000, 1001)
        cases["owned"].chmod(0o640)
        cases["twice"].write_bytes(b"old" * MB)
        os.link(cases["twice"], near / "second")
        for name, path in cases.items():
            image = faults.some_bytes(MB, seed=len(name))
            run = c.dolly(image, target=lambda i: str(path))
            assert run.server.wait(20) == 0, run.server.text()
            assert path.read_bytes() == image, name
        assert cases["link"].is_symlink() and not (near / ".link.part").exists()
        st = cases["owned"].stat()
        assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (1000, 1001, 0o640)
        assert (near / "second").read_bytes() == cases["twice"].read_bytes()


def test_where_no_new_file_may_be():
    """A target that is a mount point, lies in a full file system, in a folder that takes no file, or has the longest
    name there can be, is written."""
    with cluster(1) as c:
        d = c.lab.dir
        image = faults.some_bytes(6 * MB)

        def arrives(path, **how):
            run = c.dolly(image, target=lambda i: str(path), **how)
            assert run.server.wait(20) == 0, (path, run.server.text(), run.client[1].text())
            assert path.read_bytes() == image
            return run.client[1].text()

        point = d / "point"
        point.write_bytes(b"x")
        (d / "below").write_bytes(b"x")
        with mounted("--bind", d / "below", point):
            assert "it is a mount point" in arrives(point)
        (d / "small").mkdir()
        with mounted("-t", "tmpfs", "-o", "size=10m", "none", d / "small"):
            (d / "small/img").write_bytes(b"y" * 6 * MB)
            assert "no room for both" in arrives(d / "small/img")
        arrives(d / ("n" * 255))


def test_folder_of_another():
    """A plain user's client writes a file that is its own in a folder that is not."""
    with cluster(1) as c:
        folder = c.lab.dir / "folder"
        folder.mkdir()
        folder.chmod(0o755)
        c.lab.dir.chmod(0o755)
        (folder / "out").write_bytes(b"")
        os.chown(folder / "out", 65534, 65534)
        image = faults.some_bytes(MB)
        run = c.dolly(image, late={1})
        run.client[1] = c.nodes[1].start(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", faults.DOLLY,
                                          "-v", "-O",
                                          folder / "out"], name="plain")
        assert run.server.wait(20) == 0, run.server.text() + run.client[1].text()
        assert (folder / "out").read_bytes() == image


def test_other_sectors():
    """A disk image whose partition table counts sectors of 512 bytes is no good on a disk of 4096: said, and failed."""
    with cluster(1) as c:
        disk = c.lab.dir / "disk"
        disk.write_bytes(b"")
        os.truncate(disk, 16 * MB // 4096 * 4096)
        image = bytearray(faults.some_bytes(4 * MB))
        image[512:520] = b"EFI PART"
        with loop_device(disk, "-b", "4096") as device:
            run = c.dolly(bytes(image), target=lambda i: device)
            assert run.server.wait(20) == 1
            assert f"{device} has sectors of 4096 bytes" in run.server.text(), run.server.text()


def test_streams_as_targets():
    """A FIFO, /dev/fd/3, /dev/null and standard output take an image; the pipe behind stays as it was for the next."""
    with cluster(1) as c:
        d, image = c.lab.dir, faults.some_bytes(3 * MB)
        (d / "trailer").write_bytes(faults.some_bytes(2 * MB, 7))
        flag = f"{sys.executable} -c 'import fcntl; print(fcntl.fcntl(0, fcntl.F_GETFL) & 2048)'"
        commands = {
            "fifo": f"mkfifo {d}/q; cat {d}/q >{d}/fifo & {faults.DOLLY} -v -O {d}/q; s=$?; wait; exit $s",
            "fd": f"exec 3>{d}/fd; exec {faults.DOLLY} -v -O /dev/fd/3",
            "null": f"cp {d}/image {d}/null; exec {faults.DOLLY} -v -O /dev/null",
            "stdout": f"({faults.DOLLY} -q -O - && {flag} 0<&1 >{d}/flag && cat {d}/trailer) | (sleep 0.3; cat >{d}/both) && "
                      f"head -c {len(image)} {d}/both >{d}/stdout",
        }
        (d / "image").write_bytes(image)
        for name, command in commands.items():
            run = c.dolly(image, late={1})
            run.client[1] = c.nodes[1].start(["sh", "-c", command], name=name)
            assert run.server.wait(20) == 0, (name, run.server.text(), run.client[1].text())
            assert run.client[1].wait(10) == 0, (name, run.client[1].text())
            assert (d / name).read_bytes() == image, name
        assert (d / "flag").read_text().strip() == "0"
        assert (d / "both").read_bytes() == image + (d / "trailer").read_bytes()


def test_packed_with_something_behind():
    """gzip, xz and zstd images with zeros or a signature behind their end are unpacked; damaged ones are not passed as
    good."""
    with cluster(1) as c:
        data = faults.some_bytes(2 * MB)
        zstd = subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
        packed = {"gz": gzip.compress(data, 1), "xz": lzma.compress(data, preset=0), "zst": zstd}

        def send(image):
            run = c.dolly(image, start_server=False)
            run.config = "\n".join([f"compressed infile {run.source}", "outfile /tmp/unused", *run.hosts, "endconfig",
                                    ""])
            run.serve()
            status = run.server.wait(20)
            path = run.dir / "node1/image"
            return status, path.read_bytes() if path.exists() else None, run.client[1].text() + run.server.text()

        for name, image in packed.items():
            for tail in b"", b"\0" * 512, b"firmware's signature":
                status, got, words = send(image + tail)
                assert (status, got == data) == (0, True), (name, tail, words)
                assert not tail.startswith(b"f") or "is left out" in words, (name, words)
            status, got, words = send(image[:-1000])
            assert (status, got) == (1, None), (name, words)
            assert "damaged" in words or "cut" in words, (name, words)
        assert send(data)[:2] == (0, data)


# ---- whom a client obeys

def test_server_without_a_password():
    """A client without -P and -O writes files below /tmp and its folder only, whatever a server says; -O, -P and -A
    open the rest."""
    with cluster(1) as c, tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        image = faults.some_bytes(MB)
        home, other = pathlib.Path(place) / "home", pathlib.Path(place) / "other"
        home.mkdir()
        other.mkdir()
        (home / "link").symlink_to(other)

        def send(target, *options, server=()):
            run = c.dolly(image, late={1}, server_args=server, start_server=False)
            run.config = "\n".join([f"infile {run.source}", f"outfile {target}", *run.hosts, "endconfig", ""])
            run.client[1] = c.nodes[1].start(["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", home, faults.DOLLY,
                                              "-v",
                                              *options], name="client")
            run.serve()
            return run.server.wait(20), run.server.text()

        assert send("mine")[0] == 0 and (home / "mine").read_bytes() == image
        for target in other / "theirs", "link/theirs", f"{home}/../other/theirs":
            status, words = send(target)
            assert status == 1 and "without a password" in words, (target, words)
            assert not (other / "theirs").exists()
        assert send(other / "a", "-A")[0] == 0 and (other / "a").read_bytes() == image
        assert send("/nowhere/b", "-O", other / "b")[0] == 0 and (other / "b").read_bytes() == image
        assert send(other / "p", "-P", "word", server=["-P", "word"])[0] == 0 and (other / "p").read_bytes() == image


# ---- command lines

def test_lists_of_hosts():
    """Ranges, blanks, a mark before the text, indents and comments in lists of hosts are understood; slips are
    named."""
    with cluster(2) as c:
        image = c.lab.dir / "img"
        image.write_bytes(b"x" * 1000)
        head = f"infile {image}\noutfile {c.lab.dir}/out\nserver head\nfirstclient a\nlastclient b\nclients 2\n"
        cases = {
            "range": ["-I", image, "-O", c.lab.dir / "out", "-H", "10.9.1.1-2"],
            "blank": ["-I", image, "-O", c.lab.dir / "out", "-H", "10.9.1.1, 10.9.1.2"],
            "mark": "\ufeff" + head + "10.9.1.1\n10.9.1.2\nendconfig\n",
            "indents": head + "  10.9.1.1\n\t# rack 3\n 10.9.1.2 # the last\nendconfig\n",
            "CRLF": (head + "10.9.1.1\n10.9.1.2\nendconfig\n").replace("\n", "\r\n"),
        }
        for name, case in cases.items():
            clients = [c.nodes[i].start([faults.DOLLY, "-O", c.lab.dir / f"out{i}"], name="c") for i in (1, 2)]
            if isinstance(case, str):
                (c.lab.dir / "cfg").write_text(case, newline="")
                case = ["-s", "-f", c.lab.dir / "cfg"]
            server = c.head.start([faults.DOLLY, "-v", "-a", "5", *case], name="s")
            assert server.wait(20) == 0, (name, server.text())
            for client in clients:
                assert client.wait(10) == 0, name


def test_said_before_the_image_is_read():
    """A name that nobody knows, a host listed twice and an unreadable list are said before a large image is read."""
    with cluster(1) as c:
        image = c.lab.dir / "img"
        with open(image, "wb") as f:
            f.truncate(20 << 30)
        for hosts, words in {"10.9.1.1,nobody.invalid": "nobody.invalid", "10.9.1.1,10.9.1.1": "the same machine",
                             "node[3-1]": "are wanted"}.items():
            r = c.head.run([faults.DOLLY, "-q", "-I", image, "-O", "/x", "-H", hosts], check=False, timeout=5)
            assert r.returncode == 1 and words in r.stderr.decode(), (hosts, r)


def test_options_of_the_originals():
    """-D, -X and -K say what to use instead; without -O the nodes use the name of the image; -d wakes a node's
    service."""
    with cluster(1) as c:
        image = c.lab.dir / "img"
        image.write_bytes(b"x" * 1000)
        for option in "DXK":
            r = c.head.run([faults.DOLLY, f"-{option}", "x"], check=False)
            assert r.returncode == 2 and f"-{option} is not done here: " in r.stderr.decode(), r
        out = c.lab.dir / "out"
        waiting = c.nodes[1].start([sys.executable, "-c", f"""
import os, socket
s = socket.create_server(("", 9996))
s.accept()
s.close()
os.execv({str(faults.DOLLY)!r}, ["dolly", "-v", "-A"])
"""], name="service", ready=netns.port(9996))
        subprocess.run(["cp", image, c.lab.dir / "copy"], check=True)
        out.write_bytes(b"")
        server = c.head.start([faults.DOLLY, "-v", "-d", "-a", "8", "-I", image, "-H", "10.9.1.1"], name="s")
        assert server.wait(20) == 0, server.text()
        assert waiting.wait(10) == 0
        assert image.read_bytes() == b"x" * 1000


def test_quiet_still_says_why():
    """With -q nothing is shown but why it failed, once."""
    with cluster(1) as c:
        r = c.head.run([faults.DOLLY, "-q", "-I", "/nowhere", "-O", "x", "-H", "10.9.1.1"], check=False)
        assert r.returncode == 1 and r.stderr.decode().count("/nowhere") == 1, r
        first = c.nodes[1].start([faults.DOLLY], name="first", ready=netns.port(9995))
        r = c.nodes[1].run([faults.DOLLY, "-q"], check=False, timeout=5)
        assert r.returncode == 1 and r.stderr.decode().count("9995") == 1, r
        first.kill()


def test_read_error_names_the_place():
    """A source that cannot be read to its end: the byte is named, and nothing is sent."""
    with cluster(1) as c:
        file = c.lab.dir / "src"
        file.write_bytes(faults.some_bytes(8 << 20))
        with loop_device(file) as device:
            os.truncate(file, 4 << 20)
            r = c.head.run([faults.DOLLY, "-q", "-I", device, "-O", "/x", "-H", "10.9.1.1"], check=False, timeout=10)
            place = re.search(r"near byte (\d+)", r.stderr.decode())
            assert r.returncode == 1 and place and abs(int(place[1]) - (4 << 20)) <= 1 << 20, r


def test_rows_of_a_terminal():
    """30 nodes on a terminal of 24 lines of 80: never more is drawn over than fits, and no line is longer."""
    with cluster(1) as c:
        for i in range(2, 32):
            c.nodes[1].address("eth0", f"10.9.1.{i}/16")
        image = c.lab.dir / "img"
        image.write_bytes(b"x" * 1000)
        hosts = ",".join(f"10.9.1.{i}" for i in range(1, 31))
        typescript = c.lab.dir / "typescript"
        c.head.run(["script", "-qc", f"stty rows 24 cols 80; exec {faults.DOLLY} -a 2 -I {image} -O /x -H {hosts}",
                    typescript],
                   check=False, timeout=20, env={"TERM": "xterm"})
        text = typescript.read_text(errors="replace")
        ups = [int(n) for n in re.findall(r"\x1b\[(\d+)A", text)]
        assert ups and max(ups) <= 23, ups
        drawn = [line for line in text.splitlines()
                 if not re.match("Script |NOT DONE|.* together", line)]
        lines = [re.sub(r"\x1b\[\d*[AJ]", "", line) for line in drawn]
        assert max(map(len, lines)) <= 80, max(lines, key=len)


# ---- signals and children

def test_ignored_signals_stay_ignored():
    """ka under nohup survives SIGHUP, dolly a SIGINT that a script had ignored."""
    def ignoring(argv):
        return ["sh", "-c", 'trap "" HUP INT; exec "$@"', "sh", *map(str, argv)]

    image = faults.some_bytes(8 * MB)
    with cluster(1, rate="100mbit") as c:
        run = kalab.KaRun(c, image, start_server=False)
        for client in run.client.values():
            client.kill()
        server = c.head.start(ignoring([kalab.SERVER, "-s", "test", "-n", "1", "-e", run.source]), name="ka-s",
                              ready=netns.port(30765))
        client = c.nodes[1].start(ignoring([kalab.CLIENT, "-s", "test", "-e", run.sink(1)]), name="ka-c")
        server.wait_line("Let's go!")
        os.kill(server.pid, signal.SIGHUP)
        os.kill(client.pid, signal.SIGHUP)
        assert (server.wait(20), client.wait(20)) == (0, 0), server.text()
    with cluster(1, rate="100mbit") as c:
        run = c.dolly(image, start_server=False, late={1})
        client = c.nodes[1].start(ignoring([faults.DOLLY, "-v", "-O", run.target(1)]), name="dolly")
        server = c.head.start(ignoring([faults.DOLLY, "-v", "-I", run.source, "-O", "/x", "-H", "10.9.1.1"]), name="s")
        server.wait_line("starting with")
        os.kill(server.pid, signal.SIGINT)
        os.kill(client.pid, signal.SIGINT)
        assert (server.wait(20), client.wait(20)) == (0, 0), server.text()


def test_file_that_grows_under_tar():
    """tar's status 1, a file changed as it was read, is a warning of the golden node; another program's 1 is a
    failure."""
    with cluster(1) as c:
        tree, out = c.lab.dir / "tree", c.lab.dir / "out"
        tree.mkdir()
        out.mkdir()
        (tree / "log").write_bytes(os.urandom(20 * MB))
        stop = threading.Event()

        def grow():
            with open(tree / "log", "ab") as f:
                while not stop.wait(0.001):
                    f.write(b"line\n" * 100)
                    f.flush()

        def send(source):
            run = kalab.KaRun(c, source=source, sink=lambda i: f"tar -x -f - -C {out}", start_server=False)
            run.serve()
            return run.server.wait(30), run.server.text()

        thread = threading.Thread(target=grow)
        thread.start()
        try:
            status, words = send(f"(cd {tree}; tar -c . )")
        finally:
            stop.set()
            thread.join()
        assert status == 0 and "Warning: the source command exited with status 1: a file changed" in words, words
        status, words = send(f"tar -C {tree} -c . ; false")
        assert status == 1 and "the source command exited with status 1" in words, words
