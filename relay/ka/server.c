/* server.c - a command's output -> everybody who joins the session: its beginning, its flow and its end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/server_internal.h"

#include "relay/say.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW     (64 * MIB)
#define FLOOR_STEP (4 * MIB) /* bytes given back at once */

DEFINE_SAY(ka_say, struct ka_server, line, false)

void ka_say_busy(struct ka_server *s)
{
	unsigned connected = 0;

	for (uint32_t i = 1; i < s->places; i++)
		connected += ka_conn_is_open(&s->member[i]->conn);
	ka_say(s, "Busy clients: %u -- connected : %u", s->want_data, connected);
}

void ka_set_state(struct ka_peer *p, enum ka_peer_state state)
{
	p->state = state;
	p->since = loop_now(p->server->loop);
}

/* ---- the tree */

static struct in_addr own_address(const struct ka_peer *p)
{
	struct peer_address a;
	struct in_addr ip = { 0 };

	if (peer_near(p->server->loop, p->conn.w.fd, &a) == 0) {
		if (a.u.sa.sa_family == AF_INET)
			ip = a.u.in.sin_addr;
		else
			memcpy(&ip, (const uint8_t *)&a.u.in6.sin6_addr + 12, 4);
	}
	return ip;
}

/* One of ours gets its parent in our words. */
static void send_parent(struct ka_peer *p, uint32_t n)
{
	struct ka_server *s = p->server;
	uint8_t body[14] = { 0 };

	ka_put_number(body, n, 4);
	if (n != KA_ROOT)
		memcpy(body + 4, &s->member[n]->ip, 4);
	ka_put_number(body + 8, n == KA_ROOT ? s->options.data_port : s->member[n]->port, 2);
	ka_put_number(body + 10, p->number, 4);
	ka_peer_tell(p, KA_DOWN_PARENT, ++p->generation, body, sizeof(body));
}

void ka_server_link(struct ka_peer *p)
{
	struct ka_server *s = p->server;
	uint32_t n = s->place[p->number].parent;
	struct ka_down m = { .type = KA_GIVES_IP };
	char daddy[INET_ADDRSTRLEN];

	if (n >= s->places) {
		ka_peer_abort(p, "the bytes you need are not kept by anybody any more");
		ka_peer_fail(p, "nobody keeps any more what it lacks");
		return;
	}
	s->place[p->number].live = true;
	m.ip = n == KA_ROOT ? own_address(p) : s->member[n]->ip;
	inet_ntop(AF_INET, &m.ip, daddy, sizeof(daddy));
	ka_say(s, "Added client %s, daddy = %s", p->address, daddy);
	if (p->ours) {
		if (ka_peer_is_early(p))
			p->flow_begun = loop_now(s->loop);
		ka_set_state(p, KA_FLOWING);
		send_parent(p, n);
		return;
	}
	ka_set_state(p, KA_LINKING);
	ka_conn_down(&p->conn, &m, NULL);
}

/* Everybody keeps as much as the one who keeps least. */
static void fit_window(struct ka_server *s, const struct ka_peer *p)
{
	int64_t theirs = (int64_t)p->window_kib * 1024;

	if (p->ours && theirs > 0 && theirs < s->store.window)
		s->store.window = MAX(theirs, 4 * MIB);
}

/* The server and everybody else keep what follows BYTES, and will until somebody who has so many has all. */
static bool is_kept_by_all(const struct ka_server *s, int64_t bytes)
{
	if (s->store.start == 0)
		return s->store.end <= ka_server_span(s) || bytes > 0;
	return bytes >= MIN(s->store.start + MIB, s->store.end);
}

/* A new place for P. 0 or -ENOMEM. */
static int add_place(struct ka_peer *p)
{
	struct ka_server *s = p->server;
	struct ka_place *place = realloc(s->place, (s->places + 1) * sizeof(*place));
	struct ka_peer **member;

	if (!place)
		return -ENOMEM;
	s->place = place;
	member = realloc(s->member, (s->places + 1) * sizeof(struct ka_peer *));
	if (!member)
		return -ENOMEM;
	s->member = member;
	p->number = s->places++;
	member[p->number] = p;
	place[p->number] = (struct ka_place){
		.ip = p->ip, .ours = p->ours, .parent = KA_NOBODY, .plain = p->port == s->options.data_port
	};
	fit_window(s, p);
	return 0;
}

