"""test_names.py - names and connections: dnsmasq as name server, servers that are silent, refuse, lie, cut; dead
hosts."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import socket
import struct
import threading

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
NETNAME = pathlib.Path(os.environ.get("NETNAME", ROOT / "build/tests/netname"))


class Answer:
    """What netname said."""

    def __init__(self, node, host, *servers, port=80, seconds=10, **env):
        assert NETNAME.exists(), f"{NETNAME} is missing: make test-programs"
        result = node.run([NETNAME, str(seconds), host, str(port), *servers], check=False, env=env)
        self.text = (result.stdout + result.stderr).decode()
        assert result.returncode in (0, 1), f"netname crashed ({result.returncode})\n{self.text}"
        self.addresses = re.findall(r"^address (.*)", self.text, re.M)
        self.connected = (re.findall(r"^connected (.*)", self.text, re.M) or [None])[0]
        self.code = (re.findall(r"^failed (\S+)", self.text, re.M) or [None])[0]
        self.ms = int(re.search(r"^ms (\d+)", self.text, re.M).group(1))

    def __str__(self):
        return self.text


def network(lab):
    """A head 10.9.0.1, .2, .3 and a node 10.9.0.9, with IPv6 2001:db8::1 and ::9."""
    head, node = lab.node("head"), lab.node("node")
    lab.cable(head, node)
    head.address("eth0", "10.9.0.1/24", "10.9.0.2/24", "10.9.0.3/24")
    node.address("eth0", "10.9.0.9/24")
    return head, node


def name_server(node, *options):
    """dnsmasq as name server on all addresses of the node."""
    program = netns.need("dnsmasq", "dnsmasq-base")
    return node.start([program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                       "--user=root",
                       "--log-facility=-", "--pid-file=", "--local=/example/", *options], ready=netns.port(53, "udp"))


class FakeNameServer(threading.Thread):
    """Calls ANSWER(query, port) for each UDP query; what it returns (bytes, list, None) is sent back."""

    def __init__(self, node, address, answer):
        super().__init__(daemon=True)
        self.answer, self.seen, self.ports = answer, [], []
        with node.inside():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind((address, 53))
        self.start()

    def run(self):
        while True:
            query, who = self.socket.recvfrom(4096)
            self.seen.append(query)
            self.ports.append(who[1])
            answers = self.answer(query) or []
            for one in [answers] if isinstance(answers, bytes) else answers:
                self.socket.sendto(one, who)


def answer_to(query, *records, rcode=0, flags=0x8180):
    return query[:2] + struct.pack(">HHHHH", flags | rcode, 1, len(records), 0, 0) + query[12:] + b"".join(records)


def a_record(address, name=b"\xc0\x0c"):
    return name + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)


def test_addresses_of_a_name():
    """All addresses of a name are found; an unknown name is S1-DNS-02, one without address too."""
    with netns.Lab() as lab:
        head, node = network(lab)
        name_server(head, "--host-record=www.example,10.9.0.5", "--host-record=www.example,10.9.0.6",
                    "--txt-record=text.example,hello", "--cname=alias.example,www.example")
        assert sorted(Answer(node, "www.example", "10.9.0.1").addresses) == ["10.9.0.5", "10.9.0.6"]
        assert sorted(Answer(node, "WWW.Example.", "10.9.0.1").addresses) == ["10.9.0.5", "10.9.0.6"]
        assert sorted(Answer(node, "alias.example", "10.9.0.1").addresses) == ["10.9.0.5", "10.9.0.6"]
        unknown = Answer(node, "none.example", "10.9.0.1")
        assert unknown.code == "S1-DNS-02" and "none.example does not exist" in unknown.text, unknown
        assert "has no address" in Answer(node, "text.example", "10.9.0.1").text
        for bad in ("a..b", "a b", "", "x" * 64 + ".example", "a." * 130 + "b"):
            assert Answer(node, bad, "10.9.0.1").code == "S1-DNS-02", bad


def test_numbers_need_no_server():
    """Numeric addresses need no name server; a name without any server known is S1-DNS-01."""
    with netns.Lab() as lab:
        _, node = network(lab)
        assert Answer(node, "10.9.0.1", NO_SYSTEM="1").addresses == ["10.9.0.1"]
        assert Answer(node, "2001:db8::1", NO_SYSTEM="1").addresses == ["2001:db8::1"]
        assert Answer(node, "[::1]", NO_SYSTEM="1").addresses == ["::1"]
        assert Answer(node, "www.example", NO_SYSTEM="1").code == "S1-DNS-01"


def test_the_search_list():
    """A bare name is looked for with the search list first, a dotted one as it stands first."""
    with netns.Lab() as lab:
        head, node = network(lab)
        name_server(head, "--host-record=www.b.example,10.9.0.5", "--host-record=www.example,10.9.0.6",
                    "--host-record=www.example.b.example,10.9.0.7", "--local=/www/")
        search = {"SEARCH": "a.example b.example"}
        assert Answer(node, "www", "10.9.0.1", **search).addresses == ["10.9.0.5"]
        assert Answer(node, "www.example", "10.9.0.1", **search).addresses == ["10.9.0.6"]
        assert Answer(node, "www.example.", "10.9.0.1", **search).addresses == ["10.9.0.6"]
        assert Answer(node, "www.", "10.9.0.1", **search).code == "S1-DNS-02"


def test_a_silent_server_is_passed_over():
    """A name server that is silent costs a second, one that refuses costs nothing; the next one answers."""
    with netns.Lab() as lab:
        head, node = network(lab)
        FakeNameServer(head, "10.9.0.3", lambda query: None)
        name_server(head, "--host-record=www.example,10.9.0.5", "--listen-address=10.9.0.2", "--bind-interfaces")
        silent = Answer(node, "www.example", "10.9.0.3", "10.9.0.2")
        assert silent.addresses == ["10.9.0.5"] and 900 < silent.ms < 2000, silent
        refused = Answer(node, "www.example", "10.9.0.1", "10.9.0.2")
        assert refused.addresses == ["10.9.0.5"] and refused.ms < 500, refused


def test_servers_that_cannot_tell():
    """SERVFAIL from one server leads to the next; from all of them it is S1-DNS-03, long before the deadline."""
    with netns.Lab() as lab:
        head, node = network(lab)
        FakeNameServer(head, "10.9.0.2", lambda query: answer_to(query, rcode=2))
        name_server(head, "--host-record=www.example,10.9.0.5", "--listen-address=10.9.0.1", "--bind-interfaces")
        assert Answer(node, "www.example", "10.9.0.2", "10.9.0.1").addresses == ["10.9.0.5"]
        failed = Answer(node, "www.example", "10.9.0.2", seconds=30)
        assert failed.code == "S1-DNS-03" and "10.9.0.2 cannot tell (code 2)" in failed.text
        assert failed.ms < 10000, failed


def test_nobody_answers():
    """No answer at all is S1-DNS-03 at the deadline, and names the server."""
    with netns.Lab() as lab:
        head, node = network(lab)
        server = FakeNameServer(head, "10.9.0.2", lambda query: None)
        silent = Answer(node, "www.example", "10.9.0.2", seconds=3)
        assert silent.code == "S1-DNS-03" and "10.9.0.2 does not answer" in silent.text, silent
        assert 2900 < silent.ms < 4000 and 2 <= len(server.seen) <= 4


def test_a_lost_query_is_sent_again():
    """A query that is lost is sent again after a second."""
    with netns.Lab() as lab:
        head, node = network(lab)
        server = FakeNameServer(head, "10.9.0.2", lambda q: answer_to(q, a_record("10.9.0.5"))
                                if len(server.seen) > 1 else None)
        answer = Answer(node, "www.example", "10.9.0.2")
        assert answer.addresses == ["10.9.0.5"] and answer.ms < 2000, answer


def test_forged_and_damaged_answers():
    """Answers with another id or name, and damaged ones, are passed over; the true one behind them counts."""
    with netns.Lab() as lab:
        head, node = network(lab)

        def answer(query):
            true = answer_to(query, a_record("10.9.0.5"))
            other_id = bytes([query[0] ^ 1]) + true[1:]
            return [other_id, true[:20], true.replace(b"\x03www", b"\x03wwx"), b"", b"\0" * 500, true]

        FakeNameServer(head, "10.9.0.2", answer)
        assert Answer(node, "www.example", "10.9.0.2").addresses == ["10.9.0.5"]


def test_ids_and_ports_differ():
    """Each query has its own id and source port (RFC 5452)."""
    with netns.Lab() as lab:
        head, node = network(lab)
        server = FakeNameServer(head, "10.9.0.2", lambda query: answer_to(query, a_record("10.9.0.5")))
        for _ in range(5):
            assert Answer(node, "www.example", "10.9.0.2").code is None
        assert len({query[:2] for query in server.seen}) == 5 and len(set(server.ports)) == 5, server.ports


def test_long_answers_come_by_tcp():
    """An answer too long for UDP is asked for again by TCP."""
    with netns.Lab() as lab:
        head, node = network(lab)
        addresses = [f"10.9.{i // 250}.{i % 250 + 1}" for i in range(200)]
        name_server(head, *[f"--host-record=big.example,{a}" for a in addresses])
        answer = Answer(node, "big.example", "10.9.0.1")
        assert len(answer.addresses) == 200, answer


def test_an_alias_the_server_does_not_follow():
    """A server that returns only the alias is asked for its target; aliases in a circle end in S1-DNS-02."""
    with netns.Lab() as lab:
        head, node = network(lab)
        to = lambda target: b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, len(target)) + target

        def answer(query):
            if b"\x03www" in query:
                return answer_to(query, to(b"\x03web\x07example\x00"))
            if b"\x04loop" in query:
                return answer_to(query, to(b"\x05loop2\x07example\x00"))
            if b"\x05loop2" in query:
                return answer_to(query, to(b"\x04loop\x07example\x00"))
            return answer_to(query, a_record("10.9.0.5"))

        FakeNameServer(head, "10.9.0.2", answer)
        assert Answer(node, "www.example", "10.9.0.2").addresses == ["10.9.0.5"]
        assert Answer(node, "loop.example", "10.9.0.2").code == "S1-DNS-02"


def test_the_running_systems_files():
    """Without a network of its own the running system's hosts and resolv.conf are used."""
    with netns.Lab() as lab:
        head, node = network(lab)
        name_server(head, "--host-record=www.example,10.9.0.5")
        node.etc("resolv.conf", "search example\nnameserver 10.9.0.1\n")
        node.etc("hosts", "127.0.0.1 localhost\n10.9.0.77 mirror mirror.example\n")
        assert Answer(node, "mirror").addresses == ["10.9.0.77"]
        assert Answer(node, "localhost").addresses == ["127.0.0.1"]
        assert Answer(node, "www").addresses == ["10.9.0.5"]


