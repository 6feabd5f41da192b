"""test_https.py - method https by stage1-fetch: nginx and a server of bad manners, trusted and not, by the way of
proxies."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: openssl procps tinyproxy-bin
import base64
import contextlib
import functools
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import time

import netns
from authority import Authority, context, pin
from badserver import BadServer, MODIFIED, greeting, hang_up, http_chunked, http_file, http_status, silent
from fetcher import PROGRAM, fetch, some_bytes
from web import Web

IMAGE = some_bytes(300_000)
OTHER = some_bytes(300_000, seed=2)
OVERLAP = 4096  # of methods/retrieve/transfer.h


@functools.cache
def world():
    """A folder, and an authority in it."""
    folder = tempfile.TemporaryDirectory(prefix="tls-")
    return folder, Authority(folder.name)


@functools.cache
def local(kind="ec"):
    """A certificate for this machine's loopback."""
    return world()[1].issue("localhost", ips=["127.0.0.1", "::1"], kind=kind)


def trusting(bundle=None):
    return {"SSL_CERT_FILE": str(bundle or world()[1].bundle)}


def line(server, more="", host="127.0.0.1"):
    retries = "" if "retries:" in more else ",retries:0"
    return f"method:https,server:{host}:{getattr(server, 'port', server)},directory:/,image:x{retries}{more}"


def listens(process, port):
    """Waits until the process does."""
    end = time.monotonic() + 20
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < end and process.poll() is None, port
        time.sleep(0.05)


@contextlib.contextmanager
def nginx(certificate, key, extra=""):
    """An nginx that speaks TLS on .tls, and http on .port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Web(extra=f"listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; {extra}")
    server.tls = port
    (server.root / "x").write_bytes(IMAGE)
    try:
        listens(server.process, port)
        yield server
    finally:
        server.process.kill()
        server.process.wait()


# ---- what goes right


def test_files_from_nginx():
    """Files come whole from nginx, with keys of both kinds and with each cipher."""
    for kind in ("ec", "ec384", "rsa"):
        with nginx(*local(kind)) as server:
            fetch(line(server.tls), env=trusting()).is_file(IMAGE)
            fetch(line(server.tls, host="localhost"), env=trusting()).is_file(IMAGE)
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"):
        with nginx(*local(), extra=f"ssl_ciphers ECDHE-ECDSA-{cipher};") as server:
            fetch(line(server.tls), env=trusting()).is_file(IMAGE)


def test_a_big_file():
    """40 MB arrive with every byte, also in memory."""
    data = some_bytes(40_000_000)
    with nginx(*local()) as server:
        (server.root / "x").write_bytes(data)
        fetch(line(server.tls), env=trusting()).is_file(data)
        got = fetch(line(server.tls), env=trusting(), options=("-o", "-"))
        assert got.status == 0 and got.stdout == data, got.words


def test_authorities_in_between():
    """A chain with an authority in between; a bundle of many authorities, of which one is the right one."""
    folder, root = world()
    middle_key = pathlib.Path(folder.name) / "middle.key"
    made = root.issue("Middle Authority")
    middle = Authority(folder.name, "Middle")
    del made, middle_key
    ext = pathlib.Path(folder.name) / "middle.ext"
    ext.write_text("basicConstraints=critical,CA:TRUE\n")
    csr, crt = pathlib.Path(folder.name) / "middle.csr", pathlib.Path(folder.name) / "middle.crt"
    subprocess.run(["openssl", "req", "-new", "-key", middle.key, "-subj", "/CN=Middle", "-out", csr], check=True,
                   capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", csr, "-CA", root.bundle, "-CAkey", root.key, "-CAcreateserial",
                    "-days", "30", "-extfile", ext, "-out", crt], check=True, capture_output=True)
    leaf, key = middle.issue("localhost", ips=["127.0.0.1"])
    chain = pathlib.Path(folder.name) / "chain.pem"
    chain.write_bytes(leaf.read_bytes() + crt.read_bytes())
    bundle = pathlib.Path(folder.name) / "bundle.pem"
    bundle.write_bytes(b"# comment\n" + Authority(folder.name, "Stranger", kind="rsa").bundle.read_bytes()
                       + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + root.bundle.read_bytes())
    with nginx(chain, key) as server:
        fetch(line(server.tls), env=trusting(bundle)).is_file(IMAGE)
    with nginx(leaf, key) as server:
        fetch(line(server.tls), env=trusting(bundle)).failed("S1-TLS-01")


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def middle(name, extensions="", signer=None, options=(), kind="ec"):
    """An authority below the first one, and its certificate, with lines of openssl's extensions."""
    folder, root = world()
    signer = signer or root
    made = Authority(folder.name, name, kind=kind)
    base = pathlib.Path(folder.name, name)
    base.with_suffix(".mext").write_text("basicConstraints=critical,CA:TRUE\n" + extensions)
    openssl("req", "-new", "-key", made.key, "-subj", "/CN=" + name, "-out", base.with_suffix(".mcsr"))
    openssl("x509", "-req", "-in", base.with_suffix(".mcsr"), "-CA", signer.bundle, "-CAkey", signer.key,
            "-CAcreateserial",
            "-days", 30, "-extfile", base.with_suffix(".mext"), "-out", base.with_suffix(".mcrt"), *options)
    return made, base.with_suffix(".mcrt")


