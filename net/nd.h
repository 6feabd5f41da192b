/* nd.h - ICMPv6 messages <-> what routers say and who has which address; pure functions (RFC 4861, 4862, 8106). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_ND_H
#define NET_ND_H

#include "net/frame6.h"

/* One prefix of a router advertisement (RFC 4861, 4.6.2). */
struct ra_prefix {
	struct in6_addr prefix;
	unsigned bits;
	bool on_link;    /* machines with such addresses are on the cable */
	bool autonomous; /* a machine makes its own address of it */
	uint32_t valid_s, preferred_s;
};

/* What a router advertises. Release with ra_free. */
struct router_advert {
	struct in6_addr router; /* its link-local address */
	uint32_t lifetime_s;    /* as default router; 0: it is none */
	bool managed;           /* addresses come by DHCPv6 */
	bool other;             /* the rest comes by DHCPv6 */
	unsigned mtu;           /* 0: not said */
	struct ra_prefix *prefix;
	size_t prefix_count;
	struct in6_addr *dns; /* RFC 8106, 5.1 */
	size_t dns_count;
	char *search; /* RFC 8106, 5.2: names separated by spaces; NULL: none */
	unsigned odd; /* the number of an option that was left out as its length or value is none; 0: none was */
};

/* Reads a router advertisement. One that RFC 4861, 6.1.2 calls invalid (hop limit, source, an option of length 0 ...)
 * is -EBADMSG; -EPROTONOSUPPORT: another message; -ENOMEM. */
int ra_read(const struct ip6_frame *p, struct router_advert *ra) must_check;
void ra_free(struct router_advert *ra);

/* A question for, or an answer with, the owner of an address (RFC 4861, 4.3, 4.4). */
struct neighbour {
	bool advert;          /* else a solicitation */
	struct in6_addr from; /* ::, in a solicitation: its sender checks the address for itself */
	struct in6_addr target;
	uint8_t from_mac[MAC_LEN];
};

/* 0, -EPROTONOSUPPORT or -EBADMSG, as above. */
int neighbour_read(const struct ip6_frame *p, struct neighbour *n) must_check;

/* Add a frame to OUT: who is router here; does anybody have TARGET (RFC 4862, 5.4.2); TARGET is MAC's now, to all; it
 * is MAC's, to the one who asked. 0 or -ENOMEM. */
int nd_write_router_solicitation(struct buf *out, const uint8_t mac[MAC_LEN]) must_check;
int nd_write_probe(struct buf *out, const uint8_t mac[MAC_LEN], const struct in6_addr *target) must_check;
int nd_write_announcement(struct buf *out, const uint8_t mac[MAC_LEN], const struct in6_addr *target) must_check;
int nd_write_answer(struct buf *out, const uint8_t mac[MAC_LEN], const struct neighbour *question) must_check;

#endif
