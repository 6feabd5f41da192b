"""test_create - packages -> the seeds' diskless_node.img; twice with equal bytes, or words;
machines boot it.

Needs root, which makes the plain user of the tests.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: dpkg-dev
import re
import subprocess
import time

import maker
import netns
from room import DOLLY_LINE, Room

PATIENCE = 300
# In the bare root, with the packages installed: the seeds' command, as root and as a user that was just made.
FRESH = """set -e
apt-get -qq update
apt-get -qq -y install /out/*.deb >/dev/null 2>&1
useradd -m user
mkdir /out/root /out/user
chown user /out/user
create='prepare_diskless_image create --server servernode --insecure-empty-password taktuk'
(cd /out/root && $create)
(cd /out/user && su user -c "$create" >/dev/null)
cmp /out/root/diskless_node.img /out/user/diskless_node.img
ls /out/root /out/user
"""
WORDS = ("create", "--cache", maker.CACHE, "--insecure-empty-password")


def mirror():
    """Where the packages come from: a line for each archive."""
    lines = subprocess.run([maker.TOP / "server" / "demo-image", "--mirror"], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.splitlines()
    return [word for line in lines for word in ("--mirror", line)]


def created(where, *words, **how):
    """The seeds' command."""
    maker.CACHE.mkdir(parents=True, exist_ok=True)
    done = maker.make(where, *WORDS, *mirror(), *words, **how)
    assert done.status == 0, done.text
    return done.text


def test_create():
    """`create taktuk` makes diskless_node.img: a Debian with taktuk, ssh by the keys that were given, the
    node list and /ka/go; what is printed is the dolly.cfg and the PXE entry of the seeds."""
    with maker.folder() as where:
        (where / "nodes").write_text("# name address\nnode31 10.0.1.31\nnode32 10.0.1.32 eth1\n\nnode33 10.0.1.33\n")
        (where / "keys").write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me\n")
        words = maker.make(where, "create", "--cache", maker.CACHE, *mirror(), "--keys", "keys", "--nodes", "nodes",
                           "--cluster", "tipc", "taktuk")
        assert words.status == 0, words.text
        words = words.text
        assert "WARNING" not in words
        assert re.search(r"^infile \S*/diskless_node.img\noutfile /dev/ram3\nserver \S+\nfirstclient 10.0.1.31\n"
                         r"lastclient 10.0.1.33\nclients 3\n(10.0.1.3[123]\n){3}endconfig$", words, re.M), words
        assert "method:dolly,dolly_timeout:100,interface:eth0,network:dhcp rescue dollymethod node_id=1" in words, words
        maker.run("mkdir m && mount -o loop,ro diskless_node.img m", where)
        try:
            for command, answer in [
                    ("stat -c %u:%a root/.ssh/authorized_keys root/.ssh", "0:600\n0:700"),
                    ("cat etc/kerrighed_nodes", "session=1\nnbmin=3\nnode31:eth0\nnode32:eth1\nnode33:eth0"),
                    ("cut -d: -f2 etc/shadow | head -n 1", "*"),
                    ("ls usr/bin/taktuk usr/sbin/sshd", "usr/bin/taktuk\nusr/sbin/sshd"),
                    ("ls boot etc/ssh/ssh_host* 2>/dev/null || :", "boot:"),
                    ("readlink etc/resolv.conf", "/run/stage1/resolv.conf"),
                    ("ls usr/share/doc var/lib/apt/lists | wc -l", "4"),
                    ("sed -n '$p' ka/go", "/ka/cluster start tipc"),
                    ("test -x ka/cluster && echo yes", "yes")]:
                said = maker.run(command, where / "m").strip()
                assert said == answer or answer == "*" and said[:1] in "*!", (command, said)
        finally:
            maker.run("umount m", where)


def test_twice():
    """As root and as a plain user, twice: the same bytes, as ext, squashfs, erofs and tar."""
    with maker.folder() as where:
        for kind in ("img", "sqfs", "erofs", "tar"):
            created(where, "-o", f"a.{kind}", "taktuk")
            created(where, "-o", f"b.{kind}", "taktuk", plain=True)
            maker.run(f"cmp a.{kind} b.{kind}", where)


test_twice.slow = True


def test_bad_input():
    """A package that does not exist, no network, a run that is interrupted, a disk that fills up: words, nothing under
    the final name, nothing left mounted."""
    def refused(where, *words, **how):
        done = maker.make(where, *WORDS, *mirror(), *words, **how)
        assert done.status == 1 and not list(where.glob("diskless*")), (done.status, done.text)
        return done.text

    with maker.folder() as where:
        assert "no such package in" in (words := refused(where, "no-such-package")) and "no-such-package" in words
        assert "no network" in (words := refused(where, "taktuk", without=("unshare", "--net"))), words
        process = maker.start(where, *WORDS, *mirror(), "taktuk")
        time.sleep(10)
        begin = time.monotonic()
        done = maker.interrupt(process)
        assert done.status == 130 and time.monotonic() - begin < 20, (done.status, done.text)
        assert not list(where.glob("diskless*")), list(where.glob("diskless*"))
    with maker.folder("60m") as small:
        assert "the disk is full" in (words := refused(small, "taktuk")), words
    assert not maker.mounts()


test_bad_input.slow = True


def test_boots():
    """The seeds' own commands: in a bare Debian with our packages, create as root and as a plain user gives
    diskless_node.img with the same bytes; dolly -s -v -f with the printed dolly.cfg brings three machines to the login
    with the seeds' PXE line."""
    with maker.folder() as where, netns.Lab() as lab:
        maker.run(f"make -s -C {maker.TOP} install DESTDIR={where}/staged PREFIX=/usr && "
                  f"{maker.TOP}/packaging/build deb staged out && rm -r staged", where)
        done = subprocess.run([maker.TOP / "tests/bare", "-o", where / "out", "sh", "-c", FRESH],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=900)
        words = done.stdout.replace("/out/", f"{where}/out/")
        assert done.returncode == 0 and words.count("\ndiskless_node.img\n") == 2, words
        config = lab.file("dolly.cfg", words.partition("# dolly.cfg:\n")[2].partition("\n\n")[0] + "\n")
        room = Room(lab, 3, DOLLY_LINE)
        server = room.head.start([maker.TOP / "build/bin/dolly", "-s", "-v", "-a", str(PATIENCE), "-f", config])
        machines = [room.machine(i) for i in (1, 2, 3)]
        for i, machine in enumerate(machines, 1):
            machine.expect("login:", PATIENCE).send("root\n").expect("# ", 60)
            machine.send("uname -n; test -x /usr/bin/taktuk && systemctl is-active ka-go ssh\n")
            machine.expect(re.compile(f"^node{i}\nactive\nactive$", re.M), 120)
        assert server.wait(60) == 0, server.tail()


test_boots.slow = True
