/* layout_need.c - file systems and their contents -> how large what they lie on has to be, down to the partitions.
 * Pure.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/layout_parts.h"

#include "clone/graph.h"

/* What a file system needs: with nothing in it, and besides what is in it a part of that and a fixed number. */
static const struct {
	const char *type;
	int64_t least, fixed;
	unsigned part; /* one in so many bytes */
} fs_table[] = {
	{ "ext2", 1 * MIB, 1 * MIB, 16 },
	{ "ext3", 2 * MIB, 4 * MIB, 10 },
	{ "ext4", 2 * MIB, 4 * MIB, 10 },
	{ "xfs", 300 * MIB, 80 * MIB, 32 },
	{ "btrfs", 128 * MIB, 128 * MIB, 10 },
	{ "vfat", 1 * MIB, 1 * MIB, 32 },
	{ "swap", 1 * MIB, 0, 0 },
	{ "f2fs", 64 * MIB, 64 * MIB, 8 },
	{ "jfs", 16 * MIB, 4 * MIB, 16 },
	{ "reiserfs", 40 * MIB, 36 * MIB, 16 },
};

int64_t layout_fs_least(const char *type, int64_t used)
{
	for (size_t i = 0; i < ARRAY_SIZE(fs_table); i++) {
		int64_t full;

		if (!streq(fs_table[i].type, type))
			continue;
		full = used > 0 && fs_table[i].part ? used + used / fs_table[i].part + fs_table[i].fixed : 0;
		return MAX(fs_table[i].least, MIN(full, DESC_MOST));
	}
	return MAX(used, 0);
}

/* ---- arrays */

int64_t array_halves(const struct desc *d, size_t array)
{
	const struct node *n = &d->nodes[array];
	int64_t devices = (int64_t)graph_members(d, array) - MAX(n->number[NUMBER_SPARES], 0);

	switch (n->number[NUMBER_LEVEL]) {
	case 0:
		return 2 * devices;
	case 1:
		return 2;
	case 6:
		return 2 * (devices - 2);
	case 10:
		return devices;
	default:
		return 2 * (devices - 1);
	}
}

int64_t array_unit(const struct node *array)
{
	int64_t chunk = array->number[NUMBER_CHUNK] == NOT_SAID ? MD_CHUNK : array->number[NUMBER_CHUNK];

	return MAX(chunk, MIB);
}

/* Room for the superblock, the bitmap and a later reshape: at the begin, or (0.90, 1.0) at the end of a member. */
int64_t array_offset(const struct node *array, int64_t size)
{
	int64_t room = round_down(size / 1024, MIB);

	if (array->number[NUMBER_LEVEL] == 0 || starts_with(node_text(array, TEXT_METADATA), "0") ||
	    streq(node_text(array, TEXT_METADATA), "1.0"))
		return MIB;
	return MIN(MAX(room, MIB), 128 * MIB);
}

/* The member that gives each array device that many BYTES. */
static int64_t array_member(const struct desc *d, size_t array, int64_t bytes)
{
	const struct node *n = &d->nodes[array];
	int64_t each = round_up(times(bytes, 2) / array_halves(d, array) + 1, array_unit(n));

	if (bytes == 0)
		each = array_unit(n);
	/* a larger member has a larger room: half a thousandth more than the half is enough */
	return plus(each, array_offset(n, plus(each, each / 512)) + MIB);
}

/* ---- LUKS */

int64_t luks_offset(const struct node *luks)
{
	return luks->number[NUMBER_LUKS] == 1 ? 2 * MIB : 16 * MIB;
}

/* ---- LVM */

int64_t group_extent(const struct node *group)
{
	return group->number[NUMBER_EXTENT] == NOT_SAID ? LVM_EXTENT : group->number[NUMBER_EXTENT];
}

/* Of a group on arrays that write in stripes the extents begin with a stripe. */
int64_t group_offset(const struct desc *d, size_t group)
{
	int64_t offset = MIB;

	for (size_t i = 0; i < d->count; i++) {
		const struct node *n = &d->nodes[i];
		int64_t chunk = n->number[NUMBER_CHUNK] == NOT_SAID ? MD_CHUNK : n->number[NUMBER_CHUNK];

		if (n->holder == group && n->kind == NODE_ARRAY && n->number[NUMBER_LEVEL] != 1)
			offset = MAX(offset, times(chunk, array_halves(d, i)) / 2);
	}
	return round_up(offset, MIB);
}

int64_t volume_copies(const struct node *volume)
{
	return volume->number[NUMBER_MIRRORS] == NOT_SAID ? 1 : volume->number[NUMBER_MIRRORS];
}

int64_t pool_meta(const struct node *pool, int64_t extent, int64_t group_size)
{
	int64_t meta = pool->number[NUMBER_META];

	if (meta == NOT_SAID) /* 64 bytes for each 64 KiB */
		meta = MIN(MAX(group_size / 1024, 4 * MIB), 15 * 1024 * MIB);
	return MAX(round_up(meta, extent) / extent, 1);
}

/* Mirrors have an extent each for their own metadata; of a pool's there is a spare. */
int64_t volume_extra(const struct node *volume, int64_t extent, int64_t group_size)
{
	if (volume->kind == NODE_POOL)
		return 2 * pool_meta(volume, extent, group_size);
	return volume_copies(volume) > 1 ? volume_copies(volume) : 0;
}

static int64_t volume_extents(const struct node *volume, int64_t extent, int64_t bytes)
{
	int64_t stripes = MAX(volume->number[NUMBER_STRIPES], 1);

	return MAX(round_up(round_up(bytes, extent) / extent, stripes), stripes);
}

