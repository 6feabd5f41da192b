/* links.c - files with several names -> the name each was seen by first. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/links.h"

#include "base/random.h"

struct known_file {
	uint64_t device, inode;
	uint32_t left; /* names still to come; 0: the next one begins another file */
	char *path;
};

/* The slot of that file, or the free one where it belongs. There is always a free one. */
static struct known_file *find(const struct links *l, uint64_t device, uint64_t inode)
{
	size_t i = (size_t)((inode * l->key[0] + device * l->key[1]) >> 32) * l->slots >> 32;

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
	for (size_t i = 0; i < ARRAY_SIZE(more.key); i++)
		more.key[i] = (uint64_t)random_u32() << 32 | random_u32() | 1;
	for (size_t i = 0; i < l->slots; i++)
		if (l->slot[i].path)
			*find(&more, l->slot[i].device, l->slot[i].inode) = l->slot[i];
	free(l->slot);
	*l = more;
	return 0;
}

int links_first(struct links *l, uint64_t device, uint64_t inode, uint32_t names, const char *path, const char **first)
{
	struct known_file *slot;

	*first = NULL;
	if (4 * (l->count + 1) > 3 * l->slots && grow(l))
		return -ENOMEM;
	slot = find(l, device, inode);
	if (slot->path && slot->left) {
		slot->left--;
		*first = slot->path;
		return 0;
	}
	l->count += !slot->path;
	free(slot->path);
	*slot = (struct known_file){ device, inode, names - 1, strdup(path) };
	l->count -= !slot->path;
	return slot->path ? 0 : -ENOMEM;
}

void links_free(struct links *l)
{
	for (size_t i = 0; i < l->slots; i++)
		free(l->slot[i].path);
	free(l->slot);
	*l = (struct links){ 0 };
}
