/* digits.h - characters of hexadecimal and base64 text <-> numbers and bytes. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include "base/buf.h"

/* The value of a hexadecimal digit, either case; -1 for what is none. */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* LEN characters of base64 (RFC 4648, section 4) without their padding -> OUT, which has room for LEN * 3 / 4 bytes.
 * Bytes written, or -EBADMSG. */
int64_t base64_decode(uint8_t *out, const char *text, size_t len) must_check;

/* Adds LEN bytes to OUT as base64 with its padding. Failures show in OUT->failed. */
void base64_add(struct buf *out, const uint8_t *bytes, size_t len);

#endif
