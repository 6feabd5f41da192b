/* up.c - child of an original dolly: its protocol spoken upwards, into a store, and passed on downwards. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/dolly/up.h"

#include "relay/say.h"

#include "base/log.h"

#include <stdio.h>

#define TICK_MS        200
#define GUEST_MS       10000 /* a control connection says what it wants within */
#define DATA_GUEST_MS  60000 /* a data connection waits for its control connection */
#define MAX_GUESTS     64
#define BLOCK          (64 * 1024)
#define BUDGET         (4 * MIB)
#define SILENCE_MS     60000  /* between bytes, once they flow */
#define START_MS       900000 /* until the first byte: nodes below may be booting still */
#define CHILD_PATIENCE 600000 /* for the next node to be there */

/* A connection that is not (yet) part of a session. */
struct dolly_guest {
	struct dolly_up *up;
	struct dolly_guest *next;
	struct loop_fd w;
	struct buf in;
	struct peer_address from;
	int64_t deadline;
	bool control, answered, complete;
};

static void note(struct dolly_up *u, const char *fmt, ...) printf_like(2, 3);
static DEFINE_SAY(note, struct dolly_up, note, true)

	/* ---- the end */

	/* Lets go of the node before us and of those behind us. */
	static void hang_up(struct dolly_up *u)
{
	loop_close_fd(u->loop, &u->control);
	loop_close_fd(u->loop, &u->data);
	for (size_t i = 0; i < u->branches; i++)
		dolly_down_close(&u->branch[i].down);
}

static void finish(struct dolly_up *u, int err)
{
	if (u->ended)
		return;
	u->ended = true;
	loop_at(u->loop, &u->timer, 0);
	hang_up(u);
	u->calls->ended(u, err, &u->failure);
}

static void give_up(struct dolly_up *u, enum fail_id id, int err, const char *what)
{
	fail(&u->failure, id, err, "%s", what);
	finish(u, err);
}

/* ---- control, upwards */

static void flush(struct dolly_up *u)
{
	while (u->out.len > 0) {
		ssize_t n = peer_write(u->loop, u->control.fd, u->out.data, u->out.len);

		if (n <= 0)
			break; /* full: EPOLLOUT; broken: EPOLLHUP */
		buf_drop(&u->out, (size_t)n);
	}
	loop_change(u->loop, &u->control, EPOLLIN | (u->out.len ? EPOLLOUT : 0));
}

/* Acknowledges once this node and the chain below have everything. */
static void maybe_acknowledge(struct dolly_up *u)
{
	uint8_t bytes[8];
	bool all = true;

	if (!u->confirmed || u->ended)
		return;
	for (size_t i = 0; i < u->branches; i++)
		if (!u->branch[i].acked && !u->branch[i].why[0])
			return;
	for (size_t i = 0; i < u->branches; i++) {
		if (!u->branch[i].why[0])
			continue;
		note(u, "%s, behind us, did not get everything: %s", u->branch[i].name, u->branch[i].why);
		all = false;
	}
	/* our own copy is right; the parent learns from the missing acknowledgement that the chain is not */
	if (!all) {
		finish(u, 0);
		return;
	}
	dolly_put_length(bytes, (uint64_t)u->length);
	if (peer_write(u->loop, u->control.fd, bytes, sizeof(bytes)) != sizeof(bytes))
		note(u, "the acknowledgement could not be sent");
	finish(u, 0);
}

void dolly_up_confirm(struct dolly_up *u, int err, const struct failure *f)
{
	if (u->ended)
		return;
	if (err) {
		u->failure = *f;
		finish(u, err);
		return;
	}
	u->confirmed = true;
	maybe_acknowledge(u);
}

static void feed_branches(struct dolly_up *u)
{
	for (size_t i = 0; i < u->branches && !u->ended; i++)
		dolly_down_feed(&u->branch[i].down, u->position, u->length);
}

static void maybe_complete(struct dolly_up *u)
{
	if (u->completing || u->length < 0 || u->position < u->length)
		return;
	u->completing = true;
	loop_close_fd(u->loop, &u->data);
	u->calls->complete(u);
}

