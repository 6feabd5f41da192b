"""test_archive - tar and cpio archives instead of images -> a root, in memory or on a ramdisk."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: zstd
import re

import stage2
from qemu import boot
from web import web

FILLER = 8_000_000


def arrives(archive, more="", words="", **how):
    """Boots ARCHIVE; the machine, once stage2 has read all of it and found it as it was packed."""
    machine = boot(append=f"{web().automatic(archive, more)} {words}", **how).expect("STAGE2 UP").expect("STAGE2 END")
    assert f"FILLER {FILLER} bytes sum {stage2.filler_sum()}" in machine.text, machine.log_path
    return machine


def test_tar_in_memory():
    """A tar compressed by zstd is unpacked into memory as it comes, and takes writes."""
    machine = arrives(stage2.compressed(stage2.tar(), "zstd"))
    assert "MOUNT stage1-root / tmpfs rw" in machine.text and "ROOT writable" in machine.text, machine.log_path


test_tar_in_memory.slow = True


def test_tar_on_a_ramdisk():
    """The seeds' words for ka: a tar becomes a file system in /dev/ram3, which is the root and takes writes."""
    machine = arrives(stage2.tar(), words="ramdisk_size=64000 root=/dev/ram3 rw rescue")
    assert "MOUNT /dev/ram3 / ext4 rw" in machine.text and "ROOT writable" in machine.text, machine.log_path


def test_tar_too_big_for_its_ramdisk():
    """A tar that does not fit into its ramdisk ends with the numbers, before it is fetched."""
    append = f"{web().automatic(stage2.tar(), ',onfail:poweroff')} ramdisk_size=4000 root=/dev/ram3 rw"
    boot(append=append).expect("S1-IMG-05").expect(re.compile(r"holds\s+4000\s+KiB")).expect_end("poweroff", 90)


test_tar_too_big_for_its_ramdisk.slow = True
