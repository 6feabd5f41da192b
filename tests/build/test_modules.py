"""test_modules.py - the packed modules beside those of the kernel package: less, and for the kernel the same.

Both are read here by a small reader of its own (System V ABI, chapter 4): what would lie in memory, what every
relocation writes there, what is imported, what functions are called.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: zstd
import lzma
import pathlib
import struct
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
VERSION = (BUILD / "kernel/version").read_text().strip()
ALLOC, NOBITS, RELA, SYMTAB, FUNC = 2, 8, 4, 2, 2
FOR_PEOPLE = (b"alias=", b"author=", b"description=", b"firmware=", b"parm=", b"parmtype=", b"srcversion=")

alone = True  # make works in this tree


TRACE_NOP = b"\x0f\x1f\x44\x00\x00"  # what the kernel makes of a function's call of its tracer
SPARE = "__mcount_loc", "__patchable_function_entries", ".call_sites", ".smp_locks"


def left_out(name):
    """True for a section that packing leaves out."""
    return name.startswith((".orc_", ".note")) or name in SPARE


def text(table, offset):
    """The string there."""
    return bytes(table[offset:table.index(b"\0", offset)]).decode()


class Module:
    """What a module is for the kernel that loads it."""

    def __init__(self, data):
        offset, = struct.unpack_from("<Q", data, 40)
        count, names = struct.unpack_from("<HH", data, 60)
        heads = [struct.unpack_from("<IIQQQQIIQQ", data, offset + 64 * i) for i in range(count)]
        content = [b"" if head[1] in (0, NOBITS) else data[head[4]:head[4] + head[5]] for head in heads]
        name = [text(content[names], head[0]) for head in heads]
        table = next(i for i in range(count) if heads[i][1] == SYMTAB)
        strings = content[heads[table][6]]
        symbols = []  # (section or a number beyond, value, name, is a function)
        for word, info, _, section, value, _ in struct.iter_unpack("<IBBHQQ", content[table]):
            symbols.append((name[section] if 0 < section < count else section, value, text(strings, word), info
                            & 15 == FUNC))
        self.sections = {}   # name: type, flags, alignment, size and bytes
        self.trace_calls = []  # section and offset
        self.writes = {}     # name of a section: what its relocations write, where
        for i, head in enumerate(heads):
            if head[2] & ALLOC and not left_out(name[i]) and name[i] != ".modinfo":
                assert name[i] not in self.sections, name[i]
                assert head[4] % max(head[8], 1) == 0, f"{name[i]} is not aligned"
                self.sections[name[i]] = (head[1], head[2], head[8], head[5], content[i])
            if head[1] == RELA and heads[head[7]][2] & ALLOC and not left_out(name[head[7]]):
                assert head[6] == table, name[i]
                writes = [self.write(symbols, *entry) for entry in struct.iter_unpack("<QQq", content[i])]
                self.writes[name[head[7]]] = sorted(write for write in writes if write[2] != "__fentry__")
                self.trace_calls += [(name[head[7]], write[0] - 1) for write in writes if write[2] == "__fentry__"]
        self.imports = sorted(symbol[2] for symbol in symbols if symbol[0] == 0 and symbol[2])
        self.functions = sorted((str(symbol[0]), symbol[1], symbol[2]) for symbol in symbols
                                if symbol[3] and not symbol[2].startswith("__pfx_"))
        info = content[name.index(".modinfo")].split(b"\0")
        self.info = [entry for entry in info if entry and not entry.startswith(FOR_PEOPLE)]
        self.for_people = [entry for entry in info if entry.startswith(FOR_PEOPLE)]
        self.data_symbols = [symbol[2] for symbol in symbols if isinstance(symbol[0], str) and symbol[2]
                             and not symbol[3]]

    def stop_tracing(self):
        """The same, with what the kernel makes of the calls of its tracer."""
        for name, offset in self.trace_calls:
            *head, data = self.sections[name]
            assert data[offset] == 0xE8, name
            self.sections[name] = (*head, data[:offset] + TRACE_NOP + data[offset + 5:])

    @staticmethod
    def write(symbols, offset, info, addend):
        """One relocation: where, how, and the place it means: a name from elsewhere, or a section of the module."""
        section, value, name, _ = symbols[info >> 32]
        return (offset, info & 0xFFFFFFFF, str(section) if section else name, addend + value)


def pairs():
    """(path, the packed module, the kernel package's) for every packed one."""
    stage, package = BUILD / "rdz/stage/lib/modules" / VERSION, BUILD / "kernel/lib/modules" / VERSION
    for path in sorted(stage.glob("kernel/**/*.ko.*")):
        if path.suffix == ".xz":
            packed = lzma.decompress(path.read_bytes())
        else:
            packed = subprocess.run(["zstd", "-dc", path], check=True, stdout=subprocess.PIPE).stdout
        original = package / path.relative_to(stage).with_suffix("")
        if original.exists():
            yield path.name, packed, original.read_bytes()
        else:  # since Debian 13
            yield path.name, packed, lzma.decompress(original.with_suffix(".ko.xz").read_bytes())


def test_modules_mean_the_same():
    """Every packed module's memory, relocations, imports, functions' names and facts are those of the kernel package's,
    once the kernel has turned the calls of its tracer into NOPs."""
    sizes = []
    for path, packed, original in pairs():
        ours, theirs = Module(packed), Module(original)
        assert not ours.trace_calls, path
        theirs.stop_tracing()
        for what in "sections", "writes", "imports", "functions", "info":
            assert getattr(ours, what) == getattr(theirs, what), f"{path}: {what}"
        assert ours.for_people == [] and ours.data_symbols == [], path
        sizes.append((len(packed), len(original)))
    assert len(sizes) > 400 and sum(ours for ours, _ in sizes) < 0.7 * sum(theirs for _, theirs in sizes), sizes
