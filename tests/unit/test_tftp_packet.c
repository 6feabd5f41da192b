/* test_tftp_packet.c - methods/tftp/packet.h: packets are written as the RFCs say and read without being believed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tftp/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct tftp_options asked = { .block_size = 1468, .window_size = 32, .file_size = -1 };

#define PARSE(p, text) tftp_parse(p, (const uint8_t *)(text), sizeof(text) - 1, &asked)

static void test_requests(void **state)
{
	static const char plain[] = "\0\1a/b\0octet",
			  full[] = "\0\1a/b\0octet\0tsize\0000\0blksize\0001468\0windowsize\00032";
	cleanup_buf struct buf out = { 0 };

	(void)state;
	assert_int_equal(tftp_read_request(&out, "a/b", NULL), 0);
	assert_int_equal(out.len, sizeof(plain));
	assert_memory_equal(out.data, plain, out.len);
	buf_free(&out);
	assert_int_equal(tftp_read_request(&out, "a/b", &asked), 0);
	assert_int_equal(out.len, sizeof(full));
	assert_memory_equal(out.data, full, out.len);
}

static void test_acknowledgements(void **state)
{
	cleanup_buf struct buf out = { 0 };

	(void)state;
	assert_int_equal(tftp_ack(&out, 0x10203), 0);
	assert_memory_equal(out.data, "\0\4\2\3", 5);
	buf_free(&out);
	assert_int_equal(tftp_error(&out, TFTP_ILLEGAL, "no"), 0);
	assert_int_equal(out.len, 7);
	assert_memory_equal(out.data, "\0\5\0\4no", 7);
}

static void test_data(void **state)
{
	struct tftp_packet p;

	(void)state;
	assert_int_equal(PARSE(&p, "\0\3\xff\xfehello"), 0);
	assert_int_equal(p.opcode, TFTP_DATA);
	assert_int_equal(p.number, 0xfffe);
	assert_int_equal(p.len, 5);
	assert_memory_equal(p.data, "hello", 5);
	assert_int_equal(PARSE(&p, "\0\3\0\1"), 0);
	assert_int_equal(p.len, 0);
}

static void test_errors(void **state)
{
	struct tftp_packet p;

	(void)state;
	assert_int_equal(PARSE(&p, "\0\5\0\1not\x1b here\0and more"), 0);
	assert_int_equal(p.opcode, TFTP_ERROR);
	assert_int_equal(p.number, TFTP_NOT_FOUND);
	assert_string_equal(p.words, "not  here");
	assert_int_equal(PARSE(&p, "\0\5\0\1"), 0);
	assert_string_equal(p.words, "");
}

static void test_options(void **state)
{
	struct tftp_packet p;

	(void)state;
	assert_int_equal(PARSE(&p, "\0\6BlkSize\0001024\0tsize\000300000000000\0windowsize\0004\0"), 0);
	assert_int_equal(p.options.block_size, 1024);
	assert_int_equal(p.options.window_size, 4);
	assert_true(p.options.file_size == 300000000000);
	assert_int_equal(PARSE(&p, "\0\6"), 0);
	assert_int_equal(p.options.block_size, 512);
	assert_int_equal(p.options.window_size, 1);
	assert_int_equal(p.options.file_size, -1);
}

static void test_nonsense(void **state)
{
	struct tftp_packet p;

	(void)state;
	assert_int_equal(PARSE(&p, ""), -EPROTO);
	assert_int_equal(PARSE(&p, "\0"), -EPROTO);
	assert_int_equal(PARSE(&p, "\0\3\0"), -EPROTO);
	assert_int_equal(PARSE(&p, "\0\1x\0octet\0"), -EPROTO);
	assert_int_equal(PARSE(&p, "\0\4\0\1"), -EPROTO);
	assert_int_equal(PARSE(&p, "HTTP"), -EPROTO);
}

/* What an OACK is understood as, whatever is odd about it. */
static void test_odd_options(void **state)
{
#define OACK(text) text, sizeof(text) - 1
	static const struct {
		const char *bytes;
		size_t len;
		bool unusable;
		unsigned block_size, window_size;
		int64_t file_size;
		const char *left_out;
	} rows[] = {
		{ OACK("\0\6blksize\0001024\0\0\0\0"), false, 1024, 1, -1, "" },
		{ OACK("\0\6\0\0blksize\0001024\0\0tsize\0009\0"), false, 1024, 1, 9, "" },
		{ OACK("\0\6tsize\0009\0blksize\0001024"), false, 1024, 1, 9, "" },
		{ OACK("\0\6blksize\0001024\0blksize\0001024\0"), false, 1024, 1, -1, "" },
		{ OACK("\0\6blksize\0001024\0blksize\0001025\0"), true, 1024, 1, -1, "" },
		{ OACK("\0\6blksize"), true, 512, 1, -1, "" },
		{ OACK("\0\6blksize\000"), true, 512, 1, -1, "" },
		{ OACK("\0\6blksize\0001469\0"), true, 512, 1, -1, "" },
		{ OACK("\0\6blksize\0007\0"), true, 512, 1, -1, "" },
		{ OACK("\0\6blksize\000x\0"), true, 512, 1, -1, "" },
		{ OACK("\0\6windowsize\00033\0"), true, 512, 1, -1, "" },
		{ OACK("\0\6windowsize\0000\0tsize\0005\0"), true, 512, 1, 5, "" },
		{ OACK("\0\6tsize\000-1\0"), false, 512, 1, -1, "tsize=-1" },
		{ OACK("\0\6tsize\000"), false, 512, 1, -1, "tsize=" },
		{ OACK("\0\6tsize\00099999999999999999999\0"), false, 512, 1, -1, "tsize=99999999999999999999" },
		{ OACK("\0\6timeout\0005\0multicast\000,,1\0blksize\0008\0"), false, 8, 1, -1,
		  "timeout=5, multicast=,,1" },
		{ OACK("\0\6a\x1b\000b\n\0"), false, 512, 1, -1, "a =b " },
		{ OACK("\0\6a-name-that-is-longer-than-any-that-is-known\0001\0"), false, 512, 1, -1,
		  "a-name-that-is-longer-than-any-=1" },
	};
	struct tftp_packet p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(tftp_parse(&p, (const uint8_t *)rows[i].bytes, rows[i].len, &asked), 0);
		assert_int_equal(p.unusable, rows[i].unusable);
		assert_int_equal(p.options.block_size, rows[i].block_size);
		assert_int_equal(p.options.window_size, rows[i].window_size);
		assert_int_equal(p.options.file_size, rows[i].file_size);
		assert_string_equal(p.words, rows[i].left_out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),    cmocka_unit_test(test_acknowledgements),
		cmocka_unit_test(test_data),        cmocka_unit_test(test_errors),
		cmocka_unit_test(test_options),     cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_odd_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
