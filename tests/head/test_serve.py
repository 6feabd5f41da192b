"""test_serve - head-node serve in a namespace -> what its servers give, what it says, and what is left behind."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import signal
import time

import netns
from headlab import HEAD, HEAD_NODE, Site

OWN = "--dhcp", "own"


def image(lab):
    """An image that nobody will boot."""
    return lab.file("image.sqfs", b"hsqs" + bytes(100_000))


def fetch(node, path):
    """What the web server gives node."""
    return node.run(["curl", "-sf", f"http://{HEAD}/{path}"]).stdout


def tftp(node, path):
    """The same by TFTP."""
    return node.run(["curl", "-sf", f"tftp://{HEAD}/{path}"]).stdout


def with_node(lab):
    """A site with a machine beside the head node."""
    site, node = Site(lab), lab.node("node")
    lab.cable(node, site.switch)
    node.address("eth0", "10.0.1.9/24")
    return site, node


def eventually(look, patience=10):
    """What LOOK returns once it is true."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)
    return found


def pid_of(site, name):
    """The process of the supervised program NAME; 0: it has none just now."""
    file = site.state / "run" / name
    return int(file.read_text().split()[0]) if file.exists() else 0


def test_what_is_served():
    """By TFTP and http there are the boot loaders, their settings, kernel, initramfs and image."""
    with netns.Lab() as lab:
        site, node = with_node(lab)
        site.serve("--image", image(lab), *OWN)
        assert b"automatic=method:http" in tftp(node, "pxelinux.cfg/default")
        assert b"server:10.0.1.20,directory:/images,image:image.sqfs" in tftp(node, "grub/grub.cfg")
        assert tftp(node, "shimx64.efi")[:2] == b"MZ" and tftp(node, "pxelinux.0")
        assert fetch(node, "images/image.sqfs")[:4] == b"hsqs"
        assert fetch(node, "boot.ipxe").startswith(b"#!ipxe") and fetch(node, "plainx64.efi")[:2] == b"MZ"


def test_a_signed_image():
    """What says that the image is signed is served beside it; that of an image before is not."""
    with netns.Lab() as lab:
        site, node = with_node(lab)
        file = image(lab)
        for suffix in (".manifest", ".manifest.sig"):
            lab.file(f"image.sqfs{suffix}", f"of the image{suffix}")
        serve = site.serve("--image", file, *OWN)
        for suffix in (".manifest", ".manifest.sig"):
            assert fetch(node, f"images/image.sqfs{suffix}") == f"of the image{suffix}".encode()
            (lab.dir / f"image.sqfs{suffix}").unlink()
        serve.signal(signal.SIGINT)
        serve.wait()
        site.serve("--image", file, *OWN)
        assert fetch(node, "images/image.sqfs")[:4] == b"hsqs"
        assert not node.run(["curl", "-sf", f"http://{HEAD}/images/image.sqfs.manifest"], check=False).stdout


def test_configurations_are_right():
    """The real programs read what head-node writes: dnsmasq --test, nginx -t, grub-script-check."""
    with netns.Lab() as lab:
        site, _ = with_node(lab)
        site.command("nodes", "add", site.mac(1), "name=n1", "node_id=1", "address=10.0.1.31", "words=a=$b;c")
        site.serve("--image", image(lab), *OWN)
        site.head.run(["dnsmasq", "--test", "-C", site.state / "dnsmasq.conf"])
        site.head.run(["nginx", "-t", "-e", "stderr", "-c", site.state / "nginx.conf"])
        for config in (site.state / "tftp/grub").glob("**/*.cfg"):
            site.head.run(["grub-script-check", config])


def test_ctrl_c_leaves_nothing():
    """Ctrl-C ends the program and all it started; ports and interface are as before."""
    with netns.Lab() as lab:
        site, _ = with_node(lab)
        server = site.serve("--image", image(lab), *OWN)
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(10) == 0, server.tail()
        assert site.head.pids() == [], server.tail()
        assert not list((site.state / "run").glob("dnsmasq")), server.tail()


def test_a_server_dies():
    """nginx and dnsmasq are killed: each is started again, that is said, and serves as before."""
    with netns.Lab() as lab:
        site, node = with_node(lab)
        server = site.serve("--image", image(lab), *OWN)
        for name in ("nginx", "dnsmasq"):
            before = pid_of(site, name)
            os.kill(before, signal.SIGKILL)
            server.wait_line(f"{name} was killed by signal 9; it is started again")
            eventually(lambda name=name, before=before: pid_of(site, name) not in (0, before))
        eventually(lambda: node.run(["curl", "-sf", f"http://{HEAD}/boot.ipxe"], check=False).returncode == 0)
        eventually(lambda: node.run(["curl", "-sf", f"tftp://{HEAD}/pxelinux.0"], check=False).returncode == 0)


