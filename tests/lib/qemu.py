"""qemu - a machine in words (card, memory, command line) -> a booted QEMU, its serial console read and answered.

    boot(nic="e1000", append="automatic=...").expect("login:")            kernel and initrd handed over by QEMU
    pxe(nic="rtl8139", append="automatic=...").expect("login:").power_off()   the card's ROM, pxelinux, TFTP

Both return a Machine. It dies with the variable that holds it, with this process, or after `lifetime` seconds, whatever
comes first. The console goes to build/tests/console/TEST.log, each line stamped with the seconds since power on.
VMLINUZ= and ALL_RDZ= in the environment choose other files than build/vmlinuz and build/all.rdz; ACCEL=tcg or kvm
fixes the accelerator.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: qemu-system-x86 ipxe-qemu pxelinux syslinux-common ovmf grub-efi-amd64-signed
import codecs
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRATCH = TOP / "build" / "tests"
HOST = "10.0.2.2"  # this machine, as a guest on QEMU's own network sees it

PXELINUX = ("/usr/lib/PXELINUX/pxelinux.0", "/usr/lib/syslinux/modules/bios/ldlinux.c32")
OVMF_CODE, OVMF_VARS = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
GRUB = "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed"

ESCAPES = re.compile(r"\x1b(\[[0-9;?=]*[@-~]|[()#][0-9A-Za-z]|[=>78cDEHM])")
PROMPT = re.compile(r"(\? \[\d+\]|:) $", re.MULTILINE)  # of stage1's questions, with nothing typed yet
UNFINISHED = re.compile(r"(\x1b(\[[0-9;?=]*|[()#])?|\r+)\Z")


def kernel():
    """The kernel all machines boot."""
    return pathlib.Path(os.environ.get("VMLINUZ", TOP / "build" / "vmlinuz"))


def all_rdz():
    """The initramfs all machines boot."""
    return pathlib.Path(os.environ.get("ALL_RDZ", TOP / "build" / "all.rdz"))


class Unexpected(AssertionError):
    """The machine did not do what was expected; the message ends with the last lines of its console."""


class Nic:
    """A card and what it is plugged into. NET: "user" (QEMU's network with DHCP and TFTP), "silent" (link, but nobody
    there), "unplugged" (no link; once plugged in: QEMU's network), or the text of a -netdev option without its id."""

    def __init__(self, model="e1000", net="user", mac=None):
        self.model, self.net, self.mac = model, net, mac

    def args(self, number, user_options, rom):
        """The QEMU options for the card with this number."""
        mac = self.mac or f"52:54:00:12:34:{0x56 + number:02x}"
        backend = {"user": "user" + user_options, "unplugged": "user" + user_options,
                   "silent": f"hubport,hubid={number + 1}"}.get(self.net, self.net)
        device = f"{self.model},id=nic{number},netdev=net{number},mac={mac}" + ("" if rom else ",romfile=")
        return ["-netdev", f"{backend},id=net{number}", "-device", device]


class Machine:
    """One running QEMU. Make it with boot() or pxe()."""

    def __init__(self, args, name, lifetime, unplugged=(), files=None):
        self.name, self.files = name, files
        self.text, self.raw, self.position, self.at, self.match = "", b"", 0, 0.0, None
        self.events, self.replies = [], []
        self._pending, self._line_start = "", True
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._stamps = [(0, 0.0)]  # (offset in text, second) of each chunk
        self._news = threading.Condition()
        ours, theirs = socket.socketpair()
        self.log_path = console_log(name)
        self._log = open(self.log_path, "w", encoding="utf-8", errors="replace")
        # setpriv: the machine dies with this process even if that is killed
        command = ["setpriv", "--pdeathsig", "KILL", *args, "-display", "none", "-serial", "stdio",
                   "-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control"]
        if unplugged:
            command.append("-S")  # the links go down before the first instruction
        self._log.write("# " + " ".join(command) + "\n")
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, pass_fds=[theirs.fileno()])
        theirs.close()
        self._qmp = ours
        self._end = weakref.finalize(self, _reap, self.process, ours)
        self._timer = threading.Timer(lifetime, _kill, [self.process])
        self._timer.daemon = True
        self._timer.start()
        for target, args in ((_read_console, (weakref.ref(self), self.process.stdout, self._log)),
                             (_read_qmp, (weakref.ref(self), ours.dup()))):
            threading.Thread(target=target, args=args, daemon=True).start()
        self.qmp("qmp_capabilities")
        for number in unplugged:
            self.link(number, up=False)
        if unplugged:
            self.qmp("cont")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- the console

    def expect(self, what, timeout=120):
        """Waits until WHAT (a text, or a compiled pattern) is on the console, after what was last expected. Then
        .match is the match and .at the second it came."""
        pattern = re.compile(re.escape(what)) if isinstance(what, str) else what
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                found = pattern.search(self.text, self.position)
                if found:
                    self.position, self.match, self.at = found.end(), found, self._second_of(found.end() - 1)
                    return self
                if self._pending is None:
                    raise self._unexpected(f"'{pattern.pattern}' did not come before the machine ended")
                if not self._news.wait(max(0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise self._unexpected(f"'{pattern.pattern}' did not come within {timeout} s")

    def never(self, *texts):
        """None of TEXTS has been on the console since power on."""
        for text in texts:
            if text in self.text:
                raise self._unexpected(f"'{text}' should not be there")
        return self

    def when(self, what):
        """The second at which WHAT (a text or a pattern) was on the console first; None when it was not."""
        found = re.search(what if isinstance(what, re.Pattern) else re.escape(what), self.text)
        return self._second_of(found.end() - 1) if found else None

    def send(self, keys):
        """Types KEYS on the serial console."""
        self.process.stdin.write(keys.encode())
        self.process.stdin.flush()
        return self

    def answer(self, question, words="", timeout=60):
        """Waits for QUESTION and the prompt behind it, as a person does, and types WORDS and Enter."""
        self.expect(question, timeout).expect(PROMPT, timeout)
        return self.send(words + "\r")

    def press(self, *keys):
        """Presses KEYS on the machine's own keyboard: "a", "ret", or ("alt", "f2") together."""
        for key in keys:
            names = key if isinstance(key, tuple) else (key,)
            self.qmp("send-key", keys=[{"type": "qcode", "data": name} for name in names])
            time.sleep(0.2)  # QEMU holds a key for a tenth of a second, and loses what comes meanwhile
        return self

    def _second_of(self, offset):
        return next(second for start, second in reversed(self._stamps) if start <= offset)

    def _unexpected(self, why):
        tail = "\n".join("    | " + line for line in self.text.splitlines()[-25:])
        seconds = time.monotonic() - self.started
        return Unexpected(f"{why} ({seconds:.0f} s after power on)\n{tail}\n    {self.log_path}")

    def _heard(self, data):
        """Takes bytes from the console (None: it ended)."""
        with self._news:
            now = time.monotonic() - self.started
            if data is None:
                self._pending = None
            else:
                self.raw += data
                text = self._pending + self._decode(data)
                held = UNFINISHED.search(text)
                self._pending = text[held.start():] if held else ""
                text = self._lines(text[:held.start()] if held else text)
                self._stamps.append((len(self.text), now))
                self.text += text
                for line in re.findall(r"[^\n]*\n|[^\n]+", text):
                    self._log.write((f"[{now:8.3f}] " if self._line_start else "") + line)
                    self._line_start = line.endswith("\n")
                self._log.flush()
            self._news.notify_all()

    def _lines(self, text):
        """TEXT without escapes; a line that is drawn over the one before it is a line of its own."""
        text = re.sub(r"\r+\n", "\n", ESCAPES.sub("", text))
        if self._line_start:
            text = text.lstrip("\r")
        return re.sub(r"(?<=\n)\r+", "", text).replace("\r", "\n")

    # ---- the machine itself

    def qmp(self, command, timeout=30, **arguments):
        """One command to QEMU's monitor; its return value."""
        message = {"execute": command, **({"arguments": arguments} if arguments else {})}
        with self._news:
            self.replies.clear()
            self._qmp.sendall(json.dumps(message).encode() + b"\n")
            self._news.wait_for(lambda: self.replies or self._pending is None, timeout)
            if not self.replies:
                raise self._unexpected(f"QEMU did not answer {command}")
            reply = self.replies.pop()
        if "error" in reply:
            raise Unexpected(f"{command}: {reply['error']['desc']}")
        return reply["return"]

    def link(self, number, up):
        """Plugs the cable of card NUMBER in or pulls it."""
        self.qmp("set_link", name=f"nic{number}", up=up)
        return self

    def reset(self):
        """The reset button."""
        self.qmp("system_reset")
        return self

    def power_off(self):
        """Pulls the plug."""
        self.close()
        return self

    def expect_end(self, how, timeout=60):
        """Waits until the machine ends by itself: HOW is "poweroff" or "reboot"."""
        reason = {"poweroff": "guest-shutdown", "reboot": "guest-reset"}[how]
        with self._news:
            def ended():
                return [e["data"]["reason"] for e in self.events if e["event"] == "SHUTDOWN"]
            if not self._news.wait_for(lambda: ended() or self._pending is None, timeout):
                raise self._unexpected(f"no {how} within {timeout} s")
            self._news.wait_for(lambda: ended(), 2)
            if ended() != [reason]:
                raise self._unexpected(f"{how} expected, not {ended() or 'an end without notice'}")
        self.at = time.monotonic() - self.started
        return self

    def cpu_seconds(self):
        """CPU time QEMU has used so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        """Ends it, if it still runs, and reaps it."""
        self._timer.cancel()
        self._end()


def _kill(process):
    if process.poll() is None:
        process.kill()


def _reap(process, qmp):
    _kill(process)
    process.wait()
    qmp.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def _read_console(machine, stream, log):
    """Thread: console bytes -> the machine, as long as somebody holds it."""
    while True:
        data = os.read(stream.fileno(), 65536)
        holder = machine()
        if holder:
            holder._heard(data or None)
        del holder
        if not data:
            stream.close()
            log.close()
            return


def _read_qmp(machine, stream):
    """Thread: QEMU's monitor -> replies and events."""
    with stream, stream.makefile() as lines:
        try:
            for line in lines:
                message, holder = json.loads(line), machine()
                if not holder:
                    return
                with holder._news:
                    if "event" in message:
                        holder.events.append(message)
                    elif "QMP" not in message:
                        holder.replies.append(message)
                    holder._news.notify_all()
                del holder
        except OSError:
            pass


# ---- the accelerator

def kvm_works():
    """Whether a kernel really runs under KVM here. A /dev/kvm that opens is no proof: a guest may hang in it. So the
    kernel is booted once, without a root, and has to panic its way out; the answer is kept until this machine
    boots again."""
    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = SCRATCH / "kvm"
    if note.exists() and note.read_text().split()[1:] == [boot_id]:
        return note.read_text().startswith("yes")
    works = False
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        try:
            works = subprocess.run(
                ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "kvm", "-cpu", "max", "-m", "256",
                 "-nodefaults", "-display", "none", "-no-reboot", "-kernel", str(kernel()),
                 "-append", "quiet panic=-1"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10,
                check=False).returncode == 0
        except subprocess.TimeoutExpired:
            pass
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{'yes' if works else 'no'} {boot_id}\n")
    return works


def accelerator():
    """QEMU's options for the processor."""
    choice = os.environ.get("ACCEL") or ("kvm" if kvm_works() else "tcg")
    return ["-accel", "kvm" if choice == "kvm" else "tcg,thread=multi", "-cpu", "max", "-smp", "1"]


# ---- booting

def console_log(name):
    """Where the console of the machine called NAME is kept."""
    (SCRATCH / "console").mkdir(parents=True, exist_ok=True)
    return SCRATCH / "console" / f"{name}.log"


def test_name():
    """Name of the running test, for file names."""
    frame = sys._getframe(1)
    while frame:
        if frame.f_code.co_name.startswith("test_"):
            return pathlib.Path(frame.f_code.co_filename).stem + "." + frame.f_code.co_name
        frame = frame.f_back
    return f"machine.{os.getpid()}"


def _need(*paths):
    for path in paths:
        if not pathlib.Path(path).exists():
            raise FileNotFoundError(f"{path} is missing: run `make` (packages: those that tests/packages {__file__} names)")


def _start(nic, mem, boot_args, drives=(), extra=(), lifetime=300, user_options="", name=None, reboots=False,
           terminal=False, files=None):
    nics = [n if isinstance(n, Nic) else Nic(n) for n in (nic if isinstance(nic, (list, tuple)) else [nic])]
    args = ["qemu-system-x86_64", *accelerator(), "-m", str(mem), "-machine", "graphics=off", "-nodefaults",
            "-no-user-config", *([] if reboots else ["-no-reboot"]), *boot_args]
    for number, card in enumerate(nics):
        args += card.args(number, user_options, "n" in boot_args)
    for drive in drives:
        args += ["-drive", f"file={drive},if=virtio,format=raw"]
    args += extra
    if terminal:
        log = console_log(name or test_name())
        return subprocess.call([*args, "-display", "none", "-serial", "chardev:terminal", "-mon", "chardev=terminal",
                                "-chardev", f"stdio,id=terminal,mux=on,signal=off,logfile={log}"])
    unplugged = [number for number, card in enumerate(nics) if card.net == "unplugged"]
    return Machine(args, name or test_name(), lifetime, unplugged, files)


def _command_line(append):
    # panic=-1: a kernel that panics ends the machine at once instead of the test's patience
    # no_timer_check: on a busy host the emulated timer may be late, which is no fault of its wiring
    return f"console=ttyS0,115200 panic=-1 loglevel=4 no_timer_check {append}".strip()


def boot(nic="e1000", append="", mem=512, initrd=None, **how):
    """Boots kernel() with INITRD (all.rdz) handed over by QEMU itself. NIC: a card's name, a Nic, or a list of them.
    HOW: drives (raw image files), extra (QEMU options), lifetime (seconds), reboots (a reboot is no end), name (of the
    console's log), terminal (the console is this terminal's; returns when the machine has ended)."""
    initrd = initrd or all_rdz()
    _need(kernel(), initrd)
    return _start(nic, mem, ["-kernel", str(kernel()), "-initrd", str(initrd), "-append", _command_line(append)], **how)


def pxe(nic="e1000", append="", mem=512, firmware="bios", initrd=None, **how):
    """Boots as a bare machine does: firmware, the card's ROM, DHCP, TFTP, a boot loader, the kernel and all.rdz."""
    tftp = tempfile.TemporaryDirectory(prefix="tftp-")
    bootfile = fill_tftp(pathlib.Path(tftp.name), append, firmware, initrd)
    return bare(nic, mem, firmware, user_options=f",tftp={tftp.name},bootfile={bootfile}", files=tftp, **how)


def bare(nic="e1000", mem=512, firmware="bios", files=None, **how):
    """The same where what NIC is plugged into has DHCP and TFTP of its own (room.py). FILES live as long as it does."""
    args = ["-boot", "n"]
    if firmware == "uefi":
        _need(OVMF_CODE, OVMF_VARS)
        folder = tempfile.TemporaryDirectory(prefix="uefi-")
        variables = pathlib.Path(folder.name) / "vars.fd"
        shutil.copyfile(OVMF_VARS, variables)
        args += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
                 "-drive", f"if=pflash,format=raw,file={variables}"]
        files = (files, folder)
    return _start(nic, mem, args, files=files, **how)


def fill_tftp(folder, append, firmware="bios", initrd=None, machines=None):
    """Puts a boot loader, its configuration, the kernel and the initramfs into FOLDER; the name of the boot file.
    MACHINES: MAC address -> words that only the machine with this card gets (pxelinux)."""
    command_line = _command_line(append)
    (folder / "images").mkdir()
    os.symlink(kernel().resolve(), folder / "images" / "vmlinuz")
    os.symlink(pathlib.Path(initrd or all_rdz()).resolve(), folder / "images" / "all.rdz")
    _need(folder / "images" / "vmlinuz", folder / "images" / "all.rdz")
    if firmware == "uefi":
        _need(GRUB)
        shutil.copy(GRUB, folder / "grubx64.efi")
        (folder / "grub").mkdir()
        (folder / "grub" / "grub.cfg").write_text(
            f"linux /images/vmlinuz {command_line}\ninitrd /images/all.rdz\nboot\n")
        return "grubx64.efi"
    _need(*PXELINUX)
    for file in PXELINUX:
        shutil.copy(file, folder)
    (folder / "pxelinux.cfg").mkdir()
    files = {f"01-{mac.replace(':', '-')}": words for mac, words in (machines or {}).items()}
    for name, words in {"default": "", **files}.items():
        (folder / "pxelinux.cfg" / name).write_text(
            "DEFAULT stage1\nPROMPT 0\nLABEL stage1\n  KERNEL images/vmlinuz\n"
            f"  APPEND initrd=images/all.rdz {command_line} {words}\n  IPAPPEND 2\n")
    return "pxelinux.0"
