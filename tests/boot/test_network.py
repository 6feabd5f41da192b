"""test_network - cards, cables, servers in odd states -> the card that works, or the error that names what does not."""
# SPDX-License-Identifier: GPL-2.0-or-later
import stage2
from qemu import Nic, boot
from web import web


def automatic(more=""):
    """The usual line, with MORE keys."""
    return web().automatic(stage2.squashfs(), more)


def test_second_card():
    """Of two cards with link the second is useful: it is found without waiting for the first."""
    machine = boot(nic=[Nic("rtl8139", "silent"), Nic("e1000")], append=automatic())
    machine.expect("STAGE2 UP").expect("RUN env: DEVICE='eth1'")


def test_first_card_unplugged():
    """Of two cards the first has no cable: the second is used."""
    boot(nic=[Nic("e1000", "unplugged"), Nic("virtio-net-pci")], append=automatic()).expect("STAGE2 UP").expect(
        "RUN env: DEVICE='eth1'")


test_first_card_unplugged.slow = True


def test_bootif():
    """Of two useful cards the one that PXE booted from is used."""
    boot(nic=[Nic("e1000"), Nic("e1000")], append=automatic() + " BOOTIF=01-52-54-00-12-34-57").expect(
        "STAGE2 UP").expect("RUN env: DEVICE='eth1'")


def test_interface_by_mac():
    """Of two useful cards the one that interface: names by its MAC address is used."""
    boot(nic=[Nic("e1000"), Nic("e1000")], append=automatic(",interface:52:54:00:12:34:57")).expect(
        "STAGE2 UP").expect("RUN env: DEVICE='eth1'")


test_interface_by_mac.slow = True


def test_cable_plugged_later():
    """A card without link is waited for, with the reason on the console, and used once the cable is in."""
    machine = boot(nic=Nic("e1000", "unplugged"), append=automatic())
    machine.expect("no link").link(0, up=True).expect("STAGE2 UP")


def test_static():
    """A static address needs no DHCP server."""
    boot(append=automatic(",network:static,ip:10.0.2.77,gateway:10.0.2.2").replace("network:dhcp,", "")).expect(
        "STAGE2 UP").expect("RUN env: IPADDR='10.0.2.77'")


def test_no_dhcp_server():
    """No DHCP server answers: the card and the time are named, and the machine is going to reboot."""
    boot(nic=Nic("e1000", "silent"), append=automatic(",timeout:8")).expect("FAILED").expect("S1-NET-04").expect(
        "eth0").expect("Rebooting in")


def test_no_link():
    """No card has link: said so, after the time that was given."""
    boot(nic=[Nic("e1000", "unplugged"), Nic("rtl8139", "unplugged")], append=automatic(",timeout:5")).expect(
        "S1-NET-02").expect("eth0").expect("eth1").expect("Rebooting in")


test_no_link.slow = True


def test_wrong_interface():
    """An interface that does not exist is named, with those that do."""
    boot(append=automatic(",interface:eth7")).expect("S1-NET-01").expect("eth7").expect("eth0").expect("Rebooting in")


test_wrong_interface.slow = True


def test_no_card():
    """A machine without network card is told so."""
    boot(nic=[], append=automatic()).expect("S1-DEV-01").expect("Rebooting in")


test_no_card.slow = True
