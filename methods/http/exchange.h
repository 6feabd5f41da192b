/* exchange.h - one URL -> one request on one connection, the answer's head, and its body into a transfer. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_HTTP_EXCHANGE_H
#define METHODS_HTTP_EXCHANGE_H

#include "methods/http/parse.h"
#include "methods/retrieve/retrieve.h"
#include "methods/retrieve/stream.h"
#include "methods/tls/tls.h"
#include "methods/retrieve/url.h"

/* One request and its answer. {.stream.fd = -1} is empty. */
struct http_exchange {
	struct url url;
	char *what; /* the URL in words, filled by http_connect */
	struct stream stream;
	struct tls tls; /* between the stream and the server, for https */
	bool proxied;   /* the connection leads to a proxy, which wants the whole URL */
	struct http_head head;
	uint8_t early[4096];        /* what was read with the head */
	size_t early_at, early_len; /* bytes of it that belong to the body */
};

/* Opens a connection for X->url, instead of an earlier one: to PLACE, or where that is NULL to the host of the URL.
 * 0 or -errno with F. */
int http_connect(struct http_exchange *x, const struct fetch *fetch, const struct place *place, int64_t timeout_ms,
		 struct failure *f) must_check;

/* Sends a request, VERB and the header lines FIELDS beside the usual ones, and reads the head of the answer, which has
 * to be there within TIMEOUT_MS. 0 or -errno with F; any status is a success here. */
int http_ask(struct http_exchange *x, const char *verb, const char *fields, int64_t timeout_ms,
	     struct failure *f) must_check;

/* Copies the first ROOM bytes of the answer's body, which is still to be received. How many came within TIMEOUT_MS. */
size_t http_peek(struct http_exchange *x, uint8_t *bytes, size_t room, int64_t timeout_ms);

/* Moves the answer's body into T, which has begun. 0 when the file is whole. */
int http_receive(struct http_exchange *x, struct transfer *t, struct failure *f) must_check;

/* Adds the header line of a login (RFC 7617). PASS may be NULL. */
void http_add_login(struct buf *fields, const char *user, const char *pass);

/* Fills F for lack of memory; returns -ENOMEM. */
int http_no_memory(struct failure *f);

void http_exchange_free(struct http_exchange *x);

#endif
