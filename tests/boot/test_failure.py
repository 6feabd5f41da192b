"""test_failure - what goes wrong on the way -> its code, cause and advice on the serial console, then the policy."""
# SPDX-License-Identifier: GPL-2.0-or-later
import re

import stage2
from qemu import boot
from web import web


def fails(append, code, *words, **machine):
    """Boots with APPEND; the step fails with CODE and WORDS (in any order), and a reboot is announced."""
    failed = boot(append=append, **machine).expect(code)
    start = failed.text.rindex("\n", 0, failed.position - len(code))
    failed.expect("Rebooting in")
    said = " ".join(failed.text[start:].split())
    for word in ("Try:", *words):
        assert word in said, f"'{word}' is missing in: {said}"
    return failed.never("STAGE2 UP", "Kernel panic")


def test_not_found():
    """404: the address is named."""
    fails(web().automatic(stage2.squashfs()).replace(".sqfs", ".lost"), "S1-SRV-06", "8.lost", "404")


def test_truncated():
    """An image that is cut short on the server is damaged, not mounted."""
    fails(web().automatic(stage2.damaged(stage2.squashfs(), "truncated")), "S1-IMG-02", ": http://10.0.2.2:",
          "/8.sqfs.truncated: ")


test_truncated.slow = True


def test_truncated_compressed():
    """A compressed image that is cut short is damaged, not mounted."""
    fails(web().automatic(stage2.damaged(stage2.compressed(stage2.ext4(), "xz"), "truncated")), "S1-IMG-02",
          "/8.ext4.xz.truncated: the xz data")


def test_garbage():
    """A file that is no image is refused, with the kinds that are known."""
    fails(web().automatic(stage2.damaged(stage2.squashfs(), "garbage")), "S1-IMG-01", "/8.sqfs.garbage: ",
          "squashfs, erofs")


def test_checksum():
    """An image with another sum than sha256: asks for is not mounted."""
    fails(web().automatic(stage2.squashfs(), f",sha256:{64 * '7'}"), "S1-IMG-04", "/8.sqfs: the ")


test_checksum.slow = True


def test_too_little_memory():
    """An image that memory cannot hold is refused before it is fetched, with the numbers."""
    failed = fails(web().automatic(stage2.squashfs(300)), "S1-MEM-01", "/300.sqfs: the image needs 301 MB", mem=256)
    assert not re.search(r"[1-9]\d* %", failed.text), "it was fetched first"


def test_no_init():
    """An image without /sbin/init is no root."""
    fails(web().automatic(stage2.squashfs(init=False)), "S1-ROOT-02", "/8-noinit.sqfs: /sbin/init")


def test_server_down():
    """Nobody listens on the server's port: refused, with address and port."""
    fails("automatic=method:http,network:dhcp,retries:1,server:10.0.2.2:9,directory:/", "S1-SRV-01", "10.0.2.2 port 9")


test_server_down.slow = True


def test_unknown_method():
    """A method that does not exist is named, with those that do."""
    fails("automatic=method:htpp,network:dhcp", "S1-CMD-02", "htpp", "http")


test_unknown_method.slow = True


def test_reboot():
    """Nobody presses a key: the machine reboots when the countdown ends."""
    fails("automatic=method:htpp", "S1-CMD-02").expect_end("reboot", 45)


def test_poweroff():
    """onfail:poweroff: the machine powers off when the countdown ends."""
    boot(append="automatic=method:htpp,onfail:poweroff").expect("S1-CMD-02").expect("Powering off in").expect_end(
        "poweroff", 45)


test_poweroff.slow = True


def test_key_opens_shell():
    """A key during the countdown opens a shell with tools in it; leaving it tries again."""
    failed = fails("automatic=method:htpp", "S1-CMD-02").send("x").expect("# ")
    failed.send("echo a$((6*7))b\n").expect("a42b").send("ls /proc/1/exe\n").expect("/proc/1/exe")
    failed.send("exit\n").expect("S1-CMD-02")


def test_shell():
    """onfail:shell: the shell opens at once."""
    boot(append="automatic=method:htpp,onfail:shell").expect("S1-CMD-02").send("\n").expect("# ").send(
        "cat /run/stage1/log\n").expect("htpp")


def test_long_command_line():
    """A command line of nearly all the kernel takes is read to its end."""
    boot(append=" ".join(f"word{i}=" + "x" * 90 for i in range(17)) + " " + web().automatic(stage2.squashfs())).expect(
        "STAGE2 UP")
