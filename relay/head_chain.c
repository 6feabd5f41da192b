/* head_chain.c - what nodes report -> who fetches from whom, told to them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/head_internal.h"

#include <stdio.h>

#define TRY_WORTH_S  4 /* seconds a transfer must still take to be worth asking */
#define TRY_GAIN     1.5
#define MAX_BAD      3    /* wrong chunks after which a node feeds nobody any more */
#define MIN_PROGRESS 1024 /* bytes; a stream's chunks may be as short */
#define CROWD        4    /* children from which on silence may be a long queue */
#define MAX_BREAKS   3    /* connections that bring nothing, after which a way is taken for closed */
#define MAX_AVOID    2    /* nodes that do not feed it, after which only the head is asked */

static struct plan_node *plan_of(struct head_node *n)
{
	return &n->head->plan.node[n->number];
}

/* ms by which a parent with so many children may be late with each. */
static int64_t crowd_ms(const struct head *h, uint32_t q)
{
	return MIN((int64_t)CROWD_MS * MAX(plan_sharers(&h->plan, q), 1u) - CROWD_MS, (int64_t)CROWD_MAX_MS);
}

/* ---- the head as the parent who comes: where a node cannot reach our port, we connect to its */

static void push_failed(struct head_node *n, const char *why)
{
	size_t used = strlen(n->complaint);

	link_close(&n->push);
	n->push_failed = true;
	snprintf(n->complaint + used, sizeof(n->complaint) - used, "; over a connection of the head: %s", why);
	plan_of(n)->parent = PLAN_NOBODY;
	head_chain_assign(n->head);
}

static void on_push(struct link *l, const struct wire_header *hdr, const uint8_t *body)
{
	struct head_node *n = container_of(l, struct head_node, push);
	struct wire_get get;

	if (hdr->type != WIRE_GET || wire_get_get(body, hdr->length, &get) < 0 || get.node != n->number ||
	    memcmp(get.session, n->head->session, WIRE_SESSION) != 0)
		push_failed(n, "it says something else");
	else if (feed_adopt(&n->head->feed, l, &get) < 0)
		push_failed(n, "no memory");
}

static void on_push_closed(struct link *l, int err)
{
	push_failed(container_of(l, struct head_node, push), err ? err_text(err) : "it hangs up");
}

static void on_push_connected(struct link *l)
{
	struct head_node *n = container_of(l, struct head_node, push);
	struct wire_get g = { .node = n->number, .generation = n->generation };

	memcpy(g.session, n->head->session, WIRE_SESSION);
	wire_put_push(&l->out, &g);
	link_flush(l);
}

static const struct link_calls push_calls = { .frame = on_push,
					      .closed = on_push_closed,
					      .connected = on_push_connected };

static void begin_push(struct head_node *n)
{
	int fd;

	link_close(&n->push);
	fd = peer_connect(n->head->loop, &n->address);
	n->push_since = loop_now(n->head->loop);
	if (fd < 0 || link_open(&n->push, n->head->loop, fd, &push_calls, true) < 0)
		n->push_since = 1; /* the tick says so: no call may come back from here */
	else
		n->push.expect_magic = true;
}

void head_chain_push_tick(struct head_node *n, int64_t now)
{
	if (n->push_since && now - n->push_since > CONNECT_MS + crowd_ms(n->head, PLAN_HEAD)) {
		bool waiting = link_is_open(&n->push) || n->push_since == 1;

		n->push_since = 0;
		if (waiting)
			push_failed(n, "no answer");
	}
}

/* ---- parents */