static void on_control(struct loop_fd *w, uint32_t events)
{
	struct dolly_up *u = container_of(w, struct dolly_up, control);
	char bytes[512];
	ssize_t n;

	if (events & EPOLLOUT)
		flush(u);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = peer_read(u->loop, w->fd, bytes, sizeof(bytes));
	if (n == -EAGAIN)
		return;
	if (n <= 0 && u->completing) { /* every byte is here: only the acknowledgement is lost */
		loop_remove(u->loop, w);
		return;
	}
	if (n <= 0) {
		give_up(u, FAIL_SRV_SHORT, -ECONNRESET, "the node before us closed the connection before the end");
		return;
	}
	if (!u->ready_sent) { /* blanks behind the configuration: part of it */
		buf_add(&u->text, bytes, (size_t)n);
		return;
	}
	if (u->length >= 0 || u->in.len + (size_t)n > 8) {
		give_up(u, FAIL_SRV_PROTOCOL, -EBADMSG, "the node before us says more than a length");
		return;
	}
	buf_add(&u->in, bytes, (size_t)n);
	if (u->in.len < 8)
		return;
	u->length = (int64_t)dolly_get_length((const uint8_t *)u->in.data);
	u->heard = loop_now(u->loop);
	if (u->length < u->position) {
		give_up(u, FAIL_SRV_PROTOCOL, -EBADMSG, "more bytes came than were announced");
		return;
	}
	feed_branches(u);
	maybe_complete(u);
}

/* ---- data, downwards through us */

static void on_data(struct loop_fd *w, uint32_t events)
{
	struct dolly_up *u = container_of(w, struct dolly_up, data);
	int64_t budget = BUDGET;
	int err = 0;

	(void)events;
	while (budget > 0) {
		size_t room = u->length >= 0 ? (size_t)MIN((int64_t)BLOCK, u->length - u->position) : BLOCK;
		ssize_t n = room ? peer_read(u->loop, w->fd, u->block, room) : -1;

		if (room == 0 || n == -EAGAIN)
			break;
		if (n <= 0 && u->length < 0) {
			/* a server closes right behind the last byte; the length is on its way */
			loop_close_fd(u->loop, w);
			break;
		}
		if (n <= 0) {
			give_up(u, FAIL_SRV_SHORT, -ECONNRESET, "the data ended before the announced length");
			return;
		}
		err = rstore_write(&u->store, u->position, u->block, (size_t)n);
		if (err) {
			fail(&u->failure, FAIL_IMG_STORE, err, "%s: %s", u->conf.outfile, err_text(err));
			finish(u, err);
			return;
		}
		u->position += n;
		budget -= n;
		u->heard = loop_now(u->loop);
	}
	if (u->calls->stored)
		u->calls->stored(u);
	feed_branches(u);
	if (!u->ended)
		maybe_complete(u);
}

/* ---- the nodes behind us */

static void say_ready(struct dolly_up *u)
{
	if (u->ready_sent || u->ended)
		return;
	u->ready_sent = true;
	dolly_put_ready(&u->out, u->family, u->me);
	flush(u);
}

static void on_down_told(struct dolly_down *d)
{
	struct dolly_branch *b = d->owner;
	bool all = b->told = true;

	for (size_t i = 0; i < b->up->branches; i++)
		all = all && b->up->branch[i].told;
	if (all)
		say_ready(b->up);
}

static void on_down_line(struct dolly_down *d, const char *text, size_t len)
{
	struct dolly_branch *b = d->owner;

	buf_add(&b->up->out, text, len);
	flush(b->up);
}

static void on_down_acked(struct dolly_down *d, uint64_t bytes)
{
	struct dolly_branch *b = d->owner;

	if (bytes == (uint64_t)b->up->length)
		b->acked = true;
	else
		snprintf(b->why, sizeof(b->why), "it acknowledged %llu bytes", (unsigned long long)bytes);
	maybe_acknowledge(b->up);
}

