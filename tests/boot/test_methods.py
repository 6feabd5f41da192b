"""test_methods - each way to fetch an image -> a root: ftp, tftp from the PXE server, https with a clock in 1970."""
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import shutil
import socket
import tempfile

import authority
import ftpd
import stage2
from badserver import BadServer, http_file
from qemu import HOST, TOP, Nic, all_rdz, boot


def arrives(append, more="", **how):
    """Boots; the machine, once stage2 has read all of it."""
    return boot(append=f"automatic={append}{more}", **how).expect("STAGE2 UP").expect("STAGE2 END")


def test_ftp():
    """A squashfs comes from vsftpd, by name and below the architecture's folder."""
    server = ftpd.Local()
    shutil.copy(stage2.squashfs(), server.root / "root.sqfs")
    arrives(f"method:ftp,network:dhcp,server:{HOST}:{server.port},directory:/,image:root.sqfs")
    folder = server.root / "pub/x86_64/install/stage2"
    folder.mkdir(parents=True)
    shutil.copy(stage2.squashfs(), folder / "rescue.sqfs")
    arrives(f"met:ftp,netw:dhcp,ser:{HOST}:{server.port},dir:/pub rescue")


def test_tftp():
    """A site with a PXE server only: the image comes from where the DHCP answer says the boot loader came from."""
    with tempfile.TemporaryDirectory(prefix="tftp-") as folder:
        shutil.copy(stage2.compressed(stage2.ext4(), "xz"), pathlib.Path(folder) / "root.xz")
        arrives("method:tftp,network:dhcp,image:root.xz",
                nic=Nic("virtio-net-pci", net=f"user,tftp={folder},bootfile=pxelinux.0"))


def initrd_with(bundle, folder):
    """all.rdz and behind it an archive with the authorities, as CA_BUNDLE= would have put them into it."""

    def entry(name, mode, data=b""):
        fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)

    archive = (entry("etc/ssl", 0o040755) + entry("etc/ssl/bundle.pem", 0o100644, pathlib.Path(bundle).read_bytes())
               + entry("TRAILER!!!", 0))
    path = pathlib.Path(folder) / "initrd"
    whole = all_rdz().read_bytes()
    path.write_bytes(whole + b"\0" * (-len(whole) % 4) + archive)
    return path


def test_https():
    """https with authorities, by a machine whose clock stands in 1970, and with a pinned key; by those that all.rdz has
    of the distribution a stranger is not trusted."""
    image = stage2.squashfs().read_bytes()
    with tempfile.TemporaryDirectory(prefix="tls-") as folder:
        ca = authority.Authority(folder)
        certificate, key = ca.issue("head.lab", ips=[HOST])
        with BadServer(http_file(image), tls=authority.context(certificate, key)) as server:
            words = f"method:https,network:dhcp,server:{HOST}:{server.port},directory:/,image:x"
            machine = arrives(words, initrd=initrd_with(ca.bundle, folder), extra=["-rtc", "base=1970-01-02T00:00:00"])
            assert "this machine's clock is wrong" in machine.text, machine.log_path
            arrives(words, f",pin:{authority.pin(certificate)}")
            # what make puts into all.rdz by itself: the distribution's authorities, all of them read
            public = (TOP / "build/ca-certificates.pem").read_text().count("BEGIN CERTIFICATE")
            assert public > 100
            boot(append=f"automatic={words},onfail:poweroff").expect("S1-TLS-01").expect(
                f"{public} authorities stands behind").expect_end("poweroff", 60)


test_https.slow = True


def test_ftp_server_down():
    """Nobody listens on the FTP port: refused, and the policy."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        boot(append=f"automatic=method:ftp,network:dhcp,server:{HOST}:{taken.getsockname()[1]},directory:/,image:x,retries:1,"
                    "onfail:poweroff").expect("S1-SRV-01").expect_end("poweroff", 60)


test_ftp_server_down.slow = True