def chain(*paths):
    """One file of them all."""
    made = pathlib.Path(world()[0].name, "chain.pem")
    made.write_bytes(b"".join(path.read_bytes() for path in paths))
    return made


def test_chains_in_any_order():
    """The server's certificate twice, its chain out of order, with strangers in it and behind it."""
    folder, root = world()
    between, own = middle("Between")
    leaf, key = between.issue("localhost", ips=["127.0.0.1"])
    stranger = Authority(folder.name, "Stranger").bundle
    for sent in ((leaf, leaf, own), (leaf, root.bundle, own), (leaf, stranger, own, stranger)):
        with nginx(chain(*sent), key) as server:
            fetch(line(server.tls), env=trusting()).is_file(IMAGE)


def test_name_constraints():
    """What an authority may not name is refused, critical or not; with the words for it."""
    for critical in ("critical,", ""):
        between, own = middle("Narrow",
                              f"nameConstraints={critical}permitted;IP:127.0.0.0/255.0.0.0,permitted;DNS:localhost\n")
        leaf, key = between.issue("localhost", ips=["127.0.0.1"])
        with nginx(chain(leaf, own), key) as server:
            fetch(line(server.tls), env=trusting()).is_file(IMAGE)
        between, own = middle("Elsewhere", f"nameConstraints={critical}excluded;IP:127.0.0.0/255.0.0.0\n")
        leaf, key = between.issue("localhost", ips=["127.0.0.1"])
        with nginx(chain(leaf, own), key) as server:
            fetch(line(server.tls), env=trusting()).failed("S1-TLS-01",
                                                           "127.0.0.1, which the name constraints of \"Elsewhere\"")


def test_long_keys():
    """RSA of 8192 bits, of an authority and of the server, also pinned; certificates signed with PSS."""
    folder, root = world()
    pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
    long, own = middle("Long", kind="rsa8192")
    shorter, own2 = middle("Shorter", signer=type("", (), {"bundle": own, "key": long.key}), options=pss, kind="rsa")
    leaf, key = shorter.issue("localhost", ips=["127.0.0.1"])
    with nginx(chain(leaf, own2, own), key) as server:
        fetch(line(server.tls), env=trusting()).is_file(IMAGE)
    csr, crt, ext = (pathlib.Path(folder.name, "long." + end) for end in ("csr", "crt", "ext"))
    ext.write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("req", "-new", "-key", long.key, "-subj", "/CN=x", "-out", csr)
    openssl("x509", "-req", "-in", csr, "-CA", root.bundle, "-CAkey", root.key, "-CAcreateserial", "-days", 30,
            "-extfile", ext,
            "-out", crt)
    with nginx(crt, long.key) as server:
        fetch(line(server.tls), env=trusting()).is_file(IMAGE)
        fetch(line(server.tls, ",pin:" + pin(crt)), env=trusting("/nonexistent")).is_file(IMAGE)


def test_pins():
    """A pinned key is trusted whatever its certificate says, in hexadecimal and in base64; another key is not."""
    folder = tempfile.TemporaryDirectory()
    stranger = Authority(folder.name, "Stranger")
    certificate, key = stranger.issue("elsewhere.example", kind="rsa", start="20200101000000Z", end="20200102000000Z")
    digits = pin(certificate)
    base = base64.b64encode(bytes.fromhex(digits)).decode()
    nothing = {"SSL_CERT_FILE": "/nonexistent"}
    with nginx(certificate, key) as server:
        for words in (digits, digits.upper(), base, "sha256//" + base):
            fetch(line(server.tls, ",pin:" + words), env=nothing).is_file(IMAGE)
        fetch(line(server.tls, ",pin:" + pin(local()[0])), env=nothing).failed("S1-TLS-01", "not the pinned one")
        for words in ("abc", digits[:-1], digits[:-1] + "x", base[:-1]):
            fetch(line(server.tls, ",pin:" + words), env=nothing).failed("S1-CMD-04", "pin:")


