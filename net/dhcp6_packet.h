/* dhcp6_packet.h - bytes of a DHCPv6 message <-> its fields and options; pure functions (RFC 8415). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_DHCP6_PACKET_H
#define NET_DHCP6_PACKET_H

#include "net/frame6.h"

enum { DHCP6_CLIENT_PORT = 546, DHCP6_SERVER_PORT = 547 };

/* 7.3 */
enum dhcp6_type {
	DHCP6_SOLICIT = 1,
	DHCP6_ADVERTISE = 2,
	DHCP6_REQUEST = 3,
	DHCP6_RENEW = 5,
	DHCP6_REBIND = 6,
	DHCP6_REPLY = 7,
	DHCP6_RELEASE = 8,
	DHCP6_DECLINE = 9,
	DHCP6_INFORMATION_REQUEST = 11,
};

/* 21.13 */
enum { DHCP6_SUCCESS = 0, DHCP6_NO_ADDRESS = 2 };

/* A piece of the message; points into it. */
struct dhcp6_bytes {
	const uint8_t *data; /* NULL: not there */
	size_t len;
};

/* A message from a server. The bytes it was read from must live as long. Release with dhcp6_message_free. */
struct dhcp6_message {
	enum dhcp6_type type;
	uint32_t xid; /* 24 bits */
	struct dhcp6_bytes client_id, server_id;
	unsigned preference;      /* 0..255: the higher one is chosen */
	bool rapid;               /* the answer to a solicitation is the lease itself */
	unsigned status;          /* of the message, or of the addresses: the first that is no success */
	struct dhcp6_bytes words; /* the server's own words for that */
	/* The first address that can be used of those for this client (its IA_NA); ::, when there is none. */
	struct in6_addr address;
	uint32_t preferred_s, valid_s, renew_s, rebind_s;
	struct in6_addr *dns;
	size_t dns_count;
	char *search;                /* names separated by spaces; NULL: none */
	struct dhcp6_bytes bootfile; /* option 59: a URL (RFC 5970) */
	/* the number of an option that was left out, as its length or a name in it is none; 0: none was */
	unsigned odd;
};

/* Takes a UDP datagram's contents apart, for the client with this MAC address. 0; -EPROTONOSUPPORT: none of a server's
 * messages, or for another client; -ENOMEM; -EBADMSG with the reason in WHY (of WHY_SIZE bytes): a length lies, or what
 * must be there is not. Of an option that comes again the first counts. */
int dhcp6_read(const uint8_t *data, size_t len, const uint8_t mac[MAC_LEN], struct dhcp6_message *m, char *why,
	       size_t why_size) must_check;
void dhcp6_message_free(struct dhcp6_message *m);

/* A message to servers. */
struct dhcp6_ask {
	enum dhcp6_type type;
	uint32_t xid;
	uint8_t mac[MAC_LEN];
	unsigned elapsed_cs;          /* hundredths of a second since the exchange began; cut at 65535 */
	struct dhcp6_bytes server_id; /* data NULL: to all */
	struct in6_addr address;      /* in the IA_NA; ::, any */
	const char *hostname;         /* NULL: not said */
};

/* The identity association's number (21.4): the card's, so that two cards of a machine differ. */
uint32_t dhcp6_ia_id(const uint8_t mac[MAC_LEN]);

/* Adds the message to OUT. 0 or -ENOMEM. */
int dhcp6_write(struct buf *out, const struct dhcp6_ask *ask) must_check;

#endif
