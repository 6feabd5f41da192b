"""test_import - an OCI image, a tar, a folder -> an image for machines, with all that its layers
hold; or words why not.

Needs root, which makes the devices and the plain user of the tests.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import re
import subprocess
import time

import maker

# What no copy must lose, and what the layers above take away again.
TREE = """
mkdir -p tree/sbin tree/lib/modules/6.1/kernel tree/boot tree/etc tree/dir tree/opq tree/usr/lib tree/deep
cd tree
cp /bin/true sbin/init
cp sbin/init sbin/ping
echo ID=debian >etc/os-release
echo y >dir/keep
echo x >dir/gone
echo a >opq/old
echo k >boot/vmlinuz-6.1
: >lib/modules/6.1/modules.dep
ln -s usr/lib lib2
chown 1000:1001 dir/keep
chmod 4750 dir/keep
ln dir/keep hard
setfattr -n user.note -v hello dir/keep
setcap cap_net_raw+ep sbin/ping
mknod node c 1 3
mknod "deep/a disk" b 7 200
chown 5:6 "deep/a disk"
chmod 640 node
mkdir -m 1777 tmp
: >"tmp/a b"
cd ..
"""
LAYERS = """
mkdir -p up/opq
echo new >up/opq/new
echo z >up/zz
{
umoci init --layout lay
umoci new --image lay:base
umoci insert --image lay:base tree /
umoci insert --opaque --image lay:base up/opq /opq
umoci insert --image lay:base up/zz /usr/lib/zz
umoci insert --image lay:base --whiteout /dir/gone
} >/dev/null 2>&1
"""
# name of what has to hold: the command in the mounted image, and its answer
HOLDS = [
    ("stat -c '%U:%u:%g %a %h' dir/keep | cut -d: -f2-", "1000:1001 4750 2"),
    ("stat -c %i hard dir/keep | uniq | wc -l", "1"),
    ("getfattr --only-values -n user.note hard", "hello"),
    ("getcap sbin/ping", "sbin/ping cap_net_raw=ep"),
    ("stat -c '%F %t,%T %a %u:%g' node", "character special file 1,3 640 0:0"),
    ("stat -c '%F %t,%T %u:%g' 'deep/a disk'", "block special file 7,c8 5:6"),
    ("stat -c '%a' tmp", "1777"),
    ("ls 'tmp/a b' lib2/zz", "lib2/zz\ntmp/a b"),
    ("ls opq", "new"),
    ("ls dir", "keep"),
]


def holds(where, image, table=None):
    """All of HOLDS in IMAGE."""
    maker.run(f"mkdir -p m && mount -o loop,ro {image} m", where)
    try:
        for command, answer in table or HOLDS:
            said = maker.run(command, where / "m").strip()
            assert said == answer, f"{image}: {command}: {said!r}, not {answer!r}"
    finally:
        maker.run("umount m", where)


def imported(where, *words, **how):
    """An import that has to succeed."""
    done = maker.make(where, "import", *words, **how)
    assert done.status == 0, done.text
    return done


def refused(where, *words, **how):
    """An import that has to end with words, and with nothing made; its words."""
    done = maker.make(where, "import", "-o", "no.img", *words, **how)
    assert done.status == 1, (done.status, done.text)
    left = [path.name for path in where.glob("no.img*")]
    below = [line for line in maker.mounts() if f"{where}/" in line]
    assert not left and not below, (left, below, done.text)
    return done.text


def test_oci():
    """An image of four layers is imported as root and as a plain user: owners, modes, hard links, capabilities,
    attributes and devices are the layers', and what they take away is gone; twice the same bytes."""
    with maker.folder() as where:
        maker.run(TREE + LAYERS, where)
        for kind in ("sqfs", "img"):
            maker.run("chmod -R go+rX lay", where)
            imported(where, "-o", f"root.{kind}", "oci:lay:base")
            holds(where, f"root.{kind}")
            imported(where, "-o", f"plain.{kind}", "oci:lay:base", plain=True)
            holds(where, f"plain.{kind}")
        imported(where, "-o", "again.img", "oci:lay:base")
        maker.run("cmp root.img again.img", where)


