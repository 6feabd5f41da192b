"""test_packages - the programs that tests, benches and the demo call -> their packages are in the "# packages:" lines.

What can be checked: the first word of each command that is written as a list, where this system has such a program; and
that there is a package of each name.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import functools
import pathlib
import re
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
MAKEFILE = (TOP / "Makefile").read_text()
COMMAND = re.compile(r'\[\s*"(?:/usr)?(?:/s?bin/)?([a-z][\w.+-]*)"|which\("([a-z][\w.+-]*)"')
# words of other lists, and a shell's own
NO_COMMANDS = {"init", "data", "kill", "poweroff", "reboot", "sh", "link", "host", "route", "uptime"}


def build_packages():
    """What make installs in any case."""
    return re.search(r"^BUILD_PACKAGES := ((?:.*\\\n)*.*)", MAKEFILE, re.M)[1].replace("\\", " ").split()


def files():
    """All that says what it needs."""
    found = [*TOP.glob("tests/*/*.py"), *(path for path in TOP.glob("bench/*") if not path.suffix), TOP / "server/demo"]
    return sorted(path for path in found if path.is_file() and "import" in path.read_text())


def said(*paths):
    """The packages that the lines of PATHS, and of what these import, name."""
    done = subprocess.run([TOP / "tests/packages", *paths], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split()


@functools.cache
def always_there():
    """The packages that every Debian has."""
    lines = subprocess.run(["dpkg-query", "-W", "-f", "${Essential} ${Priority} ${Package}\n"], stdout=subprocess.PIPE,
                           text=True, check=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if line.startswith("yes") or " required " in line}


def commands(path):
    """The words in the place of a program, beyond what the file says of itself."""
    text = re.sub(r'\A(#!.*\n)?""".*?"""', "", path.read_text(), flags=re.S)
    return {word for pair in COMMAND.findall(text) for word in pair if word} - NO_COMMANDS


def places(program):
    """Where dpkg may know a program of this system to be; nothing where there is none."""
    path = shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")
    return [path, "/usr" + path, path.removeprefix("/usr"), str(pathlib.Path(path).resolve())] if path else []


def owners(programs):
    """{program: its package} of those that this system has."""
    asked = {place: program for program in programs for place in places(program)}
    lines = subprocess.run(["dpkg-query", "-S", *asked], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                           check=False).stdout.splitlines()
    pairs = [line.partition(": ")[::2] for line in lines if not line.startswith("diversion")]
    return {asked[place]: package.split(":")[0] for package, place in pairs if place in asked}


@functools.cache
def depends():
    """{package: [packages it depends on]} of what is installed here."""
    form = "${Package}\t${Pre-Depends}, ${Depends}\n"
    lines = subprocess.run(["dpkg-query", "-W", "-f", form], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.splitlines()
    return {line.split("\t")[0]: re.findall(r"(?:^|[,|]) *([a-z0-9][\w.+-]*)", line.split("\t")[1]) for line in lines}


def with_dependencies(packages):
    """PACKAGES and all that comes with them."""
    found, todo = set(), list(packages)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += depends().get(name, [])
    return found


def test_every_program_has_its_package():
    """The package of every program that a test, a bench or the demo calls is among those that its lines name."""
    called = {path: commands(path) for path in files()}
    package = owners(set().union(*called.values()))
    wrong = []
    for path, words in called.items():
        listed = with_dependencies({*said(path), *build_packages(), *always_there(), "python3"})
        for word in sorted(words & set(package)):
            if package[word] not in listed:
                wrong.append(f"{path.relative_to(TOP)}: {word} is of {package[word]}")
    assert len(package) > 25 and not wrong, (sorted(package), wrong)


def test_the_lists_are_made_of_the_lines():
    """The Makefile installs what the lines name, for each target from the files that it runs; it has no other list."""
    assert "need-run:" in MAKEFILE and "tests/packages tests/*/test_*.py" in MAKEFILE
    assert not re.search(r"^(TEST|RUN|DEMO|BENCH)_PACKAGES", MAKEFILE, re.M)
    named = said(*files(), *TOP.glob("tests/unit/*.c"), TOP / "server/demo-image", TOP / "tests/bare")
    for package in ("radvd", "qemu-system-x86", "nginx-light", "squashfs-tools", "mmdebstrap"):
        assert package in named, named
