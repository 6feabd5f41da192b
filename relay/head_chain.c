/* head_chain.c - what nodes report -> who fetches from whom, told to them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/head_internal.h"

#define STRIKE_MS   10000 /* a second complaint within is believed */
#define QUIET_MS    400  /* a report is so late that its node may be dead */
#define TRY_MS      1200 /* after the start, and then: is the first node a slow one? */
#define TRY_WORTH_S 4    /* seconds a transfer must still take to be worth asking */
#define TRY_GAIN    1.5
#define MAX_BAD     3    /* wrong chunks after which a node feeds nobody any more */

static struct plan_node *plan_of(struct head_node *n)
{
	return &n->head->plan.node[n->number];
}

/* Tells N to fetch from number Q. */
static void tell_parent(struct head_node *n, uint32_t q)
{
	struct head *h = n->head;
	struct wire_parent m = { .generation = ++n->generation, .node = q };

	if (q != PLAN_HEAD) {
		const struct peer_address *a = &h->node[q]->address;

		m.port = peer_port(a);
		if (a->u.sa.sa_family == AF_INET6) {
			m.family = 6;
			memcpy(m.address, &a->u.in6.sin6_addr, 16);
		} else {
			m.family = 4;
			memcpy(m.address, &a->u.in.sin_addr, 4);
		}
	}
	plan_of(n)->parent = q;
	plan_of(n)->since = loop_now(h->loop);
	plan_of(n)->slow_checks = 0;
	wire_put_parent(&n->control.out, &m);
	link_flush(&n->control);
}

/* Whoever feeds N stops: N cannot hear it itself, or should not go on. */
static void stop_feeding(struct head_node *n)
{
	struct head *h = n->head;
	uint32_t q = plan_of(n)->parent;

	if (q == PLAN_HEAD) {
		feed_drop(&h->feed, n->number);
	} else if (q != PLAN_NOBODY && link_is_open(&h->node[q]->control)) {
		wire_put_number(&h->node[q]->control.out, WIRE_DROP, n->number);
		link_flush(&h->node[q]->control);
	}
	plan_of(n)->parent = PLAN_NOBODY;
}

void head_chain_assign(struct head *h)
{
	if (!h->started || h->ending)
		return;
	for (uint32_t i = 0; i < h->plan.length; i++) {
		struct head_node *n = h->node[h->plan.order[i]];
		uint32_t q;

		if (n->state != HEAD_READY || !plan_needs_parent(&h->plan, n->number))
			continue;
		q = plan_parent(&h->plan, n->number);
		if (plan_of(n)->parent != PLAN_NOBODY && plan_of(n)->parent != q)
			head_note(h, "%s now fetches from %s", n->name, q == PLAN_HEAD ? "the head" : h->node[q]->name);
		tell_parent(n, q);
	}
}

void head_chain_join(struct head_node *n)
{
	struct plan_node *p = plan_of(n);

	p->live = true;
	p->done = n->state == HEAD_DONE;
	p->parent = PLAN_NOBODY;
	p->avoid = PLAN_NOBODY;
	p->bytes = (int64_t)n->progress.bytes;
	memset(n->sample_time, 0, sizeof(n->sample_time));
	plan_append(&n->head->plan, n->number);
	head_chain_assign(n->head);
}

void head_chain_leave(struct head_node *n)
{
	if (!plan_of(n)->live)
		return;
	stop_feeding(n);
	plan_of(n)->live = false;
	plan_of(n)->rate = 0;
	plan_append(&n->head->plan, n->number);
	head_chain_assign(n->head);
}

void head_chain_progress(struct head_node *n, const struct wire_progress *m)
{
	struct plan_node *p = plan_of(n);
	int64_t now = loop_now(n->head->loop);
	size_t last = ARRAY_SIZE(n->samples) - 1, oldest = last;

	if (m->bytes != n->progress.bytes || n->state != HEAD_READY || !n->head->started)
		n->moved_at = now;
	n->progress = *m;
	p->bytes = (int64_t)m->bytes;
	if (n->sample_time[0] && now - n->sample_time[0] < PLAN_CHECK_MS / 2)
		return;
	memmove(n->samples + 1, n->samples, last * sizeof(n->samples[0]));
	memmove(n->sample_time + 1, n->sample_time, last * sizeof(n->sample_time[0]));
	n->samples[0] = p->bytes;
	n->sample_time[0] = now;
	while (oldest > 0 && !n->sample_time[oldest])
		oldest--;
	p->rate = -1;
	if (n->head->map->size >= 0 && p->bytes >= n->head->map->size)
		return; /* it unpacks them or brings them to its medium: no reason to be called slow */
	if (now - n->sample_time[oldest] >= 3 * PLAN_CHECK_MS)
		p->rate = (double)(n->samples[0] - n->samples[oldest]) * 1000 / (double)(now - n->sample_time[oldest]);
}

