/* pump.c - a TLS session between two descriptors: ciphertext on one, plain bytes on the other. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/pump.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct pump {
	br_ssl_engine_context *engine;
	int net, plain;
	bool net_ended, plain_ended;
	struct pump_result *result;
};

/* The functions that move bytes say 1: something moved or ended, 0: nothing can move now, -errno. */

static int failed(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -errno;
}

/* Where the engine has bytes, or room for some, and the word that so many were moved. */
typedef unsigned char *span_fn(const br_ssl_engine_context *engine, size_t *len);
typedef void moved_fn(br_ssl_engine_context *engine, size_t len);

/* Bytes of the engine go to FD. */
static int put(struct pump *p, int fd, span_fn *span, moved_fn *moved)
{
	size_t len;
	const unsigned char *bytes = span(p->engine, &len);
	ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

	if (n <= 0)
		return failed(n);
	moved(p->engine, (size_t)n);
	return 1;
}

static void keep_head(struct pump_result *r, const unsigned char *bytes, size_t len)
{
	len = MIN(len, sizeof(r->head) - r->head_len);
	memcpy(r->head + r->head_len, bytes, len);
	r->head_len += len;
}

/* Bytes of FD go to the engine; at their end *ENDED is set. */
static int get(struct pump *p, int fd, span_fn *span, moved_fn *moved, bool *ended)
{
	size_t len;
	unsigned char *room = span(p->engine, &len);
	ssize_t n = recv(fd, room, len, 0);

	if (n < 0)
		return failed(n);
	if (fd == p->net && n > 0)
		keep_head(p->result, room, (size_t)n);
	if (n == 0)
		*ended = true;
	else
		moved(p->engine, (size_t)n);
	return 1;
}

/* Plain bytes for the server. When there will be no more, the server is told. */
static int collect(struct pump *p)
{
	int n = get(p, p->plain, br_ssl_engine_sendapp_buf, br_ssl_engine_sendapp_ack, &p->plain_ended);

	if (n > 0 && p->plain_ended)
		br_ssl_engine_close(p->engine);
	else if (n > 0)
		br_ssl_engine_flush(p->engine, 0);
	return n;
}

/* The server does not listen any more; what it said before that may be why. */
static bool last_words(struct pump *p, unsigned state)
{
	return (state & BR_SSL_RECVREC) && !p->net_ended &&
	       get(p, p->net, br_ssl_engine_recvrec_buf, br_ssl_engine_recvrec_ack, &p->net_ended) > 0 && !p->net_ended;
}

static int move(struct pump *p, unsigned state)
{
	int moved = 0, n = 0;

	if (state & BR_SSL_SENDREC)
		moved |= n = put(p, p->net, br_ssl_engine_sendrec_buf, br_ssl_engine_sendrec_ack);
	if (n < 0)
		return last_words(p, state) ? 1 : n;
	if (state & BR_SSL_RECVAPP)
		moved |= n = put(p, p->plain, br_ssl_engine_recvapp_buf, br_ssl_engine_recvapp_ack);
	if (n >= 0 && (state & BR_SSL_RECVREC) && !p->net_ended)
		moved |= n = get(p, p->net, br_ssl_engine_recvrec_buf, br_ssl_engine_recvrec_ack, &p->net_ended);
	if (n >= 0 && (state & BR_SSL_SENDAPP) && !(state & BR_SSL_RECVAPP) && !p->plain_ended)
		moved |= n = collect(p);
	return n < 0 ? n : moved;
}

/* Waits until one of the ways that STATE leaves open can be gone. */
static int wait_for_more(struct pump *p, unsigned state, int64_t silence_ms)
{
	struct pollfd fds[2] = { { .fd = p->net_ended ? -1 : p->net }, { .fd = p->plain } };
	int n;

	fds[0].events = (short)((state & BR_SSL_SENDREC ? POLLOUT : 0) | (state & BR_SSL_RECVREC ? POLLIN : 0));
	fds[1].events = (short)((state & BR_SSL_RECVAPP ? POLLOUT : 0) | (state & BR_SSL_SENDAPP ? POLLIN : 0));
	n = poll(fds, 2, (int)MIN(silence_ms, (int64_t)INT_MAX));
	if (n == 0)
		return -ETIMEDOUT;
	/* the reader of the plain bytes has gone */
	if (n > 0 && (fds[1].revents & (POLLHUP | POLLERR)) && !(fds[1].revents & POLLIN))
		return -EPIPE;
	return n < 0 && errno != EINTR ? -errno : 0;
}

/* One of the sides has gone, and the other one has what there was for it. */
static bool is_over(const struct pump *p, unsigned state)
{
	if (state == BR_SSL_CLOSED)
		return true;
	if (p->plain_ended)
		return !(state & BR_SSL_SENDREC);
	return p->net_ended && !(state & BR_SSL_RECVAPP);
}

void pump_run(br_ssl_engine_context *engine, int net, int plain, int64_t silence_ms, void (*agreed)(void *ctx),
	      void *ctx, struct pump_result *r)
{
	struct pump p = { .engine = engine, .net = net, .plain = plain, .result = r };
	unsigned state;

	*r = (struct pump_result){ 0 };
	for (;;) {
		int n;

		state = br_ssl_engine_current_state(engine);
		if (is_over(&p, state))
			break;
		if (!r->agreed && (state & (BR_SSL_SENDAPP | BR_SSL_RECVAPP))) {
			r->agreed = true;
			agreed(ctx);
		}
		n = move(&p, state);
		if (n == 0)
			n = wait_for_more(&p, state, silence_ms);
		if (n < 0) {
			r->err = n;
			return;
		}
	}
	r->error = br_ssl_engine_last_error(engine);
	r->closed = state == BR_SSL_CLOSED && !r->error;
	if (!r->closed && !r->error)
		r->err = -ECONNRESET;
}
