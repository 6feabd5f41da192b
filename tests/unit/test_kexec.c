/* test_kexec.c - stage1/kexec.h: how append: is written. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/kexec.h" /* before cmocka.h, which makes a macro of fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_decoded(const char *value, const char *expected)
{
	struct buf out = { 0 };

	assert_int_equal(kexec_decode(value, &out), 0);
	assert_string_equal(buf_cstr(&out), expected);
	buf_free(&out);
}

static void test_codes_and_what_only_looks_like_them(void **state)
{
	(void)state;
	assert_decoded("console=ttyS0%2C115200%20quiet", "console=ttyS0,115200 quiet");
	assert_decoded("a%2cb", "a,b");
	assert_decoded("100%", "100%");
	assert_decoded("%2", "%2");
	assert_decoded("%zz%00", "%zz%00");
	assert_decoded("", "");
}

static void test_refusals_are_told_apart(void **state)
{
	(void)state;
	assert_non_null(strstr(kexec_refusal(-ENOEXEC), "no kernel for this machine"));
	assert_non_null(strstr(kexec_refusal(-EPERM), "locked down (Secure Boot)"));
	assert_non_null(strstr(kexec_refusal(-EKEYREJECTED), "signature"));
	assert_non_null(strstr(kexec_refusal(-ENODATA), "signature"));
	assert_non_null(strstr(kexec_refusal(-ENOSYS), "without kexec"));
	assert_string_equal(kexec_refusal(-EIO), err_text(-EIO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes_and_what_only_looks_like_them),
		cmocka_unit_test(test_refusals_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