static void on_down_failed(struct dolly_down *d, int err, const char *why)
{
	struct dolly_branch *b = d->owner;
	struct dolly_up *u = b->up;

	(void)err;
	str_copy(b->why, sizeof(b->why), why[0] ? why : "lost");
	if (!u->ready_sent) {
		/* nothing has been sent yet, and the parent would wait for "ready" of those behind us for ever */
		fail(&u->failure, FAIL_SRV_UNREACHABLE, -EHOSTUNREACH, "%s, a node behind us: %s", b->name, why);
		finish(u, -EHOSTUNREACH);
		return;
	}
	maybe_acknowledge(u);
}

static const struct dolly_down_calls down_calls = {
	.told = on_down_told,
	.line = on_down_line,
	.acknowledged = on_down_acked,
	.failed = on_down_failed,
};

static int begin_branch(struct dolly_up *u, struct dolly_branch *b, const char *name)
{
	cleanup_free char *reach = dolly_conf_reach(&u->conf, name);
	struct peer_address a;
	int err = reach ? u->calls->resolve(u, reach, &a) : -ENOMEM;

	str_copy(b->name, sizeof(b->name), name);
	if (err)
		return fail(&u->failure, FAIL_DNS_NO_NAME, err, "%s, a node behind us, has no address", name);
	b->up = u;
	b->down = (struct dolly_down){ .loop = u->loop,
				       .store = &u->store,
				       .calls = &down_calls,
				       .owner = b,
				       .address = a,
				       .family = u->family,
				       .password = u->password,
				       .directory = u->directory,
				       .patience = CHILD_PATIENCE };
	dolly_down_begin(&b->down);
	return dolly_down_tell(&b->down, u->text.data, u->text.len);
}

/* Turns to the nodes that follow host line ME: the server feeds the first `fanout` lines, line K those from
 * (K + 1) * fanout on. */
static int begin_branches(struct dolly_up *u, size_t me)
{
	size_t first = (me + 1) * u->conf.fanout, last = MIN(first + u->conf.fanout, u->conf.hosts);
	int err = 0;

	if (first >= last) {
		say_ready(u);
		return 0;
	}
	u->branch = calloc(last - first, sizeof(*u->branch));
	if (!u->branch)
		return -ENOMEM;
	u->branches = last - first;
	for (size_t i = first; i < last && !err && !u->ended; i++)
		err = begin_branch(u, &u->branch[i - first], u->conf.host[i]);
	return err;
}

/* ---- the beginning of a session */

/* Which host line is this machine: the last one that fits (the originals' rule). -1: none. */
static ssize_t find_me(struct dolly_up *u)
{
	struct peer_address here;
	char address[PEER_TEXT] = "";
	ssize_t found = -1;

	if (peer_near(u->loop, u->control.fd, &here) == 0)
		peer_text(&here, address);
	for (size_t i = 0; i < u->conf.hosts; i++) {
		const char *host = u->conf.host[i];
		size_t stem = u->conf.hyphennormal ? strlen(host) : strcspn(host, "-");
		cleanup_free char *name = str_printf("%.*s", (int)stem, host);

		if (streq(host, address) || u->calls->is_me(u, host) || (name && name[0] && u->calls->is_me(u, name)))
			found = (ssize_t)i;
	}
	return found;
}

static int start(struct dolly_up *u)
{
	char error[160];
	ssize_t me;
	int err = dolly_conf_parse(&u->conf, u->text.data, u->text.len, error, sizeof(error));

	if (err)
		return fail(&u->failure, FAIL_SRV_PROTOCOL, err, "the configuration that came: %s", error);
	if (u->conf.add > 0)
		return fail(&u->failure, FAIL_SRV_PROTOCOL, -EOPNOTSUPP,
			    "the configuration asks for several links (add); this program takes one");
	me = find_me(u);
	if (me < 0)
		return fail(&u->failure, FAIL_SRV_PROTOCOL, -ENOENT,
			    "none of the %zu hosts in the configuration is this machine", u->conf.hosts);
	str_copy(u->me, sizeof(u->me), u->conf.host[me]);
	dolly_put_parameters(&u->out, u->family, u->me);
	flush(u);
	err = u->calls->open(u, &u->conf, u->directory, &u->store, &u->failure);
	if (err)
		return err;
	u->store_open = true;
	u->block = malloc(BLOCK);
	if (!u->block)
		return -ENOMEM;
	err = loop_add(u->loop, &u->data, EPOLLIN);
	return err ? err : begin_branches(u, (size_t)me);
}

