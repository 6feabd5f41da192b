"""faults.py - a cluster in namespaces + a seeded schedule of faults -> who got which bytes, who was named, who hung.

    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 4, rate="200mbit")
        run = cluster.dolly(image)             # server and clients; .finish() waits and judges
        run.at(0.5, run.kill, 2)               # faults, at seconds after the first byte
        run.finish(lost={2})                   # everybody else: right bytes, exit 0; 2 is named by the server

A schedule made from a seed (schedule()) is the same on every machine. Other programs over the same engine use the
Cluster and bring their own Run.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: iproute2 procps
import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOLLY = pathlib.Path(os.environ.get("DOLLY", ROOT / "build/bin/dolly"))


def some_bytes(size, seed=1):
    """SIZE bytes that look like nothing, the same ones for a seed."""
    stream = random.Random(seed)
    return b"".join(stream.randbytes(min(1 << 24, size - at)) for at in range(0, size, 1 << 24))


class Cluster:
    """A head (10.9.0.1) and N nodes (10.9.1.1 ...) on one switch, each link limited to RATE both ways."""

    def __init__(self, lab, count, rate=None, burst="128kb"):
        self.lab, self.count, self.rate, self.burst = lab, count, rate, burst
        self.switch = lab.switch()
        self.head = lab.node("head")
        self.nodes = [None]
        self.port = {0: self._plug(self.head, "10.9.0.1/16")}
        for i in range(1, count + 1):
            node = lab.node(f"n{i}")
            self.nodes.append(node)
            self.port[i] = self._plug(node, self.address(i) + "/16")
        self.stranger = lab.node("stranger")
        self._plug(self.stranger, "10.9.250.1/16")

    def _plug(self, node, address):
        _, port = self.lab.cable(node, self.switch)
        node.address("eth0", address)
        if self.rate:
            self._shape(node, port, self.rate)
        return port

    def _shape(self, node, port, rate):
        node.shape("eth0", rate, burst=self.burst)
        self.switch.shape(port, rate, burst=self.burst)

    def address(self, i):
        """Node I's address; 0: the head's."""
        return f"10.9.{1 + i // 200}.{i % 200}" if i else "10.9.0.1"

    def slow(self, i, rate):
        """Node I's link gets another rate; None: the cluster's own."""
        self._shape(self.nodes[i] if i else self.head, self.port[i], rate or self.rate)

    def unplug(self, i):
        self.switch.down(self.port[i])

    def plug(self, i):
        self.switch.up(self.port[i])

    def heal(self):
        """Everything as it was, for the next run."""
        for i in range(1, self.count + 1):
            self.plug(i)
            if self.rate:
                self.slow(i, None)

    def dolly(self, image, **how):
        return DollyRun(self, image, **how)


class DollyRun:
    """One transfer by dolly. Targets lie in one folder per node below the lab's."""

    def __init__(self, cluster, image, nodes=None, late=(), server_args=(), client_args=(), target=None, config=None,
                 start_server=True, hosts=None, env=None, small_disk=()):
        self.cluster, self.lab, self.image = cluster, cluster.lab, image
        self.nodes = list(nodes or range(1, cluster.count + 1))
        self.dir = self.lab.dir / f"run{next(self.lab.numbers)}"
        self.dir.mkdir()
        self.source = self.dir / "image"
        self.source.write_bytes(image)
        self.sum = hashlib.sha256(image).hexdigest()
        self.server_args, self.client_args, self.env = list(server_args), list(client_args), env
        self.target = target or (lambda i: str(self.dir / f"node{i}" / "image"))
        self.config = config
        self.hosts = hosts or [self.cluster.address(i) for i in self.nodes]
        self.client, self.server, self.timers, self.mounts, self.restarted = {}, None, [], [], set()
        self.corrupted = set()
        for i in self.nodes:
            (self.dir / f"node{i}").mkdir()
            if i in small_disk:
                self._mount(self.dir / f"node{i}", small_disk[i])
            if i not in late:
                self.join(i)
        if start_server:
            self.serve()

    def _mount(self, path, size):
        """A file system of SIZE bytes there."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=True)
        self.mounts.append(path)

    # ---- the programs

    def join(self, i):
        """Starts node I's client (again)."""
        self.client[i] = self.cluster.nodes[i].start([DOLLY, "-v", "-O", self.target(i), *self.client_args],
                                                     name="dolly", env=self.env)

    def serve(self):
        """Starts the server (again)."""
        config = self.dir / "dolly.cfg"
        config.write_text(self.config or "\n".join(
            [f"infile {self.source}", "outfile /tmp/unused", "server head", f"firstclient {self.hosts[0]}",
             f"lastclient {self.hosts[-1]}", f"clients {len(self.hosts)}", *self.hosts, "endconfig", ""]))
        self.server = self.cluster.head.start([DOLLY, "-s", "-v", "-f", config, *self.server_args], name="dolly-s",
                                              env=self.env)
        self.begun = time.monotonic()

    # ---- faults; each may be given to at()

    def at(self, seconds, fault, *args):
        """Calls FAULT(*ARGS) so long after now; exceptions of it fail the run."""
        timer = threading.Timer(seconds, self._do, (fault, args))
        timer.daemon = True
        timer.start()
        self.timers.append(timer)

    def _do(self, fault, args):
        try:
            fault(*args)
        except (AssertionError, OSError) as error:  # the machine may be gone already: finish() judges what matters
            print(f"fault {fault.__name__}{args}: {error}", flush=True)

    def kill(self, i):
        self.client[i].kill()

    def stop(self, i):
        self.client[i].signal(signal.SIGSTOP)

    def cont(self, i):
        self.client[i].signal(signal.SIGCONT)

    def restart(self, i):
        """Kills and starts it again; where it had everything already, nobody will come for it any more."""
        self.restarted.add(i)
        self.client[i].kill()
        self.join(i)

    def restart_server(self):
        self.server.kill()
        self.serve()

    def unplug(self, i):
        self.cluster.unplug(i)

    def plug(self, i):
        self.cluster.plug(i)

    def slow(self, i, rate):
        self.cluster.slow(i, rate)

    def pause(self, i, seconds):
        """Frozen for a while."""
        self.stop(i)
        time.sleep(seconds)
        self.cont(i)

    def unplug_for(self, i, seconds):
        """The cable is out for a while."""
        self.unplug(i)
        time.sleep(seconds)
        self.plug(i)

    def reset(self, i):
        """Every TCP connection of node I is reset; nobody dies."""
        self.cluster.nodes[i].run([netns.need("ss", "iproute2"), "-K", "-t", "state", "established"], check=False)

    def stray(self, i, port, words=b""):
        """A stranger on the same network connects to a port of node I (0: the head), says WORDS, goes after a while."""
        with self.cluster.stranger.inside(), socket.socket() as s:
            s.settimeout(1)
            try:
                s.connect((self.cluster.address(i), port))
                s.sendall(words)
                s.settimeout(0.3)
                s.recv(1)
            except OSError:
                pass

    def corrupt(self, i):
        """Node I's medium loses bytes: a hundred places of what it has stored are overwritten. Whoever fetches them
        from it notices; its own copy may stay wrong, so it is not judged."""
        self.corrupted.add(i)
        folder = pathlib.Path(self.target(i)).parent
        for path in (folder / ".image.part", folder / "image"):
            with contextlib.suppress(OSError), open(path, "r+b") as file:
                for k in range(100):
                    file.seek(path.stat().st_size * k // 100)
                    file.write(b"these bytes were lost")

    # ---- the end

    def wait(self, timeout=60):
        """The server's exit status; -1 where it hangs."""
        try:
            self.server.popen.wait(timeout)
        except Exception:  # noqa: BLE001 - any: it hangs
            return -1
        return self.server.popen.returncode

    def finish(self, lost=(), may_be_lost=(), timeout=60, named=True):
        """Waits for everybody and judges: each node not in LOST has the image and exits 0, each lost one is named by
        the server, which exits 0 only if nobody is lost. MAY_BE_LOST: either is right, if it is consistent."""
        status = self.wait(timeout)
        self.seconds = time.monotonic() - self.begun
        for timer in self.timers:
            timer.cancel()
        words = self.server.text()
        assert status >= 0, f"the server hangs\n{self.server.tail()}"
        gone = set(lost)
        for i in self.nodes:
            self._judge(i, words, gone, i in may_be_lost, i in may_be_lost or i in self.restarted)
        assert (status == 0) == (not gone), f"server's status {status}, lost {sorted(gone)}\n{self.server.tail()}"
        return words

    def _judge(self, i, words, gone, perhaps, hurt):
        address = self.cluster.address(i)
        client = self.client.get(i)
        named = f"NOT DONE {address} " in words
        if i in self.corrupted:
            if named:
                gone.add(i)
            client.kill()
            return
        if perhaps and named:
            gone.add(i)
        if i in gone:
            assert named, f"lost node {i} is not named\n{self.server.tail()}"
            if client:
                self.client[i].kill()
            wrong = pathlib.Path(self.target(i))
            assert not wrong.is_file() or self._sum(wrong) == self.sum, f"node {i}: wrong bytes under the final name"
            return
        if hurt and not named:  # it had everything, perhaps before it was hurt
            client.kill()
            assert self._sum(self.target(i)) == self.sum, f"node {i}: counted, with wrong bytes"
            return
        assert not named, f"node {i} is named as lost\n{self.server.tail()}"
        status = client.wait(10)
        assert status == 0, f"node {i}: status {status}\n{client.tail()}\n{self.server.tail()}"
        if pathlib.Path(self.target(i)).is_file():
            assert self._sum(self.target(i)) == self.sum, f"node {i}: wrong bytes"

    @staticmethod
    def _sum(path):
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def clean(self):
        """Takes this run's files and programs away."""
        for timer in self.timers:
            timer.cancel()
        for process in [self.server, *self.client.values()]:
            if process:
                process.kill()
        for path in self.mounts:
            subprocess.run(["umount", "-l", str(path)], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


# ---- schedules

PORTS = (9995, 9996, 9997, 9998)
GARBAGE = (b"", b"\0", b"GET / HTTP/1.0\r\n\r\n", b"\xd3relay1\n", b"\xd3relay1\n" + b"\xff" * 64,
           b"\xd3relay1\n" + struct.pack("<IBBH", 20, 16, 0, 0) + b"\0" * 20, b"infile x\n", b"\1" * 40,
           os.urandom(500))


class Schedule:
    """What goes wrong in one run, from a seed. FATAL nodes do not come back; the others must end well."""

    def __init__(self, seed, count, seconds):
        dice = random.Random(seed)
        self.seed, self.fatal, self.events, self.late, self.words = seed, set(), [], {}, []
        self.bad_target, self.small_disk = set(), set()
        nodes = list(range(1, count + 1))
        for i in dice.sample(nodes, dice.randint(0, count // 4)):
            self.fatal.add(i)
            kind = dice.choice(["kill", "kill", "stop", "unplug", "bad_target", "small_disk"])
            if kind in ("bad_target", "small_disk"):
                getattr(self, kind).add(i)
                self.words.append(f"{kind} {i}")
            else:
                self._add(dice.uniform(0, seconds), kind, i)
        others = [i for i in nodes if i not in self.fatal]
        for i in dice.sample(others, min(len(others), dice.randint(0, 3))):
            kind = dice.choice(["restart", "reset", "pause", "unplug_for", "slow", "late", "late"])
            if kind == "late":
                self.late[i] = dice.uniform(0.2, 1.5)
                self.words.append(f"late {i} {self.late[i]:.2f}")
            elif kind in ("pause", "unplug_for"):
                self._add(dice.uniform(0, seconds), kind, i, round(dice.uniform(0.2, 2.5), 2))
            elif kind == "slow":
                self._add(dice.uniform(0, seconds), kind, i, "40mbit")
            else:
                self._add(dice.uniform(0, seconds), kind, i)
        for _ in range(dice.randint(0, 4)):
            self._add(dice.uniform(0, seconds), "stray", dice.randint(0, count), dice.choice(PORTS),
                      dice.choice(GARBAGE))
        if others and dice.random() < 0.3:
            self._add(dice.uniform(0, seconds), "corrupt", dice.choice(others))

    def _add(self, when, kind, *args):
        self.events.append((when, kind, args))
        self.words.append(f"{kind} {' '.join(str(a)[:20] for a in args)} at {when:.2f}")

    def run(self, cluster, image):
        """Plays it; fails with the seed and what was played."""
        folder = {i: "/nowhere" for i in self.bad_target}
        run = cluster.dolly(image, late=self.late, small_disk={i: len(image) // 2 for i in self.small_disk},
                            server_args=["-w", "4", "-a", "30"], start_server=False)
        if folder:
            target = run.target
            run.target = lambda i: f"/nowhere/{i}" if i in folder else target(i)
            for i in folder:
                if i not in self.late:
                    run.client[i].kill()
                    run.join(i)
        run.serve()
        for i, when in self.late.items():
            run.at(when, run.join, i)
        for when, kind, args in self.events:
            run.at(when, getattr(run, kind), *args)
        try:
            run.finish(lost=self.bad_target | self.small_disk, may_be_lost=self.fatal)
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}: {'; '.join(self.words)}\n{error}") from None
        finally:
            run.clean()
            cluster.heal()
        return run
