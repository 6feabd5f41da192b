/* dolly_outlet.h - verified bytes in a store -> a stream: unpacked into a target, or to a pipe, device or standard
 * output. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_DOLLY_OUTLET_H
#define SERVER_DOLLY_OUTLET_H

#include "base/buf.h"
#include "relay/child.h"
#include "relay/store.h"

/* {0} plus the first fields. A child takes the bytes from a pipe and writes them, so that nothing that OUT is slow at,
 * and no flag of it, is ours. */
struct outlet {
	struct loop *loop;
	struct rstore *store; /* where the bytes lie */
	int out;              /* where they go, -1: PATH, opened by the child, for a FIFO waits for its reader */
	const char *path;     /* names it; valid as long as the outlet is */
	/* gzip, xz, zstd or bzip2, whichever their first bytes say; what is neither goes as it is */
	bool unpack;
	/* All of it has gone out and was good, or not: called once. */
	void (*done)(struct outlet *o, int err, const struct failure *f);
	void *owner;

	struct child child;
	struct loop_fd w;       /* the pipe to it */
	struct outlet_end *end; /* how it ended, in memory shared with it */
	int64_t at, available, size;
	uint8_t head[6]; /* the first bytes */
	bool begun, over;
};

/* AVAILABLE bytes are there, of SIZE in all (-1: not known yet). */
void outlet_feed(struct outlet *o, int64_t available, int64_t size);
void outlet_close(struct outlet *o);

#endif