static void free_guest(struct dolly_guest *g)
{
	for (struct dolly_guest **p = &g->up->guests; *p; p = &(*p)->next) {
		if (*p == g) {
			*p = g->next;
			break;
		}
	}
	loop_close_fd(g->up->loop, &g->w);
	buf_free(&g->in);
	loop_free_later(g->up->loop, g);
}

/* A control connection whose configuration is complete, and the data connection of the same machine. */
static void maybe_begin(struct dolly_up *u)
{
	struct dolly_guest *control = u->guests, *data;
	struct dolly_greeting g;
	int err;

	while (control && !control->complete)
		control = control->next;
	if (!control || u->active)
		return;
	for (data = u->guests; data; data = data->next)
		if (!data->control && peer_same_host(&data->from, &control->from))
			break;
	if (!data)
		return;
	dolly_read_greeting((uint8_t *)control->in.data, control->in.len, true, &g);
	u->active = true;
	u->family = g.family;
	u->directory = g.directory;
	buf_add(&u->text, control->in.data + g.text_at, control->in.len - g.text_at);
	loop_remove(u->loop, &control->w);
	loop_remove(u->loop, &data->w);
	u->control = (struct loop_fd){ .fd = control->w.fd, .ready = on_control };
	u->data = (struct loop_fd){ .fd = data->w.fd, .ready = on_data };
	control->w.fd = data->w.fd = -1;
	u->length = -1;
	u->heard = loop_now(u->loop);
	while (u->guests)
		free_guest(u->guests);
	note(u, "a server of dolly's published protocol (%s) has come",
	     u->family == DOLLY_OLD ? "0.58 to 0.64" : "0.70 to 0.72");
	if (u->calls->begun)
		u->calls->begun(u);
	err = loop_add(u->loop, &u->control, EPOLLIN);
	if (!err)
		err = start(u);
	if (err)
		finish(u, err);
}

/* Looks at what a control guest has said so far. False when it is gone. */
static bool hear_guest(struct dolly_guest *g)
{
	struct dolly_up *u = g->up;
	struct dolly_greeting greeting;
	uint8_t answer[32];

	switch (dolly_read_greeting((uint8_t *)g->in.data, g->in.len, g->answered, &greeting)) {
	case DOLLY_CHALLENGE:
		if (!u->password)
			break;
		dolly_answer(u->password, (uint8_t *)g->in.data + 1, answer);
		g->answered = true;
		if (peer_write(u->loop, g->w.fd, answer, sizeof(answer)) == sizeof(answer))
			return true;
		break;
	case DOLLY_MORE:
		return true;
	case DOLLY_COMPLETE:
		if (u->password && !greeting.password) {
			note(u, "a server without the password was refused");
			break;
		}
		g->complete = true;
		maybe_begin(u);
		return true;
	default:
		break;
	}
	free_guest(g);
	return false;
}

static void on_guest(struct loop_fd *w, uint32_t events)
{
	struct dolly_guest *g = container_of(w, struct dolly_guest, w);
	char bytes[4096];
	ssize_t n;

	(void)events;
	if (!g->control) {
		/* data may have come already; only an end matters here */
		n = peer_peek(g->up->loop, w->fd, bytes, 1);
		if (n == 0 || (n < 0 && n != -EAGAIN))
			free_guest(g);
		else
			loop_change(g->up->loop, w, 0);
		return;
	}
	n = peer_read(g->up->loop, w->fd, bytes, sizeof(bytes));
	if (n == -EAGAIN)
		return;
	if (n <= 0 || buf_add(&g->in, bytes, (size_t)n) < 0)
		free_guest(g);
	else
		hear_guest(g);
}

