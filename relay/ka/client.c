/* client.c - a session's name or its server -> the stream: finding, greeting, obeying the server, leaving. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/client_internal.h"

#include "relay/say.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#define TICK 50

DEFINE_SAY(kac_say, struct ka_client, line, false)

void kac_send(struct ka_client *c, const struct ka_up *m, const void *body)
{
	if (ka_conn_is_open(&c->control) && !c->resuming)
		ka_conn_up(&c->control, m, body);
}

static void send_type(struct ka_client *c, enum ka_up_type type)
{
	struct ka_up m = { .type = type, .waits = c->options.waits };

	kac_send(c, &m, NULL);
}

static void send_ours(struct ka_client *c, enum ka_up_op op, const char *text)
{
	struct ka_up m = { .type = KA_UP_OURS,
			   .op = (uint8_t)op,
			   .number = c->number,
			   .bytes = c->store.end,
			   .length = (uint16_t)MIN(strlen(text), (size_t)KA_BODY_MAX) };

	kac_send(c, &m, text);
}

void kac_tell_keeps(struct ka_client *c)
{
	if (c->ours && c->store.whole)
		send_ours(c, KA_UP_KEEPS, "");
}

/* ---- the end */

static void end(struct ka_client *c, int err)
{
	if (c->state == KA_ENDED)
		return;
	c->state = KA_ENDED;
	loop_at(c->loop, &c->tick, 0);
	ka_find_end(&c->find);
	kac_sink_stop(c);
	if (c->calls->progress && c->packets)
		c->calls->progress(c);
	c->calls->ended(c, err, err ? &c->failure : NULL);
}

void kac_fail(struct ka_client *c, enum fail_id id, int err, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	if (c->state == KA_ENDED)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail(&c->failure, id, err, "%s", text);
	if (c->ours)
		send_ours(c, KA_UP_FAILED, text);
	end(c, err);
}

void ka_client_abort(struct ka_client *c, enum fail_id id, int err, const char *why)
{
	kac_fail(c, id, err, "%s", why);
}

void kac_maybe_finished(struct ka_client *c)
{
	if (c->state != KA_DRAINING || !c->sink_done || kac_plain_children(c))
		return;
	c->state = KA_STAYING;
	send_type(c, KA_HAS_FINISHED);
	if (!c->ours && !c->options.waits)
		end(c, 0);
}

/* ---- calling the server */

static void on_called(struct ka_client *c, int err, const char *what);

static const struct ka_conn_calls control_calls;

static void call(struct ka_client *c, struct in_addr server)
{
	struct peer_address a = { .len = sizeof(a.u.in) };
	int fd;

	a.u.in.sin_family = AF_INET;
	a.u.in.sin_addr = server;
	a.u.in.sin_port = htons(c->options.control_port);
	c->server = server;
	if (!c->resuming)
		c->state = KA_CALLING;
	c->calling_since = loop_now(c->loop);
	fd = peer_connect(c->loop, &a);
	if (fd < 0)
		on_called(c, fd, "connect");
	else if (ka_conn_connect(&c->control, c->loop, fd, c->layout, &control_calls) < 0)
		on_called(c, -ENOMEM, "connect");
}

static void search(struct ka_client *c)
{
	int err;

	c->state = KA_SEARCHING;
	err = ka_find_begin(&c->find);
	if (err)
		kac_fail(c, FAIL_SRV_UNREACHABLE, err, "searching by UDP: %s", err_text(err));
}

/* No connection came about, or the server has hung up before it welcomed us. The tick tries again. */
static void on_called(struct ka_client *c, int err, const char *what)
{
	ka_conn_close(&c->control);
	if (c->resuming && c->state == KA_STAYING && err == -ECONNREFUSED)
		end(c, 0); /* the session is over */
	if (c->resuming)
		return;
	c->failure = (struct failure){ 0 };
	kac_say(c, "%s: %s: %s", what, inet_ntoa(c->server), err ? err_text(err) : "hung up");
	fail(&c->failure,
	     err == -ECONNREFUSED ? FAIL_SRV_REFUSED
	     : err == -ETIMEDOUT  ? FAIL_SRV_TIMEOUT
				  : FAIL_SRV_UNREACHABLE,
	     err ? err : -ECONNRESET, "%s: %s", inet_ntoa(c->server), err ? err_text(err) : "hung up");
	c->state = KA_CALLING;
}

static void call_again(struct ka_client *c, int64_t now)
{
	if (ka_conn_is_open(&c->control)) {
		if (c->control.connecting && now - c->calling_since > KA_CALL_TIME)
			on_called(c, -ETIMEDOUT, "connect");
		return;
	}
	if (now - c->calling_since < KA_CALL_EVERY)
		return;
	if (now - c->stage_since > KA_CALL_TRIES * KA_CALL_EVERY) {
		end(c, c->failure.err ? c->failure.err : -ETIMEDOUT);
		return;
	}
	if (c->options.session) {
		search(c); /* it may be somewhere else by now */
	} else {
		c->host = (c->host + 1) % c->options.host_count;
		call(c, c->options.hosts[c->host]);
	}
}

