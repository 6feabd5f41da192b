/* conn.c - a ka control connection -> whole packets with their bodies, and packets -> the connection. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/conn.h"

#define MAX_OUT (256 * 1024) /* bytes waiting for a peer that does not read */

static void drop(struct ka_conn *c, int err)
{
	ka_conn_close(c);
	c->calls->closed(c, err);
}

static void update_events(struct ka_conn *c)
{
	loop_change(c->loop, &c->w, EPOLLIN | (c->connecting || c->out.len ? EPOLLOUT : 0));
}

static void flush(struct ka_conn *c)
{
	if (c->connecting)
		return;
	while (c->out.len) {
		ssize_t n = peer_write(c->loop, c->w.fd, c->out.data, c->out.len);

		if (n <= 0)
			break; /* full, or broken: the events will tell */
		buf_drop(&c->out, (size_t)n);
	}
	update_events(c);
}

static void put(struct ka_conn *c, const uint8_t *packet, size_t size, const void *body, size_t length)
{
	if (!ka_conn_is_open(c) || c->out.len > MAX_OUT)
		return; /* a peer that reads nothing is noticed by its silence */
	buf_add(&c->out, packet, size);
	if (length)
		buf_add(&c->out, body, length);
	flush(c);
}

void ka_conn_up(struct ka_conn *c, const struct ka_up *m, const void *body)
{
	uint8_t packet[KA_MAX_PACKET];

	ka_put_up(packet, c->layout, m);
	put(c, packet, ka_up_size(c->layout), body, m->type == KA_UP_OURS ? m->length : 0);
}

void ka_conn_down(struct ka_conn *c, const struct ka_down *m, const void *body)
{
	uint8_t packet[KA_MAX_PACKET];

	ka_put_down(packet, c->layout, m);
	put(c, packet, ka_down_size(c->layout), body, m->type == KA_DOWN_OURS ? m->length : 0);
}

/* The first packet of `in`, with its body: hands it to the owner. 0, -EAGAIN while it is not complete, -EBADMSG. */
static int take_packet(struct ka_conn *c)
{
	const uint8_t *p = (const uint8_t *)c->in.data;
	size_t size = c->server ? ka_up_size(c->layout) : ka_down_size(c->layout), length;
	uint8_t body[KA_BODY_MAX];
	struct ka_down down;
	struct ka_up up;

	if (c->in.len < size)
		return -EAGAIN;
	if (c->server) {
		ka_get_up(p, c->layout, &up);
		length = up.type == KA_UP_OURS && up.op ? up.length : 0;
	} else {
		ka_get_down(p, c->layout, &down);
		length = down.type == KA_DOWN_OURS && down.op ? down.length : 0;
	}
	if (length > sizeof(body))
		return -EBADMSG;
	if (c->in.len < size + length)
		return -EAGAIN;
	memcpy(body, p + size, length);
	buf_drop(&c->in, size + length);
	if (c->server)
		c->calls->up(c, &up, length ? body : NULL);
	else
		c->calls->down(c, &down, length ? body : NULL);
	return 0;
}

static void take_packets(struct ka_conn *c)
{
	unsigned life = c->life;
	int err = 0;

	if (!c->layout_known) {
		err = ka_guess_layout((const uint8_t *)c->in.data, c->in.len, &c->layout);
		c->layout_known = !err;
	}
	while (!err) {
		err = take_packet(c);
		if (c->life != life)
			return; /* the owner has closed it */
	}
	if (err != -EAGAIN)
		drop(c, err);
}

static void read_in(struct ka_conn *c)
{
	char bytes[4096];
	ssize_t n = peer_read(c->loop, c->w.fd, bytes, sizeof(bytes));

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		drop(c, (int)n);
		return;
	}
	c->heard = loop_now(c->loop);
	if (buf_add(&c->in, bytes, (size_t)n) < 0)
		drop(c, -ENOMEM);
	else
		take_packets(c);
}

static void finish_connect(struct ka_conn *c)
{
	int err = peer_error(c->loop, c->w.fd);

	if (err) {
		drop(c, err);
		return;
	}
	c->connecting = false;
	c->heard = loop_now(c->loop);
	c->calls->connected(c);
}

static void ready(struct loop_fd *w, uint32_t events)
{
	struct ka_conn *c = container_of(w, struct ka_conn, w);
	unsigned life = c->life;

	if (c->connecting)
		finish_connect(c);
	if (c->life == life && events & EPOLLOUT)
		flush(c);
	if (c->life == life && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_in(c);
	if (c->life == life)
		update_events(c);
}

static int open_conn(struct ka_conn *c, struct loop *l, int fd, const struct ka_conn_calls *calls)
{
	unsigned life = c->life + 1;
	int err;

	*c = (struct ka_conn){
		.loop = l, .w = { .fd = fd, .ready = ready }, .calls = calls, .heard = loop_now(l), .life = life
	};
	err = loop_add(l, &c->w, EPOLLIN);
	if (err)
		loop_close_fd(l, &c->w);
	return err;
}

int ka_conn_accept(struct ka_conn *c, struct loop *l, int fd, const struct ka_conn_calls *calls)
{
	int err = open_conn(c, l, fd, calls);

	c->server = true;
	return err;
}

int ka_conn_connect(struct ka_conn *c, struct loop *l, int fd, enum ka_layout layout, const struct ka_conn_calls *calls)
{
	int err = open_conn(c, l, fd, calls);

	c->layout = layout;
	c->layout_known = true;
	c->connecting = true;
	if (!err)
		update_events(c);
	return err;
}

bool ka_conn_is_open(const struct ka_conn *c)
{
	return c->loop && c->w.fd >= 0;
}

void ka_conn_close(struct ka_conn *c)
{
	if (!ka_conn_is_open(c))
		return;
	c->life++;
	loop_close_fd(c->loop, &c->w);
	buf_free(&c->in);
	buf_free(&c->out);
}
