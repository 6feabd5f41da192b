/* capture_parts.h - the files of capture to each other: tables, layers, wishes. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_CAPTURE_PARTS_H
#define CLONE_CAPTURE_PARTS_H

#include "clone/desc.h"

/* Adds the disk NAME with the partitions that DUMP, of `sfdisk --dump`, lists, in the order they lie in. Their sizes
 * are exact wishes. SIZE: bytes of the disk. Pure. 0; -EINVAL: a table of another kind, or none; -ENOMEM. */
int capture_table(struct desc *d, const char *name, const char *dump) must_check;

/* Adds what stands on the partitions of D: arrays, LUKS containers, groups, volumes, file systems, as this machine's
 * tools say. NOTES: lines of what cannot be described. 0 or -errno with words in WHY. */
int capture_layers(struct desc *d, struct buf *notes, struct buf *why) must_check;

/* Turns exact sizes into wishes that suit other disks. Pure. */
void capture_wishes(struct desc *d);

/* The old grammar of a D that has nothing else: one disk with a table of kind mbr, and no layers on it. False: it
 * has. Pure. */
bool capture_plain(const struct desc *d, struct buf *out);

#endif
