"""nfs - files, folders -> an NFS 4 server (nfs-ganesha) on the loopback, and the automatic= line that boots from it.

    with ganesha({"dir/a.sqfs": stage2.squashfs()}) as server:
        boot(append=server.automatic("directory:/export/dir,image:a.sqfs"))
server.freeze(), .thaw(), .kill(), .start() are what happens to servers; .folder is what it exports as /export.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: libtirpc-common
import contextlib
import functools
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import initramfs
from debs import TOP, debs, environment

FOLDER = TOP / "build" / "tests" / "nfs"
GUEST_VIEW, GUEST_VIEW6 = "10.0.2.2", "[fec0::2]"  # the loopback, as a guest on QEMU's own network sees it

CONFIG = """
NFS_CORE_PARAM {{ Plugins_Dir = "{plugins}"; Protocols = 4; NFS_Port = {port}; Bind_addr = {host};
                 Enable_NLM = false; Enable_RQUOTA = false; }}
NFSV4 {{ Grace_Period = 1; Lease_Lifetime = 10; RecoveryRoot = "{dir}"; Only_Numeric_Owners = {numbers}; }}
EXPORT {{ Export_Id = 1; Path = "{dir}/export"; Pseudo = /export; {access}
          Protocols = 4; Transports = TCP; FSAL {{ Name = VFS; }} }}
"""


class Ganesha:
    """A running nfs-ganesha. Make it with ganesha()."""

    def __init__(self, folder, files, writable, names, host):
        self.host, self.view = host, {"127.0.0.1": GUEST_VIEW, "::1": GUEST_VIEW6}[host]
        self.dir = pathlib.Path(folder)
        self.dir.chmod(0o755)
        self.folder = self.dir / "export"
        self.folder.mkdir()
        copy_files(files, self.folder)
        with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            self.port = probe.getsockname()[1]  # it is free now
        self.programs = debs("nfs-ganesha", "nfs-ganesha-vfs")
        plugins = next(self.programs.glob("**/libfsalvfs.so")).parent
        self.access = "SecType = sys; " + ("Access_Type = RW; Squash = No_Root_Squash;" if writable else
                                           "Access_Type = RO; Squash = Root_Squash;")
        self.config = functools.partial(CONFIG.format, dir=self.dir, host=host, port=self.port, plugins=plugins,
                                        numbers="false" if names else "true")
        self.start()

    def start(self, access=None):
        """Starts it and waits until it listens. ACCESS: other lines of its configuration on who may do what."""
        (self.dir / "conf").write_text(self.config(access=access or self.access))
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", str(self.programs / "usr/bin/ganesha.nfsd"), "-F", "-f",
             str(self.dir / "conf"), "-L",
             str(self.dir / "log"), "-p", str(self.dir / "pid")],
            stdin=subprocess.DEVNULL, stdout=open(self.dir / "output", "w"), stderr=subprocess.STDOUT,
            env=environment(self.programs))
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((self.host, self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    said = [path.read_text()[-2000:] for path in (self.dir / "output", self.dir / "log")
                            if path.exists()]
                    raise RuntimeError("nfs-ganesha: " + "".join(said)) from None
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
        return f"automatic=method:nfs,network:dhcp,server:{self.view}:{self.port},{more}"


def copy_files(files, folder):
    """FILES ({name: path of a file or a folder}) into FOLDER, for everybody to read."""
    for name, source in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-aT", str(source), str(folder / name)], check=True)
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)


@contextlib.contextmanager
def ganesha(files, writable=False, names=False, host="127.0.0.1"):
    """A server that exports FILES ({name: path of a file or a folder}) as /export; WRITABLE: read-write, root's own.
    With NAMES it tells owners as user@domain, not as numbers. HOST is the loopback address it listens on."""
    with tempfile.TemporaryDirectory(prefix="nfs-") as folder:
        server = Ganesha(folder, files, writable, names, host)
        try:
            yield server
        finally:
            server.kill()


# ---- the kernel's own server, in a machine of its own

SERVER_ADDRESS, CLIENT_ADDRESS = "10.9.9.1", "10.9.9.2"

SERVER_MODULES = ("virtio_net", "virtio_pci", "nfsd", "af_packet")

# PID 1 of the server: the programs are Debian's, in the places they were made for.
SERVER_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
for module in {modules}; do insmod $module; done
mkdir -p /run /var/lib/nfs/rpc_pipefs /export /tmp; : >/var/lib/nfs/etab; : >/var/lib/nfs/rmtab
mount -t tmpfs run /run; mount -t tmpfs export /export; mount -t nfsd nfsd /proc/fs/nfsd
mkdir -p /run/rpcbind; ln -s /run /var/run
cp -r /files/. /export; chmod -R a+rX /export
ip link set lo up; ip link set eth0 up; ip addr add {address}/24 dev eth0
rpcbind -w
echo '/export *(rw,no_root_squash,fsid=1,no_subtree_check,insecure)' >/etc/exports
exportfs -a
rpc.nfsd {options} 2
rpc.mountd {options} && echo SERVER READY
while :; do sleep 1000; done
"""


def server_initramfs(files, options=""):
    """An initramfs that exports FILES ({name: path of its bytes}) as /export by the kernel's own NFS server. OPTIONS go
    to rpc.nfsd and rpc.mountd: "-N 4" leaves version 3."""
    def fill(root):
        (root / "files").mkdir()
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (root / "etc/nsswitch.conf").write_text("passwd: files\nservices: files\nprotocols: files\nhosts: files\n")
        (root / "etc/netconfig").write_text("tcp tpi_cots_ord v inet tcp - -\nudp tpi_clts v inet udp - -\n"
                                            "local tpi_cots_ord - loopback - - -\n")
        (root / "etc/passwd").write_text("root:x:0:0::/:\n_rpc:x:101:65534::/run/rpcbind:\nnobody:x:65534:65534::/:\n")
        (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
        (root / "etc/protocols").write_text("tcp 6 TCP\nudp 17 UDP\n")
        (root / "etc/services").write_text("sunrpc 111/tcp portmapper rpcbind\nsunrpc 111/udp portmapper rpcbind\n"
                                           "nfs 2049/tcp\n")
        copy_files(files, root / "files")

    return initramfs.machine(FOLDER / f"nfs-server{options.replace(' ', '')}.cpio", SERVER_INIT,
                             "nfs-kernel-server", "nfs-common", "rpcbind", modules=SERVER_MODULES, fill=fill,
                             address=SERVER_ADDRESS, options=options)
