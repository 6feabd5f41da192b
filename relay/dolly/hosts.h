/* hosts.h - a word that names hosts ("node1", "10.0.0.5-20", "node[001-400]-ib", "[fd00::1]") -> each of them. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_DOLLY_HOSTS_H
#define RELAY_DOLLY_HOSTS_H

#include "base/base.h"

#define HOSTS_MAX 100000 /* of one word: more is a slip */

/* Gets each name; 0 or -errno, which ends the walk. */
typedef int hosts_fn(void *ctx, const char *name, size_t len);

/* Calls FN for each host that the LEN bytes WORD name. 0; -EINVAL where it is no name (a blank or NUL in it, a range
 * that runs backwards, more than HOSTS_MAX); or what FN returned. */
int hosts_expand(const char *word, size_t len, hosts_fn *fn, void *ctx) must_check;

/* The same for a LIST of words separated by commas and blanks. */
int hosts_list(const char *list, hosts_fn *fn, void *ctx) must_check;

#endif
