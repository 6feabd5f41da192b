"""test_nfs_debian - a real Debian whose root stays on an NFS server -> its login, files never read, its shutdown."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: squashfs-tools
import contextlib
import pathlib
import subprocess
import tempfile

import debian
from nfs import ganesha
from qemu import boot

# Reads what no boot reads, one file after the other.
READ_ALL = "find usr/bin usr/sbin usr/lib/x86_64-linux-gnu -xdev -type f | LC_ALL=C sort | xargs cat | md5sum"


@contextlib.contextmanager
def unpacked(image):
    """IMAGE as a folder, and the sum of all that READ_ALL reads in it."""
    with tempfile.TemporaryDirectory(prefix="debian-") as folder:
        root = pathlib.Path(folder) / "root"
        subprocess.run(["unsquashfs", "-q", "-n", "-d", str(root), str(image)], check=True)
        done = subprocess.run(["sh", "-c", READ_ALL], cwd=root, capture_output=True, text=True, check=True)
        yield root, done.stdout.split()[0]


def lives(server, automatic, sum_of_all):
    """Boots, logs in, reads and writes, and powers off in good order."""
    machine = boot("virtio-net-pci", server.automatic(automatic), mem=512)
    machine.expect("login: ", 200).send("root\n").expect("# ", 60)
    machine.send(f"cd /; {READ_ALL}\n").expect(sum_of_all, 200).expect("# ")
    machine.send("echo 10.9.8.7 there >>/etc/hosts; echo of $(grep -c 10.9.8.7 /etc/hosts)\n").expect("of 1", 60)
    machine.send("systemctl --failed --no-legend | wc -l; echo so far\n").expect("\n0\n", 60).expect("so far", 60)
    machine.send("poweroff\n").expect_end("poweroff", 120)
    return machine.never("not responding", "I/O error")


def test_a_debian_that_stays_on_its_server():
    """A Debian whose image stays on its server runs to its login, reads what was never read before, and shuts down in
    good order: the network goes last."""
    image = debian.squashfs()
    with unpacked(image) as (_, sum_of_all), ganesha({"root.sqfs": image}) as server:
        lives(server, "directory:/export,image:root.sqfs,root:nfs", sum_of_all)


test_a_debian_that_stays_on_its_server.slow = True


def test_a_debian_in_a_folder():
    """The same of a Debian in a folder on the server, below memory and then read-write: what it writes is there."""
    with unpacked(debian.squashfs()) as (tree, sum_of_all), ganesha({"debian": tree}, writable=True) as server:
        hosts = server.folder / "debian/etc/hosts"
        lives(server, "directory:/export/debian,root:nfs", sum_of_all)
        assert "10.9.8.7" not in hosts.read_text()
        lives(server, "directory:/export/debian,root:nfs+rw", sum_of_all)
        assert "10.9.8.7" in hosts.read_text()


test_a_debian_in_a_folder.slow = True
