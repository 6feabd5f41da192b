/* finish.h - a complete target -> on the medium and under its own name, without stopping the loop meanwhile. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_FINISH_H
#define RELAY_FINISH_H

#include "base/failure.h"
#include "relay/loop.h"
#include "relay/store.h"

/* {0} plus the first fields. */
struct finish {
	struct loop *loop;
	struct rstore *store;
	/* called once, perhaps before begin returns */
	void (*done)(struct finish *f, int err, const struct failure *why);
	int64_t size;
	struct loop_fd w; /* the syncing child's answer */
	int pid;
};

/* Syncs (in a child process, where SYNC) and renames; then calls done. */
void finish_begin(struct finish *f, int64_t size, bool sync);
/* Forgets it; the child, if any, ends by itself. */
void finish_stop(struct finish *f);

#endif
