"""test_installer - a stage2 with /usr/bin/runinstall2, each method -> the classic files, links and mounts."""
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import shutil
import subprocess
import tempfile

import authority
import ftpd
import media
import netns
import stage2
from badserver import BadServer, http_file
from media import disk
from nfs import ganesha
from qemu import HOST, Nic, boot
from room import BOOT_SERVER, KA_SERVER, Room
from web import Web

CLASSIC = "install/stage2/mdkinst.sqfs"

# By DHCP of QEMU's own network.
DHCP = """\
TMP ifcfg-eth0 mode 644
TMP ifcfg-eth0: BOOTPROTO=dhcp
TMP ifcfg-eth0: DEVICE=eth0
TMP modules.conf: alias eth0 virtio_net
TMP network mode 644
TMP network: FORWARD_IPV4=false
TMP network: GATEWAY=10.0.2.2
TMP network: NETWORKING=yes
TMP stage1.log: configuring device eth0 ip: 10.0.2.15
"""
ALWAYS = """\
TMP env mode 600
TMP modules.conf mode 644
TMP stage1.log mode 644
TMP stage2 -> ..
"""


def image():
    """The installer."""
    return stage2.squashfs(1, installer=True)


def hands_over(machine, expected):
    """The installer finds exactly these files and links in /tmp; what it says of itself is honoured."""
    machine.expect("[6/6] init").expect("/usr/bin/runinstall2").expect("INSTALLER UP").expect("INSTALLER END")
    found = sorted(re.findall(r"^TMP .*$", machine.text, re.MULTILINE))
    wanted = sorted((expected + ALWAYS).splitlines())
    assert found == wanted, "\n".join(["found:", *found, "expected:", *wanted, str(machine.log_path)])
    return machine


def halts(machine):
    """Exit code 0x35 starts it again; then rebootctl says halt."""
    return machine.expect("INSTALLER AGAIN").expect_end("poweroff")


def mounted(machine, source, point, kind, tree="mdkinst.sqfs"):
    """SOURCE is mounted at POINT, and the tree's link leads to the folder that has TREE in install/stage2."""
    pattern = rf"^MOUNT {source} {point} {kind} ro"
    assert re.search(pattern, machine.text, re.MULTILINE), f"{pattern}: {machine.log_path}"
    assert f"TREE {tree}" in machine.text, machine.log_path
    return machine


def test_http_static_and_every_word():
    """http below the architecture's folder, with a login, a static address: every line of every file; a status that is
    none of an installer leaves the evidence, and the machine as it is."""
    server = Web()
    server.add(image(), f"pub/x86_64/{CLASSIC}")
    machine = boot("virtio-net-pci", f"automatic=met:http,netw:static,ip:10.0.2.15,netmask:255.255.255.0,gat:10.0.2.2,"
                   f"dns:10.0.2.3,hos:node7,dom:lab.example,ser:{HOST}:{server.port},dir:/pub,use:me,pas:a@b "
                   "virtio_net.napi_tx=0 stage2.status=3")
    hands_over(machine, f"""\
TMP env: HOST={HOST}:{server.port}
TMP env: LOGIN=me
TMP env: METHOD=http
TMP env: PASSWORD=a@b
TMP env: PREFIX=/pub/x86_64
TMP env: URLPREFIX=http://me:a%40b@{HOST}:{server.port}/pub/x86_64
TMP ifcfg-eth0 mode 644
TMP ifcfg-eth0: BOOTPROTO=static
TMP ifcfg-eth0: BROADCAST=10.0.2.255
TMP ifcfg-eth0: DEVICE=eth0
TMP ifcfg-eth0: DNS1=10.0.2.3
TMP ifcfg-eth0: DOMAIN=lab.example
TMP ifcfg-eth0: IPADDR=10.0.2.15
TMP ifcfg-eth0: NETMASK=255.255.255.0
TMP ifcfg-eth0: NETWORK=10.0.2.0
TMP modules.conf: alias eth0 virtio_net
TMP modules.conf: options virtio_net napi_tx=0
TMP network mode 644
TMP network: FORWARD_IPV4=false
TMP network: GATEWAY=10.0.2.2
TMP network: HOSTNAME=node7
TMP network: NETWORKING=yes
TMP stage1.log: configuring device eth0 ip: 10.0.2.15
""")
    for line in ("RESOLV search lab.example", "RESOLV nameserver 10.0.2.3", "ENV HOME=/", "ENV LC_CTYPE=UTF-8"):
        assert line in machine.text, f"{line}: {machine.log_path}"
    machine.expect("INSTALLER AGAIN").expect("S1-ROOT-04").expect("status 3").expect("stays as it is")
    machine.never("Rebooting")


