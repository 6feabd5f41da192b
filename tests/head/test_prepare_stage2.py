"""test_prepare_stage2 - the seeds' command line -> files that dhcpd takes, the old ones kept; a rescue image -> an ext2."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: isc-dhcp-server squashfs-tools e2fsprogs genisoimage libarchive-tools grub-common iproute2
import os
import pathlib
import subprocess
import tempfile

from headlab import TOP

SCRIPT = TOP / "server" / "prepare_stage2"
LINE = "-p 10.0.1.21 -w 10.0.1.253 -n 10.0.1 -s 10.0.1.253 -t 10.0.1.21".split()  # as the seeds have it


def run(folder, *words, answer="", env=None):
    """prepare_stage2 with these words, below FOLDER; status and what it says."""
    done = subprocess.run([SCRIPT, *words], cwd=folder, input=answer, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, env={**os.environ, "ROOT": str(folder), "KA": f"{folder}/ka",
                                                       "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", **(env or {})})
    return done.returncode, done.stdout


def test_configuration():
    """The seeds' example fills the three files; the difference is shown; dhcpd and GRUB take them; .sav is kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "etc/dhcp").mkdir(parents=True)
        conf = folder / "etc/dhcp/dhcpd.conf"
        conf.write_text("# the old one\n")
        status, said = run(folder, *LINE, answer="y\n")
        assert status == 0 and "-# the old one" in said and "+    option routers 10.0.1.253;" in said, said
        text = conf.read_text()
        assert "range 10.0.1.30 10.0.1.40;" in text and "next-server 10.0.1.21;" in text, text
        assert (conf.with_name("dhcpd.conf.sav")).read_text() == "# the old one\n"
        subprocess.run(["dhcpd", "-t", "-cf", conf], check=True, stderr=subprocess.DEVNULL)
        tftp = folder / "srv/tftp"
        assert "rescue dollymethod" in (tftp / "X86PC/linux/pxelinux.cfg/default").read_text()
        subprocess.run(["grub-script-check", tftp / "grub/grub.cfg"], check=True)
        assert "default_address=10.0.1.21" in (folder / "etc/pxe.conf").read_text()


def test_no():
    """Whoever says no has everything as it was; a second run with y finds nothing to do."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "etc/dhcp").mkdir(parents=True)
        status, said = run(folder, *LINE, answer="n\n")
        assert status == 0 and "No update, exiting" in said and not list(folder.glob("etc/dhcp/*")), said
        assert run(folder, *LINE, "-y")[0] == 0
        status, said = run(folder, *LINE, "-y")
        assert status == 0 and "is written" not in said and not list(folder.glob("etc/dhcp/*.sav")), said


def test_own_templates():
    """A template in /etc counts before the one that comes along."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "etc").mkdir()
        (folder / "etc/pxe.conf.stage2").write_text("mine=IPADDR_PXE\n")
        assert run(folder, *LINE, "-y")[0] == 0
        assert (folder / "etc/pxe.conf").read_text() == "mine=10.0.1.21\n"


def test_wrong_words():
    """What is missing or no address is said, and nothing is written."""
    for words, wanted in (([], 2), (LINE[:-2], 2), ([*LINE[:-1], "10.0.1"], 1), ([*LINE, "-n", "10.0.1.0"], 1),
                          ([*LINE, "-p", "10.0.1.300"], 1), (["-c", "none.clp"], 1), ([*LINE, "more"], 2)):
        with tempfile.TemporaryDirectory() as name:
            status, said = run(pathlib.Path(name), *words, answer="y\n")
            assert status == wanted and not os.listdir(name), (words, status, said)


def test_rescue():
    """A squashfs and an ISO become an ext2 with the same files, and the folder for ka."""
    for make in (["mksquashfs", "in", "image", "-quiet", "-no-progress"],
                 ["genisoimage", "-quiet", "-R", "-o", "image", "in"]):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "in/sbin").mkdir(parents=True)
            (folder / "in/sbin/init").write_text("the first\n")
            subprocess.run(make, cwd=folder, check=True)
            status, said = run(folder, "-c", "image")
            assert status == 0 and "stage2.img is ready" in said and "ka directory is ready" in said, said
            shown = subprocess.run(["debugfs", "-R", "cat /sbin/init", folder / "stage2.img"], check=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            assert shown == b"the first\n" and (folder / "ka/sbin/init").read_text() == "the first\n"
            assert not list(folder.glob("prepare_stage2.*"))
