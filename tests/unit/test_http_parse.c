/* test_http_parse.c - methods/http/parse.h: an answer cut anywhere reads the same, and lies are refused in words. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "methods/http/parse.h"

/* An answer read in pieces of STEP bytes. */
struct answer {
	struct http_head head;
	struct http_body body;
	struct buf data;
	size_t used;
	int err;
};

static void read_answer(struct answer *a, const char *text, size_t len, size_t step)
{
	*a = (struct answer){ 0 };
	while (a->used < len && !a->err && !a->body.complete) {
		cleanup_free uint8_t *piece = malloc(step);
		size_t n = MIN(step, len - a->used), used = 0, data = 0;

		memcpy(piece, text + a->used, n);
		if (!a->head.complete) {
			a->err = http_head_feed(&a->head, piece, n, &used);
			if (a->head.complete)
				http_body_init(&a->body, &a->head);
		} else {
			a->err = http_body_feed(&a->body, piece, n, &data, &used);
			buf_add(&a->data, piece, data);
		}
		a->used += used;
	}
}

static void free_answer(struct answer *a)
{
	http_head_free(&a->head);
	buf_free(&a->data);
}

/* Reads TEXT in pieces of every size and checks the status and the body each time. */
static void check_answer(const char *text, int status, const char *data, bool complete)
{
	size_t len = strlen(text);

	for (size_t step = 1; step <= len; step++) {
		struct answer a;

		read_answer(&a, text, len, step);
		assert_int_equal(a.err, 0);
		assert_true(a.head.complete);
		assert_int_equal(a.head.status, status);
		assert_string_equal(buf_cstr(&a.data), data);
		assert_int_equal(http_body_end(&a.body) == 0, complete);
		free_answer(&a);
	}
}

static void test_counted(void **state)
{
	(void)state;
	check_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true);
	check_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloEXTRA", 200, "hello", true);
	check_answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", 200, "hello", false);
	check_answer("HTTP/1.0 404\ncontent-length:\t0 \n\n", 404, "", true);
	check_answer("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-length: 5\r\n\r\nhello", 200, "hello", true);
	check_answer("HTTP/1.1 200 OK\r\nContent-Length:\r\n  5\r\n\r\nhello", 200, "hello", true);
}

static void test_until_close(void **state)
{
	(void)state;
	check_answer("HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello", true);
}

static void test_chunked(void **state)
{
	(void)state;
	check_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 3\r\n\r\n"
		     "5;name=\"v\"\r\nhello\r\n0001 \r\n,\r\nA\nten bytes!\n0\r\nTrailer: 1\r\nOther: 2\r\n\r\n",
		     200, "hello,ten bytes!", true);
	check_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", 200, "hello", false);
	check_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 200, "hel", false);
	check_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore", 200, "", true);
}

static void test_interim_answers(void **state)
{
	(void)state;
	check_answer("\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nContent-Length: 9\r\nETag: \"no\"\r\n\r\n"
		     "HTTP/1.1 200 OK\r\n\r\nhello",
		     200, "hello", true);
}

static void test_fields(void **state)
{
	static const char text[] = "HTTP/1.1 206 Partial\x01 Content\r\nCONTENT-RANGE: bytes 100-199/1000\r\n"
				   "ETag: \"a b\"\r\nLast-Modified: Tue, 01 Sep 2026 10:00:00 GMT \r\n"
				   "Location: /a\r\n\tb\r\nRetry-After: 120\r\nX: \xff\r\n\r\n";
	struct answer a;

	(void)state;
	read_answer(&a, text, sizeof(text) - 1, 7);
	assert_int_equal(a.err, 0);
	assert_true(a.head.complete && a.head.ranged);
	assert_int_equal(a.head.range_first, 100);
	assert_int_equal(a.head.range_last, 199);
	assert_int_equal(a.head.range_total, 1000);
	assert_int_equal(a.head.length, -1);
	assert_int_equal(a.head.retry_after, 120);
	assert_string_equal(a.head.etag, "\"a b\"");
	assert_string_equal(a.head.modified, "Tue, 01 Sep 2026 10:00:00 GMT");
	assert_string_equal(a.head.location, "/a\tb");
	assert_string_equal(a.head.status_line, "HTTP/1.1 206 Partial  Content");
	free_answer(&a);
}

static void check_range(const char *value, bool ranged, int64_t total)
{
	char *text = str_printf("HTTP/1.1 206 P\r\nContent-Range: %s\r\n\r\n", value);
	struct answer a;

	read_answer(&a, text, strlen(text), 1000);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.head.ranged, ranged);
	if (ranged)
		assert_int_equal(a.head.range_total, total);
	free_answer(&a);
	free(text);
}

