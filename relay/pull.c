/* pull.c - one parent's data connection -> chunks, checked one by one, then stored. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/pull.h"

#include "base/log.h"

#define MAX_BAD     3            /* wrong chunks after which a parent is given up */
#define LOW_WATER   (256 * 1024) /* bytes of a chunk worth waking up for */
#define READ_BUDGET (4 * MIB)    /* bytes read before others get their turn */

/* ---- sending: a few small frames */

static void update_events(struct pull *p)
{
	loop_change(p->loop, &p->w, EPOLLIN | (p->connecting || p->out.len > p->out_sent ? EPOLLOUT : 0));
}

static void flush(struct pull *p)
{
	while (!p->connecting && p->out.len > p->out_sent) {
		ssize_t n = peer_write(p->loop, p->w.fd, p->out.data + p->out_sent, p->out.len - p->out_sent);

		if (n < 0)
			break; /* full or broken: the events will tell */
		p->out_sent += (size_t)n;
	}
	if (p->out_sent == p->out.len)
		p->out.len = p->out_sent = 0;
	update_events(p);
}

static void ask(struct pull *p, uint32_t first, uint32_t count, uint8_t flags)
{
	struct wire_want w = { first, count };

	p->want[(p->want_at + p->want_count++) % PULL_WANTS] = w;
	wire_put_want(&p->out, &w, flags);
}

void pull_more(struct pull *p, uint32_t again)
{
	if (!pull_is_open(p))
		return;
	if (again != UINT32_MAX && again < p->asked && p->want_count < PULL_WANTS)
		ask(p, again, 1, WIRE_WANT_AGAIN);
	while (p->want_count < PULL_WANTS - 4) { /* the rest is for chunks to be sent again */
		uint32_t count, limit = MIN(p->map->stream ? p->map->count : p->want_limit, p->map->count);
		uint32_t first = map_missing(p->map, p->asked, UINT32_MAX, &count);

		if (first < limit) {
			count = MIN(count, limit - first);
			ask(p, first, count, 0);
			p->asked = first + count;
		} else if (p->map->stream && p->map->size < 0 && MAX(p->asked, p->map->count) < p->want_limit) {
			first = MAX(p->asked, p->map->count);
			ask(p, first, p->want_limit - first, 0);
			p->asked = p->want_limit;
		} else {
			break;
		}
	}
	flush(p);
}

void pull_list(struct pull *p, uint32_t g)
{
	if (!pull_is_open(p))
		return;
	wire_put_number(&p->out, WIRE_LIST, g);
	flush(p);
}

/* ---- closing */

bool pull_is_open(const struct pull *p)
{
	return p->loop && p->w.fd >= 0;
}

void pull_stop(struct pull *p)
{
	if (!pull_is_open(p))
		return;
	loop_close_fd(p->loop, &p->w);
	buf_free(&p->out);
	p->out_sent = p->head_len = p->body_len = p->body_need = 0;
	p->run_left = p->chunk_len = p->chunk_need = 0;
	p->run.count = 0;
	p->want_at = p->want_count = p->bad_count = 0;
	p->asked = 0;
	p->low_water = 0;
	p->connecting = false;
}

void pull_free(struct pull *p)
{
	pull_stop(p);
	free(p->chunk);
	free(p->body);
	p->chunk = p->body = NULL;
}

static void lose(struct pull *p, enum wire_why why)
{
	pull_stop(p);
	p->calls->lost(p, why);
}

/* ---- chunks */

/* Takes chunk I off the front of what was asked for. False where it was not asked for. */
static bool expected(struct pull *p, uint32_t i)
{
	struct wire_want *w = &p->want[p->want_at];

	if (p->want_count == 0 || w->first != i)
		return false;
	w->first++;
	w->count--;
	if (w->count == 0) {
		p->want_at = (p->want_at + 1) % PULL_WANTS;
		p->want_count--;
	}
	return true;
}

/* A chunk with the wrong hash: nobody sees it, the parent is asked again or given up. */
static void reject(struct pull *p, uint32_t i)
{
	p->calls->bad(p, i);
	if (!pull_is_open(p))
		return;
	/* in a stream nothing behind this chunk could be placed: begin anew at it */
	if (++p->bad_count >= MAX_BAD || p->map->stream)
		lose(p, WIRE_WHY_BAD);
	else
		pull_more(p, i);
}

