/* test_confined.c - base/confined.h: nothing that lies in a folder leads out of it, by openat2 and without. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"
#include "base/confined.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/compat.h"

static char top[] = "/tmp/test-confined-XXXXXX";
static int root; /* top/in; top/out is what must not be reached */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	assert_int_equal(chdir(top), 0);
	assert_int_equal(mkdir("in", 0755) | mkdir("in/a", 0755) | mkdir("in/a/b", 0755) | mkdir("out", 0755), 0);
	write_file("out/f", "out");
	write_file("f", "out");
	write_file("in/f", "in");
	write_file("in/a/b/f", "deep");
	assert_int_equal(symlink("f", "in/near") | symlink("/f", "in/absolute") | symlink("../f", "in/above") |
				 symlink("../../../../f", "in/a/b/far") | symlink("/a", "in/folder") |
				 symlink("../out", "in/outside") | symlink("loop", "in/loop") |
				 symlink("/proc/self/fd/0", "in/magic"),
			 0);
	root = open("in", O_RDONLY | O_DIRECTORY);
	return root < 0;
}

static int tear_down(void **state)
{
	cleanup_free char *command = str_printf("rm -rf %s", top);

	(void)state;
	close(root);
	return command ? !!system(command) : 1;
}

/* What OPEN finds below PATH, "!NAME" for an error. */
static const char *look(int (*open_it)(int, const char *, int), const char *path)
{
	static char text[40];
	cleanup_close int fd = open_it(root, path, O_RDONLY);
	struct stat st;
	ssize_t n;

	if (fd < 0) {
		snprintf(text, sizeof(text), "!%s", strerrorname_np(-fd));
		return text;
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	if (S_ISDIR(st.st_mode))
		return "folder";
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static const struct {
	const char *path, *openat2, *parts;
} rows[] = {
	{ "f", "in", "in" },
	{ "/f", "in", "in" },
	{ "//a//b/f", "deep", "deep" },
	{ "", "folder", "folder" },
	{ "/", "folder", "folder" },
	{ ".", "folder", "folder" },
	{ "a/b", "folder", "folder" },
	{ "a/b/", "folder", "folder" },
	{ "a/./b/f", "deep", "deep" },
	{ "nothing", "!ENOENT", "!ENOENT" },
	{ "a/nothing/f", "!ENOENT", "!ENOENT" },
	{ "f/x", "!ENOTDIR", "!ELOOP" },
	{ "near", "in", "!ELOOP" },
	{ "absolute", "in", "!ELOOP" },
	{ "above", "in", "!ELOOP" },
	{ "a/b/far", "in", "!ELOOP" },
	{ "folder/b/f", "deep", "!ELOOP" },
	{ "outside/f", "!ENOENT", "!ELOOP" },
	{ "loop", "!ELOOP", "!ELOOP" },
	{ "../out/f", "!ENOENT", "!EXDEV" },
	{ "a/../f", "in", "!EXDEV" },
	{ "a/b/../../../../../f", "in", "!EXDEV" },
	{ "..", "folder", "!EXDEV" },
	{ "magic", "!ENOENT", "!ELOOP" }, /* there is no /proc in there */
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(look(confined_open, rows[i].path), rows[i].openat2) != 0)
			fail_msg("openat2 %s: %s", rows[i].path, look(confined_open, rows[i].path));
		if (strcmp(look(confined_open_by_parts, rows[i].path), rows[i].parts) != 0)
			fail_msg("by parts %s: %s", rows[i].path, look(confined_open_by_parts, rows[i].path));
	}
}

/* A name longer than names may be is an error, not an overflow. */
static void test_long_names(void **state)
{
	char name[5000];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(confined_open_by_parts(root, name, O_RDONLY), -ENAMETOOLONG);
	assert_true(confined_open(root, name, O_RDONLY) < 0);
}

/* /proc below the root: what leads to an open file is not followed. */
static void test_links_of_proc(void **state)
{
	int fs = open("/", O_RDONLY | O_DIRECTORY), fd;

	(void)state;
	assert_int_equal(confined_open(fs, "/proc/self/fd/0", O_RDONLY), -ELOOP);
	assert_int_equal(confined_open(fs, "/proc/self/root/etc", O_RDONLY), -ELOOP);
	assert_int_equal(confined_open_by_parts(fs, "/proc/self/fd/0", O_RDONLY), -ELOOP);
	fd = confined_open(fs, "/proc/self/status", O_RDONLY); /* and a mount point is a folder as others */
	assert_true(fd >= 0);
	close(fd);
	fd = confined_open_by_parts(fs, "/proc/version", O_RDONLY);
	assert_true(fd >= 0);
	close(fd);
	close(fs);
}

static volatile bool over;

/* a/b moves out of the root and back, and a link takes its place meanwhile. */
static void *rename_it(void *arg)
{
	(void)arg;
	while (!over) {
		if (rename("in/a/b", "out/b") == 0 && symlink("../../out", "in/a/b") == 0)
			unlink("in/a/b");
		rename("out/b", "in/a/b");
	}
	return NULL;
}

static void test_renames_under_its_feet(void **state)
{
	static const char *const allowed[] = { "deep", "in", "!ENOENT", "!ENOTDIR", "!ELOOP", "!EXDEV", "!EAGAIN" };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, rename_it, NULL), 0);
	for (int i = 0; i < 20000; i++) {
		const char *got = look(i % 2 ? confined_open : confined_open_by_parts, i % 3 ? "a/b/f" : "a/b/../../f");
		bool good = false;

		for (size_t k = 0; k < ARRAY_SIZE(allowed); k++)
			good |= strcmp(got, allowed[k]) == 0;
		if (!good)
			fail_msg("round %d: %s", i, got);
	}
	over = true;
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_links_of_proc),
		cmocka_unit_test(test_renames_under_its_feet),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