def test_archive():
    """The same by way of a docker archive, with the site's policy and without one."""
    with maker.folder() as where:
        maker.run(TREE + LAYERS + "skopeo --insecure-policy copy -q oci:lay:base docker-archive:node.tar:node:latest",
                  where)
        imported(where, "-o", "a.sqfs", "docker-archive:node.tar")
        holds(where, "a.sqfs")
        policy = where / ".config" / "containers" / "policy.json"
        policy.parent.mkdir(parents=True)
        policy.write_text(json.dumps({"default": [{"type": "reject"}]}))
        assert "rejected by policy" in refused(where, "docker-archive:node.tar")


def test_tar_and_folder():
    """A tar and a folder become every kind of image; erofs as well; the tar that comes out goes in again."""
    with maker.folder() as where:
        maker.run(TREE, where)
        table = [row for row in HOLDS if row[0] not in ("ls opq", "ls dir") and "lib2" not in row[0]]
        imported(where, "-o", "a.tar", "dir:tree")
        imported(where, "-o", "a.erofs", "tar:a.tar")
        holds(where, "a.erofs", table)
        imported(where, "-o", "a.img", "tar:a.tar", plain=True)
        holds(where, "a.img", table)


def test_not_bootable():
    """An image without an init, or without kernel modules, is refused with the package that lacks."""
    with maker.folder() as where:
        maker.run(TREE, where)
        maker.run("rm -r tree/lib/modules", where)
        words = refused(where, "dir:tree")
        assert "linux-image-amd64" in words and "--no-modules" in words, words
        imported(where, "-o", "a.sqfs", "--no-modules", "dir:tree")
        maker.run("rm tree/sbin/init", where)
        assert "systemd-sysv" in refused(where, "--no-modules", "dir:tree")
        maker.run("echo ID=fedora >tree/etc/os-release; touch tree/init", where)
        assert "kernel-core" in refused(where, "dir:tree")


def test_kernel():
    """--kernel takes the image's own kernel and modules, in the shape that KERNEL_DIR= wants."""
    with maker.folder() as where:
        maker.run(TREE, where)
        imported(where, "-o", "a.sqfs", "--kernel", "k", "dir:tree")
        assert (where / "k/boot/vmlinuz-6.1").read_text() == "k\n"
        assert (where / "k/lib/modules/6.1/modules.dep").exists()


