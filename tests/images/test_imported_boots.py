"""test_imported_boots - a Debian with its kernel as a container image -> root, kernel and all.rdz of it; a machine
boots them.

Needs root.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: mmdebstrap
import os
import re
import subprocess

import maker
import web
from qemu import boot

PACKAGES = "linux-image-cloud-amd64 systemd-sysv udev iproute2 kmod passwd openssh-server"
# Two layers: the installed system, and what a site puts over it, which takes a file away.
LAYERS = """
umoci init --layout lay
umoci new --image lay:node
umoci raw add-layer --image lay:node root.tar
mkdir -p up/opt
echo of the second layer >up/opt/site
umoci insert --image lay:node up/opt /opt
umoci insert --image lay:node --whiteout /usr/bin/dpkg-split
"""
# What the Makefile does for all.rdz, with another kernel, which lacks some of the drivers; the tests' build stays.
PACK = """
top={top}
release=$(ls kernel/lib/modules)
sed -E 's/^(!?)([a-z0-9])/\\1?\\2/' $top/modules.list >list
$top/build/mkrdz --modules kernel/lib/modules/$release --list list --init $top/build/stage1 \
    --beside $top/build/bin/stage1-tls --beside $top/build/bin/stage1-relay --beside $top/build/bin/stage1-verify \
    --ca-bundle '' --tools $top/build/tools --pci-ids $top/build/tools/usr/share/misc/pci.ids --firmware '' \
    --work work --out all.rdz
echo $release
"""


def test_oci_boots():
    """A Debian with an init and a kernel, as a container image of two layers, is imported; --kernel takes the kernel
    and the modules out of it; a machine boots that kernel, an all.rdz of these modules and the root to a login, has
    what the second layer added and not what it took away, and loads a module of its own."""
    with maker.folder() as where:
        lines = subprocess.check_output([maker.TOP / "server/demo-image", "--mirror"], text=True)
        (where / "sources").write_text(lines)
        maker.run(f"mmdebstrap --variant=minbase --include='{PACKAGES}' --aptopt='Apt::Install-Recommends \"false\"' "
                  f"$(. /etc/os-release && echo $VERSION_CODENAME) root.tar sources 2>&1 && ({LAYERS}) 2>&1; rm root.tar",
                  where)
        done = maker.make(where, "import", "-o", "root.erofs", "--kernel", "kernel", "--adjust",
                          "--insecure-empty-password", "oci:lay:node")
        assert done.status == 0, done.text
        release = maker.run(PACK.format(top=maker.TOP), where).split()[-1]
        assert release.endswith("-cloud-amd64"), release
        before = os.environ.get("VMLINUZ")
        os.environ["VMLINUZ"] = str(where / "kernel/boot" / f"vmlinuz-{release}")
        try:
            machine = boot("virtio-net-pci", web.web().automatic(where / "root.erofs"), 1024, where / "all.rdz")
        finally:
            os.environ.pop("VMLINUZ")
            os.environ.update({"VMLINUZ": before} if before else {})
        machine.expect("login:", 300).send("root\n").expect("# ", 60)
        machine.send("uname -r; cat /opt/site; ls /usr/bin/dpkg-split; modprobe dummy && grep -c ^dummy /proc/modules\n")
        machine.expect(re.compile(f"^{re.escape(release)}\nof the second layer\n.*No such file.*\n1$", re.M), 60)


test_oci_boots.slow = True
