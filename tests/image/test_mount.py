"""test_mount.py - image/mount.c on this machine's own kernel: every kind of image becomes the root it was asked to be.

Needs root. Each test has a mount namespace of its own with an empty /run; loop devices go when it ends. iso9660 and the
ramdisk driver are tested in QEMU (tests/boot), with the kernel that is shipped.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: squashfs-tools erofs-utils e2fsprogs cpio zstd libcap2-bin
import functools
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import test_unpack  # noqa: E402  beside this file

TOP = HERE.parents[1]


def run(script, check=True):
    """A shell script, run to its end; its output."""
    done = subprocess.run(["sh", "-ec", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)
    if check and done.returncode:
        raise AssertionError(f"{script}\nexit status {done.returncode}: {done.stdout}")
    return done.stdout


@functools.lru_cache(None)
def folder():
    """A folder with the program under test and the tree that goes into the images; it goes with this process."""
    where = tempfile.TemporaryDirectory(prefix="test-mount-")
    path = pathlib.Path(where.name)
    folder.keep = where
    sources = " ".join(str(p) for part in ("base", "image") for p in sorted((TOP / part).glob("*.c")))
    run(f"cd {TOP} && gcc -std=gnu11 -D_GNU_SOURCE -I. -g -O1 -Wall -Wextra -fsanitize=address,undefined "
        f"-fno-sanitize-recover=all -o {path}/mount_image {HERE}/mount_image.c {sources} -lz -llzma -lzstd")
    run(f"cd {path} && mkdir -p tree/sub target && echo hello >tree/hello && "
        "head -c 3000000 /dev/urandom >tree/sub/big && chmod 0751 tree && chown 12:34 tree && sha256sum tree/sub/big | cut -c1-64 >big.sum")
    return path


@functools.lru_cache(None)
def image(command):
    """An image made by COMMAND of the folder tree, named by $0."""
    path = folder() / f"image-{abs(hash(command))}"
    run(f"cd {folder()} && sh -ec '{command}' {path} && test -s {path}")
    return path


SQUASHFS = "mksquashfs tree $0 -noappend -quiet"
EXT4 = "mke2fs -q -F -t ext4 -d tree $0 10M"


def inside(mode, store, file, then, before="true", check=True):
    """Mounts FILE at target in a fresh namespace, runs THEN in it; the output."""
    return run(f"""cd {folder()}
        unshare -m --propagation private sh -ec '
            mount -t tmpfs none /run; mkdir /run/stage1
            {before}
            ./mount_image {mode} {store} {file} target
            {then}'""", check)


def refused(mode, store, file, code, *words, before="true"):
    """It fails with CODE, says WORDS, and leaves nothing mounted."""
    said = run(f"""cd {folder()}
        unshare -m --propagation private sh -ec '
            mount -t tmpfs none /run; mkdir /run/stage1
            {before}
            grep -c -e " /run/stage1" -e " {folder()}" /proc/mounts || true
            ! ./mount_image {mode} {store} {file} target
            grep -c -e " /run/stage1" -e " {folder()}" /proc/mounts || true'""")
    counts = re.findall(r"^\d+$", said, re.M)
    assert counts[0] == counts[-1], f"mounts before and after: {counts}\n{said}"
    for word in (code, *words):
        assert word in said, f"'{word}' is not in: {said}"


def overlay_works(file, store="memory", before="true"):
    """The usual life on an overlay."""
    inside("overlay", store, file, before=before, then="""
        test "$(cat target/hello)" = hello
        test "$(sha256sum target/sub/big | cut -c1-64)" = "$(cat big.sum)"
        test "$(stat -c %a.%u.%g target)" = "$(stat -c %a.%u.%g /run/stage1/lower)"
        echo changed >target/hello; echo new >target/sub/new; rm target/sub/big
        test "$(cat /run/stage1/lower/hello)" = hello
        test "$(cat /run/stage1/upper/data/hello)" = changed
        ! echo x >/run/stage1/lower/x
    """)


