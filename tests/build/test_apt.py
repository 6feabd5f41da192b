"""test_apt - mirrors out of step, half synced, damaged, unreachable -> what third/apt takes of them, and what it says.

The mirrors are folders made here, served on the loopback; apt is told to trust them, so the sums of their lists count.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: dpkg-dev
import contextlib
import functools
import hashlib
import http.server
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import threading

TOP = pathlib.Path(__file__).resolve().parents[2]
ARCH = subprocess.run(["dpkg", "--print-architecture"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

packages = ["dpkg-dev", "xz-utils"]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tarball(files, form):
    """A compressed tar archive of {name: text}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{form}") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server without a log."""

    def log_message(self, *_):
        pass


class Mirror:
    """A mirror of one suite. Its lists are written by publish(); what befalls its files later they do not know."""

    def __init__(self, folder, suite="stable", release=""):
        self.folder, self.suite, self.release = folder, suite, release
        self.packages, self.sources, self.round = [], [], 0
        (folder / "pool").mkdir(parents=True)

    def deb(self, name, version, depends="", files=()):
        """Adds a binary package; its file's name is without the epoch, as in every pool."""
        with tempfile.TemporaryDirectory() as draft:
            control = f"Package: {name}\nVersion: {version}\nArchitecture: {ARCH}\n"
            control += "Maintainer: nobody\nDescription: a test\n"
            control += f"Depends: {depends}\n" if depends else ""
            (pathlib.Path(draft) / "DEBIAN").mkdir()
            (pathlib.Path(draft) / "DEBIAN/control").write_text(control)
            for file in files:
                path = pathlib.Path(draft) / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(version)
            path = self.folder / "pool" / f"{name}_{version.split(':')[-1]}_{ARCH}.deb"
            subprocess.run(["dpkg-deb", "--build", "--root-owner-group", draft, path], check=True,
                           stdout=subprocess.DEVNULL)
        data = path.read_bytes()
        self.packages.append(f"{control}Filename: pool/{path.name}\nSize: {len(data)}\nSHA256: {sha256(data)}\n")

    def source(self, name, version):
        """Adds a source package of three files."""
        short = version.split(":")[-1]
        upstream = short.rpartition("-")[0]
        files = {f"{name}_{upstream}.orig.tar.gz": tarball({f"{name}-{upstream}/main.c": version}, "gz"),
                 f"{name}_{short}.debian.tar.xz": tarball({"debian/source/format": "3.0 (quilt)\n"}, "xz")}
        # the packed archives hold the time of day: what is there stays
        for file, data in files.items():
            path = self.folder / "pool" / file
            if path.exists():
                files[file] = path.read_bytes()
            path.write_bytes(files[file])
        listed = lambda: "Checksums-Sha256:\n" + "".join(  # noqa: E731
            f" {sha256(data)} {len(data)} {file}\n" for file, data in files.items())
        head = f"Version: {version}\nFormat: 3.0 (quilt)\n"
        dsc = f"Format: 3.0 (quilt)\nSource: {name}\nBinary: {name}\nArchitecture: any\nVersion: {version}\n" + listed()
        files = {f"{name}_{short}.dsc": dsc.encode(), **files}
        (self.folder / "pool" / f"{name}_{short}.dsc").write_text(dsc)
        self.sources.append(f"Package: {name}\nBinary: {name}\n{head}Directory: pool\n{listed()}")

    def publish(self):
        """Writes the lists of what there is."""
        top = self.folder / "dists" / self.suite
        listed = {f"main/binary-{ARCH}/Packages": "\n".join(self.packages),
                  "main/source/Sources": "\n".join(self.sources)}
        release = f"Suite: {self.suite}\nCodename: {self.suite}\nComponents: main\nArchitectures: {ARCH}\n" \
                  f"Date: Tue, 01 Jan 2030 00:00:00 UTC\n{self.release}SHA256:\n"
        for name, text in listed.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text)
            release += f" {sha256(text.encode())} {len(text)} {name}\n"
        (top / "Release").write_text(release)
        self.round += 1  # of one second: a server tells files apart by their time
        for path in (top / "Release", *(top / name for name in listed)):
            os.utime(path, (self.round, 1700000000 + 60 * self.round))

    def file(self, pattern):
        """The one file of the pool with such a name."""
        found, = (self.folder / "pool").glob(pattern)
        return found


