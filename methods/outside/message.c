/* message.c - a kind, two numbers and words -> one packet of a socket, and back, its bounds checked. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/outside.h"

#include "base/log.h"

#include <sys/socket.h>
#include <sys/uio.h>

struct bounds {
	int64_t a_min, a_max, b_min, b_max;
	bool words, fd;
};

#define ADDRESS 0, UINT32_MAX
#define NUMBER  INT64_MIN, INT64_MAX
#define MORE    0, 1, .words = true
#define RESULT  -4095, 0, FAIL_NONE, FAIL_COUNT - 1, .words = true

static const struct bounds bounds[OUTSIDE_KINDS] = {
	[OUTSIDE_VALUE] = { 0, KEY_COUNT - 1, MORE },
	[OUTSIDE_NODE_ID] = { 0, 0, MORE },
	[OUTSIDE_NETWORK] = { ADDRESS, 0, INT32_MAX },
	[OUTSIDE_DNS] = { ADDRESS },
	[OUTSIDE_DNS6] = { NUMBER, NUMBER },
	[OUTSIDE_SEARCH] = { 0, 0, MORE },
	[OUTSIDE_DOMAIN] = { 0, 0, MORE },
	[OUTSIDE_ANSWER] = { RESULT },
	[OUTSIDE_LOG] = { LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG, .words = true },
	[OUTSIDE_NOTE] = { .words = true },
	[OUTSIDE_WAITING] = { 0, INT64_MAX, .words = true },
	[OUTSIDE_PROGRESS] = { 0, INT64_MAX, -1, INT64_MAX },
	[OUTSIDE_SERVER] = { .words = true },
	[OUTSIDE_BEGIN] = { -1, INT64_MAX },
	[OUTSIDE_COPY] = { 0, INT64_MAX, 1, INT64_MAX, .fd = true },
	[OUTSIDE_TAKE] = { 0, INT64_MAX, .fd = true },
	[OUTSIDE_MAY_TAKE] = { 0, INT64_MAX, .fd = true },
	[OUTSIDE_END] = { RESULT },
};

struct header {
	int64_t a, b;
	uint64_t kind;
};
_Static_assert(sizeof(struct header) == OUTSIDE_HEADER, "no holes");

static bool within(int64_t n, int64_t min, int64_t max)
{
	return n >= min && n <= max;
}

void outside_header(uint8_t header[static OUTSIDE_HEADER], enum outside_kind kind, int64_t a, int64_t b)
{
	memcpy(header, &(struct header){ .a = a, .b = b, .kind = kind }, OUTSIDE_HEADER);
}

int outside_parse(struct outside_packet *p, size_t len, bool fd, struct outside_message *m)
{
	const struct bounds *row;
	struct header h;

	if (len < sizeof(h) || len >= sizeof(p->bytes))
		return -EBADMSG;
	memcpy(&h, p->bytes, sizeof(h));
	if (h.kind >= OUTSIDE_KINDS)
		return -EBADMSG;
	row = &bounds[h.kind];
	if (!within(h.a, row->a_min, row->a_max) || !within(h.b, row->b_min, row->b_max) || fd != row->fd)
		return -EBADMSG;
	if (memchr(p->bytes + sizeof(h), '\0', len - sizeof(h)) || (len > sizeof(h) && !row->words))
		return -EBADMSG;
	p->bytes[len] = '\0';
	*m = (struct outside_message){
		.kind = (enum outside_kind)h.kind, .a = h.a, .b = h.b, .words = (const char *)p->bytes + sizeof(h)
	};
	return 0;
}

int outside_send(int socket, enum outside_kind kind, int64_t a, int64_t b, const char *words, int fd)
{
	uint8_t header[OUTSIDE_HEADER];
	struct iovec part[2] = { { header, sizeof(header) },
				 { (void *)(uintptr_t)words, words ? strnlen(words, OUTSIDE_WORDS) : 0 } };
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = {
			      .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };

	outside_header(header, kind, a, b);
	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = CMSG_LEN(sizeof(int));
	}
	while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int outside_receive(int socket, struct outside_packet *p, bool wait, struct outside_message *m, int *fd)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { p->bytes, sizeof(p->bytes) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int))
	};
	ssize_t n;
	int err;

	*fd = -1;
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? -EPIPE : -errno;
	if (message.msg_controllen >= CMSG_LEN(sizeof(int)) && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(&control.header), sizeof(*fd));
	err = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EBADMSG : outside_parse(p, (size_t)n, *fd >= 0, m);
	if (err)
		base_close_fd(fd);
	return err;
}
