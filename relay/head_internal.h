/* head_internal.h - what head.c and head_chain.c share. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_HEAD_INTERNAL_H
#define RELAY_HEAD_INTERNAL_H

#include "relay/head.h"
#include "relay/intervals.h"

/* How often a node reports, ms: more seldom among thousands. */
static inline uint16_t head_report_ms(const struct head *h)
{
	return (uint16_t)MIN(MAX(h->count / 4, (uint32_t)REPORT_MIN_MS), (uint32_t)REPORT_MAX_MS);
}

void head_note(struct head *h, const char *fmt, ...) printf_like(2, 3);
void head_set_state(struct head_node *n, enum head_node_state s);
/* N cannot, for WHY. It leaves the chain. */
void head_fail(struct head_node *n, const char *fmt, ...) printf_like(2, 3);
/* N is gone: out of the chain until it is heard of again. CLOSE its connection too. */
void head_lose(struct head_node *n, bool close, const char *fmt, ...) printf_like(3, 4);

/* ---- head_chain.c */

/* N has a target, or is heard of again: it takes its place in the chain. */
void head_chain_join(struct head_node *n);
/* N is not to be counted on. */
void head_chain_leave(struct head_node *n);
/* Tells every node that needs a (new) parent who that is. */
void head_chain_assign(struct head *h);
/* A node's report of where it is. */
void head_chain_progress(struct head_node *n, const struct wire_progress *p);
/* A node's complaint about its parent. */
void head_chain_lost(struct head_node *n, const struct wire_lost *l);
void head_chain_bad(struct head_node *n, const struct wire_lost *l);
/* Our own connection to N came about, broke, or took too long (ERR). */
void head_chain_push_tick(struct head_node *n, int64_t now);
/* Has N all that its parent has? Then it waits for others, whose own limits run. */
bool head_chain_waits(const struct head_node *n);
/* Every PLAN_CHECK_MS: moves nodes that hold the others up. */
void head_chain_check(struct head *h, int64_t now);

#endif
