"""test_proxy.py - methods through a proxy by stage1-fetch: tinyproxy and squid between a node and servers it cannot
reach."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: tinyproxy-bin squid iputils-ping
import contextlib
import pathlib
import tempfile
from base64 import b64encode

import netns
from authority import Authority, context
from badserver import BadServer, http_file, http_status
from fetcher import fetch, some_bytes
from ftpd import Vsftpd

IMAGE = some_bytes(300_000)
OTHER = some_bytes(300_000, seed=2)
OVERLAP = 4096  # of methods/retrieve/transfer.h

TINYPROXY = """
Port 3128
Listen 10.8.0.1
Listen fd08::1
Timeout 60
MaxClients 20
"""

SQUID = """
http_port 10.8.0.1:3128
http_port [fd08::1]:3128
http_access allow all
cache deny all
cache_mem 8 MB
pid_filename none
cache_log /dev/null
access_log none
coredump_dir /tmp
hosts_file {dir}/hosts
visible_hostname proxy
shutdown_lifetime 0
forwarded_for off
pinger_enable off
via off
"""


class Proxied:
    """node (10.8.0.2) - proxy (10.8.0.1, 10.9.0.2) - head (10.9.0.1, called head.lab by the proxy only)."""

    def __init__(self, lab, kind, squid_conf):
        self.lab = lab
        self.node, self.proxy, self.head = lab.node("node"), lab.node("proxy"), lab.node("head")
        lab.cable(self.node, self.proxy, "eth0", "eth0")
        lab.cable(self.proxy, self.head, "eth1", "eth0")
        self.node.address("eth0", "10.8.0.2/24", "fd08::2/64")
        self.proxy.address("eth0", "10.8.0.1/24", "fd08::1/64")
        self.proxy.address("eth1", "10.9.0.2/24", "fd09::2/64")
        self.head.address("eth0", "10.9.0.1/24", "fd09::1/64")
        self.proxy.etc("hosts", "127.0.0.1 localhost\n10.9.0.1 head.lab\n")
        lab.file("hosts", "10.9.0.1 head.lab\n")
        if kind == "squid":
            conf = lab.file("conf", squid_conf.format(dir=lab.dir))
            argv = [netns.need("squid", "squid"), "-N", "-n", self.squid_name(), "-f", conf]
        else:
            argv = [netns.need("tinyproxy", "tinyproxy-bin"), "-d", "-c", lab.file("conf", TINYPROXY)]
        self.proxy.start(argv, ready=netns.port(3128))

    def squid_name(self):
        """squid's shared memory is named after its service, whatever namespace it is in, and outlives it."""
        return self.lab.prefix.replace("-", "x")

    def clean_up(self):
        for path in pathlib.Path("/dev/shm").glob(self.squid_name() + "-*"):
            path.unlink()

    def serve(self, *script, port=80, host="10.9.0.1", tls=None):
        with self.head.inside():
            return BadServer(*script, host=host, port=port, tls=tls)

    def fetch(self, words, proxy="10.8.0.1", **how):
        image = "" if "image:" in words else ",image:x"
        return fetch(words + image + f",directory:/,timeout:5,proxy_host:{proxy}", node=self.node, **how)


@contextlib.contextmanager
def proxied(kind, squid_conf=SQUID):
    with netns.Lab() as lab:
        proxied_lab = Proxied(lab, kind, squid_conf)
        try:
            yield proxied_lab
        finally:
            proxied_lab.clean_up()


def test_http_by_a_proxy():
    """A file comes through tinyproxy and squid, by address and by a name that only the proxy knows, and is resumed."""
    for kind in ("tinyproxy", "squid"):
        with proxied(kind) as lab:
            with lab.serve(http_file(IMAGE)) as server:
                lab.fetch("method:http,server:10.9.0.1").is_file(IMAGE)
                lab.fetch("method:http,server:head.lab,proxy_port:3128").is_file(IMAGE)
                assert server.requests[1].headers["host"] == "head.lab"
            with lab.serve(http_file(IMAGE, cut=100_000), http_file(IMAGE), port=81) as server:
                lab.fetch("method:http,server:head.lab:81").is_file(IMAGE)
                assert 0 < server.requests[1].first_byte() <= 100_000 - OVERLAP


