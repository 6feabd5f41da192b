/* pull.h - one parent's data connection -> chunks, checked one by one, then stored. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_PULL_H
#define RELAY_PULL_H

#include "relay/link.h"
#include "relay/map.h"
#include "relay/store.h"

struct pull;

struct pull_calls {
	/* Chunk I is verified and stored. */
	void (*stored)(struct pull *p, uint32_t i);
	/* Group G's hashes are here and right. */
	void (*listed)(struct pull *p, uint32_t g);
	/* The parent sent chunk I with wrong bytes; it was asked for again. */
	void (*bad)(struct pull *p, uint32_t i);
	/* The parent is no use any more; the connection is closed, and P->error is what connect(2) said, or 0. */
	void (*lost)(struct pull *p, enum wire_why why);
	/* Memory where chunk bytes at OFFSET (as the parent claims, LEN of them) may be received and are then where
	 * they belong, so that they need not be written; NULL: nowhere. Bytes there may be wrong until stored() is
	 * called. May be NULL. */
	uint8_t *(*place)(struct pull *p, uint64_t offset, uint32_t len);
	/* The target cannot take the bytes: -errno. The connection is closed. */
	void (*store_failed)(struct pull *p, int err);
};

#define PULL_WANTS 64 /* ranges asked for at a time */

/* {0} plus the first fields; map and store belong to the owner. */
struct pull {
	struct loop *loop;
	struct map *map;
	struct rstore *store;
	const struct pull_calls *calls;
	uint8_t session[WIRE_SESSION];
	uint32_t node;       /* who we are */
	uint32_t want_limit; /* chunks from here on are not asked for yet (what the target holds is being looked at, or
				there is no room for them yet) */

	struct loop_fd w; /* fd -1: no parent */
	bool connecting;
	int error; /* -errno of the last connection that did not come about */
	struct buf out;
	size_t out_sent;
	int64_t heard; /* when the parent last said anything, of loop_now() */

	uint8_t head[WIRE_HEADER + WIRE_RUN_FIXED]; /* the frame being read: header, a run's fixed part */
	size_t head_len;
	uint8_t *body; /* of a small frame, or a run's hashes */
	size_t body_len, body_need;
	struct wire_run run;     /* what is left of the run being read: first, count */
	uint32_t run_left;       /* bytes that follow of this run */
	struct hash *run_hashes; /* streams; in body */
	uint8_t *chunk;          /* room for a chunk */
	uint8_t *chunk_at;       /* the chunk being read: there, or where the owner wants it */
	uint32_t chunk_len, chunk_need;

	struct wire_want want[PULL_WANTS]; /* asked for and not here yet, in order */
	unsigned want_at, want_count;
	uint32_t asked;     /* chunks below were asked for on this connection, or are here */
	int low_water;      /* what SO_RCVLOWAT was set to, 0: nothing yet */
	unsigned bad_count; /* wrong chunks from this parent */

	uint64_t received; /* bytes of chunks over the wire, all parents */
};

/* Leaves the present parent, if any, and turns to A. 0 or -errno. */
int pull_from(struct pull *p, const struct peer_address *a) must_check;
/* The same over FD, a connection that the parent has made. */
int pull_over(struct pull *p, int fd) must_check;
/* want_limit has grown, or a chunk has to be fetched anew (I, else UINT32_MAX): asks for more. */
void pull_more(struct pull *p, uint32_t again);
/* Asks for group G's hashes. */
void pull_list(struct pull *p, uint32_t g);
/* Takes what little has come: the kernel wakes us for a good part of a chunk only, which on a slow link may take
 * longer than a parent may be silent; and not for small frames. */
void pull_poll(struct pull *p);
bool pull_is_open(const struct pull *p);
/* Closes the connection without a word to the owner. */
void pull_stop(struct pull *p);
/* Forgets everything. */
void pull_free(struct pull *p);

#endif
