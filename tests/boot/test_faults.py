"""test_faults - every row of doc/faults.def: the thing broken -> its code and words on the serial console, in time.

A machine boots for each row, so all but a few are for test-full. A row's seconds are those of the failing step, as the
console has them; five more are allowed for a busy host.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: iptables squashfs-tools dnsmasq-base
import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import authority
import dhcp
import media
import netns
import stage2
from badserver import BadServer, http_file, http_raw, http_status, silent
from initramfs import pack
from media import disk
from qemu import HOST, TOP, Nic, all_rdz, boot
from web import web
from wire import Switch, head_on

sys.path.append(str(pathlib.Path(__file__).parent))
import test_methods  # noqa: E402
import test_signed  # noqa: E402

FILE = TOP / "doc/faults.def"
ROW = re.compile(r'^FAULT\((\w+), (\d+), "([^"]*)", "([^"]*)"\)$', re.M)
CODES = dict(re.findall(r'^FAILURE\((\w+), "(S1-\w+-\d\d)"', (TOP / "base/failures.def").read_text(), re.M))
LIMITS = ",timeout:8,retries:1"
SPARE = 5  # seconds that a busy host may take beyond the documented ones
EVERY_TIME = {"no cable is plugged in", "the file is not there", "the server falls silent in the middle",
              "nobody listens on the server's port"}  # those of make test; most others have a test of their own there


class Row:
    """One row of the table; called with a command line and the machine, it boots and looks."""

    def __init__(self, code, seconds, broken, words):
        self.code, self.seconds, self.broken, self.words = CODES[code], int(seconds), broken, words.split("|")

    def __call__(self, append, act=lambda machine: None, **machine):
        failed = boot(append=append, name="test_faults." + re.sub(r"\W+", "_", self.broken), **machine)
        act(failed)
        failed.expect(self.code + " ", 120)
        start = failed.text.rindex("\n", 0, failed.position - len(self.code) - 1)
        failed.expect(re.compile(r"Rebooting in|A shell"), 30)
        said = " ".join(failed.text[start:].split())
        for word in ("Try:", *self.words):
            assert word in said, f"'{word}' is missing in: {said}"
        # none before the steps
        took = float((re.findall(r"FAILED +([\d.]+) s", failed.text[:start + 1]) or ["0"])[-1])
        assert took <= self.seconds + SPARE, f"{took} s, {self.seconds} are documented\n{failed.log_path}"
        failed.never("STAGE2 UP", "Kernel panic")
        failed.close()


ROWS = [Row(*row) for row in ROW.findall(FILE.read_text())]
HOW = {}  # what is broken -> the function that breaks it and calls the row


def breaks(broken):
    """The function below breaks this."""
    def keep(function):
        HOW[broken] = function
        return function
    return keep


# ---- lines

BODY = stage2.squashfs().read_bytes()


def line(port, server=HOST, more=""):
    """http from that port."""
    return f"automatic=method:http,network:dhcp,server:{server}:{port},directory:/,image:x{LIMITS}{more}"


def simple(broken, append, **machine):
    """A row that takes a command line and a machine only."""
    HOW[broken] = lambda row: row(append, **machine)


def served(broken, *script):
    """A row where the server does SCRIPT."""
    def run(row):
        with BadServer(*script) as server:
            row(line(server.port))
    HOW[broken] = run


def from_web(broken, image, more="", **machine):
    """A row where IMAGE() is on a server that works."""
    HOW[broken] = lambda row: row(web().automatic(image(), LIMITS + more), **machine)


# ---- the command line, devices, the network

simple("the command line says nothing of what to boot", "automatic=network:dhcp,onfail:shell")
simple("a method that does not exist", "automatic=method:htpp,network:dhcp")
simple("the server is not named, and DHCP names none", f"automatic=method:http,network:dhcp,directory:/,image:x{LIMITS}")
simple("a word in the place of a number", "automatic=method:http,network:dhcp,server:10.0.2.2,directory:/,timeout:soon")
simple("no network card is in the machine", line(9), nic=[])
simple("the chosen card does not exist", line(9, more=",interface:eth7"))
simple("no cable is plugged in", line(9), nic=Nic("e1000", "unplugged"))
simple("an address outside its network", "automatic=method:http,network:static,ip:10.0.2.15,netmask:255.255.255.0,"
       f"gateway:10.0.9.9,server:10.0.2.2,directory:/,image:x{LIMITS}")
simple("no DHCP server is there", line(9), nic=Nic("e1000", "silent"))
simple("the switch port does not forward yet (spanning tree)", line(9), nic=Nic("e1000", "silent"))
simple("nobody listens on the server's port", line(9))


@breaks("the VLAN is not on this port")
def _(row):
    with netns.Lab() as lab:
        switch, automatic = head_on(lab, vlan=12)
        row(automatic + LIMITS + ",vlan:13", nic=switch.nic())


@contextlib.contextmanager
def head(*addresses):
    """A head node with ADDRESSES (10.9.0.1 when there are none) and a card of a machine that is plugged into it."""
    with netns.Lab() as lab:
        node = lab.node("head")
        switch = Switch(node)
        node.address("eth0", *(addresses or ["10.9.0.1/24"]))
        yield node, switch.nic()


@breaks("the DHCP server refuses what it offered")
def _(row):
    def answer(message):
        return (dhcp.reply(message, dhcp.NAK) if message.type == dhcp.REQUEST else dhcp.willing(message))
    with head() as (node, nic):
        dhcp.FakeServer(node, answer)
        row(line(9), nic=nic)


@breaks("another machine has the offered address")
def _(row):
    with head("10.9.0.1/24", "10.9.0.30/24") as (node, nic):
        dhcp.FakeServer(node, dhcp.willing)
        row(line(9), nic=nic)


# ---- names and servers, in a network of their own

STATIC = ("automatic=method:http,network:static,ip:10.9.0.20,netmask:255.255.255.0,{more}directory:/,image:x" + LIMITS)

simple("a name is given, and no name server", STATIC.format(more="server:head.lab,"))


def static(broken, more, prepare=lambda node: None):
    """A row with a static address, where the head node is as PREPARE leaves it."""
    def run(row):
        with head() as (node, nic):
            prepare(node)
            row(STATIC.format(more=more), nic=nic)
    HOW[broken] = run


def drops(*what, target="DROP"):
    """The head node's firewall."""
    return lambda node: node.run(["iptables-legacy", "-A", "INPUT", *what, "-j", *target.split()])


