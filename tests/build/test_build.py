"""test_build.py - the Makefile and initramfs/: what all.rdz holds and weighs, the same bytes twice, bad choices named.

Each build here is in a folder of its own below build/tests/build, with hard links to what was downloaded before, so
nothing of the tree is touched.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: make kmod
import atexit
import functools
import hashlib
import lzma
import os
import pathlib
import shutil
import subprocess
import tempfile
import zlib

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
MB = 1000 * 1000
NOBODY = 65534

alone = True  # make works in this tree


def run(*argv, cwd=TOP, fails=False, env=None, user=None):
    """The output of ARGV, both channels; it must succeed, or fail where FAILS."""
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"] if user else []
    done = subprocess.run([*words, *map(str, argv)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True,
                          check=False, env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0", "LC_ALL": "C",
                                            **(env or {})})
    assert (done.returncode != 0) == fails, f"{argv}: exit status {done.returncode}\n{done.stdout}"
    return done.stdout


@functools.cache
def version():
    """The version of the kernel that build/ has."""
    return (BUILD / "kernel" / "version").read_text().strip()


def members(archive):
    """{name: (mode, bytes)} of the two archives in a file, the second one compressed; zeros between and behind them."""
    data = pathlib.Path(archive).read_bytes()
    plain, end = one_archive(data)
    gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    packed, _ = one_archive(gzip.decompress(data[end:].lstrip(b"\0")))
    assert gzip.eof and not gzip.unused_data.strip(b"\0") and len(data) % 512 == 0, "no end"
    both = [name for name in plain if name in packed]
    assert all(plain[name] == packed[name] == (0o040755, b"") for name in both), both
    return {**plain, **packed}


def one_archive(data):
    """{name: (mode, bytes)} of the newc archive that DATA begins with, in its order, and where it ends; every field
    that could differ between builds is checked."""
    offset, found = 0, {}
    while True:
        fields = [int(data[offset + 6 + 8 * i:offset + 14 + 8 * i], 16) for i in range(13)]
        assert data[offset:offset + 6] == b"070701", f"no header at {offset}"
        inode, mode, uid, gid, _, mtime, size, *_, name_size, _ = fields
        name = data[offset + 110:offset + 110 + name_size - 1].decode()
        start = (offset + 110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            return found, start
        assert (uid, gid, mtime, inode) == (0, 0, 0, len(found) + 1), name
        found[name] = (mode, data[start:start + size])
        offset = (start + size + 3) & ~3


@functools.cache
def unpacked():
    """build/all.rdz as files in a folder, devices left out."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rdz."))
    atexit.register(shutil.rmtree, folder)
    for name, (mode, data) in members(BUILD / "all.rdz").items():
        path = folder / name
        if mode & 0o170000 == 0o040000:
            path.mkdir(parents=True)
        elif mode & 0o170000 == 0o100000:
            path.write_bytes(data)
            path.chmod(mode & 0o777)
        elif mode & 0o170000 == 0o120000:
            path.symlink_to(data.decode())
    return folder


def modules():
    """{name: path below lib/modules/VERSION} of the packed modules."""
    top = unpacked() / "lib/modules" / version()
    return {path.name.split(".ko")[0].replace("-", "_"): path.relative_to(top) for path in top.glob("kernel/**/*.ko*")}


@functools.cache
def all_depends():
    """{module: [modules it needs]} of the whole kernel, by the indexes of depmod."""
    text = (BUILD / "kernel/lib/modules" / version() / "modules.dep").read_text()
    name = lambda path: path.rsplit("/", 1)[1].split(".ko")[0].replace("-", "_")  # noqa: E731
    return {name(line.split(":")[0]): [name(word) for word in line.split(":")[1].split()] for line in text.splitlines()}


# ---- what is in it

def test_sizes():
    """all.rdz weighs at most 12 MB, and stage1 less than 400,000 bytes with either C library, with all nine methods."""
    programs = [f"build/{libc}/bin/stage1" for libc in ("dietlibc", "musl")]
    for libc, program in zip(("dietlibc", "musl"), programs):
        run("make", f"LIBC={libc}", program)
    sizes = {name: (TOP / name).stat().st_size for name in ["build/all.rdz", *programs]}
    assert sizes.pop("build/all.rdz") <= 12 * MB, sizes
    assert all(size < 400_000 for size in sizes.values()), sizes


def test_nothing_is_left_uncompressed():
    """The archive that is not compressed holds nothing but modules, each of them compressed by itself."""
    plain, _ = one_archive((BUILD / "all.rdz").read_bytes())
    files = [name for name, (mode, _) in plain.items() if mode & 0o170000 != 0o040000]
    assert len(files) > 300 and all(name.endswith((".ko.xz", ".ko.zst")) for name in files), files


