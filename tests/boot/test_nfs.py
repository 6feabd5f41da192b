"""test_nfs - method nfs against nfs-ganesha -> a root; and what goes wrong with exports, files and servers."""
# SPDX-License-Identifier: GPL-2.0-or-later
import re
import socket
import time

import media
import stage2
from nfs import CLIENT_ADDRESS, SERVER_ADDRESS, ganesha, server_initramfs
from qemu import Nic, boot, test_name

CLASSIC = "install/stage2/rescue.sqfs"
HALFWAY = re.compile(r" [1-5]\d %")


def arrives(machine, megabytes=8):
    """Waits until stage2 has read all of the image."""
    machine.expect("STAGE2 UP", 90).expect("STAGE2 END", 60)
    assert f"FILLER {megabytes}000000 bytes sum {stage2.filler_sum(megabytes)}" in machine.text, machine.log_path
    return machine


def test_a_file_on_an_export():
    """directory: and image: name a file on an export, and it becomes the root by NFS 4.2; nothing stays mounted."""
    with ganesha({"images/root.img": stage2.squashfs()}) as server:
        arrives(boot("virtio-net-pci", server.automatic("directory:/export/images,image:root.img"))).never("MOUNT 10.0.2.2")


def test_the_classic_names():
    """Without image: the classic name below the architecture's folder is found."""
    with ganesha({f"distrib/x86_64/{CLASSIC}": stage2.squashfs()}) as server:
        arrives(boot("virtio-net-pci", server.automatic("directory:/export/distrib") + " rescue"))


def test_a_folder_of_iso_files():
    """directory: is a folder of ISO files on the export: the one with the image is used."""
    isos = {"isos/a.iso": media.iso({"x": stage2.program()}), "isos/b.iso": media.iso({CLASSIC: stage2.squashfs()})}
    with ganesha(isos) as server:
        arrives(boot("virtio-net-pci", server.automatic("directory:/export/isos") + " rescue"))


def test_options():
    """options: reach the kernel's NFS client: another version."""
    with ganesha({"a.sqfs": stage2.squashfs()}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export,image:a.sqfs,options:vers=4.1+rsize=65536"))
        arrives(machine)


def fails(server, more, *words, timeout=90):
    """Boots with automatic= lines that cannot work and waits for the words."""
    machine = boot("virtio-net-pci", server.automatic(more))
    for word in words:
        machine.expect(word, timeout)


def test_no_such_file():
    """A file that is not on the export is named, both places that were looked at."""
    with ganesha({"a.sqfs": stage2.program()}) as server:
        fails(server, "directory:/export,image:b.sqfs", "S1-SRV-06", "/export/b.sqfs", "x86_64/b.sqfs")


def test_no_such_export():
    """A folder that is not exported is named."""
    with ganesha({"a.sqfs": stage2.program()}) as server:
        fails(server, "directory:/nothing,image:a.sqfs", "S1-SRV-06", ":/nothing")


def test_a_file_nobody_may_read():
    """A file that only root may read is refused by name, with what to do."""
    with ganesha({"a.sqfs": stage2.program()}) as server:
        (server.folder / "a.sqfs").chmod(0o600)
        fails(server, "directory:/export,image:a.sqfs", "S1-SRV-07", "a.sqfs", "readable")


def test_no_server():
    """A port nobody listens on ends in a word, not in a hang."""
    with ganesha({"a.sqfs": stage2.program()}) as server:
        server.kill()
        fails(server, "directory:/export,image:a.sqfs,retries:1", "S1-SRV-01")


def test_a_server_that_freezes_and_comes_back():
    """A server that freezes in the middle is noticed within timeout:, and the transfer goes on where it stopped."""
    with ganesha({"a.sqfs": stage2.squashfs(300)}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export,image:a.sqfs,timeout:6"), mem=1024)
        machine.expect(HALFWAY, 90)
        server.freeze()
        machine.expect("; trying", 60)
        server.thaw()
        arrives(machine, 300)


def test_a_server_that_is_started_again():
    """A server that is killed in the middle and started again only costs time."""
    with ganesha({"a.sqfs": stage2.squashfs(300)}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export,image:a.sqfs,timeout:6"), mem=1024)
        machine.expect(HALFWAY, 90)
        server.kill()
        machine.expect("; trying", 60)
        time.sleep(1)
        server.start()
        arrives(machine, 300)


def kernel_server(options=""):
    """Two machines on one cable: the kernel's own NFS server, and the -netdev of the other end."""
    with socket.socket() as probe:  # a port that is free now
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    initrd = server_initramfs({"images/root.img": stage2.squashfs()}, options)
    server = boot(Nic("virtio-net-pci", f"socket,listen=127.0.0.1:{port}"), initrd=initrd, name=test_name() + ".server")
    server.expect("SERVER READY", 120)
    return server, Nic("virtio-net-pci", f"socket,connect=127.0.0.1:{port}", "52:54:00:12:34:99")


def from_kernel(nic, more=""):
    """Boots from that server; the network is static, there is no DHCP on the cable."""
    return boot(nic, f"automatic=method:nfs,network:static,ip:{CLIENT_ADDRESS},netmask:255.255.255.0,"
                     f"server:{SERVER_ADDRESS},directory:/export/images,image:root.img{more}")


def test_the_kernels_server():
    """The kernel's own NFS server serves version 4.2, and version 3 where options: ask for it; the folder has the same
    name in both."""
    server, nic = kernel_server()
    arrives(from_kernel(nic)).power_off()
    arrives(from_kernel(nic, ",options:vers=3"))
    server.power_off()


def test_a_server_of_version_3():
    """A server that knows only version 3 is used by it, without being told."""
    server, nic = kernel_server("-N 4")
    arrives(from_kernel(nic))
    server.power_off()
