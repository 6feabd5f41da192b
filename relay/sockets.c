/* sockets.c - the relay's world as it is: the monotonic clock, epoll, TCP and UDP. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/announce.h"

#include "base/clock.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"

/* ---- waiting */

static int open_loop(struct loop *l)
{
	struct rlimit r;

	/* as many descriptors as there may be: each node is one or two */
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < MIN(r.rlim_max, (rlim_t)65536)) {
		r.rlim_cur = MIN(r.rlim_max, (rlim_t)65536);
		setrlimit(RLIMIT_NOFILE, &r);
	}
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll_fd < 0 ? -errno : 0;
}

static void close_loop(struct loop *l)
{
	base_close_fd(&l->epoll_fd);
}

static int64_t now(struct loop *l)
{
	(void)l;
	return now_ms();
}

static int watch(struct loop *l, struct loop_fd *w, bool add)
{
	struct epoll_event e = { .events = w->events, .data.ptr = w };

	return epoll_ctl(l->epoll_fd, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, w->fd, &e) < 0 ? -errno : 0;
}

static void forget(struct loop *l, struct loop_fd *w)
{
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
}

static int wait_for(struct loop *l, struct epoll_event *events, int count, int ms)
{
	int n = epoll_wait(l->epoll_fd, events, count, ms);

	return n >= 0 ? n : errno == EINTR ? 0 : -errno;
}

/* ---- connections */

static void tune(int fd)
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
	/* BBR, where it is the default, all but stops a connection every 10 s to measure: a chain waits for each of
	 * them. CUBIC ends its slow start when the round trip grows, and here it does at once: acknowledgements go up
	 * the cable on which the image comes down. One chain in twelve then ran at half the rate for its first
	 * seconds. */
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

static int connect_to(struct loop *l, const struct peer_address *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM, 0);

	(void)l;
	if (fd < 0)
		return -errno;
	tune(fd);
	if (connect(fd, &a->u.sa, a->len) < 0 && errno != EINPROGRESS) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int listen_on(struct loop *l, uint16_t port)
{
	struct peer_address a = { .len = sizeof(a.u.in6) };
	int fd, on = 1, off = 0, err;

	(void)l;
	a.u.in6.sin6_family = AF_INET6;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd < 0) { /* a kernel without IPv6 */
		a = (struct peer_address){ .len = sizeof(a.u.in) };
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

static int accept_from(struct loop *l, int listener, struct peer_address *from)
{
	int fd;

	(void)l;
	from->len = sizeof(from->u);
	fd = accept(listener, &from->u.sa, &from->len);
	if (fd < 0)
		return -errno;
	tune(fd);
	return fd;
}

static int error_of(struct loop *l, int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	(void)l;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return -err;
}

static int address_of(struct loop *l, int fd, bool far, struct peer_address *a)
{
	(void)l;
	a->len = sizeof(a->u);
	return (far ? getpeername(fd, &a->u.sa, &a->len) : getsockname(fd, &a->u.sa, &a->len)) < 0 ? -errno : 0;
}

/* What a call that moves bytes has returned: a count, or -errno. */
static ssize_t moved(ssize_t n)
{
	return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t read_from(struct loop *l, int fd, void *to, size_t len, bool peek)
{
	(void)l;
	return moved(recv(fd, to, len, peek ? MSG_PEEK : 0));
}

static ssize_t write_to(struct loop *l, int fd, const void *bytes, size_t len, bool more)
{
	ssize_t n;

	(void)l;
	do
		n = send(fd, bytes, len, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	while (n < 0 && errno == EINTR);
	return moved(n);
}

static ssize_t send_file(struct loop *l, int fd, int file, int64_t at, size_t len)
{
	off_t from = (off_t)at;
	ssize_t n;

	(void)l;
	do
		n = sendfile(fd, file, &from, len);
	while (n < 0 && errno == EINTR);
	return moved(n);
}

static void low_water(struct loop *l, int fd, int bytes)
{
	(void)l;
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

static void end(struct loop *l, int fd)
{
	(void)l;
	shutdown(fd, SHUT_WR);
}

static void shut(struct loop *l, int fd, bool abrupt)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)l;
	if (abrupt)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* ---- datagrams: announce.c knows the networks there are */

static int datagrams(struct loop *l, uint16_t port, bool both)
{
	(void)l;
	return both ? announce_open_both(port) : announce_open(port);
}

static void tell(struct loop *l, int fd, uint16_t port, const void *bytes, size_t len, const struct peer_address *to,
		 size_t count)
{
	(void)l;
	announce_everybody(fd, port, bytes, len);
	for (size_t i = 0; i < count; i++)
		sendto(fd, bytes, len, 0, &to[i].u.sa, to[i].len);
}

static ssize_t hear(struct loop *l, int fd, void *to, size_t len, struct peer_address *from)
{
	(void)l;
	from->len = sizeof(from->u);
	return moved(recvfrom(fd, to, len, 0, &from->u.sa, &from->len));
}

const struct world world_sockets = {
	.open = open_loop,
	.close = close_loop,
	.now = now,
	.watch = watch,
	.forget = forget,
	.wait = wait_for,
	.connect = connect_to,
	.listen = listen_on,
	.accept = accept_from,
	.error = error_of,
	.address = address_of,
	.read = read_from,
	.write = write_to,
	.send_file = send_file,
	.low_water = low_water,
	.end = end,
	.shut = shut,
	.datagrams = datagrams,
	.tell = tell,
	.hear = hear,
};
