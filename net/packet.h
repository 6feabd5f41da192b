/* packet.h - a card -> its frames as they are on the wire, before it has an address (packet(7)). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include "base/base.h"

/* Opens the card for raw frames. The kernel lets through what matters to a machine without an address: ARP, DHCP to
 * clients and servers, IPv6 neighbour discovery, spanning tree; nothing with a VLAN's tag, which belongs to the VLAN's
 * own interface. A tag without number is a priority, and the frame as good as untagged. The descriptor (non-blocking),
 * or -errno. */
int packet_open(int ifindex) must_check;

/* Lets the card of FD hear multicast groups as well: bridges (spanning tree) and IPv6 routers. Only once that is
 * needed: some cards lose what comes in for a moment whenever their list of addresses changes (QEMU's e1000: for a
 * second). */
void packet_hear_groups(int fd, int ifindex);

/* Sends one frame. 0 or -errno. */
int packet_send(int fd, int ifindex, const void *frame, size_t len);

/* Reads the next frame into FRAME of SIZE bytes; a longer one is cut. *NO_CHECKSUM: its UDP checksum was left to
 * hardware it never passed. The length, 0 for one of this machine's own on its way out, or -errno (-EAGAIN: none
 * there). */
int packet_receive(int fd, uint8_t *frame, size_t size, bool *no_checksum) must_check;

#endif
