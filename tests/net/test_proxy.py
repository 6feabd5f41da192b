"""test_proxy.py - methods through a proxy by stage1-fetch: tinyproxy and squid between a node and servers it cannot reach."""
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import pathlib

import netns
from badserver import BadServer, http_file, http_status
from fetcher import fetch, some_bytes
from ftpd import Vsftpd

IMAGE = some_bytes(300_000)
OTHER = some_bytes(300_000, seed=2)
OVERLAP = 4096  # of methods/transfer.h

TINYPROXY = """
Port 3128
Listen 10.8.0.1
Timeout 60
MaxClients 20
"""

SQUID = """
http_port 10.8.0.1:3128
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

    def __init__(self, lab, kind):
        self.lab = lab
        self.node, self.proxy, self.head = lab.node("node"), lab.node("proxy"), lab.node("head")
        lab.cable(self.node, self.proxy, "eth0", "eth0")
        lab.cable(self.proxy, self.head, "eth1", "eth0")
        self.node.address("eth0", "10.8.0.2/24")
        self.proxy.address("eth0", "10.8.0.1/24")
        self.proxy.address("eth1", "10.9.0.2/24")
        self.head.address("eth0", "10.9.0.1/24")
        self.proxy.etc("hosts", "127.0.0.1 localhost\n10.9.0.1 head.lab\n")
        lab.file("hosts", "10.9.0.1 head.lab\n")
        if kind == "squid":
            conf = lab.file("conf", SQUID.format(dir=lab.dir))
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

    def serve(self, *script, port=80):
        with self.head.inside():
            return BadServer(*script, host="10.9.0.1", port=port)

    def fetch(self, words, **how):
        image = "" if "image:" in words else ",image:x"
        return fetch(words + image + ",directory:/,timeout:5,proxy_host:10.8.0.1", node=self.node, **how)


@contextlib.contextmanager
def proxied(kind):
    with netns.Lab() as lab:
        proxied_lab = Proxied(lab, kind)
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