/* ---- greeting */

static void say_hello(struct ka_client *c)
{
	struct ka_up m = { .type = KA_HELLO, .ours = !c->options.go, .window_kib = (uint32_t)(c->store.window / 1024) };

	if (c->door.listener.fd >= 0 && c->door.loop)
		m.port = peer_bound_port(c->loop, c->door.listener.fd);
	m.ours = m.ours && m.port;
	if (!c->resuming)
		c->state = KA_GREETING;
	c->stage_since = loop_now(c->loop);
	ka_conn_up(&c->control, &m, NULL);
}

/* The server reads our layout, and is an original or has welcomed us: joins, or only tells it to begin (-g). */
static void join(struct ka_client *c)
{
	c->state = KA_WAITING;
	c->stage_since = loop_now(c->loop);
	send_type(c, KA_OPTIONS);
	if (!c->options.go) {
		send_type(c, KA_ACCEPTS_DATA);
		return;
	}
	send_type(c, KA_GO_NOW);
	peer_end(c->loop, c->control.w.fd); /* the server hangs up when it has read it */
}

static void send_name(struct ka_client *c)
{
	char host[65] = "";

	gethostname(host, sizeof(host) - 1);
	if (streq(host, "(none)")) /* the kernel's word before anybody gave it a name */
		host[0] = '\0';
	send_ours(c, KA_UP_NAME, c->options.name ? c->options.name : host);
}

/* Is it the session that was looked for? Two servers may share a machine, and one of them the usual ports. */
static bool is_our_session(struct ka_client *c, const uint8_t *name, size_t len)
{
	const char *want = c->options.session;

	if (!want || len == 0 || (strlen(want) == len - 1 && memcmp(name, want, len) == 0))
		return true;
	kac_fail(c, FAIL_SRV_ERROR, -ENOENT,
		 "port %u of %s has the session \"%.*s\", not \"%s\": does its server use other ports (-p, -P)?",
		 c->options.control_port, inet_ntoa(c->server), (int)len - 1, (const char *)name, want);
	return false;
}

static void take_welcome(struct ka_client *c, const struct ka_down *m, const uint8_t *body)
{
	struct ka_up resume = { .type = KA_UP_OURS,
				.op = KA_UP_RESUME,
				.length = WIRE_SESSION,
				.number = c->number,
				.bytes = c->store.end };
	int err;

	if (m->length < WIRE_SESSION + 8 || (c->ours && !c->resuming) ||
	    !is_our_session(c, body + WIRE_SESSION + 8, m->length - WIRE_SESSION - 8))
		return;
	if (c->resuming) {
		c->resuming = false;
		if (memcmp(body, c->session, WIRE_SESSION) != 0) {
			kac_fail(c, FAIL_SRV_ERROR, -ESTALE, "the server has begun another session");
			return;
		}
		ka_conn_up(&c->control, &resume, c->session);
		kac_tell_keeps(c);
		return;
	}
	memcpy(c->session, body, WIRE_SESSION);
	err = kac_begin_ours(c, (uint32_t)ka_get_number(body + WIRE_SESSION + 4, 4),
			     (int64_t)ka_get_number(body + WIRE_SESSION, 4) * 1024);
	if (err) {
		kac_fail(c, FAIL_SRV_PROTOCOL, err, "the server's welcome makes no sense");
		return;
	}
	c->ours = true;
	send_name(c);
	if (c->state == KA_GREETING)
		join(c);
}

/* ---- what the server says */

static void take_parent(struct ka_client *c, const struct ka_down *m, const uint8_t *body)
{
	struct in_addr ip;

	if (m->length < 10 || (c->state != KA_WAITING && c->state != KA_FETCHING))
		return;
	memcpy(&ip, body + 4, 4);
	if (!ip.s_addr)
		ip = c->server;
	c->generation = m->number;
	c->state = KA_FETCHING;
	kac_sink_begin(c);
	if (c->state == KA_FETCHING)
		kac_fetch_ours(c, ip, (uint16_t)ka_get_number(body + 8, 2));
}

static void take_total(struct ka_client *c, const struct ka_down *m, const uint8_t *body)
{
	if (m->length < 8 + HASH_SIZE)
		return;
	c->total.size = (int64_t)ka_get_number(body, 8);
	c->total.count = m->number;
	memcpy(c->total.root.b, body + 8, HASH_SIZE);
	c->total_known = true;
	kac_check_total(c);
	if (c->state == KA_DRAINING || c->state == KA_STAYING) { /* the server has us back */
		kac_report(c, true);
		if (c->state == KA_STAYING)
			send_type(c, KA_HAS_FINISHED);
	}
}

