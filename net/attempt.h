/* attempt.h - one card that is tried: its link, its VLAN, its raw frames -> a network found on it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_ATTEMPT_H
#define NET_ATTEMPT_H

#include "net/card.h"
#include "net/net.h"
#include "net/seeker.h"
#include "net/wish.h"

struct attempts;

/* One search each. */
enum { SEEK4, SEEK6, SEEKERS };

/* One card. */
struct attempt {
	struct wire wire; /* under the name that addresses are given to: the card's, or its VLAN's */
	const struct attempts *all;
	struct card card;
	struct card vlan;               /* the VLAN on it; ifindex 0: none, or not made yet */
	struct seeker *seeker[SEEKERS]; /* NULL: not wanted */
	bool seeking[SEEKERS];          /* it was started */
	int fd;                         /* of packet_open; -1: no link */
	bool linked;                    /* had link at some time */
	int64_t link_ms;                /* since when; of now_ms() */
	bool hears_groups;              /* bridges and routers, too: see packet_hear_groups */
	int broken;                     /* -errno: it cannot be used, whatever comes */
};

/* All of them, and what they have in common. */
struct attempts {
	const struct net_request *request;
	const struct net_wish *wish;
	struct netlink *commands;
	struct attempt **attempt; /* each is its own piece of memory: its wire must not move */
	size_t count;
	const struct in_addr *shunned; /* DHCP servers whose addresses led nowhere */
	size_t shunned_count;
};

/* Adds the card and switches it on. 0 or -ENOMEM; a card that cannot be switched on is a log line. */
int attempt_add(struct attempts *all, const struct card *card) must_check;

/* Gives back what a server gave, and forgets the attempt. The card is left as it is. */
void attempt_remove(struct attempts *all, struct attempt *a);
void attempts_free(struct attempts *all);

/* The attempt that the interface belongs to: its card, or its VLAN. NULL: none. */
struct attempt *attempt_of(const struct attempts *all, const struct card *card);

/* The kernel says how the card, or the VLAN on it, is now: the search begins with link, and ends without. */
void attempt_update(struct attempt *a, const struct card *card);

/* The interface that gets the address: the card, or its VLAN. */
const struct card *attempt_interface(const struct attempt *a);

/* Reads and handles frames that are there, a limited number of them. */
void attempt_read(struct attempt *a);

/* When attempt_work wants to be called. */
int64_t attempt_next_ms(const struct attempt *a);

/* Does what is due. True when the network is found: attempt_take has it. */
bool attempt_work(struct attempt *a, int64_t now);

/* What was found, of IPv4 and IPv6; it is the caller's now. */
struct network attempt_take(struct attempt *a);

/* Moves the IPv6 half of FROM to TO, which has none. */
void network_move_ip6(struct network *to, struct network *from);

/* True when waiting longer cannot help. */
bool attempt_failed(const struct attempt *a);

/* Why nothing was found yet. */
enum fail_id attempt_trouble(const struct attempt *a);

/* Adds "eth0: no answer to 4 DHCP requests in 15 s". */
void attempt_explain(const struct attempt *a, struct buf *out);

/* Ends the search on the card. KEEP: it was chosen, and what a server gave stays; else that is given back, the VLAN
 * goes, the card loses its addresses and is switched off. */
void attempt_end(struct attempt *a, bool keep);

#endif
