/* netlink.c - a request to the kernel's networking, built by hand -> its answer, attribute by attribute (RFC 3549). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/netlink.h"

#include "base/clock.h"
#include "base/failure.h"
#include "base/log.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* include/uapi/linux/netlink.h, for headers that are older than these */
enum { SOL_NETLINK_LEVEL = 270, OPTION_CAP_ACK = 10, OPTION_EXT_ACK = 11 };
enum { FLAG_ACK_HAS_ATTRIBUTES = 0x200, ACK_WORDS = 1 };

/* a card that comes and goes without end must not keep its reader from the clock */
enum { EVENTS_AT_ONCE = 64 };

#define ANSWER_MS 10000 /* the kernel answers at once, but a driver may hold its lock while it starts a card */

int netlink_open(struct netlink *nl, uint32_t groups)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int on = 1, err;

	*nl = (struct netlink){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE) };
	if (nl->fd < 0)
		return -errno;
	if (bind(nl->fd, (struct sockaddr *)&me, sizeof(me)) < 0) {
		err = -errno;
		netlink_close(nl);
		return err;
	}
	/* The kernel's own words for a refusal; it answers without them where it is too old. */
	setsockopt(nl->fd, SOL_NETLINK_LEVEL, OPTION_EXT_ACK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_NETLINK_LEVEL, OPTION_CAP_ACK, &on, sizeof(on));
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

static void pad(struct buf *m)
{
	static const char zero[NLMSG_ALIGNTO];

	buf_add(m, zero, NLMSG_ALIGN(m->len) - m->len);
}

void nl_begin(struct buf *m, uint16_t type, uint16_t flags, const void *header, size_t len)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };

	buf_free(m);
	buf_add(m, &h, sizeof(h));
	buf_add(m, header, len);
	pad(m);
}

void nl_put(struct buf *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	buf_add(m, &a, sizeof(a));
	buf_add(m, data, len);
	pad(m);
}

void nl_put_u32(struct buf *m, uint16_t type, uint32_t value)
{
	nl_put(m, type, &value, sizeof(value));
}

void nl_put_string(struct buf *m, uint16_t type, const char *s)
{
	nl_put(m, type, s, strlen(s) + 1);
}

