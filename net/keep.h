/* keep.h - leases, time and what servers say -> requests that renew them, and when they end (RFC 2131, 4.4.5; RFC
 * 8415, 18.2.4). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_KEEP_H
#define NET_KEEP_H

#include "net/net.h"

/* How datagrams leave: of IPv6 or IPv4, to all servers or to the one that gave the lease. What is lost is lost. */
struct keep_wire {
	void (*send)(struct keep_wire *wire, bool ip6, bool to_all, const void *data, size_t len);
};

/* One address that a server has lent; times are seconds from bound_ms on, which is of now_ms(). */
struct keep_lease {
	bool ip6;
	struct in_addr address;
	struct in6_addr address6;
	int64_t bound_ms;
	/* how long it may be used, when its server is asked, when all are */
	uint32_t lease_s, renew_s, rebind_s;
	uint32_t preferred_s; /* of IPv6: how long for new connections */
	int64_t next_ms;      /* when keeper_time wants to be called for it; INT64_MAX: never */
	int64_t sent_ms;      /* the last request */
	uint32_t xid;
	bool renewed;  /* its times are new: who uses the address takes them over, and clears this */
	bool lost;     /* it must not be used any more */
	char why[120]; /* it is lost, in words */
};

/* The leases of one interface. It does no input or output of its own and never waits. */
struct keeper {
	struct keep_wire *wire;
	const struct network *net; /* whose leases they are; must live as long, and is not changed */
	struct keep_lease *lease;
	size_t count;
};

/* Takes over the leases of NET that end one day; none: nothing to do. 0 or -ENOMEM. Release with keeper_free. */
int keeper_start(struct keeper *k, struct keep_wire *wire, const struct network *net) must_check;
void keeper_free(struct keeper *k);

/* When keeper_time wants to be called; INT64_MAX: never. */
int64_t keeper_next_ms(const struct keeper *k);

/* Asks for what is due; what has ended is lost. */
void keeper_time(struct keeper *k, int64_t now);

/* A datagram for the client's port came in FROM a server (0.0.0.0 for IPv6). */
void keeper_datagram(struct keeper *k, int64_t now, bool ip6, struct in_addr from, const uint8_t *data, size_t len);

/* The lease's last second, as seen at NOW: how long it still lasts, at least 1; UINT32_MAX: for ever. */
uint32_t keep_left_s(const struct keep_lease *l, int64_t now);

#endif
