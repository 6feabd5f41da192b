/* graph.c - a desc's nodes -> linked, checked, in an order in which all can be made. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/graph.h"

static int refuse(const struct node *n, struct buf *why, const char *fmt, ...) printf_like(3, 4);
static int refuse(const struct node *n, struct buf *why, const char *fmt, ...)
{
	va_list ap;

	buf_printf(why, "line %u: ", n->line);
	va_start(ap, fmt);
	buf_vprintf(why, fmt, ap);
	va_end(ap);
	buf_char(why, '\n');
	return -EINVAL;
}

bool graph_lies_on(const struct desc *d, size_t upper, size_t lower)
{
	return d->nodes[upper].within == lower || d->nodes[lower].holder == upper;
}

size_t graph_members(const struct desc *d, size_t i)
{
	size_t members = 0;

	for (size_t j = 0; j < d->count; j++)
		members += d->nodes[j].holder == i;
	return members;
}

/* ---- links */

/* The text by which a node says its holder, and the kind that is meant. */
static const struct {
	enum text text;
	enum node_kind kind;
	const char *word;
} holders[] = {
	{ TEXT_RAID, NODE_ARRAY, "array" },
	{ TEXT_CRYPT, NODE_LUKS, "luks" },
	{ TEXT_VG, NODE_GROUP, "group" },
};

static int link_holder(struct desc *d, struct node *n, struct buf *why)
{
	unsigned said = n->text[TEXT_FS] != NULL;

	for (size_t i = 0; i < ARRAY_SIZE(holders); i++) {
		const char *name = n->text[holders[i].text];

		if (!name)
			continue;
		said++;
		n->holder = desc_find(d, holders[i].kind, holders[i].kind, name);
		if (n->holder == NOWHERE)
			return refuse(n, why, "%s names %s, and no line says \"%s %s\"", n->name, name, holders[i].word,
				      name);
	}
	return said > 1 ? refuse(n, why, "%s can have one of fs=, raid=, luks=, vg=", n->name) : 0;
}

/* The group of "vg0/root", and the pool of a thin volume. */
static int link_volume(struct desc *d, struct node *n, struct buf *why)
{
	cleanup_free char *group = strndup(n->name, strcspn(n->name, "/"));
	cleanup_free char *pool = NULL;

	if (!group)
		return -ENOMEM;
	n->within = desc_find(d, NODE_GROUP, NODE_GROUP, group);
	if (n->within == NOWHERE)
		return refuse(n, why, "%s: no line says \"group %s\"", n->name, group);
	if (n->kind != NODE_THIN)
		return 0;
	pool = str_printf("%s/%s", group, node_text(n, TEXT_POOL));
	n->within = pool ? desc_find(d, NODE_POOL, NODE_POOL, pool) : NOWHERE;
	return n->within == NOWHERE ? refuse(n, why, "%s: no line says \"pool %s\"", n->name, pool ? pool : "") : 0;
}

/* "sda3:@home": the file system it is in; the name becomes the path alone. */
static int link_subvolume(struct desc *d, struct node *n, struct buf *why)
{
	char *colon = strchr(n->name, ':');

	if (!colon) /* it is linked */
		return 0;
	*colon = '\0';
	n->within = desc_find(d, NODE_PARTITION, NODE_THIN, n->name);
	if (n->within == NOWHERE || !streq(node_fs(&d->nodes[n->within]), "btrfs"))
		return refuse(n, why, "subvolume %s: %s is no btrfs of this desc", colon + 1, n->name);
	memmove(n->name, colon + 1, strlen(colon + 1) + 1);
	return 0;
}

static int link_node(struct desc *d, struct node *n, struct buf *why)
{
	n->holder = NOWHERE;
	if (n->kind == NODE_VOLUME || n->kind == NODE_POOL || n->kind == NODE_THIN) {
		int err = link_volume(d, n, why);

		if (err)
			return err;
	}
	return n->kind == NODE_SUBVOLUME ? link_subvolume(d, n, why) : link_holder(d, n, why);
}

/* ---- checks of what is linked */

static int check_array(const struct desc *d, size_t i, struct buf *why)
{
	static const struct {
		int64_t level;
		size_t least;
	} levels[] = { { 0, 2 }, { 1, 2 }, { 4, 3 }, { 5, 3 }, { 6, 4 }, { 10, 2 } };
	const struct node *n = &d->nodes[i];
	size_t members = graph_members(d, i);
	int64_t spares = MAX(n->number[NUMBER_SPARES], 0), chunk = n->number[NUMBER_CHUNK];

	if (chunk != NOT_SAID && (chunk < 4 * KIB || chunk > 128 * MIB || (chunk & (chunk - 1))))
		return refuse(n, why, "chunk= of %s cannot be used: a power of two from 4K to 128M", n->name);
	for (size_t j = 0; j < ARRAY_SIZE(levels); j++) {
		if (levels[j].level != n->number[NUMBER_LEVEL])
			continue;
		if (levels[j].level == 0 && spares)
			return refuse(n, why, "%s of level 0 has no spares", n->name);
		if ((int64_t)members - spares < (int64_t)levels[j].least)
			return refuse(n, why, "%s of level %d needs %zu members, %zu have raid=%s", n->name,
				      (int)levels[j].level, levels[j].least + (size_t)spares, members, n->name);
		return 0;
	}
	return refuse(n, why, "%s needs level=0, 1, 4, 5, 6 or 10", n->name);
}

