/* fuzz_http.c - any bytes as an HTTP answer: no crash, and cutting them anywhere changes neither facts nor data. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/http/parse.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct http_head head;
	struct http_body body;
	int err;
	struct buf bytes;
};

static void read_answer(struct result *r, const uint8_t *data, size_t size, size_t step)
{
	size_t at = 0;

	while (at < size && !r->err) {
		size_t n = MIN(step, size - at), used = 0, got = 0;

		if (!r->head.complete) {
			r->err = http_head_feed(&r->head, data + at, n, &used);
			assert(used <= n);
			if (r->head.complete)
				http_body_init(&r->body, &r->head);
		} else {
			uint8_t piece[64];

			n = MIN(n, sizeof(piece));
			memcpy(piece, data + at, n);
			r->err = http_body_feed(&r->body, piece, n, &got, &used);
			assert(used <= n && got <= used);
			buf_add(&r->bytes, piece, got);
			if (r->body.complete)
				return;
		}
		at += used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole = { 0 }, cut = { 0 };

	read_answer(&whole, data, size, size ? size : 1);
	read_answer(&cut, data, size, 1);
	assert(whole.err == cut.err);
	assert(whole.head.complete == cut.head.complete && whole.head.status == cut.head.status);
	assert(whole.head.length == cut.head.length && whole.head.ranged == cut.head.ranged);
	if (!whole.err) {
		assert(!whole.head.location == !cut.head.location);
		if (whole.head.location)
			assert(streq(whole.head.location, cut.head.location));
		assert(whole.body.complete == cut.body.complete && whole.bytes.len == cut.bytes.len);
		assert(!whole.bytes.len || memcmp(whole.bytes.data, cut.bytes.data, whole.bytes.len) == 0);
	}
	http_head_free(&whole.head);
	http_head_free(&cut.head);
	buf_free(&whole.bytes);
	buf_free(&cut.bytes);
	return 0;
}
