"""test_verify.py - signed images by stage1-fetch from real servers: each method x each way to lie -> code and words.

A row of the table is one state of the server; a cell the code ("S1-" left out) that stage1-fetch has to end with,
without a file left behind, or "whole"."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: signify-openbsd minisign openssh-client
import pathlib
import subprocess

import netns
from fetcher import ROOT, fetch, some_bytes
from lan import Lan

SIGN = ROOT / "build/bin/stage1-sign"
IMAGE, OTHER = some_bytes(1_000_000), some_bytes(1_000_000, seed=2)

TABLE = """
what goes wrong                      code     words
nothing                              whole    -
the image is another                 IMG-04   SHA-256
the image is longer                  IMG-04   and signed is one of 1000000
the image is shorter                 IMG-04   it has 999999 bytes, and signed is one of 1000000
the manifest was altered             SIG-02   not one of this text
the signature was altered            SIG-02   not one of this text
signed by a stranger                 SIG-03   not trusted here
no manifest                          SIG-01   x.manifest
no signature                         SIG-01   x.manifest.sig
the manifest is a page               SIG-05   is none
the manifest is another image's      SIG-05   that of another file, y
the manifest never ends              SIG-05   longer than 65536 bytes
an older version than asked for      SIG-04   version 3, and 5 is the oldest
new keys, signed by the old one      whole    -
new keys, signed by a stranger       SIG-03   not trusted here
"""


def sign(*words):
    subprocess.run([SIGN, *map(str, words)], check=True, capture_output=True)


class Site(Lan):
    """A Lan with a signed image; .key is the public key it is signed with."""

    def __init__(self, lab):
        super().__init__(lab)
        self.work = pathlib.Path(lab.dir)
        for name in ("site", "next", "stranger"):
            sign("keys", self.work / name)
        self.key = self.public("site")

    def public(self, name):
        return (self.work / f"{name}.pub").read_text().split()[-1]

    def put(self, image=IMAGE, by="site", version=7, name="x"):
        """Puts a signed image there."""
        path = self.work / name
        path.write_bytes(image)
        sign("image", "-s", self.work / f"{by}.sec", "-v", version, path)
        for suffix in ("", ".manifest", ".manifest.sig"):
            self.add("x" + suffix, (self.work / (name + suffix)).read_bytes())

    def change(self, suffix, old, new):
        path = self.root / ("x" + suffix)
        data = path.read_bytes()
        assert old in data
        self.add("x" + suffix, data.replace(old, new, 1))

    def remove(self, suffix):
        (self.root / ("x" + suffix)).unlink()

    def renew(self, by):
        """The image is signed by the next key, which the key BY speaks for."""
        self.put(by="next")
        sign("renew", "-s", self.work / f"{by}.sec", "-k", self.work / "next.pub", self.work / "x.manifest.sig")
        self.add("x.manifest.sig", (self.work / "x.manifest.sig").read_bytes())

    def fetch(self, method, verify):
        return fetch(self.words(method, "x", f",timeout:5,verify:{verify}"), node=self.node, env=self.env)


def prepare(site, what):
    """Makes it so, from a server where all is right; returns what verify: says."""
    site.put()
    if what.startswith("the image is "):
        site.add("x", {"another": OTHER, "longer": IMAGE + b"x", "shorter": IMAGE[:-1]}[what.split()[-1]])
    elif what == "the manifest was altered":
        site.change(".manifest", b"version 7", b"version 9")
    elif what == "the signature was altered":
        text = (site.root / "x.manifest.sig").read_text().splitlines()
        other = "A" if text[1][50] != "A" else "B"
        site.add("x.manifest.sig", f"{text[0]}\n{text[1][:50]}{other}{text[1][51:]}\n".encode())
    elif what == "signed by a stranger":
        site.put(by="stranger")
    elif what == "no manifest":
        site.remove(".manifest")
    elif what == "no signature":
        site.remove(".manifest.sig")
    elif what == "the manifest is a page":
        site.add("x.manifest", b"<html>404</html>\n")
        site.add("x.manifest.sig", b"<html>404</html>\n")
    elif what == "the manifest is another image's":
        site.put(name="y")
    elif what == "the manifest never ends":
        site.add("x.manifest", b"\n" * 300_000)
    elif what.startswith("an older version"):
        site.put(version=3)
        return site.key + ":minimum=5"
    elif what.startswith("new keys"):
        site.renew("site" if what.endswith("old one") else "stranger")
    return site.key


def run_table(method):
    """All rows of the table by METHOD."""
    with netns.Lab() as lab:
        site = Site(lab)
        for row in TABLE.strip().splitlines()[1:]:
            what, code, words = row[:37].strip(), row[37:46].strip(), row[46:].strip()
            got = site.fetch(method, prepare(site, what))
            try:
                got.is_file(IMAGE) if code == "whole" else got.failed("S1-" + code, words)
            except AssertionError as error:
                raise AssertionError(f"{method}, {what}: {error}") from error


def test_http():
    """A signed image by http, and every lie about it."""
    run_table("http")


def test_https():
    """The same by https."""
    run_table("https")


def test_ftp():
    """The same by ftp."""
    run_table("ftp")


def test_tftp():
    """The same by tftp."""
    run_table("tftp")


def test_signed_by_other_programs():
    """What signify, minisign -l and ssh-keygen sign is taken by a key of each, and by all three together."""
    with netns.Lab() as lab:
        site = Site(lab)
        site.put()
        folder, manifest = site.work, site.work / "x.manifest"
        netns.need("signify-openbsd", "signify-openbsd")
        netns.need("minisign", "minisign")
        for argv in (["signify-openbsd", "-G", "-n", "-p", "a.pub", "-s", "a.sec"],
                     ["signify-openbsd", "-S", "-s", "a.sec", "-m", manifest, "-x", "a.sig"],
                     ["minisign", "-G", "-W", "-p", "b.pub", "-s", "b.sec"],
                     ["minisign", "-S", "-l", "-s", "b.sec", "-m", manifest, "-x", "b.sig"],
                     ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "c"]):
            subprocess.run(argv, cwd=folder, check=True, capture_output=True)
        with open(manifest, "rb") as text:
            ssh = subprocess.run(["ssh-keygen", "-Y", "sign", "-n", "stage1", "-f", "c"], cwd=folder, check=True,
                                 stdin=text, capture_output=True).stdout
        keys = [site.public("a"), site.public("b"), (folder / "c.pub").read_text().split()[1]]
        signatures = [(folder / "a.sig").read_bytes(), (folder / "b.sig").read_bytes(), ssh]
        for key, signature in zip(keys, signatures):
            site.add("x.manifest.sig", signature)
            site.fetch("http", key).is_file(IMAGE)
        site.add("x.manifest.sig", b"".join(signatures))
        site.fetch("http", ":".join(keys) + ":need=3").is_file(IMAGE)
        site.add("x.manifest.sig", b"".join(signatures[1:]))
        site.fetch("http", ":".join(keys) + ":need=3").failed("S1-SIG-03", "by 2 of the 3 keys")


def test_methods_without_a_manifest():
    """dolly and ka bring no manifest along: they are refused by name, before a server is looked for."""
    with netns.Lab() as lab:
        site = Site(lab)
        for method in ("dolly", "ka"):
            got = fetch(f"method:{method},verify:{site.key}", node=site.node)
            got.failed("S1-SIG-07", method, "no manifest")
            assert got.seconds < 5


