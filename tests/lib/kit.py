"""kit - nothing -> the rescue system of `make rescue`, as a file and as a folder; made once.

RESCUE= in the environment chooses another file.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: mmdebstrap squashfs-tools
import fcntl
import functools
import os
import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
RESCUE = TOP / "build" / "rescue.sqfs"
FOLDER = TOP / "build" / "tests" / "rescue-tree"


@functools.cache
def rescue():
    """build/rescue.sqfs, up to date."""
    if "RESCUE" in os.environ:
        return pathlib.Path(os.environ["RESCUE"])
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with open(FOLDER.with_suffix(".lock"), "w", encoding="ascii") as lock:  # tests in other processes want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "-C", str(TOP), "rescue"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"make rescue: {done.stdout[-2000:]}")
    return RESCUE


@functools.cache
def tree():
    """The same as a folder. Not to be written to."""
    image = rescue()
    with open(FOLDER.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if "RESCUE" in os.environ or not FOLDER.exists() or FOLDER.stat().st_mtime < image.stat().st_mtime:
            shutil.rmtree(FOLDER, ignore_errors=True)
            subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-dest", str(FOLDER), str(image)], check=True,
                           stdout=subprocess.DEVNULL)
            FOLDER.touch()
    return FOLDER
