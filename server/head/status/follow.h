/* follow.h - a log file that grows, or is not there yet -> its lines, one by one. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_FOLLOW_H
#define SERVER_HEAD_STATUS_FOLLOW_H

#include "base/buf.h"

/* Gets each whole line, without its end; valid during the call only. */
typedef void follow_fn(void *ctx, const char *line, size_t len);

/* A file that is followed. {.path = ..., .fd = -1} is one that was not opened yet. */
struct follow {
	const char *path; /* the owner's */
	int fd;           /* -1: not there yet */
	uint64_t inode;   /* of the file that is open: a rotated log is another one */
	bool looked;
	bool skipping;   /* within a line that is too long */
	struct buf rest; /* the beginning of a line whose end has not come */
};

/* Reads what has come since the last call, at most FOLLOW_MOST bytes, and gives each line to FN. What was in the file
 * before the first call is left out. */
#define FOLLOW_MOST (256 * KIB)
void follow_read(struct follow *f, follow_fn *fn, void *ctx);
void follow_close(struct follow *f);

#endif
