"""test_image - images of every kind, plain and compressed, in memory and in a ramdisk -> a root that is whole."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: zstd
import stage2
from qemu import boot
from web import web


def arrives(image, more="", words=""):
    """Boots IMAGE; the machine, once stage2 has read all of it."""
    return boot(append=f"{web().automatic(image, more)} {words}").expect("STAGE2 UP").expect("STAGE2 END")


def whole(machine):
    """The root's files are what was packed."""
    assert f"FILLER 8000000 bytes sum {stage2.filler_sum()}" in machine.text, machine.log_path


def test_overlay():
    """A squashfs is the lower half of a root that takes writes, and what stage1 knows is in /run/stage1."""
    machine = arrives(stage2.squashfs())
    whole(machine)
    for fact in ("ROOT writable", "MOUNT stage1-root / overlay", "RUN env: METHOD='http'", "RUN net-eth0.conf: IPADDR=",
                 "RUN resolv.conf: nameserver 10.0.2.3", "RUN modules: e1000", "ARG /sbin/init", "NET eth0 up"):
        assert fact in machine.text, f"{fact} is missing: {machine.log_path}"
    machine.never("PROCESS", "OPEN")  # nothing of stage1 runs on or stays open


def test_read_only():
    """root:ro leaves out the memory above the image."""
    machine = arrives(stage2.squashfs(), ",root:ro")
    whole(machine)
    machine.never("overlay / ", "ROOT writable")


test_read_only.slow = True


def test_erofs():
    """An erofs is recognised and used."""
    whole(arrives(stage2.erofs()))


def test_iso():
    """An iso9660 is recognised and used."""
    whole(arrives(stage2.iso()))


def test_live_image():
    """A live image is mounted in two steps, and systemd is started where it is the only program to start."""
    machine = arrives(stage2.live())
    whole(machine)
    for fact in ("MOUNT stage1-root / overlay", "/run/stage1/lower ext4 ro", "ARG /usr/lib/systemd/systemd",
                 "ROOT writable"):
        assert fact in machine.text, f"{fact} is missing: {machine.log_path}"


def test_ext4_xz():
    """An ext4 compressed by xz is unpacked as it comes."""
    whole(arrives(stage2.compressed(stage2.ext4(), "xz")))


test_ext4_xz.slow = True


def test_squashfs_gz():
    """A squashfs compressed by gzip is unpacked as it comes."""
    whole(arrives(stage2.compressed(stage2.squashfs(), "gz")))


test_squashfs_gz.slow = True


def test_erofs_zstd():
    """An erofs compressed by zstd is unpacked as it comes."""
    whole(arrives(stage2.compressed(stage2.erofs(), "zstd")))


test_erofs_zstd.slow = True


def test_ramdisk():
    """The seeds' words: an ext4 in /dev/ram3 is the root itself, and takes writes."""
    machine = arrives(stage2.ext4(), words="ramdisk_size=64000 root=/dev/ram3 rw")
    whole(machine)
    assert "MOUNT /dev/ram3 / ext4 rw" in machine.text and "ROOT writable" in machine.text, machine.log_path


def test_outfile():
    """outfile: and root: say the same, with the ramdisk's size taken from the image."""
    machine = arrives(stage2.compressed(stage2.ext4(), "gz"), ",outfile:/dev/ram3,root:rw")
    whole(machine)
    assert "MOUNT /dev/ram3 / ext4 rw" in machine.text and "ROOT writable" in machine.text, machine.log_path


test_outfile.slow = True


def test_checksum():
    """An image with the sum that sha256: asks for is booted."""
    image = stage2.squashfs()
    whole(arrives(image, f",sha256:{stage2.sha256(image)}"))


test_checksum.slow = True
