"""test_memory.py - each network method and a big file -> the memory it takes is the same as for a small one."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import subprocess
import tempfile

import netns
from fetcher import PROGRAM
from lan import METHODS, Lan

SIZE, ROOM = 200_000_000, 16_000_000


def test_constant_memory():
    """A file of 200 MB is fetched by http, https, ftp and tftp with 16 MB of address space for each program, itself and
    its buffers included."""
    with netns.Lab() as lab, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        lan = Lan(lab)
        os.truncate(lan.add("x", b""), SIZE)
        for method in METHODS:
            argv = ["prlimit", f"--as={ROOM}", PROGRAM, "-o", "F", "automatic=" + lan.words(method, "x")]
            subprocess.run(lan.node.command(argv), cwd=folder, check=True, env={**os.environ, **lan.env})
            assert os.path.getsize(folder + "/F") == SIZE, method
            os.unlink(folder + "/F")
