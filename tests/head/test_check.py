"""test_check - a machine with one thing wrong -> `head-node check` names it, and `head-node serve` does not begin."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: iptables
import os
import re
import subprocess

import netns
import stage2
from headlab import HEAD_NODE, Site

NAMES = ("rights", "interface", "link", "address", "range", "programs", "boot files", "boot loaders", "state folder",
         "room", "ports", "firewall", "clock", "image", "modules", "nodes file", "DHCP servers")


def rows(text):
    """{row of the table: (verdict, words)}"""
    found = re.findall(r"^([A-Za-z][\w ]*?) {1,}(ok|NOTE|FAILS) *(.*)$", text, re.M)
    return {name: (verdict, words) for name, verdict, words in found}


def check(site, *options, interface="eth0", env=None):
    """The rows that head-node check prints on the head node of SITE."""
    words = [HEAD_NODE, "check", "--interface", interface, "--state", site.state, "--image", stage2.squashfs(),
             "--dhcp", "own", *options]  # own: the look for others is short
    done = site.head.run(words, check=False, env=env)
    found = rows(done.stdout.decode())
    assert set(found) == set(NAMES), (done.stdout, done.stderr)
    assert done.returncode == any(verdict == "FAILS" for verdict, _ in found.values()), done.stdout
    return found


def fails(site, row, words, *options, verdict="FAILS", **how):
    """The row ROW has the verdict and says WORDS."""
    found = check(site, *options, **how)
    assert found[row][0] == verdict and re.search(words, found[row][1]), found


def test_all_is_well():
    """On a machine with nothing wrong no row fails, and only the image's lack of modules is a note."""
    with netns.Lab() as lab:
        found = check(Site(lab))
        assert {name for name, (verdict, _) in found.items() if verdict != "ok"} <= {"modules", "boot loaders"}, found
        assert "has no modules for kernel 6." in found["modules"][1], found


def test_no_such_interface():
    """An interface that is not there is named, with those that are; serve does not begin."""
    with netns.Lab() as lab:
        site = Site(lab)
        fails(site, "interface", "there is no interface eth7; there are: lo eth0", interface="eth7")
        done = site.head.run([HEAD_NODE, "serve", "--interface", "eth7", "--state", site.state], check=False)
        assert done.returncode == 1 and b"there is no interface eth7" in done.stderr, done.stderr
        assert site.head.pids() == []


def test_no_link():
    """A cable that is not in, and an interface that is switched off."""
    with netns.Lab() as lab:
        site = Site(lab)
        site.switch.down("p1")
        fails(site, "link", "eth0 has no link")
        site.head.down("eth0")
        fails(site, "link", "eth0 is switched off: ip link set eth0 up")


def test_no_address():
    """An interface without an address; --address will do."""
    with netns.Lab() as lab:
        site = Site(lab, address=None)
        site.head.up("eth0")
        fails(site, "address", "eth0 has no IPv4 address: --address")
        assert check(site, "--address", "10.0.1.20/24")["address"][0] == "ok"


def test_a_range_elsewhere():
    """A range of another network, and one that is too small for the machines."""
    with netns.Lab() as lab:
        site = Site(lab)
        fails(site, "range", "10.0.2.1 to 10.0.2.9 is not of the network of 10.0.1.20/24", "--range", "10.0.2.1-9")
        fails(site, "range", "8 machines are to get 2 addresses", "--range", "10.0.1.30-31", "--nodes", "8")


def test_ports_taken():
    """Ports that somebody has, by his name and number: TFTP, DHCP, http, dolly's."""
    with netns.Lab() as lab:
        site = Site(lab)
        taken = site.head.start(["python3", "-c", "import socket, time\n"
                                 "a = [socket.socket(socket.AF_INET, k) for k in (1, 1, 2, 2)]\n"
                                 "for s, p in zip(a, (80, 9995, 67, 69)): s.bind(('', p))\n"
                                 "a[0].listen(); a[1].listen(); print('has them', flush=True); time.sleep(60)"],
                                ready=netns.line("has them"))
        said = check(site, "--method", "dolly")["ports"][1]
        for words in ("TCP port 80, for HTTP", "UDP port 67, for DHCP", "UDP port 69, for TFTP",
                      "TCP port 9995, for dolly"):
            assert f"{words}, is taken by python3, process {taken.pid}" in said, said
        assert "port 80," not in check(site, "--http-port", "8081")["ports"][1]


