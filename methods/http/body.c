/* body.c - bytes of an HTTP/1 answer's body, in pieces of any size -> its data, the framing taken off in place. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/http/parse.h"

#include "base/digits.h"

#include <ctype.h>

void http_body_init(struct http_body *b, const struct http_head *h)
{
	*b = (struct http_body){ 0 };
	if (h->chunked) {
		b->framing = HTTP_CHUNKED;
	} else if (h->length >= 0) {
		b->framing = HTTP_COUNTED;
		b->left = h->length;
		b->complete = h->length == 0;
	} else {
		b->framing = HTTP_UNTIL_CLOSE;
	}
}

static int refuse(struct http_body *b, const char *words)
{
	b->error = words;
	return -EPROTO;
}

/* The line with a chunk's size has ended. */
static void end_of_size(struct http_body *b)
{
	b->state = b->left ? CHUNK_DATA : CHUNK_TRAILER;
	b->overhead = 0;
}

static int size_digit(struct http_body *b, uint8_t c)
{
	int digit = hex_digit((char)c);

	if (digit < 0) {
		if (b->state == CHUNK_SIZE_FIRST)
			return refuse(b, "a chunk without size");
		b->state = CHUNK_EXTENSION;
		if (c == '\n')
			end_of_size(b);
		else if (c != ';' && c != ' ' && c != '\t' && c != '\r')
			return refuse(b, "a chunk whose size is no number");
		return 0;
	}
	if (b->left > (INT64_MAX - digit) / 16)
		return refuse(b, "a chunk whose size is too big for a number");
	b->left = b->left * 16 + digit;
	b->state = CHUNK_SIZE;
	return 0;
}

/* One byte of framing: RFC 9112, section 7.1. A bare LF ends a line too (section 2.2). */
static int frame_byte(struct http_body *b, uint8_t c)
{
	if (++b->overhead > HTTP_HEAD_MAX)
		return refuse(b, "more than 1024 KiB of chunk extensions or trailers");
	switch (b->state) {
	case CHUNK_SIZE_FIRST:
	case CHUNK_SIZE:
		return size_digit(b, c);
	case CHUNK_EXTENSION:
		if (c == '\n')
			end_of_size(b);
		return 0;
	case CHUNK_DATA_CR:
		b->state = CHUNK_DATA_LF;
		if (c == '\r')
			return 0;
		/* fall through */
	case CHUNK_DATA_LF:
		b->state = CHUNK_SIZE_FIRST;
		return c == '\n' ? 0 : refuse(b, "a chunk that is longer than its size");
	case CHUNK_TRAILER:
		if (c == '\n')
			b->complete = true;
		else if (c != '\r')
			b->state = CHUNK_TRAILER_LINE;
		return 0;
	case CHUNK_TRAILER_LINE:
		if (c == '\n')
			b->state = CHUNK_TRAILER;
		return 0;
	case CHUNK_DATA:
		break;
	}
	return 0;
}

static int feed_chunked(struct http_body *b, uint8_t *bytes, size_t len, size_t *data, size_t *used)
{
	size_t in = 0, out = 0;
	int err = 0;

	while (in < len && !b->complete && !err) {
		size_t n;

		if (b->state != CHUNK_DATA) {
			err = frame_byte(b, bytes[in++]);
			continue;
		}
		n = MIN(len - in, (uint64_t)b->left);
		if (out != in)
			memmove(bytes + out, bytes + in, n);
		in += n;
		out += n;
		b->left -= (int64_t)n;
		if (!b->left)
			b->state = CHUNK_DATA_CR;
	}
	*data = out;
	*used = in;
	return err;
}

int http_body_feed(struct http_body *b, uint8_t *bytes, size_t len, size_t *data, size_t *used)
{
	switch (b->framing) {
	case HTTP_CHUNKED:
		return feed_chunked(b, bytes, len, data, used);
	case HTTP_COUNTED:
		len = MIN(len, (uint64_t)b->left);
		b->left -= (int64_t)len;
		b->complete = b->left == 0;
		break;
	case HTTP_UNTIL_CLOSE:
		break;
	}
	*data = *used = len;
	return 0;
}

size_t http_body_want(const struct http_body *b, size_t max)
{
	if (b->framing == HTTP_COUNTED && (uint64_t)b->left < max)
		return b->left ? (size_t)b->left : 1;
	return max;
}

size_t http_body_plain(const struct http_body *b, size_t max)
{
	if (b->framing == HTTP_UNTIL_CLOSE)
		return max;
	if (b->framing == HTTP_CHUNKED && b->state != CHUNK_DATA)
		return 0;
	return (uint64_t)b->left < max ? (size_t)b->left : max;
}

void http_body_skip(struct http_body *b, size_t count)
{
	if (b->framing == HTTP_UNTIL_CLOSE)
		return;
	b->left -= (int64_t)count;
	if (b->left)
		return;
	if (b->framing == HTTP_CHUNKED)
		b->state = CHUNK_DATA_CR;
	else
		b->complete = true;
}

int http_body_end(struct http_body *b)
{
	if (b->framing == HTTP_UNTIL_CLOSE)
		b->complete = true;
	return b->complete ? 0 : -ENODATA;
}
