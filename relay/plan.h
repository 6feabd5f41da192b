/* plan.h - who is there, how far, how fast -> who fetches from whom: pure rules, used by the head and the
 * simulation. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_PLAN_H
#define RELAY_PLAN_H

#include "base/base.h"

#define PLAN_HEAD   0 /* the head's number; nodes are 1.. */
#define PLAN_NOBODY UINT32_MAX

#define PLAN_AVOID 8 /* parents that did not work for a node and are remembered */

/* What the rules look at. */
struct plan_node {
	bool live;                  /* has a target and was heard of lately: may be fed, may feed */
	bool leaf;                  /* slow, or sent wrong bytes: never a parent */
	bool done;                  /* has everything */
	bool quiet;                 /* has not reported for a while: may be dead, which is soon known */
	int64_t bytes;              /* verified */
	uint32_t parent;            /* whom it was told to fetch from; PLAN_NOBODY: nobody */
	uint32_t avoid[PLAN_AVOID]; /* parents that did not work for it, the newest ones */
	uint32_t avoided;           /* how many there were */
	bool head_only;             /* nodes do not work for it: the head is to be asked */
	double rate;                /* bytes/s over the last second; below 0: not known yet */
	int slow_checks;            /* consecutive checks that found it slow */
	double first_rate;          /* at the first of these checks */
	int moves;                  /* how often it was moved to the end for being slow */
	int64_t since;              /* when it got its parent, ms */
};

/* The chain: node numbers in the order in which bytes flow. A parent always stands before its children. */
struct plan {
	struct plan_node *node; /* [count + 1], by number; [0] is the head */
	uint32_t *order;        /* [length] */
	uint32_t count, length;
	uint32_t fanout;  /* children per node; 0 or 1: a chain, more: a tree */
	double best_rate; /* fastest rate seen of any node: what the links can do, bytes/s */
};

/* Makes room for node numbers up to COUNT. 0 or -ENOMEM. */
int plan_resize(struct plan *p, uint32_t count) must_check;
void plan_free(struct plan *p);

/* Puts node N at the end of the chain (moves it there where it is in it already). */
void plan_append(struct plan *p, uint32_t n);

/* Parent Q did not work for node N, or did it? */
void plan_avoid(struct plan *p, uint32_t n, uint32_t q);
bool plan_avoids(const struct plan *p, uint32_t n, uint32_t q);

/* Whom node N should fetch from: the nearest before it that is live, no leaf, and is not behind it; PLAN_HEAD where
 * none is. In a tree the search begins where the order has N's parent: the head feeds the first `fanout` nodes, the
 * first node those behind them, and so on. */
uint32_t plan_parent(const struct plan *p, uint32_t n);

/* How many nodes fetch from Q. */
uint32_t plan_sharers(const struct plan *p, uint32_t q);

/* True when N's present parent cannot serve it any more (dead, became a leaf, stands behind it). */
bool plan_needs_parent(const struct plan *p, uint32_t n);

/* One check for slow nodes, to be made every PLAN_CHECK_MS. Returns a node that should become a leaf at the end of the
 * chain, PLAN_NOBODY where none: one that lags behind a parent that has more, at less than half of what links do
 * here. */
#define PLAN_CHECK_MS 100
uint32_t plan_find_slow(struct plan *p, int64_t now);

#endif