def test_every_module_has_what_it_needs():
    """Every packed module's dependencies are packed, and the packed index knows each module's file."""
    packed = modules()
    assert len(packed) > 300, len(packed)
    for module in packed:
        missing = [need for need in all_depends()[module] if need not in packed]
        assert not missing, f"{module} needs {missing}"
    names = sorted(packed)
    shown = run("/sbin/modprobe", "-d", unpacked(), "-S", version(), "-C", "/nonexistent", "-a", "--show-depends",
                *names)
    for name in names:
        assert str(packed[name]) in shown, name


def test_every_wired_card_has_its_driver():
    """Every Ethernet driver of the kernel package is packed, and its devices lead to it."""
    source = BUILD / "kernel/lib/modules" / version()
    packed = modules()
    for path in source.glob("kernel/drivers/net/ethernet/**/*.ko*"):
        assert path.name.split(".ko")[0].replace("-", "_") in packed, path.name
    for alias, driver in (("pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00", "e1000"),
                          ("pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00", "virtio_pci"),
                          ("virtio:d00000001v00001AF4", "virtio_net"),
                          ("pci:v000015ADd000007B0sv0sd0bc02sc00i01", "vmxnet3"),
                          ("vmbus:635161f83edfc546913ff2d2f965ed0e", "hv_netvsc"), ("xen:vif", "xen_netfront"),
                          ("usb:v0BDAp8153d3000dc00dsc00dp00icFFiscFFip00in00", "r8152"),
                          ("pci:v00008086d00002922sv0sd0bc01sc06i01", "ahci"), ("fs-squashfs", "squashfs"),
                          ("fs-nfs4", "nfs")):
        shown = run("/sbin/modprobe", "-d", unpacked(), "-S", version(), "-C", "/nonexistent", "-R", alias)
        assert driver in shown.split(), f"{alias}: {shown}"


def test_aliases_of_packed_modules_only():
    """The alias index names no module that is not packed."""
    text = (BUILD / "rdz/stage/lib/modules" / version() / "modules.alias").read_text()
    named = {line.split()[-1] for line in text.splitlines() if line.startswith("alias ")}
    assert named <= set(modules()), named - set(modules())


def test_often_loaded_modules_are_quick_to_unpack():
    """What most boots load is zstd with all it needs, the rest xz with CRC32 and no dictionary beyond its size."""
    packed = modules()
    for name in ("squashfs", "overlay", "loop", "e1000", "virtio_net", "virtio_pci", "e1000e", "vmxnet3", "pcnet32"):
        for module in (name, *all_depends()[name]):
            assert packed[module].suffix == ".zst", packed[module]
    for path in packed.values():
        if path.suffix == ".xz":
            data = (unpacked() / "lib/modules" / version() / path).read_bytes()
            assert data[7] == lzma.CHECK_CRC32 and lzma.decompress(data)[:4] == b"\x7fELF", path


def test_skeleton_and_tools():
    """/init and the programs it runs, the first devices, the shell's tools and their library are there; the shell
    runs."""
    found = members(BUILD / "all.rdz")
    assert found["init"][1] == (BUILD / "stage1").read_bytes() and found["init"][0] == 0o100755
    for name in ("stage1-tls", "stage1-relay"):
        assert found[name] == (0o100755, (BUILD / "bin" / name).read_bytes()), name
    assert found["dev/console"][0] == 0o020600 and found["dev/null"][0] == 0o020666
    for tool in "sh mount umount ls cat dmesg ln mkdir".split():
        assert found[f"bin/{tool}"][0] == 0o100755, tool
        loader = found[f"bin/{tool}"][1].split(b"/lib/klibc-", 1)[1].split(b"\0", 1)[0]
        assert f"lib/klibc-{loader.decode()}" in found, loader
    assert b"82540EM" in found["usr/share/misc/pci.ids"][1] and len(found["usr/share/misc/pci.ids"][1]) < 300000
    enter = [] if os.getuid() == 0 else ["unshare", "--map-root-user"]
    assert "shell runs" in run(*enter, "chroot", unpacked(), "/bin/sh", "-c", "echo shell runs")


# ---- the builder with choices