void ka_server_place(struct ka_peer *p)
{
	struct ka_server *s = p->server;
	struct ka_place *place = &s->place[p->number];

	place->live = true;
	place->behind = !is_kept_by_all(s, place->position);
	place->parent = ka_tree_insert(s->place, s->places, p->number, s->options.arity);
	if (place->behind)
		ka_say(s, "%s lacks what only clients that keep everything have", p->address);
	ka_server_link(p);
}

/* A program of ours that was started anew on the machine of one that is lost: it takes its place. */
static bool replace_lost(struct ka_peer *p)
{
	struct ka_server *s = p->server;

	for (uint32_t i = 1; i < s->places && p->ours; i++) {
		struct ka_peer *old = s->member[i];

		if (old->state != KA_LOST || !old->ours || old->ip.s_addr != p->ip.s_addr)
			continue;
		p->number = i;
		p->losses = old->losses + 1;
		old->number = 0;
		ka_set_state(old, KA_GONE);
		s->member[i] = p;
		s->place[i] = (struct ka_place){
			.ip = p->ip, .ours = true, .parent = KA_NOBODY, .plain = p->port == s->options.data_port
		};
		return true;
	}
	return false;
}

int ka_server_add_member(struct ka_peer *p)
{
	int err = replace_lost(p) ? 0 : add_place(p);

	if (!err) {
		ka_server_place(p);
		if (p->server->complete)
			ka_peer_send_total(p);
	}
	return err;
}

static struct ka_place as_place(const struct ka_peer *p)
{
	return (struct ka_place){ .ip = p->ip, .ours = p->ours };
}

void ka_server_build(struct ka_server *s)
{
	struct ka_peer **pool = calloc(s->peers + 1, sizeof(struct ka_peer *));
	size_t count = 0;

	if (!pool) {
		ka_server_abort(s, "no memory");
		return;
	}
	for (size_t i = 0; i < s->peers; i++) {
		struct ka_peer *p = s->peer[i];
		struct ka_place mine = as_place(p);
		size_t at = count;

		if (p->state != KA_POOL)
			continue;
		for (; at > 0; at--) { /* they come in some order; few come at once */
			struct ka_place other = as_place(pool[at - 1]);

			if (ka_tree_compare(&other, &mine) <= 0)
				break;
			pool[at] = pool[at - 1];
		}
		pool[at] = p;
		count++;
	}
	s->built = true;
	for (size_t i = 0; i < count; i++)
		if (add_place(pool[i]) < 0)
			ka_peer_lose(pool[i], true, "no memory");
	for (size_t i = 0; i < count; i++)
		if (pool[i]->number)
			ka_server_place(pool[i]);
	free(pool);
	ka_server_look(s);
}

/* ---- how far the source may be read */

/* True while P may still come to have everything. */
static bool has_hope(const struct ka_peer *p, int64_t now)
{
	return ka_peer_is_fed(p) || p->state == KA_DRAINED ||
	       (p->state == KA_LOST && p->ours && now - p->since < p->may_return);
}

int64_t ka_server_span(const struct ka_server *s)
{
	int64_t most = s->store.window / 4 * 3;

	for (uint32_t i = 1; i < s->places; i++)
		if (!s->member[i]->ours && ka_peer_is_fed(s->member[i]))
			most = MIN(most, KA_ORIGINAL_SPAN);
	return most;
}

int64_t ka_server_read_limit(const struct ka_server *s)
{
	int64_t least = INT64_MAX, now = loop_now(s->loop);
	bool anybody = false;

	for (uint32_t i = 1; i < s->places; i++) {
		struct ka_peer *p = s->member[i];

		anybody = anybody || has_hope(p, now);
		if (ka_peer_is_fed(p) && !s->place[i].behind)
			least = MIN(least, s->place[i].position);
	}
	if (!anybody)
		return 0;
	return least == INT64_MAX ? s->store.end : least + ka_server_span(s);
}

bool ka_server_can_join(const struct ka_server *s, bool ours, int64_t bytes)
{
	if (s->ending)
		return false;
	if (is_kept_by_all(s, bytes))
		return true;
	for (uint32_t i = 1; i < s->places && ours; i++)
		if (s->place[i].live && s->place[i].whole)
			return true;
	return false;
}