def test_squashfs():
    """A squashfs is the lower half of an overlay, whatever it is compressed with, padded or not."""
    for options in ("-comp zstd", "-comp xz", "-comp gzip -nopad", "-noI -noD -noF -nopad"):
        overlay_works(image(f"{SQUASHFS} {options}"))


def test_erofs():
    """An erofs is the lower half of an overlay."""
    overlay_works(image("mkfs.erofs -zlz4 $0 tree >log"))


def test_ext():
    """An ext2, ext3 or ext4 image is the lower half of an overlay, compressed or not."""
    for version in 2, 3, 4:
        overlay_works(image(f"mke2fs -q -F -t ext{version} -d tree $0 10M"))
    for tool in "gzip", "xz -0", "zstd -q":
        overlay_works(image(f"{EXT4.replace('$0', 'x.img')}; {tool} <x.img >$0; rm x.img"))


def in_use(change):
    """An ext4 image copied while it was mounted, with CHANGE in its journal only; named by $0."""
    return image(EXT4.replace("$0", "x.img") + f"""; mkdir -p mnt; unshare -m sh -ec "mount -o loop x.img mnt; {change}
        sync mnt/more; cp x.img $0; umount mnt"; rm x.img
        dumpe2fs -h $0 2>&1 | grep needs_recovery""")


def test_ext_that_was_in_use():
    """What only the journal of an ext image has is there: it is replayed in our copy, on a loop device and on a
    ramdisk, written to or not."""
    dirty = in_use("echo more >mnt/more; mv mnt/hello mnt/renamed; rm -r mnt/sub;")
    look = "test $(cat target/renamed) = hello; test $(cat target/more) = more; test ! -e target/hello; test ! -e target/sub"
    for mode in "overlay", "ro", "rw":
        inside(mode, "memory", dirty, look)
        inside(mode, "/run/device", dirty, before=DEVICE.format(size=12_000_256), then=f"{look}; umount -R target")


def test_ext_that_was_in_use_where_it_lies():
    """Where nothing may be written old files are not passed off as the root: it is refused, and not a byte is
    changed."""
    dirty = in_use("echo more >mnt/more;")
    before = dirty.read_bytes()
    for mode in "overlay", "ro":
        refused(mode, "use", dirty, "S1-IMG-03", "was not cleanly unmounted", "root:ram copies it")
    refused("overlay", "use", "/run/device", "S1-IMG-03", "was not cleanly unmounted", before=f"""
            ln -s $(losetup -f --show {dirty}) /run/device; trap "losetup -d $(readlink /run/device)" EXIT""")
    assert dirty.read_bytes() == before


def within(path, inner, outer=SQUASHFS):
    """An image that holds only the image made by INNER, at PATH."""
    return image(f"{inner.replace('$0', 'inner.img')}; rm -rf live; mkdir -p live/$(dirname {path}); mv inner.img live/{path}; "
                 f"{outer.replace('tree', 'live')}")


def test_image_within_an_image():
    """What live media are, an image that holds nothing but an image, is mounted in two steps or three; nothing is left
    of the first but what the second needs."""
    root = "test $(cat target/hello) = hello; test \"$(sha256sum target/sub/big | cut -c1-64)\" = \"$(cat big.sum)\""
    coreos = "cd live; find . | cpio -o -H newc --quiet | zstd -q >$0"
    for path, inner, outer in (("LiveOS/rootfs.img", EXT4, SQUASHFS),
                               ("LiveOS/ext3fs.img", EXT4.replace("ext4", "ext3"), SQUASHFS),
                               ("LiveOS/squashfs.img", SQUASHFS, SQUASHFS), ("root.squashfs", SQUASHFS, coreos),
                               ("root.erofs", "mkfs.erofs $0 tree >log", coreos),
                               ("live/filesystem.squashfs", SQUASHFS, SQUASHFS)):
        made = within(path, inner, outer)
        overlay_works(made)
        if outer == SQUASHFS:
            overlay_works(made, "use")
            overlay_works(made, "/run/device", DEVICE.format(size=12_288_000))
        inside("ro", "memory", made, root + "; ! touch target/x; test ! -e /run/stage1/upper")
        refused("rw", "memory", made, "S1-ROOT-06", "cannot itself be a root that is written to")
    deep = image(f"{EXT4.replace('$0', 'x.img')}; rm -rf a b; mkdir -p a/LiveOS b/LiveOS; mv x.img a/LiveOS/rootfs.img; "
                 "mksquashfs a b/LiveOS/squashfs.img -noappend -quiet; mksquashfs b $0 -noappend -quiet")
    overlay_works(deep)
    inside("overlay", "memory", deep, then="""
        umount target /run/stage1/lower /run/stage1/upper; umount /run/stage1/image
        ! losetup -n -O BACK-FILE | grep -e LiveOS -e /run/stage1""")


