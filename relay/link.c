/* link.c - a TCP connection -> whole frames of the extension, and frames -> the connection; never blocks. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/link.h"

uint16_t peer_bound_port(struct loop *l, int fd)
{
	struct peer_address a;

	return peer_near(l, fd, &a) == 0 ? peer_port(&a) : 0;
}

/* ---- frames */

static void drop(struct link *l, int err)
{
	link_close(l);
	l->calls->closed(l, err);
}

static void update_events(struct link *l)
{
	bool out = l->connecting || l->out.len > l->out_sent || l->want_out;

	loop_change(l->loop, &l->w, EPOLLIN | (out ? EPOLLOUT : 0));
}

/* Writes what `out` holds. 0, or -errno of a broken connection. */
static int write_out(struct link *l)
{
	while (l->out.len > l->out_sent) {
		ssize_t n = l->loop->world->write(l->loop, l->w.fd, l->out.data + l->out_sent, l->out.len - l->out_sent,
						  l->more);

		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		l->out_sent += (size_t)n;
	}
	l->out.len = l->out_sent = 0;
	return 0;
}

void link_flush(struct link *l)
{
	/* an error shows again as EPOLLERR or EPOLLHUP, and is handled there */
	if (!link_is_open(l))
		return;
	if (!l->connecting)
		write_out(l);
	update_events(l);
}

/* True when the magic is there and has been taken off. */
static bool take_magic(struct link *l)
{
	size_t n = MIN(l->in.len, (size_t)WIRE_MAGIC_SIZE);

	if (n && memcmp(l->in.data, WIRE_MAGIC, n) != 0) {
		drop(l, -EBADMSG);
		return false;
	}
	if (n < WIRE_MAGIC_SIZE)
		return false;
	l->expect_magic = false;
	buf_drop(&l->in, WIRE_MAGIC_SIZE);
	return true;
}

void link_process(struct link *l)
{
	if (l->expect_magic && !take_magic(l))
		return;
	while (l->in.len >= WIRE_HEADER) {
		struct wire_header h = wire_get_header((uint8_t *)l->in.data);
		cleanup_buf struct buf body = { 0 };
		unsigned life = l->life;

		if (h.length > (h.type == WIRE_JOB ? WIRE_JOB_MAX : WIRE_SMALL)) {
			drop(l, -EBADMSG);
			return;
		}
		if (l->in.len < WIRE_HEADER + (size_t)h.length)
			return;
		if (buf_add(&body, l->in.data + WIRE_HEADER, h.length) < 0) {
			drop(l, -ENOMEM);
			return;
		}
		buf_drop(&l->in, WIRE_HEADER + (size_t)h.length);
		l->calls->frame(l, &h, (const uint8_t *)buf_cstr(&body));
		if (l->life != life)
			return; /* the callee has closed it, or given it away */
	}
}

static void read_in(struct link *l)
{
	char bytes[16384];
	ssize_t n = peer_read(l->loop, l->w.fd, bytes, sizeof(bytes));

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		drop(l, (int)n);
		return;
	}
	l->heard = loop_now(l->loop);
	if (buf_add(&l->in, bytes, (size_t)n) < 0) {
		drop(l, -ENOMEM);
		return;
	}
	link_process(l);
}

static void finish_connect(struct link *l)
{
	int err = peer_error(l->loop, l->w.fd);

	if (err) {
		drop(l, err);
		return;
	}
	l->connecting = false;
	l->heard = loop_now(l->loop);
	if (l->calls->connected)
		l->calls->connected(l);
}

static void handle_events(struct link *l, uint32_t events)
{
	unsigned life = l->life;
	int err = 0;

	if (l->connecting)
		finish_connect(l);
	if (l->life != life)
		return;
	if (l->out.len > l->out_sent)
		err = write_out(l);
	if (!err && l->out.len == 0 && events & EPOLLOUT && l->calls->drained)
		l->calls->drained(l);
	if (l->life == life && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_in(l);
	else if (l->life == life && err < 0)
		drop(l, err);
	if (l->life == life)
		update_events(l);
}

static void ready(struct loop_fd *w, uint32_t events)
{
	handle_events(container_of(w, struct link, w), events);
}

int link_open(struct link *l, struct loop *loop, int fd, const struct link_calls *calls, bool connecting)
{
	unsigned life = l->life + 1;
	int err;

	*l = (struct link){ .loop = loop, .w = { .fd = fd, .ready = ready }, .calls = calls, .heard = loop_now(loop) };
	l->life = life;
	l->connecting = connecting;
	l->expect_magic = !connecting;
	if (connecting)
		buf_add(&l->out, WIRE_MAGIC, WIRE_MAGIC_SIZE);
	err = loop_add(loop, &l->w, EPOLLIN | (connecting ? EPOLLOUT : 0));
	if (err) {
		peer_shut(loop, fd);
		l->w.fd = -1;
		buf_free(&l->out);
	}
	return err;
}

bool link_is_open(const struct link *l)
{
	return l->loop && l->w.fd >= 0;
}

void link_close(struct link *l)
{
	if (!link_is_open(l))
		return;
	l->life++;
	loop_close_fd(l->loop, &l->w);
	buf_free(&l->in);
	buf_free(&l->out);
	l->out_sent = 0;
}

int link_move(struct link *to, struct link *from, const struct link_calls *calls)
{
	unsigned life = to->life + 1;

	from->life++;
	loop_remove(from->loop, &from->w);
	*to = *from;
	to->life = life;
	to->calls = calls;
	to->w.ready = ready;
	from->w.fd = -1;
	from->in = from->out = (struct buf){ 0 };
	return loop_add(to->loop, &to->w, to->w.events);
}

int link_release(struct link *l)
{
	int fd = l->w.fd;

	loop_remove(l->loop, &l->w);
	l->w.fd = -1;
	l->life++;
	buf_free(&l->in);
	buf_free(&l->out);
	return fd;
}
