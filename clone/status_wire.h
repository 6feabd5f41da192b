/* status_wire.h - lines of the status port <-> the same under the session's key. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_STATUS_WIRE_H
#define CLONE_STATUS_WIRE_H

#include "base/buf.h"
#include "trust/hash.h"

#define STATUS_PORT 12345 /* of the seeds */
#define STATUS_HEX  64    /* digits of a key, a nonce, a MAC */
#define STATUS_LINE 4096  /* characters of a line at most, its MAC included */
#define STATUS_TEXT (STATUS_LINE - STATUS_HEX - 2)

/* Who is connected says "NAME online NONCE"; each line of the other side is "MAC TEXT", where MAC is BLAKE3 under the
 * session's key of the nonce, the line's number (from 0) and TEXT. So no line can be made, altered, said twice or
 * elsewhere without the key. What comes back is in the clear. */
struct status_lines {
	struct hash key;
	char nonce[STATUS_HEX + 1];
	uint64_t number; /* of the next line */
};

/* 64 hexadecimal digits, and whatever white space is behind them. 0 or -EBADMSG. */
int status_read_key(const char *text, struct hash *key) must_check;

/* A nonce of its own for a new connection. */
void status_new_nonce(struct status_lines *l);

/* "NAME online NONCE" -> the nonce. 0 or -EBADMSG. */
int status_read_greeting(struct status_lines *l, const char *line) must_check;

/* Adds TEXT as the next line, with its end. 0, -EMSGSIZE for a text that is too long or has a line's end, -ENOMEM. */
int status_write(struct status_lines *l, const char *text, struct buf *out) must_check;

/* The text of a LINE (without its end) that has come, within it; NULL: it is not under the key, or not the next one. */
const char *status_read(struct status_lines *l, const char *line) must_check;

#endif
