/* dhcp6.h - messages and time -> an IPv6 address, or just what else a server knows: the DHCPv6 client (RFC 8415,
 * 18.2). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_DHCP6_H
#define NET_DHCP6_H

#include "net/dhcp6_packet.h"
#include "net/patience.h"
#include "net/seeker.h"

enum dhcp6_state {
	DHCP6_IDLE,
	DHCP6_SOLICITING, /* SOLICIT is out */
	DHCP6_REQUESTING, /* REQUEST is out */
	DHCP6_INFORMING,  /* INFORMATION-REQUEST is out */
	DHCP6_DONE,
};

/* One client on one card. It needs a link-local address that is known to be free. */
struct dhcp6_client {
	struct wire *wire;
	const struct patience *patience; /* of the card */
	const char *hostname;            /* NULL: not said */
	enum dhcp6_state state;
	uint32_t xid;
	int64_t began_ms;  /* of this exchange */
	int64_t next_ms;   /* when dhcp6_time wants to be called; INT64_MAX: not at all */
	int64_t step_ms;   /* the last pause */
	unsigned sent;     /* messages of this exchange */
	unsigned solicits; /* in all */
	/* the best offer, then the lease */
	bool offered;
	unsigned preference;
	struct buf server_id;
	struct net_address6 lease; /* address ::, none */
	uint32_t renew_s, rebind_s;
	int64_t bound_ms;
	enum fail_id trouble; /* FAIL_NONE: nothing but silence */
	char last[160];       /* the server's reason, in words */
};

/* A client that has not asked yet. WIRE, PATIENCE and HOSTNAME (NULL: none is said) are not owned and outlive it. */
void dhcp6_init(struct dhcp6_client *c, struct wire *wire, const struct patience *patience, const char *hostname);
void dhcp6_end(struct dhcp6_client *c); /* gives the lease back, if there is one, and what the client holds */

/* Begins to ask for an address, or (not STATEFUL) for the other values only. Nothing when it is at it already. */
void dhcp6_begin(struct dhcp6_client *c, bool stateful, int64_t now);

/* A datagram for port 546. What it says beyond the address goes to NET. 0 or -ENOMEM. */
int dhcp6_frame(struct dhcp6_client *c, int64_t now, const struct ip6_frame *p, struct network *net) must_check;

/* c->next_ms has come. */
void dhcp6_time(struct dhcp6_client *c, int64_t now);

/* Somebody else has the address: tells the server and starts over. */
void dhcp6_decline(struct dhcp6_client *c, int64_t now);

/* Adds an address to *LIST of *COUNT unless it is there already. 0 or -ENOMEM. */
int ip6_list_add(struct in6_addr **list, size_t *count, const struct in6_addr *a) must_check;

#endif
