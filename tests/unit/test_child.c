/* test_child.c - relay/child.h: children end as events, and what their statuses mean is known for the tools people
 * use. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/child.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

static void tools(void **state)
{
	static const struct {
		const char *command, *tool;
	} rows[] = {
		{ "tar -c .", "tar" },
		{ "cd / && tar --create --one-file-system --sparse .", "tar" },
		{ "(cd TREE; tar --create --one-file-system --sparse . )", "tar" },
		{ "(cd /mnt/ka; /bin/tar -c .)", "tar" },
		{ "LC_ALL=C exec nice tar -c .", "tar" },
		{ "tar -c . | gzip", "gzip" },
		{ "tar -c 'a;b|c'", "tar" },
		{ "tar -c . ; false", "false" },
		{ "cat file; exit 1", "exit" },
		{ "tar -c a\\;b", "tar" },
		{ "  ", "" },
		{ "", "" },
	};
	char name[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		child_tool(rows[i].command, name, sizeof(name));
		if (strcmp(name, rows[i].tool) != 0)
			fail_msg("%s: %s, not %s", rows[i].command, name, rows[i].tool);
	}
}

static void verdicts(void **state)
{
	char words[120];

	(void)state;
	assert_int_equal(child_judge("tar", 0, words, sizeof(words)), CHILD_GOOD);
	assert_int_equal(child_judge("tar", 1 << 8, words, sizeof(words)), CHILD_WARNED);
	assert_non_null(strstr(words, "a file changed"));
	assert_int_equal(child_judge("tar", 2 << 8, words, sizeof(words)), CHILD_BAD);
	assert_int_equal(child_judge(NULL, 1 << 8, words, sizeof(words)), CHILD_BAD);
	assert_int_equal(child_judge("gzip", 1 << 8, words, sizeof(words)), CHILD_BAD);
	assert_int_equal(child_judge("gzip", 2 << 8, words, sizeof(words)), CHILD_WARNED);
	assert_int_equal(child_judge("x", 127 << 8, words, sizeof(words)), CHILD_BAD);
	assert_non_null(strstr(words, "no such program"));
	assert_int_equal(child_judge("tar", SIGKILL, words, sizeof(words)), CHILD_BAD);
	assert_non_null(strstr(words, "signal 9"));
}

/* ---- a child runs */

static int status_seen;

static void on_ended(struct child *c, int status)
{
	status_seen = status;
	loop_stop(c->loop, 0);
}

/* Copies its input to its output; nothing else of ours is open. */
static int copy(void *ctx)
{
	char bytes[100];
	ssize_t n;

	for (int fd = 3; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 9;
	while ((n = read(0, bytes, sizeof(bytes))) > 0)
		if (write(1, bytes, (size_t)n) != n)
			return 8;
	return *(int *)ctx;
}

static void runs(void **state)
{
	struct child c = { .ended = on_ended };
	struct failure f = { 0 };
	struct loop l;
	int in[2], out[2], status = 3;
	char bytes[10] = "";

	(void)state;
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(pipe(in) | pipe(out), 0);
	assert_int_equal(child_start(&c, &l, copy, &status, in[0], out[1], &f), 0);
	close(in[0]);
	close(out[1]);
	assert_int_equal(write(in[1], "hello", 5), 5);
	close(in[1]);
	assert_int_equal(loop_run(&l), 0);
	assert_int_equal(status_seen, 3 << 8);
	assert_int_equal(read(out[0], bytes, sizeof(bytes)), 5);
	close(out[0]);
	loop_close(&l);
}

static int sleep_deeply(void *ctx)
{
	(void)ctx;
	signal(SIGTERM, SIG_IGN);
	pause();
	return 0;
}

static void is_killed(void **state)
{
	struct child c = { .ended = on_ended };
	struct failure f = { 0 };
	struct loop l;

	(void)state;
	status_seen = -1;
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(child_start(&c, &l, sleep_deeply, NULL, -1, -1, &f), 0);
	child_kill(&c);
	assert_int_equal(c.pid, 0);
	assert_int_equal(status_seen, -1);
	child_kill(&c);
	loop_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tools),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(runs),
		cmocka_unit_test(is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
