/* tree.h - who is there, how far, fed by whom -> who feeds the next one, and the orphans. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_TREE_H
#define RELAY_KA_TREE_H

#include "base/base.h"

#include <netinet/in.h>

#define KA_ROOT      0 /* the server's place */
#define KA_NOBODY    UINT32_MAX
#define KA_ARITY_MAX 4 /* children an original has room for */

/* One place of the tree; number 0 is the server. */
struct ka_place {
	struct in_addr ip;
	bool ours;        /* speaks the extension: fed with verified chunks, never by an original */
	bool plain;       /* can feed originals: listens where they look */
	bool live;        /* can feed others now */
	bool whole;       /* keeps every byte from the first one on, not only the last ones */
	bool behind;      /* lacks bytes that only such a place still has */
	uint32_t parent;  /* KA_NOBODY: none yet */
	int64_t position; /* bytes it has */
};

/* The order in which the clients that are there at the start are placed: ours first, each kind as the originals do it,
 * by address, the last octet weighing most, as signed numbers. For qsort-like use: <0, 0, >0. */
int ka_tree_compare(const struct ka_place *a, const struct ka_place *b);

/* Where N (of COUNT places, the server's included) should hang: the highest place that has fewer than ARITY children,
 * the first one among equals; the server where there is none. One that is behind hangs below a place that keeps the
 * whole, which gets more than ARITY children rather than that N gets nothing; KA_NOBODY where there is none. */
uint32_t ka_tree_insert(const struct ka_place *place, uint32_t count, uint32_t n, unsigned arity);

/* N has lost its parent: the nearest living one above that has room; else one below that, as far on as N and not below
 * N itself; else the server. One that is behind: as above. */
uint32_t ka_tree_foster(const struct ka_place *place, uint32_t count, uint32_t n, unsigned arity);

/* Children of P that are or were placed there and are live. */
unsigned ka_tree_children(const struct ka_place *place, uint32_t count, uint32_t p);

#endif
