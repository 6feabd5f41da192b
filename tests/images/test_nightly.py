"""test_nightly - a small git repository -> a build by revision and date; one that fails changes nothing; old ones go.

And the build chroot: made, started, stopped, entered; its mounts are gone with it, however it ends.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: git rsync busybox-static mmdebstrap build-essential dpkg-dev apt rpm systemd
import os
import pathlib
import re
import signal
import subprocess
import time

import maker
import netns

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


# An archive that apt finds, of a source package and a package that has a kernel's source in it, of one version.
ARCHIVE = r"""
mkdir -p archive kernel/arch kernel/root/usr/src state/lists/partial cache/archives/partial
echo 'mainmenu "k"' >kernel/Kconfig
cat >kernel/Makefile <<'END'
olddefconfig:
	grep -q CONFIG_OURS .config
bindeb-pkg:
	mkdir -p p/DEBIAN
	printf 'Package: linux-image-ours\nVersion: $(KDEB_PKGVERSION)\nArchitecture: all\nMaintainer: t <t@t.example>\nDescription: t\n' >p/DEBIAN/control
	dpkg-deb --build p ../linux-image-ours_$(KDEB_PKGVERSION)_all.deb
END
mkdir -p deb/DEBIAN deb/usr/src linux-source-9.9
cp -r kernel/Kconfig kernel/Makefile kernel/arch linux-source-9.9
tar -cJf deb/usr/src/linux-source-9.9.tar.xz linux-source-9.9
printf 'Package: linux-source-9.9
Version: @VERSION@
Architecture: all
Maintainer: t <t@t.example>
Description: t
' 	>deb/DEBIAN/control
dpkg-deb --build deb archive/linux-source-9.9_@VERSION@_all.deb
mkdir -p tool-1/debian/source
printf 'Source: tool
Maintainer: t <t@t.example>
Build-Depends: make
Standards-Version: 4.6.2

Package: tool
Architecture: all
Description: t
 t
' >tool-1/debian/control
printf 'tool (@VERSION@) unstable; urgency=low

  * x

 -- t <t@t.example>  Tue, 01 Dec 2026 00:00:00 +0000
' 	>tool-1/debian/changelog
echo '3.0 (native)' >tool-1/debian/source/format
printf '#!/usr/bin/make -f
build clean:
binary:
	mkdir -p debian/tool
	dpkg-gencontrol -Pdebian/tool -O >c
	mkdir -p debian/tool/DEBIAN; dpkg-gencontrol -Pdebian/tool
	dpkg-deb --build debian/tool ..
' >tool-1/debian/rules
chmod 755 tool-1/debian/rules
cd archive
dpkg-source -b ../tool-1
dpkg-scanpackages . >Packages
dpkg-scansources . >Sources
cd ..
echo "deb [trusted=yes] file:$PWD/archive ./
deb-src [trusted=yes] file:$PWD/archive ./" >sources.list
cat >apt.conf <<END
Dir::Etc::SourceList "$PWD/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$PWD/state";
Dir::Cache "$PWD/cache";
APT::Sandbox::User "root";
END
"""
SPEC = """Name: rpmtool
Version: 2.5
Release: 3
Summary: t
License: t
BuildArch: noarch
%description
t
%files
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


class Site:
    """A machine that serves the repository of WHERE by git, and takes the mirror by rsync."""

    def __init__(self, lab, where):
        self.where, self.node = where, lab.node("site")
        self.node.ip("link", "set", "lo", "up")
        maker.run(SOURCE, where)
        maker.run("mkdir mirror", where)
        self.node.start(["git", "daemon", f"--base-path={where}", "--export-all", "--reuseaddr"],
                        ready=netns.port(9418))
        config = lab.file("rsyncd.conf", "use chroot = no\nmunge symlinks = no\nuid = 0\ngid = 0\n"
                          f"[mirror]\npath = {where}/mirror\nread only = no\n")
        self.node.start(["rsync", "--daemon", "--no-detach", f"--config={config}"], ready=netns.port(873))

    def night(self, *words, status=0):
        """One night."""
        return call("ip", "netns", "exec", self.node.netns, NIGHTLY, "-o", "out", "-m", "rsync://127.0.0.1/mirror/",
                    *words, "git://127.0.0.1/source", status=status, where=self.where)


