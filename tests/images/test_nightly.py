"""test_nightly - a small git repository -> a build by revision and date; one that fails changes nothing; old ones go.

And the build chroot: made, started, stopped, entered; its mounts are gone with it, however it ends.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: git rsync busybox-static mmdebstrap
import os
import pathlib
import re
import signal
import subprocess
import time

import maker

NIGHTLY, CHROOT = maker.TOP / "server" / "nightly", maker.TOP / "server" / "build-chroot"
SOURCE = """
git init -q source
cd source
git config user.name t
git config user.email t@example.org
printf 'deb:\\n\\tsh build.sh\\n' >Makefile
mkdir base
echo '#define X_VERSION "0.3"' >base/version.h
echo 'echo building; echo "$PACKAGE_VERSION" >a_$PACKAGE_VERSION.deb' >build.sh
git add -A
git commit -qm one
"""


def call(program, *words, status=0, where=None):
    """What it said; it ended with STATUS."""
    done = subprocess.run([program, *map(str, words)], cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=900, stdin=subprocess.DEVNULL)
    assert done.returncode == status, (words, done.returncode, done.stdout)
    return done.stdout


def commit(where, words):
    """A change in the repository; its revision's first digits."""
    return maker.run(f"cd source; {words}; git commit -qam change; git rev-parse HEAD", where).strip()[:7]


def nightly(where, *words, status=0):
    """One night."""
    return call(NIGHTLY, "-o", "out", "-m", f"{where}/mirror/", *words, "source", status=status, where=where)


def test_nights():
    """A good build stands under its revision, its date and `last`, with the version in the package; nothing new is not
    built again; a failing one leaves its log and the old `last`; old ones are pruned; all is mirrored."""
    with maker.folder() as where:
        maker.run(SOURCE, where)
        first = commit(where, "echo '#' >>Makefile")
        nightly(where)
        out = where / "out"
        package = next((out / "builds" / f"source-{first}").glob("*.deb"))
        assert re.fullmatch(rf"a_0\.3\+git\d{{8}}\.{first}\.deb", package.name), package
        links = [path for path in (out / "builds").iterdir() if path.is_symlink()]
        assert len(links) == 2 and all(path.readlink().name == f"source-{first}" for path in links), links
        assert "built already" in nightly(where)
        commit(where, "echo 'echo it breaks; exit 7' >build.sh")
        words = nightly(where, status=1)
        assert "it breaks" in words, words
        assert (out / "builds/last").readlink().name == f"source-{first}"
        logs = sorted((out / "logs").iterdir())
        assert len(logs) == 2 and "it breaks" in logs[1].read_text(), logs
        assert (where / "mirror/logs" / logs[1].name).exists()
        commit(where, "echo true >build.sh")
        assert "made no package" in nightly(where, status=1)
        for i in range(3):
            time.sleep(1.1)
            newest = commit(where, f"echo 'echo >b{i}.deb' >build.sh")
            nightly(where, "-k", "2")
        builds = [path for path in (out / "builds").iterdir() if not path.is_symlink()]
        assert len(builds) == 2 and (out / "builds/last").readlink().name == f"source-{newest}", builds
        assert all(path.exists() for path in (out / "builds").iterdir()), "a link leads nowhere"
        maker.run("diff -r out/builds mirror/builds", where)
        assert not (out / ".work").exists()


def test_a_night_that_is_cut():
    """No repository, a build that takes too long, one that is interrupted: words, no build, nothing left behind."""
    with maker.folder() as where:
        assert "no revision" in nightly(where, status=1)
        maker.run(SOURCE + "echo 'echo ASLEEP; sleep 77' >build.sh; git commit -qam slow", where)
        assert "longer than 1 s" in nightly(where, "-t", "1", status=1)
        process = subprocess.Popen([NIGHTLY, "-o", "out", "source"], cwd=where, stdout=subprocess.PIPE, text=True,
                                   start_new_session=True)
        for line in process.stdout:
            if "log:" in line:
                break
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(20) == 143
        assert not (where / "out/builds").exists() and not (where / "out/.work").exists()


def mounted(root):
    """Whether this system sees a mount below ROOT."""
    return any(f" {root}" in line for line in pathlib.Path("/proc/mounts").read_text().splitlines())


def lives(number):
    """Whether the process is there."""
    return pathlib.Path(f"/proc/{number}").exists()


def gone(number):
    """It ends within a second."""
    for _ in range(50):
        if not lives(number):
            return True
        time.sleep(0.1)
    return False


def test_build_chroot():
    """It is started, its status told, a command run in it with its own processes and mounts; when it is stopped, or its
    first process killed, they are gone, and nothing of it is seen outside."""
    with maker.folder() as where:
        maker.run("mkdir -p root/usr/bin root/usr/sbin root/etc root/build; for d in bin sbin lib lib64; do "
                  "[ ! -L /$d ] || ln -s usr/$d root/$d; done; cp /bin/busybox root/usr/bin/ && "
                  "for p in sh ls wc sleep mount umount mkdir env cat pivot_root; do ln -s busybox root/usr/bin/$p; done",
                  where)
        root = where / "root"
        words = ("-r", root)
        assert "is not started" in call(CHROOT, *words, "status", status=3)
        call(CHROOT, *words, "enter", "ls", status=3)
        call(CHROOT, *words, "start")
        assert "started already" in call(CHROOT, *words, "start")
        assert re.search(r"process \d+, \d+ mounts", call(CHROOT, *words, "status"))
        said = call(CHROOT, *words, "enter", "sh", "-c", "ls -d /proc/1 /dev/null /build; cat /proc/1/mounts")
        assert "/build" in said and "/proc/1" in said and "devpts" in said, said
        assert str(where) not in said and not mounted(root), said
        call(CHROOT, *words, "enter", "sh", "-c", "exit 5", status=5)
        number = re.search(r"process (\d+)", call(CHROOT, *words, "status"))[1]
        call(CHROOT, *words, "stop")
        assert gone(number) and not mounted(root)
        call(CHROOT, *words, "start")
        number = re.search(r"process (\d+)", call(CHROOT, *words, "status"))[1]
        sleeper = subprocess.Popen([CHROOT, *words, "enter", "sleep", "77"])
        time.sleep(0.5)
        os.kill(int(number), signal.SIGKILL)
        assert gone(number) and sleeper.wait(10) != 0 and not mounted(root)
        call(CHROOT, *words, "status", status=3)
        call(CHROOT, *words, "start")
        call(CHROOT, *words, "stop")


def test_create_and_build():
    """A real one is made, and a night's build runs in it; interrupted while it is made, it leaves nothing."""
    with maker.folder() as where:
        process = subprocess.Popen([CHROOT, "-r", where / "root", "create"], start_new_session=True)
        time.sleep(8)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(20) == 143 and not list(where.glob("root*")) and not mounted(where)
        call(CHROOT, "-r", where / "root", "create")
        call(CHROOT, "-r", where / "root", "start")
        try:
            maker.run(SOURCE, where)
            call(NIGHTLY, "-o", "out", "-c", where / "root", "source", where=where)
            assert list((where / "out/builds/last/").glob("a_0.3*.deb"))
        finally:
            call(CHROOT, "-r", where / "root", "stop")
        assert not mounted(where)


test_create_and_build.slow = True
