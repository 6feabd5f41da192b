"""netns.py - a few words of Python in -> machines (network namespaces), cables, switches, servers; all gone at the end.

    import netns

    def test_a_server_answers():
        '''A file is served to the node next door.'''
        with netns.Lab() as lab:
            head, node = lab.node("head"), lab.node("node")
            lab.cable(head, node)                            # eth0 to eth0
            head.address("eth0", "10.9.0.1/24")
            node.address("eth0", "10.9.0.2/24")
            head.start(["/usr/sbin/nginx", ...], ready=netns.port(80))
            assert b"hello" in node.run(["curl", "-s", "http://10.9.0.1/"]).stdout

A Lab owns everything it made: processes are killed by pid, namespaces deleted, files removed, also when the test
fails; then the ends of all its logs are printed. Interfaces have any name, since each machine has its own namespace.
Nothing here leaves the machine: a namespace is connected to other namespaces of its Lab only. Needs root.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: iproute2 curl tcpdump procps
import contextlib
import ctypes
import errno
import itertools
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

_lab_numbers = itertools.count()


def need(program, package):
    """The full path of a program; where it is missing the test fails and says which package has it."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert path, f"{program} is missing: apt-get install -y --no-install-recommends {package}"
    return path


# ---- when a server is ready: each of these returns a function(process, deadline) that waits for the event


def line(pattern):
    """Ready when a line of its output matches the pattern."""

    def wait(process, deadline):
        return process.wait_line(pattern, deadline - time.monotonic())

    return wait


def port(number, kind="tcp"):
    """Ready when its namespace listens on the port (the kernel's socket table is looked at; nothing is sent)."""

    def wait(process, deadline):
        state = {"tcp": "0A", "udp": "07"}[kind]
        while time.monotonic() < deadline:
            with process.node.inside():
                rows = [row.split() for table in (kind, kind + "6")
                        for row in pathlib.Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]]
            if any(row[3] == state and int(row[1].rsplit(":", 1)[1], 16) == number for row in rows):
                return
            process.check_alive(daemons=True)
            time.sleep(0.01)  # the kernel has no event for "now it listens"
        raise AssertionError(f"{process.name}: not listening on {kind} port {number} in time\n{process.tail()}")

    return wait


def cpu_seconds(pid):
    """Seconds of processor time process PID has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """Bytes of memory that process PID and its children have for themselves: anonymous pages and memory files."""
    total, files, left = 0, {}, [pid]
    while left:
        folder = pathlib.Path(f"/proc/{left.pop()}")
        try:
            for line in (folder / "status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1]) * 1024
            left += [int(child) for child in (folder / f"task/{folder.name}/children").read_text().split()]
            for fd in (folder / "fd").iterdir():
                if "memfd:" in os.readlink(fd):
                    stat = fd.stat()
                    files[stat.st_ino] = stat.st_blocks * 512
        except OSError:
            pass  # gone meanwhile
    return total + sum(files.values())


def notify():
    """Ready when it says READY=1 as systemd's services do (sd_notify)."""

    def wait(process, deadline):
        text = ""
        while "READY=1" not in text:
            left = deadline - time.monotonic()
            assert left > 0, f"{process.name}: no READY=1 in time\n{process.tail()}"
            process.notify_socket.settimeout(min(left, 0.5))
            try:
                text = process.notify_socket.recv(4096).decode()
            except socket.timeout:
                process.check_alive()

    wait.uses_notify = True
    return wait


