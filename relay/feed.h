/* feed.h - verified chunks of a store -> the children who asked for them, each at its own place and speed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_FEED_H
#define RELAY_FEED_H

#include "relay/link.h"
#include "relay/map.h"
#include "relay/store.h"

struct feed;

/* Called when a chunk that was thought good turns out not to be (a child complained and was right). */
typedef void feed_spoiled_fn(struct feed *f, uint32_t chunk);

/* Serves children from a store. {0} plus the first fields; map and store belong to the owner. */
struct feed {
	struct loop *loop;
	struct map *map;
	struct rstore *store;
	feed_spoiled_fn *spoiled; /* a stored chunk turned out wrong, and is not fed any more; may be NULL */
	struct feed_child *children;
	unsigned count;     /* children now connected */
	uint64_t sent;      /* bytes of chunks sent */
	uint32_t last_node; /* the child that left last, and when bytes last went to it, of loop_now() */
	int64_t last_bytes;
};

/* Takes over FROM (an accepted connection whose first frame was G). 0 or -errno; FROM is closed either way. */
int feed_adopt(struct feed *f, struct link *from, const struct wire_get *g) must_check;
/* New chunks or hashes are there: sends to whoever waits for them. */
void feed_kick(struct feed *f);
/* A sign of life to children that have nothing to get; call it about every 100 ms. */
void feed_tick(struct feed *f, int64_t now);
/* Has something left for child NODE since then? */
bool feed_sent_since(const struct feed *f, uint32_t node, int64_t since);
/* Stops feeding child NODE. */
void feed_drop(struct feed *f, uint32_t node);
void feed_close(struct feed *f);

#endif
