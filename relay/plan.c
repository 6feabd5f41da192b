/* plan.c - who is there, how far, how fast -> who fetches from whom. Pure: no clock, no input, no output. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/plan.h"

#define SLOW_SHARE  0.5 /* of the best rate */
#define SLOW_CHECKS 5   /* in a row */
#define GAINING     1.1 /* a rate that grew so much meanwhile is TCP still finding its way, no slow node */
#define SLOW_LAG    0.3 /* seconds of the best rate a slow node is behind its parent */
#define SETTLE_MS   300 /* after getting a parent a node is not judged */
#define MAX_MOVES   2
/* What nodes have is known from their reports only, a tenth of a second old and older. A parent may seem so far behind
 * its child, in seconds of the best rate, and is taken all the same: the alternative is one further up, whose uplink
 * would be shared from then on. */
#define BEHIND     0.5
#define BEHIND_MIN MIB

int plan_resize(struct plan *p, uint32_t count)
{
	struct plan_node *node = realloc(p->node, ((size_t)count + 1) * sizeof(*node));
	uint32_t *order;

	if (!node)
		return -ENOMEM;
	p->node = node;
	order = realloc(p->order, ((size_t)count + 1) * sizeof(*order));
	if (!order)
		return -ENOMEM;
	p->order = order;
	for (uint32_t i = p->length || p->count ? p->count + 1 : 0; i <= count; i++)
		p->node[i] = (struct plan_node){ .parent = PLAN_NOBODY };
	p->node[PLAN_HEAD].live = p->node[PLAN_HEAD].done = true;
	p->count = count;
	return 0;
}

void plan_free(struct plan *p)
{
	free(p->node);
	free(p->order);
	*p = (struct plan){ 0 };
}

/* Where N stands in the chain; length where it does not. */
static uint32_t place(const struct plan *p, uint32_t n)
{
	uint32_t i = 0;

	while (i < p->length && p->order[i] != n)
		i++;
	return i;
}

void plan_append(struct plan *p, uint32_t n)
{
	uint32_t i = place(p, n);

	if (i < p->length) {
		memmove(p->order + i, p->order + i + 1, (p->length - i - 1) * sizeof(*p->order));
		p->length--;
	}
	p->order[p->length++] = n;
}

bool plan_avoids(const struct plan *p, uint32_t n, uint32_t q)
{
	const struct plan_node *self = &p->node[n];

	for (uint32_t i = 0; i < MIN(self->avoided, (uint32_t)PLAN_AVOID); i++)
		if (self->avoid[i] == q)
			return true;
	return false;
}

void plan_avoid(struct plan *p, uint32_t n, uint32_t q)
{
	struct plan_node *self = &p->node[n];

	if (!plan_avoids(p, n, q))
		self->avoid[self->avoided++ % PLAN_AVOID] = q;
}

/* May Q feed N at all? */
static bool can_feed(const struct plan *p, uint32_t q, uint32_t n)
{
	const struct plan_node *parent = &p->node[q];

	return parent->live && !parent->leaf && !p->node[n].head_only && !plan_avoids(p, n, q);
}

uint32_t plan_parent(const struct plan *p, uint32_t n)
{
	const struct plan_node *self = &p->node[n];
	int64_t slack = MAX((int64_t)(BEHIND * p->best_rate), BEHIND_MIN);

	for (uint32_t i = place(p, n) / MAX(p->fanout, 1u); i-- > 0;) {
		uint32_t q = p->order[i];

		/* a slow node is content with one that is behind: that one will soon be ahead */
		if (can_feed(p, q, n) && (self->leaf || p->node[q].done || p->node[q].bytes + slack >= self->bytes))
			return q;
	}
	return PLAN_HEAD;
}

bool plan_needs_parent(const struct plan *p, uint32_t n)
{
	uint32_t q = p->node[n].parent;

	if (!p->node[n].live || p->node[n].done)
		return false;
	if (q == PLAN_NOBODY)
		return true;
	if (q == PLAN_HEAD)
		return false;
	return !p->node[q].live || p->node[q].leaf || p->node[n].head_only || plan_avoids(p, n, q) ||
	       place(p, q) > place(p, n);
}

uint32_t plan_sharers(const struct plan *p, uint32_t q)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < p->length; i++) {
		const struct plan_node *other = &p->node[p->order[i]];

		count += other->live && !other->done && other->parent == q;
	}
	return count;
}

/* Is there anybody whom N, at place I of the chain, could hold up? */
static bool holds_up(const struct plan *p, uint32_t i)
{
	const struct plan_node *self = &p->node[p->order[i]];

	for (uint32_t k = 0; k < p->length; k++) {
		const struct plan_node *other = &p->node[p->order[k]];

		if (k != i && other->live && !other->done && (k > i || other->parent == self->parent))
			return true;
	}
	return false;
}

static bool looks_slow(const struct plan *p, uint32_t n, int64_t now)
{
	const struct plan_node *self = &p->node[n];
	const struct plan_node *parent;
	double lag;

	if (!self->live || self->done || self->leaf || self->head_only || self->parent == PLAN_NOBODY ||
	    self->moves >= MAX_MOVES || self->rate < 0 || now - self->since < SETTLE_MS)
		return false;
	parent = &p->node[self->parent];
	if (self->quiet || parent->quiet)
		return false; /* no fault of its own: a death is no slowness */
	lag = self->parent == PLAN_HEAD ? p->best_rate : (double)(parent->bytes - self->bytes);
	return lag > SLOW_LAG * p->best_rate &&
	       self->rate * MAX(plan_sharers(p, self->parent), 1u) < SLOW_SHARE * p->best_rate;
}

uint32_t plan_find_slow(struct plan *p, int64_t now)
{
	uint32_t found = PLAN_NOBODY;

	for (uint32_t i = 0; i < p->length; i++)
		if (p->node[p->order[i]].live)
			p->best_rate = MAX(p->best_rate, p->node[p->order[i]].rate);
	for (uint32_t i = 0; i < p->length; i++) {
		struct plan_node *self = &p->node[p->order[i]];

		if (!looks_slow(p, p->order[i], now) || !holds_up(p, i)) {
			self->slow_checks = 0;
			continue;
		}
		if (!self->slow_checks || self->rate > GAINING * self->first_rate) {
			self->slow_checks = 0;
			self->first_rate = self->rate;
		}
		if (++self->slow_checks >= SLOW_CHECKS && found == PLAN_NOBODY)
			found = p->order[i]; /* the first in the chain: those below it only wait for it */
	}
	if (found != PLAN_NOBODY) {
		p->node[found].slow_checks = 0;
		p->node[found].moves++;
	}
	return found;
}
