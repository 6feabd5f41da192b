"""The files of the project, without what is built -> for the tests that look at the tree itself."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
DATA = ("tests/fuzz/corpus", "tests/unit/data", "tests/sim/cases")  # written by others, a fuzzer, or by search
TAKEN = {".git", "build", "__pycache__"}


def relative(path):
    """The name of a file from the top of the tree."""
    return path.relative_to(TOP).as_posix()


def sources():
    """All files of the project that somebody writes, in order."""
    found = []
    for folder, folders, names in os.walk(TOP):
        here = pathlib.Path(folder)
        # tests/build is a folder of tests; only the build/ at the top holds what is built
        folders[:] = [name for name in folders if name not in TAKEN or (name == "build" and here != TOP)]
        if relative(here) not in DATA:
            found += [here / name for name in names if not name.startswith(".git")
                      and (here / name).relative_to(TOP).as_posix() not in DATA]
        else:
            folders[:] = []
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def c_files(of_others=False):
    """All C files of ours; OF_OTHERS: with the configurations of the libraries of others."""
    return [path for path in sources() if path.suffix in (".c", ".h")
            and (of_others or not relative(path).startswith("third/"))]


def public_functions():
    """(header, function, whether it has a comment) of each function that a header of the product declares. A comment
    belongs to the declarations that follow it without an empty line; one on the same line is one, too."""
    for path in c_files():
        if path.suffix == ".h" and not relative(path).startswith("tests/"):
            yield from functions_of(relative(path), path.read_text())


TOKEN = re.compile(r"""
    (?P<comment> /\*.*?\*/ )              |
    (?P<gap>     \n[ \t]*\n )              |
    (?P<line>    \s+ | //[^\n]* )         |
    (?P<macro>   \#(?:[^\n]*\\\n)*[^\n]* ) |
    (?P<part>    (?:(?!/\*)[^;{}])*[;{}]? )
""", re.S | re.X)


def functions_of(name, text):
    """The same for the TEXT of one header."""
    depth, documented, pending = 0, False, None
    for token in TOKEN.finditer(text):
        kind, part = token.lastgroup, token[0]
        if kind == "comment":
            same_line = pending and "\n" not in text[pending[1]:token.start()]
            documented = documented or not same_line
            if same_line:
                yield name, pending[0], True
                pending = None
        elif kind == "gap":
            documented = False
        elif kind == "part":
            if pending:
                yield name, pending[0], False
            found = re.search(r"(\w+)\s*\(", part)
            pending = None
            if found and not depth and not part.startswith(("typedef", "struct {", "enum {", "__attribute__")):
                if documented:
                    yield name, found[1], True
                else:
                    pending = found[1], token.end()
            depth += part.count("{") - part.count("}")
    if pending:
        yield name, pending[0], False
