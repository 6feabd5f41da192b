"""test_authorities - CA_BUNDLE= -> the authorities in all.rdz: the distribution's, a file's, none; bad files are
named."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: make
import os
import pathlib
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]

alone = True  # make works in this tree


def make(*words, fails=False):
    """What make says."""
    done = subprocess.run(["make", *words], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False,
                          env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0", "LC_ALL": "C"})
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


def bundle(*words):
    """The value of --ca-bundle that make gives to the builder of all.rdz."""
    said = make("-n", "-W", "modules.list", *words, "build/all.rdz")
    return said.split("--ca-bundle '", 1)[1].split("'", 1)[0]


def test_whose_authorities():
    """Silent: those of the distribution's package, each of them once, in the same order everywhere; a file; none."""
    assert bundle() == "build/ca-certificates.pem"
    assert bundle("CA_BUNDLE=none") == ""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as own:
        assert bundle(f"CA_BUNDLE={own.name}") == own.name
    package = sorted((TOP / "build/ca-certificates/usr/share/ca-certificates/mozilla").glob("*.crt"),
                     key=lambda p: bytes(p))
    assert len(package) > 100
    assert (TOP / "build/ca-certificates.pem").read_bytes() == b"".join(path.read_bytes() for path in package)


def test_bad_files():
    """A file that is not there and one without a certificate are named; all.rdz is as it was."""
    before = (TOP / "build/all.rdz").read_bytes()
    said = make("CA_BUNDLE=/nowhere.pem", "build/all.rdz", fails=True)
    assert "CA_BUNDLE=/nowhere.pem: there is no such file; silent: the authorities of the distribution" in said, said
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as own:
        own.write("not PEM")
        own.flush()
        said = make(f"CA_BUNDLE={own.name}", "build/all.rdz", fails=True)
        assert f"CA_BUNDLE={own.name} holds no certificate: it has to be a file of PEM" in said, said
    make("build/all.rdz")
    assert (TOP / "build/all.rdz").read_bytes() == before