static bool is_loopback(const struct peer_address *a)
{
	if (a->u.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
	return ntohl(a->u.in.sin_addr.s_addr) >> 24 == 127;
}

/* Where Q, a node, is for N: an address of our own machine is not told to others. */
static void put_address(struct wire_parent *m, const struct peer_address *q, const struct peer_address *n)
{
	m->port = peer_port(q);
	if (is_loopback(q) && !is_loopback(n)) {
		m->family = WIRE_AT_HEAD;
	} else if (q->u.sa.sa_family == AF_INET6) {
		m->family = WIRE_IPV6;
		memcpy(m->address, &q->u.in6.sin6_addr, 16);
	} else {
		m->family = WIRE_IPV4;
		memcpy(m->address, &q->u.in.sin_addr, 4);
	}
}

/* Tells N to fetch from number Q. */
static void tell_parent(struct head_node *n, uint32_t q)
{
	struct head *h = n->head;
	bool comes = q == PLAN_HEAD && n->direct_failed;
	struct wire_parent m = { .generation = ++n->generation,
				 .node = q,
				 .family = comes ? WIRE_COMES : WIRE_AT_HEAD };

	if (q != PLAN_HEAD)
		put_address(&m, &h->node[q]->address, &n->address);
	link_close(&n->push);
	plan_of(n)->parent = q;
	m.patience = (uint16_t)(PARENT_SILENCE_MS + crowd_ms(h, q));
	plan_of(n)->since = loop_now(h->loop);
	plan_of(n)->slow_checks = 0;
	n->starved_since = 0;
	n->tasted = false;
	wire_put_parent(&n->control.out, &m);
	link_flush(&n->control);
	if (comes)
		begin_push(n);
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
	link_close(&n->push);
	plan_of(n)->parent = PLAN_NOBODY;
}

/* What did not work for N may work now. */
static void forget_failures(struct head_node *n)
{
	plan_of(n)->avoided = 0;
	plan_of(n)->head_only = false;
	n->direct_failed = n->push_failed = false;
	n->breaks = 0;
}

/* Whom N is to fetch from; PLAN_NOBODY: everybody has been tried. The head comes last, but before a third node. */
static uint32_t choose(struct head_node *n)
{
	struct plan_node *p = plan_of(n);
	bool no_head = n->direct_failed && n->push_failed;
	uint32_t q, most = n->head->unlucky > 1 && !n->head->lucky ? 1 : MAX_AVOID;

	p->head_only = !no_head && p->avoided >= most;
	q = no_head && p->avoided >= PLAN_AVOID ? PLAN_HEAD : plan_parent(&n->head->plan, n->number);
	if (q != PLAN_HEAD || !no_head)
		return q;
	if (!n->fed_at || loop_now(n->head->loop) - n->fed_at > HUNGRY_MS)
		return PLAN_NOBODY;
	/* bytes have come, lately: the ways are open, and crowded; the limit of those that get nothing new is there */
	forget_failures(n);
	return plan_parent(&n->head->plan, n->number);
}

void head_chain_assign(struct head *h)
{
	struct head_node *helpless = NULL;

	if (!h->started || h->ending)
		return;
	for (uint32_t i = 0; i < h->plan.length; i++) {
		struct head_node *n = h->node[h->plan.order[i]];
		uint32_t q;

		if (n->state != HEAD_READY || !plan_needs_parent(&h->plan, n->number))
			continue;
		q = choose(n);
		if (q == PLAN_NOBODY) {
			helpless = n;
			continue;
		}
		if (plan_of(n)->parent != PLAN_NOBODY && plan_of(n)->parent != q)
			head_note(h, "%s now fetches from %s", n->name, q == PLAN_HEAD ? "the head" : h->node[q]->name);
		tell_parent(n, q);
	}
	if (helpless && helpless->state == HEAD_READY)
		head_fail(helpless, "%s", helpless->complaint);
}

void head_chain_join(struct head_node *n)
{
	struct plan_node *p = plan_of(n);

	p->live = true;
	p->done = n->state == HEAD_DONE;
	p->parent = PLAN_NOBODY;
	forget_failures(n);
	n->aside = false;
	n->hungers = 0;
	n->fed_at = n->starved_since = 0;
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

/* Bytes have come to N. */
static void fed(struct head_node *n, const struct wire_progress *m, int64_t now)
{
	struct plan_node *p = plan_of(n);

	n->fed_at = now;
	n->starved_since = 0;
	if (m->received <= n->progress.received)
		return;
	if (!n->tasted) { /* it is judged by what comes from here on */
		n->tasted = true;
		p->since = now;
		memset(n->sample_time, 0, sizeof(n->sample_time));
	}
	n->breaks = n->hungers = 0;
	if (n->aside)
		p->leaf = n->aside = false;
	if (p->parent != PLAN_HEAD && p->parent != PLAN_NOBODY && !n->fed_by_node) {
		n->fed_by_node = true;
		n->head->lucky++;
	}
}

void head_chain_progress(struct head_node *n, const struct wire_progress *m)
{
	struct plan_node *p = plan_of(n);
	int64_t now = loop_now(n->head->loop);
	size_t last = ARRAY_SIZE(n->samples) - 1, oldest = last;

	if (m->received != n->progress.received || m->occupied)
		fed(n, m, now);
	if (n->head->map->size >= 0 && m->bytes > (uint64_t)n->head->map->size) {
		if (n->state == HEAD_READY)
			head_fail(n, "says it has %llu bytes of %lld", (unsigned long long)m->bytes,
				  (long long)n->head->map->size);
		return;
	}
	/* less than a chunk is no progress: nobody keeps the others for ever by a byte a minute */
	if (m->bytes >= n->best + MIN_PROGRESS || (m->bytes > n->best && (int64_t)m->bytes == n->head->map->size)) {
		n->best = m->bytes;
		n->moved_at = now;
	}
	n->progress = *m;
	p->bytes = (int64_t)m->bytes;
	p->rate = n->tasted ? p->rate : -1;
	if (!n->tasted || (n->sample_time[0] && now - n->sample_time[0] < PLAN_CHECK_MS / 2))
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

/* N gets nothing from several: it is not their fault. Nobody waits for it at the end. */
static void set_aside(struct head_node *n)
{
	if (plan_of(n)->leaf)
		return;
	head_note(n->head, "%s %s; it moves to the end of the chain", n->name, n->complaint);
	n->aside = plan_of(n)->leaf = true;
	plan_append(&n->head->plan, n->number);
}

/* What N says of its parent Q, in words. */
static void note_complaint(struct head_node *n, uint32_t q, enum wire_why why, uint32_t error)
{
	struct head *h = n->head;
	const char *who = q == PLAN_HEAD ? "the head" : h->node[q]->name;
	uint16_t port = q == PLAN_HEAD ? door_port(&h->door) : peer_port(&h->node[q]->address);

	if (why == WIRE_WHY_REFUSED)
		snprintf(n->complaint, sizeof(n->complaint), "cannot fetch: port %u of %s: %s (is a firewall there?)",
			 port, who, error ? err_text((int)error) : "it refuses");
	else if (why == WIRE_WHY_SILENT)
		snprintf(n->complaint, sizeof(n->complaint), "gets nothing from port %u of %s (firewall? MTU?)", port,
			 who);
	else
		snprintf(n->complaint, sizeof(n->complaint), "cannot fetch from %s: %s", who,
			 why == WIRE_WHY_BAD ? "wrong bytes" : "the connection breaks");
}

/* N cannot fetch from us: by the way it came, then by ours. */
static void head_failed(struct head_node *n, enum wire_why why)
{
	struct head *h = n->head;
	/* what leaves here for it may wait behind what leaves for others */
	bool busy = feed_sent_since(&h->feed, n->number, loop_now(h->loop) - PARENT_SILENCE_MS / 2) ||
		    plan_sharers(&h->plan, PLAN_HEAD) >= CROWD;
	bool closed = why == WIRE_WHY_REFUSED || (why == WIRE_WHY_SILENT && !busy) || ++n->breaks >= MAX_BREAKS;

	if (!closed)
		return;
	n->breaks = 0;
	if (n->direct_failed) {
		n->push_failed = true;
		set_aside(n);
		return;
	}
	n->direct_failed = true;
	head_note(n->head, "%s %s: the head connects to it instead", n->name, n->complaint);
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
	plan_avoid(&h->plan, child->number, parent->number);
	if (plan_of(child)->avoided == 1)
		h->unlucky++;
	if (now - parent->control.heard > NODE_SILENCE_MS / 2 || !link_is_open(&parent->control)) {
		head_lose(parent, false, "%s could not reach it, and it is silent", child->name);
	} else if (why == WIRE_WHY_SILENT && plan_of(child)->avoided > 1) {
		set_aside(child);
	} else if (why == WIRE_WHY_SILENT) {
		head_note(h, "%s gets nothing from %s, which moves to the end of the chain", child->name, parent->name);
		if (parent->state == HEAD_READY && parent->tasted)
			stop_feeding(parent);
		plan_append(&h->plan, parent->number);
	}
}

/* N does not get anything from Q any more. */
static void lost_parent(struct head_node *n, uint32_t q, enum wire_why why, uint32_t error)
{
	struct head *h = n->head;

	plan_of(n)->parent = PLAN_NOBODY;
	n->push_since = 0;
	link_close(&n->push);
	if (q <= h->count && why != WIRE_WHY_NONE) {
		note_complaint(n, q, why, error);
		if (q == PLAN_HEAD)
			head_failed(n, why);
		else
			strike(h, h->node[q], n, why);
	}
	head_chain_assign(h);
}

void head_chain_lost(struct head_node *n, const struct wire_lost *l)
{
	if (l->generation != n->generation || n->state != HEAD_READY)
		return;
	lost_parent(n, l->node, l->why, l->chunk);
}

/* A node whose parent has more, and that gets nothing all the same: the parent's idle word is no food. */
static void check_hunger(struct head_node *n, int64_t now)
{
	struct head *h = n->head;
	struct plan_node *p = plan_of(n);
	uint32_t q = p->parent;

	if (n->state != HEAD_READY || q == PLAN_NOBODY || p->quiet || n->progress.occupied ||
	    h->plan.node[q].bytes <= p->bytes) {
		n->starved_since = 0;
		return;
	}
	if (!n->starved_since)
		n->starved_since = now;
	if (now - MAX(n->starved_since, n->fed_at) < (STARVE_MS << MIN(n->hungers, 3u)) + crowd_ms(h, q))
		return;
	n->hungers++;
	stop_feeding(n);
	lost_parent(n, q, WIRE_WHY_SILENT, 0);
}

void head_chain_bad(struct head_node *n, const struct wire_lost *l)
{
	struct head *h = n->head;
	struct head_node *parent = l->node && l->node <= h->count ? h->node[l->node] : NULL;

	if (n->state != HEAD_READY)
		return;
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
			head_note(h, "%s is slow (%.1f MB/s, without it %.1f): it stays at the end of the chain",
				  h->tried->name, h->tried_rate / 1e6, plan_of(first)->rate / 1e6);
		else
			plan_of(h->tried)->leaf = false;
		h->tried = NULL;
	}
}

bool head_chain_waits(const struct head_node *n)
{
	const struct plan *p = &n->head->plan;
	uint32_t q = p->node[n->number].parent;

	return q != PLAN_NOBODY && q != PLAN_HEAD && !p->node[q].done && p->node[q].bytes <= p->node[n->number].bytes;
}

void head_chain_check(struct head *h, int64_t now)
{
	uint32_t slow;

	if (!h->started || h->ending)
		return;
	for (uint32_t i = 1; i <= h->count; i++)
		h->plan.node[i].quiet = now - h->node[i]->control.heard > head_report_ms(h) + QUIET_MS;
	for (uint32_t i = 1; i <= h->count; i++)
		check_hunger(h->node[i], now);
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