def test_killed_and_started_again():
    """head-node is killed by force: its servers go on, and the next one takes over the very same processes, in the
    middle of a transfer."""
    with netns.Lab() as lab:
        site, node = with_node(lab)
        big = lab.file("image.sqfs", os.urandom(4_000_000))
        server = site.serve("--image", big, *OWN)
        before = [pid_of(site, name) for name in ("dnsmasq", "nginx")]
        slow = node.start(["curl", "-sf", "--limit-rate", "1M", "-o", lab.dir / "got", f"http://{HEAD}/images/image.sqfs"])
        server.popen.kill()
        server.popen.wait()
        again = site.serve("--image", big, *OWN)
        assert slow.wait(20) == 0 and (lab.dir / "got").read_bytes() == big.read_bytes()
        assert before == [pid_of(site, name) for name in ("dnsmasq", "nginx")], again.tail()
        assert "nginx still runs" in again.text()


def test_left_over_with_other_words():
    """What a killed head-node left is ended where the next one serves something else."""
    with netns.Lab() as lab:
        site, _ = with_node(lab)
        server = site.serve("--image", image(lab), *OWN)
        before = pid_of(site, "nginx")
        server.popen.kill()
        server.popen.wait()
        again = site.serve("--image", image(lab), "--http-port", "8081", *OWN)
        assert "was left over, and is ended" in again.text(), again.text()
        stat = pathlib.Path(f"/proc/{before}/stat")
        assert not stat.exists() or " Z " in stat.read_text()


def test_syslog_port():
    """The status hears the machines at the port that is said, and at none where another program has it."""
    with netns.Lab() as lab:
        site, _ = with_node(lab)
        for port, expected in (("10514", [":10514"]), ("0", [])):
            server = site.serve("--image", image(lab), "--syslog-port", port, *OWN)
            site.head.start(["sleep", "60"], ready=netns.port(8080))
            heard = site.head.run(["ss", "-Hlnu"]).stdout.decode()
            assert [p for p in (":10514", ":514") if f"{p} " in heard] == expected, heard
            os.kill(server.pid, signal.SIGINT)
            assert server.wait(10) == 0, server.tail()


def test_two_at_once():
    """A second one on the same state folder says so and ends."""
    with netns.Lab() as lab:
        site, _ = with_node(lab)
        site.serve("--image", image(lab), *OWN)
        done = site.head.run(site.words(), check=False)
        assert done.returncode == 1 and b"is served already" in done.stderr, done.stderr


def test_nodes_change_while_it_runs():
    """A row that is added, by command or by an editor, has its files within a second; one that is removed loses them; a
    file that cannot be read changes nothing."""
    with netns.Lab() as lab:
        site, node = with_node(lab)
        server = site.serve("--image", image(lab), *OWN)
        own = site.state / "tftp/pxelinux.cfg/01-00-02-b3-3f-78-81"
        site.command("nodes", "add", site.mac(1), "node_id=1", "method=dolly")
        eventually(own.exists)
        assert b"rescue dollymethod node_id=1" in tftp(node, f"pxelinux.cfg/{own.name}")
        assert b"node_id=1" in tftp(node, f"grub/node/{site.mac(1)}.cfg")
        nodes = site.state / "nodes"
        nodes.write_text(nodes.read_text().replace("method=dolly", "boot=disk  # its own"))
        eventually(lambda: "LOCALBOOT" in own.read_text())
        good = nodes.read_text()
        nodes.write_text("nonsense\n")
        server.wait_line("line 1 begins with no card's address")
        assert own.exists()
        nodes.write_text(good)
        site.command("nodes", "remove", site.mac(1))
        eventually(lambda: not own.exists())


def test_addresses_are_given():
    """A machine gets the address and the name that the nodes file has; a stranger one of the range, and both are told
    no route and no name server that they were not told."""
    with netns.Lab() as lab:
        site = Site(lab)
        site.command("nodes", "add", "00:02:b3:3f:78:81", "name=first", "address=10.0.1.77")
        site.serve("--image", image(lab), "--range", "10.0.1.40-50", *OWN)
        for mac, wanted in (("00:02:b3:3f:78:81", r"yiaddr=10\.0\.1\.77"),
                            ("00:02:b3:3f:78:99", r"yiaddr=10\.0\.1\.(4\d|50)")):
            offer = discover(lab, site, mac)
            assert re.search(wanted, offer), offer
            assert "options=" in offer and ",3," not in offer and ",6," not in offer, offer