/* When the whole stream is out, what nobody lacks any more is given back at once, everywhere: memory that is given back
 * by all in the last moment would delay it. As long as the beginning is kept, it is kept for those who come late. */
static void tell_floor(struct ka_server *s)
{
	int64_t floor = s->store.end, now = loop_now(s->loop);
	uint8_t body[8];

	if (s->store.start == 0)
		return;
	for (uint32_t i = 1; i < s->places; i++)
		if (has_hope(s->member[i], now))
			floor = MIN(floor, s->place[i].position);
	if (floor < s->floor + FLOOR_STEP && (floor == s->floor || floor < s->store.end))
		return;
	s->floor = floor;
	ka_put_number(body, (uint64_t)floor, 8);
	for (uint32_t i = 1; i < s->places; i++)
		ka_peer_tell(s->member[i], KA_DOWN_FLOOR, 0, body, sizeof(body));
	ka_store_forget(&s->store, floor, s->store.end);
}

/* ---- what happens when something has changed */

static void release(struct ka_peer *p)
{
	if (p->waits)
		ka_say(p->server, "Releasing client %s", p->address);
	p->released = true;
	p->server->last_release = loop_now(p->server->loop);
	if (p->ours)
		ka_peer_tell(p, KA_DOWN_RELEASE, 0, NULL, 0);
	else if (p->waits)
		ka_peer_send(p, KA_FINISH);
	p->server->place[p->number].live = false;
}

/* Does anybody still fetch from P? */
static bool is_needed(const struct ka_server *s, const struct ka_peer *p)
{
	for (uint32_t i = 1; i < s->places; i++)
		if (s->place[i].parent == p->number && ka_peer_is_fed(s->member[i]))
			return true;
	return false;
}

/* Those who have finished may go: at once, or (-w) when all have, or (-d) one after the other. */
static void release_some(struct ka_server *s, bool all_settled)
{
	int64_t now = loop_now(s->loop);

	for (uint32_t i = 1; i < s->places; i++) {
		struct ka_peer *p = s->member[i];

		if (p->state != KA_FINISHED || p->released || is_needed(s, p))
			continue;
		if (!p->waits || (!s->options.delay && all_settled))
			release(p);
		else if (s->options.delay && (!s->last_release || now - s->last_release >= s->options.delay * 100))
			release(p);
	}
}

static void finish(struct ka_server *s)
{
	unsigned good = 0, bad = 0;

	for (uint32_t i = 1; i < s->places; i++) {
		if (s->member[i]->state == KA_LOST)
			s->member[i]->state = KA_FAILED;
		if (s->member[i]->state == KA_FINISHED && !s->member[i]->touched)
			good++;
		else
			bad++;
	}
	s->result = s->why[0] || good == 0 ? KA_NONE : bad ? KA_SOME : KA_ALL;
	loop_forget(s->loop, &s->tick);
	s->calls->ended(s);
}

static bool all_left(const struct ka_server *s)
{
	for (uint32_t i = 1; i < s->places; i++)
		if (ka_conn_is_open(&s->member[i]->conn))
			return false;
	return true;
}

static bool all_flowing(const struct ka_server *s)
{
	unsigned count = 0;

	for (uint32_t i = 1; i < s->places; i++) {
		if (ka_peer_is_linking(s->member[i]))
			return false;
		count += s->member[i]->state == KA_FLOWING;
	}
	return count > 0;
}

static void look(struct ka_server *s)
{
	int64_t now = loop_now(s->loop);
	bool settled = s->built, fed = false;

	if (!s->built && s->want_data >= s->options.wanted && s->want_data > 0) {
		ka_server_build(s);
		return;
	}
	for (uint32_t i = 1; i < s->places; i++) {
		settled = settled && !has_hope(s->member[i], now);
		fed = fed || ka_peer_is_fed(s->member[i]);
	}
	if (s->built && !s->flowing && all_flowing(s))
		ka_source_begin(s);
	if (s->ending)
		return;
	if (settled && !s->complete) {
		ka_server_abort(s, "every client is lost");
		return;
	}
	if (s->flowing && !s->pipe_ended)
		ka_source_read(s, s->store.end < ka_server_read_limit(s));
	if (s->complete && !fed && !s->drained)
		s->drained = now;
	if (s->complete) {
		tell_floor(s);
		release_some(s, settled);
	}
	if (settled && (all_left(s) || (!s->options.delay && now - s->last_release > KA_GOODBYE))) {
		ka_say(s, "All clients left, I quit");
		s->ending = true;
		s->ending_at = now;
	}
}