/* All of a group's volumes, in bytes. */
static int64_t group_bytes(const struct layout *p, size_t group, bool want)
{
	const struct desc *d = p->desc;
	int64_t extent = group_extent(&d->nodes[group]), bytes = 0;

	for (int round = 0; round < 2; round++) { /* a pool's metadata are a part of the whole */
		int64_t before = bytes;

		bytes = 0;
		for (size_t i = 0; i < d->count; i++) {
			const struct node *n = &d->nodes[i];
			const struct place *at = &p->places[i];

			if (n->within != group || (n->kind != NODE_VOLUME && n->kind != NODE_POOL))
				continue;
			bytes = plus(bytes, times(times(volume_extents(n, extent, want ? at->want : at->need),
							volume_copies(n)) +
							  volume_extra(n, extent, before),
						  extent));
		}
	}
	return bytes;
}

/* The disk's size below a member of a group; the lower ones are not placed yet. */
static int64_t weight(const struct layout *p, size_t i)
{
	const struct desc *d = p->desc;

	for (size_t steps = 0; steps < d->count && d->nodes[i].kind != NODE_DISK; steps++) {
		size_t lower = d->nodes[i].within;

		for (size_t j = 0; j < d->count && lower == NOWHERE; j++)
			if (d->nodes[j].holder == i)
				lower = j;
		if (lower == NOWHERE)
			break;
		i = lower;
	}
	return d->nodes[i].kind == NODE_DISK ? MAX(p->targets[p->places[i].target].size / MIB, 1) : 1;
}

/* What MEMBER has to bring to its group: a part of BYTES as large as its disk's part of all disks. */
static int64_t group_member(const struct layout *p, size_t group, size_t member, int64_t bytes)
{
	const struct desc *d = p->desc;
	int64_t extent = group_extent(&d->nodes[group]), sum = 0, part;

	for (size_t i = 0; i < d->count; i++)
		if (d->nodes[i].holder == group)
			sum += weight(p, i);
	part = (int64_t)((__int128)bytes * weight(p, member) / sum);
	if (graph_members(d, group) > 1)
		part = plus(part, extent - 1);
	return plus(round_up(part, extent), group_offset(d, group));
}

/* ---- a node: from what is on it */

/* What lies on I, a file system or as a member of something, needs. */
static int64_t content(const struct layout *p, size_t i, bool want)
{
	const struct node *n = &p->desc->nodes[i];
	const char *fs = node_fs(n);
	const struct place *on = n->holder == NOWHERE ? NULL : &p->places[n->holder];
	int64_t bytes = on ? (want ? on->want : on->need) : 0;

	if (!on)
		return fs ? layout_fs_least(fs, n->number[NUMBER_USED]) : 0;
	switch (p->desc->nodes[n->holder].kind) {
	case NODE_ARRAY:
		return array_member(p->desc, n->holder, bytes);
	case NODE_LUKS:
		return plus(bytes, luks_offset(&p->desc->nodes[n->holder]));
	default:
		return group_member(p, n->holder, i, bytes);
	}
}

/* The parts of an extended partition, each behind a mebibyte with its table; the contents of a pool. */
static int64_t parts(const struct layout *p, size_t i, bool want)
{
	const struct desc *d = p->desc;
	int64_t bytes = 0;

	for (size_t j = 0; j < d->count; j++) {
		const struct place *at = &p->places[j];

		if (d->nodes[j].within != i)
			continue;
		if (d->nodes[j].kind == NODE_PARTITION)
			bytes = plus(bytes, plus(round_up(want ? at->want : at->need, MIB), MIB));
		if (d->nodes[j].kind == NODE_THIN)
			bytes = plus(bytes, MAX(d->nodes[j].number[NUMBER_USED], 0));
	}
	return bytes;
}

static int64_t inner(const struct layout *p, size_t i, bool want)
{
	const struct node *n = &p->desc->nodes[i];

	if (n->kind == NODE_GROUP)
		return group_bytes(p, i, want);
	return n->extended || n->kind == NODE_POOL ? parts(p, i, want) : content(p, i, want);
}

static int too_little(const struct layout *p, size_t i, int64_t has, struct buf *why)
{
	layout_name(p, i, why);
	buf_printf(why, ": needs %lld MiB, is to have %lld MiB\n", (long long)(round_up(p->places[i].need, MIB) / MIB),
		   (long long)(has / MIB));
	return -ENOSPC;
}

static int need(struct layout *p, size_t i, struct buf *why)
{
	const struct node *n = &p->desc->nodes[i];
	struct place *at = &p->places[i];
	int64_t least = n->number[NUMBER_MIN], most = n->number[NUMBER_MAX];

	if (n->kind == NODE_DISK || n->kind == NODE_SUBVOLUME)
		return 0;
	at->need = inner(p, i, false);
	at->want = MAX(inner(p, i, true), at->need);
	if (most != NOT_SAID && at->need > most)
		return too_little(p, i, most, why);
	if (n->wish == WISH_BYTES && least == NOT_SAID) { /* that size, and no other */
		if (at->need > n->size)
			return too_little(p, i, n->size, why);
		least = n->size;
	}
	at->need = MAX(MAX(at->need, least), n->kind == NODE_LUKS || n->kind == NODE_PARTITION ? MIB : 0);
	if (n->wish == WISH_BYTES)
		at->want = n->size;
	at->want = MAX(at->want, at->need);
	return 0;
}

int layout_needs(struct layout *p, const size_t *order, struct buf *why)
{
	int bad = 0;

	for (size_t i = p->desc->count; i-- > 0;)
		bad = need(p, order[i], why) ?: bad;
	return bad;
}
