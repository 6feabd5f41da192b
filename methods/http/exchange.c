/* exchange.c - one URL -> one request on one connection, the answer's head, and its body into a transfer. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/http/exchange.h"

#include "base/clock.h"
#include "base/digits.h"

#include <limits.h>
#include <stdio.h>

/* So much data in a row is worth a way of its own. */
#define PLAIN_MIN ((size_t)64 * 1024)

int http_no_memory(struct failure *f)
{
	return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for an HTTP exchange");
}

static void close_exchange(struct http_exchange *x)
{
	stream_close(&x->stream);
	tls_stop(&x->tls);
	http_head_free(&x->head);
	free(x->what);
	x->what = NULL;
	x->early_at = x->early_len = 0;
}

void http_exchange_free(struct http_exchange *x)
{
	close_exchange(x);
	url_free(&x->url);
}

/* ---- connecting */

/* A connection to the URL's own host, which the options do not name: a redirection leads there. */
static int connect_by_name(struct http_exchange *x, const struct fetch *fetch, int64_t timeout_ms, struct failure *f)
{
	struct peer_address *addresses;
	size_t count;
	int fd, err = net_resolve(fetch->net, x->url.host, x->url.port, now_ms() + timeout_ms, &addresses, &count, f);

	if (err)
		return err;
	fd = net_connect(addresses, count, now_ms() + timeout_ms, f);
	free(addresses);
	return fd;
}

/* ---- request */

void http_add_login(struct buf *fields, const char *user, const char *pass)
{
	cleanup_buf struct buf login = { 0 };

	buf_printf(&login, "%s:%s", user, pass ? pass : "");
	buf_str(fields, "Authorization: Basic ");
	base64_add(fields, (const uint8_t *)buf_cstr(&login), login.len);
	buf_str(fields, "\r\n");
}

static int send_request(struct http_exchange *x, const char *verb, const char *fields, int64_t deadline)
{
	cleanup_buf struct buf request = { 0 };

	buf_printf(&request, "%s ", verb);
	if (x->proxied) {
		buf_printf(&request, "%s://", x->url.scheme);
		url_host_text(&x->url, &request);
	}
	buf_printf(&request, "%s HTTP/1.1\r\nHost: ", x->url.path);
	url_host_text(&x->url, &request);
	buf_str(&request, "\r\nUser-Agent: stage1\r\nAccept: */*\r\nAccept-Encoding: identity\r\n");
	buf_str(&request, fields);
	buf_str(&request, "Connection: close\r\n\r\n");
	if (request.failed)
		return -ENOMEM;
	return stream_write(&x->stream, request.data, request.len, deadline);
}

/* ---- head */

/* Why no head came, in a failure. */
static int no_answer(const struct http_exchange *x, int err, int64_t timeout_ms, struct failure *f)
{
	switch (err) {
	case -ETIMEDOUT:
		return fail(f, FAIL_SRV_TIMEOUT, err, "%s: connected, but no answer to the request in %lld s", x->what,
			    (long long)timeout_ms / 1000);
	case -ECANCELED:
		return fail(f, FAIL_SYS_CANCELLED, err, "%s: while waiting for the answer", x->what);
	case -ENOMEM:
		return http_no_memory(f);
	case -EPROTO:
	case -EMSGSIZE:
		return fail(f, FAIL_SRV_PROTOCOL, err, "%s: %s", x->what, x->head.error);
	case -ENODATA:
		return fail(f, FAIL_SRV_PROTOCOL, err, "%s: the server closed the connection %s", x->what,
			    x->head.seen ? "in the middle of its answer's header" : "without an answer");
	}
	return fail(f, FAIL_SRV_PROTOCOL, err, "%s: the connection broke before the answer: %s", x->what,
		    err_text(err));
}