def test_https():
    """https is http for an installer, with another kind of URL."""
    with tempfile.TemporaryDirectory(prefix="tls-") as folder:
        certificate, key = authority.Authority(folder).issue("head.lab", ips=[HOST])
        with BadServer(http_file(image().read_bytes()), tls=authority.context(certificate, key)) as server:
            hands_over(boot("virtio-net-pci", f"automatic=method:https,network:dhcp,server:{HOST}:{server.port},"
                            f"directory:/pub,pin:{authority.pin(certificate)}"), DHCP + f"""\
TMP env: HOST={HOST}:{server.port}
TMP env: METHOD=http
TMP env: PREFIX=/pub
TMP env: URLPREFIX=https://{HOST}:{server.port}/pub
""")


test_https.slow = True


def test_ftp_and_the_restart_code():
    """ftp by DHCP; 0x35 starts the installer again, and rebootctl decides how the machine ends."""
    server = ftpd.Local()
    (server.root / "install/stage2").mkdir(parents=True)
    shutil.copy(image(), server.root / CLASSIC)
    machine = boot("virtio-net-pci", f"automatic=method:ftp,network:dhcp,server:{HOST}:{server.port},directory:/")
    halts(hands_over(machine, DHCP + f"""\
TMP env: HOST={HOST}:{server.port}
TMP env: METHOD=ftp
TMP env: PREFIX=
"""))


def test_tftp_and_netauto():
    """tftp has nothing to go on reading from; netauto makes DHCP's boot file the answer file."""
    with tempfile.TemporaryDirectory(prefix="tftp-") as folder:
        shutil.copy(image(), pathlib.Path(folder) / "root.sqfs")
        hands_over(boot(Nic("virtio-net-pci", net=f"user,tftp={folder},bootfile=auto-IP.pl"),
                        "automatic=method:tftp,network:dhcp,image:root.sqfs netauto"),
                   DHCP + "TMP env: KICKSTART=auto-IP.pl\n")


