"""test_releases - Debian's other supported release, bare -> this tree built and tested there; a machine boots the
result.

The one that this system is of is what all other tests are about.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: mmdebstrap dpkg-dev
import contextlib
import os
import pathlib
import subprocess
import tempfile

import stage2
from qemu import pxe
from web import web

TOP = pathlib.Path(__file__).resolve().parents[2]
MB = 1000 * 1000
STAGE1_MOST = 410_000  # of the same sources gcc 14 and Debian 13's libraries make 1 % more than test_build.py's limit
SUPPORTED = "bookworm", "trixie"  # Debian 12 and 13
# Each with the packages of its own list: what the next one installs is not there yet.
BUILD = """set -e
make -j2 all
make install DESTDIR=/tmp/installed
make -j2 unit
cp build/vmlinuz build/all.rdz build/stage1 build/kernel/version /out"""

alone = True  # it takes all processors


def own():
    """This system's release."""
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines).get("VERSION_CODENAME", "").strip('"')


@contextlib.contextmanager
def environment(**values):
    """The environment with these VALUES."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_the_other_release():
    """On Debian's other release, bare, all is built, no larger than it may be, documented and installed; the unit tests
    pass; a machine PXE-boots its kernel and its all.rdz to stage2."""
    others = [name for name in SUPPORTED if name != own()]
    with tempfile.TemporaryDirectory(prefix="release.", dir=TOP / "build") as folder:
        done = subprocess.run([TOP / "tests/bare", "-r", others[-1], "-o", folder, "sh", "-c", BUILD],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)
        assert done.returncode == 0, done.stdout[-4000:]
        made = {path.name: path.stat().st_size for path in pathlib.Path(folder).iterdir()}
        assert made["all.rdz"] <= 12 * MB and made["stage1"] <= STAGE1_MOST, made
        version = (pathlib.Path(folder) / "version").read_text().strip()
        assert version != (TOP / "build/kernel/version").read_text().strip(), version
        with environment(VMLINUZ=f"{folder}/vmlinuz", ALL_RDZ=f"{folder}/all.rdz"):
            machine = pxe(append=web().automatic(stage2.squashfs()), nic="virtio-net-pci")
            machine.expect(f"Linux {version}", 120)
            machine.expect("STAGE2 UP", 120).expect(f"FILLER 8000000 bytes sum {stage2.filler_sum()}")
            machine.expect_end("poweroff")
