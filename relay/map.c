/* map.c - which chunks an image has, what they must hash to, which are here and verified. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/map.h"

#define MAX_CHUNK (4 * MIB)
#define MAX_CHUNKS                                                                                                     \
	(1u << 26) /* what a stranger may make us allocate for: 2 GiB of hashes is refused earlier by -ENOMEM */

static bool bit(const uint8_t *bits, uint32_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

uint32_t map_chunk_size(int64_t size, uint32_t nodes)
{
	uint32_t chunk = 16 * 1024;

	while (chunk < 256 * 1024 && (int64_t)chunk * 2 * MAX(nodes, 1) <= size / 256)
		chunk *= 2;
	while (chunk < MAX_CHUNK && size / chunk > 65536)
		chunk *= 2;
	return chunk;
}

int map_init_fixed(struct map *m, int64_t size, uint32_t chunk, const struct hash *group, uint32_t groups,
		   const struct hash *root)
{
	*m = (struct map){ .size = size, .chunk = chunk };
	if (size < 0 || chunk < 1024 || chunk > MAX_CHUNK || size / chunk >= MAX_CHUNKS)
		return -EINVAL;
	m->count = (uint32_t)((size + chunk - 1) / chunk);
	m->groups = (m->count + MAP_GROUP - 1) / MAP_GROUP;
	if ((group || root) && groups != m->groups)
		return -EINVAL;
	m->group = calloc(m->groups + 1, HASH_SIZE);
	m->hash = calloc((size_t)m->count + 1, HASH_SIZE);
	m->known = calloc(1, m->groups / 8 + 1);
	m->have = calloc(1, m->count / 8 + 1);
	if (!m->group || !m->hash || !m->known || !m->have) {
		map_free(m);
		return -ENOMEM;
	}
	if (!group && !root)
		return 0;
	if (groups) /* an empty image has none, and a root all the same */
		memcpy(m->group, group, (size_t)groups * HASH_SIZE);
	m->root = map_root(m);
	if (root && !hash_equal(root, &m->root)) {
		map_free(m);
		return -EBADMSG;
	}
	return 0;
}

int map_init_stream(struct map *m, uint32_t chunk)
{
	*m = (struct map){ .size = -1, .stream = true, .chunk = chunk };
	return chunk < 1024 || chunk > MAX_CHUNK ? -EINVAL : 0;
}

void map_free(struct map *m)
{
	free(m->group);
	free(m->hash);
	free(m->known);
	free(m->have);
	free(m->end);
	*m = (struct map){ .size = -1 };
}

static void little(uint8_t *p, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

struct hash map_root(const struct map *m)
{
	uint32_t groups = (m->count + MAP_GROUP - 1) / MAP_GROUP;
	size_t len = 12 + (size_t)groups * HASH_SIZE;
	uint8_t *text = malloc(len);
	struct hash root = { { 0 } };

	if (!text)
		return root;
	little(text, (uint64_t)m->size, 8);
	little(text + 8, m->stream ? 0 : m->chunk, 4);
	for (uint32_t g = 0; g < groups; g++) {
		struct hash h = m->stream ? hash_bytes(m->hash + (size_t)g * MAP_GROUP,
						       (size_t)map_group_count(m, g) * HASH_SIZE)
					  : m->group[g];

		memcpy(text + 12 + (size_t)g * HASH_SIZE, h.b, HASH_SIZE);
	}
	root = hash_bytes(text, len);
	free(text);
	return root;
}

void map_set_hash(struct map *m, uint32_t i, const struct hash *h)
{
	m->hash[i] = *h;
}

void map_seal(struct map *m)
{
	for (uint32_t g = 0; g < m->groups; g++) {
		m->group[g] = hash_bytes(m->hash + (size_t)g * MAP_GROUP, (size_t)map_group_count(m, g) * HASH_SIZE);
		m->known[g / 8] |= (uint8_t)(1 << g % 8);
	}
	m->root = map_root(m);
}

uint32_t map_group_count(const struct map *m, uint32_t g)
{
	return MIN((uint32_t)MAP_GROUP, m->count - g * MAP_GROUP);
}

int map_set_group(struct map *m, uint32_t g, const struct hash *hashes, uint32_t count)
{
	struct hash h;

	if (m->stream || g >= m->groups || count != map_group_count(m, g))
		return -EINVAL;
	if (bit(m->known, g))
		return 0;
	h = hash_bytes(hashes, (size_t)count * HASH_SIZE);
	if (!hash_equal(&h, &m->group[g]))
		return -EBADMSG;
	memcpy(m->hash + (size_t)g * MAP_GROUP, hashes, (size_t)count * HASH_SIZE);
	m->known[g / 8] |= (uint8_t)(1 << g % 8);
	return 0;
}

bool map_knows(const struct map *m, uint32_t i)
{
	return i < m->count && (m->stream || bit(m->known, i / MAP_GROUP));
}

uint64_t map_offset(const struct map *m, uint32_t i)
{
	if (m->stream)
		return i ? m->end[i - 1] : 0;
	return (uint64_t)i * m->chunk;
}

uint32_t map_length(const struct map *m, uint32_t i)
{
	if (m->stream)
		return (uint32_t)(m->end[i] - map_offset(m, i));
	return (uint32_t)MIN((int64_t)m->chunk, m->size - (int64_t)map_offset(m, i));
}

/* Doubles the room of a stream's arrays. */
static int grow(struct map *m)
{
	uint32_t capacity = m->capacity ? m->capacity * 2 : 1024;
	struct hash *hash;
	uint64_t *end;
	uint8_t *have;

	if (m->count >= MAX_CHUNKS)
		return -ENOMEM;
	hash = realloc(m->hash, (size_t)capacity * HASH_SIZE);
	if (!hash)
		return -ENOMEM;
	m->hash = hash;
	end = realloc(m->end, (size_t)capacity * sizeof(*end));
	if (!end)
		return -ENOMEM;
	m->end = end;
	have = realloc(m->have, capacity / 8 + 1);
	if (!have)
		return -ENOMEM;
	memset(have + (m->capacity ? m->capacity / 8 + 1 : 0), 0,
	       capacity / 8 + 1 - (m->capacity ? m->capacity / 8 + 1 : 0));
	m->have = have;
	m->capacity = capacity;
	return 0;
}

int map_append(struct map *m, uint32_t i, uint64_t offset, uint32_t len, const struct hash *h)
{
	if (!m->stream || len == 0 || len > m->chunk || i > m->count)
		return -EBADMSG;
	if (i < m->count)
		return map_offset(m, i) == offset && map_length(m, i) == len && hash_equal(h, &m->hash[i]) ? 0
													   : -EBADMSG;
	if (m->size >= 0 || offset != (i ? m->end[i - 1] : 0))
		return -EBADMSG;
	if (m->count == m->capacity && grow(m) < 0)
		return -ENOMEM;
	m->hash[i] = *h;
	m->end[i] = offset + len;
	m->count++;
	return 0;
}

int map_finish_stream(struct map *m, int64_t size, uint32_t count, const struct hash *root)
{
	struct hash h;

	if (m->count != count || (count ? m->end[count - 1] : 0) != (uint64_t)size)
		return -EBADMSG;
	m->size = size;
	h = map_root(m);
	if (root && !hash_equal(&h, root)) {
		m->size = -1;
		return -EBADMSG;
	}
	m->root = h;
	return 0;
}

bool map_has(const struct map *m, uint32_t i)
{
	return i < m->count && bit(m->have, i);
}

void map_set(struct map *m, uint32_t i)
{
	if (i >= m->count || bit(m->have, i))
		return;
	m->have[i / 8] |= (uint8_t)(1 << i % 8);
	m->have_count++;
	m->have_bytes += map_length(m, i);
	while (m->prefix < m->count && bit(m->have, m->prefix))
		m->prefix++;
}

void map_clear(struct map *m, uint32_t i)
{
	if (!map_has(m, i))
		return;
	m->have[i / 8] &= (uint8_t) ~(1 << i % 8);
	m->have_count--;
	m->have_bytes -= map_length(m, i);
	m->prefix = MIN(m->prefix, i);
}

bool map_complete(const struct map *m)
{
	return m->size >= 0 && m->have_count == m->count;
}

uint32_t map_missing(const struct map *m, uint32_t i, uint32_t max, uint32_t *length)
{
	*length = 0;
	i = MAX(i, m->prefix);
	while (i < m->count && bit(m->have, i))
		i++;
	while (*length < max && i + *length < m->count && !bit(m->have, i + *length))
		++*length;
	return MIN(i, m->count);
}