def test_versions():
    """--store keeps versions and one link to the newest; `head-node image` lists them, says what changed, goes back to
    the old one and removes the other, but not the current one."""
    with maker.folder() as where:
        maker.run(TREE + "mkdir -p tree/var/lib/dpkg; printf 'Package: a\nVersion: 1\n' >tree/var/lib/dpkg/status", where)
        for change in ("", "echo 2 >tree/dir/keep; rm tree/dir/gone; sed -i s/1/2/ tree/var/lib/dpkg/status; sleep 1"):
            maker.run(change, where)
            imported(where, "--store", "images/node", "-f", "squashfs", "dir:tree")

        def image(words, status=0):
            done = subprocess.run([maker.TOP / "build/bin/head-node", "image", "--state", where, *words.split()],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            assert done.returncode == status, (words, done.stdout)
            return done.stdout

        old, new = sorted(path.name for path in (where / "images/node").iterdir() if path.name != "current")
        assert (where / "images/node/current").readlink().name == new
        assert (where / "images/node/current/root.sqfs").stat().st_size > 4000
        assert " ".join(image("list").split()) == f"node {new}"
        assert re.search(rf"^  {old} .*\n\* {new} ", image("list node"), re.M)
        changes = image(f"diff node {old} {new}")
        assert "packages:\n  a: 1 -> 2\nfiles:\n" in changes and "\n- dir/gone\n" in changes, changes
        assert re.search(r"^  dir/keep: f 4750 1000:1001 2 .* -> f 4750 1000:1001 2 ", changes, re.M), changes
        assert "use another one first" in image(f"remove node {new}", 1)
        image(f"use node {old}")
        image(f"remove node {new}")
        assert " ".join(image("list").split()) == f"node {old}"
        assert "No such file" in image(f"use node {new}", 1)
        assert "no name" in image("use ../node x", 2)


def test_sources_that_are_none():
    """A source that is not there, is cut or is no image: words, and nothing made."""
    with maker.folder() as where:
        maker.run(TREE + LAYERS + "tar -C tree -cf t.tar . && head -c 50000 t.tar >cut.tar && echo no >no-tar", where)
        for source, words in [("dir:nowhere", "no such folder"), ("tar:nowhere", "no such file"),
                              ("tar:cut.tar", "Unexpected EOF"), ("tar:no-tar", "does not look like a tar"),
                              ("oci:lay:other", "skopeo"), ("docker-archive:t.tar", "skopeo")]:
            assert words in refused(where, source), source
        maker.run("f=$(ls -S lay/blobs/sha256/* | head -n 1); printf xxxx | dd of=$f bs=1 seek=500 conv=notrunc 2>&1",
                  where)
        assert "skopeo" in refused(where, "oci:lay:base")
    assert maker.make("/", "import", "what:ever").status == 2


def test_a_layer_that_leads_out():
    """A link out of the tree in one layer and a file through it in the next write nothing outside."""
    with maker.folder() as where:
        maker.run(TREE + "mkdir -p victim; ln -s $PWD/victim tree/way; echo x >file\n" + LAYERS +
                  "umoci insert --image lay:base file /way/file 2>&1", where)
        maker.make(where, "import", "-o", "a.sqfs", "oci:lay:base")
        assert not list((where / "victim").iterdir())


def test_a_tree_that_leads_out():
    """An image whose folders or files are links to this machine's changes nothing of it, and takes nothing of it along:
    it is refused by the name of the link; links within the image are followed."""
    with maker.folder() as where:
        for change in ("rm -r tree/etc; ln -s $PWD/outside tree/etc", "ln -s $PWD/outside/shadow tree/etc/shadow",
                       "mkdir tree/root; ln -s $PWD/outside tree/root/.ssh", "mkdir tree/etc/systemd; "
                       "ln -s ../../../outside tree/etc/systemd/system",
                       "rm -r tree/boot; ln -s $PWD/outside tree/boot"):
            maker.run("rm -rf tree outside; mkdir outside; echo root:secret:1:::::: >outside/shadow; "
                      "echo o >outside/os-release; echo k >outside/vmlinuz-6.1;" + TREE +
                      f"echo root:x:0:0::/:/bin/sh >tree/etc/passwd; {change}", where)
            before = maker.run("find outside -printf '%p %s %T@\n'", where)
            words = refused(where, "--adjust", "--kernel", "kernel", "dir:tree")
            assert "leads out of the image" in words, (change, words)
            assert maker.run("find outside -printf '%p %s %T@\n'", where) == before, change
            assert not (where / "kernel").exists()
        maker.run("rm -rf tree;" + TREE + "mv tree/etc tree/usr/etc; ln -s usr/etc tree/etc; "
                  "echo root:x:0:0::/:/bin/sh >tree/etc/passwd", where)
        imported(where, "-o", "a.sqfs", "--adjust", "--kernel", "kernel", "dir:tree")
        assert (where / "kernel/boot/vmlinuz-6.1").read_text() == "k\n"


def test_full_disk():
    """On a disk that is full it says so, and leaves nothing."""
    with maker.folder() as big, maker.folder("3m") as where:
        maker.run(TREE + "head -c 6000000 /dev/urandom >tree/big", big)
        assert "the disk is full" in refused(where, f"dir:{big}/tree")
        maker.run("tar -C tree -cf t.tar .", big)
        assert "the disk is full" in refused(where, f"tar:{big}/t.tar")


def test_still_mounted():
    """An image that is still mounted is not overwritten, and what is mounted below the work folder is left alone."""
    with maker.folder() as where:
        maker.run(TREE, where)
        imported(where, "-o", "a.img", "dir:tree")
        maker.run("mkdir m && mount -o loop a.img m", where)
        done = maker.make(where, "import", "-o", "a.img", "dir:tree")
        maker.run("umount m", where)
        assert done.status == 1 and "still mounted" in done.text, done.text
        maker.run("mkdir -p a.img.work/chroot/proc precious && touch precious/file && "
                  "mount --bind precious a.img.work/chroot/proc", where)
        done = maker.make(where, "import", "-o", "a.img", "dir:tree")
        maker.run("umount a.img.work/chroot/proc", where)
        assert done.status == 1 and "mounted there" in done.text, done.text
        assert (where / "precious/file").exists()
        imported(where, "-o", "a.img", "dir:tree")
        assert not (where / "a.img.work").exists()


def test_interrupted():
    """Ctrl-C in the middle, and a run that is killed: nothing is left of the first, and the next run removes what the
    second left; two runs at once for one file are refused."""
    with maker.folder() as where:
        maker.run(TREE + "mkdir hooks && printf '#!/bin/sh\\necho ASLEEP\\nsleep 60\\n' >hooks/wait && chmod 755 hooks/wait",
                  where)
        words = ("import", "-o", "a.img", "--hooks", "hooks", "dir:tree")
        process = maker.start(where, *words)
        assert "ASLEEP" in "".join(iter(lambda: process.stdout.readline(), "ASLEEP\n")) + "ASLEEP"
        assert "another run" in maker.make(where, *words).text
        begin = time.monotonic()
        done = maker.interrupt(process)
        assert done.status == 130 and time.monotonic() - begin < 10, (done.status, done.text)
        assert not list(where.glob("a.img*")) and not maker.mounts(), list(where.glob("a.img*"))
        process = maker.start(where, *words)
        for line in process.stdout:
            if "ASLEEP" in line:
                break
        process.kill()
        process.communicate()
        assert (where / "a.img.work").exists()
        imported(where, "-o", "a.img", "dir:tree")
        assert not (where / "a.img.work").exists()


def test_changed_by_hand():
    """The hooks of a folder are called by name with the tree, then --edit opens the caller's shell in it: what both do
    is in the image; a hook or a shell that ends with a status makes none."""
    with maker.folder() as where:
        maker.run(TREE + "mkdir hooks; printf '#!/bin/sh\\necho one >$1/etc/hooks\\n' >hooks/10-one; "
                  "printf '#!/bin/sh\\necho two >>$1/etc/hooks\\n' >hooks/20-two; echo no program >hooks/30-text; "
                  "chmod 755 hooks/*-*o*; chmod 644 hooks/30-text; "
                  "printf '#!/bin/sh\\n[ -e sbin/init ] || exit 9\\npwd >etc/shell\\nexit ${STATUS:-0}\\n' >shell; "
                  "chmod 755 shell", where)
        words = ("--hooks", "hooks", "--edit", "dir:tree")
        done = imported(where, "-o", "a.sqfs", *words, env={"SHELL": str(where / "shell")})
        assert "do it now" in done.text and "exit 1 makes none" in done.text, done.text
        holds(where, "a.sqfs", [("cat etc/hooks", "one\ntwo"),
                                ("cat etc/shell", f"{where}/a.sqfs.work/chroot")])
        env = {"SHELL": str(where / "shell"), "STATUS": "3"}
        assert "the shell ended with status 3" in refused(where, *words, env=env)
        maker.run("echo 'exit 4' >>hooks/20-two", where)
        assert "20-two ended with status 4" in refused(where, *words)


def test_signed():
    """Where the site has a secret key, an image is signed by it, and stage1-verify, which judges for a node, takes what
    it made; with --store as well; a key that is none: no image; without a key an old signature goes."""
    with maker.folder() as where:
        site = where / ".config/stage1"
        maker.run(TREE + f"mkdir -p {site}; {maker.TOP}/build/bin/stage1-sign keys {site}/site", where)

        def verdict(image, name):
            keys = (site / "site.pub").read_text().splitlines()[-1]
            return maker.run(f"exec 3<{image}.manifest 4<{image}.manifest.sig 5>said; "
                             f"{maker.TOP}/build/bin/stage1-verify - '{keys}' {name} '' || :; cat said", where)

        imported(where, "-o", "a.sqfs", "dir:tree")
        size = (where / "a.sqfs").stat().st_size
        digest = maker.run("sha256sum a.sqfs", where).split()[0]
        assert verdict("a.sqfs", "a.sqfs") == f"0 {size} {digest}"
        assert not verdict("a.sqfs", "b.sqfs").startswith("0 ")
        first = (where / "a.sqfs.manifest").read_text()
        imported(where, "-o", "a.sqfs", "--no-modules", "dir:tree")
        second = (where / "a.sqfs.manifest").read_text()
        versions = [int(re.search(r"^version (\d+)$", text, re.M)[1]) for text in (first, second)]
        assert versions[0] < versions[1], versions
        imported(where, "-f", "squashfs", "--store", "images/node", "dir:tree")
        assert verdict("images/node/current/root.sqfs", "root.sqfs").startswith("0 ")
        maker.run(f"mv {site}/site.sec key", where)
        imported(where, "-o", "a.sqfs", "--sign", "key", "dir:tree")
        assert verdict("a.sqfs", "a.sqfs").startswith("0 ")
        assert "is not kept" in refused(where, "--sign", "a.sqfs", "dir:tree")
        imported(where, "-o", "a.sqfs", "dir:tree")
        assert not list(where.glob("a.sqfs.*"))
