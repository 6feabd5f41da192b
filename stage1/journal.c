/* journal.c - log lines -> the kernel log, RUN_DIR/log, console 3, a syslog server; kernel messages -> console 4. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/journal.h"

#include "base/clock.h"
#include "base/log.h"
#include "stage1/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SYSLOG_PORT     514
#define SYSLOG_FACILITY 3 /* RFC 5424, section 6.2.1: system daemons */

/* Where lines go that are written whole, without ever waiting for it. */
struct place {
	int fd;
	const char *before; /* each line; NULL: the time */
};

static int server = -1; /* a connected socket; -1: none */

/* One line to a place. */
static void to_place(void *ctx, enum log_level level, const char *text)
{
	const struct place *p = ctx;
	cleanup_buf struct buf line = { 0 };
	int64_t ms = now_ms();

	if (p->before)
		buf_str(&line, p->before);
	else
		buf_printf(&line, "%5lld.%03lld %s", (long long)(ms / 1000), (long long)(ms % 1000),
			   level <= LOG_LEVEL_WARN ? "! " : "");
	buf_printf(&line, "%s\n", text);
	if (!line.failed && write(p->fd, line.data, line.len) < 0)
		return; /* a log that is full or gone has nobody to tell */
}

void journal_tell(enum log_level level, const char *data, const char *text)
{
	cleanup_buf struct buf line = { 0 };
	struct utsname u;

	uname(&u);
	buf_printf(&line, "<%d>1 - %s stage1 - - %s %s", SYSLOG_FACILITY * 8 + (int)level, u.nodename, data, text);
	if (!line.failed)
		(void)!send(server, line.data, line.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void to_server(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	journal_tell(level, "-", text);
}

static void add(struct place *p, const char *path, int flags)
{
	p->fd = open(path, flags | O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0644);
	if (p->fd >= 0 && log_add_sink(to_place, p))
		close(p->fd);
}

void journal_open(void)
{
	static struct place file, kernel = { .before = "<7>stage1: " }, screen_3 = { .before = "* " };

	/* the file first: it alone is given what was logged before */
	add(&file, RUN_DIR "/log", O_CREAT | O_APPEND);
	add(&kernel, "/dev/kmsg", 0);   /* always debug, so that nothing is shown twice on a console */
	add(&screen_3, "/dev/tty3", 0); /* the prefix the original's users know */
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

int journal_add_server(const struct network *net, const char *name, struct failure *f)
{
	struct peer_address *addresses;
	size_t count;
	int fd, err = net_resolve(net, name, SYSLOG_PORT, now_ms() + 5000, &addresses, &count, f);

	if (err)
		return err;
	fd = socket(addresses[0].u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &addresses[0].u.sa, addresses[0].len) ||
	    (server < 0 && log_add_sink(to_server, NULL))) {
		err = fail(f, FAIL_SRV_UNREACHABLE, -errno, "log:%s: %s", name, err_text(errno));
		if (fd >= 0)
			close(fd);
	} else {
		if (server >= 0)
			close(server); /* another card reaches it */
		server = fd;
	}
	free(addresses);
	return err;
}
