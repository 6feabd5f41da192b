/* wire.h - the published dolly protocols' few messages <-> bytes; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_DOLLY_WIRE_H
#define RELAY_DOLLY_WIRE_H

#include "base/buf.h"

#define DOLLY_DATA_PORT    9998
#define DOLLY_CONTROL_PORT 9997

/* The two families: 0.58C to 0.64 (no prefix), 0.70 to 0.72 (flag, password, directory flag before the text). */
enum dolly_family { DOLLY_OLD, DOLLY_NEW };

#define DOLLY_NONCE 32
#define DOLLY_BLOCK 4096 /* originals read in such blocks */
#define DOLLY_TEXT  4095 /* longest configuration they take */

/* What a parent's bytes on the control connection say, up to the configuration's end. */
struct dolly_greeting {
	enum dolly_family family;
	bool password;  /* NEW: the flag byte was 1 */
	bool directory; /* NEW: the payload is a tar stream */
	size_t text_at; /* where the configuration begins */
};

enum dolly_greeting_result {
	DOLLY_MORE,      /* read on */
	DOLLY_CHALLENGE, /* a nonce is there at byte 1: answer it once, read on */
	DOLLY_COMPLETE,  /* the configuration is complete */
	DOLLY_NONSENSE,  /* this is no dolly */
};

/* Looks at LEN bytes from the begin of a control connection. ANSWERED: the nonce has been answered. */
enum dolly_greeting_result dolly_read_greeting(const uint8_t *p, size_t len, bool answered, struct dolly_greeting *g);

/* The answer to a nonce: SHA256(SHA256(password) nonce). */
void dolly_answer(const char *password, const uint8_t nonce[DOLLY_NONCE], uint8_t answer[32]);

/* "Host got parameters '10.0.1.31'.\n" and "Host ready '...'.\n", or the newer words. */
int dolly_put_parameters(struct buf *b, enum dolly_family family, const char *me);
int dolly_put_ready(struct buf *b, enum dolly_family family, const char *me);

/* A length or acknowledgement: 8 bytes, little-endian. */
void dolly_put_length(uint8_t out[8], uint64_t bytes);
uint64_t dolly_get_length(const uint8_t p[8]);

/* What a child says: a line of text (its length with the newline), or 8 bytes of acknowledgement. */
enum dolly_answer { DOLLY_ANSWER_MORE, DOLLY_ANSWER_LINE, DOLLY_ANSWER_ACK };
enum dolly_answer dolly_read_answer(const uint8_t *p, size_t len, size_t *used);

/* True when LINE says that a host is ready; NAME (SIZE bytes) is which. */
bool dolly_line_ready(const char *line, size_t len, char *name, size_t size);

#endif
