/* follow.c - a log file that grows, or is not there yet -> its lines, one by one. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/follow.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST (4 * KIB) /* of a line; what is longer is left out */

static void close_file(struct follow *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->skipping = false;
	buf_free(&f->rest);
}

/* The file that has the name now, if it is not the one that is open. */
static void open_file(struct follow *f)
{
	struct stat s;
	bool there = stat(f->path, &s) == 0 && S_ISREG(s.st_mode);

	if (there && f->fd >= 0 && s.st_ino != f->inode)
		close_file(f);
	if (there && f->fd < 0) {
		f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		f->inode = s.st_ino;
		if (f->fd >= 0 && !f->looked)
			(void)!lseek(f->fd, 0, SEEK_END);
	}
	f->looked = true;
}

/* A log that was emptied goes on from its beginning. */
static void rewind_cut(const struct follow *f)
{
	struct stat s;
	off_t at = lseek(f->fd, 0, SEEK_CUR);

	if (fstat(f->fd, &s) == 0 && s.st_size < at)
		(void)!lseek(f->fd, 0, SEEK_SET);
}

static void take(struct follow *f, const char *bytes, size_t len, follow_fn *fn, void *ctx)
{
	while (len) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len;

		f->skipping |= f->rest.len + n > LONGEST;
		if (!f->skipping)
			buf_add(&f->rest, bytes, n);
		if (end && !f->skipping && !f->rest.failed)
			fn(ctx, buf_cstr(&f->rest), f->rest.len);
		if (end || f->skipping)
			buf_free(&f->rest);
		f->skipping &= !end;
		n += end ? 1 : 0;
		bytes += n;
		len -= n;
	}
}

void follow_read(struct follow *f, follow_fn *fn, void *ctx)
{
	char bytes[16 * 1024];
	int64_t most = FOLLOW_MOST;
	ssize_t n = 1;

	open_file(f);
	if (f->fd < 0)
		return;
	rewind_cut(f);
	while (n > 0 && most > 0) {
		n = read(f->fd, bytes, sizeof(bytes));
		if (n > 0)
			take(f, bytes, (size_t)n, fn, ctx);
		most -= n;
	}
}

void follow_close(struct follow *f)
{
	close_file(f);
}