class Place:
    """Mirrors on the loopback and an apt of its own that knows them."""

    def __init__(self, folder):
        self.folder, self.mirrors, self.servers = folder, [], {}
        (folder / "etc").mkdir()
        (folder / "etc/apt.conf").write_text('Acquire::Retries "0";\nAcquire::http::Proxy::127.0.0.1 "DIRECT";\n'
                                             'Acquire::Check-Date "false";\n'
                                             'Acquire::AllowInsecureRepositories "true";\n')

    def mirror(self, **choice):
        """One more mirror, empty."""
        mirror = Mirror(self.folder / f"mirror{len(self.mirrors)}", **choice)
        handler = functools.partial(Quiet, directory=mirror.folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.mirrors.append(mirror)
        self.servers[mirror] = server
        return mirror

    def stop(self, mirror):
        """Nobody listens there any more."""
        server = self.servers.pop(mirror)
        server.shutdown()
        server.server_close()
        self.servers[mirror] = None

    def publish(self):
        """The lists of all mirrors, and the sources that name them."""
        lines = []
        for mirror in self.mirrors:
            mirror.publish()
            port = self.servers[mirror].server_address[1]
            lines.append(f"deb [trusted=yes] http://127.0.0.1:{port}/ {mirror.suite} main\n")
        (self.folder / "etc/sources.list").write_text("".join(lines))

    def apt(self, *words, fails=False, program=TOP / "third/apt"):
        """The file that third/apt prints, and what it says."""
        env = {**os.environ, "APT_DIR": str(self.folder / "apt"), "APT_ETC": str(self.folder / "etc"), "LC_ALL": "C",
               "KERNEL": "", "KERNEL_DIR": ""}
        done = subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
                              check=False, timeout=120)
        assert (done.returncode != 0) == fails, (done.stdout, done.stderr)
        return done.stdout.strip(), done.stderr

    def close(self):
        """No server is left."""
        for mirror, server in self.servers.items():
            if server:
                self.stop(mirror)
                return self.close()
        return None


@contextlib.contextmanager
def place():
    """A Place in a folder that goes."""
    with tempfile.TemporaryDirectory(prefix="apt.") as folder:
        it = Place(pathlib.Path(folder))
        try:
            yield it
        finally:
            it.close()


