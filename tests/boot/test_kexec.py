"""test_kexec - kernel:, initrd:, append: -> the Debian installer's first screen; what cannot be started is named."""
# SPDX-License-Identifier: GPL-2.0-or-later
import functools
import subprocess

import stage2
from debs import debs
from qemu import HOST, SCRATCH, TOP, boot, kernel
from web import Web, web


@functools.cache
def netboot():
    """The folder with the Debian installer's linux and initrd.gz, as its package has them."""
    return next(debs("debian-installer-12-netboot-amd64").glob("**/text/debian-installer/amd64"))


def automatic(linux, initrd, more=""):
    """The words that start LINUX with INITRD (files) from the web server."""
    return (f"automatic=method:http,network:dhcp,server:{HOST}:{web().port},directory:/,kernel:{web().add(linux)},"
            f"initrd:{web().add(initrd) if initrd else ''}{more}")


def test_debian_installer():
    """The Debian installer's kernel and initrd are fetched, started, and its first question stands on the console."""
    machine = boot(append=automatic(netboot() / "linux", netboot() / "initrd.gz",
                                    ",append:console=ttyS0%20DEBIAN_FRONTEND=text%20no_timer_check%20---%20quiet"),
                   mem=1024)
    machine.expect("[6/6] init      kernel linux").expect("proceeding, please wait...")
    machine.expect("Choose the language", 240).expect("Language:", 30)


test_debian_installer.slow = True


def test_what_cannot_be_started():
    """A file that is no kernel, an initrd that is not there, one that memory cannot hold three times: each is named;
    the next try begins clean, and where append: is silent the new kernel keeps the consoles."""
    server = Web()
    small, large = server.dir / "small", server.dir / "large"
    small.write_bytes(b"x")
    with open(large, "wb") as file:
        file.truncate(90_000_000)
    machine = boot("virtio-net-pci", f"automatic=method:http,network:dhcp,server:{HOST}:{server.port},directory:/,"
                   "kernel:k,initrd:i,retries:0,onfail:shell", mem=320)

    def again(kernel, initrd, *words):
        """The next try, with these files on the server."""
        server.add(kernel, "k")
        server.add(initrd, "i")
        machine.expect("A shell.").expect("# ").send("\nexit\n")
        for word in words:
            machine.expect(word)

    server.add(small, "k")
    server.add(small, "i")
    machine.expect("S1-ROOT-05").expect("no kernel")
    again(kernel(), server.dir / "nothing", "S1-SRV-06", "/i:", "404")
    again(kernel(), large, "S1-MEM-01", "are needed to start it")
    machine.never("Kernel panic")
    again(kernel(), stage2.initramfs(), "proceeding", "Kernel command line: console=ttyS0,115200\n")


def test_a_locked_down_kernel():
    """A kernel that Secure Boot has locked down starts no other one without a signature, and that is said."""
    folder = SCRATCH / "kexec"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "list").write_text("[network]\nvirtio_net\nvirtio_pci\naf_packet\n")
    version = (TOP / "build/kernel/version").read_text().strip()
    subprocess.run([TOP / "build/mkrdz", "--signed", "--modules", TOP / f"build/kernel/lib/modules/{version}", "--list",
                    folder / "list", "--init", TOP / "build/stage1", "--tools", TOP / "build/tools", "--pci-ids",
                    TOP / "build/tools/usr/share/misc/pci.ids", "--work", folder, "--out", folder / "signed.rdz"],
                   check=True, capture_output=True)
    boot("virtio-net-pci", automatic(kernel(), None, ",onfail:poweroff") + " lockdown=integrity",
         initrd=folder / "signed.rdz").expect("S1-ROOT-05").expect("locked down (Secure Boot)").expect("Powering off")
