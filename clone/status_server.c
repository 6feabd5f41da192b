/* status_server.c - the status port -> connections whose lines are under the session's key; whose are not is shown out.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/status_server.h"

#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"

#define STRANGER_MS 10000 /* for the first line under the key */
#define CLOSE_MS    3000  /* for the last words to go out */

int status_load_key(const char *path, struct hash *key)
{
	cleanup_free char *text = path ? file_text(path) : NULL;

	if (text && !status_read_key(text, key))
		return 0;
	fprintf(stderr, "%s: no session's key, 64 hexadecimal digits\n", path ? path : "-k FILE is wanted");
	return -EBADMSG;
}

int status_server_open(struct status_server *s, const char *key_file, uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, err = status_load_key(key_file, &s->key);

	if (err)
		return err;
	for (size_t i = 0; i < STATUS_VIEWERS; i++)
		s->viewer[i].fd = -1;
	if (gethostname(s->name, sizeof(s->name) - 1) || !*s->name)
		str_copy(s->name, sizeof(s->name), "node");
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s->fd, (struct sockaddr *)&here, sizeof(here)) || listen(s->fd, 64))
		return -errno;
	return 0;
}

void status_server_say(struct status_viewer *v, const char *text, size_t len)
{
	if (v->out.len + len <= STATUS_KEEP)
		buf_add(&v->out, text, len);
}

static void end_viewer(struct status_server *s, struct status_viewer *v)
{
	if (s->gone)
		s->gone(s, v);
	close(v->fd);
	buf_free(&v->in);
	buf_free(&v->out);
	*v = (struct status_viewer){ .fd = -1 };
}

static void show_out(struct status_viewer *v, const char *why)
{
	status_server_say(v, why, strlen(why));
	v->closing = true;
	v->deadline = now_ms() + CLOSE_MS;
}

static struct status_viewer *free_viewer(struct status_server *s)
{
	for (size_t i = 0; i < STATUS_VIEWERS; i++)
		if (s->viewer[i].fd < 0)
			return &s->viewer[i];
	return NULL;
}

static void welcome(struct status_server *s)
{
	struct sockaddr_in from = { 0 };
	socklen_t size = sizeof(from);
	int fd = accept(s->fd, (struct sockaddr *)&from, &size);
	struct status_viewer *v = fd < 0 ? NULL : free_viewer(s);

	if (fd < 0)
		return;
	if (!v) {
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*v = (struct status_viewer){ .fd = fd, .from = from.sin_addr, .deadline = now_ms() + STRANGER_MS };
	v->lines.key = s->key;
	status_new_nonce(&v->lines);
	buf_printf(&v->out, "%s online %s\n", s->name, v->lines.nonce);
}

static void take_line(struct status_server *s, struct status_viewer *v, char *line)
{
	const char *text;

	line[strcspn(line, "\r")] = '\0';
	text = status_read(&v->lines, line);
	if (!text) {
		show_out(v, "refused: only with the session's key\n");
		return;
	}
	v->known = true;
	s->line(s, v, text);
}

static void take_lines(struct status_server *s, struct status_viewer *v)
{
	char *end;

	while (v->fd >= 0 && !v->closing && v->in.len && (end = memchr(v->in.data, '\n', v->in.len))) {
		*end = '\0';
		take_line(s, v, v->in.data);
		buf_drop(&v->in, (size_t)(end + 1 - v->in.data));
	}
	if (v->in.len > STATUS_LINE && !v->closing)
		show_out(v, "refused: too long a line\n");
}

/* False: it is gone. */
static bool hear(struct status_server *s, struct status_viewer *v)
{
	char bytes[STATUS_LINE];
	ssize_t n = read(v->fd, bytes, sizeof(bytes));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if (v->closing)
		return true;
	buf_add(&v->in, bytes, (size_t)n);
	take_lines(s, v);
	return !v->in.failed;
}

/* False: it is gone. */
static bool speak(struct status_viewer *v)
{
	ssize_t n = v->out.len ? write(v->fd, v->out.data, v->out.len) : 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	buf_drop(&v->out, (size_t)n);
	return !(v->closing && !v->out.len);
}

static bool serve(struct status_server *s, struct status_viewer *v, short events)
{
	if (events & (POLLIN | POLLHUP | POLLERR) && !hear(s, v))
		return false;
	if ((!v->known || v->closing) && now_ms() >= v->deadline)
		return false;
	return speak(v);
}

bool status_server_step(struct status_server *s, int extra, int ms)
{
	struct pollfd p[STATUS_VIEWERS + 2] = { { .fd = s->fd, .events = POLLIN }, { .fd = extra, .events = POLLIN } };

	for (size_t i = 0; i < STATUS_VIEWERS; i++) {
		short out = s->viewer[i].fd >= 0 && s->viewer[i].out.len ? POLLOUT : 0;

		p[i + 2] = (struct pollfd){ .fd = s->viewer[i].fd, .events = (short)(POLLIN | out) };
	}
	if (poll(p, ARRAY_SIZE(p), ms) < 0)
		return false;
	for (size_t i = 0; i < STATUS_VIEWERS; i++)
		if (s->viewer[i].fd >= 0 && !serve(s, &s->viewer[i], p[i + 2].revents))
			end_viewer(s, &s->viewer[i]);
	if (p[0].revents)
		welcome(s);
	return extra >= 0 && p[1].revents;
}
