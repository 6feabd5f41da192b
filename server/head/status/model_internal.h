/* model_internal.h - what the files of the model share. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_MODEL_INTERNAL_H
#define SERVER_HEAD_STATUS_MODEL_INTERNAL_H

#include "server/head/status/model.h"

/* The node that E is about, which may be a new one, or one that had another address. NULL: no memory, or nobody. */
struct node *model_find(struct model *m, const struct event *e, int64_t now);

/* The boot of N is over, unless it was already. */
void model_end_boot(struct model *m, struct node *n, enum boot_result result);
enum boot_result model_result(const struct node *n);

/* Words for a doubt, in WHY. */
void model_doubt(char why[160], const char *fmt, ...) printf_like(2, 3);

#endif
