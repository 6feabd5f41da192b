"""media - files, a file system -> disks, sticks and discs for QEMU, made without root and without mounting anything.

    ext4({"dir/a.sqfs": path}, label="DATA")     a volume; vfat, exfat, xfs, btrfs, iso, udf likewise; below
    build/tests/media
    gpt(vfat(...), ext4(...))                    a disk with these volumes as its partitions
    disk(path, "ahci")                           QEMU's options for it: ahci, nvme, virtio, usb, sd, cd (AHCI), usb-cd
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: e2fsprogs dosfstools mtools genisoimage fdisk exfatprogs xfsprogs btrfs-progs
import contextlib
import itertools
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build" / "tests" / "media"
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
    """A folder with FILES: {name: path of a file or a folder}."""
    with tempfile.TemporaryDirectory(prefix="media-") as name:
        folder = pathlib.Path(name)
        for target, source in files.items():
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            if pathlib.Path(source).is_dir():
                shutil.copytree(source, folder / target, symlinks=True, dirs_exist_ok=True)
            else:
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


def udf(files, label="CDROM"):
    """A UDF as on a DVD, without the iso9660 that is usually beside it."""
    volume = _new("udf")
    with _folder(files) as folder:
        _run("genisoimage", "-quiet", "-udf", "-V", label, "-o", volume, folder)
    sector = 2048
    with open(volume, "r+b") as file:  # ECMA-167 part 2, 8.3: the descriptors of UDF take the place of those of ISO
        file.seek(16 * sector)
        rows = [file.read(sector) for _ in range(16)]
        rows = [row for row in rows if row[1:6] in (b"BEA01", b"NSR02", b"NSR03", b"TEA01")]
        file.seek(16 * sector)
        file.write(b"".join(rows).ljust(16 * sector, b"\0"))
    return volume


def xfs(files, label="", megabytes=320):
    """An XFS."""
    volume = _new("xfs", megabytes)
    with _folder(files) as folder, tempfile.NamedTemporaryFile("w") as plan:
        plan.write("/\n0 0\nd--755 0 0\n")
        for path, dirs, names in os.walk(folder):
            if dirs:
                raise ValueError("only files, no folders")
            plan.writelines(f"{name} ---644 0 0 {path}/{name}\n" for name in names)
        plan.write("$\n$\n")
        plan.flush()
        _run("mkfs.xfs", "-q", "-f", "-L", label, "-p", plan.name, volume)
    return volume


def btrfs(files, label="", checksum="crc32c", megabytes=128):
    """A btrfs on one device."""
    volume = _new("btrfs", megabytes)
    with _folder(files) as folder:
        _run("mkfs.btrfs", "-q", "-f", "-L", label, "--csum", checksum, "--rootdir", folder, volume)
    return volume


def _exfat_sum(data, skip=()):
    """The 16-bit sum of exFAT: of an entry set without the bytes SKIP, and of an upper-case name."""
    total = 0
    for place, byte in enumerate(data):
        if place not in skip:
            total = ((total << 15 | total >> 1) + byte) & 0xFFFF
    return total


def exfat(files, label="", megabytes=40):
    """An exFAT with FILES, all in its root. No program fills one without mounting it, so this does (Microsoft's exFAT
    file system specification, sections 3.1 and 7)."""
    volume = _new("exfat", megabytes)
    _run("mkfs.exfat", "-L", label, volume)
    with open(volume, "r+b") as file:
        boot = file.read(512)
        (heap, _, root) = struct.unpack_from("<III", boot, 88)
        sector, cluster = 1 << boot[108], 1 << boot[108] + boot[109]

        def at(number):
            return heap * sector + (number - 2) * cluster

        file.seek(at(root))
        entries = bytearray(file.read(cluster))
        bitmap, size = next(struct.unpack_from("<IQ", entries, i + 20) for i in range(0, cluster, 32)
                            if entries[i] == 0x81)
        file.seek(at(bitmap))
        used = bytearray(file.read(size))
        free = 2 + max(i for i in range(8 * size) if used[i // 8] >> i % 8 & 1) + 1
        end = next(i for i in range(0, cluster, 32) if not entries[i])
        for name, source in files.items():
            data, text = pathlib.Path(source).read_bytes(), name.encode("utf-16-le")
            count = -(-len(data) // cluster)
            file.seek(at(free))
            file.write(data)
            for number in range(free - 2, free - 2 + count):
                used[number // 8] |= 1 << number % 8
            names = [b"\xc1\0" + text[i:i + 30].ljust(30, b"\0") for i in range(0, len(text), 30)]
            stream = struct.pack("<BBxBHxxQxxxxIQ", 0xC0, 3, len(name), _exfat_sum(name.upper().encode("utf-16-le")),
                                 len(data), free, len(data))
            rows = bytearray(struct.pack("<BBHH26x", 0x85, 1 + len(names), 0, 0x20) + stream + b"".join(names))
            struct.pack_into("<H", rows, 2, _exfat_sum(rows, (2, 3)))
            entries[end:end + len(rows)] = rows
            end, free = end + len(rows), free + count
        for place, block in ((bitmap, used), (root, entries)):
            file.seek(at(place))
            file.write(block)
    return volume


def hybrid(disc):
    """The same disc with a partition table before it, as for a stick."""
    stick = _new("hybrid")
    shutil.copy(disc, stick)
    with open(stick, "r+b") as file:
        file.truncate((stick.stat().st_size + MIB) // MIB * MIB)
    _run("sfdisk", "-q", "--no-reread", stick, text="label: dos\nstart=64, type=83\n")
    return stick


def longer(file, megabytes=3):
    """The bytes of FILE at the beginning of a volume that is so much longer, up to a whole megabyte."""
    volume = _new("longer")
    shutil.copy(file, volume)
    os.truncate(volume, (os.path.getsize(file) // MIB + megabytes) * MIB)
    return volume


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
