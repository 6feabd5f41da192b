/* journal.c - log lines -> the kernel log, RUN_DIR/log, console 3, a syslog server; kernel messages -> console 4. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/journal.h"

#include "base/clock.h"
#include "base/log.h"
#include "stage1/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define SYSLOG_PORT     514
#define SYSLOG_FACILITY 3 /* RFC 3164, section 4.1.1: system daemons */

/* One line to a descriptor, whole, and never waiting for it. */
static void write_line(int fd, struct buf *line)
{
	if (!line->failed && write(fd, line->data, line->len) < 0)
		return; /* a log that is full or gone has nobody to tell */
}

static void to_kernel_log(void *ctx, enum log_level level, const char *text)
{
	cleanup_buf struct buf line = { 0 };

	(void)level; /* always debug, so that nothing is shown twice on a console */
	buf_printf(&line, "<7>stage1: %s\n", text);
	write_line((int)(intptr_t)ctx, &line);
}

static void to_file(void *ctx, enum log_level level, const char *text)
{
	cleanup_buf struct buf line = { 0 };
	int64_t ms = now_ms();

	buf_printf(&line, "%5lld.%03lld %s%s\n", (long long)(ms / 1000), (long long)(ms % 1000),
		   level <= LOG_LEVEL_WARN ? "! " : "", text);
	write_line((int)(intptr_t)ctx, &line);
}

static void to_screen_3(void *ctx, enum log_level level, const char *text)
{
	cleanup_buf struct buf line = { 0 };

	(void)level;
	buf_printf(&line, "* %s\n", text); /* the prefix the original's users know */
	write_line((int)(intptr_t)ctx, &line);
}

static void to_server(void *ctx, enum log_level level, const char *text)
{
	cleanup_buf struct buf line = { 0 };

	buf_printf(&line, "<%d>stage1: %s", SYSLOG_FACILITY * 8 + (int)level, text);
	if (!line.failed)
		(void)!send((int)(intptr_t)ctx, line.data, line.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void add(const char *path, int flags, log_sink_fn *fn)
{
	int fd = open(path, flags | O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd >= 0 && log_add_sink(fn, (void *)(intptr_t)fd))
		close(fd);
}

void journal_open(void)
{
	/* the file first: it alone is given what was logged before */
	add(RUN_DIR "/log", O_CREAT | O_APPEND, to_file);
	add("/dev/kmsg", 0, to_kernel_log);
	add("/dev/tty3", 0, to_screen_3);
}

/* "6,339,5140900,-;text" of /dev/kmsg -> "text" (Documentation/ABI/testing/dev-kmsg). */
static const char *kernel_text(const char *record)
{
	const char *semicolon = strchr(record, ';');

	return semicolon ? semicolon + 1 : record;
}

int journal_follow_kernel(void)
{
	int out = open("/dev/tty4", O_WRONLY | O_NOCTTY | O_CLOEXEC), in;
	pid_t pid;

	if (out < 0)
		return 0;
	pid = fork();
	if (pid != 0) {
		close(out);
		return pid > 0 ? pid : 0;
	}
	in = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
	for (;;) {
		char record[2048];
		ssize_t n = read(in, record, sizeof(record) - 1);

		if (n < 0 && errno == EPIPE)
			continue; /* some were overwritten before they were read */
		if (n <= 0)
			_exit(0);
		record[n] = '\0';
		n = (ssize_t)strlen(kernel_text(record));
		if (write(out, kernel_text(record), (size_t)n) != n)
			_exit(0);
	}
}

int journal_add_server(const struct network *net, const char *server, struct failure *f)
{
	struct peer_address *addresses;
	size_t count;
	int fd, err = net_resolve(net, server, SYSLOG_PORT, now_ms() + 5000, &addresses, &count, f);

	if (err)
		return err;
	fd = socket(addresses[0].u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &addresses[0].u.sa, addresses[0].len) ||
	    log_add_sink(to_server, (void *)(intptr_t)fd)) {
		err = fail(f, FAIL_SRV_UNREACHABLE, -errno, "log:%s: %s", server, err_text(errno));
		if (fd >= 0)
			close(fd);
	}
	free(addresses);
	return err;
}
