/* lines.h - a site -> the lines that another DHCP server needs, so that machines boot from this head node. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_LINES_H
#define SERVER_HEAD_LINES_H

#include "server/head/config.h"

/* Adds the lines for the server called KIND: dhcpd, kea, dnsmasq or windows. 0, or -ENOENT: none of these. */
int lines_for(const char *kind, const struct site *site, const struct loaders *have, struct buf *out) must_check;

#endif
