"""fetcher.py - an automatic= line -> build/bin/stage1-fetch run on it, what it said, and what it left in the folder.

    got = fetch("method:http,server:127.0.0.1:%d,directory:/,image:x" % port)
    got.is_file(data)                      status 0, and the file has exactly these bytes
    got.failed("S1-SRV-06", "404")         status 1, the code and the words on stderr, and no file left behind
STAGE1_FETCH names another program than build/bin/stage1-fetch.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import os
import pathlib
import random
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("STAGE1_FETCH", ROOT / "build/bin/stage1-fetch"))


def some_bytes(size, seed=1):
    """SIZE bytes that look like nothing, the same ones for a seed."""
    return random.Random(seed).randbytes(size)


class Got:
    """What one run did: .status, .words (stderr), .stdout, .data (None without a file), .left, .seconds."""

    def __init__(self, run, folder, seconds):
        self.status, self.words, self.stdout = run.returncode, run.stderr.decode(errors="replace"), run.stdout
        self.seconds = seconds
        names = sorted(path.name for path in folder.iterdir())
        self.data = (folder / "F").read_bytes() if "F" in names else None
        self.left = [name for name in names if name != "F"]

    def is_file(self, data):
        """Fails unless the file is there, whole, and nothing else."""
        assert self.status == 0, f"status {self.status}: {self.words}"
        assert self.data is not None, "no file"
        assert len(self.data) == len(data), f"{len(self.data)} bytes instead of {len(data)}"
        assert hashlib.sha256(self.data).digest() == hashlib.sha256(data).digest(), "other bytes"
        assert not self.left, f"left behind: {self.left}"

    def failed(self, code, *words):
        """Fails unless it failed with CODE and said the words, and left no file."""
        assert self.status == 1, f"status {self.status}: {self.words}"
        assert self.words.startswith(code + " "), self.words
        for word in words:
            assert word in self.words, f"{word!r} is not in: {self.words}"
        assert self.data is None and not self.left, f"left behind: {self.left} {self.data is not None}"


def fetch(automatic, *words, node=None, options=("-o", "F"), timeout=60, env=None):
    """Runs stage1-fetch in an empty folder, in a machine of a Lab where one is given. ENV is added to its
    environment."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: make"
    with tempfile.TemporaryDirectory(prefix="fetch-") as folder:
        argv = [str(PROGRAM), *options, "automatic=" + automatic, *words]
        start = time.monotonic()
        run = subprocess.run(node.command(argv) if node else argv, cwd=folder, capture_output=True, timeout=timeout,
                             check=False, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        return Got(run, pathlib.Path(folder), time.monotonic() - start)
