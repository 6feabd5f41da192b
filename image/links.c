/* links.c - files with several names -> the name each was seen by first. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/links.h"

struct link {
	uint64_t device, inode;
	char *path;
};

/* The slot of that file, or the free one where it belongs. There is always a free one. */
static struct link *find(const struct links *l, uint64_t device, uint64_t inode)
{
	size_t i = (size_t)((inode ^ device << 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (l->slots - 1);

	while (l->slot[i].path && (l->slot[i].device != device || l->slot[i].inode != inode))
		i = (i + 1) & (l->slots - 1);
	return &l->slot[i];
}

/* Twice the slots (a power of two), so that a quarter at least is free. */
static int grow(struct links *l)
{
	struct links more = { .slots = l->slots ? 2 * l->slots : 64, .count = l->count };

	more.slot = calloc(more.slots, sizeof(*more.slot));
	if (!more.slot)
		return -ENOMEM;
	for (size_t i = 0; i < l->slots; i++)
		if (l->slot[i].path)
			*find(&more, l->slot[i].device, l->slot[i].inode) = l->slot[i];
	free(l->slot);
	*l = more;
	return 0;
}

int links_first(struct links *l, uint64_t device, uint64_t inode, const char *path, const char **first)
{
	struct link *slot;

	*first = NULL;
	if (4 * (l->count + 1) > 3 * l->slots && grow(l))
		return -ENOMEM;
	slot = find(l, device, inode);
	*first = slot->path;
	if (slot->path)
		return 0;
	*slot = (struct link){ device, inode, strdup(path) };
	if (!slot->path)
		return -ENOMEM;
	l->count++;
	return 0;
}

void links_free(struct links *l)
{
	for (size_t i = 0; i < l->slots; i++)
		free(l->slot[i].path);
	free(l->slot);
	*l = (struct links){ 0 };
}
