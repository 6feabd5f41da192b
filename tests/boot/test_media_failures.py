"""test_media_failures - methods disk and cdrom x each way to fail -> its code and words on the console: the table
below."""
# SPDX-License-Identifier: GPL-2.0-or-later
import functools
import re
import sys

import media
import stage2
from media import disk
from qemu import boot

TABLE = """
what goes wrong                     code     words
a label that no disk has            MED-02   disk:LABEL=NONE; there is vda ext4 'DATA'
a UUID that no partition has        MED-02   partition:UUID=0123-4567; there is vda
a partition that is not there       MED-02   disk:vda,partition:7; there is vda
a wrong path                        MED-01   none.sqfs is on none of: vda ext4 'DATA', a.sqfs
no disc in the drive                MED-01   there is no CD or DVD
a file system that is broken        MED-03   vda (ext4)
a spot that cannot be read          MED-04   vda:/a.sqfs, at byte, I/O error
a stick pulled out in the middle    MED-04   sda:/a.sqfs, at byte, of
a disk that stops answering         MED-04   vda:/a.sqfs: silent while it was read
a file that is cut short            IMG-02   vda:/a.sqfs: it is cut, a squashfs of
a file that is no image             IMG-01   vda:/a.sqfs: it, squashfs
a wrong sum                         IMG-04   vda:/a.sqfs: the, sha256
an image too big for root:ram       MEM-01   vda:/a.sqfs: the image needs 301 MB
"""

HALFWAY = re.compile(r" [1-5]\d %")
USB = ["-device", "qemu-xhci", "-device", "usb-kbd"]


def ext4(image=None, megabytes=40):
    return media.ext4({"a.sqfs": image or stage2.squashfs()}, "DATA", megabytes=megabytes)


def machine(automatic, options, **how):
    """A machine without a card, with these drives. Its console's log is named after the row."""
    return boot(nic=[], append=f"automatic=method:{automatic},timeout:2", extra=options,
                name="test_media_failures." + sys._getframe(1).f_code.co_name, **how)


def slow_stick(path):
    """QEMU's options for a stick that gives 2 MB a second, and the words that plug it in."""
    return ["-object", "throttle-group,id=slow,x-bps-read=2000000", "-blockdev",
            "driver=raw,node-name=stick,read-only=on,file.driver=throttle,file.throttle-group=slow,"
            f"file.file.driver=file,file.file.filename={path}"], {"driver": "usb-storage", "drive": "stick"}


# ---- the rows: a machine in which it goes wrong


def a_label_that_no_disk_has():
    return machine("disk,disk:LABEL=NONE", disk(ext4(), "virtio"))


def a_UUID_that_no_partition_has():
    return machine("disk,partition:UUID=0123-4567", disk(ext4(), "virtio"))


def a_partition_that_is_not_there():
    return machine("disk,disk:vda,partition:7", disk(media.gpt(ext4()), "virtio"))


def a_wrong_path():
    return machine("disk,image:none.sqfs", disk(ext4(), "virtio"))


def no_disc_in_the_drive():
    return machine("cdrom", disk(None, "cd"))


def a_file_system_that_is_broken():
    volume = ext4()
    with open(volume, "r+b") as file:  # the superblock is well, what it describes is not
        file.seek(2048)
        file.write(b"\xff" * 8192)
    return machine("disk,image:a.sqfs", disk(volume, "virtio"))


def a_spot_that_cannot_be_read():
    disc = media.iso({"a.sqfs": stage2.squashfs()})
    middle = disc.stat().st_size // 2 // 512
    bad = ("driver=raw,node-name=bad,read-only=on,file.driver=blkdebug,file.image.driver=file,"
           f"file.image.filename={disc},file.inject-error.0.event=none,file.inject-error.0.iotype=read,"
           f"file.inject-error.0.errno=5,file.inject-error.0.sector={middle}")
    return machine("cdrom,image:a.sqfs", ["-blockdev", bad, "-device", "virtio-blk-pci,drive=bad"])


def a_stick_pulled_out_in_the_middle():
    options, plug = slow_stick(ext4())
    started = machine("disk,image:a.sqfs", [*USB, *options, "-device", "usb-storage,id=stick0,drive=stick"])
    started.expect(HALFWAY, 90).qmp("device_del", id="stick0")
    return started


def a_disk_that_stops_answering():
    options, _ = slow_stick(ext4())
    started = machine("disk,image:a.sqfs", [*options, "-device", "virtio-blk-pci,drive=stick"])
    started.expect(HALFWAY, 90).qmp("qom-set", path="/objects/slow", property="limits", value={"bps-read": 1})
    return started


def a_file_that_is_cut_short():
    return machine("disk,image:a.sqfs", disk(ext4(stage2.damaged(stage2.squashfs(), "truncated")), "virtio"))


def a_file_that_is_no_image():
    return machine("disk,image:a.sqfs", disk(ext4(stage2.damaged(stage2.squashfs(), "garbage")), "virtio"))


def a_wrong_sum():
    return machine(f"disk,image:a.sqfs,sha256:{64 * '7'}", disk(ext4(), "virtio"))


def an_image_too_big_for_root_ram():
    return machine("disk,image:a.sqfs,root:ram", disk(ext4(stage2.squashfs(300), 400), "virtio"), mem=256)


# ---- the table


def fails(row, code, words):
    """The machine fails with CODE and the words, says what to try, and what comes next."""
    failed = globals()[re.sub(r"\W", "_", row)]().expect("S1-" + code, 90)
    start = failed.text.rindex("\n", 0, failed.position - len(code) - 3)
    failed.expect("Rebooting in").never("STAGE2 UP")
    said = " ".join(failed.text[start:].split())
    missing = [word for word in ("Try:", *words) if word not in said]
    assert not missing, f"{missing} not in: {said}"


def read_table():
    """A function test_* for each row."""
    for line in TABLE.strip().splitlines()[1:]:
        row, code, words = re.split(r"  +", line)
        test = functools.partial(fails, row, code, words.split(", "))
        test.__doc__ = f"{row[0].upper()}{row[1:]}: {code}."
        globals()["test_" + re.sub(r"\W", "_", row)] = test


read_table()


def test_a_stick_that_is_put_in_again():
    """A stick that is pulled out in the middle and put in again, while there is time: the image is read anew."""
    options, plug = slow_stick(ext4())
    started = boot(nic=[], append="automatic=method:disk,image:a.sqfs,timeout:60",
                   extra=[*USB, *options, "-device", "usb-storage,id=stick0,drive=stick"])
    started.expect(HALFWAY, 90).qmp("device_del", id="stick0")
    started.expect("waiting for a", 60).qmp("device_add", id="stick1", **plug)
    started.expect("STAGE2 UP", 90).expect("STAGE2 END")
    assert f"FILLER 8000000 bytes sum {stage2.filler_sum()}" in started.text, started.log_path
