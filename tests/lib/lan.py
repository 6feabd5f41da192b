"""lan.py - one head node with every server there is (nginx with and without TLS, vsftpd, tftpd-hpa) beside a node.

    with netns.Lab() as lab:
        lan = Lan(lab)                                     node 10.9.0.2 - head 10.9.0.1; .root is what all servers
        serve
        lan.add("x", data)
        fetch(lan.words("https", "x"), node=lan.node, env=lan.env).is_file(data)
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: nginx-light vsftpd tftpd-hpa
import functools
import os
import re
import signal
import tempfile
import threading
import time

import netns
from authority import Authority
from ftpd import Vsftpd

HEAD, NODE = "10.9.0.1", "10.9.0.2"
METHODS = ("http", "https", "ftp", "tftp")
USER, PASS = "me", "s3cret"  # of /private; for ftp of every file

NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.err; user root;
events {{ }}
http {{
    access_log {dir}/nginx.log;
    default_type application/octet-stream;
    sendfile on;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    server {{
        listen {head}:80;
        listen {head}:443 ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {root};
        location /closed/ {{ deny all; }}
        location /private/ {{ auth_basic "private"; auth_basic_user_file {dir}/htpasswd; }}
        {extra}
    }}
}}
"""


_making = threading.Lock()


@functools.cache
def _proof():
    """The authority of all of them, and the head's certificate; the folder lives as long as the process."""
    folder = tempfile.TemporaryDirectory(prefix="lan-")
    os.chmod(folder.name, 0o755)
    authority = Authority(folder.name)
    return folder, authority.bundle, authority.issue("head.lab", ips=[HEAD])


class Lan:
    """See above. NGINX_EXTRA and FTP_EXTRA go into the servers' configurations."""

    def __init__(self, lab, nginx_extra="", ftp_extra=""):
        with _making:
            _, bundle, (certificate, key) = _proof()
        self.lab, self.env = lab, {"SSL_CERT_FILE": str(bundle)}
        self.head, self.node = lab.node("head"), lab.node("node")
        lab.cable(self.head, self.node)
        self.head.address("eth0", HEAD + "/24")
        self.node.address("eth0", NODE + "/24")
        self.ftpd = Vsftpd(lab, ftp_extra, node=self.head)
        self.root = self.ftpd.root
        lab.file("htpasswd", f"{USER}:{{PLAIN}}{PASS}\n")
        conf = lab.file("nginx.conf", NGINX.format(dir=lab.dir, head=HEAD, root=self.root, certificate=certificate,
                                                   key=key,
                                                   extra=nginx_extra))
        self.head.start([netns.need("nginx", "nginx-light"), "-c", conf, "-e", lab.dir / "nginx.err"],
                        ready=netns.port(80))
        self.head.start([netns.need("in.tftpd", "tftpd-hpa"), "-L", "-s", "-u", "nobody", self.root],
                        ready=netns.port(69, "udp"))

    def add(self, name, data):
        """Puts a file where all servers find it; returns its path."""
        self.ftpd.add(name, data)
        return self.root / name

    def words(self, method, image, more="", server=HEAD):
        """The automatic= value that fetches IMAGE; without retries unless MORE has them."""
        retries = "" if "retries:" in more else ",retries:0"
        return f"method:{method},server:{server},directory:/,image:{image}{retries}{more}"

    def signal(self, number):
        """Sends a signal to every process of the head node."""
        for pid in self.head.pids():
            os.kill(pid, number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        """All servers are gone, their ports are closed."""
        self.signal(signal.SIGKILL)
        deadline = time.monotonic() + 5
        while self.head.pids() and time.monotonic() < deadline:
            time.sleep(0.01)  # a killed process closes its ports a moment later

    def sent(self):
        """How many bytes the head node has sent so far."""
        return self.head.sent("eth0")

    def web_requests(self):
        """nginx's log."""
        return (self.lab.dir / "nginx.log").read_text().splitlines()

    def web_statuses(self):
        """The status of each of nginx's answers to GET."""
        return [re.search(r'" (\d+) ', row).group(1) for row in self.web_requests() if '"GET ' in row]
