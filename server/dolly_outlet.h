/* dolly_outlet.h - verified bytes in a store -> a program's standard input or our own standard output. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_DOLLY_OUTLET_H
#define SERVER_DOLLY_OUTLET_H

#include "base/buf.h"
#include "relay/loop.h"
#include "relay/store.h"

/* {0} plus the first fields. */
struct outlet {
	struct loop *loop;
	struct rstore *store; /* where the bytes lie */
	int out;              /* where they go; stays the owner's */
	bool unpack;          /* through gzip, xz, zstd or bzip2, whichever their first bytes ask for */
	/* All of it has gone out and the program was content, or not: called once. */
	void (*done)(struct outlet *o, int err, const struct failure *f);
	void *owner;

	struct loop_fd w;
	int64_t at, available, size;
	int pid;
	char program[16];
	bool begun, over;
};

/* AVAILABLE bytes are there, of SIZE in all (-1: not known yet). */
void outlet_feed(struct outlet *o, int64_t available, int64_t size);
void outlet_close(struct outlet *o);

#endif