def discover(lab, site, mac):
    """What a DHCPDISCOVER of the card MAC is answered."""
    node = lab.node(f"asks{mac[-2:]}")
    lab.cable(node, site.switch, a_mac=mac)
    node.up("eth0")
    node.sysctl("ipv6/conf/eth0/disable_ipv6", 1)
    done = node.run(["python3", "-c", DISCOVER, mac])
    return done.stdout.decode()


DISCOVER = r"""
import os, socket, struct, sys
mac = bytes.fromhex(sys.argv[1].replace(":", ""))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.bind(("", 68))
s.settimeout(5)
m = struct.pack(">BBBB4sHH16x16s192x", 1, 1, 6, 0, b"abcd", 0, 0x8000, mac) + bytes.fromhex("63825363")
m += bytes([53, 1, 1, 55, 3, 1, 3, 6, 60, 9]) + b"PXEClient" + bytes([93, 2, 0, 0, 255])
s.sendto(m.ljust(300, b"\0"), ("255.255.255.255", 67))
data = s.recv(2000)
options, at = [], 240
while data[at] != 255:
    options.append(data[at])
    at += 2 + data[at + 1]
print("yiaddr=" + socket.inet_ntoa(data[16:20]), "options=," + ",".join(map(str, options)) + ",")
"""


def test_discover():
    """A machine that no row names is named as it appears, with its firmware, and --add enters it."""
    with netns.Lab() as lab:
        site = Site(lab)
        server = site.serve("--image", image(lab), *OWN)
        watching = site.head.start([HEAD_NODE, "nodes", "--discover", "--add", "node", "--state", site.state])
        discover(lab, site, "00:02:b3:3f:78:81")
        watching.wait_line("^00:02:b3:3f:78:81  BIOS  node1")
        server.wait_line("a machine that the nodes file does not name: 00:02:b3:3f:78:81, BIOS")
        assert "00:02:b3:3f:78:81  name=node1  node_id=1" in site.command("nodes")
        eventually((site.state / "tftp/pxelinux.cfg/01-00-02-b3-3f-78-81").exists)


def test_a_pattern():
    """A machine that only a pattern fits has files of its own once it was seen."""
    with netns.Lab() as lab:
        site = Site(lab)
        site.command("nodes", "add", "00:02:b3:*", "words=rack7")
        site.serve("--image", image(lab), *OWN)
        discover(lab, site, "00:02:b3:3f:78:81")
        own = site.state / "tftp/pxelinux.cfg/01-00-02-b3-3f-78-81"
        assert eventually(lambda: own.exists() and "rack7" in own.read_text())


def test_an_address_for_a_while():
    """--address gives the interface one, and takes it away at the end."""
    with netns.Lab() as lab:
        site = Site(lab, address=None)
        site.head.up("eth0")
        server = site.serve("--image", image(lab), "--address", "10.0.1.20/24", *OWN)
        assert "10.0.1.20/24" in site.head.ip("address", "show", "eth0")
        server.popen.terminate()
        assert server.wait(10) == 0
        assert "10.0.1.20" not in site.head.ip("address", "show", "eth0")


def test_a_foreign_server():
    """Beside a DHCP server head-node says whom it found, is a proxy, offers no address, and says what Secure Boot
    means then."""
    with netns.Lab() as lab:
        site, foreign = Site(lab), lab.node("foreign")
        lab.cable(foreign, site.switch)
        foreign.address("eth0", "10.0.1.2/24")
        foreign.start(["dnsmasq", "-d", "-p", "0", "-C", "/dev/null", "--leasefile-ro", "--interface=eth0",
                       "--bind-interfaces", "--dhcp-range=10.0.1.100,10.0.1.120"], ready=netns.port(67, "udp"))
        server = site.serve("--image", image(lab))
        said = server.text()
        assert re.search(r"a DHCP server is there: 10\.0\.1\.2 offers 10\.0\.1\.1\d\d", said), said
        assert "addresses come from the network's DHCP server" in said and "reads no proxy offer" in said, said
        assert "proxy" in (site.state / "dnsmasq.conf").read_text()


def test_a_folder_is_packed():
    """--image DIR becomes a squashfs that is served."""
    with netns.Lab() as lab:
        site, node = with_node(lab)
        lab.file("tree/etc/name", "here")
        site.serve("--image", lab.dir / "tree", *OWN)
        assert fetch(node, "images/tree.sqfs")[:4] == b"hsqs"