def test_ipv6_by_a_proxy():
    """Addresses of IPv6, of the server and of the proxy, with and without brackets."""
    for kind in ("tinyproxy", "squid"):
        with proxied(kind) as lab, lab.serve(http_file(IMAGE), host="fd09::1", port=81) as server:
            lab.fetch("method:http,server:[fd09::1]:81").is_file(IMAGE)
            lab.fetch("method:http,server:[fd09::1]:81", proxy="fd08::1").is_file(IMAGE)
            lab.fetch("method:http,server:fd09::1,port:81", proxy="[fd08::1]").is_file(IMAGE)
            assert {request.headers["host"] for request in server.requests} == {"[fd09::1]:81"}


def test_https_by_a_proxy():
    """By CONNECT through tinyproxy and squid: a name that only the proxy knows, an address of IPv6, a login that goes
    to the server and not to the proxy; cut and resumed; failures of the proxy's and of the server's are told apart."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(folder)
        tls = context(*authority.issue("head.lab", ips=["fd09::1"]))
        trust = {"SSL_CERT_FILE": str(authority.bundle)}
        for kind in ("tinyproxy", "squid"):
            with proxied(kind) as lab:
                with lab.serve(http_file(IMAGE, cut=100_000), http_file(IMAGE), port=443, tls=tls) as server:
                    lab.fetch("method:https,server:head.lab,user:me,pass:s3cret,retries:1", env=trust).is_file(IMAGE)
                    assert server.requests[1].first_byte() == 100_000 - OVERLAP
                    assert server.requests[0].headers["authorization"] == "Basic " + b64encode(b"me:s3cret").decode()
                with lab.serve(http_file(IMAGE), host="fd09::1", port=444, tls=tls):
                    lab.fetch("method:https,server:[fd09::1]:444", env=trust).is_file(IMAGE)
                with lab.serve(http_status("404 Not Found"), port=445, tls=tls):
                    lab.fetch("method:https,server:head.lab:445,retries:0", env=trust).failed("S1-SRV-06", "404")
                lab.fetch("method:https,server:head.lab:446,retries:0", env=trust).failed("S1-SRV-08", "the proxy says")
                lab.fetch("method:https,server:10.9.0.1:443,retries:0", proxy="10.8.0.77").failed("S1-SRV-02",
                        "10.8.0.77")


def test_a_proxy_that_wants_a_login():
    """A proxy that lets only known people pass is a denial that says so, with and without TLS."""
    closed = SQUID.replace("http_access allow all",
                           "auth_param basic program /bin/false\nacl known proxy_auth REQUIRED\n"
                           "http_access allow known\nhttp_access deny all")
    with proxied("squid", closed) as lab:
        lab.fetch("method:http,server:10.9.0.1,retries:0").failed("S1-SRV-07", "407", "the proxy wants a login")
        lab.fetch("method:https,server:10.9.0.1,retries:0").failed("S1-SRV-07", "the proxy says", "407")


def test_failures_by_a_proxy():
    """404 of the server, an unreachable server, and a proxy that is not there, are told apart."""
    with proxied("squid") as lab:
        with lab.serve(http_status("404 Not Found")):
            lab.fetch("method:http,retries:0,server:head.lab").failed("S1-SRV-06", "http://head.lab/x: HTTP/1.1 404")
        lab.fetch("method:http,retries:0,server:head.lab:99").failed("S1-SRV-08", "503")
        lab.fetch("method:http,retries:0,server:head.lab,proxy_port:99").failed("S1-SRV-01", "10.8.0.1")
        lab.fetch("method:http,retries:0,server:head.lab,proxy_port:no").failed("S1-CMD-04", "proxy_port")


def test_redirections_by_a_proxy():
    """A redirection to another server is followed through the proxy too."""
    with proxied("tinyproxy") as lab:
        with lab.serve(http_status("302 Go", "Location: http://head.lab:82/y")), \
                lab.serve(http_file(IMAGE), port=82) as other:
            lab.fetch("method:http,server:head.lab").is_file(IMAGE)
            assert other.requests


def test_ftp_by_a_proxy():
    """squid fetches from an FTP server for a node that cannot, with the login given."""
    with proxied("squid") as lab:
        server = Vsftpd(lab.lab, node=lab.head)
        server.add("x", IMAGE)
        server.add("x", OTHER, server.private)
        lab.fetch("method:ftp,server:head.lab").is_file(IMAGE)
        lab.fetch("method:ftp,server:head.lab,user:me,pass:s3cret").is_file(OTHER)
        got = lab.fetch("method:ftp,server:head.lab,user:me,pass:wr0ng,retries:0", options=("-v", "-o", "F"))
        assert got.status == 1 and "S1-SRV-07" in got.words and "wr0ng" not in got.words, got.words
        lab.fetch("method:ftp,server:head.lab,image:none,retries:0").failed("S1-SRV-06", "ftp://head.lab/none")
