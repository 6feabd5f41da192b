/* dhcp_lease.h - a DHCP message -> the network it offers, every value checked; a pure function but for its log
 * lines. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_DHCP_LEASE_H
#define NET_DHCP_LEASE_H

#include "net/dhcp_packet.h"
#include "net/net.h"

/* Fills NET from an offer or an acknowledgement. An optional value that makes no sense is left out, with a log line
 * that begins with NET->interface. What the caller has filled in (interface, mac) stays. 0; -EBADMSG with the reason in
 * WHY when the message offers no usable address; -ENOMEM. */
int dhcp_lease_read(const struct dhcp_message *m, struct network *net, char *why, size_t why_size) must_check;

/* How much NET offers beyond the address: of several offers that are there at once, the higher one is taken. */
int dhcp_lease_worth(const struct network *net);

#endif
