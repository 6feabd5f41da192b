/* share.h - room, and who wants how much of it -> how much each gets. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_SHARE_H
#define CLONE_SHARE_H

#include "base/base.h"

/* One who wants room. Units are the caller's: mebibytes of a disk, extents of a volume group. */
struct share {
	int64_t least; /* never less than that */
	int64_t most;  /* never more */
	int64_t want;  /* as much as that, before others fill up what is left */
	bool fill;     /* takes of what is left */
	int64_t got;   /* the result */
};

/* Shares UNITS out among COUNT: each its least; then what they want, or of that a part that is fair when it is not
 * enough; what is left equally among those that fill. 0, or -ENOSPC: the sum of `least` is more than UNITS. */
int share_out(struct share *s, size_t count, int64_t units) must_check;

/* The sum of `least`. */
int64_t share_least(const struct share *s, size_t count);

#endif
