/* test_ftp_parse.c - methods/ftp/parse.h: replies of one line and many, cut anywhere, and what they say. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/ftp/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Reads TEXT in pieces of every size; CODE 0: it must be refused. */
static void check_reply(const char *text, int code, const char *line)
{
	size_t len = strlen(text);

	for (size_t step = 1; step <= len; step++) {
		struct ftp_reply r = { 0 };
		int err = 0;

		for (size_t at = 0; at < len && !r.complete && !err;) {
			size_t used;

			err = ftp_reply_feed(&r, (const uint8_t *)text + at, MIN(step, len - at), &used);
			at += used;
		}
		assert_int_equal(err, code ? 0 : -EPROTO);
		if (!code)
			continue;
		assert_true(r.complete);
		assert_int_equal(r.code, code);
		assert_string_equal(r.line, line);
	}
}

static void test_replies(void **state)
{
	(void)state;
	check_reply("220 ready\r\n", 220, "220 ready");
	check_reply("220 ready\n", 220, "220 ready");
	check_reply("226\r\n", 226, "226");
	check_reply("220-one\r\n two\r\n230 three\r\n220-four\r\n2200\r\n\r\n220 five\r\nmore", 220, "220 five");
	check_reply("220 esc\x1b[2J\r\n", 220, "220 esc [2J");
}

static void test_no_replies(void **state)
{
	(void)state;
	check_reply("SSH-2.0\r\n", 0, NULL);
	check_reply("22\r\n", 0, NULL);
	check_reply("2200 x\r\n", 0, NULL);
	check_reply("999 x\r\n", 0, NULL);
	check_reply("\r\n", 0, NULL);
	check_reply("HTTP/1.1 200 OK\r\n", 0, NULL);
}

/* What another service says is there to be shown, as far as it came, and no byte of it moves a cursor. */
static void test_words_of_another_service(void **state)
{
	static const char words[] = "SSH-2.0-OpenSSH\x1b[2J\r\nmore";
	struct ftp_reply r = { 0 };
	size_t used;

	(void)state;
	assert_int_equal(ftp_reply_feed(&r, (const uint8_t *)words, strlen(words), &used), -EPROTO);
	assert_string_equal(r.line, "SSH-2.0-OpenSSH [2J");
}

static void test_long_replies(void **state)
{
	struct ftp_reply r = { 0 };
	uint8_t x = 'x';
	size_t used;
	int err;

	(void)state;
	assert_int_equal(ftp_reply_feed(&r, (const uint8_t *)"220-", 4, &used), 0);
	do
		err = ftp_reply_feed(&r, &x, 1, &used);
	while (!err);
	assert_int_equal(err, -EPROTO);
	assert_non_null(strstr(r.error, "256 KiB"));
}

static void test_passive_ports(void **state)
{
	uint16_t port = 0;

	(void)state;
	assert_true(ftp_read_epsv("229 Entering Extended Passive Mode (|||6446|)", &port));
	assert_int_equal(port, 6446);
	assert_true(ftp_read_epsv("229 (!!!1!)", &port));
	assert_int_equal(port, 1);
	assert_true(ftp_read_pasv("227 Entering Passive Mode (10,0,1,21,25,46).", &port));
	assert_int_equal(port, 25 * 256 + 46);
	assert_true(ftp_read_pasv("227 =10,0,1,21,0,1", &port));
	assert_int_equal(port, 1);
	for (size_t i = 0; i < 8; i++) {
		static const char *const bad[] = { "229",         "229 (",           "229 (|||",
						   "229 (|||0|)", "229 (|||65536|)", "229 (||1|5|)",
						   "229 (|||5)",  "229 (|||-5|)" };

		assert_false(ftp_read_epsv(bad[i], &port));
	}
	for (size_t i = 0; i < 6; i++) {
		static const char *const bad[] = { "227",
						   "227 (1,2,3,4,5)",
						   "227 (1,2,3,4,0,0)",
						   "227 (1,2,3,4,256,1)",
						   "227 (1,2,3,4,99999999999999999999,1)",
						   "" };

		assert_false(ftp_read_pasv(bad[i], &port));
	}
}

static void test_sizes(void **state)
{
	int64_t size;

	(void)state;
	assert_true(ftp_read_size("213 0", &size));
	assert_int_equal(size, 0);
	assert_true(ftp_read_size("213 300000000000 ", &size));
	assert_true(size == 300000000000);
	assert_true(ftp_read_size("213 9223372036854775807", &size));
	assert_true(size == INT64_MAX);
	assert_false(ftp_read_size("213 9223372036854775808", &size));
	assert_false(ftp_read_size("213 99999999999999999999", &size));
	assert_false(ftp_read_size("213 -1", &size));
	assert_false(ftp_read_size("213 12x", &size));
	assert_false(ftp_read_size("213", &size));
}

static void test_times(void **state)
{
	char time[64];

	(void)state;
	assert_true(ftp_read_time("213 20260901100000", time, sizeof(time)));
	assert_string_equal(time, "20260901100000");
	assert_true(ftp_read_time("213 20260901100000.123", time, sizeof(time)));
	assert_string_equal(time, "20260901100000.123");
	assert_false(ftp_read_time("213 2026", time, sizeof(time)));
	assert_false(ftp_read_time("213 20260901100000x", time, sizeof(time)));
	assert_false(ftp_read_time("213 20260901100000", time, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_no_replies),
		cmocka_unit_test(test_words_of_another_service),
		cmocka_unit_test(test_long_replies),
		cmocka_unit_test(test_passive_ports),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
