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
    machine.expect("STAGE2 END", 120)
    assert f"FILLER {megabytes}000000 bytes sum {stage2.filler_sum(megabytes)}" in machine.text, machine.log_path
    return machine


def test_a_file_on_an_export():
    """directory: and image: name a file on an export, and it becomes the root by NFS 4.2; nothing stays mounted."""
    with ganesha({"images/root.img": stage2.squashfs()}) as server:
        arrives(boot("virtio-net-pci",
                     server.automatic("directory:/export/images,image:root.img"))).never("MOUNT 10.0.2.2")


test_a_file_on_an_export.slow = True


def test_an_ipv6_address():
    """server: is an IPv6 address, on a network without IPv4: NFS 4.2 by TCP over IPv6."""
    with ganesha({"images/root.img": stage2.squashfs()}, host="::1") as server:
        arrives(boot(Nic("virtio-net-pci", "user,ipv4=off"),
                     server.automatic("directory:/export/images,image:root.img")))


test_an_ipv6_address.slow = True


def test_the_classic_names():
    """Without image: the classic name below the architecture's folder is found."""
    with ganesha({f"distrib/x86_64/{CLASSIC}": stage2.squashfs()}) as server:
        arrives(boot("virtio-net-pci", server.automatic("directory:/export/distrib") + " rescue"))


def test_a_folder_of_iso_files():
    """directory: is a folder of ISO files on the export: the one with the image is used."""
    isos = {"isos/a.iso": media.iso({"x": stage2.program()}), "isos/b.iso": media.iso({CLASSIC: stage2.squashfs()})}
    with ganesha(isos) as server:
        arrives(boot("virtio-net-pci", server.automatic("directory:/export/isos") + " rescue"))


test_a_folder_of_iso_files.slow = True


def test_options():
    """options: reach the kernel's NFS client: another version."""
    with ganesha({"a.sqfs": stage2.squashfs()}) as server:
        machine = boot("virtio-net-pci",
                       server.automatic("directory:/export,image:a.sqfs,options:vers=4.1+rsize=65536"))
        arrives(machine)


test_options.slow = True


def test_options_of_fstab():
    """Options that are for mount(8), fstab or systemd are understood: flags of the mount, or left out with a log
    line."""
    options = "nolock+proto=tcp+rsize=32768+intr+noatime+ro+defaults+bg+_netdev+nofail+x-systemd.automount+retry=1"
    with ganesha({"srv/root": stage2.tree()}) as server:
        machine = boot("virtio-net-pci", server.automatic(f"directory:/export/srv/root,root:nfs,options:{options}"))
        machine.expect(re.compile(r"MOUNT \S+:/export/srv/root /run/stage1/media nfs4 ro,\S*noatime\S*rsize=32768"), 90)
        arrives(machine)


def fails(server, more, *words, timeout=90, mem=512):
    """Boots with automatic= lines that cannot work and waits for the words."""
    machine = boot("virtio-net-pci", server.automatic(more), mem=mem)
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


test_no_such_export.slow = True


def test_a_file_nobody_may_read():
    """A file that only root may read is refused by name, with what to do."""
    with ganesha({"a.sqfs": stage2.program()}) as server:
        (server.folder / "a.sqfs").chmod(0o600)
        fails(server, "directory:/export,image:a.sqfs", "S1-SRV-07", "a.sqfs", "readable")


test_a_file_nobody_may_read.slow = True


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
        machine.expect("no byte for 6 s", 60)
        server.thaw()
        arrives(machine, 300)


test_a_server_that_freezes_and_comes_back.slow = True


