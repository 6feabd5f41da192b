/* connect.c - a list of addresses -> a TCP connection to the first that answers, or which of them said what. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "base/clock.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"

enum {
	STAGGER_MS = 300,        /* the next address is tried beside the last after so long (RFC 8305, 5) */
	KEEP_IDLE_S = 10,        /* a silent connection is looked after from then on, */
	KEEP_INTERVAL_S = 5,     /* so often, */
	KEEP_COUNT = 4,          /* and given up after so many */
	USER_TIMEOUT_MS = 30000, /* sent bytes may stay unacknowledged so long */
};

/* One address that is tried. */
struct
try {
	const struct peer_address *address;
	int fd;  /* -1: not tried yet, or over */
	int err; /* why it is over; 0: it is not */
};

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value)); /* a connection without them is still one */
}

static int start(struct try *t)
{
	int fd = socket(t->address->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	if (connect(fd, &t->address->u.sa, t->address->len) < 0 && errno != EINPROGRESS) {
		int err = -errno;

		close(fd);
		return err;
	}
	t->fd = fd;
	return 0;
}

/* The socket has something to say: connected, or why not. */
static void finish(struct try *t)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	t->err = -err;
	if (err) {
		close(t->fd);
		t->fd = -1;
	}
}

/* The answers of all addresses in words, after so long; the reason that counts is the most telling one. */
static int report(const struct try *t, size_t count, int64_t took_ms, struct failure *f)
{
	cleanup_buf struct buf words = { 0 };
	enum fail_id id = FAIL_SRV_TIMEOUT;
	char a[PEER_TEXT];
	int err = -ETIMEDOUT;

	for (size_t i = 0; i < count; i++) {
		int one = t[i].err ? t[i].err : -ETIMEDOUT;

		buf_printf(&words, "%s%s port %u: ", i ? "; " : "", peer_text(t[i].address, a),
			   peer_port(t[i].address));
		if (one == -ETIMEDOUT)
			buf_printf(&words, "no answer in %lld s", (long long)(took_ms + 500) / 1000);
		else
			buf_str(&words, err_text(one));
		if (one == -ECONNREFUSED) {
			id = FAIL_SRV_REFUSED;
			err = one;
		} else if (one != -ETIMEDOUT && id == FAIL_SRV_TIMEOUT) {
			id = FAIL_SRV_UNREACHABLE;
			err = one;
		}
	}
	return fail(f, id, err, "%s", buf_cstr(&words));
}

/* Starts what is due at NOW; returns when to come again. *NEXT is the next address to start. */
static int64_t start_due(struct try *t, size_t count, size_t *next, int64_t now, int64_t *started, bool any_open)
{
	while (*next < count && (!any_open || now >= *started + STAGGER_MS)) {
		struct try *one = &t[(*next)++];

		one->err = start(one);
		any_open |= one->fd >= 0;
		*started = now;
	}
	return *next < count ? *started + STAGGER_MS : INT64_MAX;
}

/* The index of the address that answered, or -errno. */
static int race(struct try *t, struct pollfd *p, size_t count, int64_t deadline)
{
	int64_t started = 0;
	size_t next = 0;

	for (;;) {
		int64_t now = now_ms(), again;
		bool any_open = false;
		int n;

		for (size_t i = 0; i < next; i++)
			any_open |= t[i].fd >= 0;
		again = start_due(t, count, &next, now, &started, any_open);
		any_open = false;
		for (size_t i = 0; i < count; i++) {
			p[i] = (struct pollfd){ .fd = t[i].fd, .events = POLLOUT };
			any_open |= t[i].fd >= 0;
		}
		if (now >= deadline || !any_open)
			return -ETIMEDOUT;
		n = poll(p, count, ms_left(MIN(again, deadline)));
		if (n < 0 && errno != EINTR)
			return -errno;
		for (size_t i = 0; n > 0 && i < count; i++) {
			if (!p[i].revents)
				continue;
			finish(&t[i]);
			if (t[i].fd >= 0)
				return (int)i;
		}
	}
}

int net_connect(const struct peer_address *addresses, size_t count, int64_t deadline, struct failure *f)
{
	cleanup_free struct try *t = calloc(count, sizeof(*t));
	cleanup_free struct pollfd *p = calloc(count, sizeof(*p));
	int64_t begun = now_ms();
	int won, fd = -1;

	if (!count || !t || !p)
		return fail(f, FAIL_SYS_INTERNAL, count ? -ENOMEM : -EINVAL, "no address to connect to, or no memory");
	for (size_t i = 0; i < count; i++)
		t[i] = (struct try){ .address = &addresses[i], .fd = -1 };
	won = race(t, p, count, deadline);
	for (size_t i = 0; i < count; i++) {
		if ((int)i == won)
			fd = t[i].fd;
		else if (t[i].fd >= 0)
			close(t[i].fd);
	}
	return won < 0 ? report(t, count, now_ms() - begun, f) : fd;
}
