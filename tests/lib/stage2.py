"""stage2 - a kind of image, a size -> the file, made once: the tiny system the boot tests and benchmarks start.

    squashfs()  squashfs(300)  erofs()  ext4()  iso()  tar()  initramfs()     paths below build/tests/stage2
    compressed(ext4(), "xz")                             the same, compressed
Its /sbin/init is tests/lib/stage2.c: it prints what it found and powers off. Size is in MB of incompressible filler.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: squashfs-tools erofs-utils e2fsprogs genisoimage gzip zstd cpio
import fcntl
import hashlib
import pathlib
import random
import shutil
import subprocess
import tempfile

from initramfs import pack

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "build" / "tests" / "stage2"
SOURCE = HERE / "stage2.c"
DIRS = ("proc", "sys", "dev", "run", "tmp", "sbin", "etc", "root")


def _run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(str(w) for w in command)}: {done.stdout.strip()}")


def _made(path, sources, make):
    """PATH, made by MAKE(temporary path) unless it is newer than its SOURCES."""
    newest = max(pathlib.Path(source).stat().st_mtime for source in [*sources, __file__])
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w") as lock:  # others make the same at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists() or path.stat().st_mtime < newest:
            draft = path.with_name(path.name + ".new")
            if not draft.is_dir():
                draft.unlink(missing_ok=True)
            make(draft)
            draft.rename(path)
    return path


def filler_sum(megabytes=8):
    """The sum that stage2.c prints when it has read the filler whole."""
    note = FOLDER / f"sum-{megabytes}"

    def make(draft):
        total = 0
        for byte in (_tree(megabytes) / "filler").read_bytes():
            total = (total * 31 + byte) & 0xFFFFFFFF
        draft.write_text(str(total))

    return int(_made(note, [_tree(megabytes)], make).read_text())


def sha256(path):
    """The file's SHA-256 in hex."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def program():
    """The static /sbin/init; dietlibc, or whatever static libc there is."""
    compiler = next((words for words in (["diet", "-Os", "gcc"], ["musl-gcc", "-Os"], ["gcc", "-Os"])
                     if shutil.which(words[0])))
    return _made(FOLDER / "init", [SOURCE], lambda draft: _run(
        *compiler, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-s", "-static", "-o", draft, SOURCE))


def _tree(megabytes, init=True, installer=False):
    """The folder that becomes an image."""
    tree = FOLDER / f"tree-{megabytes}{'' if init else '-noinit'}{'-installer' if installer else ''}"

    def make(draft):
        shutil.rmtree(draft, ignore_errors=True)
        for folder in DIRS:
            (draft / folder).mkdir(parents=True)
        if init:
            shutil.copy(program(), draft / "sbin" / "init")
        if installer:
            (draft / "usr" / "bin").mkdir(parents=True)
            shutil.copy(program(), draft / "usr" / "bin" / "runinstall2")
        noise = random.Random(megabytes)  # the same bytes in every run
        with open(draft / "filler", "wb") as file:
            for _ in range(megabytes):
                file.write(noise.randbytes(1000000))
        shutil.rmtree(tree, ignore_errors=True)

    return _made(tree, [program()], make)


def tree(megabytes=8, init=True, installer=False):
    """The same folder itself."""
    return _tree(megabytes, init, installer)


def squashfs(megabytes=8, init=True, installer=False):
    """A zstd squashfs; without INIT it holds no /sbin/init, with INSTALLER also a /usr/bin/runinstall2."""
    tree = _tree(megabytes, init, installer)
    return _made(FOLDER / f"{tree.name[5:]}.sqfs", [tree], lambda draft: _run(
        "mksquashfs", tree, draft, "-comp", "zstd", "-all-root", "-noappend", "-quiet", "-no-progress",
        "-mkfs-time", "0"))


def erofs(megabytes=8):
    """An lz4 erofs."""
    tree = _tree(megabytes)
    return _made(FOLDER / f"{megabytes}.erofs", [tree], lambda draft: _run(
        "mkfs.erofs", "--all-root", "-T0", "-zlz4", draft, tree))


def ext4(megabytes=8):
    """An ext4 with some room to write."""
    tree = _tree(megabytes)
    return _made(FOLDER / f"{megabytes}.ext4", [tree], lambda draft: _run(
        "mke2fs", "-q", "-t", "ext4", "-d", tree, "-E", "root_owner=0:0", draft, f"{megabytes + 6}M"))


def iso(megabytes=8):
    """An iso9660 with Rock Ridge names."""
    tree = _tree(megabytes)
    return _made(FOLDER / f"{megabytes}.iso", [tree], lambda draft: _run(
        "genisoimage", "-quiet", "-R", "-o", draft, tree))


def tar(megabytes=8):
    """A tar of the same folder."""
    tree = _tree(megabytes)
    return _made(FOLDER / f"{megabytes}.tar", [tree], lambda draft: _run(
        "tar", "--format=pax", "--owner=0", "--group=0", "-C", tree, "-cf", draft, "."))


def initramfs():
    """The same program as the first and only program of an initramfs: a machine without stage1."""
    def make(draft):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(program(), pathlib.Path(folder) / "init")
            pack(folder, draft)

    return _made(FOLDER / "initramfs", [program()], make)


def live(megabytes=8):
    """A squashfs as of a live medium: it holds an ext4 and nothing else, and that has no program to start but
    systemd."""
    tree = _tree(megabytes)

    def make(draft):
        with tempfile.TemporaryDirectory(dir=FOLDER) as name:
            root, outer = pathlib.Path(name) / "root", pathlib.Path(name) / "outer"
            shutil.copytree(tree, root, symlinks=True)
            (root / "usr/lib/systemd").mkdir(parents=True)
            (root / "sbin/init").rename(root / "usr/lib/systemd/systemd")
            (outer / "LiveOS").mkdir(parents=True)
            _run("mke2fs", "-q", "-t", "ext4", "-d", root, "-E", "root_owner=0:0", outer / "LiveOS/rootfs.img",
                 f"{megabytes + 6}M")
            _run("mksquashfs", outer, draft, "-comp", "zstd", "-all-root", "-noappend", "-quiet", "-no-progress")

    return _made(FOLDER / f"{megabytes}-live.sqfs", [tree], make)


def compressed(image, by):
    """IMAGE compressed by gz, xz (with the check that few choose) or zstd."""
    tool = {"gz": ["gzip", "-1"], "xz": ["xz", "-1", "-T1", "-C", "sha256"], "zstd": ["zstd", "-q", "-1"]}[by]

    def make(draft):
        with open(image, "rb") as source, open(draft, "wb") as target:
            subprocess.run([*tool, "-c"], stdin=source, stdout=target, check=True)

    return _made(image.with_name(f"{image.name}.{by}"), [image], make)


def damaged(image, how):
    """IMAGE cut in half ("truncated"), or as many bytes of noise ("garbage")."""
    def make(draft):
        data = image.read_bytes()
        draft.write_bytes(data[:len(data) // 2] if how == "truncated" else random.Random(1).randbytes(len(data)))

    return _made(image.with_name(f"{image.name}.{how}"), [image], make)
