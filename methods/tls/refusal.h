/* refusal.h - why two sides did not agree -> words that say what to change on the server. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_REFUSAL_H
#define METHODS_TLS_REFUSAL_H

#include "base/buf.h"
#include "methods/tls/pump.h"

/* How a handshake ended without an agreement. */
struct refusal {
	int error;               /* of BearSSL (BR_ERR_*) */
	uint8_t head[PUMP_HEAD]; /* the first HEAD_LEN bytes of the server */
	size_t head_len;
	bool wants_certificate; /* it asked for one of this machine */
};

/* Adds what R means, in words that follow the server's URL. Printable always. Pure. */
void refusal_words(struct buf *out, const struct refusal *r);

/* The server refused without saying what it misses: another one may be asked for by a second look. */
bool refusal_is_unclear(const struct refusal *r);

#endif