def test_a_server_that_is_started_again():
    """A server that is killed in the middle and started again only costs time."""
    with ganesha({"a.sqfs": stage2.squashfs(300)}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export,image:a.sqfs,timeout:6"), mem=1024)
        machine.expect(HALFWAY, 90)
        server.kill()
        machine.expect("no byte for 6 s", 60)
        time.sleep(1)
        server.start()
        arrives(machine, 300)


test_a_server_that_is_started_again.slow = True


# ---- used where it lies

IN_PLACE = "RUN env: ROOT='nfs+overlay'"


def test_an_image_where_it_lies():
    """root:nfs uses an image on the export in place: memory above it takes writes, the export stays mounted, hard, for
    the next system, and 300 MB of image need no memory."""
    with ganesha({"images/root.img": stage2.squashfs(300)}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export/images,image:root.img,root:nfs"), mem=256)
        machine.expect("used where it lies", 60).expect("300 MB at nfs://10.0.2.2/export/images/root.img")
        machine.expect(re.compile(r"MOUNT \S+:/export/images /run/stage1/media nfs4 ro,\S*\bhard\b"), 60)
        machine.expect("RUN env: ROOT_PATH='/run/stage1/media/root.img'").expect("ROOT writable", 60)
        arrives(machine, 300)


def test_an_iso_file_where_it_lies():
    """With root:nfs the image within an ISO file on the export is used there."""
    with ganesha({"isos/b.iso": media.iso({CLASSIC: stage2.squashfs()})}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export/isos,root:nfs") + " rescue")
        machine.expect(re.compile("MOUNT /dev/loop0 /run/stage1/iso iso9660 ro"), 60).expect(IN_PLACE)
        arrives(machine)


test_an_iso_file_where_it_lies.slow = True


def test_a_tree_where_it_lies():
    """directory: is a whole system and root:nfs leaves it there: memory above it takes the writes."""
    with ganesha({"srv/root": stage2.tree()}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export/srv/root,root:nfs"))
        machine.expect("a tree at nfs://", 60).expect(IN_PLACE, 60).expect("ROOT writable", 60)
        arrives(machine)
        assert not (server.folder / "srv/root/stage2-was-here").exists()


test_a_tree_where_it_lies.slow = True


def test_a_tree_read_write():
    """root:nfs+rw: what the system writes is written on the server."""
    with ganesha({"srv/root": stage2.tree()}, writable=True) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export/srv/root,root:nfs+rw"))
        machine.expect(re.compile(r"MOUNT \S+ / nfs4 rw"), 60).expect("RUN env: ROOT='nfs+rw'").expect("ROOT writable",
                60)
        arrives(machine)
        assert (server.folder / "srv/root/stage2-was-here").read_text() == "written"


def test_a_tree_read_only():
    """root:nfs+ro: nothing can be written."""
    with ganesha({"srv/root": stage2.tree()}) as server:
        arrives(boot("virtio-net-pci", server.automatic("directory:/export/srv/root,root:nfs+ro")), 8) \
            .never("ROOT writable")


test_a_tree_read_only.slow = True


def test_a_tree_into_memory():
    """directory: is a whole system: by default it is copied into memory and the export let go of."""
    with ganesha({"srv/root": stage2.tree()}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export/srv/root"))
        machine.expect("copied", 60).expect("RUN env: ROOT='ram+overlay'", 60).expect("ROOT writable", 60)
        arrives(machine).never("/run/stage1/media nfs")


def test_a_tree_that_is_too_big():
    """A tree that memory is too small for is refused with the numbers, before it is copied."""
    with ganesha({"srv/root": stage2.tree(300)}) as server:
        fails(server, "directory:/export/srv/root", "S1-MEM-01", "/export/srv/root",
              re.compile(r"the\s+tree\s+needs\s+30"), "root:nfs", mem=256)


test_a_tree_that_is_too_big.slow = True


def test_a_tree_without_a_program_to_start():
    """A folder without /sbin/init is no root, and is named as such beside the image that is not there."""
    with ganesha({"srv/root": stage2.tree(8, False)}) as server:
        fails(server, "directory:/export/srv/root,root:nfs", "S1-SRV-06", "mdkinst.sqfs", "no whole system")


test_a_tree_without_a_program_to_start.slow = True


def test_no_such_folder_to_use():
    """A path that is not there is named."""
    with ganesha({"srv/root": stage2.program()}) as server:
        fails(server, "directory:/export/nothing,root:nfs", "S1-SRV-06", "/export/nothing")


test_no_such_folder_to_use.slow = True


def test_a_sum_where_it_lies():
    """sha256: is checked before the image is mounted in place, and it is said that this reads it twice."""
    image = stage2.squashfs()
    with ganesha({"root.img": image}) as server:
        machine = boot("virtio-net-pci",
                       server.automatic(f"directory:/export,image:root.img,root:nfs,sha256:{stage2.sha256(image)}"))
        machine.expect("it is read twice", 60)
        arrives(machine)
        fails(server, f"directory:/export,image:root.img,root:nfs,sha256:{'0' * 64}", "S1-IMG-04", "root.img")


test_a_sum_where_it_lies.slow = True


def test_a_sum_of_a_tree():
    """sha256: of a tree cannot be checked and is refused."""
    with ganesha({"srv/root": stage2.tree()}) as server:
        fails(server, f"directory:/export/srv/root,root:nfs,sha256:{'0' * 64}", "S1-CMD-04", "a tree of files")


test_a_sum_of_a_tree.slow = True


def test_what_has_to_be_unpacked_cannot_stay():
    """A compressed image cannot be used where it lies; what to do is said."""
    with ganesha({"root.img": stage2.compressed(stage2.squashfs(), "gz")}) as server:
        fails(server, "directory:/export,image:root.img,root:nfs", "S1-CMD-04", "gzip", "root:ram copies it")


test_what_has_to_be_unpacked_cannot_stay.slow = True


def test_owners_by_name():
    """A server that tells owners by name, under which a root would hang, is refused with what to do; a copy is made all
    the same."""
    with ganesha({"root.img": stage2.squashfs(), "srv/root": stage2.tree()}, names=True) as server:
        fails(server, "directory:/export/srv/root,root:nfs", "S1-SRV-08", "owners as names", "vers=3")
        fails(server, "directory:/export,image:root.img,root:nfs", "S1-SRV-08", "owners as names", "vers=3")
        arrives(boot("virtio-net-pci", server.automatic("directory:/export/srv/root")))


test_owners_by_name.slow = True


def test_a_root_whose_server_freezes_and_comes_back():
    """A server that freezes under a running system only costs time: the mount is a hard one."""
    with ganesha({"root.img": stage2.squashfs(300)}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export,image:root.img,root:nfs,timeout:6"))
        machine.expect("STAGE2 UP", 90)
        server.freeze()
        time.sleep(12)
        machine.never("STAGE2 END")
        server.thaw()
        arrives(machine, 300)


def test_a_root_whose_server_never_comes_back():
    """A server that falls silent before the switch is given up after timeout: with a name, and the machine reboots."""
    image = stage2.squashfs(300)
    with ganesha({"root.img": image}) as server:
        machine = boot("virtio-net-pci", server.automatic(
            f"directory:/export,image:root.img,root:nfs,timeout:6,sha256:{stage2.sha256(image)}"))
        machine.expect(HALFWAY, 90)
        server.freeze()
        machine.expect("S1-SRV-04", 20).expect("root.img").expect_end("reboot", 60)


test_a_root_whose_server_never_comes_back.slow = True


# ---- the kernel's own server


def kernel_server(options=""):
    """Two machines on one cable: the kernel's own NFS server, and the -netdev of the other end."""
    with socket.socket() as probe:  # a port that is free now
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    initrd = server_initramfs({"images/root.img": stage2.squashfs(), "root": stage2.tree()}, options)
    server = boot(Nic("virtio-net-pci", f"socket,listen=127.0.0.1:{port}"), initrd=initrd, name=test_name() + ".server")
    server.expect("SERVER READY", 120)
    return server, Nic("virtio-net-pci", f"socket,connect=127.0.0.1:{port}", "52:54:00:12:34:99")


def from_kernel(nic, more="", what="directory:/export/images,image:root.img"):
    """Boots from that server; the network is static, there is no DHCP on the cable."""
    return boot(nic, f"automatic=method:nfs,network:static,ip:{CLIENT_ADDRESS},netmask:255.255.255.0,"
                     f"server:{SERVER_ADDRESS},{what}{more}")


def test_the_kernels_server():
    """The kernel's own NFS server serves version 4.2, and version 3 where options: ask for it; the folder has the same
    name in both."""
    server, nic = kernel_server()
    arrives(from_kernel(nic)).power_off()
    arrives(from_kernel(nic, ",options:vers=3"))
    server.power_off()


test_the_kernels_server.slow = True


def test_the_kernels_server_as_a_root():
    """An image and a tree on the kernel's own server are used where they lie by versions 4.2 and 3, the tree
    read-write, too."""
    server, nic = kernel_server()
    folder = "directory:/export/root"
    for more, what, mounted in ((",root:nfs", None, r"/export/images /run/stage1/media nfs4 ro,\S*vers=4.2\S*,hard"),
                                (",root:nfs,options:vers=3", None,
                                 r"/export/images /run/stage1/media nfs ro,\S*vers=3\S*,hard"),
                                (",root:nfs", folder, r"/export/root /run/stage1/lower nfs4 ro,\S*vers=4.2\S*,hard"),
                                (",root:nfs+rw,options:vers=3", folder, r"/export/root / nfs rw,\S*vers=3\S*,hard")):
        machine = from_kernel(nic, more, *filter(None, [what])).expect(re.compile(mounted), 90).expect("ROOT writable",
                60)
        arrives(machine).power_off()
    server.power_off()


test_the_kernels_server_as_a_root.slow = True


def test_a_server_of_version_3():
    """A server that knows only version 3 is used by it, without being told."""
    server, nic = kernel_server("-N 4")
    arrives(from_kernel(nic))
    server.power_off()
