"""ftpd.py - files -> a vsftpd in a machine of its own that serves them, anonymously and to one user.

    with ftpd.vsftpd() as server:
        server.add("x", data)
        server.fetch("server:127.0.0.1,image:x").is_file(data)
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: vsftpd
import contextlib
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import weakref

import netns
from fetcher import fetch

VSFTPD = """
listen={v4}
listen_ipv6={v6}
listen_port={port}
background=NO
anonymous_enable=YES
anon_root={root}
local_enable=YES
chroot_local_user=YES
pam_service_name=vsftpd
secure_chroot_dir={empty}
xferlog_enable=YES
log_ftp_protocol=YES
vsftpd_log_file={log}
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
{extra}
"""

PAM = """auth required pam_unix.so
account required pam_permit.so
session required pam_permit.so
"""
SHADOW = "me:$6$salt4stage1$WznQKiKrvVT6eukFKXxxp3pxz9NoKiJcf2owwVokggj37pKelTjPiFQeQIg9JYyq0dtNO6ZjbbGaZPQMWZpvR.:20000:0:99999:7:::\n"  # crypt("s3cret")


class Vsftpd:
    """A machine with vsftpd: .root for anonymous, .private for me with password s3cret."""

    def __init__(self, lab, extra="", v6=False, node=None):
        self.node = node or lab.node("head")
        self.root, self.private = lab.dir / "anonymous", lab.dir / "private"
        for folder in (self.root, self.private, lab.dir / "empty"):
            folder.mkdir()
            folder.chmod(0o555)
        self.log = lab.dir / "vsftpd.log"
        passwd = pathlib.Path("/etc/passwd").read_text()
        self.node.etc("passwd", passwd + f"me:x:4242:65534::{self.private}:/bin/sh\n")
        self.node.etc("shadow", pathlib.Path("/etc/shadow").read_text() + SHADOW)
        pam = pathlib.Path("/etc/netns") / self.node.netns / "pam.d"
        pam.mkdir()
        (pam / "vsftpd").write_text(PAM)
        conf = lab.file("conf", VSFTPD.format(root=self.root, private=self.private, empty=lab.dir / "empty",
                                              log=self.log,
                                              port=21, v4="NO" if v6 else "YES", v6="YES" if v6 else "NO", extra=extra))
        self.process = self.node.start([netns.need("vsftpd", "vsftpd"), conf], ready=netns.port(21))

    def add(self, name, data, folder=None):
        """Puts a file into anonymous' folder, or another one."""
        path = (folder or self.root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def fetch(self, words, *more, **how):
        """Runs stage1-fetch in the same machine."""
        return fetch("method:ftp,directory:/,retries:0," + words, *more, node=self.node, **how)

    def commands(self):
        """What was asked of it, in order."""
        return re.findall(r'FTP command: Client "[^"]*", "([^"]*)"', self.log.read_text())


@contextlib.contextmanager
def vsftpd(extra="", v6=False):
    """A lab with nothing but a vsftpd; EXTRA is added to its configuration."""
    with netns.Lab() as lab:
        yield Vsftpd(lab, extra, v6)


class Local:
    """A vsftpd on this machine's loopback, on .port, for machines in QEMU; anonymous only; .root is what it serves."""

    def __init__(self):
        self._files = tempfile.TemporaryDirectory(prefix="ftpd-")
        folder = pathlib.Path(self._files.name)
        folder.chmod(0o755)
        self.root = folder / "root"
        for each in (self.root, folder / "empty"):
            each.mkdir()
            each.chmod(0o555)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        conf = folder / "conf"
        conf.write_text(VSFTPD.format(root=self.root, empty=folder / "empty", log=folder / "log", port=self.port,
                                      v4="YES",
                                      v6="NO", extra="listen_address=127.0.0.1\nlocal_enable=NO"))
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", netns.need("vsftpd", "vsftpd"), str(conf)],
                                        stdin=subprocess.DEVNULL)
        self._end = weakref.finalize(self, self.process.kill)
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert self.process.poll() is None and time.monotonic() < deadline, "vsftpd does not start"
            time.sleep(0.02)
