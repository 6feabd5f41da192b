/* test_buf.c - base/buf.h: growing strings keep every byte, quoting survives a shell, numbers are read whole. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

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

#define HOSTILE 400

/* Up to 30 bytes of any kind, more of those that mean something to a shell. */
static void make_hostile(char *value, unsigned *seed)
{
	static const char special[] = "'\"\\$`(){}[]<>|&;*?!#~ =\n\t\r-+%\x81\x88\x7f";
	unsigned len = (*seed = *seed * 1103515245 + 12345) >> 16 & 31;

	for (unsigned i = 0; i < len; i++) {
		unsigned r = (*seed = *seed * 1103515245 + 12345) >> 16;

		value[i] = r & 1 ? special[(r >> 1) % (sizeof(special) - 1)] : (char)((r >> 1) % 255 + 1);
	}
	value[MIN(len, 30u)] = '\0';
}

static bool has_control(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < ' ' || *value == 127)
			return true;
	return false;
}

/* What a shell that sources the file reads is what was written, and nothing in it is run; what has control characters
 * is not there. */
static void test_hostile_settings_in_a_shell(void **state)
{
	static char values[2 * HOSTILE][32], script[100000];
	char file[] = "/tmp/test-buf-XXXXXX", key[16], got[100];
	struct buf lines = { 0 };
	int fd = mkstemp(file), length = 0;
	unsigned seed = 7;
	FILE *shell;
	(void)state;

	length = snprintf(script, sizeof(script), "set -u; PATH=; . %s;", file);
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		make_hostile(values[i], &seed);
		snprintf(key, sizeof(key), "V%u", i);
		(i % 2 ? buf_setting : buf_setting_bare)(&lines, key, values[i]);
		length += snprintf(script + length, sizeof(script) - (size_t)length,
				   "printf '<%%s>\\n' \"${%s-unset}\";", key);
	}
	assert_true(fd >= 0 && write(fd, lines.data, lines.len) == (ssize_t)lines.len);
	buf_free(&lines);
	assert_int_equal(setenv("SCRIPT", script, 1), 0);
	shell = popen("exec env -i /bin/sh -c \"$SCRIPT\" 2>&1", "r");
	assert_non_null(shell);
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		bool there = !has_control(values[i]) && (values[i][0] || i % 2 == 0);
		cleanup_free char *want = str_printf("<%s>\n", there ? values[i] : "unset");

		assert_non_null(fgets(got, sizeof(got), shell));
		assert_string_equal(got, want);
	}
	assert_null(fgets(got, sizeof(got), shell));
	assert_int_equal(pclose(shell), 0);
	close(fd);
	unlink(file);
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
		cmocka_unit_test(test_grows_and_formats),           cmocka_unit_test(test_shell_quoting),
		cmocka_unit_test(test_hostile_settings_in_a_shell), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_str_copy_cuts_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
