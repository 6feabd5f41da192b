/* test_versions.c - server/head/versions.h: versions are listed, one is current, one goes, two are compared. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/head/versions.h"

/* A folder with the versions 1 and 2, each with a file; the caller's working directory for the test. */
static int make(void **state)
{
	char folder[] = "/tmp/test-versions-XXXXXX";

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	*state = strdup(folder);
	for (int i = 1; i <= 2; i++) {
		cleanup_free char *name = str_printf("%d", i), *file = str_printf("%d/root.sqfs", i);

		assert_int_equal(mkdir(name, 0755), 0);
		close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	}
	assert_int_equal(symlink("1", "current"), 0);
	return 0;
}

static int unmake(void **state)
{
	struct versions v;

	unlink("current");
	assert_int_equal(versions_read(".", &v), 0);
	for (size_t i = 0; i < v.count; i++)
		assert_int_equal(versions_remove(".", v.names[i]), 0);
	versions_free(&v);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(*state), 0);
	free(*state);
	return 0;
}

static void test_list_is_sorted_and_hides(void **state)
{
	struct versions v;
	(void)state;

	assert_int_equal(mkdir(".2.new", 0755), 0);
	assert_int_equal(versions_read(".", &v), 0);
	assert_int_equal(v.count, 2);
	assert_string_equal(v.names[0], "1");
	assert_string_equal(v.names[1], "2");
	versions_free(&v);
	assert_int_equal(versions_read("nowhere", &v), -ENOENT);
	assert_int_equal(rmdir(".2.new"), 0);
}

static void test_use_changes_the_link(void **state)
{
	char name[8];
	(void)state;

	assert_int_equal(versions_current(".", name, sizeof(name)), 0);
	assert_string_equal(name, "1");
	assert_int_equal(versions_use(".", "2"), 0);
	assert_int_equal(versions_current(".", name, sizeof(name)), 0);
	assert_string_equal(name, "2");
	assert_int_equal(versions_use(".", "3"), -ENOENT);
	assert_int_equal(versions_use(".", "2/root.sqfs"), -ENOTDIR);
	assert_int_equal(versions_current(".", name, sizeof(name)), 0);
	assert_string_equal(name, "2");
}

static void test_the_current_one_stays(void **state)
{
	(void)state;

	assert_int_equal(versions_remove(".", "1"), -EBUSY);
	assert_int_equal(access("1/root.sqfs", F_OK), 0);
	assert_int_equal(versions_remove(".", "2"), 0);
	assert_int_equal(access("2", F_OK), -1);
	assert_int_equal(versions_remove(".", "2"), -ENOENT);
}

static void test_differences(void **state)
{
	static const struct {
		const char *old, *new, *said;
	} table[] = {
		{ "", "", "" },
		{ "a\t1\nb\t2\n", "a\t1\nb\t2\n", "" },
		{ "a\t1\nc\t2\n", "b\t1\nc\t3\n", "- a\n+ b\n  c: 2 -> 3\n" },
		{ "a\t1\n", "", "- a\n" },
		{ "", "a\t1", "+ a\n" },
		{ "a\nab\t2\n", "a\t1\nab\t2\n", "  a:  -> 1\n" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		cleanup_buf struct buf out = { 0 };

		versions_diff(table[i].old, table[i].new, &out);
		assert_string_equal(buf_cstr(&out), table[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_list_is_sorted_and_hides, make, unmake),
		cmocka_unit_test_setup_teardown(test_use_changes_the_link, make, unmake),
		cmocka_unit_test_setup_teardown(test_the_current_one_stays, make, unmake),
		cmocka_unit_test(test_differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
