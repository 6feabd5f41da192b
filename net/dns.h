/* dns.h - a name and name servers -> its addresses, asked for by UDP, and by TCP where the answer is long (RFC
 * 1035). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "net/dns_packet.h"
#include "net/net.h"

/* One question, and in the end its answer. */
struct dns_question {
	enum dns_type type;
	char name[DNS_NAME_SIZE]; /* asked for; becomes what it is an alias of. A PTR's answer: the target */
	bool answered;
	enum dns_rcode rcode;     /* DNS_OK without addresses: the name exists, but not with this type */
	struct in6_addr *address; /* to be freed */
	size_t count;
	uint16_t id;      /* of the query that is out */
	unsigned aliases; /* followed so far */
};

/* Asks the SERVERS in order, all COUNT questions at once, until each is answered. A server that is silent for a second
 * is asked again later, and the next one meanwhile; one that cannot tell is left for the next one. 0: all answered, or
 * one with addresses and the others not within a second; -ETIMEDOUT; -EHOSTUNREACH: every server refused, several
 * times; -EINVAL: a question is no name; -errno. WHY (of WHY_SIZE bytes) says what the servers did. */
int dns_ask(const struct peer_address *servers, size_t server_count, struct dns_question *questions, size_t count,
	    int64_t deadline, char *why, size_t why_size) must_check;

#endif