/* The whole chunk I is in p->chunk: verify, store, tell. False when the connection is gone. */
static bool finish_chunk(struct pull *p, uint32_t i)
{
	struct hash h = hash_bytes(p->chunk_at, p->chunk_need);
	uint64_t offset = p->run.offset;
	uint32_t len = p->chunk_need;
	int err;

	p->received += len;
	p->chunk_len = p->chunk_need = 0;
	p->run.offset += len;
	if (!expected(p, i)) {
		lose(p, WIRE_WHY_BAD);
		return false;
	}
	if (!hash_equal(&h, p->map->stream ? &p->run_hashes[0] : &p->map->hash[i]) ||
	    (p->map->stream && map_append(p->map, i, offset, len, &h) < 0)) {
		reject(p, i);
		return pull_is_open(p);
	}
	if (p->map->stream)
		p->run_hashes++;
	if (map_has(p->map, i))
		return true;
	err = p->chunk_at == p->chunk ? rstore_write(p->store, (int64_t)offset, p->chunk, len) : 0;
	if (err) {
		pull_stop(p);
		p->calls->store_failed(p, err);
		return false;
	}
	map_set(p->map, i);
	p->calls->stored(p, i);
	if (pull_is_open(p) && p->want_count < PULL_WANTS / 2)
		pull_more(p, UINT32_MAX);
	return pull_is_open(p);
}

/* How many bytes the next chunk of the run has; 0 where the run makes no sense. A stream's run holds one chunk. */
static uint32_t next_length(const struct pull *p)
{
	uint32_t len = p->map->stream ? p->run_left : map_length(p->map, p->run.first);

	return len > p->map->chunk || len > p->run_left ? 0 : len;
}

/* ---- frames */

/* The header of a run is there (and its hashes, where it has some): is it what can be? */
static int begin_run(struct pull *p, const struct wire_header *h)
{
	struct map *m = p->map;
	size_t hashes = m->stream ? (size_t)p->run.count * HASH_SIZE : 0;

	if (h->length < WIRE_RUN_FIXED + hashes || !!(h->flags & WIRE_RUN_HASHED) != m->stream)
		return -EBADMSG;
	p->run_left = h->length - (uint32_t)(WIRE_RUN_FIXED + hashes);
	if (m->stream)
		return p->run.count == 1 && p->run_left > 0 ? 0 : -EBADMSG;
	if (p->run.first >= m->count || p->run.count > m->count - p->run.first || !map_knows(m, p->run.first) ||
	    !map_knows(m, p->run.first + p->run.count - 1) || p->run.offset != map_offset(m, p->run.first))
		return -EBADMSG;
	return 0;
}

static int take_small(struct pull *p, const struct wire_header *h)
{
	uint32_t group, count;

	if (h->type == WIRE_REFUSED)
		return -ECONNREFUSED;
	if (h->type != WIRE_HASHES)
		return 0; /* WIRE_IDLE, or what a later version says */
	if (wire_get_hashes(p->body, h->length, &group, &count) < 0)
		return -EBADMSG;
	/* the body may lie at any address: struct hash is nothing but bytes */
	if (map_set_group(p->map, group, (const struct hash *)(p->body + 4), count) < 0)
		return -EBADMSG;
	p->calls->listed(p, group);
	return 0;
}

/* The header of a frame is complete: how much of a body has to be collected before anything can be done. */
static int begin_frame(struct pull *p, const struct wire_header *h)
{
	uint8_t *body;

	p->body_need = h->length;
	if (h->type == WIRE_RUN) {
		if (wire_get_run(p->head + WIRE_HEADER, WIRE_RUN_FIXED, &p->run) < 0 || h->length < WIRE_RUN_FIXED)
			return -EBADMSG;
		p->body_need = h->flags & WIRE_RUN_HASHED ? (size_t)p->run.count * HASH_SIZE : 0;
	}
	if (p->body_need > WIRE_SMALL)
		return -EBADMSG;
	p->body_len = 0;
	body = realloc(p->body, p->body_need + 1);
	if (!body)
		return -ENOMEM;
	p->body = body;
	return 0;
}

/* Handles a frame whose small part is complete. -errno when the parent is no use. */
static int handle_frame(struct pull *p, const struct wire_header *h)
{
	int err;

	p->body_need = 0;
	p->head_len = 0;
	if (h->type != WIRE_RUN)
		return take_small(p, h);
	err = begin_run(p, h);
	p->run_hashes = (struct hash *)p->body;
	return err;
}

/* Where the next bytes belong, and how many. */
static size_t next_bytes(struct pull *p, uint8_t **to)
{
	size_t head_need = p->head_len >= WIRE_HEADER && p->head[4] == WIRE_RUN ? sizeof(p->head) : WIRE_HEADER;

	if (p->run_left > 0) {
		if (p->chunk_need == 0) {
			p->chunk_need = next_length(p);
			p->chunk_at = p->calls->place ? p->calls->place(p, p->run.offset, p->chunk_need) : NULL;
			p->chunk_at = p->chunk_at ? p->chunk_at : p->chunk;
		}
		*to = p->chunk_at + p->chunk_len;
		return p->chunk_need - p->chunk_len;
	}
	if (p->head_len < head_need) {
		*to = p->head + p->head_len;
		return head_need - p->head_len;
	}
	*to = p->body + p->body_len;
	return p->body_need - p->body_len;
}

