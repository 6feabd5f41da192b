"""test_status - head-node status-daemon in a namespace and what nodes say: words, JSON, the page, floods, kills."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: rsyslog bsdutils
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import netns
from browser import Browser

TOP = pathlib.Path(__file__).resolve().parents[2]
HEAD_NODE = TOP / "build" / "bin" / "head-node"
PICTURES = TOP / "build" / "tests" / "status"  # what doc/ shows was made so
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;\\"

# What a machine in QEMU said of its boot; HOSTNAME is that of a node without a name.
RECORDED = [
    '<30>1 - {name} stage1 - - [stage1@32473 step="2" steps="6" name="network" state="done" done="-1" total="-1" '
    'code="S1-OK" mac="{mac}" node="{id}" up="4700" ms="330 287"] ',
    "<30>1 - {name} stage1 - - - step network done after 287 ms",
    '<30>1 - {name} stage1 - - [stage1@32473 step="3" steps="6" name="method" state="runs" done="-1" total="-1" '
    'code="S1-OK" mac="{mac}" node="{id}" up="4701" ms="330 287"] ',
    "<30>1 - {name} stage1 - - - http from 10.0.2.2:49415",
    '<30>1 - {name} stage1 - - [stage1@32473 step="4" steps="6" name="image" state="runs" done="-1" total="-1" '
    'code="S1-OK" mac="{mac}" node="{id}" up="4711" ms="330 287 6"] ',
]
BYTES = ('<30>1 - {name} stage1 - - [stage1@32473 step="4" steps="6" name="image" state="runs" done="{done}" '
         'total="300000000" code="S1-OK" mac="{mac}" node="{id}" up="{up}" ms="330 287 6"]                 '
         '########........  50 %  150/300 MB  94 MB/s  0:01 left')
DONE = ('<30>1 - {name} stage1 - - [stage1@32473 step="6" steps="6" name="init" state="done" done="-1" total="-1" '
        'code="S1-OK" mac="{mac}" node="{id}" up="{up}" ms="330 287 6 3254 50 16"] ')
FAILED = ('<27>1 - {name} stage1 - - [stage1@32473 step="4" steps="6" name="image" state="failed" done="-1" total="-1" '
          'code="S1-SRV-01" mac="{mac}" node="{id}" up="{up}" ms="330 287 6 90"] 10.0.2.2 port 80: Connection refused')
UP = ('<30>1 - {name} stage1 - - [stage1@32473 phase="up" up="{up}" mac="{mac}" node="{id}"] up')


class Station:
    """A head node with the daemon; nodes are addresses of its loopback."""

    def __init__(self, lab):
        self.node = lab.node("head")
        self.state = lab.dir / "state"
        self.start()

    def start(self):
        self.process = self.node.start([HEAD_NODE, "status-daemon", "--state", self.state],
                                       ready=netns.line("^status:"), name="status-daemon")

    def kill(self):
        """As a kernel out of memory does."""
        os.kill(self.daemon(), signal.SIGKILL)
        self.process.popen.wait()

    def daemon(self):
        """The daemon's own process: ip netns exec becomes it."""
        return self.process.pid

    def speaker(self, address):
        """A socket by which the node at ADDRESS speaks."""
        with self.node.inside():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((address, 0))
            s.connect(("127.0.0.1", 514))
        return s

    def say(self, number, *lines, name=None, **values):
        """Node NUMBER says LINES."""
        values = {"name": name or f"node{number}", "mac": f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}",
                  "id": number, "up": 9000, **values}
        with contextlib.closing(self.speaker(f"127.0.{1 + (number >> 8)}.{number & 255}")) as s:
            for line in lines:
                s.send(line.format(**values).encode())

    def get(self, path, token=None, method="GET"):
        """Status and bytes of what the daemon answers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://127.0.0.1:8080{path}", headers=headers, method=method,
                                         data=b"" if method == "POST" else None)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with self.node.inside():
            try:
                with opener.open(request, timeout=10) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()

    def nodes(self):
        """The nodes by their names."""
        return {node["name"]: node for node in json.loads(self.get("/api/nodes")[1])["nodes"]}

    def until(self, look, patience=10):
        """What LOOK makes of the nodes, once it is true."""
        deadline = time.monotonic() + patience
        while not (found := look(self.nodes())):
            assert time.monotonic() < deadline, self.nodes()
            time.sleep(0.1)
        return found

    def command(self, *words):
        """head-node WORDS: its status and what it says."""
        run = self.node.run([HEAD_NODE, *words, "--state", self.state], check=False)
        return run.returncode, run.stdout.decode()

    def history(self):
        path = self.state / "history.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextlib.contextmanager
def station():
    with netns.Lab() as lab:
        yield Station(lab)


def boot(station, number, **how):
    """Node NUMBER boots to the end."""
    station.say(number, *RECORDED, **how)
    station.say(number, BYTES, done=150_000_000, up=5700, **how)
    station.say(number, DONE, **how)
    station.say(number, UP, up=20_000, **how)


# ---- what is said, and what is shown


def test_words():
    """A boot, a failure and a boot under way as words: errors first, what to try, percent; exit status 1 tells of the
    failure."""
    with station() as s:
        boot(s, 1)
        s.say(2, *RECORDED, FAILED)
        s.say(3, *RECORDED)
        s.say(3, BYTES, done=150_000_000, up=5700)
        s.until(lambda nodes: len(nodes) == 3 and nodes["node1"]["phase"] == "up" and nodes["node3"]["percent"] == 50)
        time.sleep(1.5)  # until it is in the file
        status, words = s.command("status")
        lines = words.splitlines()
        assert status == 1 and re.match("3 nodes: 1 failed, 0 silent, 0 slow, 1 on the way, 1 up;", lines[0]), words
        assert re.match("node2 +failed 4/6 image .*S1-SRV-01 The server refused the connection 10.0.2.2 port 80",
                        lines[1]), words
        assert "Try: Is the service running on that port" in lines[2], words
        assert re.match("node3 +stage1 4/6 image +50 %", lines[3]) and lines[4].startswith("node1 "), words
        shown = json.loads(s.command("status", "--json")[1])
        assert [node["name"] for node in shown["nodes"]] == ["node2", "node3", "node1"], shown
        assert shown["nodes"][2]["step_ms"] == [330, 287, 6, 3254, 50, 16], shown
        assert shown["nodes"][0]["mac"] == "52:54:00:00:00:02" and shown["nodes"][0]["hint"], shown


def test_history():
    """Each boot is one line, and the history has medians, the slowest step and the node that fails."""
    with station() as s:
        for number in range(1, 6):
            boot(s, number)
        s.until(lambda nodes: len([node for node in nodes.values() if node["phase"] == "up"]) == 5)
        assert sorted(line["name"] for line in s.history()) == [f"node{number}" for number in range(1, 6)]
        status, words = s.command("history")
        assert status == 0 and "5 boots of 5 nodes: 0 failed" in words, words
        assert re.search(r"^image +5 +3\.3 s +3\.3 s +3\.3 s  node", words, re.M), words
        assert len(s.get("/api/history")[1].splitlines()) == 5


def test_head_sees():
    """What dnsmasq and nginx log, and who feeds whom as dolly says, is in the model, with the node's own words."""
    with station() as s:
        log = s.state / "log"
        log.mkdir()
        (log / "http.log").write_text("")
        time.sleep(1.1)  # what was there before is left out
        mac = "52:54:00:00:00:09"
        (log / "dnsmasq.log").write_text(f"dnsmasq-dhcp[8]: 17 DHCPDISCOVER(eth1) {mac}\n"
                                         f"dnsmasq-dhcp[8]: 17 DHCPACK(eth1) 127.0.1.9 {mac} node9\n"
                                         "dnsmasq-tftp[8]: sent /srv/pxelinux.0 to 127.0.1.9\n")
        s.until(lambda nodes: nodes.get("node9", {}).get("phase") == "firmware")
        s.say(9, *RECORDED, name="(none)")
        node = s.until(lambda nodes: nodes["node9"]["phase"] == "stage1" and nodes["node9"])
        assert node["mac"] == mac and node["mac_known"], node
        (s.state / "chain").write_text("node 127.0.1.9 head ready 75000000 300000000 94000000\n"
                                       "node 127.0.1.10 127.0.1.9 ready 30000000 300000000 94000000\n")
        node = s.until(lambda nodes: nodes["node9"]["parent"] == "head" and nodes["node9"])
        assert node["percent"] == 25 and node["rate"] == 94_000_000, node


