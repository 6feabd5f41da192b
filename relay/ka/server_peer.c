/* server_peer.c - a client's packets, its silence and its end -> its state, and words to it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/server_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#define WELCOME_BODY (WIRE_SESSION + 8)
#define SAME_AGAIN   5 /* tries of one that is behind with the only parent that can help it */

/* ---- words to a client */

void ka_peer_send(struct ka_peer *p, enum ka_down_type type)
{
	struct ka_down m = { .type = type };

	ka_conn_down(&p->conn, &m, NULL);
}

void ka_peer_tell(struct ka_peer *p, enum ka_down_op op, uint32_t number, const void *body, size_t length)
{
	struct ka_down m = { .type = KA_DOWN_OURS, .op = (uint8_t)op, .number = number, .length = (uint16_t)length };

	if (p->ours)
		ka_conn_down(&p->conn, &m, body);
}

static void send_report(struct ka_peer *p, enum ka_report mode)
{
	struct ka_down m = { .type = KA_PLEASE_REPORT, .mode = mode };

	ka_conn_down(&p->conn, &m, NULL);
}

static void welcome(struct ka_peer *p)
{
	struct ka_server *s = p->server;
	const char *session = s->options.session ? s->options.session : "";
	size_t len = MIN(strlen(session), (size_t)KA_NAME_MAX) + 1;
	uint8_t body[WELCOME_BODY + KA_NAME_MAX + 1] = { 0 };

	memcpy(body, s->session, WIRE_SESSION);
	ka_put_number(body + WIRE_SESSION, (uint64_t)s->store.window / 1024, 4);
	ka_put_number(body + WIRE_SESSION + 4, s->map.chunk, 4);
	memcpy(body + WELCOME_BODY, session, len - 1);
	ka_peer_tell(p, KA_DOWN_WELCOME, p->number, body, WELCOME_BODY + len);
}

void ka_peer_send_total(struct ka_peer *p)
{
	struct map *m = &p->server->map;
	uint8_t body[8 + HASH_SIZE];

	ka_put_number(body, (uint64_t)m->size, 8);
	memcpy(body + 8, m->root.b, HASH_SIZE);
	ka_peer_tell(p, KA_DOWN_TOTAL, m->count, body, sizeof(body));
}

void ka_peer_abort(struct ka_peer *p, const char *why)
{
	if (p->ours)
		ka_peer_tell(p, KA_DOWN_ABORT, 0, why, MIN(strlen(why), (size_t)KA_BODY_MAX));
	else
		ka_conn_close(&p->conn); /* what makes an original fail */
}

/* ---- parents */

static struct ka_peer *parent_of(struct ka_peer *p)
{
	struct ka_server *s = p->server;
	uint32_t n = s->place[p->number].parent;

	return n != KA_ROOT && n < s->places ? s->member[n] : NULL;
}

/* The present parent need not serve P any more. */
static void drop_from_parent(struct ka_peer *p)
{
	struct ka_down m = { .type = KA_DROP_CHILD, .ip = p->ip };
	struct ka_server *s = p->server;
	struct ka_peer *parent = parent_of(p);

	if (p->ours)
		return; /* its parent notices */
	if (parent)
		ka_conn_down(&parent->conn, &m, NULL);
	else if (s->place[p->number].parent == KA_ROOT)
		ka_server_drop_child(s, p->ip);
}

void ka_peer_foster(struct ka_peer *p, bool avoid)
{
	struct ka_server *s = p->server;
	struct ka_place *place = s->place;
	uint32_t old = place[p->number].parent;
	bool was_live = old < s->places && place[old].live;

	if (!ka_peer_is_fed(p))
		return;
	drop_from_parent(p);
	if (avoid && old < s->places && old != KA_ROOT)
		place[old].live = false;
	place[p->number].parent = KA_ROOT; /* an original at the end: others of its kind may have left already */
	if (p->ours || !s->complete) {
		place[p->number].parent = old;
		place[p->number].parent = ka_tree_foster(place, s->places, p->number, s->options.arity);
	}
	if (old < s->places && old != KA_ROOT)
		place[old].live = was_live;
	if (place[p->number].parent == KA_NOBODY && was_live && p->same_again++ < SAME_AGAIN)
		place[p->number].parent = old; /* nobody else has what it lacks */
	ka_server_link(p);
}

