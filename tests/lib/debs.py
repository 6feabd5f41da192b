"""debs - names of the distribution's packages -> their files in a folder; nothing is installed, no service is started.

    folder = debs("nfs-ganesha", "nfs-ganesha-vfs")       with the libraries they depend on, made once
    environment(folder)                                   for programs that are to run from there
    kernel_modules(folder, ["brd"])                       the kernel's modules, likewise
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import fcntl
import os
import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TOP / "build" / "tests" / "debs"


def _apt(*words):
    done = subprocess.run([str(TOP / "third" / "apt"), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"third/apt {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.split("\n")


def _libraries(deb):
    """The libraries that the package in the file DEB depends on; of several choices the first."""
    words = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], capture_output=True, text=True, check=True).stdout
    names = [word.split("|")[0].split("(")[0].split(":")[0].strip() for word in words.split(",")]
    return [name for name in names if name.startswith("lib") and not name.startswith("libpam")]


def _closure(packages, libc):
    """{name: file} of PACKAGES and the libraries they depend on, at any depth."""
    found, todo = {}, set(packages)
    while todo:
        names = sorted(todo)
        files = [file for file in _apt("deb", *names) if file]
        found.update(zip(names, files, strict=True))
        todo = {other for file in files for other in _libraries(file) if other not in found
                and (libc or other != "libc6")}
    return found


def debs(*packages, libc=False):
    """A folder with the files of PACKAGES and their libraries; with LIBC the C library, too, as for another machine."""
    folder = FOLDER / ("-".join(packages) + ("-libc" if libc else ""))
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:  # tests in other processes want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        return folder if folder.exists() else _unpack(folder, packages, libc)


def _unpack(folder, packages, libc):
    files, draft = _closure(packages, libc), folder.with_name(folder.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for _, file in sorted(files.items()):
        subprocess.run(["dpkg-deb", "-x", file, str(draft)], check=True)
    for name in ("bin", "sbin", "lib", "lib64"):  # since Debian 13 packages have nothing there
        if (draft / "usr" / name).exists() and not (draft / name).exists():
            (draft / name).symlink_to(f"usr/{name}")
    draft.rename(folder)
    return folder


def environment(folder):
    """The environment for a program in FOLDER that is to find its libraries there."""
    libraries = sorted({str(path.parent) for path in folder.glob("**/*.so*")})
    programs = [str(folder / place) for place in ("usr/sbin", "usr/bin", "sbin", "bin")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries), "PATH": ":".join(programs + [os.environ["PATH"]])}


def kernel_modules(folder, names):
    """Copies the modules NAMES of the kernel that machines boot, and what they need, into FOLDER; their files there in
    the order to insert them."""
    top = next((TOP / "build" / "kernel" / "lib" / "modules").iterdir())
    files = {path.name.split(".")[0].replace("-", "_"): path for path in (top / "kernel").resolve().glob("**/*.ko*")}
    order = []

    def add(name):
        path = files[name]
        needs = subprocess.run(["/sbin/modinfo", "-F", "depends", str(path)], capture_output=True, text=True,
                               check=True).stdout.strip()
        for need in filter(None, needs.split(",")):
            add(need.replace("-", "_"))
        if folder / path.name not in order:
            order.append(pathlib.Path(shutil.copy(path, folder / path.name)))

    for name in names:
        if name in files:  # else it is built in
            add(name)
    return order