def test_metrics():
    """The text for Prometheus has counts and nodes; promtool's rules for names and values hold."""
    with station() as s:
        s.say(1, *RECORDED, FAILED)
        s.until(lambda nodes: nodes.get("node1", {}).get("phase") == "failed")
        lines = s.get("/metrics")[1].decode().splitlines()
        assert 'stage1_nodes{phase="failed"} 1' in lines, lines
        assert 'stage1_node_failed{address="127.0.1.1",name="node1"} 1' in lines, lines
        sample = re.compile(r'[a-z_][a-z0-9_]*(\{([a-z_]+="([^"\\]|\\["\\n])*",?)*\})? -?\d+')
        assert all(line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line) for line in lines), lines


def test_rsyslog():
    """A real rsyslogd takes what stage1 and stage1-up send: host, program, structured data and words."""
    with netns.Lab() as lab:
        node, out = lab.node("head"), lab.dir / "out"
        node.start([netns.need("rsyslogd", "rsyslog"), "-n", "-i", lab.dir / "pid", "-f", lab.file("rsyslog.conf", f"""
module(load="imudp")
input(type="imudp" port="514")
template(name="all" type="string" string="%HOSTNAME%|%APP-NAME%|%STRUCTURED-DATA%|%msg%\\n")
*.* action(type="omfile" file="{out}" template="all")
""")], ready=netns.port(514, "udp"))
        s = Station.__new__(Station)
        s.node = node
        s.say(7, RECORDED[1], FAILED)
        script = ("mount -t tmpfs run /run && mkdir /run/stage1 && printf \"LOG='127.0.0.1'\\nNODE_ID='7'\\n"
                  "HWADDR='52:54:00:00:00:07'\\n\" >/run/stage1/env && exec \"$0\"")
        node.run(["unshare", "-m", "sh", "-c", script, TOP / "server" / "image" / "stage1-up"])
        deadline = time.monotonic() + 10
        while not out.exists() or out.read_text().count("\n") < 5:
            assert time.monotonic() < deadline, out.read_text() if out.exists() else "nothing"
            time.sleep(0.1)
        lines = out.read_text().splitlines()
        assert lines[0] == "node7|stage1|-|step network done after 287 ms", lines
        assert re.fullmatch(r'node7\|stage1\|\[stage1@32473 step="4" .*code="S1-SRV-01".*\]\|10.0.2.2 port 80: .*',
                            lines[1]), lines
        assert re.fullmatch(r'.*\|stage1\|\[stage1@32473 phase="up" up="\d+" mac="52:54:00:00:00:07" node="7"\]\|up',
                            lines[2]), lines


