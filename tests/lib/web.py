"""web - files -> an nginx on the loopback that serves them, and the automatic= line that boots from it.

    append = web().automatic(stage2.squashfs())        automatic=method:http,...,server:10.0.2.2:PORT,...
One nginx per process, made by the first call, gone with the process. Machines on QEMU's network reach it at 10.0.2.2.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: nginx-light
import functools
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import weakref

GUEST_VIEW = "10.0.2.2"

CONFIG = """
daemon off;
master_process off;
error_log {dir}/error.log;
pid {dir}/pid;
events {{ }}
http {{
    access_log {dir}/access.log;
    default_type application/octet-stream;
    sendfile on;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    server {{
        listen {address}:{port};
        root {dir}/root;
        {extra}
    }}
}}
"""


class Web:
    """A running nginx at ADDRESS and PORT (None: a free one), which guests know as VIEW; .root is what it serves."""

    def __init__(self, config=CONFIG, extra="", address="127.0.0.1", port=None, view=GUEST_VIEW):
        self.view = view
        self._files = tempfile.TemporaryDirectory(prefix="web-")
        self.dir = pathlib.Path(self._files.name)
        self.root = self.dir / "root"
        self.root.mkdir()
        self.dir.chmod(0o755)
        with socket.socket() as probe:  # a port that is free now
            probe.bind((address, port or 0))
            self.port = probe.getsockname()[1]
        (self.dir / "conf").write_text(config.format(dir=self.dir, address=address, port=self.port, extra=extra))
        user = ["-g", "user root;"] if os.getuid() == 0 else []
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "nginx", "-c", str(self.dir / "conf"), "-e", str(self.dir / "error.log"),
             *user], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        self._end = weakref.finalize(self, _reap, self.process)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((address, self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = self.dir / "error.log"
                    raise RuntimeError("nginx does not start: " + (log.read_text() if log.exists() else "")) from None
                time.sleep(0.02)

    def add(self, path, name=None):
        """Serves the file PATH as NAME (its own name when not given), and what says that it is signed; returns the
        name."""
        name = name or pathlib.Path(path).name
        for suffix in (".manifest", ".manifest.sig", ""):
            link, file = self.root / (name + suffix), pathlib.Path(f"{path}{suffix}")
            if suffix and not file.exists():
                continue
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(file.resolve())
        return name

    def url(self, path, name=None):
        """The address of PATH, served as NAME, as a guest sees it."""
        return f"http://{self.view}:{self.port}/{self.add(path, name)}"

    def automatic(self, path, more=""):
        """The automatic= word that boots the image PATH; MORE is added to it (",root:rw")."""
        return (f"automatic=method:http,network:dhcp,server:{self.view}:{self.port},directory:/,"
                f"image:{self.add(path)}{more}")

    def requests(self):
        """The access log's lines so far."""
        log = self.dir / "access.log"
        return log.read_text().splitlines() if log.exists() else []


def _reap(process):
    if process.poll() is None:
        process.kill()
    process.wait()


@functools.cache
def web():
    """The nginx of this process."""
    return Web()