/* N bytes came to where next_bytes said. False when the connection is gone. */
static bool advance(struct pull *p, size_t n)
{
	struct wire_header h = wire_get_header(p->head);
	int err = 0;

	if (p->run_left > 0) {
		p->chunk_len += (uint32_t)n;
		if (p->chunk_len < p->chunk_need)
			return true;
		p->run_left -= p->chunk_need;
		return finish_chunk(p, p->run.first++);
	}
	if (p->head_len < WIRE_HEADER || (h.type == WIRE_RUN && p->head_len < sizeof(p->head))) {
		p->head_len += n;
		if (p->head_len < WIRE_HEADER)
			return true;
		h = wire_get_header(p->head);
		if (h.type == WIRE_RUN && p->head_len < sizeof(p->head))
			return true;
		err = begin_frame(p, &h);
	} else {
		p->body_len += n;
	}
	if (!err && p->body_len == p->body_need)
		err = handle_frame(p, &h);
	if (!err && pull_is_open(p) && p->run_left > 0 && next_length(p) == 0)
		err = -EBADMSG;
	if (err)
		lose(p, err == -ECONNREFUSED ? WIRE_WHY_REFUSED : WIRE_WHY_BAD);
	return pull_is_open(p);
}

/* How much must be there for the next step to be worth waking up for: the rest of a chunk, or a whole run of one where
 * runs are what comes next. Small frames between runs wait for them, or for pull_poll; not so while hashes are waited
 * for, to look at what the target holds. */
static size_t worth_waking(const struct pull *p)
{
	if (p->run_left > 0)
		return p->chunk_need - p->chunk_len;
	if (p->head_len > 0 || p->map->stream || p->want_count == 0 || p->want_limit != UINT32_MAX)
		return 1;
	return sizeof(p->head) + map_length(p->map, p->want[p->want_at].first);
}

/* The kernel wakes us for a good part of a chunk, not for every segment. */
static void set_low_water(struct pull *p)
{
	int bytes = (int)MIN(worth_waking(p), (size_t)LOW_WATER);

	if (bytes != p->low_water)
		peer_low_water(p->loop, p->w.fd, bytes);
	p->low_water = bytes;
}

static void read_in(struct pull *p)
{
	int64_t budget = READ_BUDGET;

	while (budget > 0) {
		uint8_t *to;
		size_t need = next_bytes(p, &to);
		ssize_t n;

		if (need == 0) { /* a run that lies about its length */
			lose(p, WIRE_WHY_BAD);
			return;
		}
		n = peer_read(p->loop, p->w.fd, to, need);
		if (n == -EAGAIN) {
			set_low_water(p);
			return;
		}
		if (n <= 0) {
			lose(p, WIRE_WHY_CLOSED);
			return;
		}
		p->heard = loop_now(p->loop);
		budget -= n;
		if (!advance(p, (size_t)n))
			return;
	}
}

void pull_poll(struct pull *p)
{
	if (pull_is_open(p) && !p->connecting)
		read_in(p);
}

static void ready(struct loop_fd *w, uint32_t events)
{
	struct pull *p = container_of(w, struct pull, w);

	if (p->connecting) {
		p->error = peer_error(p->loop, w->fd);
		if (p->error < 0) {
			lose(p, WIRE_WHY_REFUSED);
			return;
		}
		p->connecting = false;
		p->heard = loop_now(p->loop);
	}
	if (p->out.len > p->out_sent)
		flush(p);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_in(p);
	if (pull_is_open(p))
		update_events(p);
}

/* Turns to FD, which is ours from here on. */
static int begin(struct pull *p, int fd, bool connecting)
{
	struct wire_get g = { .node = p->node };
	int err;

	pull_stop(p);
	p->w = (struct loop_fd){ .fd = fd, .ready = ready };
	p->connecting = connecting;
	p->error = 0;
	p->heard = loop_now(p->loop);
	if (!p->chunk)
		p->chunk = malloc(p->map->chunk);
	err = p->chunk ? loop_add(p->loop, &p->w, EPOLLIN | EPOLLOUT) : -ENOMEM;
	if (err) {
		loop_close_fd(p->loop, &p->w);
		return err;
	}
	memcpy(g.session, p->session, WIRE_SESSION);
	buf_add(&p->out, WIRE_MAGIC, WIRE_MAGIC_SIZE);
	wire_put_get(&p->out, &g);
	pull_more(p, UINT32_MAX);
	return 0;
}

int pull_from(struct pull *p, const struct peer_address *a)
{
	int fd;

	pull_stop(p);
	fd = peer_connect(p->loop, a);
	p->error = MIN(fd, 0);
	return fd < 0 ? fd : begin(p, fd, true);
}

int pull_over(struct pull *p, int fd)
{
	return begin(p, fd, false);
}
