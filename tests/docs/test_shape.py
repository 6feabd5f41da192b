"""The shape of the tree: folders include downwards, none is crowded, public functions say what they do, functions are
short."""
# SPDX-License-Identifier: GPL-2.0-or-later
import itertools
import re
import statistics

from sources import TOP, c_files, public_functions, relative, sources

# From the ground up; a folder includes what stands in a line before its own. What others build on is never beside it.
FLOORS = [
    ["base"],
    ["options", "image", "trust"],
    ["net", "probe", "relay", "initramfs"],
    ["methods", "server", "clone"],
    ["stage1"],
    ["doc", "tests"],
]
FLOOR = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}

# What the methods and all below methods/ share: a room of its own, though it lies in the hall.
CONTRACT = "methods/method.h"

CROWD = 64  # files in one folder: more is no longer read as a list
DOCUMENTED = 0.94  # of the public functions
MEDIAN_LINES = 9  # of a function's body
LONGEST_MEDIAN = 24  # of the functions of one file of the product


def includes():
    """(the including file, what it includes), for each include of our own."""
    for path in c_files():
        for name in re.findall(r'^\s*#\s*include "([^"]+)"', path.read_text(), re.M):
            yield relative(path), name


def room(name):
    """The folder of a file, or the contract, which is one for itself."""
    return name if name == CONTRACT else name.rpartition("/")[0]


def circle(graph):
    """Names that form a circle in {name: names it needs}, or []."""
    done, way = set(), []

    def visit(name):
        if name in way:
            return way[way.index(name):] + [name]
        if name in done:
            return []
        way.append(name)
        found = next(filter(None, map(visit, sorted(graph.get(name, ())))), [])
        way.pop()
        done.add(name)
        return found

    return next(filter(None, map(visit, sorted(graph))), [])


def graph_of(pairs):
    """{name: names it needs} of (name, needed); what needs itself is left out."""
    graph = {}
    for name, needed in pairs:
        if name != needed:
            graph.setdefault(name, set()).add(needed)
    return graph


def test_includes_name_their_folder():
    """Every include of our own is written from the top of the tree, and the file is there."""
    wrong = [f"{file}: {name}" for file, name in includes() if not (TOP / name).is_file()
             and not (TOP / file).with_name(name).is_file()]
    wrong += [f"{file}: {name}" for file, name in includes() if "/" not in name and not file.startswith("tests/")]
    assert not wrong, wrong


def test_no_file_includes_upwards():
    """A file includes its own folder's files and those of floors below: base; options, image; net ...; methods ...;
    stage1."""
    wrong = []
    for file, name in includes():
        above, below = file.split("/")[0], name.split("/")[0]
        if "/" in name and above != below and FLOOR[above] <= FLOOR[below]:
            wrong.append(f"{file} includes {name}")
    assert not wrong, wrong


def test_every_folder_of_c_has_its_floor():
    """Every folder with C files stands on one floor, and the table names none that is gone."""
    folders = {relative(path).split("/")[0] for path in c_files()}
    assert folders <= set(FLOOR), folders - set(FLOOR)
    assert all((TOP / folder).is_dir() for folder in FLOOR), FLOOR


def test_no_circle_of_folders():
    """The folders, those below relay/ and methods/ too, need each other in no circle."""
    graph = graph_of((room(file), room(name)) for file, name in includes() if "/" in name)
    assert len(graph) > 15, graph
    assert not circle(graph), " -> ".join(circle(graph))


def test_no_circle_of_headers():
    """No header needs itself by way of others."""
    graph = graph_of((file, name) for file, name in includes() if file.endswith(".h") and "/" in name)
    assert not circle(graph), " -> ".join(circle(graph))


def test_circles_are_seen():
    """The search for circles finds those of two and of three, and none in a tree."""
    assert circle({"a": {"b"}, "b": {"a"}}) == ["a", "b", "a"]
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}) == []


def test_no_crowded_folder():
    """No folder of the tree holds more files than one looks through: about 60."""
    folders = {}
    for path in sources():
        folders.setdefault(relative(path).rpartition("/")[0], []).append(path.name)
    crowded = {folder: len(names) for folder, names in folders.items() if len(names) > CROWD}
    assert len(folders) > 20 and not crowded, crowded


def test_methods_reads_as_the_list():
    """A listing of methods/ is the table of methods, the contract, and the programs that run them."""
    names = set(re.findall(r"&method_(\w+)", (TOP / "methods" / "methods.c").read_text()))
    found = {path.name for path in (TOP / "methods").glob("*.[ch]")}
    others = {"method.h", "methods.c", "stage1-fetch.c"}
    assert len(names) > 5 and found - others <= {f"{name}.c" for name in names}, (names, found)


def test_public_functions_are_documented():
    """Of the functions in the headers, 94 % or more have a comment, of their own or of their group."""
    functions = list(public_functions())
    bare = [f"{file}: {name}" for file, name, documented in functions if not documented]
    assert len(functions) > 500, len(functions)
    assert 1 - len(bare) / len(functions) >= DOCUMENTED, (len(bare), len(functions), bare)


def bodies():
    """(file, lines between the braces) of every function, as they are laid out here: braces in the first column."""
    for path in c_files():
        begin = None
        for number, line in enumerate(path.read_text().splitlines()):
            if line == "{":
                begin = number
            elif line.startswith("}") and begin is not None:
                yield relative(path), number - begin - 1
                begin = None


def test_functions_are_short():
    """The median function has no more than nine lines, and no file of the product is made of long ones."""
    lines = sorted(bodies())
    assert len(lines) > 2000 and statistics.median(n for _, n in lines) <= MEDIAN_LINES
    for file, group in itertools.groupby(lines, lambda pair: pair[0]):
        assert file.startswith("tests/") or statistics.median(n for _, n in group) <= LONGEST_MEDIAN, file
