/* mirrors.h - server: -> the mirrors it names, their addresses, and what is known of each. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_RETRIEVE_MIRRORS_H
#define METHODS_RETRIEVE_MIRRORS_H

#include "methods/retrieve/retrieve.h"

/* What is known of one address. */
struct spot {
	struct place place;
	size_t path;            /* index of the path to try next */
	bool out;               /* it will never have the file */
	struct failure failure; /* why it did not bring it; FAIL_NONE while it was not tried */
};

/* One entry of server:. */
struct mirror {
	char *host;
	uint16_t port;
	struct peer_address *addresses; /* NULL until they are known */
	struct spot *spots;             /* one for each address */
	size_t count;
	bool out;               /* its name does not exist */
	struct failure failure; /* of finding its addresses */
};

/* All of them, in order. {0} is none. */
struct mirrors {
	struct mirror *list;
	size_t count;
	const struct fetch *fetch; /* whose options and network they are of */
	bool proxied;              /* the addresses are the proxy's */
};

/* Reads server:, port: and proxy_host: of FETCH's options for the protocol P. 0, or -errno with FETCH->fail filled,
 * unless it is -ENOMEM. Free it either way. */
int mirrors_read(struct mirrors *all, const struct fetch *fetch, const struct protocol *p) must_check;

/* Finds the addresses to connect to, where they are not known yet. 0, or -errno with M->failure filled. */
int mirror_resolve(const struct mirrors *all, struct mirror *m, int64_t timeout_ms) must_check;

/* How many places may still bring the file. */
size_t mirrors_places_left(const struct mirrors *all);

/* How much a failure tells of what is wrong: the higher, the further it got. 0 is none. */
unsigned failure_telling(enum fail_id id);

/* The failure that tells most; the first mirror's among equals. NULL where none was tried. */
const struct failure *mirrors_worst(const struct mirrors *all);

void mirrors_free(struct mirrors *all);

#endif