static void test_ranges(void **state)
{
	(void)state;
	check_range("bytes 0-0/1", true, 1);
	check_range("bytes 5-9/*", true, -1);
	check_range("bytes */1000", false, 0);
	check_range("bytes 9-5/1000", false, 0);
	check_range("bytes 5-1000/1000", false, 0);
	check_range("bytes 5-9/1000x", false, 0);
	check_range("bytes 5-99999999999999999999/*", false, 0);
	check_range("bytes 5-9223372036854775807/*", false, 0);
	check_range("lines 5-9/10", false, 0);
	check_range("", false, 0);
}

static void test_weak_tags_are_none(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nETag: W/\"x\"\r\nETag: \"\r\nETag: x\r\nLast-Modified:\r\n\r\n";
	struct answer a;

	(void)state;
	read_answer(&a, text, sizeof(text) - 1, 100);
	assert_null(a.head.etag);
	assert_null(a.head.modified);
	free_answer(&a);
}

static void check_refused(const char *text, const char *word)
{
	size_t len = strlen(text);

	for (size_t step = 1; step <= len; step++) {
		struct answer a;

		read_answer(&a, text, len, step);
		assert_int_equal(a.err, -EPROTO);
		if (!a.head.complete)
			assert_non_null(strstr(a.head.error, word));
		else
			assert_non_null(strstr(a.body.error, word));
		free_answer(&a);
	}
}

static void test_heads_that_are_refused(void **state)
{
	(void)state;
	check_refused("SSH-2.0-OpenSSH\r\n", "no HTTP/1.1");
	check_refused("HTTP/2 200\r\n\r\n", "no HTTP/1.1");
	check_refused("HTTP/1.1 20 OK\r\n\r\n", "without status");
	check_refused("HTTP/1.1 2000 OK\r\n\r\n", "without status");
	check_refused("HTTP/1.1 600 OK\r\n\r\n", "without status");
	check_refused("HTTP/1.1 101 Switching\r\n\r\n", "another protocol");
	check_refused("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no size");
	check_refused("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n", "no size");
	check_refused("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "two different");
	check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "Transfer-Encoding");
	check_refused("HTTP/1.1 200 OK\r\nno field\r\n\r\n", "header line");
	check_refused("HTTP/1.1 200 OK\r\n: x\r\n\r\n", "header line");
}

static void test_a_zero_byte_is_refused(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n";
	struct answer a;

	(void)state;
	read_answer(&a, text, sizeof(text) - 1, 5);
	assert_int_equal(a.err, -EPROTO);
	free_answer(&a);
}

static void test_chunks_that_are_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "\r\n", "without size" },
		{ ";x\r\n", "without size" },
		{ "-1\r\n", "without size" },
		{ "5x\r\n", "no number" },
		{ "8000000000000000\r\n", "too big" },
		{ "2\r\nabc", "longer" },
		{ "fffffffffffffffffff\r\n", "too big" },
		{ "1\r\na\rb", "longer" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = str_printf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s", rows[i][0]);

		check_refused(text, rows[i][1]);
		free(text);
	}
}

static void test_limits(void **state)
{
	static const uint8_t row[] = "X-Filler: 0123456789012345678901234567890123456789\r\n";
	struct http_head h = { 0 };
	struct http_body b = { .framing = HTTP_CHUNKED };
	uint8_t byte = ';';
	size_t used, data;
	int err;

	(void)state;
	assert_int_equal(http_head_feed(&h, (const uint8_t *)"HTTP/1.1 200 OK\r\n", 17, &used), 0);
	do {
		err = http_head_feed(&h, row, sizeof(row) - 1, &used);
		assert_true(h.line.cap < 200);
	} while (!err);
	assert_int_equal(err, -EMSGSIZE);
	assert_non_null(strstr(h.error, "1024 KiB"));
	assert_true(h.seen <= HTTP_HEAD_MAX + sizeof(row));
	http_head_free(&h);

	assert_int_equal(http_body_feed(&b, (uint8_t[]){ '5' }, 1, &data, &used), 0);
	do
		err = http_body_feed(&b, &byte, 1, &data, &used);
	while (!err);
	assert_int_equal(err, -EPROTO);
	assert_non_null(strstr(b.error, "1024 KiB"));
}

static void test_how_much_to_read(void **state)
{
	struct http_body b = { .framing = HTTP_COUNTED, .left = 10 };

	(void)state;
	assert_int_equal(http_body_want(&b, 100), 10);
	assert_int_equal(http_body_want(&b, 5), 5);
	b.framing = HTTP_UNTIL_CLOSE;
	assert_int_equal(http_body_want(&b, 100), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_until_close),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_interim_answers),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_weak_tags_are_none),
		cmocka_unit_test(test_heads_that_are_refused),
		cmocka_unit_test(test_a_zero_byte_is_refused),
		cmocka_unit_test(test_chunks_that_are_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_how_much_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