static int check_group(const struct desc *d, size_t i, struct buf *why)
{
	const struct node *n = &d->nodes[i];
	int64_t extent = n->number[NUMBER_EXTENT];

	if (extent != NOT_SAID && (extent < 128 * KIB || extent > 16384 * MIB || (extent & (extent - 1))))
		return refuse(n, why, "extent= of %s cannot be used: a power of two from 128K to 16G", n->name);
	return graph_members(d, i) ? 0 : refuse(n, why, "nothing has vg=%s", n->name);
}

static int check_luks(const struct desc *d, size_t i, struct buf *why)
{
	const struct node *n = &d->nodes[i];
	size_t members = graph_members(d, i);

	return members == 1 ? 0 : refuse(n, why, "%zu have luks=%s, it has to be one", members, n->name);
}

static int check_volume(const struct desc *d, size_t i, struct buf *why)
{
	const struct node *n = &d->nodes[i];
	int64_t wide = MAX(n->number[NUMBER_STRIPES], n->number[NUMBER_MIRRORS]);

	if (n->number[NUMBER_STRIPES] != NOT_SAID && n->number[NUMBER_MIRRORS] != NOT_SAID)
		return refuse(n, why, "%s can have one of stripes= and mirrors=", n->name);
	if (wide > (int64_t)graph_members(d, n->within))
		return refuse(n, why, "%s wants %d members of %s, there are %zu", n->name, (int)wide,
			      d->nodes[n->within].name, graph_members(d, n->within));
	return 0;
}

/* What its fields say together. */
static int check_fields(const struct node *n, struct buf *why)
{
	const char *fs = node_fs(n);
	const int64_t *number = n->number;

	if (number[NUMBER_MIN] != NOT_SAID && number[NUMBER_MAX] != NOT_SAID && number[NUMBER_MIN] > number[NUMBER_MAX])
		return refuse(n, why, "min= of %s is larger than its max=", n->name);
	if (n->kind != NODE_SUBVOLUME && n->text[TEXT_MOUNT] && !fs)
		return refuse(n, why, "%s has a mount= and no fs=", n->name);
	if (n->text[TEXT_MOUNT] && streq(fs, "swap"))
		return refuse(n, why, "%s is swap: it has no mount=", n->name);
	if ((n->extended || streq(n->type, "bios")) && (fs || n->holder != NOWHERE || n->text[TEXT_MOUNT]))
		return refuse(n, why, "nothing can lie on %s", n->name);
	return 0;
}

static int check_node(const struct desc *d, size_t i, struct buf *why)
{
	int err = check_fields(&d->nodes[i], why);

	if (err)
		return err;
	switch (d->nodes[i].kind) {
	case NODE_ARRAY:
		return check_array(d, i, why);
	case NODE_GROUP:
		return check_group(d, i, why);
	case NODE_LUKS:
		return check_luks(d, i, why);
	case NODE_VOLUME:
		return check_volume(d, i, why);
	default:
		return 0;
	}
}

/* Is there another before it with that name, or that mount point? */
static int check_unique(const struct desc *d, size_t i, struct buf *why)
{
	const struct node *n = &d->nodes[i];
	const char *mount = n->text[TEXT_MOUNT];

	for (size_t j = 0; j < i; j++) {
		const struct node *other = &d->nodes[j];

		if (mount && streq(mount, other->text[TEXT_MOUNT]))
			return refuse(n, why, "%s and %s are both mounted on %s", other->name, n->name, mount);
		if (!streq(n->name, other->name))
			continue;
		if (n->kind != NODE_SUBVOLUME || (other->kind == NODE_SUBVOLUME && other->within == n->within))
			return refuse(n, why, "%s is said twice, in line %u too", n->name, other->line);
	}
	return 0;
}

int desc_link(struct desc *d, struct buf *why)
{
	cleanup_free size_t *order = NULL;
	size_t circle;
	int bad = 0;

	for (size_t i = 0; i < d->count; i++)
		bad = link_node(d, &d->nodes[i], why) ?: bad;
	for (size_t i = 0; i < d->count && !bad; i++)
		bad = check_unique(d, i, why) ?: check_node(d, i, why);
	if (bad)
		return bad;
	order = graph_order(d, &circle);
	if (order)
		return 0;
	return circle == NOWHERE ? -ENOMEM : refuse(&d->nodes[circle], why, "%s lies on itself", d->nodes[circle].name);
}

/* ---- order */

/* How many nodes each one waits for. */
static size_t waits_for(const struct desc *d, size_t i)
{
	return graph_members(d, i) + (d->nodes[i].within != NOWHERE);
}

/* One more is in its place: who waited for it waits for one less. */
static void release(const struct desc *d, size_t done, size_t *waiting)
{
	if (d->nodes[done].holder != NOWHERE)
		waiting[d->nodes[done].holder]--;
	for (size_t i = 0; i < d->count; i++)
		if (d->nodes[i].within == done)
			waiting[i]--;
}

size_t *graph_order(const struct desc *d, size_t *circle)
{
	cleanup_free size_t *waiting = calloc(d->count + 1, sizeof(*waiting));
	size_t *order = calloc(d->count + 1, sizeof(*order));
	size_t done = 0;

	*circle = NOWHERE;
	for (size_t i = 0; waiting && i < d->count; i++)
		waiting[i] = waits_for(d, i);
	for (size_t i = 0; waiting && order && i < d->count; i++) {
		if (waiting[i] != 0) /* done, or not yet */
			continue;
		waiting[i] = NOWHERE;
		order[done++] = i;
		release(d, i, waiting);
		i = NOWHERE; /* from the first again: the order of the file is kept where it can be */
	}
	if (waiting && order && done == d->count)
		return order;
	for (size_t i = 0; waiting && order && i < d->count; i++)
		if (waiting[i] != NOWHERE)
			*circle = i;
	free(order);
	return NULL;
}