static int read_head(struct http_exchange *x, int64_t deadline)
{
	while (!x->head.complete) {
		ssize_t n = stream_read(&x->stream, x->early, sizeof(x->early), deadline);
		int err;

		if (n <= 0)
			return n ? (int)n : -ENODATA;
		err = http_head_feed(&x->head, x->early, (size_t)n, &x->early_at);
		if (err)
			return err;
		x->early_len = (size_t)n;
	}
	return 0;
}

int http_ask(struct http_exchange *x, const char *verb, const char *fields, int64_t timeout_ms, struct failure *f)
{
	int64_t deadline = now_ms() + timeout_ms;
	int err = send_request(x, verb, fields, deadline);

	/* A server may refuse before it has read the request; its reason is still to be had. */
	if (!err || err == -EPIPE)
		err = read_head(x, deadline);
	return err ? no_answer(x, err, timeout_ms, f) : 0;
}

/* ---- the way to the server */

/* Asks the proxy for a connection to the server that it does not look into: RFC 9110, section 9.3.6. */
static int ask_for_tunnel(struct http_exchange *x, int64_t timeout_ms, struct failure *f)
{
	int64_t deadline = now_ms() + timeout_ms;
	cleanup_buf struct buf request = { 0 };
	char port[16];
	int err;

	snprintf(port, sizeof(port), ":%u", x->url.port);
	for (int i = 0; i < 2; i++) {
		buf_str(&request, i ? " HTTP/1.1\r\nHost: " : "CONNECT ");
		buf_printf(&request, strchr(x->url.host, ':') ? "[%s]%s" : "%s%s", x->url.host, port);
	}
	buf_str(&request, "\r\nUser-Agent: stage1\r\n\r\n");
	err = request.failed ? -ENOMEM : stream_write(&x->stream, request.data, request.len, deadline);
	if (!err)
		err = read_head(x, deadline);
	if (err)
		return no_answer(x, err, timeout_ms, f);
	if (x->head.status / 100 != 2)
		return fail(f, x->head.status >= 500 ? FAIL_SRV_ERROR : FAIL_SRV_DENIED, -EREMOTEIO,
			    "%s: the proxy says %s", x->what, x->head.status_line);
	if (x->early_at < x->early_len)
		return fail(f, FAIL_SRV_PROTOCOL, -EPROTO, "%s: the proxy says more than it should", x->what);
	http_head_free(&x->head);
	x->early_at = x->early_len = 0;
	x->proxied = false;
	return 0;
}

int http_connect(struct http_exchange *x, const struct fetch *fetch, const struct place *place, int64_t timeout_ms,
		 struct failure *f)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *host = NULL;
	int err;

	close_exchange(x);
	url_text(&x->url, &text);
	x->what = buf_take(&text);
	if (!x->what)
		return http_no_memory(f);
	x->stream.watch = fetch->watch;
	x->proxied = place && place->proxied;
	if (place)
		x->stream.fd = net_connect(place->address, 1, now_ms() + place->connect_ms, f);
	else
		x->stream.fd = connect_by_name(x, fetch, timeout_ms, f);
	if (x->stream.fd < 0)
		return x->stream.fd;
	if (!streq(x->url.scheme, "https"))
		return 0;
	host = strndup(x->url.host, strcspn(x->url.host, "%")); /* a zone is this machine's own word */
	if (!host)
		return http_no_memory(f);
	err = x->proxied ? ask_for_tunnel(x, timeout_ms, f) : 0;
	return err ? err : tls_start(&x->tls, &x->stream, host, fetch->options, timeout_ms, x->what, f);
}

/* ---- body */

/* Takes the framing off LEN bytes at SPACE, which the transfer reserved, and hands the data on. */
static int take_piece(struct http_exchange *x, struct http_body *b, struct transfer *t, void *space, size_t len,
		      struct failure *f)
{
	size_t data, used;

	if (http_body_feed(b, space, len, &data, &used))
		return fail(f, FAIL_SRV_PROTOCOL, -EPROTO, "%s: %s, after %lld bytes", x->what, b->error,
			    (long long)t->done);
	return data ? transfer_commit(t, data, f) : 0;
}