def test_resumed():
    """A connection that is cut is resumed, a replaced file noticed, chunks put together, as without TLS."""
    tls = context(*local())
    with BadServer(http_file(IMAGE, cut=100_000), http_file(IMAGE), tls=tls) as server:
        fetch(line(server, ",retries:1"), env=trusting()).is_file(IMAGE)
        assert server.requests[1].headers["range"] == f"bytes={100_000 - OVERLAP}-"
    with BadServer(http_file(IMAGE, cut=100_000), http_file(OTHER), tls=tls) as server:
        fetch(line(server, ",retries:1"), env=trusting()).is_file(OTHER)
    with BadServer(http_chunked(IMAGE, [1000, 100_000]), tls=tls) as server:
        fetch(line(server), env=trusting()).is_file(IMAGE)
    assert MODIFIED


def test_an_end_under_tls_is_an_end():
    """Without a length the server's own word that this is the end makes a file whole; a cut does not."""
    tls = context(*local())
    with BadServer(http_file(IMAGE, length=False), tls=tls) as server:
        fetch(line(server), env=trusting()).is_file(IMAGE)

    def cut_short(visit):
        visit.request()
        visit.send(b"HTTP/1.1 200 OK\r\n\r\n" + IMAGE)
        visit.conn = visit.conn.detach()
        os.close(visit.conn)
        raise OSError()

    with BadServer(cut_short, tls=tls) as server:
        fetch(line(server), env=trusting()).failed("S1-SRV-09", "never said how many")


def test_redirections():
    """From http to https a redirection is followed, from https to http it is not."""
    with BadServer(http_file(IMAGE), tls=context(*local())) as safe:
        with BadServer(http_status("302 Go", f"Location: https://127.0.0.1:{safe.port}/x")) as plain:
            fetch(line(plain).replace("https", "http", 1), env=trusting()).is_file(IMAGE)
    with BadServer(http_file(IMAGE)) as plain:
        with BadServer(http_status("302 Go", f"Location: http://127.0.0.1:{plain.port}/x"),
                       tls=context(*local())) as safe:
            fetch(line(safe), env=trusting()).failed("S1-SRV-10", f"http://127.0.0.1:{plain.port}/x")
            assert not plain.requests


# ---- who is not to be trusted


def test_unknown_authorities():
    """An authority that is not in the bundle, no bundle, and an empty one: no trust, nothing asked, no file."""
    with tempfile.TemporaryDirectory() as folder, BadServer(http_file(IMAGE), tls=context(*local())) as server:
        other = Authority(folder, "Other")
        fetch(line(server, ",retries:5"), env=trusting(other.bundle)).failed("S1-TLS-01", "none of the 1 authorities")
        fetch(line(server), env=trusting("/nonexistent")).failed("S1-TLS-01", "/nonexistent")
        fetch(line(server), env=trusting("/dev/null")).failed("S1-TLS-01", "no authority")
        assert not server.requests


def test_the_distributions_authorities():
    """All the authorities that all.rdz has of the distribution are read; none of them stands behind a stranger."""
    bundle = pathlib.Path(__file__).resolve().parents[2] / "build/ca-certificates.pem"
    public = bundle.read_text().count("BEGIN CERTIFICATE")
    assert public > 100
    with BadServer(http_file(IMAGE), tls=context(*local())) as server:
        fetch(line(server), env=trusting(bundle)).failed("S1-TLS-01", f"none of the {public} authorities")


def test_wrong_names():
    """A certificate for another name or address."""
    certificate = world()[1].issue("elsewhere.example", ips=["10.0.0.1"])
    with BadServer(http_file(IMAGE), tls=context(*certificate)) as server:
        fetch(line(server), env=trusting()).failed("S1-TLS-02", "not for this name")
        fetch(line(server, host="localhost"), env=trusting()).failed("S1-TLS-02")
        assert not server.requests


def test_wrong_times():
    """A certificate of yesterday and one of tomorrow, with their dates and today's."""
    for start, end in (("20200101000000Z", "20200601000000Z"), ("20400101000000Z", "20410101000000Z")):
        certificate = world()[1].issue("localhost", ips=["127.0.0.1"], start=start, end=end)
        with BadServer(http_file(IMAGE), tls=context(*certificate)) as server:
            fetch(line(server), env=trusting()).failed(
                "S1-TLS-03", f"from {start[:4]}-01-01 to {end[:4]}-", time.strftime("%Y-", time.gmtime()))


# ---- what goes wrong


