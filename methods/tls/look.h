/* look.h - a server that refused -> a second look at it, with everything offered: what is it that it wants. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_LOOK_H
#define METHODS_TLS_LOOK_H

#include "base/buf.h"

/* What a server chose of all that there is. */
struct look {
	bool answered;      /* it said ServerHello */
	bool done;          /* nothing more is to be learned from it */
	unsigned version;   /* 0x0304: TLS 1.3 */
	unsigned suite;     /* of IANA's list */
	bool extended;      /* it agreed to the extended master secret (RFC 7627) */
	unsigned group;     /* of its key exchange; 0: unknown */
	unsigned signature; /* the way its key exchange is signed; 0: unknown */
};

/* Adds a ClientHello in a record to OUT: everything of TLS 1.2 and before, or TLS 1.3 alone where NEWEST; for the
 * server NAME, NULL: without one. RANDOM has 32 bytes. Pure. */
void look_hello(struct buf *out, const char *name, bool newest, const uint8_t *random);

/* Reads LEN bytes that came as the answer, all of them each time. Pure. */
void look_parse(struct look *l, const uint8_t *bytes, size_t len);

/* Adds what the server wants, in words that follow the URL; OLD, what it said to the one, NEW to the other hello. False
 * when that is not known. Pure. */
bool look_words(struct buf *out, const struct look *old, const struct look *newest);

/* Asks the server at the other end of the socket NET anew, on connections of its own, for 800 ms at most, and adds
 * words as above. False when nothing was learned. */
bool look_again(struct buf *out, int net, const char *name);

#endif
