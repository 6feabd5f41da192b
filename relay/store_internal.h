/* store_internal.h - what store.c and store_target.c share. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_STORE_INTERNAL_H
#define RELAY_STORE_INTERNAL_H

#include "relay/store.h"

/* A part for the offsets START to END, closed and nameless. NULL when memory ran out. Pointers to parts are not valid
 * any more. */
struct rstore_part *rstore_add_part(struct rstore *s, int64_t start, int64_t end) must_check;
/* Opens the part of the target that begins at START and holds SIZE bytes (-1: not known). 0 or -errno with F, which may
 * be NULL. */
int rstore_open_part(struct rstore *s, int64_t start, int64_t size, struct failure *f) must_check;
/* A device has new contents: the kernel reads its partitions anew, where it may. */
void rstore_device_written(const struct rstore *s);

#endif