def test_no_image_within():
    """A system that has such a file among others is the root itself; an image within that is none, or that must have
    its journal replayed, is named."""
    def with_file(name, command, *more):
        return image(f"rm -rf s; mkdir -p s/$(dirname {name}); {command.replace('$0', 's/' + name)}; {' '.join(more)} mksquashfs s $0 -noappend -quiet")
    for top in "usr", "sbin", "init":
        inside("overlay", "memory", with_file("LiveOS/rootfs.img", EXT4, f"mkdir s/{top};"), f"test -e target/{top}")
    inside("overlay", "memory", with_file("LiveOS/other.img", EXT4), "test -e target/LiveOS/other.img")
    inside("overlay", "memory", with_file("LiveOS/rootfs.img", "mkfifo $0"), "test -p target/LiveOS/rootfs.img")
    inside("overlay", "memory", with_file("x", "true", "mkdir s/LiveOS; ln -s /etc/passwd s/LiveOS/rootfs.img;"),
           "test -L target/LiveOS/rootfs.img")
    refused("overlay", "memory", with_file("LiveOS/rootfs.img", "echo some words that are no image >$0"), "S1-IMG-01",
            "it is text")
    dirty = in_use("echo more >mnt/more;")
    refused("overlay", "memory", with_file("LiveOS/rootfs.img", f"cp {dirty} $0"), "S1-IMG-03",
            "LiveOS/rootfs.img was not cleanly unmounted")


def test_image_in_place():
    """An image on a disk is used where it lies, as a file and as a device."""
    file = image(SQUASHFS)
    overlay_works(file, "use")
    overlay_works("/run/device", "use", before=f"""
            ln -s $(losetup -f --show {file}) /run/device; trap "losetup -d $(readlink /run/device)" EXIT""")


def test_owner_of_the_root():
    """The new root has the owner and the mode of the image's root."""
    inside("overlay", "memory", image(SQUASHFS), "test $(stat -c %a.%u.%g target) = 751.12.34")


def test_read_only():
    """root:ro is the image itself."""
    inside("ro", "memory", image(SQUASHFS), """
        test $(cat target/hello) = hello; ! touch target/x; test ! -e /run/stage1/upper""")


def test_read_write():
    """root:rw writes into an ext image in memory, and is refused under a code of its own for everything else."""
    inside("rw", "memory", image(EXT4), """
        echo x >target/x; umount target
        mount -o loop,ro /run/stage1/image/image target; test $(cat target/x) = x""")
    refused("rw", "memory", image(SQUASHFS), "S1-ROOT-06", "ext2/3/4", "squashfs")
    refused("rw", "use", image(EXT4), "S1-ROOT-06", "used where it lies")


DEVICE = """head -c {size} /dev/zero >/run/disk; dev=$(losetup -f --show /run/disk); ln -s $dev /run/device
            trap "losetup -d $dev" EXIT"""


def test_device():
    """An image in a block device is mounted from it, read-write where it is ext."""
    device = DEVICE.format(size=12_000_256)
    inside("rw", "/run/device", image(EXT4), before=device,
           then="echo x >target/x; umount target; mount /run/device target; test $(cat target/x) = x; umount target")
    overlay_works(image(SQUASHFS), "/run/device", device)