static("the name server does not know the name", "server:head.lab,dns:10.9.0.1,",
       lambda node: node.start(["dnsmasq", "-d", "-C", "/dev/null", "-R", "-h", "-u", "root", "--local=/lab/"],
                               ready=netns.port(53, "udp")))
static("the name server is silent", "server:head.lab,dns:10.9.0.1,", drops("-p", "udp", "--dport", "53"))
static("no machine has the server's address", "server:10.9.0.77,")
static("a firewall drops what is for the server's port", "server:10.9.0.1:8000,", drops("-p", "tcp"))
static("a firewall says that the server is forbidden", "server:10.9.0.1:8000,",
       drops("-p", "tcp", target="REJECT --reject-with icmp-admin-prohibited"))
static("the gateway is dead", "gateway:10.9.0.99,server:10.77.0.1:8000,")


@breaks("large packets are lost on the way (an MTU hole)")
def _(row):
    with head() as (node, nic):
        node.run(["iptables-legacy", "-A", "OUTPUT", "-m", "length", "--length", "1000:", "-j", "DROP"])
        with node.inside():
            server = BadServer(http_file(BODY), host="10.9.0.1")
        with server:
            row(STATIC.format(more=f"server:10.9.0.1:{server.port},"), nic=nic)


served("a login is wanted", http_status("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\""))
served("the server forbids the file", http_status("403 Forbidden"))
served("the file is not there", http_status("404 Not Found"))
served("the server has an error of its own", http_status("500 Internal Server Error"))
served("the server leads round in a circle", http_status("302 Found", "Location: /x"))
served("the body ends before its length", http_file(BODY, cut=1_000_000, ranges=False, tag=False))
served("the server falls silent in the middle", http_file(BODY, cut=1_000_000, stall=True))
served("another service stands on the port", http_raw(b"SSH-2.0-OpenSSH_9.2\r\n"))
served("the server takes the connection and says nothing", silent)


@breaks("the file is another one at every connection")
def _(row):
    script = [http_file(BODY[:-1] + bytes([i]), cut=1_000_000, tag=f'"{i}"') for i in range(12)]
    with BadServer(*script) as server:
        row(line(server.port).replace("retries:1", "retries:8"))


# ---- TLS

def tls(broken, **certificate):
    """A row where the server's certificate is another one than it should be."""
    def run(row):
        with tempfile.TemporaryDirectory(prefix="tls-") as folder:
            ca = authority.Authority(folder)
            made = ca.issue("head.lab", **{"ips": [HOST], **certificate})
            bundle = authority.Authority(folder, "Other") if "unknown" in broken else ca
            with BadServer(http_file(b"x"), tls=authority.context(*made)) as server:
                row(line(server.port).replace(":http", ":https"),
                    initrd=test_methods.initrd_with(bundle.bundle, folder))
    HOW[broken] = run


