"""test_registry - a registry next door -> its image for machines, by docker://: without TLS only when told, with the
site's certificates, and by the site's policy for signatures.

Needs root, which makes the plain user of the tests.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: docker-registry gnupg
import contextlib
import json

import authority
import maker
import netns

TREE = """
mkdir -p tree/sbin tree/lib/modules/6.1/kernel tree/etc
cp /bin/true tree/sbin/init
chown 3:4 tree/sbin/init
setcap cap_net_raw+ep tree/sbin/init
umoci init --layout lay
umoci new --image lay:base >/dev/null 2>&1
umoci insert --image lay:base tree / >/dev/null 2>&1
skopeo --insecure-policy copy -q --dest-compress-format zstd oci:lay:base oci:zstd:base
"""
CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {where}/store}}}}
http:
  addr: 127.0.0.1:5000
{tls}
"""
NAME = "docker://127.0.0.1:5000/site/node"
KEY = """%no-protection
Key-Type: RSA
Key-Length: 2048
Name-Real: site
Name-Email: site@example.org
%commit
"""


class Registry:
    """A registry on the loopback of a machine of its own, with the image site/node:12 in it."""

    def __init__(self, lab, where, tls=""):
        self.where, self.node = where, lab.node("registry")
        self.node.ip("link", "set", "lo", "up")
        maker.run(TREE, where)
        config = lab.file("registry.yml", CONFIG.format(where=where, tls=tls))
        self.server = self.node.start([netns.need("docker-registry", "docker-registry"), "serve", config],
                                      ready=netns.port(5000))

    def push(self, words, image="oci:lay:base", tag="12"):
        """IMAGE goes into it, by skopeo with WORDS."""
        done = self.node.run(["sh", "-c", f"cd {self.where} && HOME={self.where} skopeo copy -q --dest-tls-verify=false "
                              f"{words} {image} {NAME}:{tag}"], check=False)
        assert done.returncode == 0, done.stderr

    def make(self, *words, tag="12", out="a.sqfs", **how):
        """An import from it; what it said, its status."""
        return maker.make(self.where, "import", "-o", out, *words, f"{NAME}:{tag}",
                          without=("ip", "netns", "exec", self.node.netns), **how)

    def imported(self, *words, **how):
        """One that has to succeed, with what the layer says of the file."""
        done = self.make(*words, **how)
        assert done.status == 0, done.text
        maker.run("mkdir -p m && mount -o loop,ro a.sqfs m", self.where)
        try:
            said = maker.run("stat -c %u:%g sbin/init; getcap sbin/init", self.where / "m")
        finally:
            maker.run("umount m; rm a.sqfs", self.where)
        assert said.split("\n")[:2] == ["3:4", "sbin/init cap_net_raw=ep"], said
        return done.text

    def refused(self, *words, **how):
        """One that has to end with words, and without an image; its words."""
        done = self.make(*words, **how)
        assert done.status == 1 and not list(self.where.glob("a.sqfs*")), done.text
        return done.text


@contextlib.contextmanager
def registry(tls=None):
    """A registry and what is its site's home; TLS: a function of the folder, the configuration's lines."""
    with maker.folder() as where, netns.Lab() as lab:
        (where / ".config/containers").mkdir(parents=True)
        yield Registry(lab, where, tls(where) if tls else "")


def test_registry():
    """From a registry without TLS nothing is taken, but with --insecure-registry, which warns, or where the site's
    registries.conf says so; as a plain user too; layers packed by zstd, and a tag that is not there."""
    with registry() as reg:
        reg.push("--src-tls-verify=false")
        assert "HTTP response to HTTPS client" in (words := reg.refused()), words
        assert "WARNING" in reg.imported("--insecure-registry")
        reg.imported("--insecure-registry", plain=True)
        assert "manifest unknown" in (words := reg.refused("--insecure-registry", tag="13")), words
        reg.push("", "oci:zstd:base", "zstd")
        reg.imported("--insecure-registry", tag="zstd")
        (reg.where / ".config/containers/registries.conf").write_text(
            '[[registry]]\nlocation = "127.0.0.1:5000"\ninsecure = true\n')
        assert "WARNING" not in reg.imported()


def test_certificate():
    """A registry with TLS is believed by the site's certificate in certs.d, and by none else."""

    def tls(where):
        ca = authority.Authority(where)
        cert, key = ca.issue("registry", ips=["127.0.0.1"])
        folder = where / ".config/containers/certs.d/127.0.0.1:5000"
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(ca.bundle.read_bytes())
        return f"  tls: {{certificate: {cert}, key: {key}}}"

    with registry(tls) as reg:
        reg.push("")
        assert "WARNING" not in reg.imported()
        maker.run("rm -r .config/containers/certs.d", reg.where)
        assert "certificate signed by unknown authority" in (words := reg.refused()), words


def test_signature():
    """Where the site's policy wants its signature, a signed image is imported and an unsigned one is not, nor one that
    another key has signed."""
    with registry() as reg:
        where = reg.where
        home = f"GNUPGHOME={where}/gpg"
        (where / "key").write_text(KEY)
        (where / "other").write_text(KEY.replace("site", "other"))
        maker.run(f"mkdir -m 700 gpg; {home} gpg -q --batch --gen-key key 2>&1; {home} gpg -q --batch --gen-key other 2>&1;"
                  f"{home} gpg --export site@example.org >site.gpg; mkdir -p signatures .config/containers/registries.d",
                  where)
        (where / ".config/containers/registries.d/own.yaml").write_text(
            f"docker:\n  127.0.0.1:5000:\n    sigstore: file://{where}/signatures\n")
        rule = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": f"{where}/site.gpg"}
        (where / ".config/containers/policy.json").write_text(json.dumps(
            {"default": [{"type": "reject"}], "transports": {"docker": {"127.0.0.1:5000": [rule]},
                                                             "oci": {"": [{"type": "insecureAcceptAnything"}]}}}))
        for tag, key in (("unsigned", ""), ("other", "--sign-by other@example.org"),
                         ("12", "--sign-by site@example.org")):
            maker.run("rm -rf lay && cp -a tree one && echo " + tag + " >one/name && umoci init --layout lay && "
                      "umoci new --image lay:base >/dev/null 2>&1 && umoci insert --image lay:base one / "
                      ">/dev/null 2>&1; rm -r one", where)
            done = reg.node.run(["sh", "-c", f"cd {where} && HOME={where} {home} skopeo copy -q --dest-tls-verify=false {key} "
                                 f"oci:lay:base {NAME}:{tag}"], check=False)
            assert done.returncode == 0, done.stderr
        words = reg.imported("--insecure-registry")
        assert "no signature policy" not in words, words
        assert "signature was required" in reg.refused("--insecure-registry", tag="unsigned")
        assert "Source image rejected" in reg.refused("--insecure-registry", tag="other")
        maker.run(f"{home} gpgconf --kill all", where)
