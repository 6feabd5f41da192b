"""debian - nothing -> a small Debian that comes up to its login, as a squashfs, a folder, an ext2 image; made once.

The squashfs is the demo's (server/demo-image); the others are made of it, below build/tests/debian. Needs root.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: squashfs-tools e2fsprogs mmdebstrap uidmap
import fcntl
import os
import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TOP / "build" / "tests" / "debian"
SQUASHFS = TOP / "build" / "demo" / "root.sqfs"
BUILDER = TOP / "server" / "demo-image"
SPARE_MB = 24  # what a node may write into the ext2 image itself


def _run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(str(word) for word in command)}: {done.stdout.strip()}")


def _made(path, source, make):
    """PATH, made by MAKE(temporary path) unless it is newer than SOURCE; once, whoever else wants it now."""
    for folder in (FOLDER, path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / f"{path.name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists() or path.stat().st_mtime < source.stat().st_mtime:
            draft = path.with_name(path.name + ".new")
            shutil.rmtree(draft, ignore_errors=True)
            make(draft)
            shutil.rmtree(path, ignore_errors=True)
            draft.rename(path)
            os.utime(path)
    return path


def squashfs():
    """The image of `make demo`."""
    return _made(SQUASHFS, BUILDER, lambda draft: _run(BUILDER, draft))


def tree():
    """The same as a folder."""
    return _made(FOLDER / "tree", squashfs(), lambda draft: _run(
        "unsquashfs", "-quiet", "-no-progress", "-dest", draft, SQUASHFS))


def ext2():
    """The same as the seeds' diskless_node.img: an ext2 file system with some room."""
    folder = tree()

    def make(draft):
        used = sum(path.lstat().st_blocks // 2 + 1 for path in folder.rglob("*"))  # KiB
        _run("mke2fs", "-q", "-t", "ext2", "-m", "0", "-b", "1024", "-L", "cluster diskless", "-d", folder, draft,
             f"{used * 105 // 100 + SPARE_MB * 1024}k")

    return _made(FOLDER / "diskless_node.img", folder, make)
