"""One way to write: lines of 120 columns everywhere, C as .clang-format has it, one dialect for errors and sets."""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: clang-format
# packages: clang-format
import re
import subprocess

from sources import TOP, c_files, relative, sources

COLUMNS = 120
TAB = 8


def lines():
    """(file, number, text) of every line that somebody wrote."""
    for path in sources():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # an image, a capture
        for number, line in enumerate(text.splitlines(), 1):
            yield path, number, line.expandtabs(TAB)


LONG_STRING = re.compile(r'"[^"]{50,}"|\'[^\']{50,}\'|".*\\[nr].*"|\$\(.*\)|https?://|\w\|\w')  # a command, an answer


def may_be_long(path, line):
    """Of what is no C: a row of a table, a command line as it is typed, code around a string or command that stays
    whole."""
    text = line.strip()
    if " " not in text or path.name == "LICENSE":
        return True
    if path.suffix == ".md":
        return line.startswith(("|", "    "))
    prose = text.startswith("#") or not re.search(r"[\"'$;|&=]", text)
    return path.suffix not in (".c", ".h", ".def") and not prose and bool(LONG_STRING.search(text) or text[0] in ".|[")


def test_width():
    """No line of C, prose or plain code is longer than 120 columns; a row of a table or a command inside a string may
    be."""
    wrong = [f"{relative(path)}:{number}: {len(line)}" for path, number, line in lines()
             if len(line) > COLUMNS and not may_be_long(path, line)]
    assert not wrong, wrong


def test_no_blanks_at_the_end():
    """No line ends in blanks, and every file in one line end."""
    wrong = [f"{relative(path)}:{number}" for path, number, line in lines() if line != line.rstrip()]
    wrong += [relative(path) for path in c_files() if not re.search(r"[^\n]\n\Z", path.read_text())]
    assert not wrong, wrong


def test_c_is_laid_out():
    """Every C file is as clang-format leaves it: `make format`."""
    files = [str(path) for path in c_files()]
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=TOP, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False)
    wrong = sorted({line.split(":")[0].removeprefix(f"{TOP}/") for line in run.stdout.splitlines() if "error:" in line})
    assert run.returncode == 0, wrong or run.stdout


def in_product(pattern):
    """Where the C of the product matches PATTERN, comments and strings left out."""
    for path in c_files():
        if relative(path).startswith("tests/"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(pattern, re.sub(r'/\*.*?\*/|"[^"]*"', "", line)) and not line.lstrip().startswith("*"):
                yield f"{relative(path)}:{number}: {line.strip()}"


def test_errors_are_asked_for_alike():
    """Whether there is an error is asked by `if (err)`, not by a comparison with 0."""
    wrong = list(in_product(r"(?<![\w.>])err [!=]= 0\b"))
    assert not wrong, wrong


def test_sets_have_names():
    """No range of states, kinds or failures decides: a set of them is a predicate with a name."""
    wrong = list(in_product(r"(->|\.|\b)(state|kind|id) ?[<>]=? ?(?!\w*(COUNT|KINDS|SIZE|MAX)\b)[A-Z][A-Z0-9]+_"))
    assert not wrong, wrong
