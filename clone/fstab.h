/* fstab.h - a golden node's fstab and a desc -> which line is which node; and the fstab of the new system. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_FSTAB_H
#define CLONE_FSTAB_H

#include "clone/desc.h"

/* The node that SPEC (/dev/sda1, UUID=..., LABEL=..., PARTUUID=..., /dev/vg0/root, /dev/mapper/vg0-root) was on the
 * golden node, or NOWHERE. */
size_t fstab_find(const struct desc *d, const char *spec);

/* Gives nodes without fs=, mount= and options= those of TEXT, an fstab: a desc of the old grammar has none of them. To
 * be called before desc_link, after which it finds nothing new. 0 or -ENOMEM. */
int fstab_adopt(struct desc *d, const char *text) must_check;

/* The fstab of the new system. UUIDS has the new UUID of each node, NULL where it has none. TEXT is the golden node's,
 * whose other lines are kept, as comments where they name a device that is not on this machine; NULL: there is none. */
void fstab_write(const struct desc *d, char *const *uuids, const char *text, struct buf *out);

#endif
