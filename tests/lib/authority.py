"""authority.py - a name -> a certificate authority of its own, and certificates of servers by it, made with openssl.

    ca = authority.Authority(folder)
    cert, key = ca.issue("head.lab", ips=["10.9.0.1"])
    fetch(..., env={"SSL_CERT_FILE": ca.bundle})
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: openssl
import hashlib
import pathlib
import ssl
import subprocess

import netns


def _openssl(*words):
    return subprocess.run([netns.need("openssl", "openssl"), *map(str, words)], check=True, capture_output=True).stdout


class Authority:
    """An authority; .bundle is its certificate in a file."""

    def __init__(self, folder, name="Authority", kind="ec"):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.count = 0
        self.key = self._key(kind)
        self.bundle = self.folder / f"{name}.pem"
        _openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", 3650, "-out", self.bundle,
                 "-addext", "basicConstraints=critical,CA:TRUE")

    def _key(self, kind):
        self.count += 1
        path = self.folder / f"{self.name}-{self.count}.key"
        if kind == "rsa8192":  # which takes half a minute to make
            return pathlib.Path(__file__).with_name("rsa8192.key")
        how = {"ec": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
               "ec384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
               "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}[kind]
        _openssl("genpkey", "-algorithm", *how, "-out", path)
        return path

    def issue(self, name, ips=(), kind="ec", days=30, start=None, end=None):
        """A server's certificate and key: paths. START, END: "20200101000000Z" in place of DAYS from now."""
        key = self._key(kind)
        base = self.folder / f"{self.name}-{self.count}"
        alternatives = ",".join([f"DNS:{name}"] + [f"IP:{ip}" for ip in ips])
        _openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", f"{base}.csr")
        pathlib.Path(f"{base}.ext").write_text(f"subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n")
        if start:
            (self.folder / f"{base}.index").write_text("")
            (self.folder / f"{base}.serial").write_text("01\n")
            pathlib.Path(f"{base}.cnf").write_text(
                f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}.index\nserial={base}.serial\nnew_certs_dir={self.folder}\n"
                f"default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
            _openssl("ca", "-batch", "-config", f"{base}.cnf", "-cert", self.bundle, "-keyfile", self.key, "-in",
                     f"{base}.csr", "-out", f"{base}.crt", "-startdate", start, "-enddate", end, "-extfile",
                     f"{base}.ext",
                     "-notext")
        else:
            _openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.bundle, "-CAkey", self.key, "-CAcreateserial",
                     "-days", days, "-extfile", f"{base}.ext", "-out", f"{base}.crt")
        return pathlib.Path(f"{base}.crt"), key


def pin(certificate):
    """What pin: wants, of a certificate's file."""
    public = _openssl("x509", "-in", certificate, "-pubkey", "-noout")
    der = subprocess.run([netns.need("openssl", "openssl"), "pkey", "-pubin", "-outform", "der"], input=public,
                         check=True,
                         capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()


def context(certificate, key):
    """For badserver.BadServer(tls=...)."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made
