"""test_kit - a golden system on a loop disk, nodes with loop disks of other sizes, each in a namespace -> the nodes are
its clones, with an identity of their own; who fails says so; the status port hears nobody without the key.

No machine boots here (tests/boot/test_clone.py does that): golden node and nodes run the rescue system's tools in a
chroot, and no boot loader is made.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: util-linux fdisk e2fsprogs acl attr libcap2-bin
import contextlib
import hashlib
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import time

import kit
import netns

DESC = "# the seeds'\nlinux 120\nextended fill\nlogical swap 16\nlogical linux fill\n"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
OLD_KEY = "the golden node's host key\n"
MiB = 1 << 20


def run(*words, check=True, **how):
    """A command of this machine; what it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **how)
    assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


class Disk:
    """A file of SIZE bytes as a disk."""

    def __init__(self, path, size):
        self.path = path
        with open(path, "wb") as file:
            file.truncate(size)
        self.device = run("losetup", "-f", "--show", path)
        self.name = pathlib.Path(self.device).name

    def part(self, number):
        """The device of a partition."""
        device = f"{self.device}p{number}"
        if not os.path.exists(device):
            run("partx", "-a", self.device, check=False)
        return device

    def close(self):
        """Gives it back."""
        run("partx", "-d", self.device, check=False)
        run("losetup", "-d", self.device, check=False)


