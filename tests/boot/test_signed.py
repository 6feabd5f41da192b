"""test_signed - keys in all.rdz: a signed image boots, and nothing on the command line makes another one boot.

The keys are put behind all.rdz as a further archive: what the kernel unpacks is what VERIFY_KEYS= makes."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: zstd cpio
import pathlib
import subprocess
import tempfile

import stage2
from initramfs import pack
from qemu import all_rdz, boot
from web import web

SIGN = pathlib.Path(__file__).resolve().parents[2] / "build/bin/stage1-sign"
_folder = tempfile.TemporaryDirectory(prefix="signed-")
FOLDER = pathlib.Path(_folder.name)


def sign(*words):
    subprocess.run([SIGN, *map(str, words)], check=True, capture_output=True)


def keyed():
    """all.rdz with the public key of FOLDER/site in it, which is made by the first call."""
    out = FOLDER / "keyed.rdz"
    if not out.exists():
        sign("keys", FOLDER / "site")
        keys = FOLDER / "tree" / "etc" / "stage1"
        keys.mkdir(parents=True)
        (keys / "keys").write_bytes((FOLDER / "site.pub").read_bytes() + b"minimum 5\n")
        more = pack(FOLDER / "tree", FOLDER / "keys.cpio").read_bytes()
        rdz = all_rdz().read_bytes()
        out.write_bytes(rdz + bytes(-len(rdz) % 4) + more)
    return out


def offered(image, version=7):
    """The automatic= line for IMAGE, signed as VERSION."""
    initrd, line = keyed(), web().automatic(image, ",onfail:poweroff")
    name = line.split("image:")[1].split(",")[0]
    served = web().root / line.split("directory:/")[1].split(",")[0].strip("/") / name
    sign("image", "-s", FOLDER / "site.sec", "-v", version, served)
    return initrd, line


def test_signed_archive_boots():
    """A signed tar.zst boots, with every byte, where keys are built in; verify: of another key changes nothing."""
    initrd, line = offered(stage2.compressed(stage2.tar(), "zstd"))
    other = ",verify:RWSqgjrrz31rz4Eb/gdsnBQ+cwtaf+Juh7jDNnR3t7+ZhA9p9ojhAaKp"
    machine = boot(append=line + other, initrd=initrd).expect("signed by a trusted key").expect("STAGE2 END")
    assert f"FILLER 8000000 bytes sum {stage2.filler_sum()}" in machine.text, machine.log_path


def test_words_nobody_signed():
    """init= beside a signed image is refused by name, before the image is fetched."""
    initrd, line = offered(stage2.squashfs())
    machine = boot(append=line + " init=/bin/sh", initrd=initrd).expect("S1-SIG-06").expect("init=/bin/sh")
    machine.expect_end("poweroff", 90)


test_words_nobody_signed.slow = True


def test_unsigned_and_old():
    """An image without a manifest is refused, and so is one of an older version than the keys' file asks for."""
    initrd, line = offered(stage2.squashfs(), version=4)
    boot(append=line, initrd=initrd).expect("S1-SIG-04").expect_end("poweroff", 90)
    image = line.split("image:")[1].split(",")[0]
    boot(append=line.replace(image, "nothing"), initrd=initrd).expect("S1-SIG-01").expect_end("poweroff", 90)


test_unsigned_and_old.slow = True