void ka_peer_lose(struct ka_peer *p, bool close, const char *fmt, ...)
{
	struct ka_server *s = p->server;
	bool counted = ka_peer_is_wanted(p);
	enum ka_peer_state before = p->state;
	va_list ap;

	if (close)
		ka_conn_close(&p->conn);
	if (p->number)
		s->place[p->number].live = false;
	if (counted) {
		va_start(ap, fmt);
		vsnprintf(p->why, sizeof(p->why), fmt, ap);
		va_end(ap);
		p->may_return = close ? KA_RETURN : KA_RETURN_CLOSED;
		s->want_data--;
	}
	if (before < KA_LINKING) {
		ka_set_state(p, KA_GONE);
	} else if (counted) {
		ka_say(s, "Client FAILURE : %s (%s)", p->address, p->why);
		drop_from_parent(p);
		ka_set_state(p, KA_LOST);
	}
	/* what an original has finished with is on its way: its child would lose it by being moved now */
	for (uint32_t i = 1; i < s->places && p->number && before != KA_FINISHED; i++)
		if (s->place[i].parent == p->number && s->member[i] != p)
			ka_peer_foster(s->member[i], false);
	ka_server_look(s);
}

void ka_peer_fail(struct ka_peer *p, const char *why)
{
	ka_peer_lose(p, false, "%s", why);
	ka_set_state(p, KA_FAILED);
	ka_server_look(p->server);
}

/* ---- originals: how a data connection comes about */

/* The original at IP that hangs below PARENT (NULL: the server), NULL where none does. */
static struct ka_peer *plain_child(struct ka_server *s, const struct ka_peer *parent, struct in_addr ip)
{
	for (uint32_t i = 1; i < s->places; i++)
		if (!s->member[i]->ours && s->place[i].ip.s_addr == ip.s_addr &&
		    s->place[i].parent == (parent ? parent->number : KA_ROOT) && ka_peer_is_busy(s->member[i]))
			return s->member[i];
	return NULL;
}

static const char *name_of(const struct ka_peer *p, const char *server)
{
	return p ? p->address : server;
}

static void begin_flow(struct ka_peer *p)
{
	struct ka_server *s = p->server;

	ka_say(s, "%s reports %s has been accepted", name_of(parent_of(p), "server"), p->address);
	ka_set_state(p, KA_FLOWING);
	p->flow_begun = loop_now(p->server->loop);
	send_report(p, KA_REPORT_ALWAYS);
	ka_server_look(s);
}

static void authorise(struct ka_peer *p, int64_t at)
{
	struct ka_down m = { .type = KA_GIVES_AUTH, .ip = p->ip, .bytes = at };
	struct ka_server *s = p->server;
	struct ka_peer *parent = parent_of(p);

	ka_say(s, "Client %s reports data position : %lld", p->address, (long long)at);
	ka_set_state(p, KA_AUTHED);
	if (parent) {
		ka_conn_down(&parent->conn, &m, NULL);
		ka_say(s, "sending auth for %s to %s", p->address, parent->address);
		return;
	}
	if (ka_server_authorise(s, p->ip, at) < 0) {
		ka_peer_lose(p, true, "what it lacks is not kept any more");
		return;
	}
	ka_say(s, "Welcome son, you are number %u (MAX %u)", ka_tree_children(s->place, s->places, KA_ROOT),
	       s->options.arity);
	begin_flow(p);
}

void ka_peer_seen(struct ka_server *s, struct ka_peer *parent, struct in_addr ip)
{
	struct ka_peer *p = plain_child(s, parent, ip);

	if (!p)
		return;
	if (p->state == KA_LINKING) {
		ka_say(s, "%s reports %s has opened data connection", name_of(parent, "server"), p->address);
		ka_set_state(p, KA_ASKED);
		send_report(p, KA_REPORT_ONCE);
	} else if (p->state == KA_AUTHED) {
		begin_flow(p);
	}
}

