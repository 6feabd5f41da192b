/* tree.c - who is there, how far, fed by whom -> who feeds the next one, and the orphans. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/tree.h"

/* The number the originals sort by: the address as a little-endian machine reads it. */
static uint32_t sort_key(struct in_addr ip)
{
	const uint8_t *b = (const uint8_t *)&ip;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

int ka_tree_compare(const struct ka_place *a, const struct ka_place *b)
{
	int32_t by_address = (int32_t)(sort_key(a->ip) - sort_key(b->ip));

	if (a->ours != b->ours)
		return a->ours ? -1 : 1;
	return by_address < 0 ? -1 : by_address > 0;
}

unsigned ka_tree_children(const struct ka_place *place, uint32_t count, uint32_t p)
{
	unsigned children = 0;

	for (uint32_t i = 1; i < count; i++)
		children += place[i].live && place[i].parent == p;
	return children;
}

/* Steps from N up to the server; COUNT where it hangs in the air. */
static uint32_t depth(const struct ka_place *place, uint32_t count, uint32_t n)
{
	uint32_t steps = 0;

	while (n != KA_ROOT && steps < count) {
		n = place[n].parent;
		if (n >= count)
			return count;
		steps++;
	}
	return n == KA_ROOT ? steps : count;
}

/* True when N is TOP or hangs below it. */
static bool below(const struct ka_place *place, uint32_t count, uint32_t n, uint32_t top)
{
	for (uint32_t steps = 0; steps <= count && n < count; steps++) {
		if (n == top)
			return true;
		if (n == KA_ROOT)
			return false;
		n = place[n].parent;
	}
	return false;
}

/* May P feed N? Not itself nor anybody below N; an original feeds originals only, and is not fed by all of ours; what N
 * lacks must still be there, and nobody waits for one that is far behind. */
static bool may_feed(const struct ka_place *place, uint32_t count, uint32_t p, uint32_t n)
{
	if (place[n].behind ? !place[p].whole : place[p].behind)
		return false;
	return place[p].live && (place[n].ours ? place[p].ours : place[p].plain) && !below(place, count, p, n);
}

/* The highest place below TOP that may feed N, has room, and has at least NEED bytes; KA_NOBODY where none is. */
static uint32_t find_room(const struct ka_place *place, uint32_t count, uint32_t n, unsigned arity, uint32_t top,
			  int64_t need)
{
	uint32_t best = KA_NOBODY, best_depth = count;
	uint32_t *children = calloc(count, sizeof(*children));

	if (!children)
		return KA_NOBODY;
	for (uint32_t i = 1; i < count; i++)
		if (i != n && place[i].live && place[i].parent < count)
			children[place[i].parent]++;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t d;

		if (children[i] >= arity || place[i].position < need || !may_feed(place, count, i, n) ||
		    !below(place, count, i, top))
			continue;
		d = depth(place, count, i);
		if (d < best_depth) {
			best = i;
			best_depth = d;
		}
	}
	free(children);
	return best;
}

uint32_t ka_tree_insert(const struct ka_place *place, uint32_t count, uint32_t n, unsigned arity)
{
	uint32_t p = find_room(place, count, n, arity, KA_ROOT, 0);

	if (p == KA_NOBODY && place[n].behind)
		return find_room(place, count, n, UINT32_MAX, KA_ROOT, 0);
	return p == KA_NOBODY ? KA_ROOT : p;
}

uint32_t ka_tree_foster(const struct ka_place *place, uint32_t count, uint32_t n, unsigned arity)
{
	uint32_t p = place[n].parent, room, steps = 0;

	if (place[n].behind)
		return ka_tree_insert(place, count, n, arity);
	while (p < count && p != KA_ROOT && !may_feed(place, count, p, n) && steps++ < count)
		p = place[p].parent;
	if (p >= count || steps >= count)
		p = KA_ROOT;
	room = find_room(place, count, n, arity, p, place[n].position);
	return room == KA_NOBODY ? KA_ROOT : room;
}