# ---- what survives, and what is refused


def test_killed():
    """Killed by SIGKILL in the middle of boots and started again: what was known is there, the boots go on, and the
    history has each once."""
    with station() as s:
        boot(s, 1)
        s.say(2, *RECORDED)
        s.say(3, *RECORDED, FAILED)
        s.until(lambda nodes: len(nodes) == 3 and nodes["node1"]["phase"] == "up")
        time.sleep(1.5)
        s.kill()
        with open(s.state / "history.jsonl", "a") as history:
            history.write('{"began":17')  # a line that was cut off
        s.start()
        nodes = s.nodes()
        assert [nodes[f"node{i}"]["phase"] for i in (1, 2, 3)] == ["up", "stage1", "failed"], nodes
        s.say(2, DONE)
        s.say(2, UP, up=20_000)
        s.until(lambda nodes: nodes["node2"]["phase"] == "up" and nodes["node2"]["boots"] == 1)
        status, words = s.command("history")
        assert status == 0 and "2 boots of 2 nodes" in words and "1 lines could not be read" in words, words


def test_refused():
    """A port that is taken and a folder that another daemon has are named in words; nothing is left running."""
    with station() as s:
        run = s.node.run([HEAD_NODE, "status-daemon", "--state", s.state], check=False)
        assert run.returncode == 1 and b"another one runs with" in run.stderr, run
        run = s.node.run([HEAD_NODE, "status-daemon", "--state", f"{s.state}2"], check=False)
        assert run.returncode == 1 and b"UDP port 514: " in run.stderr and b"ss -lntup" in run.stderr, run
        run = s.node.run([HEAD_NODE, "status-daemon", "--port", "x"], check=False)
        assert run.returncode == 2, run
        assert s.command("status")[0] == 1  # nothing is known yet


def test_only_with_the_token():
    """What changes something needs the token, which only the owner of the folder can read."""
    with station() as s:
        s.say(1, *RECORDED)
        node = s.until(lambda nodes: nodes.get("node1"))
        path, token = f"/api/nodes/{node['id']}/forget", (s.state / "token").read_text().strip()
        assert (s.state / "token").stat().st_mode & 0o777 == 0o600
        assert s.get(path, method="POST")[0] == 401
        assert s.get(path, token=token[:-1], method="POST")[0] == 401
        assert s.get(path, token=token)[0] == 404  # to look is no change
        assert s.get(path, token=token, method="POST")[0] == 200
        s.until(lambda nodes: not nodes)
        assert s.get("/../status.json")[0] == 404 and s.get("/api/nodes/1/log")[0] == 404


