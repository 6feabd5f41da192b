"""initramfs - a folder, or packages, modules and a script -> the archive a kernel starts from.

    machine(out, INIT, modules=["virtio_net"])     busybox, the modules with what they need, and /init
    pack(folder, out)                              what lies in a folder already
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: cpio
import pathlib
import shutil
import subprocess
import tempfile

from debs import debs, kernel_modules

FOLDERS = ("bin", "dev", "etc", "modules", "proc", "run", "sys", "tmp")


def pack(root, out, squeeze=()):
    """Packs all below ROOT into OUT, owned by root, through the command SQUEEZE where there is one."""
    names = "".join(f"{path.relative_to(root)}\n" for path in sorted(pathlib.Path(root).rglob("*")))
    packed = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], input=names.encode(),
                            stdout=subprocess.PIPE, cwd=root, check=True).stdout
    out = pathlib.Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "wb") as file:
        if squeeze:
            subprocess.run(squeeze, input=packed, stdout=file, check=True)
        else:
            file.write(packed)
    return out


def machine(out, init, *packages, modules=(), folders=(), fill=None, **words):
    """Makes OUT of busybox, of PACKAGES with their libraries, of the kernel's MODULES and of the script INIT, in which
    {modules} are their files in order and {word} is what WORDS say. FOLDERS are made, FILL(root) adds more."""
    with tempfile.TemporaryDirectory(prefix="initramfs-") as name:
        root = pathlib.Path(name)
        if packages:
            subprocess.run(["cp", "-a", f"{debs(*packages, 'busybox-static', libc=True)}/.", str(root)], check=True)
            shutil.rmtree(root / "usr/share", ignore_errors=True)
        for folder in (*FOLDERS, *folders):
            (root / folder).mkdir(exist_ok=True)
        if not packages:
            shutil.copy(debs("busybox-static") / "bin/busybox", root / "bin/busybox")
        files = [f"/modules/{path.name}" for path in kernel_modules(root / "modules", modules)]
        if fill:
            fill(root)
        (root / "init").write_text(init.format(modules=" ".join(files), **words))
        (root / "init").chmod(0o755)
        return pack(root, out)
