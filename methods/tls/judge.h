/* judge.h - a server's certificates -> is it who it should be: by authorities, name and date, or by a pinned key. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_JUDGE_H
#define METHODS_TLS_JUDGE_H

#include "base/buf.h"
#include "methods/tls/path.h"

#include <bearssl.h>

/* What one server may send, in bytes: its certificates are a few thousand. */
#define CERTIFICATES_MAX ((size_t)1 << 20)

/* What came out. */
enum verdict {
	VERDICT_NONE, /* nothing was judged yet */
	VERDICT_GOOD,
	VERDICT_NO_CERTIFICATE,
	VERDICT_TOO_MUCH,   /* more than CERTIFICATES_MAX */
	VERDICT_UNREADABLE, /* the server's own certificate is none */
	VERDICT_KEY,        /* the server's own key is of no use: KEY_FAULT */
	VERDICT_NOT_PINNED,
	VERDICT_PATH, /* PATH says why */
	VERDICT_NAME, /* it is another server's */
	VERDICT_MEMORY,
};

/* The judge of one handshake, in the shape BearSSL asks for. {0} until judge_init(). */
struct judge {
	const br_x509_class *vtable; /* first: BearSSL finds the judge by it */
	const char *host;            /* a name, or an address */
	const uint8_t *pin;          /* 32 bytes; NULL: authorities decide */
	uint8_t ip[16];              /* the address that is to be proved, where the server has no name */
	size_t ip_len;               /* 0: it has a name */
	struct buf bytes;            /* of all certificates, one behind the other */
	struct buf ends;             /* size_t each: where they end in BYTES */
	struct certificate *sent;    /* COUNT of them, without those that cannot be read; owned */
	size_t count;
	bool too_much;
	br_x509_pkey key; /* the server's own */
	const char *key_fault;
	struct path path;
	enum verdict verdict;
};

/* Prepares J. HOST is a name or an address; PIN is 32 bytes or NULL. CLOCK is the time of day, in seconds since 1970;
 * where it stands before RELEASED it is wrong (a machine without a battery wakes up in 1970), and all that is known is
 * that it is that day or later: then there has to be a moment from then on at which all certificates are valid.
 * ANCHORS, HOST and PIN have to stay. */
void judge_init(struct judge *j, const char *host, const uint8_t *pin, const struct anchors *anchors, int64_t clock,
		int64_t released);

void judge_free(struct judge *j);

/* The verdict on J in words that follow the server's URL, into OUT; and the id of the report (TLS_* of tls.h). For
 * any verdict but a good one. */
const char *judge_words(const struct judge *j, struct buf *out);

#endif
