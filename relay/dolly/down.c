/* down.c - parent of one original dolly: its protocol spoken downwards, from a store. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/dolly/down.h"

#include "relay/states.h"

#include <stdio.h>

#define RETRY_MS    500
#define STEP_MS     120 /* between writes that an original must not get in one read */
#define GREETING_MS 10000
#define STALL_MS    60000  /* the child takes nothing */
#define ACK_MS      600000 /* it writes to a slow medium before it acknowledges */
#define BUDGET      (4 * MIB)

#define TO(state) (1u << DOWN_##state)

/* What may follow what. */
static const uint32_t next[] = {
	[DOWN_IDLE] = TO(DATA),
	[DOWN_DATA] = TO(DATA) | TO(FOUND) | TO(OVER),
	[DOWN_FOUND] = TO(CONTROL) | TO(OVER),
	[DOWN_CONTROL] = TO(CONTROL) | TO(GREETING) | TO(OVER),
	[DOWN_GREETING] = TO(FEEDING) | TO(OVER),
	[DOWN_FEEDING] = TO(ACK) | TO(OVER),
	[DOWN_ACK] = TO(OVER),
	[DOWN_OVER] = TO(OVER),
};

static const char *state_name(enum dolly_down_state s)
{
	static const char *const names[] = {
		[DOWN_IDLE] = "idle",
		[DOWN_DATA] = "calling the data port",
		[DOWN_FOUND] = "found",
		[DOWN_CONTROL] = "calling the control port",
		[DOWN_GREETING] = "greeting",
		[DOWN_FEEDING] = "feeding",
		[DOWN_ACK] = "waiting for the acknowledgement",
		[DOWN_OVER] = "over",
	};

	return names[s];
}

static void enter(struct dolly_down *d, enum dolly_down_state s)
{
	states_check("the way to an original", d->state, s, next[d->state], state_name);
	d->state = s;
}

static void close_both(struct dolly_down *d)
{
	loop_close_fd(d->loop, &d->data);
	loop_close_fd(d->loop, &d->control);
}

void dolly_down_close(struct dolly_down *d)
{
	if (d->state == DOWN_IDLE)
		return;
	close_both(d);
	loop_forget(d->loop, &d->timer);
	buf_free(&d->text);
	buf_free(&d->in);
	enter(d, DOWN_OVER);
}

static void give_up(struct dolly_down *d, int err, const char *why)
{
	char text[200];

	snprintf(text, sizeof(text), "%s%s%s", why, err ? ": " : "", err ? err_text(err) : "");
	dolly_down_close(d);
	d->calls->failed(d, err ? err : -EIO, text);
}

/* ---- connecting */

static void connect_data(struct dolly_down *d);
static void connect_control(struct dolly_down *d);

/* The connection just tried is no use: again, unless the time is over. */
static void again(struct dolly_down *d, struct loop_fd *w, int err)
{
	loop_close_fd(d->loop, w);
	if (loop_now(d->loop) >= d->deadline || (d->once && d->state == DOWN_DATA))
		give_up(d, err, "no dolly answers");
	else
		loop_at(d->loop, &d->timer, loop_now(d->loop) + RETRY_MS);
}

static void start_connect(struct dolly_down *d, struct loop_fd *w, uint16_t port)
{
	int fd, err;

	peer_set_port(&d->address, port);
	fd = peer_connect(d->loop, &d->address);
	w->fd = fd;
	err = fd < 0 ? fd : loop_add(d->loop, w, EPOLLOUT);
	if (err)
		again(d, w, err);
	else
		loop_at(d->loop, &d->timer, MIN(d->deadline, loop_now(d->loop) + 3000));
}

static void connect_data(struct dolly_down *d)
{
	enter(d, DOWN_DATA);
	start_connect(d, &d->data, DOLLY_DATA_PORT);
}

static void connect_control(struct dolly_down *d)
{
	enter(d, DOWN_CONTROL);
	start_connect(d, &d->control, DOLLY_CONTROL_PORT);
}

/* ---- greeting: each step in a segment of its own, as originals read */

static bool send_all(struct dolly_down *d, const void *bytes, size_t len)
{
	ssize_t n = peer_write(d->loop, d->control.fd, bytes, len);

	if (n == (ssize_t)len)
		return true;
	give_up(d, n < 0 ? (int)n : -EAGAIN, "sending the configuration");
	return false;
}

