"""test_demo - `make demo AUTO=1` -> a real Debian from memory, with the network as stage1 left it."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: make squashfs-tools
import os
import re
import subprocess

from qemu import TOP

alone = True  # make works in this tree


def demo(**choice):
    """Runs `make demo` by itself with CHOICE; exit status and what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    run = subprocess.run(["make", "--no-print-directory", "demo", "AUTO=1", *(f"{k}={v}" for k, v in choice.items())],
                         cwd=TOP, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
    return run.returncode, run.stdout


def test_demo():
    """make demo brings a Debian with systemd and sshd from power on to its login, with no failed unit."""
    status, said = demo(NIC="virtio-net-pci")
    assert status == 0, said
    for words in ("node 1  login", "Debian, to the login", "stage1 [4] image", "active"):
        assert words in said, said


test_demo.slow = True


def test_demo_of_three_nodes():
    """make demo NODES=3 METHOD=dolly brings three at once to their login; the image leaves the head node once."""
    status, said = demo(NODES=3, METHOD="dolly")
    assert status == 0, said
    for words in ("node 1  login", "node 2  login", "node 3  login", "3 of 3 nodes have everything", "active"):
        assert words in said, said
    times = float(re.search(r"left the head node.*: .* ([\d.]+) times", said).group(1))
    assert 1 <= times < 1.1, said


def test_demo_wrong_choice():
    """A choice that cannot be is named with what can."""
    for choice, words in (({"NIC": "rtl8193"}, "rtl8139"), ({"MEM": "much"}, "MEM=much"),
                          ({"METHOD": "pigeon"}, "http"), ({"FIRMWARE": "open"}, "bios or uefi"),
                          ({"RATE": "fast"}, "100mbit")):
        status, said = demo(**choice)
        assert status and words in said, said
