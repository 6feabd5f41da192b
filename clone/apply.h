/* apply.h - a plan -> disks as it says, mounted, and what was made as files; and all of it let go again. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_APPLY_H
#define CLONE_APPLY_H

#include "clone/layout.h"
#include "clone/request.h"

/* Makes it so, with the folders, files and dry of R. What can be seen to go wrong is refused before the first write:
 * disks in use, tools that are missing. 0 or -errno with words in WHY; what was begun then stays as it is. */
int apply_plan(const struct layout *p, const struct request *r, struct buf *why) must_check;

/* Unmounts all below the folder `target` of R, the last first, and stops what stands on the disks these were on, and on
 * those named. 0 or -errno with words in WHY. */
int apply_release(const struct request *r, struct buf *why) must_check;

#endif
