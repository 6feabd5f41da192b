/* scan.c - what a target held before + the hashes it should have -> chunks that need not be sent again. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/scan.h"

#define HOPELESS 8 /* wrong chunks at the begin of a group after which the rest of it is not looked at */

/* Is chunk I right where it lies, or in what the target was before? */
static bool look(struct scan *s, uint32_t i)
{
	const struct map *m = s->map;
	int64_t offset = (int64_t)map_offset(m, i);
	uint32_t len = map_length(m, i);
	struct hash h;

	if (rstore_read(s->store, offset, s->chunk, len) == 0) {
		h = hash_bytes(s->chunk, len);
		if (hash_equal(&h, &m->hash[i]))
			return true;
	}
	if (rstore_read_old(s->store, offset, s->chunk, len) < 0)
		return false;
	h = hash_bytes(s->chunk, len);
	return hash_equal(&h, &m->hash[i]) && rstore_write(s->store, offset, s->chunk, len) == 0;
}

bool scan_step(struct scan *s, int64_t budget)
{
	struct map *m = s->map;

	if (!s->chunk)
		s->chunk = malloc(m->chunk);
	while (s->next < m->count && budget > 0 && map_knows(m, s->next)) {
		uint32_t i = s->next++;

		budget -= map_length(m, i);
		if (!s->chunk)
			continue;
		if (i % MAP_GROUP == 0)
			s->tries = s->hits = 0;
		s->tries++;
		if (!map_has(m, i) && look(s, i)) {
			s->hits++;
			s->found += map_length(m, i);
			map_set(m, i);
		}
		if (s->hits == 0 && s->tries == HOPELESS)
			s->next = MIN(m->count, (i / MAP_GROUP + 1) * MAP_GROUP);
	}
	return s->next < m->count && map_knows(m, s->next);
}

uint32_t scan_group(const struct scan *s)
{
	return s->next / MAP_GROUP;
}

bool scan_done(const struct scan *s)
{
	return s->next >= s->map->count;
}

void scan_free(struct scan *s)
{
	free(s->chunk);
	s->chunk = NULL;
}
