/* test_links.c - files with several names: the first of them is remembered, however many files there are. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "image/links.h"

#include <stdio.h>

static void test_the_first_name_is_remembered(void **state)
{
	struct links l = { 0 };
	const char *first;

	(void)state;
	assert_int_equal(links_first(&l, 1, 2, UINT32_MAX, "etc/hello", &first), 0);
	assert_null(first);
	assert_int_equal(links_first(&l, 1, 2, UINT32_MAX, "etc/hard", &first), 0);
	assert_string_equal(first, "etc/hello");
	links_free(&l);
}

static void test_devices_are_told_apart(void **state)
{
	struct links l = { 0 };
	const char *first;

	(void)state;
	assert_int_equal(links_first(&l, 1, 7, UINT32_MAX, "usr/a", &first), 0);
	assert_int_equal(links_first(&l, 2, 7, UINT32_MAX, "home/a", &first), 0);
	assert_null(first);
	links_free(&l);
}

static void test_many_files(void **state)
{
	struct links l = { 0 };
	const char *first;
	char name[16];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (unsigned i = 0; i < 5000; i++) {
			snprintf(name, sizeof(name), "%u", i);
			assert_int_equal(links_first(&l, 8, i * UINT64_C(4096), UINT32_MAX, name, &first), 0);
			if (round == 0)
				assert_null(first);
			else
				assert_string_equal(first, name);
		}
	links_free(&l);
}

static void test_a_number_used_again(void **state)
{
	struct links l = { 0 };
	const char *first;

	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(links_first(&l, 1, 7, 2, "a", &first), 0);
		assert_null(first);
		assert_int_equal(links_first(&l, 1, 7, 2, "b", &first), 0);
		assert_string_equal(first, "a");
	}
	assert_int_equal(l.count, 1);
	links_free(&l);
}

/* Numbers that differ in their high bits only, or by what a fixed multiplier makes nothing of. */
static void test_chosen_numbers_cost_no_more(void **state)
{
	struct links l = { 0 };
	const char *first;

	(void)state;
	for (uint64_t i = 0; i < 100000; i++)
		assert_int_equal(links_first(&l, i << 40, i << 33, 2, "x", &first), 0);
	assert_int_equal(l.count, 100000);
	links_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_name_is_remembered),
		cmocka_unit_test(test_devices_are_told_apart),
		cmocka_unit_test(test_many_files),
		cmocka_unit_test(test_a_number_used_again),
		cmocka_unit_test(test_chosen_numbers_cost_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
