"""test_media - methods disk and cdrom on every kind of drive -> a root; what is not there is said by name."""
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import subprocess

import media
import stage2
from media import disk
from qemu import boot

CLASSIC = "install/stage2/rescue.sqfs"


def machine(automatic, *extra, words="rescue"):
    """A machine without a card, with these disks."""
    return boot(nic=[], append=f"automatic=method:{automatic} {words}", extra=[word for more in extra for word in more])


def arrives(automatic, *extra, words="rescue"):
    """The same, once stage2 has read all of the image."""
    started = machine(automatic, *extra, words=words)
    started.expect("STAGE2 UP", 120).expect("STAGE2 END")
    assert f"FILLER 8000000 bytes sum {stage2.filler_sum()}" in started.text, started.log_path
    return started


def test_a_partition_is_found_by_looking():
    """method:disk alone looks on every partition of a SATA disk; the classic name is found below the architecture's
    folder, too."""
    volumes = media.vfat({"nothing": stage2.program()}), media.ext4({f"x86_64/{CLASSIC}": stage2.squashfs()}, "DATA")
    arrives("disk", disk(media.gpt(*volumes), "ahci")).never("S1-")


def test_uuid_on_nvme():
    """partition:UUID= finds an ext2 on an NVMe disk, and directory: and image: the file on it."""
    uuid = "01234567-89ab-4def-8123-456789abcdef"
    volume = media.ext4({"images/root.img": stage2.squashfs()}, kind="ext2", uuid=uuid)
    arrives(f"disk,partition:UUID={uuid},directory:/images,image:root.img",
            disk(media.gpt(media.ext4({}), volume), "nvme"), words="")


def test_label_on_a_usb_stick():
    """disk:LABEL= finds a FAT stick on USB; %20 is a blank."""
    arrives("disk,disk:LABEL=MY%20STICK,image:a.sqfs", disk(media.vfat({"a.sqfs": stage2.squashfs()}, "MY STICK"), "usb"))


def test_a_memory_card():
    """A card in an SD slot is a disk like others."""
    volume = media.vfat({"a.sqfs": stage2.squashfs()}, megabytes=64)
    arrives("disk,disk:mmcblk0,image:a.sqfs", disk(volume, "sd"))


def test_an_iso_file_in_a_folder():
    """directory: is a folder of ISO files: the one with the image is used."""
    isos = {"isos/b.iso": media.iso({CLASSIC: stage2.squashfs()}), "isos/a.iso": media.iso({"x": stage2.program()}),
            "isos/no.iso": stage2.program()}
    arrives("disk,disk:vda,directory:/isos", disk(media.ext4(isos), "virtio"))


def test_cd_on_sata():
    """method:cdrom takes the disc in a SATA drive."""
    arrives("cdrom", disk(media.iso({CLASSIC: stage2.squashfs()}), "cd"))


def test_cd_on_usb():
    """method:cdrom takes the disc in a USB drive."""
    arrives("cdrom", disk(media.iso({CLASSIC: stage2.squashfs()}), "usb-cd"))


def test_hybrid_iso_on_a_stick():
    """method:cdrom finds a CD image that was written to a stick."""
    arrives("cdrom", disk(media.hybrid(media.iso({CLASSIC: stage2.squashfs()})), "usb"))


def test_a_stick_that_comes_late():
    """A stick that is plugged in while stage1 looks for it is used."""
    stick = media.ext4({CLASSIC: stage2.squashfs()}, "LATE")
    started = machine("disk,timeout:60", ["-device", "qemu-xhci", "-device", "usb-kbd"],
                      ["-blockdev", f"driver=raw,node-name=late,file.driver=file,file.filename={stick}"])
    started.expect("waiting for a", 60)
    started.qmp("device_add", driver="usb-storage", id="stick", drive="late")
    started.expect("STAGE2 UP", 60)


def test_a_disc_that_comes_late():
    """A disc that is put into the drive while stage1 waits for it is used."""
    disc = media.iso({CLASSIC: stage2.squashfs()})
    started = machine("cdrom,timeout:60", disk(None, "cd")).expect("waiting for a", 60)
    started.qmp("blockdev-change-medium", id="vd0", filename=str(disc), format="raw")
    started.expect("STAGE2 UP", 60)


def test_what_is_on_the_disks_is_said():
    """Where no disk has the image, what was looked for and what is there instead is on the console."""
    machine("disk,timeout:2", disk(media.ext4({"some/file": stage2.program()}, "DATA"), "virtio")) \
        .expect("S1-MED-01", 60).expect("rescue.sqfs").expect("vda ext4 'DATA'").expect("some")


def test_a_disk_that_is_not_there():
    """A disk that does not exist is named, and those that do."""
    machine("disk,disk:sdz,timeout:2", disk(media.ext4({}, "DATA"), "virtio")) \
        .expect("S1-MED-02", 60).expect("disk:sdz").expect("there is vda").expect("ext4 'DATA'")


def test_no_disk_at_all():
    """A machine without any disk says so."""
    machine("disk,timeout:2").expect("S1-MED-01", 60).expect("there is no disk or partition")


def test_nothing_is_written():
    """A file system that needs its journal replayed (its system may be asleep) is read, and not a byte of it changes."""
    volume = media.ext4({CLASSIC: stage2.squashfs()}, kind="ext3")
    subprocess.run(["debugfs", "-w", "-R", "feature needs_recovery", str(volume)], check=True, capture_output=True)
    before = hashlib.sha256(volume.read_bytes()).digest()
    arrives("disk", disk(volume, "ahci"))
    assert hashlib.sha256(volume.read_bytes()).digest() == before, "the disk was written to"
