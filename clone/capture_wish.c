/* capture_wish.c - exact sizes of a golden node -> wishes that suit smaller and larger disks. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/capture_parts.h"

#include "clone/graph.h"

#define SMALL                                                                                                          \
	(8 * 1024 * MIB) /* what is no larger has its size for a reason of its own: it does not grow with the disk */
#define SWAP (256 * MIB)

/* Can it become larger and smaller: is it known what is on it? */
static bool is_elastic(const struct desc *d, size_t i)
{
	const struct node *n = &d->nodes[i];
	const char *fs = node_fs(n);

	if (n->holder != NOWHERE)
		return true;
	return fs && !streq(fs, "swap") && !streq(fs, "vfat") &&
	       (n->text[TEXT_MOUNT] || n->number[NUMBER_USED] != NOT_SAID);
}

static bool is_part_of(const struct desc *d, size_t i, size_t whole)
{
	const struct node *n = &d->nodes[i];

	if (n->extended || (n->kind != NODE_PARTITION && n->kind != NODE_VOLUME && n->kind != NODE_POOL))
		return false;
	return n->kind == NODE_PARTITION ? desc_disk_of(d, i) == whole : n->within == whole;
}

/* The largest elastic part of a disk or group: it takes what is there. NOWHERE: none. */
static size_t largest(const struct desc *d, size_t whole)
{
	size_t found = NOWHERE;

	for (size_t i = 0; i < d->count; i++)
		if (is_part_of(d, i, whole) && (is_elastic(d, i) || d->nodes[i].kind == NODE_POOL) &&
		    (found == NOWHERE || d->nodes[i].size > d->nodes[found].size))
			found = i;
	return found;
}

static int64_t sum_of(const struct desc *d, size_t whole)
{
	int64_t sum = 0;

	for (size_t i = 0; i < d->count; i++)
		sum += is_part_of(d, i, whole) ? d->nodes[i].size : 0;
	return MAX(sum, 1);
}

static void wish_part(struct desc *d, size_t i, bool fills, int64_t sum)
{
	struct node *n = &d->nodes[i];
	const char *fs = node_fs(n);

	if (streq(fs, "swap"))
		n->number[NUMBER_MIN] = MIN(n->size, SWAP);
	if (!is_elastic(d, i) && n->kind != NODE_POOL)
		return;
	n->number[NUMBER_MIN] = MIN(n->size, MIB); /* what it holds says more */
	if (fills) {
		n->wish = WISH_FILL;
	} else if (n->size > SMALL) {
		n->wish = WISH_PERCENT;
		n->size = MIN(MAX((int64_t)((__int128)n->size * 10000 / sum), 1), 10000);
	}
}

/* The extended one is as large as what is in it. */
static void wish_extended(struct desc *d, size_t i, size_t fills)
{
	struct node *n = &d->nodes[i];

	n->number[NUMBER_MIN] = MIB;
	if (fills != NOWHERE && d->nodes[fills].within == i)
		n->wish = WISH_FILL;
}

static void wish_whole(struct desc *d, size_t whole)
{
	size_t fills = largest(d, whole);
	int64_t sum = sum_of(d, whole);

	for (size_t i = 0; i < d->count; i++) {
		if (is_part_of(d, i, whole))
			wish_part(d, i, i == fills, sum);
		else if (d->nodes[i].extended && d->nodes[i].within == whole)
			wish_extended(d, i, fills);
	}
}

void capture_wishes(struct desc *d)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->nodes[i].kind == NODE_DISK || d->nodes[i].kind == NODE_GROUP)
			wish_whole(d, i);
}