def test_device_too_small_busy_or_none():
    """A device that is too small, in use or not a device is named with the numbers."""
    refused("rw", "/run/device", image(EXT4), "S1-IMG-05", "needs 10240 KiB", "holds 1000 KiB",
            before=DEVICE.format(size=1_024_000))
    unknown = image(f"{EXT4.replace('$0', 'x.img')}; (cat x.img; head -c 5000000 /dev/zero) | xz -0 >$0; rm x.img")
    refused("rw", "/run/device", unknown, "S1-IMG-05", "/run/device holds 12000 KiB, and more comes",
            before=DEVICE.format(size=12_288_000))
    refused("rw", "/run/device", image(EXT4), "S1-IMG-05", "it is in use", before=DEVICE.format(size=12_000_000) + """
            mke2fs -q -t ext2 /run/device; mkdir /run/mnt; mount /run/device /run/mnt
            trap "umount /run/mnt; losetup -d $dev" EXIT""")
    refused("rw", "/dev/null", image(EXT4), "S1-IMG-05", "no block device")
    refused("rw", "/dev/nothing", image(EXT4), "S1-IMG-05", "No such file")


def test_cut_image():
    """A cut image is refused with both numbers, before it is mounted."""
    size = image(SQUASHFS).stat().st_size - 100_000
    for store in "memory", "use":
        refused("overlay", store, image(f"{SQUASHFS}; truncate -s -100000 $0"), "S1-IMG-02", f"{size} bytes are there")


def test_damaged_image():
    """An image that the kernel refuses is named with the kernel's own words."""
    damaged = image(f"{SQUASHFS}; printf junkjunkjunkjunkjunk | dd of=$0 bs=1 seek=72 conv=notrunc status=none")
    refused("overlay", "memory", damaged, "S1-IMG-0", "squashfs on /run/stage1/lower", "errno")
    noise = image(f"{EXT4}; head -c 8000 /dev/urandom | dd of=$0 bs=1024 seek=2 conv=notrunc status=none")
    refused("overlay", "memory", noise, "S1-IMG-0", "the kernel says: EXT4-fs")


TAR = "tar -C tree -cf $0 ."


def test_archive_in_memory():
    """A tar or cpio archive is unpacked into memory and is the root, compressed or not, read-only where asked."""
    for make in TAR, "tar -C tree -czf $0 .", "cd tree; find . | cpio -o -H newc --quiet | zstd -q >$0":
        inside("overlay", "memory", image(make), """
            test "$(cat target/hello)" = hello; test "$(stat -c %a.%u.%g target)" = 751.12.34
            test "$(sha256sum target/sub/big | cut -c1-64)" = "$(cat big.sum)"
            test "$(stat -f -c %T target)" = tmpfs; echo x >target/x""")
    inside("ro", "memory", image(TAR), "test $(cat target/hello) = hello; ! touch target/x")


def test_devices_of_an_archive():
    """Devices work in the root that an archive became, in memory and on a ramdisk."""
    made = image(f"{TAR}; rm -rf dv; mkdir dv; mknod -m 666 dv/null c 1 3; tar -C dv -rf $0 ./null")
    inside("rw", "memory", made, "echo x >target/null; test -c target/null")
    inside("rw", "/run/device", made, before=DEVICE.format(size=12_288_000), then="echo x >target/null; umount target")
    inside("ro", "memory", made, "echo x >target/null; ! touch target/x")


def test_archive_on_a_ramdisk():
    """A tar archive becomes an ext4 file system on a ramdisk, which e2fsck finds no fault with."""
    inside("rw", "/run/device", image(TAR), before=DEVICE.format(size=12_288_000), then="""
        test "$(cat target/hello)" = hello; test "$(stat -f -c %T target)" = ext2/ext3; echo x >target/x
        test "$(sha256sum target/sub/big | cut -c1-64)" = "$(cat big.sum)"
        umount target; e2fsck -fn /run/device""")
    refused("rw", "/run/device", image(TAR), "S1-IMG-05", "sub/big: No space left",
            before=DEVICE.format(size=3_072_000))
    refused("rw", "memory", image(f"{TAR}; truncate -s 1000000 $0"), "S1-IMG-02", "cut")