class Process:
    """A program running in a machine; its output (stdout and stderr) goes to a file that grows."""

    def __init__(self, node, argv, name, ready, env, stdin, cwd):
        self.node = node
        self.name = f"{node.name}.{name or pathlib.Path(argv[0]).name}"
        self.log = node.lab.dir / f"{self.name}.{next(node.lab.numbers)}.log"
        env = dict(os.environ, **(env or {}))
        if getattr(ready, "uses_notify", False):
            path = str(node.lab.dir / f"notify.{next(node.lab.numbers)}")
            self.notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.notify_socket.bind(path)
            env["NOTIFY_SOCKET"] = path
        with open(self.log, "wb") as out:
            self.popen = subprocess.Popen(node.command(argv), stdin=stdin, stdout=out, stderr=out, env=env, cwd=cwd,
                                          start_new_session=True)
        self.pid = self.popen.pid
        self._pidfd = os.pidfd_open(self.pid)

    def text(self):
        """All it has said so far."""
        return self.log.read_text(errors="replace")

    def tail(self, lines=40):
        return f"--- {self.name}\n" + "\n".join(self.text().splitlines()[-lines:])

    def check_alive(self, daemons=False):
        """Fails when it has ended; DAEMONS: status 0 is fine, it may have left a child in the background."""
        if self.popen.poll() is not None and not (daemons and self.popen.returncode == 0):
            raise AssertionError(f"{self.name} ended with {self.popen.returncode}\n{self.tail()}")

    def wait_line(self, pattern, timeout=10, after=0):
        """Waits for a line that matches, written at or behind byte AFTER of its log; returns the match."""
        deadline = time.monotonic() + timeout
        while True:
            ended = self.popen.poll() is not None
            match = re.search(pattern, self.text()[after:], re.MULTILINE)
            if match:
                return match
            assert not ended, f"{self.name} ended without saying {pattern!r}\n{self.tail()}"
            left = deadline - time.monotonic()
            assert left > 0, f"{self.name} did not say {pattern!r} in time\n{self.tail()}"
            # Woken by its end; a growing file has no event that poll(2) would show.
            select.select([self._pidfd], [], [], min(left, 0.01))

    def wait(self, timeout=30):
        """Its exit status, once it ends."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end in {timeout} s\n{self.tail()}") from None

    def signal(self, number):
        """Sends a signal to it and all it started: SIGKILL, SIGSTOP, SIGCONT, SIGTERM ..."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def kill(self):
        """Ends it, and all it started, at once."""
        self.signal(signal.SIGKILL)
        self.popen.wait()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


