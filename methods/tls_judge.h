/* tls_judge.h - a server's certificates -> is it who it should be: by authorities, name and date, or by a pinned key.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_JUDGE_H
#define METHODS_TLS_JUDGE_H

#include "methods/certificate.h"
#include "methods/tls_anchors.h"

#include <bearssl.h>

/* The longest certificate that is read. */
#define LEAF_MAX 65536

/* The judge of one handshake, in the shape BearSSL asks for. */
struct judge {
	const br_x509_class *vtable; /* first: BearSSL finds the judge by it */
	br_x509_minimal_context chain;
	br_x509_decoder_context key; /* of the pinned certificate */
	const uint8_t *pin;          /* 32 bytes; NULL: authorities decide */
	uint8_t ip[16];              /* the address that is to be proved, where the server has no name */
	size_t ip_len;               /* 0: it has a name */
	size_t index;                /* of the certificate being read; 0 is the server's own */
	uint8_t leaf[LEAF_MAX];
	size_t leaf_len;
	struct certificate certificate; /* the server's own, valid when leaf_read */
	bool leaf_read;
};

/* The time of day to believe, in seconds since 1970: a machine without a battery wakes up in 1970, and no certificate
 * has to be older than the day of RELEASED. */
int64_t judge_clock(int64_t clock, int64_t released);

/* Prepares J. HOST is a name or an address; PIN is 32 bytes or NULL; SECONDS is the time of day (since 1970) at which
 * certificates have to be valid. ANCHORS and PIN have to stay. Returns the name to send to the server, NULL for none.
 */
const char *judge_init(struct judge *j, const char *host, const uint8_t *pin, const struct anchors *anchors,
		       int64_t seconds);

#endif
