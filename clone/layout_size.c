/* layout_size.c - needs and disks -> where each partition lies, and how large all on them becomes. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/layout_parts.h"

#include "clone/graph.h"
#include "clone/share.h"

#define MBR_SECTORS ((int64_t)1 << 32) /* a number of 32 bits says where a partition begins, and how long it is */

/* Where the room for partitions ends: GPT has a copy of its 128 entries behind it (UEFI 2.10, section 5.3.2). */
static int64_t room_end(enum table table, int64_t size, unsigned sector)
{
	int64_t entries = round_up(128 * 128, sector);

	if (table == TABLE_GPT)
		return round_down(MAX(size - entries - sector, 0), MIB);
	return round_down(MIN(size, (MBR_SECTORS - 1) * sector), MIB);
}

int64_t layout_capacity(enum table table, int64_t size, unsigned sector)
{
	return MAX(room_end(table, size, sector) - MIB, 0);
}

static long long mib(int64_t bytes)
{
	return bytes / MIB;
}

/* ---- tables: a disk, and an extended partition in it */

/* Indices of the partitions immediately in I; how many. Room for all nodes in LIST. */
static size_t list_parts(const struct desc *d, size_t i, size_t *list)
{
	size_t count = 0;

	for (size_t j = 0; j < d->count; j++)
		if (d->nodes[j].kind == NODE_PARTITION && d->nodes[j].within == i)
			list[count++] = j;
	return count;
}

/* What node N wants of UNITS that are UNIT bytes each. */
static struct share wish_of(const struct layout *p, size_t i, int64_t units, int64_t unit)
{
	const struct node *n = &p->desc->nodes[i];
	const struct place *at = &p->places[i];
	struct share s = {
		.least = round_up(at->need, unit) / unit,
		.want = round_up(at->want, unit) / unit,
		.most = n->number[NUMBER_MAX] == NOT_SAID ? DESC_MOST : n->number[NUMBER_MAX] / unit,
		.fill = n->wish == WISH_FILL,
	};

	if (n->kind == NODE_PARTITION && s.least == 0)
		s.least = 1;
	if (n->wish == WISH_PERCENT)
		s.want = (int64_t)((__int128)units * n->size / 10000);
	s.most = MAX(s.most, s.least);
	return s;
}

/* "sda: /dev/vda has 2047 MiB ..., 3700 MiB are needed", and who needs what. */
static int does_not_fit(const struct layout *p, size_t i, const size_t *list, const struct share *s, size_t count,
			int64_t gap, int64_t room, struct buf *why)
{
	int64_t sum = gap;

	for (size_t j = 0; j < count; j++)
		sum = plus(sum, s[j].least * MIB);
	layout_name(p, i, why);
	buf_printf(why, ": needs %lld MiB, has %lld MiB for partitions\n", mib(sum), mib(room));
	for (size_t j = 0; j < count; j++) {
		buf_str(why, "    ");
		layout_name(p, list[j], why);
		buf_printf(why, ": at least %lld MiB\n", (long long)s[j].least);
	}
	return -ENOSPC;
}

/* Lays the partitions of I out between START and END; before each GAP bytes stay free. */
static int lay_out(struct layout *p, size_t i, int64_t start, int64_t end, int64_t gap, struct buf *why)
{
	cleanup_free size_t *list = calloc(p->desc->count, sizeof(*list));
	cleanup_free struct share *s = calloc(p->desc->count, sizeof(*s));
	int64_t room = MAX(end - start, 0);
	size_t count;

	if (!list || !s)
		return -ENOMEM;
	count = list_parts(p->desc, i, list);
	for (size_t j = 0; j < count; j++)
		s[j] = wish_of(p, list[j], room / MIB, MIB);
	if (share_out(s, count, (room - gap * (int64_t)count) / MIB) || room < gap * (int64_t)count)
		return does_not_fit(p, i, list, s, count, gap * (int64_t)count, room, why);
	for (size_t j = 0; j < count; j++) {
		struct place *at = &p->places[list[j]];

		at->start = start + gap;
		at->size = s[j].got * MIB;
		start = at->start + at->size;
	}
	return 0;
}

