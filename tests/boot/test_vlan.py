"""test_vlan.py - cards on trunk ports, and cards that lead nowhere: the machine boots over the VLAN, over the right
card."""
# SPDX-License-Identifier: GPL-2.0-or-later
import netns
import stage2
from qemu import Nic, boot
from web import web
from wire import head_on


def test_vlan():
    """vlan:12 on a trunk port: the lease, the image and the next system's settings are the VLAN's."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab, vlan=12)
        machine = boot(nic=switch.nic("e1000"), append=automatic + ",vlan:12")
        machine.expect("eth0.12").expect("10.9.0.3").expect("STAGE2 UP")
        machine.expect("RUN env: DEVICE='eth0.12'").expect("CARD='eth0'").expect("VLAN='12'")


def test_another_vlan():
    """On a trunk port without that VLAN nobody answers, and the error names the VLAN's interface."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab, vlan=12)
        machine = boot(nic=switch.nic("virtio-net-pci"), append=automatic + ",vlan:13,timeout:8")
        machine.expect("S1-NET-04").expect("eth0.13").expect("Rebooting in")


test_another_vlan.slow = True


def test_vlan_on_one_of_two_cards():
    """Of two cards with link only the second one's port has the VLAN."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab, vlan=12)
        machine = boot(nic=[Nic("e1000", "silent"), switch.nic("e1000")], append=automatic + ",vlan:12")
        machine.expect("STAGE2 UP").expect("RUN env: DEVICE='eth1.12'")


test_vlan_on_one_of_two_cards.slow = True


def test_wrong_card():
    """The first card gets an address, but the server is not behind it: that is said, and the second one boots."""
    nics = [Nic("virtio-net-pci", "user,net=10.5.0.0/24,restrict=on"), Nic("virtio-net-pci", "unplugged")]
    machine = boot(nic=nics, append=web().automatic(stage2.squashfs(), ",retries:0"))
    machine.expect("10.5.0.15/24").link(1, up=True)
    machine.expect("not reached that way").expect("STAGE2 UP").expect("RUN env: DEVICE='eth1'")