def build(*options, fails=False, list_text=None, tree=None):
    """What initramfs' builder says with other OPTIONS than make's, and the file it made."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mkrdz.", dir=BUILD / "tests"))
    atexit.register(shutil.rmtree, folder)
    listing = folder / "modules.list"
    listing.write_text(list_text if list_text is not None else (TOP / "modules.list").read_text())
    said = run(BUILD / "mkrdz", "--modules", tree or BUILD / "kernel/lib/modules" / version(), "--list", listing,
               "--init", BUILD / "stage1", "--beside", BUILD / "bin/stage1-tls", "--beside", BUILD / "bin/stage1-relay",
               "--tools", BUILD / "tools", "--pci-ids", BUILD / "tools/usr/share/misc/pci.ids",
               "--work", folder, "--out", folder / "all.rdz", *options, fails=fails)
    return said, folder / "all.rdz"


def test_bad_lines_of_the_list():
    """A module, folder or pattern that this kernel lacks is named with its line and what to do; all of them at once."""
    said, _ = build(list_text="loop\ne1001\n?e1002\ndrivers/nowhere/\n[ok]\nnone-*\ntwo words\n", fails=True)
    assert "modules.list:7: a line is a module" in said, said
    said, made = build(list_text="loop\ne1001\n?e1002\ndrivers/nowhere/\n[ok]\nnone-*\n!e1003\n", fails=True)
    for line, what in ((2, "module e1001"), (4, "modules below drivers/nowhere/"), (6, "module that matches none-*"),
                       (7, "module e1003")):
        assert f"modules.list:{line}: this kernel ({version()}) has no {what}: correct the line, put ? before it" in said, said
    assert "e1002" not in said and not made.exists(), said


def test_built_in_and_excluded():
    """A module that is built in counts as there, an excluded one stays out, what a module needs comes with it."""
    said, made = build(list_text="af_packet\nunix\ndrivers/net/ethernet/intel/\n!ice\n!drivers/net/ethernet/intel/i40e/\n?nothing\n")
    names = [name.rsplit("/", 1)[1].split(".")[0] for name in members(made) if ".ko" in name]
    assert "igb" in names and "i2c-algo-bit" in names and not {"ice", "i40e", "af_packet"} & set(names), said


def test_firmware():
    """The firmware that packed modules name comes from the given folder; what is missing there is named, and only
    then."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firmware."))
    atexit.register(shutil.rmtree, folder)
    (folder / "tigon").mkdir()
    (folder / "tigon/tg3.bin").write_bytes(b"firmware")
    said, made = build("--firmware", folder, list_text="tg3\n")
    assert members(made)["lib/firmware/tigon/tg3.bin"][1] == b"firmware"
    assert "tigon/tg3_tso.bin: firmware of tg3 is not below" in said and "tg3.bin: firmware" not in said, said
    said, made = build(list_text="tg3\n")
    assert "firmware" not in said and not [name for name in members(made) if "firmware" in name], said


def test_signed():
    """SIGNED=1 packs the very bytes of the kernel package, signature included."""
    _, made = build("--signed", list_text="loop\n")
    packed = next(data for name, (_, data) in members(made).items() if name.endswith("loop.ko.xz"))
    original = next((BUILD / "kernel/lib/modules" / version()).glob("kernel/drivers/block/loop.ko*"))
    original = lzma.decompress(original.read_bytes()) if original.suffix == ".xz" else original.read_bytes()
    assert lzma.decompress(packed) == original and original.endswith(b"~Module signature appended~\n")


# ---- choices of a kernel

def kernel(fails=True, **choice):
    """What initramfs/kernel says of a choice, in a tree of its own."""
    with tempfile.TemporaryDirectory(prefix="kernel.", dir=BUILD / "tests") as folder:
        copy_tree(pathlib.Path(folder), downloads=False)
        os.symlink(BUILD / "apt", pathlib.Path(folder) / "build/apt")
        return run("initramfs/kernel", cwd=folder, env={"KERNEL": "", "KERNEL_DIR": "", **choice}, fails=fails)


def test_wrong_kernel():
    """A KERNEL= that the distribution lacks is named with those that it has."""
    said = kernel(KERNEL="9.9.9-amd64")
    assert "KERNEL=9.9.9-amd64: the distribution has no package linux-image-9.9.9-amd64. It has:" in said, said
    assert f"KERNEL={version()}" in said and "KERNEL_DIR= takes a kernel from a folder" in said, said


