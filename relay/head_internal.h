/* head_internal.h - what head.c and head_chain.c share. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_HEAD_INTERNAL_H
#define RELAY_HEAD_INTERNAL_H

#include "relay/head.h"

/* ms without a word after which a node is taken for lost; it says something every 250. */
#define HEAD_NODE_SILENCE 1500

/* How often a node reports, ms: more seldom among thousands. */
static inline uint16_t head_report_ms(const struct head *h)
{
	return (uint16_t)MIN(MAX(h->count / 4, 100u), 500u);
}

void head_note(struct head *h, const char *fmt, ...) printf_like(2, 3);
void head_set_state(struct head_node *n, enum head_node_state s);
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
/* Every PLAN_CHECK_MS: moves nodes that hold the others up. */
void head_chain_check(struct head *h, int64_t now);

#endif
