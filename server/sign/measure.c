/* measure.c - an image's file -> its size and sums, as a manifest has them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/sign/measure.h"

#include "image/sha256.h"
#include "relay/map.h"

#include <sys/stat.h>
#include <unistd.h>

/* The chain the chunk size is for, where nobody says how long it is. */
#define USUAL_NODES 64

/* All LEN bytes at AT. 0, -EIO where the file is shorter than it was, or -errno. */
static int read_all(int fd, uint8_t *bytes, size_t len, int64_t at)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = pread(fd, bytes + have, len - have, (off_t)(at + (int64_t)have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		have += (size_t)n;
	}
	return 0;
}

static int measure_chunks(int fd, struct map *map, struct sha256 *sum)
{
	cleanup_free uint8_t *bytes = malloc(map->chunk);
	int err = bytes ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < map->count && !err; i++) {
		uint32_t len = map_length(map, i);
		struct hash h;

		err = read_all(fd, bytes, len, (int64_t)map_offset(map, i));
		if (err)
			break;
		h = hash_bytes(bytes, len);
		map_set_hash(map, i, &h);
		sha256_add(sum, bytes, len);
	}
	return err;
}

int measure_image(int fd, struct manifest *m)
{
	struct sha256 sum;
	struct stat st;
	struct map map;
	int err = fstat(fd, &st) ? -errno : 0;

	if (err)
		return err;
	if (!m->chunk)
		m->chunk = map_chunk_size(st.st_size, USUAL_NODES);
	err = map_init_fixed(&map, st.st_size, m->chunk, NULL, 0, NULL);
	if (err)
		return err;
	sha256_begin(&sum);
	err = measure_chunks(fd, &map, &sum);
	map_seal(&map);
	sha256_end(&sum, m->sha256);
	m->size = st.st_size;
	m->blake3 = map.root;
	map_free(&map);
	return err;
}
