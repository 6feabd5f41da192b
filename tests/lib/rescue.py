"""rescue - nothing -> a small rescue system as a squashfs: busybox, dolly, clone/dollymethod, and the modules it loads.

Its init is what the seeds' rescue system does with the word dollymethod on the kernel's command line.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: squashfs-tools
import os
import pathlib
import shutil
import subprocess

from debs import debs, kernel_modules

TOP = pathlib.Path(__file__).resolve().parents[2]
OUT = TOP / "build" / "tests" / "rescue.sqfs"
DOLLY = pathlib.Path(os.environ.get("DOLLY", TOP / "build" / "bin" / "dolly"))
TOOLS = ("sh", "cat", "grep", "mount", "umount", "mkdir", "modprobe", "pivot_root", "reboot", "sleep")

INIT = """#!/bin/sh
# stage1 left /proc, /sys, /dev and /run mounted and the network up
echo "RESCUE UP node_id $(. /run/stage1/env; echo $NODE_ID)"
grep -qw dollymethod /proc/cmdline && exec /ka/dollymethod
exec sh
"""


def squashfs():
    """The image; made anew each time, for dolly changes."""
    busybox = debs("busybox-static")
    root = OUT.with_name("rescue")
    shutil.rmtree(root, ignore_errors=True)
    modules = root / "lib" / "modules" / (TOP / "build" / "kernel" / "version").read_text().strip()
    for folder in (modules, *(root / name for name in ("bin", "sbin", "ka", "proc", "sys", "dev", "run", "tmp"))):
        folder.mkdir(parents=True)
    shutil.copy(next(busybox.glob("**/bin/busybox")), root / "bin" / "busybox")
    for tool in TOOLS:
        (root / "bin" / tool).symlink_to("busybox")
    (root / "sbin" / "modprobe").symlink_to("../bin/busybox")  # where the kernel looks for it
    shutil.copy(DOLLY, root / "ka" / "dolly")
    shutil.copy(TOP / "clone" / "dollymethod", root / "ka" / "dollymethod")
    (root / "sbin" / "init").write_text(INIT)
    (root / "sbin" / "init").chmod(0o755)
    kernel_modules(modules, ["brd", "ext4", "crc32c_generic"])
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(TOP / "build" / "kernel" / "lib" / "modules" / modules.name / name, modules)
    subprocess.run(["/sbin/depmod", "-b", str(root), modules.name], check=True)
    subprocess.run(["mksquashfs", str(root), str(OUT), "-comp", "zstd", "-all-root", "-noappend", "-quiet",
                    "-no-progress"], stdout=subprocess.DEVNULL, check=True)
    return OUT