tls("the server's authority is unknown")
tls("the server's certificate is for another name", ips=())
tls("the server's certificate has expired", start="20000101000000Z", end="20010101000000Z")


@breaks("the server's port speaks no TLS")
def _(row):
    with BadServer(http_file(b"x")) as server:
        row(line(server.port).replace(":http", ":https"))


# ---- disks

DISK = "automatic=method:disk,timeout:5"


def on_disk(broken, volume, more="", how="virtio"):
    """A row where the disk is VOLUME()."""
    HOW[broken] = lambda row: row(DISK + more, nic=[], extra=disk(volume(), how))


def with_bad_blocks():
    """A file system whose image has noise where the kernel looks for its roots."""
    volume = media.ext4({"a.sqfs": stage2.squashfs()})
    data = bytearray(volume.read_bytes())
    for at in range(4096, 4096 * 64):  # the group's descriptors and what they point to
        data[at] ^= 0xA5
    volume.write_bytes(data)
    return volume


simple("no disk holds the image", DISK, nic=[])
on_disk("the named disk is not there", lambda: media.ext4({}, label="DATA"), ",disk:sdz,image:a")
on_disk("the named partition is not there", lambda: media.gpt(media.ext4({}, label="DATA")),
        ",partition:LABEL=NOTHING,image:a")
on_disk("the disk's file system is not the one that is looked for", lambda: media.vfat({}, label="DATA"), ",image:a")
on_disk("a file system is damaged", with_bad_blocks, ",disk:vda,image:a.sqfs")


@breaks("a disk cannot be read in the middle")
def _(row):
    volume = media.ext4({"a.sqfs": stage2.squashfs(30)})
    with tempfile.TemporaryDirectory(prefix="blkdebug-") as folder:
        rules = pathlib.Path(folder) / "rules"
        rules.write_text("".join(f'[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "{sector}"\n'
                                 for sector in range(24000, 24400, 8)))
        row(DISK + ",disk:vda,image:a.sqfs", nic=[],
            extra=["-drive", f"if=none,id=d0,format=raw,file=blkdebug:{rules}:{volume}",
                   "-device", "virtio-blk-pci,drive=d0"])


# ---- the image, its signatures, the root

from_web("the file is no image", lambda: stage2.damaged(stage2.squashfs(), "garbage"))
from_web("the image is cut short on the server", lambda: stage2.damaged(stage2.squashfs(), "truncated"))
from_web("the image has another sum", stage2.squashfs, f",sha256:{64 * '7'}")
from_web("memory is too small for the image", lambda: stage2.squashfs(300), mem=256)
from_web("nothing in the image can be started", lambda: stage2.squashfs(init=False))
from_web("a squashfs is to be written to", stage2.squashfs, ",root:rw")


@breaks("the ramdisk is too small for the archive")
def _(row):
    row("ramdisk_size=4000 root=/dev/ram3 rw " + web().automatic(stage2.tar(), LIMITS))


@breaks("what is behind the compression's header is noise")
def _(row):
    good = stage2.compressed(stage2.ext4(), "xz")
    noise = good.with_name("noise.xz")
    noise.write_bytes(good.read_bytes()[:100] + stage2.damaged(stage2.squashfs(), "garbage").read_bytes())
    row(web().automatic(noise, LIMITS))


def signed(broken, change=lambda served: None, more="", version=7):
    """A row with keys in all.rdz, where CHANGE does something to the signed image on the server."""
    def run(row):
        initrd, append = test_signed.offered(stage2.squashfs(), version)
        served_file = web().root / "8.sqfs"
        change(served_file)
        try:
            row(append.replace(",onfail:poweroff", LIMITS) + more, initrd=initrd)
        finally:
            for left in web().root.glob("8.sqfs*"):
                left.unlink()
    HOW[broken] = run


def edited(file):
    manifest = file.with_name(file.name + ".manifest")
    manifest.write_text(manifest.read_text().replace("version 7", "version 8"))


def signed_by_another(file):
    test_signed.sign("keys", test_signed.FOLDER / "stranger")
    test_signed.sign("image", "-s", test_signed.FOLDER / "stranger.sec", "-v", 7, file)


def nonsense(file):
    """A manifest that says nothing, well signed."""
    manifest = file.with_name(file.name + ".manifest")
    manifest.write_text("good day\n")
    test_signed.sign("sign", "-s", test_signed.FOLDER / "site.sec", manifest)