def test_nights():
    """A good build stands under its revision, its date and `last`, with the version in the package; nothing new is not
    built again; a failing one leaves its log and the old `last`; old ones are pruned; all is mirrored. The repository
    is one that git serves, the mirror one of rsync's."""
    with maker.folder() as where, netns.Lab() as lab:
        site = Site(lab, where)
        first = commit(where, "echo '#' >>Makefile")
        site.night()
        out = where / "out"
        package = next((out / "builds" / f"source-{first}").glob("*.deb"))
        assert re.fullmatch(rf"a_0\.3\+git\d{{8}}\.{first}\.deb", package.name), package
        links = [path for path in (out / "builds").iterdir() if path.is_symlink()]
        assert len(links) == 2 and all(path.readlink().name == f"source-{first}" for path in links), links
        assert "built already" in site.night()
        commit(where, "echo 'echo it breaks; exit 7' >build.sh")
        words = site.night(status=1)
        assert "it breaks" in words, words
        assert (out / "builds/last").readlink().name == f"source-{first}"
        logs = sorted((out / "logs").iterdir())
        assert len(logs) == 2 and "it breaks" in logs[1].read_text(), logs
        assert (where / "mirror/logs" / logs[1].name).exists()
        commit(where, "echo true >build.sh")
        assert "made no package" in site.night(status=1)
        for i in range(3):
            time.sleep(1.1)
            newest = commit(where, f"echo 'echo >b{i}.deb' >build.sh")
            site.night("-k", "2")
            if i == 0:
                site.night("-n", "source-two")
        builds = [path for path in (out / "builds").iterdir() if not path.is_symlink()]
        two = [path for path in builds if path.name.startswith("source-two-")]
        assert len(two) == 1 and len(builds) == 3, builds
        assert (out / "builds/last").readlink().name == f"source-{newest}", builds
        assert all(path.exists() for path in (out / "builds").iterdir()), "a link leads nowhere"
        maker.run("diff -r out/builds mirror/builds", where)
        assert not (out / ".work").exists()


def test_a_night_that_is_cut():
    """No repository, a build that takes too long, one that is interrupted: words, no build, nothing left behind."""
    with maker.folder() as where:
        assert "no revision" in call(NIGHTLY, "-o", "out", "source", status=1, where=where)
        maker.run(SOURCE + "echo 'echo ASLEEP; sleep 77' >build.sh; git commit -qam slow", where)
        assert "longer than 1 s" in call(NIGHTLY, "-o", "out", "-t", "1", "source", status=1, where=where)
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


def test_unit():
    """The unit that starts the chroot at boot is one that systemd takes, and its program has the words it uses."""
    with maker.folder() as where:
        unit = where / "build-chroot.service"
        text = (CHROOT.parent / "build-chroot.service").read_text()
        unit.write_text(text.replace("/usr/sbin/build-chroot", str(CHROOT)))
        assert maker.run(f"systemd-analyze --man=no verify {unit} 2>&1 | grep build-chroot || :", where) == ""
        for verb in re.findall(r"OPTIONS (\w+)$", text, re.M):
            assert f" {verb} " in call(CHROOT, "--help"), verb


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


def test_source_packages():
    """The newest kernel source package that apt has is built with the site's .config, a source package and a source RPM
    as they want to be, each kept under its own version; a newer one is built when it comes; without .config, or of a
    name that apt does not know: words."""
    with maker.folder() as where:
        os.environ["APT_CONFIG"] = str(where / "apt.conf")
        try:
            maker.run(ARCHIVE.replace("@VERSION@", "9.9.1"), where)
            (where / "config").write_text("CONFIG_OURS=y\n")

            def night(source, *words, status=0):
                return call(NIGHTLY, "-o", "out", *words, source, status=status, where=where)

            def built(pattern):
                return sorted(path.name for path in (where / "out/builds").glob(pattern))

            assert "-K says which .config" in night("deb:linux-source-9.9", status=1)
            night("deb:linux-source-9.9", "-K", "config")
            assert built("linux-source-9.9-9.9.1/*.deb") == ["linux-image-ours_9.9.1_all.deb"]
            assert "built already" in night("deb:linux-source-9.9", "-K", "config")
            maker.run("rm -r deb tool-1 linux-source-9.9;" + ARCHIVE.replace("@VERSION@", "9.9.10"), where)
            night("deb:linux-source-9.9", "-K", "config")
            assert (where / "out/builds/last").readlink().name == "linux-source-9.9-9.9.10"
            night("src:tool")
            assert built("tool-9.9.10/*.deb") == ["tool_9.9.10_all.deb"]
            night(next((where / "archive").glob("*9.9.1.dsc")))
            assert built("tool-9.9.1/*.deb") == ["tool_9.9.1_all.deb"]
            (where / "t.spec").write_text(SPEC)
            maker.run("rpmbuild -bs --define '_topdir rpm' --define \"_srcrpmdir $PWD\" t.spec 2>&1", where)
            night("rpmtool-2.5-3.src.rpm")
            assert "rpmtool-2.5-3.noarch.rpm" in built("rpmtool-2.5-3/*.rpm")
            assert "no revision of deb:nothing" in night("deb:nothing", status=1)
            assert not (where / "out/.work").exists()
        finally:
            del os.environ["APT_CONFIG"]