static void note_limit(struct layout *p, const struct node *n, const struct target *t)
{
	int64_t lost = t->size - MBR_SECTORS * t->sector;

	if (n->table == TABLE_MBR && lost >= MIB)
		buf_printf(&p->notes,
			   "%s: the last %lld MiB of %s stay unused, a table of kind mbr ends there; one of kind "
			   "gpt would reach them\n",
			   n->name, mib(lost), t->device);
}

static int size_disk(struct layout *p, size_t i, struct buf *why)
{
	const struct node *n = &p->desc->nodes[i];
	const struct target *t = &p->targets[p->places[i].target];

	p->places[i].size = t->size;
	note_limit(p, n, t);
	return lay_out(p, i, MIB, room_end(n->table, t->size, t->sector), 0, why);
}

static int size_partition(struct layout *p, size_t i, struct buf *why)
{
	const struct place *at = &p->places[i];

	if (!p->desc->nodes[i].extended)
		return 0;
	return lay_out(p, i, at->start, at->start + at->size, MIB, why);
}

/* ---- what lies on them */

/* The size of the smallest member of I. */
static int64_t smallest_member(const struct layout *p, size_t i)
{
	int64_t least = DESC_MOST;

	for (size_t j = 0; j < p->desc->count; j++)
		if (p->desc->nodes[j].holder == i)
			least = MIN(least, p->places[j].size);
	return least;
}

static void size_array(struct layout *p, size_t i)
{
	const struct node *n = &p->desc->nodes[i];
	struct place *at = &p->places[i];
	int64_t member = smallest_member(p, i);

	at->offset = array_offset(n, member);
	at->units = MAX(round_down(member - at->offset, array_unit(n)), 0);
	at->size = at->units * array_halves(p->desc, i) / 2;
}

static void size_luks(struct layout *p, size_t i)
{
	p->places[i].offset = luks_offset(&p->desc->nodes[i]);
	p->places[i].size = MAX(smallest_member(p, i) - p->places[i].offset, 0);
}

/* The volumes and pools of group I; how many. */
static size_t list_volumes(const struct desc *d, size_t i, size_t *list)
{
	size_t count = 0;

	for (size_t j = 0; j < d->count; j++)
		if (d->nodes[j].within == i && (d->nodes[j].kind == NODE_VOLUME || d->nodes[j].kind == NODE_POOL))
			list[count++] = j;
	return count;
}

/* What a volume wants of its group, in extents, with all it takes besides. */
static struct share volume_wish(const struct layout *p, size_t i, int64_t units, int64_t extent)
{
	const struct node *n = &p->desc->nodes[i];
	int64_t copies = volume_copies(n), extra = volume_extra(n, extent, units * extent);
	int64_t stripes = MAX(n->number[NUMBER_STRIPES], 1);
	struct share s = wish_of(p, i, units, extent);

	s.least = round_up(MAX(s.least, 1), stripes) * copies + extra;
	s.want = n->wish == WISH_PERCENT ? s.want : round_up(MAX(s.want, 1), stripes) * copies + extra;
	s.most = s.most > DESC_MOST / 16 ? DESC_MOST : s.most * copies + extra;
	s.most = MAX(s.most, s.least);
	return s;
}

static void place_volume(struct layout *p, size_t i, int64_t got, int64_t units, int64_t extent)
{
	const struct node *n = &p->desc->nodes[i];
	struct place *at = &p->places[i];

	at->units = (got - volume_extra(n, extent, units * extent)) / volume_copies(n);
	at->units = round_down(at->units, MAX(n->number[NUMBER_STRIPES], 1));
	at->size = at->units * extent;
	if (n->kind == NODE_POOL)
		at->meta = pool_meta(n, extent, units * extent);
}

static int group_too_small(const struct layout *p, size_t i, const size_t *list, const struct share *s, size_t count,
			   struct buf *why)
{
	int64_t extent = group_extent(&p->desc->nodes[i]);

	layout_name(p, i, why);
	buf_printf(why, ": needs %lld MiB, has %lld MiB for volumes\n", mib(times(share_least(s, count), extent)),
		   mib(p->places[i].size));
	for (size_t j = 0; j < count; j++) {
		buf_str(why, "    ");
		layout_name(p, list[j], why);
		buf_printf(why, ": at least %lld MiB\n", mib(times(s[j].least, extent)));
	}
	return -ENOSPC;
}

