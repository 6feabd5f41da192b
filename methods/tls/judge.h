/* judge.h - a server's certificates -> is it who it should be: by authorities, name and date, or by a pinned key.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_JUDGE_H
#define METHODS_TLS_JUDGE_H

#include "methods/tls/certificate.h"
#include "methods/tls/anchors.h"

#include <bearssl.h>

/* The longest certificate that is read. */
#define CERTIFICATE_MAX 65536

/* The judge of one handshake, in the shape BearSSL asks for. */
struct judge {
	const br_x509_class *vtable; /* first: BearSSL finds the judge by it */
	br_x509_minimal_context chain;
	br_x509_decoder_context key; /* of the pinned certificate */
	const uint8_t *pin;          /* 32 bytes; NULL: authorities decide */
	uint8_t ip[16];              /* the address that is to be proved, where the server has no name */
	size_t ip_len;               /* 0: it has a name */
	int64_t seconds;             /* the time of day, since 1970 */
	bool at_least;               /* it is that or later: the clock is not to be believed */
	size_t index;                /* of the certificate being read; 0 is the server's own */
	uint8_t bytes[CERTIFICATE_MAX];
	size_t len;
	bool too_long;

	/* what the server's own said, valid when LEAF_READ */
	bool leaf_read, leaf_has_ip, leaf_has_pin;
	char not_before[16], not_after[16];
};

/* Prepares J. HOST is a name or an address; PIN is 32 bytes or NULL. CLOCK is the time of day, in seconds since 1970;
 * where it stands before RELEASED it is wrong (a machine without a battery wakes up in 1970), and all that is known is
 * that it is that day or later: then a certificate has to be valid at some time from then on. ANCHORS and PIN have to
 * stay. Returns the name to send to the server, NULL for none.
 */
const char *judge_init(struct judge *j, const char *host, const uint8_t *pin, const struct anchors *anchors,
		       int64_t clock, int64_t released);

#endif
