"""test_programs.py - every program of the tree: -h, --help and --version end with 0, a line of words too few with usage
and 2.

The programs are found, not listed: what make builds, and every file that can be run in the folders of source.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("server", "clone", "initramfs", "third", "bench", "tests", "tests/fuzz")
VERSION = re.search(r'STAGE1_VERSION "(.*)"', (TOP / "base/version.h").read_text())[1]

# Those that can do nothing without being told what.
NEED_WORDS = ("stage1", "stage1-fetch", "stage1-tls", "stage1-relay", "ka-d-client", "mkrdz", "demo-image",
              "boot-peers",
              "third/apt", "third/build", "third/need", "as-user", "tests/bare", "tests/packages",
              "fuzz/run", "fuzz/replay")


def programs():
    """The path of every program; parts of the floor's initramfs (boot-floor.*) are none."""
    built = [TOP / "build/stage1", TOP / "build/mkrdz", *(TOP / "build/bin").iterdir()]
    ours = [path for folder in FOLDERS for path in (TOP / folder).iterdir() if path.is_file()
            and os.access(path, os.X_OK)]
    return sorted(built + [path for path in ours if "." not in path.name])


def run(path, *words):
    """PATH run with WORDS: its status, standard output and standard error."""
    done = subprocess.run([path, *words], cwd=TOP, capture_output=True, text=True, timeout=20, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def test_help():
    """-h and --help: what it is for and its options on standard output, nothing else is done, status 0."""
    assert len(programs()) > 20, programs()
    for path in programs():
        for word in ("-h", "--help"):
            status, out, err = run(path, word)
            assert status == 0 and len(out) > 20 and not err, (str(path), word, status, out, err)


def test_version():
    """--version: the name and the version, on one line, status 0."""
    for path in programs():
        status, out, err = run(path, "--version")
        assert (status, out, err) == (0, f"{path.name} (stage1 {VERSION})\n", ""), (str(path), status, out, err)


def test_no_arguments():
    """Where something must be said: usage, status 2; nothing hangs."""
    seen = set()
    for path in programs():
        for name in NEED_WORDS:
            if str(path).endswith("/" + name):
                seen.add(name)
                status, out, err = run(path)
                assert status == 2 and len(out + err) > 20, (str(path), status, out, err)
    assert seen == set(NEED_WORDS), set(NEED_WORDS) - seen
