/* fragments.h - struct network -> the files by which the next system's network programs keep the booted interface
 * up. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_FRAGMENTS_H
#define NET_FRAGMENTS_H

#include "net/net.h"

/* All add text to OUT, whose ->failed tells of lack of memory. */

/* A .network file (systemd.network(5)): the interface stays as it is, whatever networkd thinks of its address, and a
 * lease is renewed, by a client whom the server knows: with the identifiers that stage1 had. */
void networkd_interface(const struct network *net, struct buf *out);

/* A .network file for what the interface lies on, so that no other file of the next system lays hands on it: the
 * interface called NAME, or, with NAME NULL, the cards below, by their MAC address (those of a bond have the
 * bond's). */
void networkd_below(const struct network *net, const char *name, struct buf *out);

/* A .link file (systemd.link(5)) for udev: name and MAC address stay, other names are given besides. NAME: as above. */
void udev_link(const struct network *net, const char *name, struct buf *out);

/* Lines for interfaces(5) of Debian's ifupdown; and dhclient.conf(5) for the dhclient that they start, to be called
 * DHCLIENT_CONF_NAME (%s: the interface) in /run. */
#define DHCLIENT_CONF_NAME "dhclient.%s.lease.conf"
void ifupdown_lines(const struct network *net, struct buf *out);
void dhclient_lines(struct buf *out);

#endif
