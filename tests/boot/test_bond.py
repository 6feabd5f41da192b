"""test_bond.py - two cards as one: with a switch that speaks LACP, and one that does not; a cable pulled on the way."""
# SPDX-License-Identifier: GPL-2.0-or-later
import re
import signal

import netns
from qemu import boot
from wire import head_on


def test_lacp():
    """bond:802.3ad on a switch that aggregates: the lease and the image come over an aggregated port; both speak
    LACP."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab, lacp=True)
        nics = [switch.nic("e1000"), switch.nic("e1000")]
        machine = boot(nic=nics, append=automatic + ",bond:802.3ad")
        machine.expect("bond0 802.3ad, link").expect("10.9.0.3").expect("STAGE2 UP")
        machine.expect("RUN env: DEVICE='bond0'").expect("BOND='802.3ad'")
        # the second one's turn may come in the next system
        assert any(port.aggregated for port in switch.ports) and all(port.partner for port in switch.ports)


def test_active_backup():
    """bond:active-backup of two named cards with BOOTIF=: the bond has that card's address, a third card is left
    alone."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab)
        nics = [switch.nic("virtio-net-pci") for _ in range(3)]
        machine = boot(nic=nics, append=automatic + ",bond:active-backup:eth0+eth1 BOOTIF=01-52-54-00-12-34-57")
        machine.expect("STAGE2 UP").expect("RUN env: DEVICE='bond0'").expect("HWADDR='52:54:00:12:34:57'")
        assert switch.ports[2].frames == []


test_active_backup.slow = True


def test_active_backup_with_one_cable():
    """Only one of the two cards has a cable: the bond works all the same."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab)
        nics = [switch.nic("e1000"), switch.nic("e1000")]
        machine = boot(nic=nics, append=automatic + ",bond:active-backup,timeout:60")
        machine.link(0, up=False)
        machine.expect("STAGE2 UP").expect("RUN env: DEVICE='bond0'")


test_active_backup_with_one_cable.slow = True


def test_a_cable_pulled_before_the_image():
    """Between the lease and the image the cable of the card in use is pulled: the image comes over the other one."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab)
        nics = [switch.nic("e1000"), switch.nic("e1000")]
        switch.http.signal(signal.SIGSTOP)
        machine = boot(nic=nics, append=automatic + ",bond:active-backup BOOTIF=01-52-54-00-12-34-56")
        machine.expect("bond0 active-backup, link").expect("10.9.0.3").expect("[4/6]").link(0, up=False)
        switch.http.signal(signal.SIGCONT)
        machine.expect("STAGE2 UP").expect("RUN env: DEVICE='bond0'")
        assert len(switch.ports[1].frames) > 100  # the acknowledgements of the image's 8 MB


test_a_cable_pulled_before_the_image.slow = True


def test_vlan_on_a_bond():
    """A VLAN on top of a bond."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab, lacp=True, vlan=12)
        nics = [switch.nic("e1000"), switch.nic("e1000")]
        machine = boot(nic=nics, append=automatic + ",bond:802.3ad,vlan:12")
        machine.expect("STAGE2 UP").expect("RUN env: DEVICE='bond0.12'").expect("CARD='bond0'")


def test_a_switch_without_lacp():
    """bond:802.3ad on a switch without a port channel works over one card, and the console asks for the channel."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab)
        machine = boot(nic=[switch.nic("e1000"), switch.nic("e1000")], append=automatic + ",bond:802.3ad")
        machine.expect(re.compile(r"no\s+LACP\s+heard\s+yet\s+on\s+eth0(,\s+eth1)?:\s+is\s+the\s+switch's\s+port\s+channel\s+set\s+up"))
        machine.expect("STAGE2 UP").expect("RUN env: DEVICE='bond0'")


test_a_switch_without_lacp.slow = True


def test_cards_without_a_speed():
    """bond:802.3ad of a card whose driver tells no speed leads nowhere, and the console says that this is why."""
    with netns.Lab() as lab:
        switch, automatic = head_on(lab, lacp=True)
        machine = boot(nic=[switch.nic("virtio-net-pci")], append=automatic + ",bond:802.3ad,timeout:20")
        machine.expect("S1-NET-04").expect(re.compile(r"802\.3ad\s+cannot\s+use\s+eth0")).expect("active-backup")


test_cards_without_a_speed.slow = True


def test_no_such_cards():
    """bond: with cards that do not exist is an error that lists those that do."""
    boot(append="automatic=method:http,network:dhcp,server:10.0.2.2,directory:/,bond:802.3ad:eth7+eth8").expect(
        "S1-NET-01").expect("eth7").expect("eth0").expect("Rebooting in")


test_no_such_cards.slow = True
