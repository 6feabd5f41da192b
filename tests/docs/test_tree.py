"""The tree and its documents keep their promises: first lines, licence lines, sized strings, man pages, make
targets."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: mandoc
import re
import subprocess

from sources import TOP, c_files, relative, sources

FOLDERS = "base|bench|clone|doc|image|initramfs|methods|net|options|probe|relay|server|stage1|tests|third"
LICENCE = "SPDX-License-Identifier: GPL-2.0-or-later"


def test_first_lines():
    """The first line of every C file says its name and what goes in and comes out; its licence stands close by."""
    wrong = []
    for path in c_files(of_others=True) + [path for path in sources() if path.suffix == ".def"]:
        first, *others = path.read_text().splitlines()[:8]
        if not re.match(r"/\* " + re.escape(path.name) + r" - \S.*", first) or not any(LICENCE in line
                                                                                       for line in others):
            wrong.append(relative(path))
    assert not wrong, wrong


def test_first_lines_of_programs():
    """Every program and module of the tree that is not C says in its first lines what it is, and its licence."""
    wrong = []
    for path in sources():
        head = path.read_bytes()[:4000].decode(errors="replace")
        program = head.startswith("#!") or path.suffix == ".py"
        if program and (LICENCE not in head or not re.search(r'^(#|""") ?[\w./-]+.*\w', head, re.M)):
            wrong.append(relative(path))
    assert not wrong, wrong


def test_sized_strings():
    """No C file of the product calls a string function without a size, nor a shell."""
    unsized = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|system|popen|alloca)\(")
    wrong = [f"{relative(path)}:{number}: {line.strip()}" for path in c_files()
             if not relative(path).startswith("tests/")
             for number, line in enumerate(path.read_text().splitlines(), 1)
             if unsized.search(re.sub(r"/\*.*?\*/|\"[^\"]*\"", "", line)) and not line.lstrip().startswith("*")]
    assert not wrong, wrong


def test_man_pages():
    """Every man page is free of warnings."""
    pages = sorted((TOP / "doc").glob("*.[1-8]")) + sorted((TOP / "build" / "doc").glob("*.[1-8]"))
    assert len(pages) >= 4, pages
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], stdout=subprocess.PIPE, text=True)
    assert run.returncode == 0, run.stdout


def test_tables_in_man_pages():
    """automatic(7) has every key, stage1-errors(7) every code."""
    automatic = (TOP / "build" / "doc" / "automatic.7").read_text()
    for key in re.findall(r'^KEY\(\w+, "(\w+)"', (TOP / "options" / "keys.def").read_text(), re.M):
        assert f".It Cm {key}:" in automatic, key
    stage1 = (TOP / "build" / "doc" / "stage1-errors.7").read_text()
    for code in re.findall(r'"(S1-\w+-\d\d)"', (TOP / "base" / "failures.def").read_text()):
        assert f".It {code}\n" in stage1, code


def test_pages_name_what_there_is():
    """Every make target that the pages name exists, and every file and folder that they name or lead to."""
    targets = (TOP / "Makefile").read_text()
    pages = [TOP / "README.md", *sorted((TOP / "doc").glob("*.md"))]
    wrong = []
    for page in pages:
        text = page.read_text()
        wrong += [f"{page.name}: make {target}" for target in sorted(set(re.findall(r"\bmake ([a-z][a-z-]+)\b", text)))
                  if not re.search(rf"^[\w .-]*\b{target}\b[\w .-]*:", targets, re.M) and f"`make {target}`" in text]
        wrong += [f"{page.name}: {name}" for name in sorted(set(re.findall(r"\]\(([\w./-]+)\)", text)))
                  if not (page.parent / name).exists()]
        wrong += [f"{page.name}: {name}" for name in sorted(set(re.findall(rf"`((?:{FOLDERS})/[\w./-]*\w)`", text)))
                  if not (TOP / name).exists() and not re.search("NAME|X", name)]
    assert len(pages) > 8 and not wrong, wrong


def test_readme_begins_with_what_counts():
    """The first hundred lines of the README say what it is, two commands, how fast, and what it does not do."""
    top = (TOP / "README.md").read_text().splitlines()[:100]
    headings = [line for line in top if line.startswith("## ")]
    assert headings[:3] == ["## Two commands", "## How fast", "## What it does not do"], headings
