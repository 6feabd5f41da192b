/* desc_keys.h - the words of the desc language in one table, for who reads and who writes it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_DESC_KEYS_H
#define CLONE_DESC_KEYS_H

#include "clone/desc.h"

/* How the value behind KEY= is taken. */
enum value { VALUE_BYTES, VALUE_COUNT, VALUE_TEXT };

/* A key. */
struct desc_key {
	const char *word;
	enum value value;
	unsigned which;         /* enum number or enum text */
	unsigned kinds;         /* a bit for each enum node_kind that may have it */
	const char *characters; /* VALUE_TEXT: what it is made of; NULL: all that can be printed */
	int64_t least, most;    /* VALUE_COUNT */
};

extern const struct desc_key desc_keys[];
extern const size_t desc_key_count;

/* The first word of a line of that KIND; NULL of partitions. */
const char *desc_statement(enum node_kind kind);

#endif