static bool is_member(const struct ka_server *s, struct in_addr ip)
{
	for (uint32_t i = 1; i < s->places; i++)
		if (s->place[i].ip.s_addr == ip.s_addr)
			return true;
	return false;
}

static void take_got_client(struct ka_peer *p, struct in_addr ip)
{
	struct ka_server *s = p->server;

	if (!p->number)
		return;
	if (!plain_child(s, p, ip)) {
		ka_say(s, "%s reports %s, who does not belong there: ignored", p->address, inet_ntoa(ip));
		p->touched = p->touched || (!p->ours && !is_member(s, ip));
		return;
	}
	ka_peer_seen(s, p, ip);
}

static void take_position(struct ka_peer *p, int64_t bytes)
{
	struct ka_server *s = p->server;
	struct ka_place *place = &s->place[p->number];

	if (!p->number || bytes < 0 || bytes > s->store.end)
		return;
	if (bytes != place->position) {
		p->moved = loop_now(p->server->loop);
		p->same_again = 0;
	}
	place->position = bytes;
	if (place->behind && bytes + ka_server_span(s) >= s->store.end)
		place->behind = false; /* from now on it is waited for like everybody */
	if (p->state == KA_ASKED)
		authorise(p, bytes);
	if (p->ours && p->state == KA_FLOWING && s->complete && bytes == s->map.size)
		ka_set_state(p, KA_DRAINED);
	ka_server_look(s);
}

static void take_disconnected(struct ka_peer *p, const struct ka_up *m)
{
	struct ka_server *s = p->server;
	struct ka_peer *parent = parent_of(p);

	ka_say(s, "Client says dad disconnected");
	if (!ka_peer_is_fed(p))
		return;
	if (m->bytes < 0 || m->bytes > s->store.end) {
		ka_peer_lose(p, true, "claims to have bytes that were never sent");
		return;
	}
	if (parent ? m->ip.s_addr != parent->ip.s_addr : false) {
		ka_say(s, "Old news");
		return;
	}
	s->place[p->number].position = m->bytes;
	if (s->complete && m->bytes == s->map.size) {
		ka_peer_send(p, KA_END_OF_FLOW);
		ka_set_state(p, KA_DRAINED);
	} else {
		ka_say(s, "Client lost %s lost his data connection Has received %lld out of %lld bytes", p->address,
		       (long long)m->bytes, (long long)s->store.end);
		ka_peer_foster(p, true);
	}
	ka_server_look(s);
}

/* ---- joining */

static void take_hello(struct ka_peer *p, const struct ka_up *m)
{
	if (p->state != KA_NEW || !streq(m->version, KA_VERSION)) {
		ka_say(p->server, "%s: hello of version %.25s: sent away", p->address, m->version);
		ka_peer_lose(p, true, "wrong version");
		return;
	}
	ka_say(p->server, "client says hello !");
	p->ours = m->ours && m->port;
	p->port = p->ours ? m->port : p->server->options.data_port;
	p->window_kib = m->window_kib;
	ka_set_state(p, KA_GREETED);
	if (p->ours)
		welcome(p);
}

static void take_accepts(struct ka_peer *p)
{
	struct ka_server *s = p->server;

	if (p->state != KA_GREETED) {
		ka_peer_lose(p, true, "spoke out of turn");
		return;
	}
	ka_say(s, "Client accepts data");
	if (s->built && !ka_server_can_join(s, p->ours, 0)) {
		ka_say(s, "%s comes too late: the beginning is not kept any more", p->address);
		ka_peer_abort(p, "you come too late: the session has begun and its beginning is not kept any more");
		return;
	}
	ka_set_state(p, KA_POOL);
	s->want_data++;
	if (s->built && ka_server_add_member(p) < 0)
		ka_peer_lose(p, true, "no memory");
	ka_server_look(s);
}

