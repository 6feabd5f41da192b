/* text.h - bytes of strangers -> text that is safe to keep, to print and to put into JSON. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_TEXT_H
#define SERVER_HEAD_STATUS_TEXT_H

#include "base/base.h"

/* Bytes that lie in somebody else's buffer; LEN 0: none. */
struct span {
	const char *at;
	size_t len;
};

/* The span of a string. */
struct span span_of(const char *s);
/* True when S is exactly the string TEXT. */
bool span_is(struct span s, const char *text);
/* True when S begins with the string TEXT, which is then taken off its front. */
bool span_skip(struct span *s, const char *text);
/* Takes the front of S up to the first END off, and END with it; all of it where there is no END. */
struct span span_cut(struct span *s, char end);
/* All of S as a decimal number. 0, or -EINVAL for what is none or does not fit; *OUT is untouched then. */
int span_number(struct span s, int64_t *out);

/* Copies S into DST of SIZE bytes as valid UTF-8, always terminated: each control character becomes a blank, each byte
 * that is no UTF-8 and each character that turns the direction of text around or has no width a '?'. What is longer is
 * cut between characters. Returns the length. */
size_t text_clean(char *dst, size_t size, struct span s);

#endif