def fill(root):
    """What tar loses easily, and what makes a machine one of its own."""
    etc, var = root / "etc", root / "var"
    (etc / "machine-id").write_text(MACHINE_ID + "\n")
    (etc / "hostname").write_text("golden\n")
    (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 golden.site golden\n10.0.1.9 goldenrod\n")
    (etc / "ssh").mkdir(exist_ok=True)
    for name in ("ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "ssh_host_rsa_key"):
        (etc / "ssh" / name).write_text(OLD_KEY)
    for name, text in {"var/lib/dhcp/dhclient.eth0.leases": "lease {}\n", "var/lib/systemd/random-seed": "x" * 512,
                       "etc/udev/rules.d/70-persistent-net.rules": "NAME=eth7\n", "etc/lvm/devices/system.devices": "x",
                       "etc/mdadm/mdadm.conf": "MAILADDR root\nARRAY /dev/md0 UUID=1\n",
                       "etc/initramfs-tools/conf.d/resume": "RESUME=UUID=none\n",
                       "boot/loader/entries/a.conf": "options root=UUID=ROOT resume=UUID=SWAP\n",
                       "var/log/words": "kept\n", "tmp/rubbish": "not sent\n", "srv/a b'c": "odd name\n"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.chmod(root / "tmp", 0o1777)
    odd = root / "srv"
    (odd / "sparse").write_bytes(b"")
    with open(odd / "sparse", "r+b") as file:
        file.truncate(300 * MiB)
        file.seek(200 * MiB)
        file.write(b"island")
    os.link(odd / "a b'c", odd / "again")
    os.symlink("again", odd / "link")
    os.mknod(odd / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mkfifo(odd / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(odd)
    listener.bind("socket")
    os.chdir(here)
    os.chmod(odd / "socket", 0o620)
    os.chown(odd / "socket", 12, 34)
    (odd / "capable").write_bytes(b"\x7fELF")
    run("setcap", "cap_net_raw+ep", odd / "capable")
    os.setxattr(odd / "capable", "user.word", b"value")
    run("setfacl", "-m", "u:1234:rwx", odd / "capable")
    run("setfacl", "-d", "-m", "g:99:rx", odd)
    for name in ("passwd", "group"):  # names that only the golden node knows
        with open(etc / name, "a", encoding="ascii") as file:
            file.write("goldie:x:777:777::/:/bin/sh\n" if name == "passwd" else "goldies:x:778:\n")
    run("setfacl", "-m", "u:777:rx,g:778:r", odd / "a b'c")
    os.chown(odd / "capable", 4321, 1234)
    os.chmod(odd / "capable", 0o4755)
    os.utime(odd / "capable", (1e9, 1e9))


def facts(root):
    """{path: what it is} of all below ROOT: kind, mode, owner, size, time, links, content, attributes."""
    found, first, devices = {}, {}, {root.stat().st_dev, (root / "var").stat().st_dev}
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if os.lstat(os.path.join(folder, name)).st_dev in devices]
        for name in sorted(names + files):
            path = pathlib.Path(folder) / name
            info = path.lstat()
            kind = stat.S_IFMT(info.st_mode)
            words = [oct(info.st_mode), info.st_uid, info.st_gid, info.st_rdev]
            if kind == stat.S_IFREG:
                digest = hashlib.sha256()
                if info.st_size < 100 * MiB:
                    digest.update(path.read_bytes())
                words += [info.st_size, int(info.st_mtime), info.st_nlink, digest.hexdigest(),
                          first.setdefault((info.st_dev, info.st_ino), str(path.relative_to(root)))]
            if kind == stat.S_IFLNK:
                words.append(os.readlink(path))
            words += sorted((key, os.getxattr(path, key, follow_symlinks=False))
                            for key in os.listxattr(path, follow_symlinks=False))
            found["/" + str(path.relative_to(root))] = words
    return found


class Site:
    """A golden node and COUNT nodes on one switch; the disks are this machine's loop devices."""

    def __init__(self, lab, sizes, desc=DESC):
        self.lab, self.desc = lab, desc
        self.open = contextlib.ExitStack()
        self.switch = lab.switch()
        self.golden = self.machine("golden", 40)
        self.disk = self.new_disk("golden", 200 * MiB)
        self.root = lab.dir / "golden-root"
        self.make_golden()
        self.nodes, self.disks = [], []
        for number, size in enumerate(sizes, 1):
            self.nodes.append(self.machine(f"node{number}", 30 + number))
            self.disks.append(self.new_disk(f"node{number}", size))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open.close()

    def machine(self, name, number):
        """A machine on the switch."""
        node = self.lab.node(name)
        self.lab.cable(node, self.switch)
        node.address("eth0", f"10.0.1.{number}/24")
        return node

    def new_disk(self, name, size):
        """A loop device."""
        disk = Disk(self.lab.dir / f"{name}.img", size)
        self.open.callback(disk.close)
        return disk

    def mount(self, *words):
        """Mounts until the site ends."""
        pathlib.Path(words[-1]).mkdir(parents=True, exist_ok=True)
        run("mount", *words)
        self.open.callback(run, "umount", "-l", words[-1], check=False)

    def make_golden(self):
        """The rescue system's tree on the seeds' partitions is the golden system."""
        subprocess.run(["sfdisk", "-q", "--no-reread", "--no-tell-kernel", self.disk.device], text=True, check=True,
                       input="label: dos\n,120M,83\n,,5\n,16M,82\n,,83\n", stderr=subprocess.DEVNULL)
        part = self.disk.part
        for number in (1, 6):
            run("mke2fs", "-qF", "-t", "ext4", part(number))
        run("mkswap", part(5))
        self.mount(part(1), self.root)
        self.mount(part(6), self.root / "var")
        run("cp", "-a", f"{kit.tree()}/.", self.root)
        fill(self.root)
        self.ids = {number: run("blkid", "-p", "-o", "value", "-s", "UUID", part(number)) for number in (1, 5, 6)}
        (self.root / "etc/fstab").write_text(
            f"# golden\nUUID={self.ids[1]} / ext4 errors=remount-ro 0 1\nUUID={self.ids[5]} none swap sw 0 0\n"
            f"{part(6)} /var ext4 defaults 0 2\ntmpfs /scratch tmpfs size=1M 0 0\n")
        entry = self.root / "boot/loader/entries/a.conf"
        entry.write_text(entry.read_text().replace("ROOT", self.ids[1]).replace("SWAP", self.ids[5]))
        (self.root / "desc").write_text(self.desc)

    def inside(self, root):
        """Mounts what programs in ROOT want."""
        for name in ("dev", "proc", "sys"):
            self.mount("--rbind", "--make-rslave", f"/{name}", root / name)
        self.mount("-t", "tmpfs", "run", root / "run")

    def ka_d(self, *options, conf=""):
        """ka-d.sh on the golden node."""
        self.mount("-o", "loop,ro", kit.rescue(), self.root / "mnt/ka")
        self.inside(self.root)
        folder = self.root / "etc/ka"
        folder.mkdir(exist_ok=True)
        (folder / "replication.conf").write_text("ONDONE=exit\nONFAIL=exit\nPREPARE_TIME=60\nFINISH_TIME=60\n" + conf)
        return self.golden.start(["chroot", self.root, "/mnt/ka/ka/ka-d.sh", "-p", self.disk.name, "/desc", "-r",
                                  "none", *options], name="ka-d.sh", ready=netns.line("Sending Stage2"))

    def start(self, number):
        """Node NUMBER as the rescue system's init leaves it, once it has that: session getstage2, ka_replication.sh."""
        root = self.lab.dir / f"node{number}-root"
        upper = self.lab.dir / f"node{number}-upper"
        self.mount("-t", "tmpfs", "upper", upper)
        for name in ("u", "w"):
            (upper / name).mkdir()
        self.mount("-t", "overlay", "-o", f"lowerdir={kit.tree()},upperdir={upper}/u,workdir={upper}/w", "overlay", root)
        self.inside(root)
        disk = self.disks[number - 1]
        words = (f"ka-d-client -s getstage2 -e 'cat >/dev/null' && KA_DISKS={self.disk.name}={disk.device} "
                 f"NODE_NAME=node{number} ONDONE=exit ONFAIL=exit exec /ka/ka_replication.sh")
        return self.nodes[number - 1].start(["chroot", root, "/bin/sh", "-c", f"PATH=/ka:$PATH; {words}"],
                                            name=f"node{number}")

    def clone(self, number):
        """The root of node NUMBER's disk, mounted."""
        root, disk = self.lab.dir / f"clone{number}", self.disks[number - 1]
        self.mount(disk.part(1), root)
        self.mount(disk.part(6), root / "var")
        return root


# What has to differ, or lies where each machine has its own; all else is the same to the last attribute.
OWN = ("/etc/machine-id", "/etc/hostname", "/etc/hosts", "/etc/fstab", "/etc/ssh/ssh_host_", "/etc/mdadm/mdadm.conf",
       "/etc/initramfs-tools/conf.d/resume", "/boot/loader/entries/a.conf", "/var/lib/systemd/random-seed",
       "/var/log/ka_", "/var/lib/dhcp/dhclient.eth0.leases", "/etc/udev/rules.d/70-persistent-net.rules",
       "/etc/lvm/devices/system.devices", "/lost+found", "/var/lost+found", "/tmp/", "/mnt/ka/", "/run/", "/dev/",
       "/proc/", "/sys/")


def check_files(golden, clone):
    """The clone's files are the golden node's."""
    for path in sorted(set(golden) | set(clone)):
        if path.startswith(OWN) or path in ("/run", "/dev", "/proc", "/sys", "/mnt/ka"):
            continue
        assert golden.get(path) == clone.get(path), f"{path}: golden {golden.get(path)}, clone {clone.get(path)}"


def check_identity(site, number, root):
    """The clone is a machine of its own."""
    text = lambda name: (root / name).read_text()
    assert text("etc/hostname") == f"node{number}\n"
    assert text("etc/hosts").split() == f"127.0.0.1 localhost 127.0.1.1 node{number}.site node{number} 10.0.1.9 goldenrod".split()
    assert len(text("etc/machine-id")) == 33 and MACHINE_ID not in text("etc/machine-id")
    assert sorted(path.name for path in (root / "etc/ssh").glob("ssh_host_*")) == [
        "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "ssh_host_rsa_key", "ssh_host_rsa_key.pub"]
    assert OLD_KEY not in text("etc/ssh/ssh_host_ed25519_key")
    assert "x" * 512 != (root / "var/lib/systemd/random-seed").read_bytes().decode("latin1")
    for name in ("var/lib/dhcp/dhclient.eth0.leases", "etc/udev/rules.d/70-persistent-net.rules",
                 "etc/lvm/devices/system.devices"):
        assert not (root / name).exists(), name
    assert text("etc/mdadm/mdadm.conf") == "MAILADDR root\n"
    own = {n: run("blkid", "-p", "-o", "value", "-s", "UUID", site.disks[number - 1].part(n)) for n in (1, 5, 6)}
    assert not set(own.values()) & set(site.ids.values()), own
    lines = [line.split()[:3] for line in text("etc/fstab").splitlines() if line and line[0] != "#"]
    assert [f"UUID={own[1]}", "/", "ext4"] in lines and [f"UUID={own[6]}", "/var", "ext4"] in lines, lines
    assert ["tmpfs", "/scratch", "tmpfs"] in lines and not any(uuid in text("etc/fstab") for uuid in site.ids.values())
    assert text("boot/loader/entries/a.conf") == f"options root=UUID={own[1]} resume=UUID={own[5]}\n"
    assert text("etc/initramfs-tools/conf.d/resume") == f"RESUME=UUID={own[5]}\n"
    changes = text("var/log/ka_changes")
    for word in ("machine-id", "random seed", "ssh host keys", "host name", "DHCP leases", "udev rules", "LVM",
                 "fstab", "mdadm.conf", "resume"):
        assert word in changes, f"{word} is not in the list of changes:\n{changes}"


def test_two_nodes_become_clones():
    """Two nodes with larger disks become clones of a golden node, file by file with all attributes; each has an
    identity of its own; the excluded folder is there and empty; nothing on the golden node is changed."""
    with netns.Lab() as lab, Site(lab, [300 * MiB, 900 * MiB]) as site:
        before = facts(site.root)
        server = site.ka_d("-n", "2", "-x", "/tmp", "-d", "3")
        nodes = [site.start(number) for number in (1, 2)]
        assert server.wait(180) == 0, server.tail(80) + nodes[0].tail(60)
        for word in (" + Mount points :", f" + Hard drives : {site.disk.name}", " + Included mount points : / /var",
                     " + Bootloader is: none", "+++ Running ka-deploy +++", "Sending Linux filesystem...",
                     "10.0.1.31: a clone", "10.0.1.32: a clone", "2 of 2 nodes are clones."):
            assert word in server.text(), f"{word}\n{server.tail(80)}"
        for node in nodes:
            assert node.wait(30) == 0, node.tail(60)
        after = facts(site.root)
        roots = [site.clone(number) for number in (1, 2)]
        for path in sorted(set(before) | set(after)):
            if not path.startswith(("/run", "/dev", "/proc", "/sys", "/mnt/ka", "/etc/ka", "/tmp/.")):
                assert before.get(path) == after.get(path), f"on the golden node {path}: {after.get(path)}"
        for number, root in enumerate(roots, 1):
            check_files(after, facts(root))
            check_identity(site, number, root)
            assert (root / "srv/sparse").stat().st_blocks < 1000 and (root / "srv/sparse").stat().st_size == 300 * MiB
            assert not list((root / "tmp").iterdir()) and (root / "tmp").stat().st_mode & 0o7777 == 0o1777
        keys = {(root / "etc/machine-id").read_text() for root in roots}
        assert len(keys) == 2, keys


def test_one_disk_is_too_small():
    """A node whose disk is too small refuses before the first write, says so with numbers on its console and to the
    golden node; the other one becomes a clone, and the status says that some are."""
    with netns.Lab() as lab, Site(lab, [300 * MiB, 64 * MiB]) as site:
        run("sh", "-c", f"yes golden | head -c {64 * MiB} >{site.disks[1].device}")
        before = hashlib.sha256(site.disks[1].path.read_bytes()).hexdigest()
        server = site.ka_d("-n", "2")
        nodes = [site.start(number) for number in (1, 2)]
        assert server.wait(180) == 2, server.tail(80) + nodes[1].tail(40)
        assert "10.0.1.31: a clone" in server.text() and "10.0.1.32: FAILED: " in server.text(), server.tail(20)
        assert "1 of 2 nodes are clones." in server.text(), server.tail(20)
        assert nodes[1].wait(30) == 1 and "FAILED: " in nodes[1].text(), nodes[1].tail(40)
        run("sync")
        assert hashlib.sha256(site.disks[1].path.read_bytes()).hexdigest() == before


def test_a_node_dies_in_the_middle():
    """A node that dies while the files flow is switched on again: it begins anew, and both become clones."""
    with netns.Lab() as lab, Site(lab, [300 * MiB, 300 * MiB]) as site:
        site.golden.shape("eth0", "60mbit")
        server = site.ka_d("-n", "2", conf="REJOIN_TIME=60\n")
        nodes = [site.start(number) for number in (1, 2)]
        nodes[1].wait_line("Linux copy is about to start", 90)
        server.wait_line("kainstall2(.|\n)*Let's go!", 60)
        time.sleep(1)
        nodes[1].kill()
        for pid in site.nodes[1].pids():
            os.kill(pid, 9)
        again = site.lab.dir / "node2-root"
        run("sh", "-c", f"umount -R {again}/mnt/disk; true")
        server.wait_line("WAITING 60 s for 1 nodes", 120)
        second = site.start(2)
        assert server.wait(120) == 0, server.tail(80)
        assert second.wait(30) == 0 and "2 of 2 nodes are clones." in server.text(), server.tail(20)


def test_status_port_wants_the_key():
    """A node's log comes live to who has the session's key, and commands run; without the key nothing is shown and
    nothing runs; what a command says and how long it takes has limits."""
    with netns.Lab() as lab:
        node, golden = lab.node("node"), lab.node("golden")
        lab.cable(node, golden)
        node.address("eth0", "10.0.1.35/24")
        golden.address("eth0", "10.0.1.40/24")
        key, wrong = lab.file("key", "ab" * 32 + "\n"), lab.file("wrong", "cd" * 32)
        log, marker = lab.file("log", "secret line\n"), lab.dir / "ran"
        status, send = kit.TOP / "build/bin/status_node", kit.TOP / "build/bin/send_status"
        node.start([send, "-k", key, "-f", log], ready=netns.port(12345))
        look = golden.start([status, "-k", key, "10.0.1.35"], ready=netns.line("10.0.1.35> secret line"))
        with open(log, "a", encoding="ascii") as file:
            file.write("later line\n")
        look.wait_line("10.0.1.35> later line")
        done = golden.run([status, "-k", key, "-c", f"echo out; echo err >&2; touch {marker}; exit 7", "10.0.1.35"],
                          check=False)
        assert done.returncode == 7 and done.stdout == b"out\nerr\n" and marker.exists(), done
        marker.unlink()
        for words in (["-k", wrong, "-c", f"touch {marker}", "10.0.1.35"],):
            done = golden.run([status, *words], check=False)
            assert done.returncode == 1 and b"refused" in done.stdout and b"secret" not in done.stdout, done
        with golden.inside(), socket.create_connection(("10.0.1.35", 12345), 5) as stranger:
            stranger.sendall(b"exec touch %s\n" % os.fsencode(marker))
            words = b""
            while data := stranger.recv(4096):
                words += data
        assert words.startswith(os.uname().nodename.encode()) and b"refused" in words and b"secret" not in words, words
        assert not marker.exists()
        done = golden.run([status, "-k", key, "-c", "yes", "10.0.1.35"], check=False)
        assert done.returncode == 1 and MiB // 2 < len(done.stdout) <= MiB + 8192, (done.returncode, len(done.stdout))


def test_reports_want_the_key():
    """The golden node takes reports under the session's key only."""
    with netns.Lab() as lab:
        node, golden = lab.node("node"), lab.node("golden")
        lab.cable(node, golden)
        node.address("eth0", "10.0.1.35/24")
        golden.address("eth0", "10.0.1.40/24")
        key, wrong, reports = lab.file("key", "ab" * 32), lab.file("wrong", "cd" * 32), lab.dir / "reports"
        status, send = kit.TOP / "build/bin/status_node", kit.TOP / "build/bin/send_status"
        golden.start([status, "-k", key, "-l", reports], ready=netns.port(12345))
        node.run([send, "-k", key, "-r", "10.9.9.9 10.0.1.40", "FAILED no\ndisk"])
        assert node.run([send, "-k", wrong, "-r", "10.0.1.40", "DONE"], check=False).returncode == 1
        assert reports.read_text() == "10.0.1.35 FAILED no disk\n"


def test_refusals_of_ka_d():
    """What ka-d.sh cannot do it says, with status 1, before anything is sent."""
    folder = kit.tree() / "ka"
    for words, said in ((["-n", "none"], "-n wants a number"), (["-p", "sda"], "usage"),
                        (["-r", "lemon"], "grub or lilo"),
                        (["-p", "sda", "/nowhere"], "/nowhere"), (["-x", "tmp"], "-x tmp"), (["--what"], "usage"),
                        (["-M", "sda", "/etc/hostname"], "446 bytes")):
        done = subprocess.run([folder / "ka-d.sh", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and said in done.stderr, (words, done)
    assert shutil.which("sh")
