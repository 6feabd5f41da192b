"""test_dnf - a repository of RPMs -> the same image by dnf, as root and as a plain user; a machine boots one.

Needs root, which makes the plain user of the tests.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: busybox-static
import re
import subprocess

import maker
import rpms
import web
from qemu import boot

MANDATORY = "systemd shadow-utils openssh-server iproute iputils procps-ng kmod util-linux".split()
TREE = """
mkdir -p tree/proc tree/dev tree/sys tree/bin tree/etc/ssh tree/usr/share/doc tree/var/log tree/root
cp /bin/busybox tree/bin/sh
printf 'root::0:0:root:/root:/bin/sh\\n' >tree/etc/passwd
printf 'root:!:19000::::::\\n' >tree/etc/shadow
echo ID=fedora >tree/etc/os-release
echo page >tree/usr/share/doc/page
mkdir -p extra/usr/bin other/usr/lib
echo taktuk >extra/usr/bin/taktuk
echo x >other/usr/lib/unwanted
"""
# A script counts on /proc and on /dev/null, which must not become a file.
SCRIPT = "%post\nset -e; echo note >/dev/null; [ -e /proc/self/status ]; [ -c /dev/null ]; echo ran >/etc/script\n"


def repository(where, **more):
    """The packages that every node has, and a few to choose from."""
    maker.run(TREE, where)
    packages = {name: None for name in MANDATORY}
    packages.update({"systemd": where / "tree", "taktuk": where / "extra", "unwanted": where / "other"}, **more)
    return rpms.repository(where, packages, {"taktuk": ("Requires(pre): systemd", SCRIPT)})


def created(where, repos, *words, **how):
    """An image by dnf, which has to succeed."""
    done = maker.make(where, "create", "--backend", "dnf", "--suite", "40", "--mirror", repos, *words, **how)
    assert done.status == 0, done.text
    return done.text


def test_dnf():
    """Packages of a repository become an image by the dnf back end, their scripts run, what is not wanted is removed,
    root has no password that opens; as root and as a plain user, twice, it is the same bytes; a version's list says
    what is in it."""
    with maker.folder() as where:
        repos = repository(where)
        words = ("taktuk", "unwanted", "--remove", "unwanted")
        for kind in ("sqfs", "img"):
            created(where, repos, "-o", f"a.{kind}", *words)
            created(where, repos, "-o", f"b.{kind}", *words)
            maker.run(f"cmp a.{kind} b.{kind}", where)
        created(where, repos, "-o", "plain.sqfs", *words, plain=True)
        maker.run("cmp a.sqfs plain.sqfs", where)
        maker.run("mkdir m && mount -o loop,ro a.sqfs m", where)
        try:
            for command, answer in [
                    ("cat usr/bin/taktuk etc/script", "taktuk\nran"),
                    ("ls usr/lib/unwanted usr/share/doc dev var/lib/rpm 2>&1 | grep -c -v -e :$ -e '^$'", "3"),
                    ("cut -d: -f2 etc/shadow", "*"),
                    ("test -x ka/go && echo yes", "yes")]:
                said = maker.run(command, where / "m").strip()
                assert said == answer, (command, said)
        finally:
            maker.run("umount m", where)
        created(where, repos, "--store", "images/node", "-f", "squashfs", *words)
        listed = maker.run("cat images/node/current/packages", where)
        assert re.search(r"^taktuk\t1.1-1$", listed, re.M) and "unwanted" not in listed, listed
        assert not maker.mounts()


def test_dnf_refuses():
    """A package that does not exist, a repository that is not there: words, and nothing made."""
    with maker.folder() as where:
        repos = repository(where)
        for package, words in [("no-such-package", "no-such-package"), ("taktuk", "Cannot download")]:
            done = maker.make(where, "create", "--backend", "dnf", "--suite", "40", "--mirror", repos, package)
            assert done.status == 1 and words in done.text and not list(where.glob("diskless*")), done.text
            maker.run("mv rpms gone 2>/dev/null || :", where)


def test_dnf_boots():
    """A machine boots an image that dnf made to its login: its packages hold a Debian."""
    with maker.folder() as where:
        maker.run(f"make -s -C {maker.TOP} build/demo/root.sqfs; unsquashfs -q -d debian {maker.TOP}/build/demo/root.sqfs",
                  where)
        packages = {name: None for name in MANDATORY}
        repos = rpms.repository(where, {**packages, "systemd": where / "debian", "taktuk": None})
        created(where, repos, "-o", "root.erofs", "--insecure-empty-password", "taktuk")
        machine = boot(append=web.web().automatic(where / "root.erofs"), mem=768)
        machine.expect("login:", 300).send("root\n").expect("# ", 60).send("systemctl is-active ka-go ssh\n")
        machine.expect(re.compile("^active\nactive$", re.M), 120)


test_dnf_boots.slow = True