/* A parent that was complained about twice, or cannot be reached: its link is not to be trusted. It goes to the end,
 * where nobody but those who come later depends on it. */
static void strike(struct head *h, struct head_node *parent, struct head_node *child, enum wire_why why)
{
	int64_t now = loop_now(h->loop);
	bool again = parent->struck_at && now - parent->struck_at < STRIKE_MS;

	parent->struck_at = now;
	if (why == WIRE_WHY_CLOSED && !again)
		return; /* a connection may break once: the same parent is tried again */
	plan_of(child)->avoid = parent->number;
	if (now - parent->control.heard > HEAD_NODE_SILENCE / 2 || !link_is_open(&parent->control)) {
		head_lose(parent, false, "%s could not reach it, and it is silent", child->name);
	} else if (why == WIRE_WHY_SILENT) {
		head_note(h, "%s gets nothing from %s, which moves to the end of the chain", child->name, parent->name);
		if (parent->state == HEAD_READY)
			stop_feeding(parent);
		plan_append(&h->plan, parent->number);
	}
}

void head_chain_lost(struct head_node *n, const struct wire_lost *l)
{
	struct head *h = n->head;

	if (l->generation != n->generation || n->state != HEAD_READY)
		return;
	plan_of(n)->parent = PLAN_NOBODY;
	if (l->node != PLAN_HEAD && l->node <= h->count)
		strike(h, h->node[l->node], n, l->why);
	head_chain_assign(h);
}

void head_chain_bad(struct head_node *n, const struct wire_lost *l)
{
	struct head *h = n->head;
	struct head_node *parent = l->node && l->node <= h->count ? h->node[l->node] : NULL;

	head_note(h, "%s got wrong bytes (chunk %u) from %s", n->name, l->chunk, parent ? parent->name : "the head");
	if (!parent || ++parent->bad_count < MAX_BAD || plan_of(parent)->leaf)
		return;
	head_note(h, "%s sends wrong bytes again and again; it feeds nobody any more", parent->name);
	plan_of(parent)->leaf = true;
	head_chain_assign(h);
}

/* The node that fetches from the head and stands for the rate of all. NULL: none, or nothing is known of it. */
static struct head_node *first_node(struct head *h)
{
	for (uint32_t i = 0; i < h->plan.length; i++) {
		const struct plan_node *p = &h->plan.node[h->plan.order[i]];

		if (p->live && !p->done && !p->leaf && p->parent == PLAN_HEAD)
			return p->rate > 0 ? h->node[h->plan.order[i]] : NULL;
	}
	return NULL;
}

/* A slow node in the first place slows everybody alike, so comparing does not find it. Once per session, early in a
 * transfer that will take a while, the first goes to the end; those behind it hardly notice, for it has what they lack
 * already. If they are much faster without it, it stays a leaf. */
static void try_without_first(struct head *h, int64_t now)
{
	struct head_node *first = first_node(h);

	if (!first || h->plan.fanout > 1) /* in a tree others get more without it in any case */
		return;
	if (!h->tried_at) {
		for (uint32_t i = 0; i < h->plan.length; i++)
			if (h->plan.node[h->plan.order[i]].leaf)
				return; /* somebody further down was found slow: the first one is not */
		if (now - h->started_at < TRY_MS || h->plan.length < 2 || h->map->size < 0 ||
		    (double)(h->map->size - plan_of(first)->bytes) < TRY_WORTH_S * plan_of(first)->rate)
			return;
		h->tried_at = now;
		h->tried = first;
		h->tried_rate = plan_of(first)->rate;
		plan_of(first)->leaf = true;
		stop_feeding(first);
		plan_append(&h->plan, first->number);
		head_chain_assign(h);
	} else if (h->tried && now - h->tried_at >= TRY_MS) {
		if (plan_of(first)->rate > TRY_GAIN * h->tried_rate)
			head_note(h, "%s is slow (%.1f MB/s, without it %.1f): it stays at the end of the chain", h->tried->name,
				  h->tried_rate / 1e6, plan_of(first)->rate / 1e6);
		else
			plan_of(h->tried)->leaf = false;
		h->tried = NULL;
	}
}

void head_chain_check(struct head *h, int64_t now)
{
	uint32_t slow;

	if (!h->started || h->ending)
		return;
	for (uint32_t i = 1; i <= h->count; i++)
		h->plan.node[i].quiet = now - h->node[i]->control.heard > head_report_ms(h) + QUIET_MS;
	try_without_first(h, now);
	slow = plan_find_slow(&h->plan, now);
	if (slow == PLAN_NOBODY)
		return;
	head_note(h, "%s is slow (%.1f MB/s, others %.1f): it moves to the end of the chain", h->node[slow]->name,
		  h->plan.node[slow].rate / 1e6, h->plan.best_rate / 1e6);
	h->plan.node[slow].leaf = true;
	stop_feeding(h->node[slow]);
	plan_append(&h->plan, slow);
	head_chain_assign(h);
}