def test_wrong_kernel_dir():
    """A KERNEL_DIR= that is missing, empty, unreadable or without a kernel is named with what to do."""
    assert "KERNEL_DIR=/nowhere: there is no such folder" in kernel(KERNEL_DIR="/nowhere")
    with tempfile.TemporaryDirectory(prefix="kernel-dir.") as folder:
        top = pathlib.Path(folder)
        assert "it holds no lib/modules" in kernel(KERNEL_DIR=folder)
        (top / "lib/modules").mkdir(parents=True)
        assert "holds a kernel/ with modules that can be read" in kernel(KERNEL_DIR=folder)
        module = top / "lib/modules/6.6.6/kernel/fs/x.ko"
        module.parent.mkdir(parents=True)
        module.write_bytes(b"")
        assert "KERNEL=6.6.7: " in kernel(KERNEL_DIR=folder, KERNEL="6.6.7")
        said = kernel(KERNEL_DIR=folder)
        assert "has no vmlinuz-6.6.6 to go with the modules: put it there" in said, said
        if os.getuid() == 0:
            (top / "lib/modules").chmod(0o700)
            top.chmod(0o755)
            said = run("initramfs/kernel", env={"KERNEL": "", "KERNEL_DIR": folder}, user=NOBODY, fails=True)
            assert "lib/modules cannot be read: allow it (chmod a+rx)" in said, said


def test_kernel_dir():
    """A kernel in a folder of one's own, here the unpacked package, is taken from there, without writing into it."""
    source = next((BUILD / "kernel/package").iterdir())
    before = sorted(str(p) for p in source.glob("lib/modules/*/*"))
    kernel(KERNEL_DIR=str(source), fails=False)
    assert before == sorted(str(p) for p in source.glob("lib/modules/*/*"))


def test_wrong_choices_of_make():
    """LIBC= and MODULES_LIST= that are none are named."""
    assert "LIBC=glibc is none I know: dietlibc or musl" in run("make", "LIBC=glibc", fails=True)
    said = run("make", "MODULES_LIST=nowhere.list", "build/all.rdz", fails=True)
    assert "MODULES_LIST=nowhere.list: there is no such file" in said, said


# ---- two builds

def copy_tree(folder, downloads=True):
    """The tree's own files into FOLDER, and what was downloaded as hard links."""
    (folder / "build").mkdir()
    for entry in TOP.iterdir():
        if entry.name not in ("build", ".git"):
            copy = shutil.copytree if entry.is_dir() else shutil.copy2
            copy(entry, folder / entry.name, **({"ignore": shutil.ignore_patterns("__pycache__")}
                                                if entry.is_dir() else {}))
    for kind in ("deb", "source") if downloads else ():
        shutil.copytree(BUILD / "apt" / kind, folder / "build/apt" / kind, copy_function=os.link)


def test_same_bytes_twice():
    """A plain user's build, from nothing but what is downloaded, in another folder, gives the same bytes as this
    one."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="again.", dir="/var/tmp"))
    atexit.register(shutil.rmtree, folder)
    copy_tree(folder)
    user = None
    if os.getuid() == 0:
        user = NOBODY
        for path in (folder, *folder.rglob("*")):
            if not str(path).startswith((str(folder / "build/apt/deb/"), str(folder / "build/apt/source/"))):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    run("make", f"KERNEL={version()}", "build/stage1", "build/all.rdz", "build/vmlinuz", cwd=folder, user=user,
        env={"HOME": str(folder)})
    for name in ("stage1", "vmlinuz", "all.rdz"):
        sums = [hashlib.sha256((top / name).read_bytes()).hexdigest() for top in (BUILD, folder / "build")]
        assert sums[0] == sums[1], f"{name} differs"


test_same_bytes_twice.slow = True


def test_nothing_to_do():
    """A second make makes nothing."""
    run("make")
    before = {name: (BUILD / name).stat().st_mtime_ns for name in ("stage1", "all.rdz", "vmlinuz")}
    said = run("make")
    assert not said.strip(), said
    assert before == {name: (BUILD / name).stat().st_mtime_ns for name in before}


def test_help():
    """make help names every target a person calls."""
    said = run("make", "help")
    for target in "demo test test-full unit fuzz bench install doc update clean distclean".split():
        assert target in said, target


def test_install():
    """make install puts programs, boot files and man pages below DESTDIR and PREFIX."""
    with tempfile.TemporaryDirectory(prefix="install.") as folder:
        run("make", "install", f"DESTDIR={folder}", "PREFIX=/opt")
        top = pathlib.Path(folder) / "opt"
        assert (top / "lib/stage1/all.rdz").read_bytes() == (BUILD / "all.rdz").read_bytes()
        assert os.access(top / "bin/stage1-fetch", os.X_OK)
        assert (top / "share/man/man5/modules.list.5").exists() and (top / "share/man/man8/stage1.8").exists()
