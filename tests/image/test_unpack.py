"""test_unpack.py - image/unpack*.c: archives become the trees that GNU tar and cpio make of them, and none gets out.

Needs root (owners, devices). Everything happens in folders below the temporary folder.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import functools
import hashlib
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
