/* plan.h - options + a method -> what is made of what is fetched: a root and where it lies, or a kernel to start. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_PLAN_H
#define STAGE1_PLAN_H

#include "image/image.h"
#include "methods/method.h"

/* Where the image or tree that the root is made of is to be. */
enum root_place {
	PLACE_MEMORY_OR_MEDIUM, /* in memory; on its disk or disc where memory is too small for it */
	PLACE_MEMORY,           /* in memory, or where outfile: says */
	PLACE_THERE,            /* where the method finds it */
};

struct plan {
	bool kernel;         /* kernel: is fetched and started (kexec); there is no root, and the rest means nothing */
	enum root_mode mode; /* root:, or the seeds' root=/dev/ram3 rw */
	enum root_place place; /* root: */
	int ramdisk; /* the number of the ramdisk that keeps the image, of outfile: or root=; -1: memory does */
};

/* Everything that root:, outfile:, kernel:, initrd:, root= and rw decide, decided from the line alone. 0, or -EINVAL
 * with F filled. Pure. */
int plan_make(const struct options *o, const struct method *m, struct plan *p, struct failure *f) must_check;

#endif
