/* words.h - a model -> the lines of `head-node status`. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_WORDS_H
#define SERVER_HEAD_STATUS_WORDS_H

#include "base/buf.h"
#include "server/head/status/model.h"

/* How the lines look. */
struct look {
	unsigned columns; /* no line is longer */
	unsigned rows;    /* no more lines, 0: as many as there are */
	bool colour;      /* by escape codes */
};

/* Adds one line of sums, then one for each node, errors first; below a failure what to try. NOW is the time that the
 * model is of, in ms since 1970. */
void words_model(struct buf *out, const struct model *m, const struct look *look, int64_t now);

/* "94 MB/s", "812 KB/s". */
void words_rate(struct buf *out, int64_t rate);
/* "4.1 s", "2:05", "3 h 10". */
void words_time(struct buf *out, int64_t ms);

#endif