class Node:
    """One machine: a network namespace with its own interfaces, addresses, routes and servers."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.netns = f"{lab.prefix}-{name}"
        _ip("netns", "add", self.netns)
        self.ip("link", "set", "lo", "up")

    def command(self, argv):
        """The words that run ARGV in this machine."""
        return [need("ip", "iproute2"), "netns", "exec", self.netns, *map(str, argv)]

    def run(self, argv, timeout=60, check=True, env=None, stdin=None):
        """Runs a command to its end: .stdout and .stderr are bytes. CHECK: a status other than 0 fails the test."""
        result = subprocess.run(self.command(argv), input=stdin, capture_output=True, timeout=timeout,
                                env=dict(os.environ, **(env or {})), check=False)
        if check and result.returncode:
            raise AssertionError(f"{self.name}: {' '.join(map(str, argv))} ended with {result.returncode}\n"
                                 + (result.stdout + result.stderr).decode(errors="replace"))
        return result

    def start(self, argv, ready=None, timeout=20, name=None, env=None, stdin=subprocess.DEVNULL, cwd=None):
        """Starts a server and returns when it is ready: line(), port() or notify(); None: at once."""
        process = Process(self, argv, name, ready, env, stdin, cwd)
        self.lab.processes.append(process)
        if ready:
            ready(process, time.monotonic() + timeout)
        return process

    @contextlib.contextmanager
    def inside(self):
        """`with node.inside():` the calling thread is in this machine: sockets made there belong to it."""
        home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{self.netns}", os.O_RDONLY)
        try:
            _setns(there)
            yield self
        finally:
            _setns(home)
            os.close(home)
            os.close(there)

    def pids(self):
        """The processes that run in this machine."""
        return [int(pid) for pid in _ip("netns", "pids", self.netns).split()]

    def sent(self, interface):
        """How many bytes have left by the interface so far."""
        with self.inside():  # the rows of its own namespace: bytes and seven more of receiving, then bytes sent
            rows = pathlib.Path("/proc/thread-self/net/dev").read_text()
        return int(re.search(rf"^ *{interface}: *(?:\d+ +){{8}}(\d+)", rows, re.M).group(1))

    def reaches(self, address, timeout=2):
        """True when a machine answers at the address (a refused connection is an answer)."""
        with self.inside(), socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
            s.settimeout(timeout)
            return s.connect_ex((address, 9)) in (0, errno.ECONNREFUSED)

    def ip(self, *words):
        """`ip WORDS` in this machine; returns what it prints."""
        return _ip("-n", self.netns, *words)

    def address(self, interface, *addresses):
        """Gives an interface its addresses ("10.9.0.1/24") and brings it up."""
        for address in addresses:
            words = ["nodad"] if ":" in address else []
            self.ip("address", "add", address, "dev", interface, *words)
        self.ip("link", "set", interface, "up")

    def up(self, interface):
        self.ip("link", "set", interface, "up")

    def down(self, interface):
        """Unplugs it: the other end loses its link too."""
        self.ip("link", "set", interface, "down")

    def mac(self, interface):
        return re.search(r"link/ether (\S+)", self.ip("link", "show", interface)).group(1)

    def shape(self, interface, rate, burst="64kb", latency="50ms"):
        """Limits what the interface sends ("200mbit"); None takes the limit away."""
        tc = need("tc", "iproute2")
        if rate is None:
            self.run([tc, "qdisc", "del", "dev", interface, "root"])
        else:
            self.run([tc, "qdisc", "replace", "dev", interface, "root", "tbf", "rate", rate, "burst", burst,
                      "latency", latency])

    def sysctl(self, name, value):
        """Sets /proc/sys/net/NAME ("ipv4/ip_forward") in this machine."""
        self.run(["sh", "-c", f"echo {value} > /proc/sys/net/{name}"])

    def etc(self, name, text):
        """This machine's own /etc/NAME (resolv.conf, hosts): what it runs sees it in place of the host's."""
        folder = pathlib.Path("/etc/netns") / self.netns
        if not folder.exists():
            folder.mkdir(parents=True)
            self.lab.trash.append(folder)
        (folder / name).write_text(text)

    def capture(self, interface, words="", name=None):
        """Starts tcpdump on an interface; read what it wrote with .text() after .stop_capture()."""
        tcpdump = need("tcpdump", "tcpdump")
        return self.start([tcpdump, "-l", "-n", "-e", "-vv", "--immediate-mode", "-i", interface, *words.split()],
                          ready=line("listening on"), name=name or f"tcpdump-{interface}")


class Switch(Node):
    """A machine that is nothing but an Ethernet switch: what is cabled to it becomes a port."""

    def __init__(self, lab, name, stp=False, forward_delay=15):
        super().__init__(lab, name)
        self.ports = 0
        self.ip("link", "add", "br0", "type", "bridge", "stp_state", str(int(stp)), "forward_delay",
                str(forward_delay * 100), "mcast_snooping", "0")
        self.ip("link", "set", "br0", "up")

    def next_port(self):
        self.ports += 1
        return f"p{self.ports}"

    def plug(self, name):
        self.ip("link", "set", name, "master", "br0")


class Lab:
    """A set of machines with unique names; `with Lab() as lab:` takes all of it away again."""

    def __init__(self, keep_logs=False):
        self.prefix = f"s1-{os.getpid()}-{next(_lab_numbers)}"
        self.numbers = itertools.count()
        self.nodes, self.processes, self.trash = [], [], []
        self.keep_logs = keep_logs
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.prefix}-"))
        self.dir.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in reversed(self.processes):
            process.kill()
        if kind is not None:
            for process in self.processes:
                print(process.tail(), flush=True)
        for node in reversed(self.nodes):
            for pid in node.pids():  # daemons that left their parent's group
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                    os.kill(pid, signal.SIGKILL)
            _ip("netns", "del", node.netns)
        for path in self.trash:
            shutil.rmtree(path, ignore_errors=True)
        if self.keep_logs:
            print(f"logs are kept in {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def node(self, name="node"):
        """A new machine, with a loopback and nothing else."""
        self.nodes.append(Node(self, name))
        return self.nodes[-1]

    def switch(self, name="switch", **how):
        """A new switch; stp=True: with spanning tree, whose ports forward after twice forward_delay seconds."""
        self.nodes.append(Switch(self, name, **how))
        return self.nodes[-1]

    def cable(self, a, b, a_name="eth0", b_name="eth0", a_up=True, b_up=True, a_mac=None, b_mac=None):
        """A cable between two machines. An end at a switch takes the next free port. Ends are up unless told else;
        a cable whose one end is down has no link at the other. Returns the two interface names."""
        ends = []
        for node, name in ((a, a_name), (b, b_name)):
            ends.append(node.next_port() if isinstance(node, Switch) else name)
        macs = [["address", mac] if mac else [] for mac in (a_mac, b_mac)]
        a.ip("link", "add", ends[0], *macs[0], "type", "veth", "peer", "name", ends[1], *macs[1], "netns", b.netns)
        for node, name, up in ((a, ends[0], a_up), (b, ends[1], b_up)):
            if isinstance(node, Switch):
                node.plug(name)
            if up:
                node.up(name)
        return tuple(ends)

    def file(self, name, content):
        """A file of this lab; returns its path."""
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


def _setns(fd):
    clone_newnet = 0x40000000
    if ctypes.CDLL(None, use_errno=True).setns(fd, clone_newnet):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*words):
    result = subprocess.run([need("ip", "iproute2"), *map(str, words)], capture_output=True, text=True, check=False)
    if result.returncode:
        raise AssertionError(f"ip {' '.join(map(str, words))}: {result.stderr.strip() or result.stdout.strip()}"
                             + ("" if os.geteuid() == 0 else " (not root)"))
    return result.stdout


if __name__ == "__main__":
    sys.exit("netns.py is a library: see its first lines")
