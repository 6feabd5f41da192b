"""test_questions - a person at the serial console or the machine's keyboard -> the boot they chose; nobody -> the
policy."""
# SPDX-License-Identifier: GPL-2.0-or-later
import base64

import media
import stage2
from media import disk
from qemu import HOST, boot
from web import Web

METHOD = "Please choose the installation method."
CONNECTION = "Please select your network connection type."
SECRET = "s3cret-w0rd"


def login():
    """A web server that gives its files to user me with the password SECRET only."""
    server = Web(extra='auth_basic "lab"; auth_basic_user_file passwords;')
    (server.dir / "passwords").write_text(f"me:{{PLAIN}}{SECRET}\n")
    return server


def test_http_with_a_static_address():
    """Without automatic= a person chooses http and a static address, is asked again after what cannot be, goes Back in
    the middle, and gives a password that is never shown."""
    server = login()
    name = server.add(stage2.squashfs())
    machine = boot("virtio-net-pci")
    machine.expect(METHOD).expect("] NFS server").expect("] HTTP server").expect("] Hard disk").expect("[0] Back")
    machine.answer("? [1]", "99").expect("A number from 0 to 9")
    machine.send("1\r")
    machine.answer(CONNECTION, "0")
    machine.answer(METHOD, "3")
    machine.answer(CONNECTION, "2")
    machine.answer("IP address", "10.0.2.300").expect("Invalid IP address.")
    machine.answer("IP address", "").expect("Something is needed here.")
    machine.answer("IP address", "10.0.2.99\x7f\x7f15")
    machine.answer("Netmask", "24")
    machine.answer("Gateway", "<")
    machine.answer("Netmask (nothing: by the address) [24]", "")
    machine.answer("Gateway", "10.0.2.2")
    machine.answer("Name server", "")
    machine.answer("Server", f"http://{HOST}/").expect("Only the server's name or address")
    machine.answer("Server", f"{HOST}:{server.port}")
    machine.answer("Directory", "/")
    machine.answer("Image file", name)
    machine.answer("Login", "me")
    machine.answer("Password", SECRET)
    machine.answer("HTTP proxy", "")
    machine.expect("[2/6] network").expect("10.0.2.15/24, static").expect("STAGE2 UP").expect("STAGE2 END")
    machine.never(SECRET, base64.b64encode(f"me:{SECRET}".encode()).decode())


def test_a_missing_value_and_a_disk_from_the_list():
    """onfail:ask: a missing value is named, then asked for; a person takes another method, and disk and partition from
    the lists, which show size, label and type. What fails then is asked again with the answers as defaults."""
    whole = media.gpt(media.vfat({"x": stage2.program()}, "STICK"), media.ext4({"a.sqfs": stage2.squashfs()}, "DATA"))
    machine = boot("virtio-net-pci", "automatic=method:http,onfail:ask", extra=disk(whole, "virtio") +
                   disk(media.ext4({}, "OTHER"), "ahci", "d1"))
    machine.expect("S1-CMD-03").expect("server:")
    machine.answer(METHOD + "\n")
    machine.answer(CONNECTION, "<")
    machine.answer(METHOD + "\n", "9")
    machine.expect("Which disk").expect("[1] auto").expect("sda ext4 'OTHER' 41.9 MB")
    machine.expect("vda").expect("2 partitions")
    machine.answer("? [1]", "3")
    machine.expect("Which partition").expect("vda1 vfat 'STICK'").expect("vda2 ext4 'DATA'")
    machine.answer("? [1]", "3")
    machine.answer("Directory")
    machine.answer("Image file", "b.sqfs")
    machine.expect("S1-MED-01", 60)
    machine.answer(METHOD + "\n")
    machine.answer("Which disk")
    machine.answer("Which partition", "")
    machine.answer("Directory")
    machine.answer("Image file (nothing: the classic install/stage2/...) [b.sqfs]", "a.sqfs")
    machine.expect("STAGE2 UP")


def test_the_machines_own_keyboard_and_nobody():
    """On the screen a USB keyboard answers the same questions, the second console has a shell; when no key comes for
    ask_timeout:, the node goes on as if nobody were there."""
    machine = boot("virtio-net-pci", "console=tty0 console=ttyS0 automatic=onfail:ask,ask_timeout:20",
                   extra=["-device", "VGA", "-device", "qemu-xhci", "-device", "usb-kbd"])
    machine.expect("S1-CMD-01").expect(METHOD).expect("? [1]")
    machine.press("3", "ret").expect(CONNECTION)
    machine.press(("alt", "f2"), *"cat", "spc", "slash", *"dev", "slash", *"vcs1", "spc", ("shift", "dot"),
                  "slash", *"dev", "slash", *"tty", ("shift", "s"), "0", "ret")
    machine.expect(" [2] Static").expect("? [1]")
    machine.expect("S1-CMD-05", 60).expect("no key was pressed for 20 s").expect("Rebooting in 30 s")
