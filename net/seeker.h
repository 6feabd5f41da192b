/* seeker.h - what DHCP and static have in common: frames and time in -> frames out, and in the end a network. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_SEEKER_H
#define NET_SEEKER_H

#include "base/failure.h"
#include "net/card.h"
#include "net/net.h"
#include "net/wish.h"

/* The card a seeker works on, as it needs to know it. A test puts a simulated wire behind it. */
struct wire {
	char name[CARD_NAME_SIZE];
	uint8_t mac[MAC_LEN];
	/* Sends one Ethernet frame. What cannot be sent is lost, as on any wire. */
	void (*send)(struct wire *wire, const void *frame, size_t len);
	/* True for the MAC address of any card of this machine. */
	bool (*is_ours)(struct wire *wire, const uint8_t mac[MAC_LEN]);
};

enum seek_state {
	SEEK_WORKING, /* needs frames and time */
	SEEK_FOUND,   /* seeker.found can be used */
	SEEK_FAILED,  /* and waiting longer will not help; seeker.trouble says why */
};

struct seeker;

/* All times are of now_ms(). */
struct seeker_ops {
	/* The card has link, since now. */
	void (*start)(struct seeker *s, int64_t now);
	/* A frame came in. NO_CHECKSUM: see frame_read_udp. */
	void (*frame)(struct seeker *s, int64_t now, const uint8_t *frame, size_t len, bool no_checksum);
	/* seeker.next_ms has come. */
	void (*time)(struct seeker *s, int64_t now);
	/* Another card was chosen, or the link is gone: what a server gave is given back. */
	void (*stop)(struct seeker *s, int64_t now);
	/* Adds, in a few words, what is waited for ("no answer to 4 DHCP requests yet"). */
	void (*explain)(const struct seeker *s, int64_t now, struct buf *out);
	/* Releases the seeker itself; SEEKER.found must have been freed or taken. */
	void (*free)(struct seeker *s);
};

/* One card's search for an address. It does no input or output of its own and never waits. */
struct seeker {
	const struct seeker_ops *ops;
	struct wire *wire;
	enum seek_state state;
	int64_t next_ms;      /* when time() wants to be called; INT64_MAX: not at all */
	int64_t started_ms;   /* since when the card has link */
	struct network found; /* once SEEK_FOUND; the one who takes it clears it here */
	enum fail_id trouble; /* why nothing was found yet */
	char last[160];       /* the last thing that went wrong, in words; "" nothing */
};

/* Asks DHCP servers. HOSTNAME: what this node calls itself (NULL: nothing); must live as long as the seeker. NULL when
 * memory is short. */
struct seeker *dhcp_seeker(struct wire *wire, const char *hostname) must_check;

/* Of a dhcp_seeker: offers of these servers are left alone; the list must live as long. */
void dhcp_shun(struct seeker *s, const struct in_addr *servers, size_t count);

/* IPv6: listens to routers, makes addresses of their prefixes, asks DHCPv6 servers where the routers say so, or, with
 * ASK_DHCP, in any case and first. HOSTNAME as above. NULL when memory is short. */
struct seeker *ip6_seeker(struct wire *wire, bool ask_dhcp, const char *hostname) must_check;

/* Of an ip6_seeker: whom the boot needs to reach, where that is known; must live as long. It is not content before
 * there is a way to it. */
void ip6_expect(struct seeker *s, const struct in6_addr *server);

/* Takes the address that is wished for, which static_network() has found good. The first of the gateway, the name
 * servers and the server that answers shows that this is the right card and that its port forwards; after PATIENCE_MS
 * of link it is taken without. NULL when memory is short. */
struct seeker *static_seeker(struct wire *wire, const struct net_wish *wish, int64_t patience_ms) must_check;

#endif
