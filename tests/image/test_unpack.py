"""test_unpack.py - image/unpack*.c: archives become the trees that GNU tar and cpio make of them, and none gets out.

Needs root (owners, devices). Everything happens in folders below the temporary folder.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: libarchive-tools busybox-static bzip2 cpio git zstd make libcap2-bin
import base64
import functools
import gzip
import hashlib
import lzma
import os
import pathlib
import shutil
import socket
import stat
import struct
import subprocess
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]

CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)  # cap_net_raw, effective: linux/capability.h


def run(command, check=True, **how):
    """A shell command; its output."""
    done = subprocess.run(["sh", "-ec", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          check=False, **how)
    if check and done.returncode:
        raise AssertionError(f"{command}\nexit status {done.returncode}: {done.stdout.decode()}")
    return done.stdout.decode()


@functools.lru_cache(None)
def folder():
    """The folder of this test; it goes with this process."""
    where = tempfile.TemporaryDirectory(prefix="test-unpack-")
    folder.keep = where
    path = pathlib.Path(where.name)
    sources = " ".join(str(p) for part in ("base", "image") for p in sorted((TOP / part).glob("*.c")))
    run(f"cd {TOP} && gcc -std=gnu11 -D_GNU_SOURCE -I. -g -O1 -Wall -Wextra -fsanitize=address,undefined "
        f"-fno-sanitize-recover=all -o {path}/unpack_image {HERE}/unpack_image.c {sources} -lz -llzma -lzstd")
    return path


def fresh(name):
    """An empty folder below the test's."""
    path = folder() / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


@functools.lru_cache(None)
def source():
    """A tree with everything an archive can hold."""
    tree = fresh("source")
    deep = "/".join(["a-rather-long-name-of-a-folder-%02d" % i for i in range(12)])
    run(f"""cd {tree}
        mkdir -p bin etc empty {deep} locked sticky
        echo hello >etc/hello; : >etc/empty; head -c 1000000 /dev/urandom >big
        head -c 511 big >b511; head -c 512 big >b512; head -c 513 big >b513
        echo deep >{deep}/file-with-{'x' * 150}; ln -s {deep}/file-with-{'x' * 150} long-link
        cp /bin/true bin/suid; chown 0:7 bin/suid; chmod 4750 bin/suid
        ln etc/hello etc/hard; ln etc/hello hard2; ln {deep}/file-with-{'x' * 150} {deep}/hard-{'y' * 150}
        ln -s hello etc/soft; ln -s /etc/nowhere dangling; ln dangling dangling-hard; chown -h 5:6 etc/soft
        mknod null c 1 3; chmod 666 null; mknod disk b 259 65537; mkfifo -m 640 pipe
        echo x >locked/file; chmod 0500 locked; chmod 1777 sticky
        touch -d '2001-02-03 04:05:06.789012345' etc/hello big
        touch -d '1965-01-02 03:04:05' b511; touch -h -d '2011-11-11' etc/soft; chown 123456:654321 b512
        chown 4000000000:4000000001 b513
        truncate -s 60M holes; printf middle | dd of=holes bs=1 seek=20000000 conv=notrunc status=none
        for i in $(seq 1 200); do printf "piece $i" | dd of=many bs=1 seek=$((i * 70000)) conv=notrunc status=none; done
        truncate -s 5M only-a-hole; (head -c 100000 big; ) >tail; truncate -s 1M tail
        touch -d '2002-02-02' etc empty locked; touch -d '2003-03-03' .; chmod 0711 .
        """)
    os.setxattr(tree / "bin/suid", "security.capability", CAPABILITY)
    os.setxattr(tree / "etc/hello", "user.note", b"binary \0\n= value")
    os.setxattr(tree / "etc", "trusted.of-a-folder", b"x" * 1000)
    os.setxattr(tree / "long-link", "trusted.of-a-link", b"link", follow_symlinks=False)
    os.utime(tree / "etc", (1e9, 1e9))
    return tree


