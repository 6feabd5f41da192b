/* layout.c - a linked desc, and the disks that are there -> a plan, or why there is none. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/layout_parts.h"

#include "clone/graph.h"

#include <ctype.h>

void layout_name(const struct layout *p, size_t i, struct buf *out)
{
	const struct node *n = &p->desc->nodes[i];
	const char *mount = n->text[TEXT_MOUNT];

	buf_str(out, n->name);
	if (n->kind == NODE_DISK)
		buf_printf(out, " (%s)", p->targets[p->places[i].target].device);
	else
		buf_printf(out, " (line %u%s%s)", n->line, mount ? ", " : "", mount ? mount : "");
}

/* ---- devices */

char *layout_partition_device(const char *device, int64_t number)
{
	bool digit = *device && isdigit((unsigned char)device[strlen(device) - 1]);

	return str_printf("%s%s%lld", device, digit ? "p" : "", (long long)number);
}

/* As device mapper writes the names of volumes: a dash within a name is doubled. */
static char *volume_device(const char *name)
{
	struct buf b = { 0 };

	buf_str(&b, "/dev/mapper/");
	for (; *name; name++)
		buf_str(&b, *name == '/' ? "-" : *name == '-' ? "--" : (const char[]){ *name, '\0' });
	return buf_take(&b);
}

/* md0 is /dev/md0, a word is a link in /dev/md. */
static char *array_device(const char *name)
{
	bool numbered = starts_with(name, "md") && name[2] && !name[2 + strspn(name + 2, "0123456789")];

	return str_printf(numbered ? "/dev/%s" : "/dev/md/%s", name);
}

static char *device_of(const struct layout *p, size_t i)
{
	const struct node *n = &p->desc->nodes[i];

	switch (n->kind) {
	case NODE_DISK:
		return strdup(p->targets[p->places[i].target].device);
	case NODE_PARTITION:
		return layout_partition_device(p->targets[p->places[desc_disk_of(p->desc, i)].target].device,
					       n->number[NUMBER_INDEX]);
	case NODE_ARRAY:
		return array_device(n->name);
	case NODE_LUKS:
		return str_printf("/dev/mapper/%s", n->name);
	case NODE_VOLUME:
	case NODE_POOL:
	case NODE_THIN:
		return volume_device(n->name);
	default:
		return NULL;
	}
}

static int name_devices(struct layout *p)
{
	for (size_t i = 0; i < p->desc->count; i++) {
		bool none = p->desc->nodes[i].kind == NODE_GROUP || p->desc->nodes[i].kind == NODE_SUBVOLUME;

		p->places[i].device = device_of(p, i);
		if (!none && !p->places[i].device)
			return -ENOMEM;
	}
	return 0;
}

/* ---- the disks that are named */

static int check_target(const struct layout *p, size_t i, struct buf *why)
{
	const struct target *t = &p->targets[i];

	for (size_t j = 0; j < i; j++) {
		if (streq(p->targets[j].name, t->name) || streq(p->targets[j].device, t->device)) {
			buf_printf(why, "%s=%s: named twice\n", t->name, t->device);
			return -EINVAL;
		}
	}
	if (desc_find(p->desc, NODE_DISK, NODE_DISK, t->name) == NOWHERE) {
		buf_printf(why, "%s=%s: the desc has no disk %s\n", t->name, t->device, t->name);
		return -EINVAL;
	}
	if (t->sector < 512 || t->sector > 65536 || MIB % t->sector || t->size < 0 || t->size > DESC_MOST) {
		buf_printf(why, "%s=%s: %lld bytes in sectors of %u bytes cannot be planned\n", t->name, t->device,
			   (long long)t->size, t->sector);
		return -EINVAL;
	}
	return 0;
}

static int find_target(struct layout *p, size_t i, struct buf *why)
{
	for (size_t j = 0; j < p->target_count; j++) {
		if (streq(p->targets[j].name, p->desc->nodes[i].name)) {
			p->places[i].target = j;
			return 0;
		}
	}
	buf_printf(why, "%s: which disk becomes it? Nothing says --disk %s=DEVICE\n", p->desc->nodes[i].name,
		   p->desc->nodes[i].name);
	return -EINVAL;
}

static int match_targets(struct layout *p, struct buf *why)
{
	int bad = 0;

	for (size_t i = 0; i < p->target_count; i++)
		bad = check_target(p, i, why) ?: bad;
	for (size_t i = 0; i < p->desc->count; i++)
		if (p->desc->nodes[i].kind == NODE_DISK)
			bad = find_target(p, i, why) ?: bad;
	return bad;
}

int layout_make(struct layout *p, const struct desc *d, const struct target *targets, size_t count, struct buf *why)
{
	cleanup_free size_t *order = NULL;
	size_t circle;
	int err;

	*p = (struct layout){ .desc = d, .targets = targets, .target_count = count };
	p->places = calloc(d->count + 1, sizeof(*p->places));
	order = graph_order(d, &circle);
	if (!p->places || !order)
		return -ENOMEM;
	err = match_targets(p, why);
	if (!err)
		err = name_devices(p);
	if (!err)
		err = layout_needs(p, order, why);
	if (!err)
		err = layout_sizes(p, order, why);
	return err ? err : layout_steps(p, order);
}

void layout_free(struct layout *p)
{
	for (size_t i = 0; p->places && i < p->desc->count; i++)
		free(p->places[i].device);
	free(p->places);
	free(p->steps);
	buf_free(&p->notes);
	*p = (struct layout){ 0 };
}
