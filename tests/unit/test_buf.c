/* test_buf.c - base/buf.h: growing strings keep every byte, quoting survives a shell, numbers are read whole. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"

static void test_grows_and_formats(void **state)
{
	struct buf b = { 0 };
	(void)state;

	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_printf(&b, "%03d", i), 0);
	assert_int_equal(b.len, 3000);
	assert_memory_equal(b.data + 2997, "999", 4);
	assert_int_equal(buf_printf(&b, "%0500d", 7), 0);
	assert_int_equal(b.len, 3500);
	buf_drop(&b, 3499);
	assert_string_equal(buf_cstr(&b), "7");
	buf_free(&b);
	assert_string_equal(buf_cstr(&b), "");
}

static void test_shell_quoting(void **state)
{
	struct buf b = { 0 };
	(void)state;

	buf_setting(&b, "A", "it's $HOME");
	buf_setting(&b, "B", "");
	buf_setting(&b, "C", NULL);
	buf_setting_number(&b, "D", -3);
	assert_string_equal(buf_cstr(&b), "A='it'\\''s $HOME'\nD='-3'\n");
	buf_free(&b);
}

static void test_numbers(void **state)
{
	int64_t n = 77;
	(void)state;

	assert_int_equal(parse_number("0", 0, 10, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(parse_number("9223372036854775807", INT64_MIN, INT64_MAX, &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(parse_number("-9223372036854775808", INT64_MIN, INT64_MAX, &n), 0);
	assert_true(n == INT64_MIN);
	assert_int_equal(parse_number("9223372036854775808", INT64_MIN, INT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_number("11", 0, 10, &n), -ERANGE);
	assert_int_equal(parse_number("", 0, 10, &n), -EINVAL);
	assert_int_equal(parse_number("-", 0, 10, &n), -EINVAL);
	assert_int_equal(parse_number("1x", 0, 10, &n), -EINVAL);
	assert_true(n == INT64_MIN);
}

static void test_str_copy_cuts_and_says_so(void **state)
{
	char four[4];
	(void)state;

	assert_int_equal(str_copy(four, sizeof(four), "abc"), 0);
	assert_int_equal(str_copy(four, sizeof(four), "abcd"), -ENAMETOOLONG);
	assert_string_equal(four, "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_and_formats),
		cmocka_unit_test(test_shell_quoting),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_str_copy_cuts_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
