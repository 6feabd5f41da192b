/* test_ask.c - stage1/ask.h: keys as terminals send them -> the line a person meant. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/ask.h" /* before cmocka.h, which makes a macro of fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_line(const char *keys, const char *expected)
{
	struct ask_line l = { 0 };
	size_t n = strlen(keys);

	for (size_t i = 0; i < n; i++)
		assert_true(ask_line_key(&l, keys[i]) == (i == n - 1));
	assert_string_equal(buf_cstr(&l.text), expected);
	buf_free(&l.text);
}

static void test_plain_text_ends_with_either_line_end(void **state)
{
	(void)state;
	assert_line("10.0.1.21\r", "10.0.1.21");
	assert_line("10.0.1.21\n", "10.0.1.21");
	assert_line("\r", "");
}

static void test_both_kinds_of_backspace_and_clear(void **state)
{
	(void)state;
	assert_line("abx\x7f\x08"
		    "c\r",
		    "ac");
	assert_line("\x7f\x7f"
		    "a\r",
		    "a");
	assert_line("wrong\x15right\r", "right");
}

static void test_arrow_and_function_keys_leave_nothing(void **state)
{
	(void)state;
	assert_line("a\x1b[Ab\x1bOPc\x1b[15~d\r", "abcd");
}

static void test_a_line_without_end_stays_bounded(void **state)
{
	struct ask_line l = { 0 };
	(void)state;

	for (int i = 0; i < 100000; i++)
		assert_false(ask_line_key(&l, 'x'));
	assert_true(l.text.len <= 1024);
	buf_free(&l.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text_ends_with_either_line_end),
		cmocka_unit_test(test_both_kinds_of_backspace_and_clear),
		cmocka_unit_test(test_arrow_and_function_keys_leave_nothing),
		cmocka_unit_test(test_a_line_without_end_stays_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