def listing(tree, xattrs=True, nanoseconds=True, holes=False):
    """Everything there is to know of a tree, as lines that can be compared."""
    inodes, lines = {}, []
    for path, dirs, files in os.walk(tree):
        dirs.sort()
        for name in sorted(["."] if path == str(tree) else []) + sorted(dirs + files):
            full = os.path.join(path, name)
            st = os.lstat(full)
            first = inodes.setdefault(st.st_ino, os.path.relpath(full, tree)) if not stat.S_ISDIR(st.st_mode) else ""
            words = [os.path.relpath(full, tree), oct(st.st_mode), st.st_uid, st.st_gid, first,
                     st.st_mtime_ns if nanoseconds else st.st_mtime_ns // 1000000000]
            if stat.S_ISREG(st.st_mode):
                with open(full, "rb") as file:
                    words += [st.st_size, hashlib.file_digest(file, "sha1").hexdigest()]
                if holes:
                    words.append(st.st_blocks < st.st_size // 1024)
            if stat.S_ISLNK(st.st_mode):
                words.append(os.readlink(full))
            if stat.S_ISBLK(st.st_mode) or stat.S_ISCHR(st.st_mode):
                words.append(st.st_rdev)
            if xattrs:
                words.append([(x, os.getxattr(full, x, follow_symlinks=False))
                              for x in sorted(os.listxattr(full, follow_symlinks=False))])
            lines.append(" ".join(str(word) for word in words))
    return lines


def same(got, want, **how):
    """The two trees are the same."""
    got, want = listing(got, **how), listing(want, **how)
    assert want
    wrong = [f"- {line}" for line in want if line not in got] + [f"+ {line}" for line in got if line not in want]
    assert not wrong, "\n".join(wrong[:20])


def unpack(archive, into, portion="", check=True):
    """Unpacks the file ARCHIVE into the folder INTO; what was said."""
    return run(f"{folder()}/unpack_image {into} {portion} <{archive}", check)


def like_tar(make, into_tar="", portions=("",), **how):
    """An archive made by MAKE ($0 is its name) of the source becomes what GNU tar makes of it."""
    archive, want = folder() / "archive", fresh("want")
    run(f"cd {source()} && sh -ec '{make}' {archive}")
    run(f"cd {want} && tar -xpf {archive} --numeric-owner {into_tar}")
    for portion in portions:
        got = fresh("got")
        unpack(archive, got, portion)
        if "." not in run(f"tar -tf {archive} 2>&1").split("\n")[0].split("/"):
            for tree in got, want:  # its time is that of the last entry's making
                os.utime(tree, (0, 0))
        same(got, want, **how)


ALL = "--numeric-owner --one-file-system"
XATTRS = "--xattrs --xattrs-include=*"


def test_pax():
    """A pax archive, with nanoseconds, long names, large owners and extended attributes, in any portions."""
    like_tar(f"tar --format=pax {ALL} {XATTRS} -cf $0 .", XATTRS, portions=("", 1000, 77777), holes=False)


def test_gnu():
    """A GNU archive: long names, large numbers in base 256."""
    like_tar(f"tar --format=gnu {ALL} -cf $0 .", xattrs=False)


def test_ustar_and_v7():
    """ustar and V7 archives, of what fits into them."""
    what = "bin etc empty locked sticky null disk pipe b511 dangling dangling-hard big hard2"
    small = "bin etc empty locked sticky dangling dangling-hard big hard2"
    like_tar(f"touch -d 1999-01-01 b511; tar --format=ustar {ALL} -cf $0 {what}", xattrs=False)
    like_tar(f"tar --format=v7 {ALL} -cf $0 {small}", xattrs=False)
    like_tar(f"tar --format=oldgnu {ALL} -cf $0 {what}", xattrs=False)


def test_sparse():
    """Sparse files in every format they are archived in become sparse again."""
    files = "holes many only-a-hole tail big b511"
    like_tar(f"tar --format=gnu --sparse {ALL} -cf $0 {files}", portions=("", 700), xattrs=False, holes=True)
    for version in "0.0", "0.1", "1.0":
        like_tar(f"tar --format=pax --sparse --sparse-version={version} {ALL} -cf $0 {files}", portions=("", 333),
                 xattrs=False, holes=True)


def test_libarchive():
    """libarchive's own archives, which come back to folders they had left, and have another way to write attributes."""
    archive_ = folder() / "archive"
    for form, how in ("pax --xattrs", {}), ("gnutar", {"xattrs": False, "nanoseconds": False}):
        run(f"cd {source()} && bsdtar --format={form} --numeric-owner -cf {archive_} .")
        got = fresh("got")
        unpack(archive_, got)
        same(got, source(), **how)


def test_only_libarchive_attributes():
    """A capability that only LIBARCHIVE.xattr tells is set."""
    records = b"".join(record(b"LIBARCHIVE.xattr.user.a%20b", b"aGVsbG8gd29ybGQ") for _ in range(1))
    got = fresh("got")
    archive(got / ".." / "archive", [("x", "PaxHeaders/f", records), ("0", "f", b"contents")])
    unpack(folder() / "archive", got)
    assert os.getxattr(got / "f", "user.a b") == b"hello world"


def test_compressed():
    """tar.gz, tar.xz and tar.zst are uncompressed as they come."""
    for tool in "gzip -1", "xz -0", "zstd -q":
        like_tar(f"tar --format=pax {ALL} {XATTRS} -cf - . | {tool} >$0", XATTRS)


NAMES = "find . -name holes -o -name b511 -o -name b513 -o -name dangling-hard -o -print"  # what cpio cannot


def test_cpio():
    """cpio archives with and without sums become the tree they were made of: hard links, devices, in any portions."""
    archive_, want = folder() / "archive", fresh("want")
    run(f"cd {source()} && {NAMES} | tar --no-recursion {ALL} -cf - -T - | (cd {want}; tar -xpf - --numeric-owner)")
    for command in ("cpio -o -H newc --quiet", "cpio -o -H crc --quiet", "cpio -o -H newc --quiet | gzip",
                    "bsdtar --format=newc --no-recursion --numeric-owner -cf - -T -"):
        run(f"cd {source()} && {NAMES} | {command} >{archive_}")
        for portion in "", 999:
            got = fresh("got")
            unpack(archive_, got, portion)
            same(got, want, xattrs=False, nanoseconds=False)


def test_cpio_behind_cpio():
    """Two cpio archives behind one another are one tree, as the kernel takes them."""
    got = fresh("got")
    run(f"cd {source()}; (find etc | cpio -o -H newc --quiet; find bin | cpio -o -H newc --quiet) >{folder()}/archive")
    unpack(folder() / "archive", got)
    assert (got / "etc/hello").read_text() == "hello\n" and (got / "bin/suid").exists()
    run(f"cd {source()}; (find etc | cpio -o -H newc --quiet; echo garbage) >{folder()}/archive")
    assert "something else follows" in unpack(folder() / "archive", fresh("got"), check=False)
    run(f"cd {source()}; find b512 | cpio -o -H crc --quiet | sed s/0x/0y/ >{folder()}/archive; printf x | "
        f"dd of={folder()}/archive bs=1 seek=300 conv=notrunc status=none")
    assert "sum is wrong" in unpack(folder() / "archive", fresh("got"), check=False)


def test_on_a_tmpfs():
    """A tree unpacked into memory keeps owners, devices and capabilities."""
    got = fresh("got")
    run(f"tar --format=pax {ALL} {XATTRS} -C {source()} -cf {folder()}/archive .")
    said = run(f"""unshare -m --propagation private sh -ec '
        mount -t tmpfs none {got}; {folder()}/unpack_image {got} <{folder()}/archive
        getcap {got}/bin/suid; stat -c "%a %u %g" {got}/b512 {got}/null'""")
    assert "cap_net_raw" in said and "123456 654321" in said, said


# ---- archives that nobody's tar makes

def header(kind, name, size=0, link="", mode=0o644):
    """One header block."""
    info = tarfile.TarInfo()
    block = bytearray(512)
    info.name = name
    block[0:len(name)] = name.encode()
    block[100:108] = b"%07o\0" % mode
    block[108:124] = b"0000000\0" * 2
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"%011o\0" % 1000000000
    block[148:156] = b" " * 8
    block[156] = ord(kind)
    block[157:157 + len(link)] = link.encode()
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def record(key, value):
    """One pax record."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return b"%d" % length + rest


def archive(path, entries, end=b"\0" * 1024):
    """Writes an archive of (kind, name, contents or link)."""
    data = b""
    for kind, name, what in entries:
        if isinstance(what, bytes):
            data += header(kind, name, len(what)) + what + b"\0" * (-len(what) % 512)
        else:
            data += header(kind, name, 0, what)
    pathlib.Path(path).write_bytes(data + end)


def hostile(entries, outside_untouched=True):
    """Unpacks ENTRIES with something precious next door; what was said, and the folder."""
    area = fresh("area")
    got, outside = area / "root", area / "outside"
    got.mkdir()
    outside.mkdir()
    (outside / "precious").write_text("precious")
    before = listing(area / "outside")
    archive(folder() / "archive", entries)
    said = unpack(folder() / "archive", got, check=False)
    if outside_untouched:
        assert listing(area / "outside") == before, listing(area / "outside")
        assert sorted(os.listdir(area)) == ["outside", "root"], os.listdir(area)
    return said, got


def test_no_path_leaves_the_root():
    """Paths with '..', absolute ones, and paths through symlinks stay below the root."""
    outside = f"{folder()}/area/outside"
    for bad in "../outside/precious", "a/../../outside/precious", "..", "/../outside/x":
        said, _ = hostile([("0", bad, b"evil")])
        assert "S1-IMG-02" in said and "leaves the root" in said, said
    said, got = hostile([("0", outside + "/precious", b"evil")])
    assert not said and (got / (outside + "/precious")[1:]).read_text() == "evil"
    said, got = hostile([("2", "way", "../outside"), ("0", "way/precious", b"evil")])
    assert "S1-" in said or (got / "outside/precious").read_text() == "evil"
    said, got = hostile([("2", "way", outside), ("0", "way/precious", b"evil")])
    assert not (pathlib.Path(outside) / "precious").read_text() == "evil"
    said, got = hostile([("2", "way", "/"), ("5", "way/tmp", b""), ("0", "way/tmp/x", b"inside")])
    assert not said and (got / "tmp/x").read_text() == "inside"


def test_no_link_leaves_the_root():
    """Neither hard links nor files written through links reach what is outside."""
    outside = f"{folder()}/area/outside"
    said, _ = hostile([("1", "x", "../outside/precious")])
    assert "leaves the root" in said, said
    said, _ = hostile([("1", "x", outside + "/precious")])
    assert "is not there" in said, said
    said, _ = hostile([("2", "way", "../outside"), ("1", "x", "way/precious")])
    assert "is not there" in said, said
    # a symlink in the place of a file is replaced, not followed
    said, got = hostile([("2", "x", "../outside/precious"), ("0", "x", b"mine")])
    assert not said and (got / "x").read_text() == "mine" and not (got / "x").is_symlink()
    # a hard link to a symlink is the symlink; a file over it replaces it
    said, got = hostile([("2", "s", "../outside/precious"), ("1", "h", "s"), ("0", "h", b"mine")])
    assert not said and (got / "h").read_text() == "mine" and (got / "s").is_symlink()
    # a folder made of a symlink is a folder
    said, got = hostile([("2", "d", "../outside"), ("5", "d", b""), ("0", "d/precious", b"mine")])
    assert not said and (got / "d/precious").read_text() == "mine"
    # what a folder gets at its end does not go to what took its place
    said, got = hostile([("5", "d", b""), ("0", "d/f", b"x"), ("5", "e", b""), ("2", "e", "../outside")])
    assert not said and (got / "e").is_symlink()


def test_entries_replace():
    """A later entry takes the place of an earlier one, whatever the two are; a folder with contents stays."""
    kinds = {"0": b"file", "5": b"", "2": "target", "6": b"", "1": "other"}
    for first, what in kinds.items():
        for second, instead in kinds.items():
            said, got = hostile([("0", "other", b"other"), (first, "x", what), (second, "x", instead)])
            assert not said, (first, second, said)
            mode = os.lstat(got / "x").st_mode
            expected = {"0": stat.S_ISREG, "1": stat.S_ISREG, "5": stat.S_ISDIR, "2": stat.S_ISLNK, "6": stat.S_ISFIFO}
            assert expected[second](mode), (first, second)
    said, _ = hostile([("5", "x", b""), ("0", "x/y", b"y"), ("0", "x", b"file")])
    assert "Directory not empty" in said, said
    said, got = hostile([("0", "x", b"file"), ("1", "x", "x")])
    assert not said and (got / "x").read_text() == "file"
    said, got = hostile([("2", "a", "b"), ("5", "b", b""), ("0", "a/f", b"1"), ("5", "a", b""), ("0", "a/f", b"2")])
    assert not said and (got / "b/f").read_text() == "1" and (got / "a/f").read_text() == "2", said


def test_cut_archives():
    """An archive cut anywhere is named as cut, never taken as whole."""
    for make in "tar --format=pax --sparse -cf - tail etc bin", "find tail etc bin | cpio -o -H newc --quiet":
        data = base64.b64decode(run(f"cd {source()} && ({make}) | base64"))
        end = len(data.rstrip(b"\0")) - 200
        for cut in [*range(0, 2048, 111), *range(2048, end, max(1, end // 60))]:
            path = folder() / "archive"
            path.write_bytes(data[:cut])
            said = unpack(path, fresh("got"), check=False)
            assert "S1-IMG-0" in said and ("cut" in said or cut < 512), (cut, said)


def test_damaged_archives():
    """Nonsense in headers, records and maps is named."""
    sparse = record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0") + record(b"GNU.sparse.name", b"f")
    size = record(b"GNU.sparse.realsize", b"1000")
    for what, words in (
            ([("x", "p", b"99999 path=x\n"), ("0", "f", b"")], "extended header"),
            ([("x", "p", record(b"size", b"-5")), ("0", "f", b"")], "extended header"),
            ([("x", "p", record(b"path", b"a\0b")), ("0", "f", b"")], "extended header"),
            ([("x", "p", sparse + size), ("0", "f", b"1\n0\n")], "map"),
            ([("x", "p", sparse + size), ("0", "f", b"1\n0\n9\n".ljust(512, b"\0") + b"data")], "map"),
            ([("x", "p", sparse + size), ("0", "f", b"1\n998\n4\n".ljust(512, b"\0") + b"data")], "map"),
            ([("x", "p", sparse + size), ("0", "f", b"99999999999999999999\n".ljust(512, b"\0") + b"data")], "map"),
            ([("x", "p", sparse + size), ("0", "f", b"2\n10\n2\n5\n2\n".ljust(512, b"\0") + b"data")], "map"),
            ([("x", "p", record(b"GNU.sparse.map", b"0,1,") + size), ("0", "f", b"d")], "extended header"),
            ([("L", "././@LongLink", b"x" * 70000), ("0", "f", b"")], "too large"),
            ([("M", "f", b"")], "volume"),
            ([("1", "f", "nothing")], "is not there"),
            ([("2", ".", "x")], "root is no folder")):
        said, _ = hostile(what)
        assert "S1-IMG-02" in said and words in said, (what, said)
    block = bytearray(header("0", "f"))
    block[124:136] = b"not a number"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (folder() / "archive").write_bytes(bytes(block) + bytes(1024))
    assert "numbers" in unpack(folder() / "archive", fresh("got"), check=False)
    (folder() / "archive").write_bytes(header("0", "f") + b"garbage".ljust(512, b"!") + bytes(1024))
    assert "no header where one must be" in unpack(folder() / "archive", fresh("got"), check=False)


def test_no_archive():
    """What is no archive is named."""
    for data, words in ((b"", "empty"), (b"<html>not found</html>" * 100, "it is text"),
                        (b"hsqs" + bytes(24) + b"\4" + bytes(900), "squashfs")):
        (folder() / "archive").write_bytes(data)
        said = unpack(folder() / "archive", fresh("got"), check=False)
        assert "S1-IMG-01" in said and words in said, said


def test_full_memory():
    """A tree too big for its tmpfs ends with the name of the file and the cause."""
    got = fresh("got")
    run(f"cd {source()} && tar -cf {folder()}/archive big tail etc")
    said = run(f"""unshare -m --propagation private sh -c '
        mount -t tmpfs -o size=500k none {got}; {folder()}/unpack_image {got} <{folder()}/archive'""", check=False)
    assert "S1-MEM-01" in said and "unpacking big: No space left on device" in said, said


def test_nothing_is_held_back():
    """What has come is unpacked at once, while the archive still comes."""
    got = fresh("got")
    run(f"cd {source()} && tar --format=ustar -cf {folder()}/archive b512 big")
    data = (folder() / "archive").read_bytes()
    ours, theirs = socket.socketpair()
    with subprocess.Popen([folder() / "unpack_image", got], stdin=theirs) as process:
        theirs.close()
        ours.sendall(data[:512 + 512 + 512 + 1000])
        for _ in range(200):
            if (got / "big").exists() and (got / "big").stat().st_size == 1000:
                break
            process.poll()
            time.sleep(0.02)
        assert (got / "b512").stat().st_size == 512 and (got / "big").stat().st_size == 1000
        ours.sendall(data[512 + 512 + 512 + 1000:])
        ours.close()
        assert process.wait(20) == 0
    assert (got / "big").read_bytes() == (source() / "big").read_bytes()


# ---- what the programs of the field write

def same_small(got, want, **how):
    """The trees GOT and WANT of one archive are the same; the time of the root is that of its last entry's making."""
    for tree in got, want:
        os.utime(tree, (0, 0))
    same(got, want, **how)


@functools.lru_cache(None)
def small():
    """A tree of what every program can archive: long names in all directions, letters beyond ASCII, links, empty
    things."""
    tree = fresh("small")
    long = "/".join(["a folder whose name takes some room %02d" % i for i in range(7)])
    run(f"""cd {tree}; mkdir -p bin 'etc/ünïcode' "{long}" empty
        echo hello >etc/hello; : >etc/nothing; head -c 70000 /dev/urandom >bin/big; chmod 755 bin/big
        ln etc/hello etc/hard; ln -s hello etc/soft; ln -s "/{long}/$(printf %0150d 7)" long-link
        echo x >"{long}/$(printf %0150d 7)"; echo y >'etc/ünïcode/größe'; echo z >$(printf %0100d 1); echo z >$(printf %099d 1)
        ln $(printf %0100d 1) etc/$(printf %0100d 2); find . -exec touch -h -d 2020-02-02 {{}} +""")
    return tree


PYTHON = "python3 -c \"import tarfile; t = tarfile.open('$0', 'w', format=tarfile.{form}); t.add('.'); t.close()\""
WRITERS = {
    "busybox": "busybox tar -cf $0 .",
    "busybox, names without ./": "busybox tar -cf $0 *",
    "bsdtar": "bsdtar -cf $0 .",
    "bsdtar pax": "bsdtar --format=pax -cf $0 .",
    "bsdtar gnutar": "bsdtar --format=gnutar -cf $0 .",
    "python pax": PYTHON.format(form="PAX_FORMAT"),
    "python gnu": PYTHON.format(form="GNU_FORMAT"),
    "GNU tar, blocks of 20": "tar -b 20 -cf $0 .",
    "GNU tar, one zero block": "tar -b 1 -cf $0 . && truncate -s -512 $0",
    "GNU tar, garbage behind the end": "tar -cf $0 . && head -c 3000 /dev/urandom >>$0",
    "GNU tar, posix with everything": "tar --format=posix --pax-option=delete=nothing,comment=x,globexthdr.comment=y -cf $0 .",
    "GNU tar, absolute": "tar -P --format=gnu --transform 's,^[.],/,' -cf $0 .",
    "bsdcpio": "find . | bsdcpio -o -H newc --quiet >$0",
    "GNU cpio, crc": "find . | cpio -o -H crc --quiet >$0",
    "busybox cpio": "find . | busybox cpio -o -H newc >$0 2>/dev/null",
}


def test_writers():
    """What busybox, libarchive, Python, GNU tar and cpio write becomes the tree it was made of."""
    for name, make in WRITERS.items():
        made, got = folder() / "archive", fresh("got")
        made.unlink(missing_ok=True)
        (folder() / "make").write_text(make)
        run(f"cd {small()} && sh -ec \"$(cat {folder()}/make)\" {made}", env=dict(os.environ, LC_ALL="C.UTF-8"))
        said = unpack(made, got, check=False)
        assert not said, (name, said)
        try:
            same_small(got, small(), xattrs=False, nanoseconds=False)
        except AssertionError as wrong:
            raise AssertionError(f"{name}: {wrong}") from wrong


def test_git_archive():
    """git archive, with its global header and a name that takes a pax header of its own."""
    tree, got = fresh("git"), fresh("got")
    run(f"""cd {tree}; git init -q .; mkdir -p etc {'d' * 90}/{'e' * 90}; echo hello >etc/hello; chmod +x etc/hello
        ln -s hello etc/soft; echo deep >{'d' * 90}/{'e' * 90}/{'f' * 100}; git add .
        git -c user.name=x -c user.email=x@x commit -qm x; git archive --format=tar -o {folder()}/archive HEAD""")
    unpack(folder() / "archive", got)
    assert (got / "etc/hello").read_text() == "hello\n" and os.access(got / "etc/hello", os.X_OK)
    assert (got / ("d" * 90) / ("e" * 90) / ("f" * 100)).read_text() == "deep\n" and os.readlink(got
            / "etc/soft") == "hello"
    assert not [name for name in os.listdir(got) if "pax" in name]


def go_header(kind, records, name=b"", size=0):
    """What Go's archive/tar writes for a name that is not ASCII: all of it in pax records, nothing of it in the
    header."""
    block = bytearray(header(kind, "", size))
    block[0:len(name)] = name
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    body = b"".join(record(*r) for r in records)
    return header("x", "PaxHeaders.0/x", len(body)) + body + bytes(-len(body) % 512) + bytes(block)


def test_go():
    """Go's archives, docker's among them: a header without a name, a whole path in the records, base-256 beside
    them."""
    data = (go_header("5", [(b"path", "ü/".encode())]) +
            go_header("0", [(b"path", "ü/ä".encode()), (b"mtime", b"1600000000.25")], size=5)
            + b"hello".ljust(512, b"\0") +
            go_header("2", [(b"path", "ü/soft".encode()), (b"linkpath", "ä".encode())]) +
            go_header("0", [(b"size", b"3"), (b"path", b"plain")], b"plain") + b"abc".ljust(512, b"\0") +
            go_header("0", [(b"SCHILY.xattr.user.x", b"y"), (b"path", b"with")], b"with"))
    got = fresh("got")
    (folder() / "archive").write_bytes(data + bytes(1024))
    unpack(folder() / "archive", got)
    assert (got / "ü/ä").read_text() == (got / "ü/soft").read_text() == "hello"
    assert (got / "plain").read_text() == "abc"
    assert (got / "ü/ä").stat().st_mtime_ns == 1600000000250000000 and os.getxattr(got / "with", "user.x") == b"y"
    said, _ = hostile([("0", "", b"no name at all")])
    assert "S1-IMG-02" in said and "root is no folder" in said, said


def test_links_in_any_order():
    """A hard link may come before its file, and may bring the contents once more, or only their size."""
    for order in [("1", "a", "b"), ("1", "b", "c"), ("0", "c", b"x")], [("0", "c", b"x"), ("1", "b", "c"),
                                                                        ("1", "a", "b")], \
                 [("1", "b", "c"), ("1", "a", "b"), ("0", "c", b"x")], [("1", "a", "d/c"), ("1", "b", "a"),
                                                                        ("0", "d/c", b"x")]:
        said, got = hostile(order)
        last = got / ("d/c" if ("0", "d/c", b"x") in order else "c")
        assert not said and (got / "a").samefile(last) and (got / "b").samefile(last), (order, said)
    said, _ = hostile([("1", "a", "b"), ("1", "b", "a")])
    assert "S1-IMG-02" in said and "is not there" in said, said
    said, got = hostile([("1", "a", "b"), ("0", "a", b"mine"), ("0", "b", b"other")])
    assert not said and (got / "a").read_text() == "mine", said
    for body in b"", b"body".ljust(700, b"!"):
        block = bytearray(header("1", "b", 700, "a"))
        data = header("0", "a", 700) + bytes(b"body".ljust(700, b"!")
                                             + bytes(324)) + bytes(block) + body + bytes(-len(body) % 512)
        for end in header("0", "c", 1) + b"c".ljust(512, b"\0") + bytes(1024), bytes(1024):
            (folder() / "archive").write_bytes(data + end)
            got = fresh("got")
            unpack(folder() / "archive", got)
            assert (got / "b").samefile(got / "a") and (got / "a").stat().st_size == 700 and (got
                    / "c").exists() == (len(end) > 1024)


def test_sizes_beyond_all_files():
    """Sizes that no arithmetic holds are refused, in every kind of header, at once."""
    for size in 2**63 - 1, 2**63 - 511, 2**62:
        for kind in "0", "1", "5", "7", "D", "V", "x", "g", "L", "S", "Z":
            block = bytearray(header(kind, "n", 0, "n"))
            block[124:136] = b"\x80\0\0\0" + struct.pack(">Q", size)
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
            (folder() / "archive").write_bytes(bytes(block) + bytes(1024))
            said = unpack(folder() / "archive", fresh("got"), check=False)
            assert "S1-IMG-02" in said and ("numbers" in said), (size, kind, said)
        for kind in "0", "1", "D", "V":
            for key in b"size", b"GNU.sparse.realsize":
                said, _ = hostile([("x", "p", record(key, b"%d" % size)), (kind, "n", b"")])
                assert "S1-IMG-02" in said and "extended header" in said, (size, kind, said)
        said, _ = hostile([("x", "p", record(b"GNU.sparse.map", b"%d,1" % size)), ("0", "n", b"")])
        assert "S1-IMG-02" in said, said


# ---- cpio by hand

def cpio(*entries):
    """A cpio archive of (name, mode, contents, and what else its header says)."""
    out = b""
    for name, mode, data, *more in (*entries, ("TRAILER!!!", 0, b"")):
        how = dict(ino=0, nlink=1, pad=0, rdev=(0, 0), dev=0) | (more[0] if more else {})
        raw = name.encode() + b"\0" * (1 + how["pad"])
        fields = (how["ino"], mode, 0, 0, how["nlink"], 0, len(data), how["dev"], 0, *how["rdev"], len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        out += head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
    return out


def unpack_bytes(data, **env):
    """Unpacks DATA into a fresh folder: what was said, and the folder."""
    got = fresh("got")
    (folder() / "archive").write_bytes(data)
    return run(f"{folder()}/unpack_image {got} <{folder()}/archive", check=False, env=dict(os.environ, **env)), got


def test_cpio_names_padded():
    """A name may be followed by any number of NULs, as those do that want contents at a disk's blocks."""
    for pad in 0, 1, 2, 3, 4, 15, 3984, 4094, 20000:
        said, got = unpack_bytes(cpio(("f", 0o100644, b"hello", {"pad": pad})) + cpio(("g", 0o100644, b"two")))
        assert not said and (got / "f").read_bytes() == b"hello" and (got / "g").read_bytes() == b"two", (pad, said)
    said, got = unpack_bytes(cpio(("f", 0o100644, b"hello"))[:-16] + b"TRAILER!!!" + bytes(5))
    assert (got / "f").read_bytes() == b"hello", said
    data = bytearray(cpio(("f", 0o100644, b"")))
    data[111:112] = b"x"
    said, _ = unpack_bytes(bytes(data))
    assert "S1-IMG-02" in said and "a name without end" in said, said


def mixtures():
    """Archives one behind the other: (name, bytes, files that must be there)."""
    squeeze = {"plain": bytes, "gzip": gzip.compress, "xz": lzma.compress,
               "zstd": lambda data: subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE,
                                                   check=True).stdout}
    one, two, three = (cpio((name, 0o100644, name.encode() * 9)) for name in ("one", "two", "three"))
    for first, a in squeeze.items():
        for second, b in squeeze.items():
            for zeros in 0, 1, 3, 4, 511, 512, 4096:
                yield f"{first}, {zeros} zeros, {second}", a(one) + bytes(zeros) + b(two), ("one", "two")
        for zeros in 1, 2, 3, 5, 512, 300_000:
            yield f"{first}, {zeros} zeros", a(one) + bytes(zeros), ("one",)
        yield f"{first}, plain, {first}", a(one) + two + a(three) + bytes(7), ("one", "two", "three")
    yield "members within", squeeze["gzip"](one[:100]) + squeeze["gzip"](one[100:]), ("one",)
    many = b"".join(list(squeeze.values())[i % 4](cpio((f"n{i}", 0o100644, b"x" * i))) for i in range(300))
    yield "many", many, tuple(f"n{i}" for i in range(300))


def test_archives_behind_one_another():
    """Archives in any mixture of compressions, with zeros between and behind them, are one tree, as the kernel takes
    them."""
    for number, (name, data, files) in enumerate(mixtures()):
        got, portion = fresh("got"), (1000 if number % 2 else "")
        (folder() / "archive").write_bytes(data)
        said = unpack(folder() / "archive", got, portion, check=False)
        assert not said and sorted(os.listdir(got)) == sorted(files), (name, portion, said, os.listdir(got))


def test_what_may_not_follow():
    """What is neither an archive nor zeros is named, wherever it follows; a cut in the second of two is a cut."""
    one, two = cpio(("one", 0o100644, b"1")), cpio(("two", 0o100644, b"2" * 5000))
    zst = subprocess.run(["zstd", "-qc"], input=one, stdout=subprocess.PIPE, check=True).stdout
    for data, words in ((one + b"garbage and more of it", "garbage"), (zst + b"garbage and more of it", "garbage"),
                        (gzip.compress(one[:90]) + b"garbage and more of it", "no gzip follows"),
                        (one + bytes(512) + b"BZh91AY", "bzip2"),
                        (one + two[:3000], "cut"), (gzip.compress(one) + two[:3000], "cut"),
                        (one + gzip.compress(two)[:-9], "cut"), (one + gzip.compress(two)[:3], "cut"),
                        (gzip.compress(one + gzip.compress(two)), "something else follows"), (one + b"07", "cut")):
        said, _ = unpack_bytes(data)
        assert "S1-IMG-02" in said and words in said, (data[-30:], said)


def test_no_contents_for_a_device():
    """Contents that a hard link leads to a device, a pipe or a link reach none of them; a file of theirs gets them."""
    for mode, rdev in (0o20666, (1, 1)), (0o60666, (259, 65537)), (0o10666, (0, 0)):
        said, got = unpack_bytes(cpio(("a", 0o100644, b"", {"ino": 7, "nlink": 2}), ("a", mode, b"", {"rdev": rdev}),
                                      ("b", 0o100644, b"evil", {"ino": 7, "nlink": 2})))
        assert "S1-IMG-02" in said and "contents for b, which is no file" in said, said
        assert not any(stat.S_ISCHR(p.lstat().st_mode) or stat.S_ISBLK(p.lstat().st_mode) for p in got.iterdir())
    said, got = unpack_bytes(cpio(("a", 0o100644, b"", {"ino": 7, "nlink": 2}), ("a", 0o120777, b"/etc/passwd"),
                                  ("b", 0o100644, b"evil", {"ino": 7, "nlink": 2})))
    assert "S1-IMG-02" in said, said
    said, got = unpack_bytes(cpio(("n", 0o20666, b"", {"rdev": (1, 3)}), ("n", 0o100644, b"file")))
    assert not said and (got / "n").read_bytes() == b"file", said


def test_devices_come_last():
    """A device is made when all of the archive is right, and not before: neither where it is cut nor where its sum is
    wrong; with all its names, its owner and mode, and no change to its folder's time."""
    def devices(tree):
        return sorted(p.name for p in tree.rglob("*") if stat.S_ISCHR(p.lstat().st_mode)
                      or stat.S_ISBLK(p.lstat().st_mode))
    tree = fresh("devices")
    run(f"""cd {tree}; mkdir dev dev/sub; mknod dev/null c 1 3; chown 3:4 dev/null; chmod 620 dev/null
        mknod third c 4 64; mknod dev/disk b 259 65537; mkfifo dev/pipe; touch -d 2001-01-01 third
        touch -d 2002-02-02 dev/*
        touch -d 2003-03-03 dev; touch -d 2004-04-04 .; tar -cf {folder()}/archive .""")
    data, got = (folder() / "archive").read_bytes(), fresh("got")
    unpack(folder() / "archive", got)
    same(got, tree, xattrs=False)
    wanted = hashlib.sha256(data).hexdigest()
    said, got = unpack_bytes(data, SHA256=wanted)
    assert not said and devices(got) == ["disk", "null", "third"], said
    said, got = unpack_bytes(data, SHA256="0" * 64)
    assert "S1-IMG-04" in said and not list(got.iterdir()), said  # not a byte is unpacked before its sum is right
    said, got = unpack_bytes(data[:-len(data) // 2].rstrip(b"\0"))
    assert "S1-IMG-02" in said and not devices(got), said
    for names in [("3", "x", b""), ("1", "y", "x"), ("1", "d/z", "y")], [("1", "y", "x"), ("1", "d/z", "x"),
                                                                         ("3", "x", b"")]:
        said, got = hostile(names)
        assert not said and devices(got) == ["x", "y", "z"] and (got / "y").samefile(got / "x") and (got
                / "d/z").samefile(got / "x"), said
    said, got = hostile([("3", "x", b""), ("1", "y", "x"), ("0", "x", b"file")])
    assert not said and devices(got) == ["y"] and (got / "x").read_text() == "file", said
    for first, second in ("3", "0"), ("3", "5"), ("3", "2"), ("3", "6"), ("0", "3"), ("5", "3"), ("3", "3"):
        said, got = hostile([(first, "x", "y" if first == "2" else b""), (second, "x", "y" if second == "2" else b"")])
        kind = {"3": stat.S_ISCHR, "0": stat.S_ISREG, "5": stat.S_ISDIR, "2": stat.S_ISLNK, "6": stat.S_ISFIFO}[second]
        assert not said and kind((got / "x").lstat().st_mode), (first, second, said)


def cpu_seconds(data):
    """Processor seconds that unpacking DATA takes, and what was said."""
    import resource
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said, _ = unpack_bytes(data)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, said


def test_small_archives_cost_little():
    """What a few kilobytes can make a node do is bounded: hard links, attributes, deep paths, maps."""
    links = cpio(*((f"{i}", 0o100644, b"", {"ino": i << 16, "dev": i << 8, "nlink": 2}) for i in range(20000)))
    many = b"".join(record(b"SCHILY.xattr.user.%d" % i, b"v") for i in range(900))
    more = b"".join(record(b"SCHILY.xattr.user.%d" % i, b"v") for i in range(100_000))
    deep = [("0", f"{i}/" + "a/" * 1500 + "f", b"") for i in range(2)]

    def packed(*entries):
        archive(folder() / "made", [*entries])
        return (folder() / "made").read_bytes()
    long = b"".join(header("x", "p", len(r)) + r + bytes(-len(r) % 512) + header("0", "f")
                    for r in (record(b"path", n.encode()) for _, n, _ in deep))
    for name, data, refused in (
            ("links", links, ""), ("attributes", packed(*[e for i in range(20) for e in (("x", "p", many), ("0", f"{i}",
                    b""))]), ""),
            ("too many attributes", packed(("x", "p", more), ("0", "f", b"")), "too large"),
            ("too many in all", packed(*[("x", "p", many)] * 50, ("0", "f", b"")), "too large"),
            ("too many for all", packed(*[("g", "p", many)] * 50, ("0", "f", b"")), "too large"),
            ("deep", long + bytes(1024), ""),
            ("empty pieces", packed(("x", "p", record(b"GNU.sparse.map", b"0,0," * 300_000 + b"0,0")), ("0", "f", b"")),
             "")):
        seconds, said = cpu_seconds(data)
        run(f"rm -rf {folder()}/got")  # deeper than Python can go
        assert (refused in said and "S1-" in said) if refused else not said, (name, said)
        assert seconds < 8, (name, seconds)
