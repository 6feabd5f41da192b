/* link.c - a TCP connection -> whole frames of the extension, and frames -> the connection; never blocks. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/link.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_USER_TIMEOUT
#define TCP_USER_TIMEOUT 18 /* linux/tcp.h */
#endif

/* ---- addresses and sockets */

const char *peer_text(const struct peer_address *a, char buf[PEER_TEXT])
{
	const void *p = a->u.sa.sa_family == AF_INET6 ? (const void *)&a->u.in6.sin6_addr : (const void *)&a->u.in.sin_addr;

	if (a->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr)) {
		p = (const char *)p + 12;
		if (!inet_ntop(AF_INET, p, buf, PEER_TEXT))
			str_copy(buf, PEER_TEXT, "?");
		return buf;
	}
	if (!inet_ntop(a->u.sa.sa_family, p, buf, PEER_TEXT))
		str_copy(buf, PEER_TEXT, "?");
	return buf;
}

void peer_set_port(struct peer_address *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons(port);
	else
		a->u.in.sin_port = htons(port);
}

uint16_t peer_port(const struct peer_address *a)
{
	return ntohs(a->u.sa.sa_family == AF_INET6 ? a->u.in6.sin6_port : a->u.in.sin_port);
}

void peer_unmap(struct peer_address *a)
{
	struct peer_address plain = { .u.in.sin_family = AF_INET, .len = sizeof(plain.u.in) };

	if (a->u.sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
		return;
	memcpy(&plain.u.in.sin_addr, &a->u.in6.sin6_addr.s6_addr[12], 4);
	plain.u.in.sin_port = a->u.in6.sin6_port;
	*a = plain;
}

bool peer_same_host(const struct peer_address *a, const struct peer_address *b)
{
	char x[PEER_TEXT], y[PEER_TEXT];

	return streq(peer_text(a, x), peer_text(b, y));
}

void peer_tune(int fd)
{
	int on = 1, idle = 2, interval = 1, count = 4;
	unsigned patience = 10000; /* ms that sent bytes may stay unacknowledged */

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
	/* BBR, where it is the default, all but stops a connection every 10 s to measure: a chain waits for each of them.
	 * CUBIC ends its slow start when the round trip grows, and here it does at once: acknowledgements go up the cable
	 * on which the image comes down. One chain in twelve then ran at half the rate for its first seconds. */
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

int peer_connect(const struct peer_address *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM, 0);

	if (fd < 0)
		return -errno;
	peer_tune(fd);
	if (connect(fd, &a->u.sa, a->len) < 0 && errno != EINPROGRESS) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int peer_listen(uint16_t port)
{
	struct peer_address a = { .len = sizeof(a.u.in6) };
	int fd, on = 1, off = 0, err;

	a.u.in6.sin6_family = AF_INET6;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd < 0) { /* a kernel without IPv6 */
		a = (struct peer_address) { .len = sizeof(a.u.in) };
		a.u.in.sin_family = AF_INET;
		fd = socket(AF_INET, SOCK_STREAM, 0);
	} else {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	}
	if (fd < 0)
		return -errno;
	peer_set_port(&a, port);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a.u.sa, a.len) == 0 && listen(fd, 128) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

uint16_t peer_bound_port(int fd)
{
	struct peer_address a = { .len = sizeof(a.u) };

	return getsockname(fd, &a.u.sa, &a.len) == 0 ? peer_port(&a) : 0;
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
		ssize_t n = send(l->w.fd, l->out.data + l->out_sent, l->out.len - l->out_sent,
				 MSG_NOSIGNAL | (l->more ? MSG_MORE : 0));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
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
	ssize_t n = recv(l->w.fd, bytes, sizeof(bytes), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(l, n < 0 ? -errno : 0);
		return;
	}
	l->heard = now_ms();
	if (buf_add(&l->in, bytes, (size_t)n) < 0) {
		drop(l, -ENOMEM);
		return;
	}
	link_process(l);
}

static void finish_connect(struct link *l)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(l->w.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		drop(l, -err);
		return;
	}
	l->connecting = false;
	l->heard = now_ms();
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
	if (err == 0 && l->out.len == 0 && events & EPOLLOUT && l->calls->drained)
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

	*l = (struct link) { .loop = loop, .w = { .fd = fd, .ready = ready }, .calls = calls, .heard = now_ms() };
	l->life = life;
	l->connecting = connecting;
	l->expect_magic = !connecting;
	if (connecting)
		buf_add(&l->out, WIRE_MAGIC, WIRE_MAGIC_SIZE);
	err = loop_add(loop, &l->w, EPOLLIN | (connecting ? EPOLLOUT : 0));
	if (err < 0) {
		close(fd);
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
	from->in = from->out = (struct buf) { 0 };
	return loop_add(to->loop, &to->w, to->w.events);
}
