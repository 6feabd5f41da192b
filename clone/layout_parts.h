/* layout_parts.h - the planner's own files to each other: needs, sizes, steps. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_LAYOUT_PARTS_H
#define CLONE_LAYOUT_PARTS_H

#include "clone/layout.h"

#define LVM_EXTENT (4 * MIB) /* where none is said */
#define MD_CHUNK   (512 * KIB)

/* N rounded to a multiple of UNIT. */
static inline int64_t round_up(int64_t n, int64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static inline int64_t round_down(int64_t n, int64_t unit)
{
	return n / unit * unit;
}

/* Sums of what comes from outside do not overflow. */
static inline int64_t plus(int64_t a, int64_t b)
{
	return MIN(a + b, DESC_MOST);
}

static inline int64_t times(int64_t a, int64_t b)
{
	return b && a > DESC_MOST / b ? DESC_MOST : a * b;
}

/* Fills need and want of all places, from the top (file systems) down to the partitions; ORDER is graph_order's. */
int layout_needs(struct layout *p, const size_t *order, struct buf *why) must_check;

/* Fills start and size of all places, from the partitions up. */
int layout_sizes(struct layout *p, const size_t *order, struct buf *why) must_check;

/* Fills the steps. */
int layout_steps(struct layout *p, const size_t *order) must_check;

/* Numbers of an array: members that hold data, in halves (for level 10); the unit its members' sizes come in; where
 * the data begin on a member of SIZE. */
int64_t array_halves(const struct desc *d, size_t array);
int64_t array_unit(const struct node *array);
int64_t array_offset(const struct node *array, int64_t size);

/* What a LUKS header takes of its member. */
int64_t luks_offset(const struct node *luks);

/* Numbers of LVM: the extent; where the data begin on a member; the extents that one of VOLUME takes, and those that it
 * takes besides; how large a pool's metadata are. */
int64_t group_extent(const struct node *group);
int64_t group_offset(const struct desc *d, size_t group);
int64_t volume_copies(const struct node *volume);
int64_t volume_extra(const struct node *volume, int64_t extent, int64_t group_size);
int64_t pool_meta(const struct node *pool, int64_t extent, int64_t group_size);

/* What the word of a refusal calls it: "sda1 (line 3, /boot)". */
void layout_name(const struct layout *p, size_t i, struct buf *out);

#endif
