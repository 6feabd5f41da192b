"""test_odd_packets.py - what real servers, switches and cards make of DHCP and ARP, at the packet filter and behind
it."""
# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import struct
import threading
import time

import dhcp
import frames
import netns
from dhcp import ACK, DISCOVER, OFFER, REQUEST, ip, option

KINDS = {DISCOVER: OFFER, REQUEST: ACK}


def lease(answer, seconds=6):
    """What a node makes of a server that answers like this; ANSWER(message, head) gives payloads, or sends by
    itself."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        dhcp.FakeServer(head, lambda m: answer(m, head))
        return dhcp.netup(node, seconds=seconds)


def sent_as(**how):
    """An answer function that sends the usual answers in frames of its own."""
    def answer(message, head):
        with frames.wire(head) as wire:
            wire.send(frames.udp(frames.mac(head), dhcp.willing(message), **how))
    return answer


class Neighbour(threading.Thread):
    """Hears the ARP questions on a machine's card and sends what ANSWER(sender, target, its MAC) gives."""

    def __init__(self, node, answer):
        super().__init__(daemon=True)
        self.wire, self.answer, self.mac = frames.wire(node), answer, frames.mac(node)
        self.start()

    def run(self):
        with contextlib.suppress(OSError):  # the network goes when the test is over
            while True:
                frame = self.wire.recv(2000)
                question = frames.arp_question(frame)
                answer = question and frame[6:12] != self.mac and self.answer(*question, frame[6:12])
                if answer:
                    self.wire.send(answer)


def checked(answer, seconds=12):
    """A lease of the one address there is, while a neighbour answers like this to ARP."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        server = dhcp.FakeServer(head, dhcp.willing)
        Neighbour(head, answer)
        return dhcp.netup(node, seconds=seconds), server


OTHER = bytes([2, 0, 0, 0, 0, 0x77])


def test_priority_tags():
    """A tag without a number is a priority: DHCP is taken as untagged; one of a VLAN is left alone."""
    for tag, taken in ((0xe000, True), (0x0000, True), (0x1000, True), (0xe005, False), (0x0fff, False)):
        up = lease(sent_as(tag=tag), seconds=6 if taken else 3)
        assert (up.status == 0) == taken, f"tag {tag:#06x}\n{up}"


def test_priority_tags_of_arp():
    """A conflict that is told in a frame with a priority is heard, too."""
    for tag in None, 0xe000:
        up, _ = checked(lambda sender, target, asker, t=tag: frames.arp(OTHER, True, target, "0.0.0.0", asker, tag=t)
                        if target == "10.9.0.30" else None, seconds=3)
        assert up.code == "S1-NET-06", up


def test_sums_left_to_hardware():
    """Sums that hardware should have made are no damage; wrong ones are, and that is said."""
    for sums in "half", "none":
        up = lease(sent_as(sums=sums))
        assert up.status == 0, up
    up = lease(sent_as(sums="wrong"), seconds=3)
    assert up.status == 1 and up.text.count("sums are wrong") == 1, up


def test_servers_that_leave_out_who_they_are():
    """Without option 54 the datagram's sender is the server; it is not called by a name it does not have."""
    def answer(message, _head):
        raw = option(53, bytes([KINDS[message.type]])) + option(51, struct.pack(">I", 3600)) + option(1,
                ip("255.255.255.0"))
        return dhcp.reply(message, KINDS[message.type], raw_options=raw + b"\xff") if message.type in KINDS else None

    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        server = dhcp.FakeServer(head, lambda m: answer(m, head))
        up = dhcp.netup(node, seconds=6)
        assert up.status == 0 and up.facts["SERVERID"] == "10.9.0.1", up
        assert [54 in m.options for m in server.seen if m.type == REQUEST] == [False]


def test_servers_that_say_it_once():
    """An acknowledgement that holds nothing is completed from the offer."""
    def answer(message, _head):
        bare = option(53, bytes([ACK])) + option(54, ip("10.9.0.1")) + b"\xff"
        if message.type == REQUEST:
            return dhcp.reply(message, ACK, raw_options=bare)
        return dhcp.willing(message, options=option(3, ip("10.9.0.1")) + option(6, ip("10.9.0.2")))

    up = lease(answer)
    assert up.status == 0, up
    assert [up.facts.get(k) for k in ("PREFIX", "LEASE", "GATEWAY", "DNS")] == ["24", "3600", "10.9.0.1",
                                                                                "10.9.0.2"], up


def test_dnsmasq_that_is_told_to_send_its_name():
    """dnsmasq with --dhcp-option=54 sends it twice."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        dhcp.dnsmasq(head, "--dhcp-range=10.9.0.30,10.9.0.40,1h", "--dhcp-option=54,10.9.0.1",
                     "--dhcp-option=15,a.example b.example")
        up = dhcp.netup(node, seconds=6)
        assert up.status == 0 and up.facts["SERVERID"] == "10.9.0.1", up
        assert up.facts["DOMAIN"] == "a.example" and up.facts["SEARCH"] == "a.example b.example", up


def test_a_machine_that_answers_for_everything():
    """Proxy ARP for all addresses is no conflict, though the server gives only the one address."""
    up, server = checked(lambda sender, target, asker: frames.arp(OTHER, True, target, sender, asker))
    assert up.status == 0 and "answers for every address" in up.text, up
    assert server.talk() == [DISCOVER, REQUEST]


def test_a_switch_that_looks_who_is_there():
    """A switch probes back whenever it hears a probe (IP device tracking): no conflict."""
    up, server = checked(lambda sender, target, _: frames.arp(OTHER, False, "0.0.0.0", target)
                         if (sender, target) == ("0.0.0.0", "10.9.0.30") else None)
    assert up.status == 0 and server.talk() == [DISCOVER, REQUEST], up


def test_a_flood_does_not_stop_the_clock():
    """Frames without end, of a kind that is listened to: the search ends at its deadline all the same."""
    with netns.Lab() as lab:
        head, node = dhcp.pair(lab)
        wire, end = frames.wire(head), threading.Event()
        frame = frames.arp(OTHER, False, "10.9.0.9", "10.9.0.8")

        def flood():
            while not end.is_set():
                wire.send(frame)

        sender = threading.Thread(target=flood, daemon=True)
        running = dhcp.start_netup(node, seconds=3)
        time.sleep(0.5)
        sender.start()
        up = dhcp.Up(running)
        end.set()
        assert up.code == "S1-NET-04", up
        assert int(up.lines("log error")[0][0]) < 4500, up
