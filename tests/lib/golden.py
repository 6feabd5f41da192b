"""golden - nothing -> a small Debian with a kernel, a site's golden node, on a disk with the partitions asked for.

    disk = golden.disk(path, 5 << 30, "label: dos\\n...", {1: ("ext4", "/"), 5: ("swap", None), 6: ("ext4", "/var")})
    machine = disk.boot(...)      on its own, without a boot loader: its kernel and initramfs are handed over

The packages are fetched once, into build/tests/golden.tar. Needs root and loop devices.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: mmdebstrap e2fsprogs dosfstools xfsprogs fdisk
import fcntl
import pathlib
import shutil
import subprocess

import qemu

TOP = pathlib.Path(__file__).resolve().parents[2]
TAR = TOP / "build" / "tests" / "golden.tar"
# The cloud kernel: virtio and NVMe are all it needs here, and its initramfs is small.
PACKAGES = ("linux-image-cloud-amd64 initramfs-tools systemd systemd-sysv udev grub2-common grub-pc-bin "
            "grub-efi-amd64-bin fdisk e2fsprogs xfsprogs dosfstools iproute2 openssh-client zstd attr libcap2-bin acl")
NETWORK = "[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\n[DHCPv4]\nUseHostname=no\n"


def run(*words, **how):
    """A command of this machine; what it said."""
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **how)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stdout.strip()}")
    return done.stdout.strip()


def customise(root):
    """What the golden node's owner has done."""
    (root / "etc/hostname").write_text("golden\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 golden\n")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/systemd/network/lan.network").write_text(NETWORK)
    (root / "etc/default/grub").write_text('GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0"\nGRUB_TERMINAL=console\n'
                                           "GRUB_DISABLE_OS_PROBER=true\n")
    with open(root / "etc/initramfs-tools/initramfs.conf", "a", encoding="ascii") as conf:
        conf.write("COMPRESSLEVEL=1\n")
    run("chroot", root, "passwd", "-d", "root")
    run("chroot", root, "systemctl", "-q", "enable", "systemd-networkd", "serial-getty@ttyS0")
    for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer",
                 "systemd-networkd-wait-online.service",
                 "getty@tty1.service", "systemd-timesyncd.service", "fstrim.timer", "dpkg-db-backup.timer"):
        run("chroot", root, "systemctl", "-q", "mask", unit)
    (root / "etc/ssh").mkdir(exist_ok=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / "etc/ssh/ssh_host_ed25519_key")
    (root / "srv/words").write_text("golden words\n")
    (root / "srv/again").hardlink_to(root / "srv/words")
    with open(root / "srv/sparse", "wb") as file:
        file.truncate(100 << 20)
    run("setcap", "cap_net_raw+ep", root / "usr/bin/ip")


def tar():
    """Its files, made once."""
    TAR.parent.mkdir(parents=True, exist_ok=True)
    with open(TAR.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not TAR.exists():
            lines = run(TOP / "server" / "demo-image", "--mirror")
            suite = run("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME")
            root = TAR.with_suffix(".root")
            shutil.rmtree(root, ignore_errors=True)
            run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES.split())}",
                "--aptopt=Apt::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
                "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*", suite, root, "-", input=lines)
            customise(root)
            run("tar", "-C", root, "--acls", "--xattrs", "--xattrs-include=*", "--sparse", "-cf", f"{TAR}.new", ".")
            pathlib.Path(f"{TAR}.new").rename(TAR)
            shutil.rmtree(root)
    return TAR


class Disk:
    """A file as a disk with partitions, mounted below a folder while this is open (`with`)."""

    def __init__(self, path, size=None, table=None):
        self.path = pathlib.Path(path)
        if size:
            self.path.unlink(missing_ok=True)
            with open(self.path, "wb") as file:
                file.truncate(size)
        if table:
            run("sfdisk", "-q", self.path, input=table)
        self.device, self.mounts = None, []

    def __enter__(self):
        self.device = run("losetup", "-f", "--show", self.path)
        subprocess.run(["partx", "-a", self.device], stderr=subprocess.DEVNULL, check=False)
        return self

    def part(self, number):
        """The device of a partition."""
        return f"{self.device}p{number}"

    def mount(self, number, folder, *options):
        """Mounts a partition."""
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        run("mount", *options, self.part(number), folder)
        self.mounts.append(folder)

    def uuid(self, number):
        """Of a partition's file system."""
        return run("blkid", "-p", "-o", "value", "-s", "UUID", self.part(number))

    def __exit__(self, *_):
        for folder in reversed(self.mounts):
            run("umount", folder)
        self.mounts = []
        subprocess.run(["partx", "-d", self.device], stderr=subprocess.DEVNULL, check=False)
        run("losetup", "-d", self.device)


MAKE = {"ext4": ["mke2fs", "-qF", "-t", "ext4"], "xfs": ["mkfs.xfs", "-qf"], "vfat": ["mkfs.vfat"], "swap": ["mkswap"]}


class Golden:
    """The golden node's disk; KERNEL and INITRD are its own, APPEND the words it boots with."""

    def __init__(self, folder, size, table, parts, desc):
        self.folder = folder
        self.path = folder / "golden.img"
        root = folder / "golden-root"
        lines = []
        with Disk(self.path, size, table) as disk:
            for number, (kind, _) in parts.items():
                run(*MAKE[kind], disk.part(number))
            for number, (kind, point) in sorted(parts.items(), key=lambda row: row[1][1] or "~"):
                lines.append(f"UUID={disk.uuid(number)} {point or 'none'} {kind} "
                             f"{'defaults 0 1' if point else 'sw 0 0'}\n")
                if point:
                    disk.mount(number, f"{root}{point}")
            run("tar", "-C", root, "--acls", "--xattrs", "--xattrs-include=*", "-xf", tar())
            (root / "etc/fstab").write_text("".join(lines))
            (root / "root/desc").write_text(desc)
            (root / "mnt/ka").mkdir()
            self.ids = {number: disk.uuid(number) for number in parts}
            name = next(path.name for path in (root / "boot").glob("vmlinuz-*"))
            self.kernel, self.initrd = folder / "vmlinuz", folder / "initrd"
            shutil.copy(root / "boot" / name, self.kernel)
            shutil.copy(root / "boot" / name.replace("vmlinuz", "initrd.img"), self.initrd)
        self.append = f"root={lines[0].split()[0]} console=ttyS0 quiet panic=-1 no_timer_check"

    def boot(self, nic, rescue, mem=768, **how):
        """Switches it on: its disk is sda, the rescue system's image is the disk vda."""
        return qemu._start(nic, mem, ["-kernel", str(self.kernel), "-initrd", str(self.initrd), "-append", self.append],
                           extra=["-device", "virtio-scsi-pci", "-drive",
                                  f"file={self.path},if=none,format=raw,id=golden", "-device",
                                  "scsi-hd,drive=golden", "-drive",
                                  f"file={rescue},if=virtio,format=raw,readonly=on"], **how)