enum { STEP_FLAG, STEP_NONCE, STEP_ANSWER, STEP_OK, STEP_DIRECTORY, STEP_TEXT };

/* Sends what is due and sets the time for the next step. */
static void greet(struct dolly_down *d)
{
	uint8_t flag = d->password ? 1 : 0;
	uint8_t directory[4] = { d->directory, 0, 0, 0 };

	loop_at(d->loop, &d->timer, loop_now(d->loop) + STEP_MS);
	switch (d->step) {
	case STEP_FLAG:
		d->step = d->password ? STEP_NONCE : STEP_DIRECTORY;
		send_all(d, &flag, 1);
		break;
	case STEP_NONCE:
		wire_random(d->nonce, sizeof(d->nonce));
		d->step = STEP_ANSWER;
		loop_at(d->loop, &d->timer, loop_now(d->loop) + GREETING_MS);
		send_all(d, d->nonce, sizeof(d->nonce));
		break;
	case STEP_ANSWER:
		give_up(d, -ETIMEDOUT, "no answer to the password question");
		break;
	case STEP_OK:
		d->step = STEP_DIRECTORY;
		send_all(d, "OK", 3);
		break;
	case STEP_DIRECTORY:
		d->step = STEP_TEXT;
		send_all(d, directory, sizeof(directory));
		break;
	default:
		/* a read that fills exactly one segment makes an original wait for another */
		if (d->text.len == 1448)
			buf_char(&d->text, ' ');
		if (!send_all(d, d->text.data, d->text.len))
			return;
		enter(d, DOWN_FEEDING);
		d->moved = loop_now(d->loop);
		loop_at(d->loop, &d->timer, loop_now(d->loop) + 1000);
		if (d->calls->told)
			d->calls->told(d);
		break;
	}
}

static void begin_greeting(struct dolly_down *d)
{
	enter(d, DOWN_GREETING);
	d->step = d->family == DOLLY_NEW ? STEP_FLAG : STEP_TEXT;
	loop_change(d->loop, &d->control, EPOLLIN);
	greet(d);
}

static void check_answer(struct dolly_down *d)
{
	uint8_t right[32];
	uint8_t difference = 0;

	dolly_answer(d->password, d->nonce, right);
	for (int i = 0; i < 32; i++)
		difference |= right[i] ^ (uint8_t)d->in.data[i];
	buf_drop(&d->in, 32);
	if (difference) {
		peer_write(d->loop, d->control.fd, "AUTH_FAILED:client", 19);
		give_up(d, -EACCES, "the passwords differ");
		return;
	}
	d->step = STEP_OK;
	greet(d);
}

/* ---- what the child says */

static void take_answers(struct dolly_down *d)
{
	size_t used;

	while (d->state == DOWN_GREETING || d->state == DOWN_FEEDING || d->state == DOWN_ACK) {
		const uint8_t *p = (const uint8_t *)d->in.data;

		if (d->state == DOWN_GREETING && d->step == STEP_ANSWER) {
			if (d->in.len < 32)
				return;
			check_answer(d);
			continue;
		}
		switch (d->in.len ? dolly_read_answer(p, d->in.len, &used) : DOLLY_ANSWER_MORE) {
		case DOLLY_ANSWER_LINE:
			d->calls->line(d, d->in.data, used);
			if (d->in.len >= used)
				buf_drop(&d->in, used);
			break;
		case DOLLY_ANSWER_ACK: {
			uint64_t bytes = dolly_get_length(p);

			if (d->state != DOWN_ACK) {
				give_up(d, 0, "an acknowledgement came before the end");
				return;
			}
			dolly_down_close(d);
			d->calls->acknowledged(d, bytes);
			return;
		}
		default:
			return;
		}
	}
}

static void read_control(struct dolly_down *d)
{
	char bytes[4096];
	ssize_t n = peer_read(d->loop, d->control.fd, bytes, sizeof(bytes));

	if (n == -EAGAIN)
		return;
	if (n <= 0 || d->in.len > 65536 || buf_add(&d->in, bytes, (size_t)n) < 0) {
		give_up(d, n < 0 ? (int)n : 0, "it closed the control connection");
		return;
	}
	d->moved = loop_now(d->loop);
	take_answers(d);
}

/* ---- feeding */

static bool send_length(struct dolly_down *d)
{
	uint8_t bytes[8];

	if (d->length_sent || d->length < 0)
		return true;
	dolly_put_length(bytes, (uint64_t)d->length);
	d->length_sent = true;
	return send_all(d, bytes, sizeof(bytes));
}

