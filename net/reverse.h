/* reverse.h - the own address -> the name that name servers know it by, asked for while the boot goes on (RFC
 * 1035, 3.5). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_REVERSE_H
#define NET_REVERSE_H

#include "net/dns_packet.h"
#include "net/net.h"

enum { REVERSE_MS = 500, REVERSE_SERVERS = 3 };

/* A question that is out. All zero: none ever was. */
struct reverse {
	char name[DNS_NAME_SIZE]; /* "31.1.0.10.in-addr.arpa" */
	uint16_t id;
	/* of the servers asked that have not answered yet; the first COUNT are used, -1: done */
	int fd[REVERSE_SERVERS];
	size_t count;
	int64_t until_ms; /* of now_ms() */
};

/* Asks the network's first name servers, all at once, for the name of its address, when it has none: a server's and
 * hostname: count more. Never waits; trouble is no error, many nodes have no name. */
void reverse_start(struct reverse *r, const struct network *net);

/* Takes the answer: its first label becomes the hostname, the rest the domain where that is not known. Waits for it
 * where it is still out, but not beyond REVERSE_MS after the start. True when NET has a name by it. */
bool reverse_finish(struct reverse *r, struct network *net);

/* Pure: what is asked for: IPv4 first (3.5; RFC 3596, 2.5). False without address. */
bool reverse_name(const struct network *net, char name[DNS_NAME_SIZE]);

/* Pure: FULL, as a server says it, becomes hostname and domain of NET. False when it is no name for a host. */
bool reverse_take(struct network *net, const char *full);

#endif