/* One of ours that was cut off is back, perhaps. */
static void take_resume(struct ka_peer *p, const struct ka_up *m, const uint8_t *body)
{
	struct ka_server *s = p->server;
	struct ka_peer *old = m->number && m->number < s->places ? s->member[m->number] : NULL;

	if (p->state != KA_GREETED || m->length < WIRE_SESSION || !old || !old->ours ||
	    memcmp(body, s->session, WIRE_SESSION) != 0 || m->bytes < 0 || m->bytes > s->store.end) {
		ka_peer_abort(p, "this session is another one");
		return;
	}
	if (!ka_peer_is_away(old))
		ka_peer_lose(old, true, "has connected again");
	if (old->state != KA_LOST || !ka_server_can_join(s, true, m->bytes)) {
		ka_peer_abort(p, old->state == KA_FINISHED
					 ? "you had finished"
					 : "you were away too long: the bytes you need are not kept any more");
		return;
	}
	ka_say(s, "%s is back with %lld bytes", p->address, (long long)m->bytes);
	p->number = old->number;
	p->losses = old->losses + 1;
	p->flow_begun = old->flow_begun;
	p->waits = old->waits;
	str_copy(p->name, sizeof(p->name), old->name);
	old->number = 0;
	ka_set_state(old, KA_GONE);
	s->member[p->number] = p;
	s->place[p->number].position = m->bytes;
	s->place[p->number].parent = KA_NOBODY;
	s->want_data++;
	ka_server_place(p);
	if (s->complete)
		ka_peer_send_total(p);
	ka_server_look(s);
}

/* ---- packets */

static void take_finished(struct ka_peer *p)
{
	struct ka_server *s = p->server;

	ka_say(s, "Client says he has finished");
	if (p->state != KA_DRAINED && !(p->ours && s->complete && p->state == KA_FLOWING))
		return;
	ka_set_state(p, KA_FINISHED);
	s->place[p->number].position = s->map.size;
	p->finished = loop_now(p->server->loop);
	if (!p->ours && !p->waits)
		s->place[p->number].live = false; /* it leaves now */
	s->want_data--;
	ka_say(s, "Client has finished transfer");
	ka_say_busy(s);
	ka_server_look(s);
}

static void take_lost(struct ka_peer *p, const struct ka_up *m, const uint8_t *body)
{
	static const char *const why[] = { "is gone", "refuses", "closed the connection", "is silent",
					   "sends wrong bytes" };
	struct ka_server *s = p->server;
	struct ka_peer *parent;

	if (!p->number || m->number != p->generation || m->length < 1 || p->state == KA_DRAINED || ka_peer_is_over(p))
		return;
	parent = parent_of(p);
	ka_say(s, "%s: its parent %s %s", p->address, name_of(parent, "(the server)"),
	       why[body[0] < ARRAY_SIZE(why) ? body[0] : 0]);
	if (parent && loop_now(p->server->loop) - parent->conn.heard > KA_SUSPECT)
		ka_peer_lose(parent, true, "silent"); /* fosters its children, P too unless it had finished */
	if (p->generation == m->number)
		ka_peer_foster(p, true);
}

static void take_ours(struct ka_peer *p, const struct ka_up *m, const uint8_t *body)
{
	if (!p->ours)
		return;
	switch (m->op) {
	case KA_UP_NAME:
		snprintf(p->name, sizeof(p->name), "%.*s", m->length, (const char *)body);
		break;
	case KA_UP_LOST:
		take_lost(p, m, body);
		break;
	case KA_UP_FAILED:
		snprintf(p->why, sizeof(p->why), "%.*s", m->length, body ? (const char *)body : "");
		if (p->number && ka_peer_is_busy(p)) {
			char text[sizeof(p->why)];

			str_copy(text, sizeof(text), p->why);
			ka_peer_fail(p, text);
		}
		break;
	case KA_UP_RESUME:
		take_resume(p, m, body);
		break;
	case KA_UP_KEEPS:
		if (p->number)
			p->server->place[p->number].whole = true;
		break;
	default:
		break;
	}
}

