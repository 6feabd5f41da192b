/* map.h - which chunks an image has, what they must hash to, which are here and verified. Memory only. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_MAP_H
#define RELAY_MAP_H

#include "trust/hash.h"

/* Chunks whose hashes are handed over together, under one group hash. */
#define MAP_GROUP 256

/* A map of a fixed image is made from its size, chunk size and group hashes; the hashes of a group come later and are
 * checked against the group's. A map of a stream grows chunk by chunk (chunks of any length up to `chunk`). */
struct map {
	int64_t size; /* bytes; -1: a stream that has not ended */
	bool stream;
	uint32_t chunk; /* bytes per chunk, the last one may be shorter; stream: at most */
	uint32_t count; /* chunks; stream: chunks known of */
	uint32_t groups;
	struct hash root;   /* of a fixed image, or of a stream that has ended */
	struct hash *group; /* [groups]; not for streams */
	struct hash *hash;  /* [count] */
	uint8_t *known;     /* bit per group: its hashes are here and right; not for streams */
	uint8_t *have;      /* bit per chunk: stored and verified */
	uint64_t *end;      /* streams: the offset behind each chunk, 0 while unknown */
	uint32_t capacity;  /* streams: chunks there is room for */
	uint32_t have_count;
	int64_t have_bytes;
	uint32_t prefix; /* all chunks below this one are here */
};

/* Largest power-of-two chunk size that keeps NODES hops of latency below a 256th of SIZE, within 16 KiB and 256 KiB,
 * and the hashes of the image within 2 MiB, within 4 MiB. */
uint32_t map_chunk_size(int64_t size, uint32_t nodes);

/* GROUP (copied; NULL: unknown, all are made by map_set_hash and map_seal) has as many hashes as the size asks for.
 * 0, -EINVAL for sizes that cannot be, -EBADMSG where ROOT (NULL: not looked at) does not match, -ENOMEM. */
int map_init_fixed(struct map *m, int64_t size, uint32_t chunk, const struct hash *group, uint32_t groups,
		   const struct hash *root) must_check;
int map_init_stream(struct map *m, uint32_t chunk) must_check;
void map_free(struct map *m);

/* The root of what is known: hash of size, chunk size and group hashes (a stream's groups are those of 256 chunks). */
struct hash map_root(const struct map *m);

/* Source side of a fixed image: sets chunk I's hash; when all are set, seals groups and root. */
void map_set_hash(struct map *m, uint32_t i, const struct hash *h);
void map_seal(struct map *m);

/* Number of hashes in group G. */
uint32_t map_group_count(const struct map *m, uint32_t g);
/* Takes group G's hashes if they are right. 0, -EBADMSG where they are not, -EINVAL where there is no such group. */
int map_set_group(struct map *m, uint32_t g, const struct hash *hashes, uint32_t count) must_check;
bool map_knows(const struct map *m, uint32_t i);

/* Where chunk I begins in the image and how many bytes it has; the last of a fixed image may be shorter. */
uint64_t map_offset(const struct map *m, uint32_t i);
uint32_t map_length(const struct map *m, uint32_t i);

/* Stream: chunk I lies at OFFSET, has LEN bytes and this hash. Only the next unknown chunk is taken, or one that is
 * known already with the same values. 0, -EBADMSG, -ENOMEM. */
int map_append(struct map *m, uint32_t i, uint64_t offset, uint32_t len, const struct hash *h) must_check;
/* Stream: no more comes. 0, or -EBADMSG where size, count or root are not what came. */
int map_finish_stream(struct map *m, int64_t size, uint32_t count, const struct hash *root) must_check;

/* What is here. */
bool map_has(const struct map *m, uint32_t i);
void map_set(struct map *m, uint32_t i);   /* chunk I is stored and verified */
void map_clear(struct map *m, uint32_t i); /* it was not */
bool map_complete(const struct map *m);    /* everything is here, and nothing more will come */
/* First missing chunk at or behind I (count where none), and how many follow that are missing, at most MAX. */
uint32_t map_missing(const struct map *m, uint32_t i, uint32_t max, uint32_t *length);

#endif
