"""test_install - `head-node install` -> units that systemd takes, and rights that suffice for what they start."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: systemd util-linux
import re
import subprocess
import time

import netns
from headlab import HEAD_NODE, Site


def install(folder, *options):
    """The units that head-node install writes for these options, by name."""
    subprocess.run([HEAD_NODE, "install", "--root", folder, "--interface", "eth1", *options], check=True,
                   stderr=subprocess.DEVNULL)
    return {path.name: path for path in sorted((folder / "etc/systemd/system").iterdir())}


def verify(units):
    """systemd has nothing to say of them."""
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units.values()], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0 and not re.search(r"head-node\S*\.service", done.stdout), done.stdout


def test_units():
    """systemd-analyze verifies the units, for the usual folder, another one, and NFS."""
    with netns.Lab() as lab:
        verify(install(lab.dir / "a"))
        verify(install(lab.dir / "b", "--state", lab.dir / "state", "--image", HEAD_NODE))
        verify(install(lab.dir / "c", "--method", "nfs"))


def test_words():
    """The words of the command line arrive in the unit as they are; the image's unit is there where one is built."""
    with netns.Lab() as lab:
        units = install(lab.dir, "--append", "console=ttyS0 a=$b 50%")
        text = units["head-node.service"].read_text()
        assert 'serve --interface eth1 --append "console=ttyS0 a=$$b 50%%"\n' in text, text
        assert "DynamicUser=yes" in text and "Requires=head-node-image.service" in text, text
        assert sorted(units) == ["head-node-image.service", "head-node.service"]
        assert sorted(install(lab.dir / "b", "--image", HEAD_NODE)) == ["head-node.service"]


def test_the_rights_suffice():
    """A user with nothing but the unit's three capabilities serves addresses, TFTP and http."""
    with netns.Lab() as lab:
        site, node = Site(lab), lab.node("node")
        lab.cable(node, site.switch)
        node.address("eth0", "10.0.1.9/24")
        text = install(lab.dir / "units")["head-node.service"].read_text()
        rights = [word.removeprefix("CAP_").lower() for word in
                  re.search(r"AmbientCapabilities=(.*)", text).group(1).split()]
        plus = ",".join("+" + right for right in rights)
        site.state.mkdir()
        subprocess.run(["chown", "65534", site.state], check=True)
        image = lab.file("image.sqfs", b"hsqs" + bytes(1000))
        site.head.start(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", plus,
                         "--ambient-caps", plus, "--bounding-set", "-all," + plus, "--no-new-privs",
                         *site.words("--image", image, "--dhcp", "own")], ready=netns.line("^head-node: ready"))
        for url in ("http://10.0.1.20/images/image.sqfs", "tftp://10.0.1.20/pxelinux.0"):
            node.run(["curl", "-sf", "--retry", "5", "--retry-connrefused", "-o", "/dev/null", url])
        netns.port(67, "udp")(site.lab.processes[-1], time.monotonic() + 5)