static void accept_guest(struct dolly_up *u, struct loop_fd *listener, bool control)
{
	struct dolly_guest *g = NULL;
	struct peer_address from;
	unsigned count = 0;
	int fd = peer_accept(u->loop, listener->fd, &from);

	if (fd < 0)
		return;
	for (struct dolly_guest *i = u->guests; i; i = i->next)
		count++;
	if (!u->active && count < MAX_GUESTS)
		g = calloc(1, sizeof(*g));
	if (!g) {
		peer_shut(u->loop, fd);
		return;
	}
	*g = (struct dolly_guest){ .up = u, .w = { .fd = fd, .ready = on_guest }, .control = control, .from = from };
	g->deadline = loop_now(u->loop) + (control ? GUEST_MS : DATA_GUEST_MS);
	if (loop_add(u->loop, &g->w, EPOLLIN) < 0) {
		peer_shut(u->loop, fd);
		free(g);
		return;
	}
	g->next = u->guests;
	u->guests = g;
	if (!control)
		maybe_begin(u);
}

static void on_control_listener(struct loop_fd *w, uint32_t events)
{
	(void)events;
	accept_guest(container_of(w, struct dolly_up, control_listener), w, true);
}

static void on_data_listener(struct loop_fd *w, uint32_t events)
{
	(void)events;
	accept_guest(container_of(w, struct dolly_up, data_listener), w, false);
}

static void on_timer(struct loop_timer *t)
{
	struct dolly_up *u = container_of(t, struct dolly_up, timer);
	int64_t now = loop_now(u->loop);

	loop_at(u->loop, t, now + TICK_MS);
	for (struct dolly_guest *g = u->guests, *next; g; g = next) {
		next = g->next;
		if (now > g->deadline)
			free_guest(g);
	}
	if (u->active && !u->completing && now - u->heard > (u->position ? SILENCE_MS : START_MS))
		give_up(u, FAIL_SRV_STALLED, -ETIMEDOUT, "the node before us sends nothing any more");
}

static int listen_on(struct dolly_up *u, struct loop_fd *w, uint16_t port, struct failure *f)
{
	int err;

	w->fd = peer_listen(u->loop, port);
	if (w->fd < 0)
		return fail(f, FAIL_NET_PORT, w->fd, "port %u: %s", port, err_text(w->fd));
	err = loop_add(u->loop, w, EPOLLIN);
	return err < 0 ? fail(f, FAIL_SYS_INTERNAL, err, "epoll: %s", err_text(err)) : 0;
}

int dolly_up_open(struct dolly_up *u, struct failure *f)
{
	int err;

	u->control = u->data = (struct loop_fd){ .fd = -1 };
	u->control_listener = (struct loop_fd){ .fd = -1, .ready = on_control_listener };
	u->data_listener = (struct loop_fd){ .fd = -1, .ready = on_data_listener };
	u->timer.fire = on_timer;
	u->length = -1;
	err = listen_on(u, &u->data_listener, DOLLY_DATA_PORT, f);
	if (!err)
		err = listen_on(u, &u->control_listener, DOLLY_CONTROL_PORT, f);
	if (err) {
		dolly_up_close(u);
		return err;
	}
	loop_at(u->loop, &u->timer, loop_now(u->loop) + TICK_MS);
	return 0;
}

void dolly_up_close(struct dolly_up *u)
{
	if (!u->loop)
		return;
	loop_forget(u->loop, &u->timer);
	while (u->guests)
		free_guest(u->guests);
	loop_close_fd(u->loop, &u->control_listener);
	loop_close_fd(u->loop, &u->data_listener);
	hang_up(u);
	if (u->branch)
		loop_free_later(u->loop, u->branch);
	u->branch = NULL;
	u->branches = 0;
	if (u->store_open)
		rstore_close(&u->store, false);
	u->store_open = false;
	dolly_conf_free(&u->conf);
	buf_free(&u->text);
	buf_free(&u->in);
	buf_free(&u->out);
	free(u->block);
	u->block = NULL;
}