def changed(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.unlink()
    file.write_bytes(data)


signed("the image is not signed", lambda file: file.with_name(file.name + ".manifest").unlink())
signed("the manifest was changed after it was signed", edited)
signed("a key that this machine does not know signed", signed_by_another)
signed("an older version than the keys allow", version=4)
signed("the manifest is nonsense", nonsense)
signed("the command line has words that nobody signed", more=" init=/bin/sh")
signed("a signed image was changed on the server", changed)


@breaks("the program to start is none")
def _(row):
    with tempfile.TemporaryDirectory(prefix="no-init-") as folder:
        tree, image = pathlib.Path(folder) / "tree", web().dir / "bad-init.sqfs"
        shutil.copytree(stage2.tree(), tree, symlinks=True)
        (tree / "sbin/init").write_bytes(b"\x7fELF for another machine")
        subprocess.run(["mksquashfs", tree, image, "-quiet", "-noappend"], check=True, stdout=subprocess.DEVNULL)
        row(web().automatic(image, LIMITS))


@breaks("the initramfs has a file where a file system belongs")
def _(row):
    with tempfile.TemporaryDirectory(prefix="run-") as folder:
        tree = pathlib.Path(folder) / "tree"
        tree.mkdir()
        (tree / "run").write_text("")
        rdz = all_rdz().read_bytes()
        initrd = pathlib.Path(folder) / "rdz"
        initrd.write_bytes(rdz + bytes(-len(rdz) % 4) + pack(tree, pathlib.Path(folder) / "cpio").read_bytes())
        row(line(9), initrd=initrd)


@breaks("the file for kexec is no kernel")
def _(row):
    with tempfile.TemporaryDirectory(prefix="kexec-") as folder:
        small = pathlib.Path(folder) / "small"
        small.write_bytes(b"x")
        row(f"automatic=method:http,network:dhcp,server:{HOST}:{web().port},directory:/,kernel:{web().add(small)},"
            f"initrd:{web().add(small)}{LIMITS}")


# ---- peer to peer

simple("no dolly server calls", f"automatic=method:dolly,network:dhcp,dolly_timeout:5{LIMITS}")
simple("no ka server answers", f"automatic=method:ka,network:dhcp{LIMITS}")


# ---- one test for each row

def test_the_table():
    """Every code of base/failures.def has a row in doc/faults.def or a test by name here, every row a way to break it,
    and every way a row."""
    assert len(ROWS) >= 60, len(ROWS)
    assert {row.broken for row in ROWS} == set(HOW), {row.broken for row in ROWS} ^ set(HOW)
    rows = {row.code for row in ROWS}
    assert not [code for code in CODES.values() if code not in rows and code not in ELSEWHERE]
    assert not [code for code in ELSEWHERE if code in rows], "it has a row now"
    for code, place in ELSEWHERE.items():
        file, _, function = place.partition(":")
        text = (TOP / "tests" / file).read_text()
        body = re.search(rf"^(?:def|static void) {function}\(.*?(?=^(?:def|static|int) |\Z)", text, re.M | re.S)
        assert body and (code in body[0] or f"FAIL_{next(i for i in CODES if CODES[i] == code)}" in body[0]), place


ELSEWHERE = {  # what no machine in QEMU shows, or another boot does
    "S1-CMD-05": "boot/test_questions.py:test_the_machines_own_keyboard_and_nobody",
    "S1-DEV-02": "unit/test_probe.c:test_card_without_driver",
    "S1-DEV-03": "unit/test_probe.c:test_driver_that_will_not_load",
    "S1-DEV-04": "unit/test_probe.c:test_driver_without_firmware",
    "S1-NET-07": "net/test_ipv6.py:test_kernel_without_ipv6",
    "S1-NET-08": "relay/test_ports.py:test_a_taken_port",
    "S1-IMG-03": "image/test_mount.py:test_ext_that_was_in_use_where_it_lies",
    "S1-MEM-02": "unit/test_failure.c:test_no_memory_for_the_work_is_no_bug",
    "S1-ROOT-01": "image/test_mount.py:test_tree_where_it_lies",
    "S1-ROOT-04": "boot/test_installer.py:test_http_static_and_every_word",
    "S1-SIG-07": "net/test_verify.py:test_methods_without_a_manifest",
    "S1-SYS-02": "relay/test_outside.py:test_the_program_dies",
    "S1-SYS-03": "net/test_http.py:test_a_signal_stops_it",
    "S1-SYS-04": "relay/test_outside.py:test_no_program",
}


def _test(row):
    def run():
        HOW[row.broken](row)
    run.__doc__ = f"{row.broken[0].upper()}{row.broken[1:]}: {row.code}."
    run.slow = row.broken not in EVERY_TIME
    return run


for _row in ROWS:
    globals()["test_" + re.sub(r"\W+", "_", _row.broken)] = _test(_row)
del _row
