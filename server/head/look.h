/* look.h - an interface -> the DHCP servers that answer on it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_LOOK_H
#define SERVER_HEAD_LOOK_H

#include "server/head/site.h"

#define LOOK_LONG_MS  5000 /* a server that pings an address before it offers it takes three seconds */
#define LOOK_SHORT_MS 1000 /* where what is found decides nothing */

#define LOOK_MOST 8 /* servers that are told apart */

/* One server's offer. */
struct look_offer {
	struct in_addr server;      /* who answers (option 54, else the datagram's sender) */
	struct in_addr address;     /* what it offers; 0.0.0.0: a proxy, boot files only */
	struct in_addr next_server; /* where its boot file is; 0.0.0.0: it names none */
	char file[129];             /* fit for a terminal; "": none */
};

/* All that answered. */
struct look {
	struct look_offer offer[LOOK_MOST];
	size_t count;
};

/* Sends DHCPDISCOVERs by raw frames, as a machine without an address does, and hears what comes for PATIENCE_MS
 * milliseconds, or half a second more once one has answered. The machine's own address is no answer. 0 or -errno. */
int look_for_dhcp(const struct site *site, int64_t patience_ms, struct look *look) must_check;

/* Adds the offer of a DHCP message, the contents of a UDP datagram from SENDER, when it answers XID. */
void look_take(struct look *look, uint32_t xid, struct in_addr sender, const uint8_t *data, size_t len);

/* True when one of them gives addresses. */
bool look_gives_addresses(const struct look *look);

/* "10.0.0.1 offers 10.0.0.57, boot file pxelinux.0 at 10.0.0.2". Adds it to OUT. */
void look_describe(const struct look_offer *o, struct buf *out);

#endif