size_t nl_nest(struct buf *m, uint16_t type)
{
	size_t at = m->len;

	nl_put(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void nl_nest_end(struct buf *m, size_t nest)
{
	uint16_t len = (uint16_t)(m->len - nest);

	if (!m->failed)
		memcpy(m->data + nest + offsetof(struct nlattr, nla_len), &len, sizeof(len));
}

bool nl_next(const uint8_t **p, size_t *len, struct nl_attr *a)
{
	struct nlattr h;
	size_t step;

	if (*len < sizeof(h))
		return false;
	memcpy(&h, *p, sizeof(h));
	if (h.nla_len < sizeof(h) || h.nla_len > *len)
		return false;
	*a = (struct nl_attr){ h.nla_type & NLA_TYPE_MASK, *p + sizeof(h), h.nla_len - sizeof(h) };
	step = MIN((size_t)NLA_ALIGN(h.nla_len), *len);
	*p += step;
	*len -= step;
	return true;
}

uint32_t nl_u32(const struct nl_attr *a)
{
	uint32_t value = 0;

	if (a->len >= sizeof(value))
		memcpy(&value, a->data, sizeof(value));
	return value;
}

void nl_string(const struct nl_attr *a, char *dst, size_t size)
{
	size_t n = strnlen((const char *)a->data, MIN(a->len, size - 1));

	memcpy(dst, a->data, n);
	dst[n] = '\0';
}

static int send_message(struct netlink *nl, struct buf *m, uint16_t flags)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr h;

	if (m->failed)
		return -ENOMEM;
	memcpy(&h, m->data, sizeof(h));
	h.nlmsg_len = (uint32_t)m->len;
	h.nlmsg_flags |= flags;
	h.nlmsg_seq = ++nl->seq;
	memcpy(m->data, &h, sizeof(h));
	if (sendto(nl->fd, m->data, m->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

/* Reads one datagram, whatever its size, from the kernel. Its length, or -errno (-EAGAIN: none there). */
static int receive(struct netlink *nl, struct buf *in)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recv(nl->fd, NULL, 0, MSG_PEEK | MSG_TRUNC);

		in->len = 0;
		if (n < 0)
			return -errno;
		if (buf_reserve(in, (size_t)n))
			return -ENOMEM;
		n = recvfrom(nl->fd, in->data, (size_t)n, 0, (struct sockaddr *)&from, &from_len);
		if (n < 0)
			return -errno;
		if (from.nl_pid == 0) { /* else another process, which has nothing to say here */
			in->len = (size_t)n;
			return (int)n;
		}
	}
}

/* Takes the next whole message off *P. False at the end. */
static bool next_message(const uint8_t **p, size_t *len, struct nlmsghdr *h, const uint8_t **data, size_t *data_len)
{
	size_t step;

	if (*len < sizeof(*h))
		return false;
	memcpy(h, *p, sizeof(*h));
	if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > *len)
		return false;
	*data = *p + NLMSG_HDRLEN;
	*data_len = h->nlmsg_len - NLMSG_HDRLEN;
	step = MIN((size_t)NLMSG_ALIGN(h->nlmsg_len), *len);
	*p += step;
	*len -= step;
	return true;
}

/* The verdict in an NLMSG_ERROR message; the kernel's words for it, if any, go to the log. */
static int verdict(const struct nlmsghdr *h, const uint8_t *data, size_t len, const char *what)
{
	char words[128] = "";
	struct nlmsgerr e;
	struct nl_attr a;

	if (len < sizeof(e))
		return -EBADMSG;
	memcpy(&e, data, sizeof(e));
	data += sizeof(e);
	len -= sizeof(e);
	while ((h->nlmsg_flags & FLAG_ACK_HAS_ATTRIBUTES) && nl_next(&data, &len, &a))
		if (a.type == ACK_WORDS)
			nl_string(&a, words, sizeof(words));
	if (e.error && what)
		log_info("kernel: %s: %s%s%s", what, err_text(e.error), *words ? ": " : "", words);
	return e.error;
}

/* Sends M and reads until its verdict or, of a dump, its end is there. Answers in between go to FN. */
static int converse(struct netlink *nl, struct buf *m, uint16_t flags, const char *what, nl_message_fn *fn, void *ctx)
{
	cleanup_buf struct buf in = { 0 };
	int64_t deadline = now_ms() + ANSWER_MS;
	int err = send_message(nl, m, flags);

	while (!err) {
		const uint8_t *p, *data;
		struct nlmsghdr h;
		size_t len, data_len;
		int n;

		err = wait_fd(nl->fd, POLLIN, deadline);
		if (err)
			break;
		n = receive(nl, &in);
		if (n < 0 && n != -EAGAIN)
			return n;
		p = (const uint8_t *)in.data;
		len = in.len;
		while (!err && next_message(&p, &len, &h, &data, &data_len)) {
			if (h.nlmsg_seq != nl->seq)
				continue;
			if (h.nlmsg_type == NLMSG_ERROR)
				return verdict(&h, data, data_len, what);
			if (h.nlmsg_type == NLMSG_DONE)
				return 0;
			err = fn ? fn(ctx, h.nlmsg_type, data, data_len) : 0;
		}
	}
	return err;
}

int netlink_request(struct netlink *nl, struct buf *m, const char *what)
{
	return converse(nl, m, NLM_F_ACK, what, NULL, NULL);
}

int netlink_dump(struct netlink *nl, struct buf *m, nl_message_fn *fn, void *ctx)
{
	return converse(nl, m, NLM_F_DUMP, NULL, fn, ctx);
}

int netlink_events(struct netlink *nl, nl_message_fn *fn, void *ctx)
{
	cleanup_buf struct buf in = { 0 };

	for (unsigned read = 0; read < EVENTS_AT_ONCE; read++) {
		const uint8_t *p, *data;
		struct nlmsghdr h;
		size_t len, data_len;
		int err, n = receive(nl, &in);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return n;
		p = (const uint8_t *)in.data;
		len = in.len;
		while (next_message(&p, &len, &h, &data, &data_len)) {
			err = fn(ctx, h.nlmsg_type, data, data_len);
			if (err < 0)
				return err;
		}
	}
	return 0;
}