ON_A_MEDIUM = """mount -t tmpfs -o nosuid,nodev,noexec none /run/stage1; mkdir /run/stage1/m
            cp -a tree/. /run/stage1/m; cp /bin/true /run/stage1/m/sub/true; mknod -m 666 /run/stage1/m/sub/null c 1 3
            mount -o remount,bind,ro /run/stage1"""


def test_tree_where_it_lies():
    """A folder is the lower half of an overlay, or the root itself; devices and programs work there, whatever it is
    on."""
    overlay_works("tree", "tree")
    for mode in "ro", "rw":
        inside(mode, "tree", "/run/stage1/m", before=ON_A_MEDIUM, then="target/sub/true; echo x >target/sub/null")
        inside(mode, "tree", "tree", f"""
            test $(cat target/hello) = hello; test ! -e /run/stage1/upper
            case {mode} in ro) ! touch target/x ;; rw) touch target/x; rm target/x ;; esac""")
    refused("overlay", "tree", "nothing", "S1-ROOT-01", "nothing on /run/stage1/lower")


def test_tree_copied():
    """A folder with everything a tree can hold is copied to a ramdisk with all of it: links, holes, owners, times,
    attributes; into memory with what memory can keep."""
    source = test_unpack.source()
    (folder() / "compare").write_text(f"""import pathlib, sys
sys.path.insert(0, {str(HERE)!r})
import test_unpack
test_unpack.same(pathlib.Path("target"), pathlib.Path({str(source)!r}), **{{sys.argv[1]: sys.argv[2] == "yes"}})
""")
    inside("rw", "/run/device", source,
           before=DEVICE.replace("head -c {size} /dev/zero >", "truncate -s 600M ").format(), then=f"""
        rmdir target/lost+found; touch -r {source} target
        python3 compare holes yes; umount target; e2fsck -fn /run/device""")
    inside("rw", "memory", source, then=f"""
        python3 compare xattrs no; getcap target/bin/suid | grep cap_net_raw; test "$(stat -f -c %T target)" = tmpfs""")


def test_tree_that_does_not_fit():
    """A tree that is too big for memory is refused with the numbers before it is copied, one for a small ramdisk when
    that is full."""
    refused("overlay", "memory", "tree", "S1-MEM-01", "the tree needs 4 MB, 2 MB are free",
            before="export MEMORY=19000000")
    refused("rw", "/run/device", "tree", "S1-IMG-05", "No space left", before=DEVICE.format(size=3_072_000))


def test_what_cannot_be_used_where_it_lies():
    """What has to be unpacked, and a file with half a sector at its end, say so."""
    for make in TAR, f"{EXT4.replace('$0', 'x.img')}; gzip <x.img >$0; rm x.img":
        refused("overlay", "use", image(make), "S1-CMD-04", "has to be unpacked", "root:ram copies it")
    refused("overlay", "use", image(f"{SQUASHFS} -noI -noD -noF -nopad; truncate -s %4096 $0; printf x >>$0"),
            "S1-IMG-03",
            "sectors of 512")


def test_memory_above():
    """The overlay's memory is limited to half of what the image left free."""
    said = inside("overlay", "memory", image(SQUASHFS), """
        df -k --output=size /run/stage1/upper | tail -n 1; grep MemAvailable /proc/meminfo""")
    limit, free = (int(re.sub(r"\D", "", line)) for line in said.strip().splitlines())
    assert 0.4 * free < limit < 0.6 * free, said


def test_everything_is_given_back():
    """With the root unmounted nothing is left: no loop device, no memory."""
    inside("overlay", "memory", image(SQUASHFS), then="""
        losetup -n -O BACK-FILE | grep -q /image
        umount target /run/stage1/lower /run/stage1/upper
        umount /run/stage1/image
    """)