def test_syslog_is_taken():
    """A syslog server that has port 514 is named with the option that leaves it alone, and then does not hinder."""
    with netns.Lab() as lab:
        site = Site(lab)
        site.head.start(["python3", "-c", "import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                         "s.bind(('', 514)); print('has it', flush=True); time.sleep(60)"], ready=netns.line("has it"))
        fails(site, "ports", "UDP port 514, for syslog, is taken by python3.*--syslog-port")
        for port in ("0", "10514"):
            assert check(site, "--syslog-port", port)["ports"][0] == "ok"
        assert site.head.run([HEAD_NODE, "check", "--interface", "eth0", "--syslog-port", "65536"],
                             check=False).returncode == 2


def test_no_rights():
    """A plain user is told what to do."""
    with netns.Lab() as lab:
        site = Site(lab)
        done = site.head.run(["setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all", HEAD_NODE,
                              "check", "--interface", "eth0", "--state", lab.dir / "of-nobody"], check=False)
        found = rows(done.stdout.decode())
        assert found["rights"][0] == "FAILS" and "run this as root" in found["rights"][1], done
        assert found["state folder"][0] == "FAILS" and done.returncode == 1, found


def test_a_closed_folder():
    """A state folder and an image that the servers' own users cannot reach."""
    with netns.Lab() as lab:
        site = Site(lab)
        (lab.dir / "closed").mkdir(mode=0o700)
        site.state = lab.dir / "closed" / "state"
        fails(site, "state folder", "/closed is closed to others")
        file = lab.file("closed/image.sqfs", "x")
        fails(site, "image", "/closed is closed to others.*chmod o[+]rx", "--image", file)
        fails(site, "image", "No such file", "--image", lab.dir / "none.sqfs")


def test_no_room():
    """A file system that is full."""
    with netns.Lab() as lab:
        site = Site(lab)
        site.state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "none", site.state], check=True)
        try:
            fails(site, "room", "MB are free, about 100 are needed")
        finally:
            subprocess.run(["umount", site.state], check=True)


def test_a_firewall():
    """A firewall that drops what comes in is a note, with what to open."""
    with netns.Lab() as lab:
        site = Site(lab)
        site.head.run(["iptables-legacy", "-P", "INPUT", "DROP"])
        fails(site, "firewall", "drops what comes in .iptables-legacy-save", verdict="NOTE")
        site.head.run(["iptables-legacy", "-A", "INPUT", "-i", "eth0", "-j", "ACCEPT"])
        assert check(site)["firewall"][0] == "ok"


def test_a_wrong_clock():
    """A clock that stands before this version was made."""
    with netns.Lab() as lab:
        site = Site(lab)
        library = lab.dir / "clock.so"
        source = lab.file("clock.c", "#include <time.h>\ntime_t time(time_t *t) { if (t) *t = 86400; return 86400; }\n")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
        fails(site, "clock", "the clock says 1970-01-02", env={"LD_PRELOAD": str(library)})


def test_missing_files():
    """A folder without kernel and initramfs; a nodes file that cannot be read."""
    with netns.Lab() as lab:
        site = Site(lab)
        fails(site, "boot files", "/vmlinuz: No such file", "--boot", lab.dir)
        site.state.mkdir()
        (site.state / "nodes").write_text("00:02:b3:3f:78:81 color=red\n")
        fails(site, "nodes file", "line 1 has a word of no meaning: color=red")


def test_missing_programs():
    """Programs that are not there, by their packages: nothing but what is asked for is missed."""
    with netns.Lab() as lab:
        site = Site(lab)
        os.mkdir(lab.dir / "empty")
        hide = " && ".join(f"mount --bind {lab.dir}/empty {folder}" for folder in ("/usr/local/sbin", "/usr/sbin"))
        words = f"{hide} && exec {HEAD_NODE} check --interface eth0 --state {site.state} --image {stage2.squashfs()}"
        done = site.head.run(["unshare", "--mount", "sh", "-c", words], check=False)
        found = rows(done.stdout.decode())
        assert found["programs"][0] == "FAILS", done
        for package in ("dnsmasq-base", "nginx-light"):
            assert f"apt-get install --no-install-recommends {package}" in found["programs"][1], found
        assert "mmdebstrap" not in found["programs"][1], found


def test_modules_of_another_kernel():
    """An image with the modules of another kernel only is a note that names this one."""
    with netns.Lab() as lab:
        site = Site(lab)
        (lab.dir / "tree/lib/modules/1.2.3").mkdir(parents=True)
        fails(site, "modules", "has no modules for kernel 6[.]", "--image", lab.dir / "tree", verdict="NOTE")


def test_a_second_server():
    """A DHCP server that is there is a note; with --dhcp own it would fail."""
    with netns.Lab() as lab:
        site, foreign = Site(lab), lab.node("foreign")
        lab.cable(foreign, site.switch)
        foreign.address("eth0", "10.0.1.2/24")
        foreign.start(["dnsmasq", "-d", "-p", "0", "-C", "/dev/null", "--leasefile-ro", "--interface=eth0", "--no-ping",
                       "--bind-interfaces", "--dhcp-range=10.0.1.100,10.0.1.120"], ready=netns.port(67, "udp"))
        fails(site, "DHCP servers", "10.0.1.2 offers 10.0.1.1.*will be a proxy", "--dhcp", "auto",
              verdict="NOTE")
        fails(site, "DHCP servers", "two of them", "--dhcp", "own")
