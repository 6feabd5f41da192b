"""media - files, a file system -> disks, sticks and discs for QEMU, made without root and without mounting anything.

    ext4({"dir/a.sqfs": path}, label="DATA")     a volume; vfat, iso likewise; a path below build/tests/media
    gpt(vfat(...), ext4(...))                    a disk with these volumes as its partitions
    disk(path, "ahci")                           QEMU's options for it: ahci, nvme, virtio, usb, sd, cd (AHCI), usb-cd
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import itertools
import pathlib
import shutil
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build" / "tests" / "media"
PACKAGES = ["e2fsprogs", "dosfstools", "mtools", "genisoimage", "fdisk"]
MIB = 1024 * 1024

_number = itertools.count()


def _run(*command, text=None):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input=text,
                          text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(str(word) for word in command)}: {done.stdout.strip()}")


def _new(kind, megabytes=0):
    """A new empty file of that size."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{kind}-{next(_number)}"
    with open(path, "wb") as file:
        file.truncate(megabytes * MIB)
    return path


@contextlib.contextmanager
def _folder(files):
    """A folder with FILES: {name: path of its bytes}."""
    with tempfile.TemporaryDirectory(prefix="media-") as name:
        folder = pathlib.Path(name)
        for target, source in files.items():
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / target)
        yield folder


def ext4(files, label="", kind="ext4", uuid="random", megabytes=40):
    """An ext4, or with KIND an ext2 or ext3."""
    volume = _new(kind, megabytes)
    with _folder(files) as folder:
        _run("mke2fs", "-q", "-F", "-t", kind, "-L", label, "-U", uuid, "-d", folder, volume)
    return volume


def vfat(files, label="", megabytes=40):
    """A FAT file system."""
    volume = _new("vfat", megabytes)
    _run("mkfs.vfat", "-n", label, volume)
    with _folder(files) as folder:
        _run("mcopy", "-s", "-i", volume, *sorted(folder.iterdir()), "::")
    return volume


def iso(files, label="CDROM"):
    """An iso9660 with Rock Ridge names."""
    volume = _new("iso")
    with _folder(files) as folder:
        _run("genisoimage", "-quiet", "-R", "-V", label, "-o", volume, folder)
    return volume


def hybrid(disc):
    """The same disc with a partition table before it, as for a stick."""
    stick = _new("hybrid")
    shutil.copy(disc, stick)
    with open(stick, "r+b") as file:
        file.truncate((stick.stat().st_size + MIB) // MIB * MIB)
    _run("sfdisk", "-q", "--no-reread", stick, text="label: dos\nstart=64, type=83\n")
    return stick


def gpt(*volumes):
    """A disk with VOLUMES as its partitions 1, 2, ..."""
    whole = _new("gpt", 2 + sum(volume.stat().st_size // MIB + 1 for volume in volumes))
    start, lines = 1, ["label: gpt"]
    places = []
    for volume in volumes:
        size = volume.stat().st_size // MIB + 1
        lines.append(f"start={start * 2048}, size={size * 2048}, type=linux")
        places.append((volume, start))
        start += size
    _run("sfdisk", "-q", "--no-reread", whole, text="\n".join(lines) + "\n")
    for volume, place in places:
        _run("dd", f"if={volume}", f"of={whole}", "bs=1M", f"seek={place}", "conv=notrunc", "status=none")
    return whole


def disk(path, how, name="d0"):
    """QEMU's options for the disk or disc PATH on a controller of its own. NAME tells several apart."""
    media = ",media=cdrom,readonly=on" if "cd" in how else ""
    drive = ["-drive", f"if=none,id={name},format=raw,file={path}{media}"] if path else []
    source = f",drive={name}" if path else ""
    return drive + {
        "ahci": ["-device", f"ahci,id=h{name}", "-device", f"ide-hd,bus=h{name}.0,id=v{name}{source}"],
        "cd": ["-device", f"ahci,id=h{name}", "-device", f"ide-cd,bus=h{name}.0,id=v{name}{source}"],
        "nvme": ["-device", f"nvme,serial=1,id=v{name}{source}"],
        "virtio": ["-device", f"virtio-blk-pci,id=v{name}{source}"],
        "usb": ["-device", f"qemu-xhci,id=h{name}", "-device", f"usb-storage,bus=h{name}.0,id=v{name}{source}"],
        "usb-cd": ["-device", f"qemu-xhci,id=h{name}", "-device", f"usb-storage,bus=h{name}.0,id=v{name}{source}"],
        "sd": ["-device", "sdhci-pci", "-device", f"sd-card{source}"],
    }[how]
