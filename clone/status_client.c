/* status_client.c - a host's status port -> a connection whose lines this side puts under the session's key. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/status_client.h"

#include "clone/status_server.h"

#include "base/clock.h"
#include "net/net.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"

#define CONNECT_MS 10000

static int find_host(const char *host, uint16_t port, int64_t deadline, struct sockaddr_in *to)
{
	struct peer_address *found;
	struct failure f = { 0 };
	size_t count;
	int err = net_resolve(NULL, host, port, deadline, &found, &count, &f);

	if (err)
		return err;
	err = -EAFNOSUPPORT;
	for (size_t i = 0; i < count && err; i++) {
		if (found[i].u.sa.sa_family != AF_INET)
			continue;
		*to = found[i].u.in;
		to->sin_port = htons(port);
		err = 0;
	}
	free(found);
	return err;
}

static int open_socket(const struct sockaddr_in *to, int64_t deadline)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;
	socklen_t size = sizeof(err);

	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)to, sizeof(*to)) ? errno : 0;
	if (err == EINPROGRESS) {
		err = -wait_fd(fd, POLLOUT, deadline);
		if (!err && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size))
			err = errno;
	}
	if (!err)
		return fd;
	close(fd);
	return -err;
}

static int hear_greeting(struct status_link *l, int64_t deadline)
{
	int err = 0;
	cleanup_free char *line = status_next(l, deadline, &err);

	return line ? status_read_greeting(&l->lines, line) : err;
}

int status_connect(struct status_link *l, const char *host, uint16_t port, const char *key_file)
{
	int64_t deadline = now_ms() + CONNECT_MS;
	struct sockaddr_in to;
	int err;

	*l = (struct status_link){ .fd = -1 };
	err = status_load_key(key_file, &l->lines.key);
	if (!err)
		err = find_host(host, port, deadline, &to);
	if (err)
		return err;
	l->fd = open_socket(&to, deadline);
	if (l->fd < 0)
		return l->fd;
	err = hear_greeting(l, deadline);
	if (err)
		status_disconnect(l);
	return err;
}

int status_send(struct status_link *l, const char *text)
{
	int64_t deadline = now_ms() + CONNECT_MS;
	cleanup_buf struct buf out = { 0 };
	int err = status_write(&l->lines, text, &out);

	while (!err && out.len) {
		ssize_t n = write(l->fd, out.data, out.len);

		if (n > 0)
			buf_drop(&out, (size_t)n);
		else if (errno == EAGAIN || errno == EINTR)
			err = wait_fd(l->fd, POLLOUT, deadline);
		else
			err = -errno;
	}
	return err;
}

/* The first line of what has come, or NULL. */
static char *first_line(struct buf *in)
{
	char *end = in->len ? memchr(in->data, '\n', in->len) : NULL, *line;

	if (!end && in->len < 65536)
		return NULL;
	line = end ? strndup(in->data, (size_t)(end - in->data)) : strndup(in->data, in->len);
	buf_drop(in, end ? (size_t)(end + 1 - in->data) : in->len);
	if (line)
		line[strcspn(line, "\r")] = '\0';
	return line;
}

char *status_next(struct status_link *l, int64_t deadline, int *err)
{
	char bytes[4096], *line;

	while (!(line = first_line(&l->in))) {
		ssize_t n;

		*err = wait_fd(l->fd, POLLIN, deadline);
		if (*err)
			return NULL;
		n = read(l->fd, bytes, sizeof(bytes));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		*err = n < 0 ? -errno : n == 0 ? -EPIPE : buf_add(&l->in, bytes, (size_t)n);
		if (*err)
			return NULL;
	}
	return line;
}

void status_disconnect(struct status_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	buf_free(&l->in);
	l->fd = -1;
}

int status_say(const char *host, uint16_t port, const char *key_file, const char *text)
{
	struct status_link l;
	int err = status_connect(&l, host, port, key_file);
	char *line = NULL;

	if (err)
		return err;
	err = status_send(&l, text);
	if (!err)
		line = status_next(&l, now_ms() + CONNECT_MS, &err);
	if (line)
		err = streq(line, "ok") ? 0 : -EACCES;
	free(line);
	status_disconnect(&l);
	return err;
}
