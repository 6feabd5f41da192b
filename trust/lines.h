/* lines.h - the bytes of a small text -> its lines, one after the other. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRUST_LINES_H
#define TRUST_LINES_H

#include "base/base.h"

/* What is left of a text, and the line that was taken from it last: LEN bytes at LINE, without its end. */
struct lines {
	const char *rest, *end;
	const char *line;
	size_t len;
	unsigned number; /* of the line, from 1 */
};

/* The LEN bytes TEXT, of which no line is taken yet. */
static inline struct lines lines_of(const char *text, size_t len)
{
	return (struct lines){ .rest = text, .end = text + len };
}

/* Takes the next line; a carriage return before its end is none of it. False at the end of the text. */
static inline bool lines_next(struct lines *l)
{
	const char *stop;

	if (l->rest == l->end)
		return false;
	stop = memchr(l->rest, '\n', (size_t)(l->end - l->rest));
	l->line = l->rest;
	l->len = (size_t)((stop ? stop : l->end) - l->rest);
	l->rest = stop ? stop + 1 : l->end;
	l->len -= l->len && l->line[l->len - 1] == '\r';
	l->number++;
	return true;
}

/* Does the line begin with WORD and a blank? Then *VALUE of *LEN bytes is what follows. */
static inline bool lines_field(const struct lines *l, const char *word, const char **value, size_t *len)
{
	size_t n = strlen(word);

	if (l->len <= n || memcmp(l->line, word, n) || l->line[n] != ' ')
		return false;
	*value = l->line + n + 1;
	*len = l->len - n - 1;
	return true;
}

/* Is the line just WORD? */
static inline bool lines_are(const struct lines *l, const char *word)
{
	return l->len == strlen(word) && memcmp(l->line, word, l->len) == 0;
}

#endif
