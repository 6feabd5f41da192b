/* test_failure.c - base/failures.def: every code is there once, in its form, with words a person can use. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/failure.h" /* before cmocka.h, which makes a macro of fail */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* "S1-NET-04": the group in capitals, two digits. */
static void assert_form(const char *code)
{
	const char *p = code;

	assert_true(starts_with(p, "S1-"));
	for (p += 3; isupper((unsigned char)*p); p++)
		;
	assert_true(*p++ == '-');
	assert_true(isdigit((unsigned char)p[0]) && isdigit((unsigned char)p[1]) && !p[2]);
}

static void test_codes_are_unique_and_have_words(void **state)
{
	(void)state;
	for (int i = FAIL_NONE + 1; i < FAIL_COUNT; i++) {
		assert_form(fail_code((enum fail_id)i));
		assert_true(strlen(fail_title((enum fail_id)i)) > 5);
		assert_true(i == FAIL_SYS_CANCELLED || strlen(fail_advice((enum fail_id)i)) > 5);
		for (int j = FAIL_NONE + 1; j < i; j++)
			assert_string_not_equal(fail_code((enum fail_id)i), fail_code((enum fail_id)j));
	}
}

static void test_a_failure_travels_with_its_particulars(void **state)
{
	struct failure f = { 0 };
	(void)state;

	assert_int_equal((fail)(&f, FAIL_NET_NO_LINK, -ENETDOWN, "eth%d", 0), -ENETDOWN);
	assert_int_equal(f.id, FAIL_NET_NO_LINK);
	assert_int_equal(f.err, -ENETDOWN);
	assert_string_equal(f.detail, "eth0");
	assert_int_equal((fail)(NULL, FAIL_NET_NO_LINK, -ENETDOWN, "x"), -ENETDOWN);
}

/* A machine that is too small is not taken for a mistake of ours. */
static void test_no_memory_for_the_work_is_no_bug(void **state)
{
	struct failure f = { 0 };
	(void)state;

	(fail)(&f, FAIL_SYS_INTERNAL, -ENOMEM, "x");
	assert_int_equal(f.id, FAIL_MEM_WORK);
	(fail)(&f, FAIL_SYS_INTERNAL, -EIO, "x");
	assert_int_equal(f.id, FAIL_SYS_INTERNAL);
}

/* F's detail once an image called NAME is known. */
static void assert_named(enum fail_id id, const char *detail, const char *name, const char *wanted)
{
	struct failure f = { 0 };

	(fail)(&f, id, -EBADMSG, "%s", detail);
	fail_name_image(&f, name);
	assert_int_equal(f.id, id);
	assert_int_equal(f.err, -EBADMSG);
	assert_string_equal(f.detail, wanted);
}

static void test_what_is_about_an_image_names_it(void **state)
{
	(void)state;
	assert_named(FAIL_IMG_CORRUPT, "it is cut", "sda1:/a.sqfs", "sda1:/a.sqfs: it is cut");
	assert_named(FAIL_MEM_TOO_LITTLE, "100% full", "http://h/a", "http://h/a: 100% full");
	assert_named(FAIL_ROOT_NO_INIT, "sda1:/a.sqfs: no init", "sda1:/a.sqfs", "sda1:/a.sqfs: no init");
	assert_named(FAIL_IMG_DIGEST, "it is cut", NULL, "it is cut");
	assert_named(FAIL_IMG_DIGEST, "it is cut", "", "it is cut");
	assert_named(FAIL_NET_NO_LINK, "eth0", "http://h/a", "eth0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes_are_unique_and_have_words),
		cmocka_unit_test(test_a_failure_travels_with_its_particulars),
		cmocka_unit_test(test_no_memory_for_the_work_is_no_bug),
		cmocka_unit_test(test_what_is_about_an_image_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
