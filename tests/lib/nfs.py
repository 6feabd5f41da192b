"""nfs - files -> an NFS 4 server (nfs-ganesha) on the loopback, and the automatic= line that boots from it.

    with ganesha({"dir/a.sqfs": stage2.squashfs()}) as server:
        boot(append=server.automatic("directory:/export/dir,image:a.sqfs"))
server.freeze(), .thaw(), .kill(), .start() are what happens to servers; .folder is what it exports as /export.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PACKAGES = ["nfs-ganesha", "nfs-ganesha-vfs"]
GUEST_VIEW = "10.0.2.2"

CONFIG = """
NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = {port}; Bind_addr = 127.0.0.1; Enable_NLM = false; Enable_RQUOTA = false; }}
NFSV4 {{ Grace_Period = 1; Lease_Lifetime = 10; RecoveryRoot = "{dir}"; }}
EXPORT {{ Export_Id = 1; Path = "{dir}/export"; Pseudo = /export; Access_Type = RO; Squash = Root_Squash; SecType = sys;
          Protocols = 4; Transports = TCP; FSAL {{ Name = VFS; }} }}
"""


class Ganesha:
    """A running nfs-ganesha. Make it with ganesha()."""

    def __init__(self, folder, files):
        self.dir = pathlib.Path(folder)
        self.dir.chmod(0o755)
        self.folder = self.dir / "export"
        self.folder.mkdir()
        for name, source in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, self.folder / name)
        subprocess.run(["chmod", "-R", "a+rX", str(self.folder)], check=True)
        with socket.socket() as probe:  # a port that is free now
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.dir / "conf").write_text(CONFIG.format(dir=self.dir, port=self.port))
        self.start()

    def start(self):
        """Starts it and waits until it listens."""
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "ganesha.nfsd", "-F", "-f", str(self.dir / "conf"), "-L",
             str(self.dir / "log"), "-p", str(self.dir / "pid")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/usr/bin"})
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("nfs-ganesha: " + (self.dir / "log").read_text()[-2000:]) from None
                time.sleep(0.1)

    def freeze(self):
        """It holds its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """It goes on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """It is gone, and its port closed."""
        self.process.kill()
        self.process.wait()

    def automatic(self, more):
        """The words for the kernel command line."""
        return f"automatic=method:nfs,network:dhcp,server:{GUEST_VIEW}:{self.port},{more}"


@contextlib.contextmanager
def ganesha(files):
    """A server that exports FILES ({name: path of its bytes}) as /export."""
    with tempfile.TemporaryDirectory(prefix="nfs-") as folder:
        server = Ganesha(folder, files)
        try:
            yield server
        finally:
            server.kill()