# ---- strangers


def test_hostile_words():
    """Forged, damaged and hostile messages spoil no row but their own, and terminals get no escape codes."""
    with station() as s:
        s.say(1, *RECORDED)
        s.say(66, FAILED, name="node1", mac="52:54:00:00:00:01")
        s.say(67, "<30>1 - n stage1 - - - \x1b[2J\x07{name}", name=HOSTILE)
        with contextlib.closing(s.speaker("127.0.1.68")) as speaker:
            for seed in range(200):
                speaker.send(random.Random(seed).randbytes(seed * 7))
            speaker.send(b"<30>1 - \xff stage1 - - [stage1@32473 step=\"")
        s.until(lambda nodes: len(nodes) >= 3)
        time.sleep(1.5)
        everything = json.loads(s.command("status", "--json")[1])
        by_address = {node["address"]: node for node in everything["nodes"]}
        assert by_address["127.0.1.1"]["phase"] == "stage1" and not by_address["127.0.1.1"]["suspect"]
        assert "127.0.1.1" in by_address["127.0.1.66"]["suspect"], by_address["127.0.1.66"]
        assert everything["counts"]["damaged"] >= 1
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", s.command("status")[1])


def flood(s, stop, addresses):
    """Sends as fast as it goes, from all of ADDRESSES."""
    speakers = [s.speaker(address) for address in addresses]
    line = BYTES.format(name="flood", mac="52:54:00:00:ff:ff", id=1, done=1, up=5).encode()
    sent = 0
    while not stop.is_set():
        for speaker in speakers:
            with contextlib.suppress(OSError):
                speaker.send(line)
            sent += 1
    for speaker in speakers:
        speaker.close()
    return sent


def others_suffer(s, nodes, seconds):
    """NODES say five lines a second each; the part of it that was not heard."""
    before = {name: node["lines"] for name, node in s.nodes().items()}
    for _ in range(seconds * 5):
        for number in nodes:
            s.say(number, BYTES, done=1000, up=5000)
        time.sleep(0.2)
    time.sleep(1.2)
    after = s.nodes()
    heard = sum(after[f"node{number}"]["lines"] - before.get(f"node{number}", 0) for number in nodes)
    return 1 - heard / (len(nodes) * seconds * 5)


