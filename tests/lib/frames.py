"""frames.py - whole Ethernet frames as the wire has them: with a tag, with sums that are none; for what no socket
sends.

    wire = frames.wire(head)
    wire.send(frames.udp(frames.mac(head), payload, tag=0xe000))
"""
# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import struct

BROADCAST = b"\xff" * 6
ANY_PROTOCOL = 3  # ETH_P_ALL


def ip(text):
    return socket.inet_aton(text)


def mac(node, interface="eth0"):
    """The card's MAC address as bytes."""
    return bytes.fromhex(node.mac(interface).replace(":", ""))


def wire(node, interface="eth0"):
    """A raw socket on a machine's card."""
    with node.inside():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ANY_PROTOCOL))
        s.bind((interface, 0))
        return s


def ones(data):
    """The ones' complement sum (RFC 1071), not complemented."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def ethernet(source, kind, payload, to=BROADCAST, tag=None):
    """TAG: the 16 bits of an 802.1Q tag (priority, id), None for a frame without."""
    tagged = b"" if tag is None else struct.pack(">HH", 0x8100, tag)
    return to + source + tagged + struct.pack(">H", kind) + payload


def udp(source, payload, sender="10.9.0.1", receiver="255.255.255.255", ports=(67, 68), sums="right", **how):
    """SUMS: "right"; "half", UDP's over the pseudo header only; "none", 0 in both; "wrong"."""
    length = 8 + len(payload)
    pseudo = ip(sender) + ip(receiver) + struct.pack(">HH", 17, length)
    whole = ones(pseudo + struct.pack(">HHHH", *ports, length, 0) + payload) ^ 0xffff
    field = {"right": whole or 0xffff, "half": ones(pseudo), "none": 0, "wrong": whole ^ 0x1234}[sums]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0, 64, 17, 0, ip(sender), ip(receiver))
    if sums != "none":
        head = head[:10] + struct.pack(">H", ones(head) ^ 0xffff) + head[12:]
    return ethernet(source, 0x0800, head + struct.pack(">HHHH", *ports, length, field) + payload, **how)


def arp(source, reply, sender, target, target_mac=bytes(6), **how):
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2 if reply else 1) + source + ip(sender) + target_mac + ip(target)
    return ethernet(source, 0x0806, body, **how)


def arp_question(frame):
    """The address that an untagged frame asks for by ARP as (sender, target) in words; None for other frames."""
    if frame[12:14] != b"\x08\x06" or frame[20:22] != b"\0\1":
        return None
    return socket.inet_ntoa(frame[28:32]), socket.inet_ntoa(frame[38:42])