void ka_server_look(struct ka_server *s)
{
	loop_at(s->loop, &s->tick, loop_now(s->loop)); /* looked at soon, when no call is in progress */
}

/* Those who came and went without joining leave nothing behind. */
static void forget_strangers(struct ka_server *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->peers; i++) {
		struct ka_peer *p = s->peer[i];

		if (p->state == KA_GONE && !p->number && !ka_conn_is_open(&p->conn))
			loop_free_later(s->loop, p);
		else
			s->peer[kept++] = p;
	}
	s->peers = kept;
}

static void on_tick(struct loop_timer *t)
{
	struct ka_server *s = container_of(t, struct ka_server, tick);
	int64_t now = loop_now(s->loop);

	loop_at(s->loop, t, now + KA_TICK);
	for (size_t i = 0; i < s->peers; i++)
		ka_peer_tick(s->peer[i], now);
	forget_strangers(s);
	feed_tick(&s->feed, now);
	if (s->options.start_ms && !s->built && now - s->begun >= s->options.start_ms) {
		if (s->want_data)
			ka_server_build(s);
		else
			ka_server_abort(s, "nobody has come in time");
	}
	look(s);
	if (s->flowing && now - s->last_progress >= 1000) {
		s->last_progress = now;
		s->calls->progress(s);
	}
	if (s->ending && (all_left(s) || now - s->ending_at > (s->why[0] ? 300 : KA_GOODBYE)))
		finish(s);
}

void ka_server_abort(struct ka_server *s, const char *why)
{
	if (s->ending)
		return;
	str_copy(s->why, sizeof(s->why), why);
	ka_say(s, "FAILED: %s", why);
	s->ending = true;
	s->ending_at = loop_now(s->loop);
	for (size_t i = 0; i < s->peers; i++)
		if (ka_conn_is_open(&s->peer[i]->conn) && s->peer[i]->state != KA_FINISHED)
			ka_peer_abort(s->peer[i], why);
	ka_source_read(s, false);
	ka_command_kill(&s->source);
	ka_server_look(s);
}

/* ---- begin and end */

int ka_server_open(struct ka_server *s, struct loop *l, const struct ka_server_options *o,
		   const struct ka_server_calls *calls, void *owner, struct failure *f)
{
	int err;

	*s = (struct ka_server){ .loop = l, .options = *o, .calls = calls, .owner = owner, .places = 1 };
	s->control.fd = s->store.fd = s->door.listener.fd = s->udp.fd = s->pipe.fd = s->source.child.w.fd = -1;
	s->tick.fire = on_tick;
	s->begun = loop_now(s->loop);
	s->place = calloc(1, sizeof(*s->place));
	s->member = calloc(1, sizeof(struct ka_peer *));
	if (!s->place || !s->member)
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory");
	s->place[KA_ROOT] = (struct ka_place){ .ours = true, .plain = true, .live = true, .parent = KA_NOBODY };
	err = map_init_stream(&s->map, KA_CHUNK_MAX);
	if (err)
		return fail(f, FAIL_SYS_INTERNAL, err, "no memory");
	err = ka_store_open(&s->store, l, o->window ? o->window : WINDOW, f);
	if (err)
		return err;
	s->feed = (struct feed){ .loop = l, .map = &s->map, .store = &s->store.bytes };
	wire_random(s->session, WIRE_SESSION);
	err = ka_server_listen(s, f);
	if (!err)
		loop_at(l, &s->tick, loop_now(l));
	return err;
}

void ka_server_close(struct ka_server *s)
{
	loop_forget(s->loop, &s->tick);
	ka_command_kill(&s->source);
	ka_source_read(s, false);
	base_close_fd(&s->pipe.fd);
	ka_server_unlisten(s);
	feed_close(&s->feed);
	ka_store_close(&s->store);
	map_free(&s->map);
	for (size_t i = 0; i < s->peers; i++) {
		ka_conn_close(&s->peer[i]->conn);
		loop_free_later(s->loop, s->peer[i]);
	}
	free(s->peer);
	free(s->member);
	free(s->place);
}