static void pump(struct dolly_down *d)
{
	/* an original that sees the last, partial block before the length waits for the rest of it for ever */
	int64_t limit = d->length >= 0 ? MIN(d->available, d->length) : d->available & ~(int64_t)(DOLLY_BLOCK - 1);
	int64_t budget = BUDGET;
	bool full = false;

	if (d->state != DOWN_FEEDING || !send_length(d))
		return;
	while (d->sent < limit && budget > 0 && !full) {
		ssize_t n = rstore_send(d->store, d->loop, d->data.fd, d->sent, (size_t)MIN(limit - d->sent, budget));

		if (n == -EAGAIN) {
			full = true;
		} else if (n < 0) {
			give_up(d, (int)n, "sending");
			return;
		} else {
			d->sent += n;
			budget -= n;
			d->moved = loop_now(d->loop);
		}
	}
	loop_change(d->loop, &d->data, EPOLLIN | (d->sent < limit ? EPOLLOUT : 0));
	if (d->length >= 0 && d->sent == d->length) {
		enter(d, DOWN_ACK);
		peer_end(d->loop, d->data.fd);
		loop_remove(d->loop, &d->data); /* nothing is expected there any more */
	}
}

void dolly_down_feed(struct dolly_down *d, int64_t available, int64_t length)
{
	d->available = available;
	d->length = length;
	if (available > 0 || length >= 0)
		pump(d);
}

/* ---- events */

static void on_data(struct loop_fd *w, uint32_t events)
{
	struct dolly_down *d = container_of(w, struct dolly_down, data);
	char byte;
	int err;

	if (d->state == DOWN_DATA) {
		err = peer_error(d->loop, w->fd);
		if (err) {
			again(d, w, err);
			return;
		}
		enter(d, DOWN_FOUND);
		loop_change(d->loop, w, 0);
		loop_at(d->loop, &d->timer, 0);
		if (d->calls->found)
			d->calls->found(d);
		if (d->state == DOWN_FOUND && d->text.len)
			connect_control(d);
		return;
	}
	if (events & EPOLLIN && peer_read(d->loop, w->fd, &byte, 1) == 0)
		give_up(d, 0, "it closed the data connection");
	else if (events & (EPOLLERR | EPOLLHUP))
		give_up(d, -ECONNRESET, "the data connection");
	else
		pump(d);
}

static void on_control(struct loop_fd *w, uint32_t events)
{
	struct dolly_down *d = container_of(w, struct dolly_down, control);
	int err;

	(void)events;
	if (d->state == DOWN_CONTROL) {
		err = peer_error(d->loop, w->fd);
		if (err)
			again(d, w, err);
		else
			begin_greeting(d);
		return;
	}
	read_control(d);
}

static void on_timer(struct loop_timer *t)
{
	struct dolly_down *d = container_of(t, struct dolly_down, timer);
	int64_t now = loop_now(d->loop);

	switch (d->state) {
	case DOWN_DATA:
	case DOWN_CONTROL: {
		struct loop_fd *w = d->state == DOWN_DATA ? &d->data : &d->control;

		if (w->fd >= 0)
			again(d, w, -ETIMEDOUT);
		else if (d->state == DOWN_DATA)
			connect_data(d);
		else
			connect_control(d);
		break;
	}
	case DOWN_GREETING:
		greet(d);
		break;
	case DOWN_FEEDING:
	case DOWN_ACK:
		if (d->state == DOWN_ACK ? now - d->moved > ACK_MS
					 : d->sent > 0 && d->sent < d->available && now - d->moved > STALL_MS)
			give_up(d, -ETIMEDOUT,
				d->state == DOWN_ACK ? "no acknowledgement" : "it takes nothing any more");
		else
			loop_at(d->loop, t, now + 1000);
		break;
	default:
		break;
	}
}

void dolly_down_begin(struct dolly_down *d)
{
	d->data = (struct loop_fd){ .fd = -1, .ready = on_data };
	d->control = (struct loop_fd){ .fd = -1, .ready = on_control };
	d->timer.fire = on_timer;
	d->length = -1;
	d->deadline = loop_now(d->loop) + d->patience;
	connect_data(d);
}

int dolly_down_tell(struct dolly_down *d, const char *text, size_t len)
{
	int err = buf_add(&d->text, text, len);

	if (!err && d->state == DOWN_FOUND)
		connect_control(d);
	return err;
}