/* The next bytes by way of the sink's own room: their number, 0 at the end of the stream, or -errno, with F->id
 * FAIL_NONE when it is the connection that failed. */
static ssize_t read_piece(struct http_exchange *x, struct http_body *b, struct transfer *t, struct failure *f)
{
	void *space;
	size_t room;
	ssize_t n;
	int err = transfer_reserve(t, &space, &room, f);

	if (err)
		return err;
	f->id = FAIL_NONE;
	n = stream_read(&x->stream, space, http_body_want(b, room), now_ms() + t->timeout_ms);
	if (n > 0)
		err = take_piece(x, b, t, space, (size_t)n, f);
	return err ? err : n;
}

/* The next bytes. Results as above. */
static ssize_t take_more(struct http_exchange *x, struct http_body *b, struct transfer *t, struct failure *f)
{
	size_t plain = http_body_plain(b, SSIZE_MAX);
	ssize_t n;

	/* Small chunks are taken apart where they were read, several at once. */
	if (plain < PLAIN_MIN)
		return read_piece(x, b, t, f);
	n = transfer_carry(t, &x->stream, plain, f);
	if (n > 0)
		http_body_skip(b, (size_t)n);
	return n;
}

/* The data in what was read so far and not taken, as many as fit into BYTES; *MORE: there is room for others. */
static size_t early_data(const struct http_exchange *x, uint8_t *bytes, size_t room, bool *more)
{
	uint8_t piece[sizeof(x->early)];
	size_t len = x->early_len - x->early_at, data = 0, used;
	struct http_body b;

	http_body_init(&b, &x->head);
	memcpy(piece, x->early + x->early_at, len);
	if (http_body_feed(&b, piece, len, &data, &used))
		data = 0; /* who receives it will say so */
	*more = data < room && !b.complete && !b.error && len < sizeof(x->early);
	data = MIN(data, room);
	memcpy(bytes, piece, data);
	return data;
}

size_t http_peek(struct http_exchange *x, uint8_t *bytes, size_t room, int64_t timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		bool more;
		size_t len = early_data(x, bytes, room, &more);
		ssize_t n;

		x->early_len -= x->early_at;
		memmove(x->early, x->early + x->early_at, x->early_len);
		x->early_at = 0;
		n = more ? stream_read(&x->stream, x->early + x->early_len, sizeof(x->early) - x->early_len, deadline)
			 : 0;
		if (n <= 0)
			return len;
		x->early_len += (size_t)n;
	}
}

/* What came together with the head. */
static int take_early(struct http_exchange *x, struct http_body *b, struct transfer *t, struct failure *f)
{
	while (x->early_at < x->early_len && !b->complete) {
		size_t data, used;
		uint8_t *piece = x->early + x->early_at;
		int err;

		if (http_body_feed(b, piece, x->early_len - x->early_at, &data, &used))
			return fail(f, FAIL_SRV_PROTOCOL, -EPROTO, "%s: %s", x->what, b->error);
		err = transfer_write(t, piece, data, f);
		if (err)
			return err;
		x->early_at += used;
	}
	return 0;
}

int http_receive(struct http_exchange *x, struct transfer *t, struct failure *f)
{
	struct http_body b;
	int err;

	http_body_init(&b, &x->head);
	err = take_early(x, &b, t, f);
	while (!err && !b.complete) {
		ssize_t n = take_more(x, &b, t, f);

		if (n < 0 && f->id != FAIL_NONE)
			err = (int)n;
		else if (n < 0 || (n == 0 && http_body_end(&b)))
			err = transfer_broken(t, n ? (int)n : -ENODATA, f);
	}
	if (err)
		return err;
	/* an end under TLS is the server's own word */
	return transfer_end(t, b.framing != HTTP_UNTIL_CLOSE || tls_ended_well(&x->tls, &x->stream), f);
}
