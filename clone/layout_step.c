/* layout_step.c - a graph in order -> what is done, one after the other. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/layout_parts.h"

static void add(struct layout *p, enum step_kind kind, size_t node)
{
	p->steps[p->step_count++] = (struct step){ .kind = kind, .node = node };
}

static bool is_wide(const struct node *n)
{
	return n->number[NUMBER_STRIPES] != NOT_SAID || n->number[NUMBER_MIRRORS] != NOT_SAID;
}

/* A group's volumes: first those that need room on several members. */
static void add_group(struct layout *p, size_t group)
{
	const struct desc *d = p->desc;

	add(p, STEP_GROUP, group);
	for (int wide = 1; wide >= 0; wide--)
		for (size_t i = 0; i < d->count; i++)
			if (d->nodes[i].within == group && is_wide(&d->nodes[i]) == wide)
				add(p, STEP_VOLUME, i);
}

static void add_node(struct layout *p, size_t i)
{
	const struct node *n = &p->desc->nodes[i];

	switch (n->kind) {
	case NODE_ARRAY:
		add(p, STEP_ARRAY, i);
		break;
	case NODE_LUKS:
		add(p, STEP_LUKS, i);
		break;
	case NODE_GROUP:
		add_group(p, i);
		break;
	case NODE_THIN:
		add(p, STEP_VOLUME, i);
		break;
	case NODE_SUBVOLUME:
		add(p, STEP_SUBVOLUME, i);
		break;
	default:
		break;
	}
	if (node_fs(n))
		add(p, STEP_FS, i);
}

/* "/" before "/a" before "/a/b". */
static int compare_mounts(const void *a, const void *b, void *ctx)
{
	const struct layout *p = ctx;

	return strcmp(node_text(&p->desc->nodes[((const struct step *)a)->node], TEXT_MOUNT),
		      node_text(&p->desc->nodes[((const struct step *)b)->node], TEXT_MOUNT));
}

static void sort_steps(struct step *s, size_t count, int (*compare)(const void *, const void *, void *), void *ctx)
{
	for (size_t i = 1; i < count; i++) {
		struct step moved = s[i];
		size_t j = i;

		for (; j > 0 && compare(&s[j - 1], &moved, ctx) > 0; j--)
			s[j] = s[j - 1];
		s[j] = moved;
	}
}

/* At most four a node: made, formatted, mounted; wiped, its table. */
int layout_steps(struct layout *p, const size_t *order)
{
	const struct desc *d = p->desc;
	size_t first;

	p->steps = calloc(4 * d->count + 1, sizeof(*p->steps));
	if (!p->steps)
		return -ENOMEM;
	for (size_t i = 0; i < d->count; i++)
		if (d->nodes[i].kind == NODE_DISK)
			add(p, STEP_WIPE, i);
	for (size_t i = 0; i < d->count; i++)
		if (d->nodes[i].kind == NODE_DISK)
			add(p, STEP_TABLE, i);
	for (size_t i = 0; i < d->count; i++)
		add_node(p, order[i]);
	first = p->step_count;
	for (size_t i = 0; i < d->count; i++)
		if (d->nodes[i].text[TEXT_MOUNT])
			add(p, STEP_MOUNT, i);
	sort_steps(p->steps + first, p->step_count - first, compare_mounts, p);
	return 0;
}
