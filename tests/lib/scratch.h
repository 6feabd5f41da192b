/* scratch.h - for unit tests that need real files: a folder of their own, commands run in it, files read whole. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_LIB_SCRATCH_H
#define TESTS_LIB_SCRATCH_H

#include "base/buf.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* A fresh folder; the process works in it from now on. */
static inline void scratch_enter(char dir[static 32])
{
	str_copy(dir, 32, "/tmp/stage1-unit-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
}

/* Runs SCRIPT with /bin/sh -e in the folder; whatever it says is shown only when it fails. */
static inline void scratch_run(const char *script)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		int log = open("log", O_RDWR | O_CREAT | O_TRUNC, 0600);

		dup2(log, 1);
		dup2(log, 2);
		execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status) {
		char line[512];
		FILE *log = fopen("log", "r");

		print_error("failed: %s\n", script);
		while (log && fgets(line, sizeof(line), log))
			print_error("    %s", line);
	}
	assert_int_equal(status, 0);
}

/* The file's bytes; B must be {0} or freed. */
static inline void scratch_read(struct buf *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	do {
		assert_int_equal(buf_reserve(b, 1 << 20), 0);
		n = read(fd, b->data + b->len, 1 << 20);
		assert_true(n >= 0);
		b->len += (size_t)n;
	} while (n);
	b->data[b->len] = '\0';
	close(fd);
}

/* Away with it. */
static inline void scratch_leave(const char *dir)
{
	cleanup_free char *script = str_printf("rm -rf %s", dir);

	assert_int_equal(chdir("/"), 0);
	assert_non_null(script);
	assert_int_equal(system(script), 0);
}

#endif