def test_no_tls_there():
    """A server without TLS, one with old TLS only, one that hangs up, and one that is silent."""
    with nginx(*local()) as server:
        fetch(line(server.port), env=trusting()).failed("S1-TLS-04", "no TLS")
    with BadServer(greeting(b"SSH-2.0-OpenSSH\r\n")) as server:
        fetch(line(server), env=trusting()).failed("S1-TLS-04", "no TLS")
    newest = context(*local())
    newest.minimum_version = ssl.TLSVersion.TLSv1_3
    with BadServer(http_file(IMAGE), tls=newest) as server:
        fetch(line(server), env=trusting()).failed("S1-TLS-04", "does not speak TLS 1.2")
    with BadServer(hang_up) as server:
        fetch(line(server), env=trusting()).failed("S1-SRV-05", "before TLS was agreed on")
    with BadServer(silent) as server:
        got = fetch(line(server, ",timeout:1"), env=trusting())
        got.failed("S1-SRV-03", "TLS was not agreed on in 1 s")
        assert got.seconds < 3


@contextlib.contextmanager
def program(*argv):
    """A server that is started with its port behind the first words; the port, once it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([str(word).format(port=port) for word in argv], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        listens(process, port)
        yield port
    finally:
        process.kill()
        process.wait()


def test_what_is_missing_is_said():
    """A server that wants what is not spoken here is looked at again, and within a second what it wants is said."""
    certificate, key = local("rsa")
    ec_certificate, ec_key = local()
    s_server = [netns.need("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:{port}", "-WWW", "-quiet"]
    rsa = [*s_server, "-cert", certificate, "-key", key]
    for argv, words in (
            ([*rsa, "-tls1_3"], "TLS 1.3 only: enable TLS 1.2"),
            ([*rsa, "-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"],
             "the cipher suite DHE-RSA-AES256-GCM, but none"),
            ([*rsa, "-tls1_2", "-groups", "X448"], "the curve X448 only"),
            ([*rsa, "-tls1_2", "-sigalgs", "rsa_pss_rsae_sha256"], "a signature with RSA-PSS only"),
            ([*s_server, "-cert", ec_certificate, "-key", ec_key, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-CCM"],
             "the cipher suite ECDHE-ECDSA-AES256-CCM, but none"),
            ([*rsa, "-tls1_2", "-Verify", "1", "-verify_return_error"], "certificate of this machine, which has none")):
        with program(*argv) as port:
            got = fetch(line(port), env=trusting())
            got.failed("S1-TLS-04", words)
            assert got.seconds < 2, (words, got.seconds)


def test_a_stalled_server():
    """Silence in the middle is cut and resumed."""
    with BadServer(http_file(IMAGE, cut=100_000, stall=True), http_file(IMAGE), tls=context(*local())) as server:
        fetch(line(server, ",timeout:1,retries:1"), env=trusting()).is_file(IMAGE)


def test_nothing_is_left():
    """No process is left behind, whether it ends well or not."""
    with BadServer(http_file(IMAGE), tls=context(*local())) as server:
        fetch(line(server), env=trusting()).is_file(IMAGE)
        fetch(line(server), env=trusting("/nonexistent")).failed("S1-TLS-01")
        running = subprocess.run(["ps", "-eo", "comm,args"], capture_output=True, text=True, check=True).stdout
        mine = [row for row in running.splitlines() if row.startswith("stage1-tls") and world()[0].name in row]
        assert not mine, mine


def test_by_a_proxy():
    """Through tinyproxy by CONNECT: the proxy sees no more than names; its refusal is told."""
    conf = "Port 3128\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nConnectPort {port}\n"
    with netns.Lab() as lab:
        node = lab.node()
        with node.inside():
            server = BadServer(http_file(IMAGE, cut=100_000), http_file(IMAGE), tls=context(*local()))
        argv = [netns.need("tinyproxy", "tinyproxy-bin"), "-d", "-c", lab.file("conf", conf.format(port=server.port))]
        node.start(argv, ready=netns.port(3128))
        with server:
            proxied = ",proxy_host:127.0.0.1,proxy_port:3128"
            fetch(line(server, proxied + ",retries:1"), node=node, env=trusting()).is_file(IMAGE)
            fetch(line(1, proxied), node=node, env=trusting()).failed("S1-SRV-07", "the proxy says", "403")


def test_throughput():
    """At least 100 MB/s from nginx to memory."""
    data = some_bytes(1_000_000) * 300
    with nginx(*local()) as server, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        (server.root / "x").write_bytes(data)
        best = 0
        for _ in range(3):
            start = time.monotonic()
            subprocess.run([PROGRAM, "-o", "F", "automatic=" + line(server.tls)], cwd=folder, check=True,
                           env={**os.environ, **trusting()})
            best = max(best, len(data) / (time.monotonic() - start) / 1e6)
            os.unlink(folder + "/F")
        print(f"      https {best:.0f} MB/s")
        assert best >= 100, best


test_throughput.slow = True