def test_nfs():
    """nfs: the export is mounted at /tmp/media, and /tmp/image leads to the architecture's folder in it."""
    with ganesha({f"distrib/x86_64/{CLASSIC}": image()}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export/distrib"))
        hands_over(machine, DHCP + "TMP env: METHOD=nfs\nTMP image -> media/x86_64\n")
        mounted(machine, f"{HOST}:/export/distrib", "/tmp/media", "nfs4")


test_nfs.slow = True


def test_nfs_iso():
    """nfs, directory: is an ISO file: its folder is mounted at /tmp/media, the file at /tmp/loop."""
    with ganesha({"isos/a.iso": media.iso({CLASSIC: image()})}) as server:
        machine = boot("virtio-net-pci", server.automatic("directory:/export/isos/a.iso"))
        hands_over(machine, DHCP + "TMP env: METHOD=nfs-iso\nTMP env: ISOPATH=/tmp/media/a.iso\nTMP image -> loop\n")
        mounted(machine, f"{HOST}:/export/isos", "/tmp/media", "nfs4")
        mounted(machine, "/dev/loop[0-9]+", "/tmp/loop", "iso9660")


def on_disk(automatic, *options):
    """A machine without a card that boots from its disk."""
    return boot([], f"automatic=method:{automatic}", extra=list(options))


def test_disk():
    """disk: the partition is mounted at /tmp/media."""
    volumes = media.ext4({}), media.ext4({f"mirror/{CLASSIC}": image()})
    machine = hands_over(on_disk("disk,dir:/mirror", *disk(media.gpt(*volumes), "virtio")),
                         "TMP env: METHOD=disk\nTMP image -> media/mirror\n")
    mounted(machine, "/dev/vda2", "/tmp/media", "ext4")


def test_disk_iso():
    """disk, a folder of ISO files: the one with the installer is mounted at /tmp/loop."""
    isos = {"isos/a.iso": media.iso({"x": stage2.program()}), "isos/b.iso": media.iso({f"x86_64/{CLASSIC}": image()})}
    machine = hands_over(on_disk("disk,directory:/isos", *disk(media.ext4(isos), "virtio")),
                         "TMP env: METHOD=disk-iso\nTMP env: ISOPATH=/tmp/media/isos/b.iso\nTMP image -> loop/x86_64\n")
    mounted(machine, "/dev/vda", "/tmp/media", "ext4")
    mounted(machine, "/dev/loop[0-9]+", "/tmp/loop", "iso9660")


test_disk_iso.slow = True


def test_cdrom():
    """cdrom: the disc is mounted at /tmp/media."""
    machine = hands_over(on_disk("cdrom", *disk(media.iso({CLASSIC: image()}), "cd")),
                         "TMP env: METHOD=cdrom\nTMP image -> media\n")
    mounted(machine, "/dev/sr0", "/tmp/media", "iso9660")


test_cdrom.slow = True


def test_disk_where_it_lies():
    """root:disk: the partition that the root lies on is at /tmp/media as well."""
    volumes = media.ext4({}), media.ext4({f"mirror/{CLASSIC}": image()})
    machine = hands_over(on_disk("disk,dir:/mirror,root:disk", *disk(media.gpt(*volumes), "virtio")),
                         "TMP env: METHOD=disk\nTMP image -> media/mirror\n")
    mounted(machine, "/dev/vda2", "/tmp/media", "ext4")
    mounted(machine, "/dev/vda2", "/run/stage1/media", "ext4")


test_disk_where_it_lies.slow = True


def test_cdrom_where_it_lies():
    """root:cdrom: so is the disc."""
    machine = hands_over(on_disk("cdrom,root:cdrom", *disk(media.iso({CLASSIC: image()}), "cd")),
                         "TMP env: METHOD=cdrom\nTMP image -> media\n")
    mounted(machine, "/dev/sr0", "/tmp/media", "iso9660")
    mounted(machine, "/dev/sr0", "/run/stage1/media", "iso9660")


test_cdrom_where_it_lies.slow = True


LIVE = "install/stage2/live"


def test_a_tree_on_a_disk():
    """directory: is the installer's tree itself, copied or written to where it lies: /tmp/image is the folder above
    install/stage2 on the medium."""
    volume = media.ext4({f"mirror/{LIVE}": stage2.tree(1, installer=True)})
    for root in "root:ram", "root:disk+rw":
        machine = on_disk(f"disk,directory:/mirror/{LIVE},{root}", *disk(volume, "virtio"))
        hands_over(machine, "TMP env: METHOD=disk\nTMP image -> media/mirror\n")
        mounted(machine, "/dev/vda", "/tmp/media", "ext4", "live").power_off()


def test_a_tree_on_a_disc():
    """A whole disc is the installer's system, used where it lies: /tmp/image is the disc."""
    disc = media.iso({".": stage2.tree(1, installer=True), "install/stage2/VERSION": stage2.program()})
    machine = on_disk("cdrom,directory:/,root:cdrom", *disk(disc, "cd"))
    hands_over(machine, "TMP env: METHOD=cdrom\nTMP image -> media\n")
    mounted(machine, "/dev/sr0", "/tmp/media", "iso9660", "VERSION")


test_a_tree_on_a_disc.slow = True


def test_a_tree_on_an_export():
    """nfs, directory: is the installer's tree, used where it lies: the folder above install/stage2 is mounted at
    /tmp/media."""
    with ganesha({f"distrib/{LIVE}": stage2.tree(1, installer=True)}) as server:
        machine = boot("virtio-net-pci", server.automatic(f"directory:/export/distrib/{LIVE},root:nfs"))
        hands_over(machine, DHCP + "TMP env: METHOD=nfs\nTMP image -> media\n")
        mounted(machine, f"{HOST}:/export/distrib", "/tmp/media", "nfs4", "live")


test_a_tree_on_an_export.slow = True


def test_keepmounted():
    """A rescue system finds the medium at /tmp/media where keepmounted asks for it, and no installer's files."""
    volume = media.ext4({"install/stage2/rescue.sqfs": stage2.squashfs(1, installer=True)})
    machine = boot([], "automatic=method:disk rescue keepmounted", extra=disk(volume, "virtio"))
    machine.expect("STAGE2 UP").expect("MOUNT /dev/vda /tmp/media ext4 ro").expect("STAGE2 END")
    machine.never("INSTALLER", "TMP env")


def test_dolly():
    """dolly: nothing to go on reading from, by a DHCP server that names the node."""
    with netns.Lab() as lab:
        room = Room(lab, 1, "automatic=method:dolly,network:dhcp")
        room.dolly(image())
        files = DHCP.replace("10.0.2.15", room.address(1)).replace("10.0.2.2", BOOT_SERVER)
        hands_over(room.machine(1, "virtio-net-pci"), files + "TMP ifcfg-eth0: DHCP_HOSTNAME=node1\n")


def test_ka():
    """ka: nothing to go on reading from."""
    server = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", KA_SERVER, "-s", "getstage2", "-n", "1", "-e",
                               f"cat {image()}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        hands_over(boot("virtio-net-pci", f"automatic=method:ka,network:dhcp,server:{HOST}"), DHCP)
    finally:
        server.kill()
        server.wait()


test_ka.slow = True
