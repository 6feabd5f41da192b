/* dns_packet.h - a name and a type -> a DNS query; a DNS answer -> the addresses in it; pure functions (RFC 1035). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_DNS_PACKET_H
#define NET_DNS_PACKET_H

#include "base/buf.h"

#include <netinet/in.h>

enum { DNS_PORT = 53, DNS_NAME_SIZE = 256 };

/* RFC 1035, 3.2.2; RFC 3596 */
enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_AAAA = 28 };

/* RFC 1035, 4.1.1 */
enum dns_rcode { DNS_OK = 0, DNS_FORMAT_ERROR = 1, DNS_SERVER_FAILURE = 2, DNS_NO_SUCH_NAME = 3 };

/* Reads the name at *AT of the message into OUT (labels joined by dots, "" for the root) and moves *AT behind it.
 * Follows compression (4.1.4) backwards only, so that no loop can be built. A byte that belongs into no host name comes
 * out as '?', which matches nothing. 0 or -EBADMSG. */
int dns_name_read(const uint8_t *message, size_t len, size_t *at, char out[DNS_NAME_SIZE]) must_check;

/* Adds NAME ("www.example.org", a dot at the end is allowed) in wire form to OUT. 0, -ENOMEM, or -EINVAL when it is no
 * name: an empty label, one over 63 bytes, more than 255 in all. */
int dns_name_write(struct buf *out, const char *name) must_check;

/* True when the names are equal, upper and lower case alike. */
bool dns_name_equal(const char *a, const char *b);

/* Adds a query for NAME to OUT: recursion wanted, one question. 0, -EINVAL or -ENOMEM. */
int dns_query_write(struct buf *out, uint16_t id, const char *name, enum dns_type type) must_check;

/* What an answer says. Release it with dns_answer_free. */
struct dns_answer {
	enum dns_rcode rcode;
	bool truncated;           /* ask again by TCP */
	bool odd;                 /* an address in it is none, and was left out */
	char name[DNS_NAME_SIZE]; /* the end of the chain of aliases; a PTR's target */
	struct in6_addr *address; /* AAAA; A as ::ffff:a.b.c.d; each once */
	size_t count;
};

/* Reads the answer to the query (ID, NAME, TYPE), following aliases within it. 0; -EAGAIN: well formed, but the answer
 * to something else (it may be forged: go on listening); -EBADMSG; -ENOMEM. */
int dns_answer_read(const uint8_t *message, size_t len, uint16_t id, const char *name, enum dns_type type,
		    struct dns_answer *answer) must_check;
void dns_answer_free(struct dns_answer *answer);

#endif
