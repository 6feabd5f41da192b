"""maker - prepare_diskless_image with words -> what it said and made; as root or as a plain user with subordinate ids.

    with Folder() as folder:
        make(folder, "import", "-o", "x.sqfs", "dir:tree")           run there; .text, .status
        make(folder, "create", "taktuk", plain=True)
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: mmdebstrap uidmap squashfs-tools e2fsprogs erofs-utils skopeo umoci libcap2-bin attr
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = TOP / "server" / "prepare_diskless_image"
CACHE = TOP / "build" / "tests" / "images" / "cache"
USER = 54321

# In a mount namespace, a user whom this machine does not have; the tree of the sources has a name that everybody
# may enter.
PLAIN = f"""
t=$(mktemp -d); chmod 755 $t
cp /etc/passwd /etc/group $t/
echo 'plain:x:{USER}:{USER}::{{home}}:/bin/sh' >>$t/passwd
echo 'plain:x:{USER}:' >>$t/group
echo 'plain:700000:65536' >$t/subid
for file in passwd group subuid subgid; do [ -e /etc/$file ] || : >/etc/$file; done
mount --bind $t/passwd /etc/passwd
mount --bind $t/group /etc/group
mount --bind $t/subid /etc/subuid
mount --bind $t/subid /etc/subgid
mkdir $t/tree
mount --rbind {TOP} $t/tree
here=$PWD
cd "$here"
program=$t/tree/server/prepare_diskless_image
shift
exec setpriv --reuid {USER} --regid {USER} --clear-groups env HOME={{home}} $program "$@"
"""


@contextlib.contextmanager
def folder(size=None):
    """A folder that goes afterwards; with SIZE, on a disk that has no more ("20m")."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="images-"))
    path.chmod(0o755)
    if size:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(path)], check=True)
    try:
        yield path
    finally:
        if size:
            subprocess.run(["umount", str(path)], check=True)
        shutil.rmtree(path)


class Made:
    """What a run said, its status."""

    def __init__(self, process):
        self.text, _ = process.communicate(timeout=900)
        self.status = process.returncode


def start(where, *words, plain=False, without=(), env=None):
    """The program, started in WHERE; WITHOUT: words before it (unshare --net)."""
    command = [str(PROGRAM), *map(str, words)]
    if plain:
        os.chown(where, USER, USER)
        command = ["unshare", "--mount", "sh", "-ec", PLAIN.format(home=where), "sh", *command]
    return subprocess.Popen([*without, *command], cwd=where, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                            env={**os.environ, "HOME": str(where), **(env or {})})


def make(where, *words, **how):
    """The program, run to its end."""
    return Made(start(where, *words, **how))


def interrupt(process):
    """Ctrl-C, as a terminal gives it to all of them."""
    os.killpg(process.pid, signal.SIGINT)
    return Made(process)


def run(script, where=None):
    """A shell script, run to its end; its output."""
    done = subprocess.run(["sh", "-ec", script], cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, f"{script}\nstatus {done.returncode}: {done.stdout}"
    return done.stdout


def mounts():
    """What is mounted below a folder for temporary files, which only tests do."""
    return [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if "/images-" in line]
