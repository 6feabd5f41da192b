/* feed.c - verified chunks of a store -> the children who asked for them, each at its own place and speed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/feed.h"

#include "relay/intervals.h"

#include "base/log.h"

#define MAX_WANTS   256 /* ranges a child may have outstanding; it keeps to 64 */
#define MAX_LISTS   16
#define MAX_RUN     (1 * MIB) /* bytes in one run */
#define PUMP_BUDGET (4 * MIB) /* bytes for one child before others get their turn */

struct feed_child {
	struct feed *feed;
	struct feed_child *next;
	struct link link;
	uint32_t node;
	struct wire_want want[MAX_WANTS]; /* ring of what it waits for, in order */
	unsigned want_at, want_count;
	uint32_t list[MAX_LISTS]; /* groups whose hashes it asked for */
	unsigned list_count;
	uint8_t *told;      /* bit per group: its hashes were sent on this connection */
	int64_t run_offset; /* the run being sent: what is left of it */
	int64_t run_left;
	int64_t last_sent;  /* of loop_now() */
	int64_t last_bytes; /* the same, but of chunks */
};

static void free_child(struct feed_child *c)
{
	struct feed *f = c->feed;

	for (struct feed_child **p = &f->children; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			f->count--;
			break;
		}
	}
	f->last_node = c->node;
	f->last_bytes = c->last_bytes;
	link_close(&c->link);
	free(c->told);
	c->told = NULL;
	loop_free_later(f->loop, c);
}

/* ---- what to send next */

/* Puts group G's hashes out where the child has not got them yet. */
static void tell_group(struct feed_child *c, uint32_t g)
{
	const struct map *m = c->feed->map;

	if (m->stream || c->told[g / 8] >> (g % 8) & 1)
		return;
	c->told[g / 8] |= (uint8_t)(1 << g % 8);
	wire_put_hashes(&c->link.out, g, m->hash + (size_t)g * MAP_GROUP, map_group_count(m, g));
}

/* Answers requests for hashes that can be answered. True when something was put out. */
static bool answer_lists(struct feed_child *c)
{
	const struct map *m = c->feed->map;
	unsigned kept = 0;
	bool any = false;

	for (unsigned i = 0; i < c->list_count; i++) {
		if (map_knows(m, c->list[i] * MAP_GROUP)) {
			tell_group(c, c->list[i]);
			any = true;
		} else {
			c->list[kept++] = c->list[i];
		}
	}
	c->list_count = kept;
	return any;
}

/* Begins the next run if the first wanted chunk is here. True when there is one. */
static bool begin_run(struct feed_child *c)
{
	const struct map *m = c->feed->map;
	struct wire_want *w = &c->want[c->want_at];
	struct wire_run run;
	int64_t bytes = 0;

	if (c->want_count == 0 || !map_has(m, w->first))
		return false;
	run = (struct wire_run){ .first = w->first, .offset = map_offset(m, w->first) };
	while (run.count < w->count && map_has(m, run.first + run.count) && bytes < MAX_RUN &&
	       (run.first + run.count) / MAP_GROUP == run.first / MAP_GROUP && !(m->stream && run.count)) {
		bytes += map_length(m, run.first + run.count);
		run.count++;
	}
	tell_group(c, run.first / MAP_GROUP);
	wire_put_run(&c->link.out, &run, m->stream ? m->hash + run.first : NULL, (uint32_t)bytes);
	c->run_offset = (int64_t)run.offset;
	c->run_left = bytes;
	w->first += run.count;
	w->count -= run.count;
	if (w->count == 0) {
		c->want_at = (c->want_at + 1) % MAX_WANTS;
		c->want_count--;
	}
	return true;
}

/* Shall drained() be called when the socket takes more? Asked for only where it is full: the question costs a call into
 * the kernel, and most runs leave at once. */
static void wait_for_room(struct feed_child *c, bool wait)
{
	c->link.more = false;
	c->link.want_out = wait;
	link_flush(&c->link);
}

/* Sends what can be sent now. -errno when the child cannot be served any more. */
static int pump(struct feed_child *c)
{
	int64_t budget = PUMP_BUDGET;

	while (budget > 0) {
		ssize_t n;

		/* nothing may come between the bytes of a run */
		if (c->run_left == 0 && answer_lists(c))
			c->last_sent = loop_now(c->feed->loop);
		if (c->run_left == 0 && c->link.out.len == 0 && !begin_run(c)) {
			wait_for_room(c, false);
			return 0;
		}
		c->link.more = c->run_left > 0;
		link_flush(&c->link);
		if (c->link.out.len > 0)
			return 0; /* the socket is full; drained() goes on */
		if (c->run_left == 0)
			continue;
		n = rstore_send(c->feed->store, c->feed->loop, c->link.w.fd, c->run_offset,
				(size_t)MIN(c->run_left, budget));
		if (n == -EAGAIN)
			break;
		if (n < 0)
			return (int)n;
		c->run_offset += n;
		c->run_left -= n;
		c->feed->sent += (uint64_t)n;
		c->last_sent = c->last_bytes = loop_now(c->feed->loop);
		budget -= n;
	}
	wait_for_room(c, true);
	return 0;
}

