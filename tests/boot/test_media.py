"""test_media - methods disk and cdrom on every kind of drive -> a root; what is not there is said by name."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: e2fsprogs
import hashlib
import re
import subprocess

import media
import stage2
from media import disk
from qemu import boot

CLASSIC = "install/stage2/rescue.sqfs"


def machine(automatic, *extra, words="rescue", mem=512):
    """A machine without a card, with these disks."""
    return boot(nic=[], append=f"automatic=method:{automatic} {words}", mem=mem,
                extra=[word for more in extra for word in more])


def arrives(automatic, *extra, words="rescue", mem=512, megabytes=8):
    """The same, once stage2 has read all of the image."""
    started = machine(automatic, *extra, words=words, mem=mem)
    started.expect("STAGE2 UP", 120).expect("STAGE2 END")
    assert f"FILLER {megabytes}000000 bytes sum {stage2.filler_sum(megabytes)}" in started.text, started.log_path
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
    arrives("disk,disk:LABEL=MY%20STICK,image:a.sqfs", disk(media.vfat({"a.sqfs": stage2.squashfs()}, "MY STICK"),
                                                            "usb"))


def test_a_memory_card():
    """A card in an SD slot is a disk like others."""
    volume = media.vfat({"a.sqfs": stage2.squashfs()}, megabytes=64)
    arrives("disk,disk:mmcblk0,image:a.sqfs", disk(volume, "sd"))


test_a_memory_card.slow = True


def test_an_iso_file_in_a_folder():
    """directory: is a folder of ISO files: the one with the image is used."""
    isos = {"isos/b.iso": media.iso({CLASSIC: stage2.squashfs()}), "isos/a.iso": media.iso({"x": stage2.program()}),
            "isos/no.iso": stage2.program()}
    arrives("disk,disk:vda,directory:/isos", disk(media.ext4(isos), "virtio"))


test_an_iso_file_in_a_folder.slow = True


def test_cd_on_sata():
    """method:cdrom takes the disc in a SATA drive."""
    arrives("cdrom", disk(media.iso({CLASSIC: stage2.squashfs()}), "cd"))


test_cd_on_sata.slow = True


def test_cd_on_usb():
    """method:cdrom takes the disc in a USB drive."""
    arrives("cdrom", disk(media.iso({CLASSIC: stage2.squashfs()}), "usb-cd"))


test_cd_on_usb.slow = True


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


test_a_disc_that_comes_late.slow = True


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


test_no_disk_at_all.slow = True


def test_nothing_is_written():
    """A file system that needs its journal replayed (its system may be asleep) is read, and not a byte of it
    changes."""
    volume = media.ext4({CLASSIC: stage2.squashfs()}, kind="ext3")
    subprocess.run(["debugfs", "-w", "-R", "feature needs_recovery", str(volume)], check=True, capture_output=True)
    before = hashlib.sha256(volume.read_bytes()).digest()
    arrives("disk", disk(volume, "ahci"))
    assert hashlib.sha256(volume.read_bytes()).digest() == before, "the disk was written to"


# ---- file systems

def found_on(volume, kind):
    """The volume is known by its label, is of that kind, and has the image; the medium is let go of."""
    started = arrives("disk,disk:LABEL=THERE,image:a.sqfs", disk(volume, "virtio"), words="")
    started.never("/run/stage1/media", "S1-")
    started = arrives("disk,disk:LABEL=THERE,image:a.sqfs,root:disk", disk(volume, "virtio"), words="")
    assert f"MOUNT /dev/vda /run/stage1/media {kind} ro" in started.text, started.log_path


def test_exfat():
    """An exFAT is read, and an image on it used where it lies."""
    found_on(media.exfat({"a.sqfs": stage2.squashfs()}, "THERE"), "exfat")


def test_xfs():
    """The same of XFS."""
    found_on(media.xfs({"a.sqfs": stage2.squashfs()}, "THERE"), "xfs")


test_xfs.slow = True


def test_btrfs():
    """The same of btrfs; and on a partition, with checksums that are modules of their own."""
    found_on(media.btrfs({"a.sqfs": stage2.squashfs()}, "THERE"), "btrfs")
    for checksum in "xxhash", "blake2":
        volume = media.btrfs({"a.sqfs": stage2.squashfs()}, "THERE", checksum)
        arrives("disk,disk:LABEL=THERE,image:a.sqfs", disk(media.gpt(volume), "ahci"), words="").never("S1-")


test_btrfs.slow = True


def test_udf():
    """The same of UDF, as on a DVD."""
    found_on(media.udf({"a.sqfs": stage2.squashfs()}, "THERE"), "udf")


test_udf.slow = True


def test_vfat_and_ext():
    """The same of FAT, ext2 and ext3."""
    found_on(media.vfat({"a.sqfs": stage2.squashfs()}, "THERE"), "vfat")
    for kind in "ext2", "ext3":
        found_on(media.ext4({"a.sqfs": stage2.squashfs()}, "THERE", kind), "ext4")


test_vfat_and_ext.slow = True


# ---- used where it lies

def test_a_disc_where_it_lies():
    """root:cdrom uses the image on the disc: 300 MB need no memory, and the disc stays mounted for the next system."""
    started = arrives("cdrom,root:cdrom", disk(media.iso({CLASSIC: stage2.squashfs(300)}), "cd"), mem=256,
                      megabytes=300)
    assert "MOUNT /dev/sr0 /run/stage1/media iso9660 ro,nosuid,nodev,noexec" in started.text, started.log_path
    for fact in "RUN env: ROOT='cdrom+overlay'", f"RUN env: ROOT_PATH='/run/stage1/media/{CLASSIC}'", "ROOT writable":
        assert fact in started.text, f"{fact}: {started.log_path}"


def test_memory_too_small_for_what_is_on_a_disk():
    """An image that memory is too small for is used where it lies, which is said; with root:ram it is refused."""
    drive = disk(media.ext4({"a.sqfs": stage2.squashfs(300)}, megabytes=400), "virtio")
    started = arrives("disk,image:a.sqfs", drive, words="", mem=256, megabytes=300)
    for fact in "the image needs 301 MB", "used where it lies", "MOUNT /dev/vda /run/stage1/media ext4 ro":
        assert fact in " ".join(started.text.split()), f"{fact}: {started.log_path}"
    boot(nic=[], append="automatic=method:disk,image:a.sqfs,root:ram", mem=256, extra=drive).expect("S1-MEM-01", 120)


def test_an_iso_file_where_it_lies():
    """root:disk and an ISO file on a partition: both stay mounted, the image in it is used there."""
    volume = media.ext4({"isos/b.iso": media.iso({CLASSIC: stage2.squashfs()})})
    started = arrives("disk,directory:/isos,root:disk", disk(media.gpt(volume), "ahci"))
    for fact in "MOUNT /dev/sda1 /run/stage1/media ext4 ro", "MOUNT /dev/loop0 /run/stage1/iso iso9660 ro":
        assert fact in started.text, f"{fact}: {started.log_path}"


test_an_iso_file_where_it_lies.slow = True


def test_a_disk_that_is_the_image():
    """A squashfs on a whole disk and an erofs on a partition are the image themselves, copied or used where they lie,
    and have the sum of their files, whatever is behind them."""
    file, other = stage2.squashfs(), stage2.erofs()
    arrives(f"disk,disk:vda,sha256:{stage2.sha256(file)}", disk(media.longer(file), "virtio"),
            words="").never("/run/stage1/media", "S1-")
    drive = disk(media.gpt(media.vfat({}), media.longer(other)), "ahci")
    started = arrives(f"disk,disk:sda,root:disk,sha256:{stage2.sha256(other)}", drive, words="")
    assert "MOUNT /dev/sda2 /run/stage1/lower erofs ro" in started.text, started.log_path
    machine("disk,timeout:2", disk(media.longer(file), "virtio"), words="").expect("S1-MED-0", 120)


test_a_disk_that_is_the_image.slow = True


def test_a_tree_on_a_partition():
    """A folder with a whole system on a partition: below memory, itself, or copied."""
    drive = disk(media.gpt(media.ext4({"srv/root": stage2.tree()})), "ahci")
    for mode, fact in (("disk", "MOUNT /dev/sda1 /run/stage1/lower ext4 ro"), ("disk+ro", "ROOT read-only"),
                       ("disk+rw", "MOUNT /dev/sda1 / ext4 rw"), ("ram", "MOUNT stage1-root / tmpfs rw")):
        started = arrives(f"disk,partition:sda1,directory:/srv/root,root:{mode}", drive, words="")
        assert fact in started.text, f"{fact}: {started.log_path}"
    started.never("/run/stage1/media")


test_a_tree_on_a_partition.slow = True


def test_a_system_that_merely_lies_about():
    """The system on another partition is not booted by mistake while the image is looked for."""
    volumes = media.ext4({".": stage2.tree()}, "SYSTEM"), media.ext4({CLASSIC: stage2.squashfs()}, "IMAGE")
    started = arrives("disk,root:overlay", disk(media.gpt(*volumes), "virtio"))
    assert "ROOT='ram+overlay'" in started.text and "squashfs ro" in started.text, started.log_path


test_a_system_that_merely_lies_about.slow = True


def test_a_folder_without_a_program_to_start():
    """A folder that is no system is named with what was looked for."""
    machine("disk,directory:/some,root:disk,timeout:2", disk(media.ext4({"some/file": stage2.program()}, "DATA"),
                                                             "virtio"),
            words="").expect("S1-MED-01", 60).expect(re.compile(r"whole\s+system"))


test_a_folder_without_a_program_to_start.slow = True


def test_no_such_place():
    """root: that is not the method's own is refused with those that are."""
    machine("disk,root:nfs", words="").expect("S1-CMD-04", 60).expect(re.compile(r"none\s+of\s+ram,\s+disk,\s+overlay"))


test_no_such_place.slow = True
