"""dhcp.py - DHCP servers, real ones and one that misbehaves to order, and netup -> what a node made of them.

    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)                       # 10.9.0.1/24 and a node without address, a cable between
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h")
        up = dhcp.netup(node, "interface:eth0")           # automatic= words; runs net_up() and waits for its end
        assert up.facts["IPADDR"].startswith("10.9.0.3"), up
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: dnsmasq-base isc-dhcp-server iputils-ping
import os
import pathlib
import re
import shlex
import shutil
import socket
import struct
import threading

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The program as it is tested: with sanitizers, or, by NETUP=, as it is shipped.
NETUP = pathlib.Path(os.environ.get("NETUP", ROOT / "build/tests/netup"))


class Up:
    """What one run of netup said."""

    def __init__(self, process):
        self.process = process
        self.status = process.wait()
        self.text = process.text()
        self.facts = {k: shlex.split(v)[0] for k, v in re.findall(r"^([A-Z0-9]+)=(.*)$", self.text, re.M)}
        failed = re.search(r"^failed (\S+) (.*)", self.text, re.M)
        self.code, self.why = failed.groups() if failed else (None, "")
        assert self.status in (0, 1), f"netup crashed ({self.status})\n{self.text}"

    def lines(self, kind):
        """The lines of one kind ("note", "waiting", "log warn") as (milliseconds, words)."""
        return [(int(ms), words) for ms, words in re.findall(rf"^(\d+) {kind} (.*)$", self.text, re.M)]

    def says(self, words):
        return words in self.text

    def when(self, pattern):
        """Milliseconds from the start to the first line that matches."""
        match = re.search(rf"^(\d+) .*{pattern}", self.text, re.M)
        assert match, f"nothing said {pattern!r}\n{self.text}"
        return int(match.group(1))

    def link_to_lease_ms(self):
        """From the carrier to the configured address, on the card that won."""
        return self.when("configuring device") - self.when(f"note {self.facts['DEVICE']}.*link")

    def __str__(self):
        return self.text


def start_netup(node, automatic="", words="", seconds=20, env=None):
    """Starts netup in a machine; Up(process) waits for its end."""
    assert NETUP.exists(), f"{NETUP} is missing: make test-programs"
    argv = [NETUP, str(seconds), f"automatic={automatic}" if automatic else "quiet", *words.split()]
    return node.start(argv, name="netup", env=env)


def netup(node, automatic="", words="", seconds=20, env=None):
    """Runs net_up() in a machine with this automatic= value and these other words of the command line."""
    return Up(start_netup(node, automatic, words, seconds, env))


def pair(lab, address="10.9.0.1/24", **cable):
    """A head with an address and a node without, and a cable between them."""
    head, node = lab.node("head"), lab.node("node")
    lab.cable(head, node, b_up=False, **cable)
    head.address("eth0", address)
    return head, node


def dnsmasq(node, *options, interface="eth0", ready="DHCP, IP range|DHCP, static leases"):
    """dnsmasq as DHCP server only (unless the options say more, --port=53); returns when it serves."""
    if not any(option.startswith("--port=") for option in options):
        options += ("--port=0",)
    program = netns.need("dnsmasq", "dnsmasq-base")
    return node.start([program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                       "--log-facility=-", "--log-dhcp", "--user=root", "--leasefile-ro", "--no-ping", "--pid-file=",
                       f"--interface={interface}", "--bind-interfaces", *options], ready=netns.line(ready))


def dhcpd(node, config, interface="eth0"):
    """ISC's dhcpd with this dhcpd.conf; returns when it serves."""
    program = netns.need("dhcpd", "isc-dhcp-server")
    lab = node.lab
    # A copy: the distribution's AppArmor profile lets only /usr/sbin/dhcpd into its own folders.
    copy = lab.dir / "dhcpd"
    if not copy.exists():
        shutil.copy(program, copy)
    conf = lab.file(f"{node.name}/dhcpd.conf", "ping-check false;\n" + config)
    leases = lab.file(f"{node.name}/dhcpd.leases", "")
    leases.parent.chmod(0o777)
    return node.start([copy, "-4", "-d", "-f", "-cf", conf, "-lf", leases, "-pf", lab.dir / f"{node.name}/dhcpd.pid",
                       interface], ready=netns.line("Sending on|Server starting service"))


# ---- a server to order

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)
COOKIE = bytes([99, 130, 83, 99])


def ip(text):
    return socket.inet_aton(text)


def option(code, value):
    return bytes([code, len(value)]) + value


class Message:
    """A DHCP message from a client."""

    def __init__(self, data):
        self.data = data
        self.xid, self.flags = data[4:8], struct.unpack(">H", data[10:12])[0]
        self.ciaddr, self.mac = data[12:16], data[28:34]
        self.options, at = {}, 240
        while at < len(data) and data[at] != 255:
            if data[at]:
                self.options[data[at]] = data[at + 2:at + 2 + data[at + 1]]
                at += data[at + 1] + 1
            at += 1
        self.type = self.options[53][0]


def reply(message, kind, address="10.9.0.30", server="10.9.0.1", options=b"", mask="255.255.255.0", lease=3600,
          sname=b"", file=b"", raw_options=None):
    """The bytes of an answer; OPTIONS are added, RAW_OPTIONS take the place of all."""
    usual = option(53, bytes([kind])) + option(54, ip(server))
    if kind != NAK:
        usual += option(51, struct.pack(">I", lease)) + option(1, ip(mask))
    body = usual + options + b"\xff" if raw_options is None else raw_options
    return (bytes([2, 1, 6, 0]) + message.xid + bytes(4) + bytes(4) + (ip(address) if kind != NAK else bytes(4)) +
            bytes(8) + message.mac + bytes(10) + sname.ljust(64, b"\0") + file.ljust(128, b"\0") + COOKIE + body)


class FakeServer(threading.Thread):
    """Calls ANSWER(message) for each message of a client; what it returns (bytes, a list of bytes, None) is broadcast.
    Its .seen is the list of all messages."""

    def __init__(self, node, answer, interface="eth0"):
        super().__init__(daemon=True)
        self.answer, self.seen, self.stopped = answer, [], False
        with node.inside():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, 25, interface.encode())  # SO_BINDTODEVICE
        self.socket.bind(("", 67))
        self.start()

    def run(self):
        while True:
            data = self.socket.recv(4096)
            if self.stopped:
                return
            message = Message(data)
            self.seen.append(message)
            answers = self.answer(message) or []
            for one in [answers] if isinstance(answers, bytes) else answers:
                self.socket.sendto(one, ("255.255.255.255", 68))

    def types(self):
        """The types of all messages seen."""
        return [m.type for m in self.seen]

    def talk(self):
        """The same, without messages that were only sent again (a busy machine answers late)."""
        return [m.type for i, m in enumerate(self.seen)
                if not i or (m.type, m.xid) != (self.seen[i - 1].type, self.seen[i - 1].xid)]


def willing(message, **how):
    """A server that gives 10.9.0.30, or what HOW says, to everybody."""
    kinds = {DISCOVER: OFFER, REQUEST: ACK}
    return reply(message, kinds[message.type], **how) if message.type in kinds else None