def test_floods():
    """One that floods with messages and one that floods with requests take from nobody else more than a tenth: lines of
    others are heard, the page answers, memory stays."""
    with station() as s:
        nodes = range(1, 9)
        for number in nodes:
            s.say(number, *RECORDED)
        s.until(lambda nodes: len(nodes) == 8)
        stop, answers = threading.Event(), []

        def requests():
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    answers.append(s.get("/api/nodes")[0])

        threads = [threading.Thread(target=flood, args=(s, stop, ["127.0.9.9"])),
                   threading.Thread(target=requests)]
        for thread in threads:
            thread.start()
        try:
            lost = others_suffer(s, nodes, 4)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert lost < 0.1, lost
        assert answers and set(answers) == {200}, answers[-5:]
        flooder = next(node for node in s.nodes().values() if node["address"] == "127.0.9.9")
        assert flooder["dropped"] > 1000 > flooder["lines"], flooder
        assert netns.memory(s.daemon()) < 40_000_000, netns.memory(s.daemon())


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_thousand_sessions():
    """Over 1,000 boots and as many requests, live ones that end in the middle too, memory and descriptors stay."""
    def session(s, number):
        boot(s, number % 64 + 1)
        with s.node.inside(), contextlib.closing(socket.create_connection(
                ("127.0.0.1", 8080), source_address=(f"127.0.3.{number % 200 + 1}", 0))) as c:
            c.send(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
            assert c.recv(1 if number % 2 else 100_000)

    with station() as s:
        for number in range(200):
            session(s, number)
        time.sleep(1.2)
        memory, open_files = netns.memory(s.daemon()), descriptors(s.daemon())
        for number in range(1000):
            session(s, number)
        time.sleep(2.2)
        assert netns.memory(s.daemon()) < memory + 1_500_000, (memory, netns.memory(s.daemon()))
        assert descriptors(s.daemon()) <= open_files + 4, (open_files, descriptors(s.daemon()))


# ---- the page


def fill(s, count, seconds=2):
    """COUNT nodes: most under way or up, some failed, one with a hostile name, one slow; a chain."""
    chain = []
    for second in range(seconds):
        for number in range(1, count + 1):
            name = HOSTILE.replace(" ", "_") if number == 13 else None
            part = 0.9 - number / count * 0.7
            if second == 0:
                s.say(number, *RECORDED, name=name)
            rate = 2_000_000 if number == 8 else 10_000_000 + second * 500_000
            s.say(number, BYTES, name=name, done=int(part * 3e8) - (seconds - second) * rate, up=5700 + second * 1000)
        time.sleep(1)
    for number in range(1, count + 1):
        if number in (5, 23, 41):
            s.say(number, FAILED, up=4700 + seconds * 1000)
        elif number % 3 == 0:
            s.say(number, DONE, UP, up=4700 + seconds * 1000)
        part = 1 if number % 3 == 0 else 0.9 - number / count * 0.7
        parent = "head" if number == 1 else f"127.0.1.{number - 1}"
        chain.append(f"node 127.0.1.{number} {parent} {'done' if part == 1 else 'ready'} {int(part * 3e8)} 300000000 "
                     f"{2_000_000 if number == 8 else 14_000_000}")
    (s.state / "chain").write_text("\n".join(chain) + "\n")


def looks_right(page, count):
    """The page shows COUNT nodes, failures first, hostile names as text; nobody else was asked, nothing went wrong."""
    page.wait(f"document.querySelectorAll('.node').length === {count}")
    page.wait("document.querySelectorAll('.node.failed').length === 3")
    assert page.run("[...document.querySelectorAll('.node')].slice(0, 3).every(e => e.classList.contains('failed'))")
    names = page.run("[...document.querySelectorAll('.node .name')].map(e => e.textContent)")
    assert HOSTILE.replace(" ", "_") in names, names
    assert page.run("document.querySelectorAll('img, script:not([src])').length") == 0
    assert page.run("document.documentElement.scrollWidth <= window.innerWidth"), "it is wider than the screen"
    assert page.origins() == {"http://127.0.0.1:8080"}, page.origins()
    assert not page.errors, page.errors


def test_page():
    """64 nodes with failures in Chromium, on a desktop and a phone: errors first, filters, one node's steps and log,
    live without reloading, hostile names as text, no errors, no requests to others."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with station() as s, Browser(node=s.node) as browser:
        fill(s, 64, 6)
        page = browser.open("http://127.0.0.1:8080/", 1200, 720)
        looks_right(page, 64)
        page.wait("document.getElementById('link').textContent === 'live'")
        page.picture(PICTURES / "status-desktop.png")
        page.run("document.querySelector('button.failed').click()")
        page.wait("document.querySelectorAll('.node').length === 3")
        page.run("document.querySelector('.node').click()")
        page.wait("document.getElementById('d-log').textContent.includes('Connection refused')")
        assert "[4/6] image      FAILED" in page.run("document.getElementById('d-steps').textContent")
        assert "Is the service running" in page.run("document.getElementById('d-hint').textContent")
        page.picture(PICTURES / "status-node.png")
        page.run("document.getElementById('close').click(); document.querySelector('button.all').click()")
        s.say(7, FAILED, up=40_000)
        page.wait("document.querySelectorAll('.node.failed').length === 4")
        s.say(7, UP, up=90_000)
        page.wait("document.querySelectorAll('.node.failed').length === 3")
        phone = browser.open("http://127.0.0.1:8080/", 390, 844, phone=True)
        looks_right(phone, 64)
        phone.wait("document.getElementById('link').textContent === 'live'")
        phone.picture(PICTURES / "status-phone.png")
        assert not page.errors and not phone.errors


def test_page_with_400():
    """With 400 nodes that all change each second the page draws in less than half a second, and follows."""
    with station() as s, Browser(node=s.node) as browser:
        fill(s, 400)
        page = browser.open("http://127.0.0.1:8080/", 1920, 1080)
        page.wait("document.querySelectorAll('.node').length >= 400", 60)
        took = page.run("(() => { const t = performance.now(); draw_now(); return performance.now() - t; })()")
        assert took < 500, took
        s.say(400, FAILED)
        page.wait("[...document.querySelectorAll('.node.failed .name')].some(e => e.textContent === 'node400')")
        assert not page.errors, page.errors