/* A volume over several members has a part of it on each of them: is there room on so many? What a group of members of
 * different sizes cannot give is seen here and not by lvcreate. */
static int check_wide(const struct layout *p, size_t group, size_t i, struct buf *why)
{
	const struct node *n = &p->desc->nodes[i];
	int64_t wide = MAX(volume_copies(n), MAX(n->number[NUMBER_STRIPES], 1)), enough = 0;
	int64_t extent = group_extent(&p->desc->nodes[group]);
	int64_t part = p->places[i].size / MAX(n->number[NUMBER_STRIPES], 1);

	if (wide == 1)
		return 0;
	for (size_t j = 0; j < p->desc->count; j++)
		enough += p->desc->nodes[j].holder == group &&
			  p->places[j].size - p->places[group].offset >= part + extent;
	if (enough >= wide)
		return 0;
	layout_name(p, i, why);
	buf_printf(why, ": needs %lld MiB on each of %lld members of its group, %lld have that\n", mib(part + extent),
		   (long long)wide, (long long)enough);
	return -ENOSPC;
}

static int size_volumes(struct layout *p, size_t i, struct buf *why)
{
	cleanup_free size_t *list = calloc(p->desc->count, sizeof(*list));
	cleanup_free struct share *s = calloc(p->desc->count, sizeof(*s));
	int64_t extent = group_extent(&p->desc->nodes[i]), units = p->places[i].units;
	size_t count;
	int bad = 0;

	if (!list || !s)
		return -ENOMEM;
	count = list_volumes(p->desc, i, list);
	for (size_t j = 0; j < count; j++)
		s[j] = volume_wish(p, list[j], units, extent);
	if (share_out(s, count, units))
		return group_too_small(p, i, list, s, count, why);
	for (size_t j = 0; j < count; j++) {
		place_volume(p, list[j], s[j].got, units, extent);
		bad = check_wide(p, i, list[j], why) ?: bad;
	}
	return bad;
}

static int size_group(struct layout *p, size_t i, struct buf *why)
{
	struct place *at = &p->places[i];
	int64_t extent = group_extent(&p->desc->nodes[i]);

	at->offset = group_offset(p->desc, i);
	for (size_t j = 0; j < p->desc->count; j++)
		if (p->desc->nodes[j].holder == i)
			at->units += MAX(p->places[j].size - at->offset, 0) / extent;
	at->size = at->units * extent;
	return size_volumes(p, i, why);
}

static int size_node(struct layout *p, size_t i, struct buf *why)
{
	const struct node *n = &p->desc->nodes[i];

	switch (n->kind) {
	case NODE_DISK:
		return size_disk(p, i, why);
	case NODE_PARTITION:
		return size_partition(p, i, why);
	case NODE_ARRAY:
		size_array(p, i);
		return 0;
	case NODE_LUKS:
		size_luks(p, i);
		return 0;
	case NODE_GROUP:
		return size_group(p, i, why);
	case NODE_THIN:
		p->places[i].size = round_up(n->size, group_extent(&p->desc->nodes[p->desc->nodes[n->within].within]));
		return 0;
	default:
		return 0;
	}
}

/* Whatever came before: nothing is smaller than it needs to be. */
static int check_need(const struct layout *p, size_t i, struct buf *why)
{
	const struct place *at = &p->places[i];

	if (p->desc->nodes[i].kind == NODE_GROUP || at->size >= at->need)
		return 0;
	layout_name(p, i, why);
	buf_printf(why, ": needs %lld MiB, has %lld MiB\n", mib(round_up(at->need, MIB)), mib(at->size));
	return -ENOSPC;
}

int layout_sizes(struct layout *p, const size_t *order, struct buf *why)
{
	int bad = 0;

	for (size_t i = 0; i < p->desc->count && bad != -ENOMEM; i++) {
		/* of other disks it is said too, but not of what lies on one that is too small */
		if (bad && p->desc->nodes[order[i]].kind != NODE_DISK)
			continue;
		bad = size_node(p, order[i], why) ?: bad;
	}
	for (size_t i = 0; i < p->desc->count && !bad; i++)
		bad = check_need(p, i, why);
	return bad;
}