def damage(path, how):
    """What becomes of a file of a mirror."""
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[:len(data) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "longer":
        path.write_bytes(data + b"more")
    else:  # other bytes
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


DAMAGES = "missing", "cut", "empty", "longer", "other"


def test_the_newest():
    """What is there is taken in its newest version by dpkg's order, with epochs, + and ~, and that is said."""
    with place() as here:
        mirror = here.mirror()
        for version in ("1.0~rc1-1", "1.0-1", "1.0-1+deb12u1", "1.0-1+deb12u1~bpo1"):
            mirror.deb("plain", version)
            mirror.source("plain", version)
        for version in ("9-1", "1:2-1", "1:2~beta-1"):
            mirror.deb("epoch", version)
            mirror.source("epoch", version)
        here.publish()
        for kind, suffix in (("deb", f"_{ARCH}.deb"), ("source", ".dsc")):
            file, said = here.apt(kind, "plain")
            assert file.endswith(f"plain_1.0-1+deb12u1{suffix}"), (file, said)
            assert "plain 1.0-1+deb12u1, the newest" in said, said
            file, said = here.apt(kind, "epoch")
            assert pathlib.Path(file).exists() and "2-1" in file and "epoch 1:2-1, the newest" in said, (file, said)


def test_damaged_files():
    """A version whose file is missing, cut, empty, too long or of other bytes is left for the one before, for packages
    and for every file of a source; which one is taken, and why, is said."""
    rows = [("deb", f"thing_1.1-1+deb12u1_{ARCH}.deb", f"_1.0-1_{ARCH}.deb")] + [
        ("source", f"thing_1.1-1+deb12u1{part}", "_1.0-1.dsc") for part in (".dsc", ".debian.tar.xz")] + [
        ("source", "thing_1.1.orig.tar.gz", "_1.0-1.dsc")]
    with place() as here:
        mirror = here.mirror()
        for version in ("1.0~rc1-1", "1.0-1", "1.1-1+deb12u1"):
            mirror.deb("thing", version)
            mirror.source("thing", version)
        here.publish()
        here.apt("update")
        for kind, pattern, taken in rows:
            for how in DAMAGES:
                file = mirror.file(pattern)
                whole = file.read_bytes()
                damage(file, how)
                got, said = here.apt(kind, "thing")
                assert got.endswith("thing" + taken), (pattern, how, got, said)
                assert "thing 1.0-1; not 1.1-1+deb12u1: " in said, (pattern, how, said)
                assert how != "missing" or "404" in said, said
                file.write_bytes(whole)
                shutil.rmtree(here.folder / "apt" / kind)
                (here.folder / "apt" / kind).mkdir()


def test_tarball_alone():
    """Where no version's packaging is there, the newest upstream tarball with the right sum is taken, and that is
    said."""
    with place() as here:
        mirror = here.mirror()
        for version in ("1:3.0-1", "1:3.1-2"):
            mirror.source("lib", version)
        here.publish()
        for path in (mirror.folder / "pool").glob("*.dsc"):
            path.unlink()
        file, said = here.apt("source", "lib")
        assert file.endswith("/lib_3.1.orig.tar.gz"), (file, said)
        assert "lib 1:3.1-2: only the upstream tarball, without the distribution's patches; not 1:3.1-2: 404" in said, said
        damage(mirror.file("lib_3.1.orig.tar.gz"), "other")
        pathlib.Path(file).unlink()
        file, said = here.apt("source", "lib")
        assert file.endswith("/lib_3.0.orig.tar.gz"), (file, said)
        damage(mirror.file("lib_3.0.orig.tar.gz"), "cut")
        pathlib.Path(file).unlink()
        _, said = here.apt("source", "lib", fails=True)
        assert "cannot download the source of lib; not 1:3.1-2: " in said and "not 1:3.0-1: " in said, said


def test_one_of_two_mirrors():
    """A version that two mirrors have comes from the one that has it: the other is gone, or lacks the file."""
    for stopped in (True, False):
        for first in (0, 1):
            with place() as here:
                mirrors = [here.mirror(), here.mirror()]
                mirrors[0].deb("both", "1-1")
                mirrors[0].source("both", "1-1")
                shutil.copytree(mirrors[0].folder / "pool", mirrors[1].folder / "pool", dirs_exist_ok=True)
                mirrors[1].packages, mirrors[1].sources = mirrors[0].packages, mirrors[0].sources
                here.publish()
                here.apt("update")
                if stopped:
                    here.stop(mirrors[first])
                else:
                    for path in (mirrors[first].folder / "pool").iterdir():
                        path.unlink()
                for kind in "deb", "source":
                    file, said = here.apt(kind, "both")
                    assert pathlib.Path(file).stat().st_size and "both 1-1, the newest" in said, (stopped, first, said)


def test_half_synced_lists():
    """A mirror whose lists are not those that its Release names does no harm while another has what is wanted."""
    with place() as here:
        good, half = here.mirror(), here.mirror(suite="updates")
        good.deb("thing", "1-1")
        good.source("thing", "1-1")
        half.deb("thing", "2-1")
        half.source("thing", "2-1")
        here.publish()
        for path in (half.folder / "dists").glob("**/Packages"):
            damage(path, "other")
        for path in (half.folder / "dists").glob("**/Sources"):
            damage(path, "cut")
        for kind in "deb", "source":
            file, said = here.apt(kind, "thing")
            assert "thing_1-1" in file, (file, said)


def test_old_lists():
    """Lists that name what is gone are fetched anew: the version that came instead is taken."""
    with place() as here:
        mirror = here.mirror()
        mirror.deb("thing", "1-1")
        mirror.source("thing", "1-1")
        here.publish()
        here.apt("update")
        for path in (mirror.folder / "pool").iterdir():
            path.unlink()
        mirror.packages, mirror.sources = [], []
        mirror.deb("thing", "2-1")
        mirror.source("thing", "2-1")
        mirror.publish()
        for kind in "deb", "source":
            file, said = here.apt(kind, "thing")
            assert "thing_2-1" in file and "2-1, the newest" in said, (file, said)


def test_priorities():
    """An archive that apt would not upgrade from (backports) is the last choice, however new its versions are."""
    with place() as here:
        own, backports = here.mirror(), here.mirror(suite="backports", release="NotAutomatic: yes\n")
        for version in ("1-1", "2-1"):
            own.deb("thing", version)
            own.source("thing", version)
        backports.deb("thing", "3-1")
        backports.source("thing", "3-1")
        here.publish()
        for kind in "deb", "source":
            assert "thing_2-1" in here.apt(kind, "thing")[0]
        for path in (own.folder / "pool").iterdir():
            path.unlink()
        shutil.rmtree(here.folder / "apt/deb")
        shutil.rmtree(here.folder / "apt/source")
        here.apt("update")
        for kind in "deb", "source":
            assert "thing_3-1" in here.apt(kind, "thing")[0]


def test_nowhere():
    """What no list knows, and what no mirror has, is said with its reasons, and the status is not 0."""
    with place() as here:
        mirror = here.mirror()
        mirror.deb("thing", "1-1")
        mirror.deb("thing", "2-1")
        here.publish()
        for path in (mirror.folder / "pool").iterdir():
            path.unlink()
        _, said = here.apt("deb", "thing", fails=True)
        assert "cannot download thing; not 2-1: 404" in said and "not 1-1: 404" in said, said
        _, said = here.apt("deb", "nothing", fails=True)
        assert "cannot download nothing: the lists do not know it" in said, said


def test_kernel():
    """A kernel whose file the mirror lacks is left for the one before it, of the same series and kind."""
    with place() as here:
        mirror = here.mirror()
        for version in ("6.1.0-8", "6.1.0-10", "6.1.0-9", "6.1.0-9-cloud", "5.9.0-99"):
            name = f"{version}-{ARCH}"
            files = [f"boot/vmlinuz-{name}", f"lib/modules/{name}/kernel/none"]
            mirror.deb(f"linux-image-{name}", "6.1.1-1", files=files)
        mirror.deb(f"linux-image-{ARCH}", "6.1.1-1", depends=f"linux-image-6.1.0-10-{ARCH} (= 6.1.1-1)")
        here.publish()
        damage(mirror.file("linux-image-6.1.0-10-*"), "missing")
        tree = here.folder / "tree"
        for name in ("third/apt", "initramfs/kernel"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, tree / name)
        _, said = here.apt(program=tree / "initramfs/kernel")
        assert (tree / "build/kernel/version").read_text() == f"6.1.0-9-{ARCH}\n", said