static void take_ours(struct ka_client *c, const struct ka_down *m, const uint8_t *body)
{
	if (m->op == KA_DOWN_WELCOME) {
		take_welcome(c, m, body);
		return;
	}
	if (!c->ours)
		return;
	switch (m->op) {
	case KA_DOWN_PARENT:
		c->number = (uint32_t)(m->length >= 14 ? ka_get_number(body + 10, 4) : c->number);
		take_parent(c, m, body);
		break;
	case KA_DOWN_TOTAL:
		take_total(c, m, body);
		break;
	case KA_DOWN_FLOOR:
		if (m->length >= 8 && c->total_known)
			ka_store_forget(&c->store, MIN((int64_t)ka_get_number(body, 8), c->sink_at), c->total.size);
		break;
	case KA_DOWN_ABORT:
		c->ours = false; /* no word back */
		if (c->state == KA_STAYING) {
			end(c, 0); /* what the session lacks is not missing here */
			break;
		}
		kac_fail(c, FAIL_SRV_ERROR, -ECONNABORTED, "the server gives up: %.*s", m->length,
			 body ? (const char *)body : "");
		break;
	case KA_DOWN_RELEASE:
		if (c->state == KA_STAYING)
			end(c, 0);
		break;
	default:
		break;
	}
}

static void on_down(struct ka_conn *conn, const struct ka_down *m, const uint8_t *body)
{
	struct ka_client *c = container_of(conn, struct ka_client, control);

	switch (m->type) {
	case KA_DOWN_OURS:
		take_ours(c, m, body);
		break;
	case KA_PING:
		send_type(c, KA_PING_REPLY);
		break;
	case KA_END_OF_FLOW:
		if (c->state == KA_FETCHING && !c->ours)
			kac_stream_ended(c);
		break;
	case KA_FINISH:
		if (c->state == KA_STAYING)
			end(c, 0);
		break;
	case KA_GIVES_IP:
		if (c->ours || (c->state != KA_WAITING && c->state != KA_FETCHING))
			break;
		c->state = KA_FETCHING;
		kac_sink_begin(c);
		if (c->state == KA_FETCHING)
			kac_fetch_plain(c, m->ip);
		break;
	case KA_GIVES_AUTH:
		kac_authorise(c, m->ip, m->bytes);
		break;
	case KA_DROP_CHILD:
		kac_drop_child(c, m->ip);
		break;
	case KA_PLEASE_REPORT:
		if (m->mode == KA_REPORT_ONCE)
			kac_report(c, true);
		else
			c->report_always = m->mode == KA_REPORT_ALWAYS;
		break;
	default:
		break; /* an original would give up here */
	}
}

/* ---- the control connection */

static void on_connected(struct ka_conn *conn)
{
	struct ka_client *c = container_of(conn, struct ka_client, control);

	if (!c->resuming)
		kac_say(c, "Server IP is %s", inet_ntoa(c->server));
	say_hello(c);
}

static void lose_server(struct ka_client *c, int err)
{
	if (c->state == KA_STAYING && !c->ours) {
		end(c, 0); /* everything is here */
	} else if (c->ours && ka_client_has_stream(c->state)) {
		/* even with everything here: perhaps it has not heard of it */
		if (!c->resuming && !c->gone_since) {
			kac_say(c, "Error with the server connection (%s): looking for it",
				err ? err_text(err) : "closed");
			c->gone_since = loop_now(c->loop);
		}
		c->resuming = true;
		pull_stop(&c->pull);
	} else {
		kac_fail(c, FAIL_SRV_ERROR, err ? err : -ECONNRESET, "Error with the server connection (%s)",
			 err ? err_text(err) : "closed");
	}
}

static void on_closed(struct ka_conn *conn, int err)
{
	struct ka_client *c = container_of(conn, struct ka_client, control);

	if (c->options.go && c->state == KA_WAITING) {
		end(c, 0);
	} else if (c->state == KA_GREETING && !c->layout_tried) {
		c->layout_tried = true; /* perhaps it reads the other layout */
		c->layout = c->layout == KA_32 ? KA_64 : KA_32;
		call(c, c->server);
	} else if (c->state == KA_GREETING || c->state == KA_CALLING) {
		c->layout_tried = false;
		on_called(c, err, "connect");
	} else if (c->state == KA_WAITING && c->ours) {
		c->ours = false; /* nothing has begun: from the start */
		map_free(&c->map);
		feed_close(&c->feed);
		c->stage_since = loop_now(c->loop);
		on_called(c, err, "waiting");
	} else {
		lose_server(c, err);
	}
}

static const struct ka_conn_calls control_calls = { .down = on_down, .closed = on_closed, .connected = on_connected };

/* ---- searching */

