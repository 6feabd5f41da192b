/* json.h - the model -> JSON for /api, the page, `head-node status --json`; and as it is saved and read again. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_JSON_H
#define SERVER_HEAD_STATUS_JSON_H

#include "base/buf.h"
#include "base/failure.h"
#include "server/head/status/model.h"

/* Adds the nodes that changed behind version SINCE (0: all), errors first, and the sums over all nodes, as one object
 * on one line; head-node-status(1) has its fields. 0 or -ENOMEM. */
int json_model(struct buf *out, const struct model *m, uint64_t since, int64_t now) must_check;

/* Adds the log of N, oldest line first, as an array. 0 or -ENOMEM. */
int json_log(struct buf *out, const struct node *n) must_check;

/* Adds all of M as json_load() reads it: for a file. 0 or -ENOMEM. */
int json_save(struct buf *out, const struct model *m, int64_t now) must_check;

/* Reads what json_save() wrote into the empty model M; *SAVED: when. 0, -EBADMSG for what is no such text, or
 * -ENOMEM. */
int json_load(struct model *m, const char *text, size_t len, int64_t *saved) must_check;

/* Adds the line of the history for the boot of N that ended as RESULT. 0 or -ENOMEM. */
int json_boot(struct buf *out, const struct node *n, enum boot_result result, int64_t now) must_check;

/* How many nodes are in which phase, and in trouble. */
struct counts {
	unsigned phase[PHASES];
	unsigned silent, slow, suspect, total;
	int64_t rate; /* bytes a second, of all */
};
struct counts count_nodes(const struct model *m);

/* The row of base/failures.def whose code is CODE; FAIL_NONE for a code that is none of it. */
enum fail_id json_failure(const char *code);
/* What to try, in one line: all lines of the advice for a node, without their conditions. "" for FAIL_NONE. */
void json_hint(struct buf *out, enum fail_id id);

#endif
