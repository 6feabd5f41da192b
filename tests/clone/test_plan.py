"""test_plan - clone-plan and fdisk_to_desc on real block devices: loop devices."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: mount fdisk e2fsprogs xfsprogs btrfs-progs dosfstools
import contextlib
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
PLAN, CAPTURE = TOP / "build" / "bin" / "clone-plan", TOP / "build" / "bin" / "fdisk_to_desc"
MIB = 1 << 20

SEEDS = "linux 350\nextended fill\nlogical swap 50\nlogical linux fill\n"
SEEDS_FSTAB = """/dev/sda1 / ext3 defaults 1 1
/dev/sda5 none swap sw 0 0
/dev/sda6 /var ext4 noatime 1 2
tmpfs /tmp tmpfs size=50% 0 0
/dev/sdb1 /data ext4 defaults 1 2
"""


def clone_plan(*words, status=0):
    """Runs it; what it printed, and said on stderr."""
    done = subprocess.run([PLAN, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout, done.stderr


@contextlib.contextmanager
def scratch():
    """A folder that goes away, and what is mounted in it before."""
    with tempfile.TemporaryDirectory(prefix="clone-plan-") as name:
        try:
            yield pathlib.Path(name)
        finally:
            mounts = [line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
            for mount in reversed([mount for mount in mounts if mount.startswith(name)]):
                subprocess.run(["umount", mount], check=False)


@contextlib.contextmanager
def disk(folder, name, size, sector=512):
    """A loop device of SIZE MiB on the file NAME, with old bytes in it."""
    file = folder / name
    with open(file, "wb") as image:
        image.write(b"old bytes " * 200000)
        image.truncate(size * MIB)
    device = subprocess.run(["losetup", "-P", "-b", str(sector), "-f", "--show", file], check=True, capture_output=True,
                            text=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def fingerprint(folder, name):
    """Of all bytes of a disk."""
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()


def table(device):
    """{number: (start, MiB, type)} in sectors, as sfdisk reads it."""
    dump = subprocess.run(["sfdisk", "--json", device], check=True, capture_output=True, text=True).stdout
    found = json.loads(dump)["partitiontable"]
    each = found.get("sectorsize", 512)
    return {int(re.search(r"(\d+)$", part.get("node"))[1]): (part["start"], part["size"] * each // MIB, part["type"])
            for part in found["partitions"]}


def put(folder, name, text):
    """Writes a file; its path."""
    (folder / name).write_text(text)
    return folder / name


def test_seeds_desc():
    """The seeds' desc and a golden node's fstab become a disk with an MBR, mounted, with a new fstab by UUID."""
    with scratch() as folder, disk(folder, "disk", 700) as device:
        desc, fstab = put(folder, "desc", SEEDS), put(folder, "pfstab", SEEDS_FSTAB)
        assert clone_plan("check", desc)[0].splitlines() == [f"    Added partition {n} : type {t}" for n, t in
                                                              ((1, 83), (5, 82), (6, 83))]
        said, _ = clone_plan("apply", desc, "--disk", f"sda={device}", "--fstab", fstab, "--target", folder / "target",
                             "--out", folder / "out")
        assert f"Formatting {device}p1 as ext3...OK" in said, said
        assert table(device) == {1: (2048, 350, "83"), 2: (718848, 349, "5"), 5: (720896, 50, "82"),
                                 6: (825344, 297, "83")}
        (folder / "target" / "var" / "file").write_text("kept")
        lines = (folder / "out" / "fstab").read_text().splitlines()
        uuid = subprocess.run(["blkid", "-p", "-s", "UUID", "-o", "value", f"{device}p6"], check=True,
                              capture_output=True, text=True).stdout.strip()
        assert lines[2] == f"UUID={uuid} /var ext4 noatime 1 2" and lines[3].startswith("tmpfs "), lines
        assert lines[4] == "# not on this machine: /dev/sdb1 /data ext4 defaults 1 2", lines
        captured = subprocess.run([CAPTURE, "-o", "-", device], check=True, capture_output=True, text=True).stdout
        assert captured == "linux 350\nextended 349\nlogical swap 50\nlogical linux 297\n"
        said, _ = clone_plan("release", "--target", folder / "target")
        assert said == f"Umounting {folder}/target/var...OK\nUmounting {folder}/target...OK\n", said


def test_gpt_4096():
    """A GPT with ESP, BIOS boot and btrfs subvolumes goes to a disk of 4096-byte sectors, and is captured again."""
    with scratch() as folder, disk(folder, "disk", 1500, sector=4096) as device:
        desc = put(folder, "desc", "disk sda gpt\nefi 64 label=EFI uuid=ABCD-1234\nbios 1\n"
                                   "linux fill fs=btrfs name=the\\040root\nswap 100 min=20\n"
                                   "subvolume sda3 @ mount=/ options=compress=zstd\nsubvolume sda3 @home mount=/home\n")
        clone_plan("apply", desc, "--disk", f"sda={device}", "--target", folder / "target", "--out", folder / "out")
        assert {number: row[:2] for number, row in table(device).items()} == {
            1: (256, 64), 2: (16640, 1), 3: (16896, 1333), 4: (358144, 100)}
        subprocess.run(["sfdisk", "--verify", device], check=True, stdout=subprocess.DEVNULL)
        boot = (folder / "out" / "boot").read_text()
        assert f"ESP='{device}p1'" in boot and "TABLE='gpt'" in boot and f"BIOS_BOOT='{device}p2'" in boot, boot
        assert (folder / "out" / "uuids").read_text().startswith("ABCD-1234 ")
        (folder / "target" / "etc").mkdir()
        (folder / "target" / "etc" / "fstab").write_text((folder / "out" / "fstab").read_text())
        captured, _ = clone_plan("capture", "--root", folder / "target", device)
        assert " @home mount=/home" in captured and "name=the\\040root" in captured, captured
        clone_plan("release", "--target", folder / "target")
        again = put(folder, "again", captured)
        name = device.removeprefix("/dev/")
        said, _ = clone_plan("plan", again, "--disk", f"{name}=/dev/nvme0n1,600M,512")
        assert "/dev/nvme0n1p3" in said, said
        _, why = clone_plan("plan", again, "--disk", f"{name}=/dev/sdb,150M", status=1)
        assert "needs" in why and "has 148 MiB for partitions" in why, why


def test_too_small():
    """A disk too small is refused with the numbers, and not one of its bytes changes."""
    with scratch() as folder, disk(folder, "disk", 300) as device:
        before = fingerprint(folder, "disk")
        desc = put(folder, "desc", SEEDS)
        _, why = clone_plan("apply", desc, "--disk", f"sda={device}", "--target", folder / "t", status=1)
        assert why.startswith(f"sda ({device}): needs 403 MiB, has 299 MiB for partitions\n"), why
        assert "    sda1 (line 1): at least 350 MiB\n" in why, why
        used = put(folder, "used", f"{280 * MIB} /\n")
        desc = put(folder, "desc", "linux fill fs=ext4 mount=/\n")
        _, why = clone_plan("apply", desc, "--disk", f"sda={device}", "--used", used, "--target", folder / "t",
                            status=1)
        assert "sda1 (line 1, /): at least 312 MiB" in why, why
        assert fingerprint(folder, "disk") == before


def test_wrong_disk():
    """A disk that is mounted, not there, a partition, not of the desc or lacks its tools is refused; others stay."""
    with scratch() as folder, disk(folder, "disk", 100) as device, disk(folder, "other", 100) as other:
        desc, target = put(folder, "desc", "linux 50 fs=ext4 mount=/\n"), folder / "target"
        before = fingerprint(folder, "other")
        clone_plan("apply", desc, "--disk", f"sda={device}", "--target", target, "--out", folder / "out")
        assert fingerprint(folder, "other") == before
        jfs, bare = put(folder, "jfs", "linux 50 fs=jfs mount=/\n"), put(folder, "bare", "linux 50\n")
        cases = [((desc, "--disk", f"sda={device}"), f"{device}p1 is in use: mounted on {target}"),
                 ((desc, "--disk", "sda=/dev/nothing"), "sda=/dev/nothing: No such file or directory"),
                 ((desc, "--disk", f"sda={device}p1"), "is no disk"),
                 ((f"sda={desc}", "--disk", f"sdb={other}"), f"sdb={other}: the desc has no disk sdb"),
                 ((desc, f"sdb={bare}", "--disk", f"sda={other}"), "sdb: which disk becomes it?"),
                 ((jfs, "--disk", f"sda={other}"), "mkfs.jfs is missing, and sda1 needs it")]
        for words, expected in cases:
            _, why = clone_plan("apply", *words, "--target", target, status=1)
            assert expected in why, (words, why)
        assert fingerprint(folder, "other") == before
        clone_plan("release", "--target", target)