static void on_found(struct ka_find *f, struct in_addr server)
{
	struct ka_client *c = container_of(f, struct ka_client, find);

	c->stage_since = loop_now(c->loop);
	call(c, server);
}

static void on_silence(struct ka_find *f, unsigned try)
{
	struct ka_client *c = container_of(f, struct ka_client, find);

	if (try <= KA_FIND_RETRIES) {
		kac_say(c, "Retrying...");
		return;
	}
	kac_fail(c, FAIL_SRV_TIMEOUT, -ETIMEDOUT, "no ka server has session %s (asked %d times, UDP port %d)",
		 c->options.session, KA_FIND_RETRIES + 1, KA_UDP_REQUEST);
}

static void on_wrong(struct ka_find *f, struct in_addr server)
{
	kac_say(container_of(f, struct ka_client, find), "Wrong server version (%s)", inet_ntoa(server));
}

/* ---- time */

/* One of ours that is gone is called again and again for a while. */
static void tick_resuming(struct ka_client *c, int64_t now)
{
	if (now - c->gone_since > KA_BACK_TIME) {
		c->resuming = false;
		if (c->state == KA_STAYING)
			end(c, 0);
		else
			kac_fail(c, FAIL_SRV_ERROR, -ECONNRESET, "the server is gone");
		return;
	}
	if (ka_conn_is_open(&c->control) && now - c->calling_since > 1000)
		ka_conn_close(&c->control);
	if (!ka_conn_is_open(&c->control) && now - c->calling_since > 200)
		call(c, c->server);
}

static void tick_server(struct ka_client *c, int64_t now, bool late)
{
	if (late)
		c->control.heard = now;
	if (c->ours && now - c->control.heard > KA_SERVER_SILENT) {
		ka_conn_close(&c->control);
		on_closed(&c->control, -ETIMEDOUT);
	} else if (!c->ours && c->state == KA_FETCHING && c->data.fd < 0 &&
		   now - c->control.heard > KA_ORIGINAL_SILENT) {
		kac_fail(c, FAIL_SRV_TIMEOUT, -ETIMEDOUT, "the server says nothing any more");
	}
}

static void on_tick(struct loop_timer *t)
{
	struct ka_client *c = container_of(t, struct ka_client, tick);
	int64_t now = loop_now(c->loop);
	bool late = now - c->last_tick > 10 * TICK;

	loop_at(c->loop, t, now + TICK);
	c->last_tick = now;
	if (c->options.patience && ka_client_is_early(c->state) && now - c->begun > c->options.patience) {
		kac_fail(c, FAIL_SRV_TIMEOUT, -ETIMEDOUT, "the session has not begun in %lld s",
			 (long long)(c->options.patience / 1000));
		return;
	}
	if (c->resuming) {
		tick_resuming(c, now);
	} else if (c->state == KA_CALLING) {
		call_again(c, now);
	} else if (c->state == KA_GREETING && now - c->stage_since > KA_GREET_TIME) {
		join(c);
	} else if (c->state == KA_WAITING && c->options.go && now - c->stage_since > 1000) {
		end(c, 0);
	} else if (ka_client_is_in(c->state)) {
		c->gone_since = 0;
		tick_server(c, now, late);
	}
	if (c->state == KA_ENDED)
		return;
	kac_data_tick(c, now, late);
	kac_maybe_finished(c);
	if (c->calls->progress && c->state == KA_FETCHING && c->packets && now - c->last_progress >= 1000) {
		c->last_progress = now;
		c->calls->progress(c);
	}
}

/* ---- begin and close */

int ka_client_open(struct ka_client *c, struct loop *l, const struct ka_client_options *o,
		   const struct ka_client_calls *calls, void *owner, struct failure *f)
{
	int err;

	*c = (struct ka_client){ .loop = l, .options = *o, .calls = calls, .owner = owner, .layout = KA_32 };
	c->control.w.fd = c->data.fd = c->door.listener.fd = c->store.fd = c->pull.w.fd = c->command.child.w.fd = -1;
	c->tick.fire = on_tick;
	c->begun = c->stage_since = c->last_tick = loop_now(l);
	c->find = (struct ka_find){ .loop = l,
				    .session = o->session,
				    .also = o->hosts,
				    .also_count = o->host_count,
				    .found = on_found,
				    .silence = on_silence,
				    .wrong = on_wrong };
	err = kac_open_data(c, f);
	if (err)
		return err;
	loop_at(l, &c->tick, loop_now(c->loop));
	if (o->session)
		search(c);
	else
		call(c, o->hosts[0]);
	return 0;
}

void ka_client_close(struct ka_client *c)
{
	loop_forget(c->loop, &c->tick);
	ka_find_end(&c->find);
	kac_sink_stop(c);
	ka_conn_close(&c->control);
	kac_close_data(c);
}