static void pump_or_drop(struct feed_child *c)
{
	int err = pump(c);

	if (err) {
		log_debug("relay: child %u: %s", c->node, err_text(err));
		free_child(c);
	}
}

/* ---- what the child says */

/* A child got bytes with the wrong hash from here: are ours right? */
static void look_again(struct feed *f, uint32_t chunk)
{
	struct hash h = { { 0 } };
	uint32_t len;
	uint8_t *bytes;

	if (!map_has(f->map, chunk))
		return;
	len = map_length(f->map, chunk);
	bytes = malloc(len);
	if (!bytes)
		return;
	if (rstore_read(f->store, (int64_t)map_offset(f->map, chunk), bytes, len) == 0)
		h = hash_bytes(bytes, len);
	free(bytes);
	if (hash_equal(&h, &f->map->hash[chunk]))
		return;
	log_warn("relay: chunk %u is not what was stored; fetching it again", chunk);
	map_clear(f->map, chunk);
	if (f->spoiled)
		f->spoiled(f, chunk);
}

static int take_want(struct feed_child *c, const struct wire_header *h, const uint8_t *body)
{
	struct wire_want w;

	if (wire_get_want(body, h->length, &w) < 0 || c->want_count == MAX_WANTS)
		return -EBADMSG;
	if (!c->feed->map->stream && (w.first >= c->feed->map->count || w.count > c->feed->map->count - w.first))
		return -EBADMSG;
	if (h->flags & WIRE_WANT_AGAIN)
		look_again(c->feed, w.first);
	c->want[(c->want_at + c->want_count++) % MAX_WANTS] = w;
	return 0;
}

static int take_list(struct feed_child *c, const struct wire_header *h, const uint8_t *body)
{
	uint32_t g;

	if (wire_get_number(body, h->length, &g) < 0 || c->feed->map->stream || g >= c->feed->map->groups ||
	    c->list_count == MAX_LISTS)
		return -EBADMSG;
	c->list[c->list_count++] = g;
	return 0;
}

static void on_frame(struct link *l, const struct wire_header *h, const uint8_t *body)
{
	struct feed_child *c = container_of(l, struct feed_child, link);
	int err = 0;

	if (h->type == WIRE_WANT)
		err = take_want(c, h, body);
	else if (h->type == WIRE_LIST)
		err = take_list(c, h, body);
	if (err)
		free_child(c);
	else
		pump_or_drop(c);
}

static void on_closed(struct link *l, int err)
{
	struct feed_child *c = container_of(l, struct feed_child, link);

	log_debug("relay: child %u left: %s", c->node, err ? err_text(err) : "closed");
	free_child(c);
}

static void on_drained(struct link *l)
{
	pump_or_drop(container_of(l, struct feed_child, link));
}

static const struct link_calls calls = { .frame = on_frame, .closed = on_closed, .drained = on_drained };

/* ---- for the owner */

int feed_adopt(struct feed *f, struct link *from, const struct wire_get *g)
{
	struct feed_child *c = calloc(1, sizeof(*c));
	int err;

	feed_drop(f, g->node);
	if (c)
		c->told = calloc(1, f->map->groups / 8 + 1);
	if (!c || !c->told) {
		free(c);
		link_close(from);
		return -ENOMEM;
	}
	c->feed = f;
	c->node = g->node;
	c->last_sent = loop_now(f->loop);
	err = link_move(&c->link, from, &calls);
	c->next = f->children;
	f->children = c;
	f->count++;
	if (err) {
		free_child(c);
		return err;
	}
	wire_put_empty(&c->link.out, WIRE_IDLE);
	link_flush(&c->link);
	link_process(&c->link);
	return 0;
}

void feed_kick(struct feed *f)
{
	for (struct feed_child *c = f->children, *next; c; c = next) {
		next = c->next;
		if (c->run_left == 0 && c->link.out.len == 0)
			pump_or_drop(c);
	}
}

void feed_tick(struct feed *f, int64_t now)
{
	for (struct feed_child *c = f->children; c; c = c->next) {
		if (c->run_left > 0 || c->link.out.len > 0 || now - c->last_sent < IDLE_MS)
			continue;
		c->last_sent = now;
		wire_put_empty(&c->link.out, WIRE_IDLE);
		link_flush(&c->link);
	}
}

bool feed_sent_since(const struct feed *f, uint32_t node, int64_t since)
{
	for (const struct feed_child *c = f->children; c; c = c->next)
		if (c->node == node && c->last_bytes >= since)
			return true;
	return f->last_node == node && f->last_bytes >= since;
}

void feed_drop(struct feed *f, uint32_t node)
{
	for (struct feed_child *c = f->children, *next; c; c = next) {
		next = c->next;
		if (c->node == node)
			free_child(c);
	}
}

void feed_close(struct feed *f)
{
	while (f->children)
		free_child(f->children);
}