static void on_up(struct ka_conn *c, const struct ka_up *m, const uint8_t *body)
{
	struct ka_peer *p = container_of(c, struct ka_peer, conn);
	struct ka_server *s = p->server;

	if (p->state == KA_NEW && m->type != KA_HELLO) {
		ka_peer_lose(p, true, "spoke before its hello");
		return;
	}
	switch (m->type) {
	case KA_HELLO:
		take_hello(p, m);
		break;
	case KA_OPTIONS:
		ka_say(s, "Client sends options");
		p->waits = m->waits;
		break;
	case KA_ACCEPTS_DATA:
		take_accepts(p);
		break;
	case KA_GO_NOW:
		ka_say(s, "Client wants the data transfer to start NOW");
		if (!s->built && s->want_data)
			ka_server_build(s);
		else if (!s->built)
			ka_say(s, "nobody is here yet: still waiting");
		break;
	case KA_GOT_CLIENT:
		take_got_client(p, m->ip);
		break;
	case KA_DAD_DISCONNECTED:
		if (p->number && !p->ours)
			take_disconnected(p, m);
		break;
	case KA_HAS_FINISHED:
		if (p->number)
			take_finished(p);
		break;
	case KA_REPORTS_POSITION:
		take_position(p, m->bytes);
		break;
	case KA_UP_OURS:
		take_ours(p, m, body);
		break;
	default:
		break; /* a ping's reply has been heard already */
	}
}

static void on_closed(struct ka_conn *c, int err)
{
	struct ka_peer *p = container_of(c, struct ka_peer, conn);

	if (p->state == KA_NEW || p->state == KA_GONE) {
		p->state = KA_GONE;
		return;
	}
	ka_say(p->server, "Peer closed connection: %s", p->address);
	ka_peer_lose(p, false, "%s", err ? err_text(err) : "closed the connection");
	if (p->number)
		ka_say_busy(p->server);
}

const struct ka_conn_calls ka_peer_calls = { .up = on_up, .closed = on_closed };

/* ---- time */

static void check_silence(struct ka_peer *p, int64_t now)
{
	int64_t every = p->ours ? KA_PING_OURS : KA_PING_ORIGINAL;
	int64_t limit = p->ours ? KA_SILENT_OURS : KA_SILENT_ORIGINAL;

	if (p->ours ? p->state == KA_NEW : ka_peer_is_new(p) || p->state == KA_POOL)
		return;
	if (now - p->pinged >= every) {
		p->pinged = now;
		ka_peer_send(p, KA_PING);
	}
	if (now - p->conn.heard <= limit)
		return;
	if (p->state == KA_FINISHED)
		ka_conn_close(&p->conn); /* it has what it came for */
	else
		ka_peer_lose(p, true, "silent for %lld ms", (long long)(now - p->conn.heard));
}

/* An original that was moved while bytes were waiting may now sit in a read of its new connection, deaf, until we
 * speak; and we wait for its answer. The end of that connection wakes it. */
static void wake_original(struct ka_peer *p, int64_t now)
{
	if (p->ours || p->state != KA_ASKED || now - p->since < KA_DEAF || now - p->woken < KA_DEAF)
		return;
	p->woken = now;
	drop_from_parent(p);
}

/* What an original's parent had sent when it finished never came: its machine is gone. */
static void move_stranded(struct ka_peer *p, int64_t now)
{
	struct ka_peer *parent = p->number && !p->ours && p->state == KA_FLOWING ? parent_of(p) : NULL;

	if (parent && ka_peer_is_over(parent) && now - MAX(p->moved, parent->since) > KA_LINK_TIME)
		ka_peer_foster(p, true);
}

void ka_peer_tick(struct ka_peer *p, int64_t now)
{
	if (!ka_conn_is_open(&p->conn))
		return;
	wake_original(p, now);
	move_stranded(p, now);
	if (ka_peer_is_new(p) && now - p->since > KA_HELLO_TIME)
		ka_peer_lose(p, true, "said nothing");
	else if (!p->ours && ka_peer_is_linking(p) && now - p->since > KA_LINK_TIME)
		ka_peer_lose(p, true, "its data connection did not come about");
	else
		check_silence(p, now);
}

const char *ka_peer_outcome(const struct ka_peer *p)
{
	if (p->state == KA_FINISHED && !p->touched)
		return "done";
	if (p->state == KA_FINISHED)
		return "says it has finished, but a stranger's connection may have cost it bytes (an original's flaw)";
	if (p->why[0])
		return p->why;
	return p->state == KA_DRAINED ? "has every byte, but did not finish" : "did not get everything";
}
