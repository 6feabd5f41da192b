/* stream.c - a connection to a server -> bytes read and written, every wait with its deadline, stoppable by a
 * person. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/retrieve/stream.h"

#include "base/clock.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A person who stops the transfer, and one who wonders why nothing comes, waits this long at the most. */
#define LOOK_UP_MS 500

int stream_wait(struct stream *s, short events, int64_t deadline)
{
	for (;;) {
		int64_t look_up = now_ms() + LOOK_UP_MS;
		int err = wait_fd(s->fd, events, MIN(look_up, deadline));

		if (err != -ETIMEDOUT || look_up >= deadline)
			return err;
		if (watch_cancelled(s->watch))
			return -ECANCELED;
		watch_waiting(s->watch, deadline, "the server is silent");
	}
}

ssize_t stream_read(struct stream *s, void *space, size_t room, int64_t deadline)
{
	for (;;) {
		ssize_t n = recv(s->fd, space, room, 0);
		int err;

		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		err = stream_wait(s, POLLIN, deadline);
		if (err)
			return err;
	}
}

int stream_write(struct stream *s, const void *bytes, size_t len, int64_t deadline)
{
	const char *p = bytes;

	while (len) {
		ssize_t n = send(s->fd, p, len, MSG_NOSIGNAL);
		int err;

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		err = stream_wait(s, POLLOUT, deadline);
		if (err)
			return err;
	}
	return 0;
}

void stream_close(struct stream *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
