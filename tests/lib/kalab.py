"""kalab.py - a ka session in namespaces: a server, clients, faults -> who got which bytes, who was named, who hung.

    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, 4, rate="200mbit")
        run = KaRun(cluster, data=image)       # server and clients, each with a sink that writes a file
        run.at(0.5, run.kill, 2)
        run.finish(lost={2})                   # everybody else: right bytes, exit 0; 2 is named by the server
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import os
import pathlib
import random
import re
import threading
import time

import faults

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("KA_BIN", ROOT / "build/bin"))
KEPT = 48 << 20  # bytes that somebody may be behind
SERVER, CLIENT = BIN / "ka-d-server", BIN / "ka-d-client"


class KaRun(faults.DollyRun):
    """One transfer by ka: the faults are those of a dolly run. The sink of node I writes DIR/nodeI/out."""

    def __init__(self, cluster, data=None, source=None, nodes=None, late=(), server_args=(), client_args=(), sink=None,
                 wanted=None, client=None, server=None, start_server=True, session="test"):
        # pylint: disable=super-init-not-called
        self.cluster, self.lab = cluster, cluster.lab
        self.nodes = list(range(1, cluster.count + 1) if nodes is None else nodes)
        self.dir = self.lab.dir / f"run{next(self.lab.numbers)}"
        self.dir.mkdir()
        self.size = len(data) if data is not None else None
        self.sum = hashlib.sha256(data).hexdigest() if data is not None else None
        if data is not None:
            (self.dir / "source").write_bytes(data)
        self.source = source or f"cat {self.dir}/source"
        self.session = session
        self.wanted = wanted or len(self.nodes) - len(late)
        self.server_args, self.client_args = list(server_args), list(client_args)
        self.sink = sink or (lambda i: f"cat > {self.target(i)}")
        self.program = client or (lambda i: CLIENT)
        self.server_program = server or SERVER
        self.client, self.server, self.timers, self.mounts, self.restarted = {}, None, [], [], set()
        for i in self.nodes:
            (self.dir / f"node{i}").mkdir()
        if start_server:
            self.serve()
        for i in self.nodes:
            if i not in late:
                self.join(i)

    def target(self, i):
        return str(self.dir / f"node{i}" / "out")

    def join(self, i):
        """Starts node I's client (again)."""
        self.client[i] = self.cluster.nodes[i].start(
            [self.program(i), "-s", self.session, "-e", self.sink(i), *self.client_args], name="ka-c")

    def serve(self):
        self.server = self.cluster.head.start(
            [self.server_program, "-s", self.session, "-n", str(self.wanted), "-e", self.source, *self.server_args],
            name="ka-s", ready=faults.netns.port(30765))
        self.begun = time.monotonic()

    def flowing(self, timeout=20):
        """Waits until the data flows."""
        self.server.wait_line(r"Let's go!", timeout)

    def after(self, seconds, fault, *args):
        """Like at(), counted from the first byte."""

        def later():
            self.flowing()
            time.sleep(seconds)
            self._do(fault, args)

        thread = threading.Thread(target=later, daemon=True)
        thread.start()
        self.timers.append(threading.Timer(0, lambda: None))

    def outcome(self):
        """{address: last line} of the server's last words."""
        return dict(re.findall(r"^Node ([0-9.]+)(.*)$", self.server.text(), re.MULTILINE))

    def finish(self, lost=(), may_be_lost=(), timeout=60, status=None):
        """Waits for the server and judges everybody; returns the server's words."""
        code = self.wait(timeout)
        self.seconds = time.monotonic() - self.begun
        tails = lambda i: f"{self.client[i].tail(15)}\n{self.server.tail(60)}"
        assert code >= 0, f"the server hangs\n{self.server.tail(60)}"
        named = self.outcome()
        gone = set(lost)
        for i in self.nodes:
            line = named.get(self.cluster.address(i), "")
            failed = "FAILED" in line or not line
            if i in may_be_lost and failed:
                gone.add(i)
            if i in gone:
                assert failed, f"lost node {i} is called done: {line}\n{self.server.tail(60)}"
                continue
            assert not failed, f"node {i}: {line}\n{tails(i)}"
            # one that had finished may have been stopped or killed afterwards; started again it finds nobody any more
            if i not in may_be_lost and not (i in self.restarted and self.client[i].popen.poll() is None):
                result = self.client[i].wait(10)
                assert result == 0, f"node {i}: status {result}\n{tails(i)}"
            if self.sum and pathlib.Path(self.target(i)).is_file():
                assert self._sum(self.target(i)) == self.sum, f"node {i}: wrong bytes\n{tails(i)}"
        good = len(self.nodes) - len(gone)
        named_lost = any("FAILED" in line for line in named.values())  # who died before the start is no part of it
        want = status if status is not None else 1 if not good else 2 if named_lost else 0
        assert code == want, f"server's status {code}, wanted {want}\n{self.server.tail(60)}"
        return self.server.text()


class Schedule(faults.Schedule):
    """A schedule of the fault harness, played on ka: chains and trees, into files and into unpacked trees."""

    def __init__(self, seed, count, seconds):
        super().__init__(seed, count, seconds)
        dice = random.Random(seed * 7 + 1)
        self.arity, self.tar = dice.choice((1, 1, 2, 3, 4)), dice.random() < 0.3
        self.words.append(f"arity {self.arity}{' tar' if self.tar else ''}")

    def _add(self, when, kind, *args):
        if kind == "corrupt":  # what a command has got is not read back
            return
        if kind == "stray":  # on ka's ports
            args = (args[0], (30764, 30765)[args[1] % 2], args[2])
        super()._add(when, kind, *args)

    def _sink(self, run_dir, i):
        if i in self.bad_target:
            return "cat > /nowhere/out"
        return f"tar -x -f - -C {run_dir}/node{i}" if self.tar else f"cat > {run_dir}/node{i}/out"

    def run(self, cluster, image):
        """Plays it; fails with the seed and what was played."""
        run = KaRun(cluster, image, late=tuple(range(1, cluster.count + 1)), start_server=False,
                    wanted=cluster.count - len(self.late), server_args=["-t", "4", "-a", str(self.arity)])
        run.sink = lambda i: self._sink(run.dir, i)
        if self.tar:
            (run.dir / "in").mkdir()
            (run.dir / "source").rename(run.dir / "in" / "out")
            run.source = f"(cd {run.dir}/in; tar --create --one-file-system --sparse . )"
        for i in self.small_disk:
            run._mount(run.dir / f"node{i}", len(image) // 2)
        run.serve()
        for i in run.nodes:
            if i not in self.late:
                run.join(i)
            else:
                run.at(self.late[i], run.join, i)
        for when, kind, args in self.events:
            run.at(0.2 + when, getattr(run, kind), *args)
        try:
            # a late one may come when all is over; who was away for more than is kept may be lost
            away = {args[0] for _, kind, args in self.events if kind in ("restart", "pause", "unplug_for")}
            run.finish(lost=self.bad_target | self.small_disk,
                       may_be_lost=self.fatal | set(self.late) | (away if len(image) > KEPT else set()))
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}: {'; '.join(self.words)}\n{error}") from None
        finally:
            run.clean()
            cluster.heal()
        return run