def test_ipv6_comes_first_where_there_is_any():
    """AAAA is asked for only where the node has an IPv6 address; addresses without a route are dropped."""
    with netns.Lab() as lab:
        head, node = network(lab)
        server = name_server(head, "--host-record=www.example,10.9.0.5,2001:db8::5", "--log-queries")
        assert Answer(node, "www.example", "10.9.0.1").addresses == ["10.9.0.5"]
        assert "AAAA" not in server.text()
        node.address("eth0", "2001:db8::9/64")
        assert Answer(node, "www.example", "10.9.0.1").addresses == ["2001:db8::5", "10.9.0.5"]
        node.ip("-6", "route", "del", "2001:db8::/64", "dev", "eth0")
        assert Answer(node, "www.example", "10.9.0.1").addresses == ["10.9.0.5"]


def test_connecting():
    """A dead first address costs 0.3 s, not the deadline; refused, unreachable and silent are told apart."""
    with netns.Lab() as lab:
        head, node = network(lab)
        name_server(head, "--host-record=two.example,10.9.0.1", "--host-record=two.example,10.9.0.200")
        head.start(["sh", "-c", "exec python3 -m http.server 8000"], ready=netns.port(8000), cwd=lab.dir)
        connect = {"port": 8000, "CONNECT": "1"}
        assert Answer(node, "10.9.0.1", **connect).connected == "10.9.0.1"
        for _ in range(3):
            both = Answer(node, "two.example", "10.9.0.1", **connect)
            assert both.connected == "10.9.0.1" and both.ms < 1000, both
        refused = Answer(node, "10.9.0.1", port=8001, CONNECT="1")
        assert refused.code == "S1-SRV-01" and "10.9.0.1 port 8001: Connection refused" in refused.text, refused
        assert Answer(node, "10.77.0.1", **connect).code == "S1-SRV-02"
        head.run(["sh", "-c", "ip route add blackhole 10.9.0.9/32"])
        silent = Answer(node, "10.9.0.1", seconds=2, **connect)
        assert silent.code == "S1-SRV-03" and 1900 < silent.ms < 3000, silent
