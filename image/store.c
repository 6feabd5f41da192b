/* store.c - bytes -> the place where an image is kept: what the memory, device and file stores have in common. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/compat.h"

/* As many bytes as one splice may move: the pipe is made that big. */
#define PIPE_SIZE (1024 * 1024)

void store_init(struct store *s, enum store_kind kind, const struct store_ops *ops)
{
	*s = (struct store){
		.kind = kind,
		.fd = -1,
		.ops = ops,
		.capacity = -1,
		.write_fd = -1,
		.pipe = { -1, -1 },
	};
}

int store_reserve(struct store *s, void **space, size_t *room, struct failure *f)
{
	if (!s->window || s->filled == s->window_len) {
		int err = s->ops->open_window(s, f);

		if (err)
			return err;
	}
	*space = s->window + s->filled;
	*room = s->window_len - s->filled;
	return 0;
}

int store_commit(struct store *s, size_t used, struct failure *f)
{
	s->filled += used;
	s->size += (int64_t)used;
	return s->filled == s->window_len ? s->ops->close_window(s, f) : 0;
}

static int open_pipe(struct store *s)
{
	if (pipe2(s->pipe, O_CLOEXEC) < 0)
		return -EOPNOTSUPP;
	(void)fcntl(s->pipe[1], F_SETPIPE_SZ, PIPE_SIZE); /* smaller is only slower */
	return 0;
}

/* Empties the pipe into the file. 0 or -errno. */
static int drain(struct store *s, size_t len, struct failure *f)
{
	while (len) {
		loff_t at = s->size;
		ssize_t n = splice(s->pipe[0], NULL, s->fd, &at, len, SPLICE_F_MOVE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(f, FAIL_IMG_STORE, n ? -errno : -EIO, "writing %s at byte %lld: %s", s->path,
				    (long long)s->size, n ? err_text(errno) : "nothing was taken");
		s->size += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t store_pull(struct store *s, int fd, size_t max, struct failure *f)
{
	ssize_t n;
	int err;

	if (!s->ops->splices || (s->pipe[0] < 0 && open_pipe(s)))
		return -EOPNOTSUPP;
	/* The window may cover where the bytes go; it is made anew when it is needed. */
	err = s->window ? s->ops->close_window(s, f) : 0;
	if (err)
		return err;
	do
		n = splice(fd, NULL, s->pipe[1], NULL, MIN(max, (size_t)PIPE_SIZE), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EINVAL)
		return -EOPNOTSUPP;
	if (n <= 0)
		return n ? -errno : 0;
	err = drain(s, (size_t)n, f);
	return err ? err : n;
}

/* Reads what is in the file from AT on. Bytes read (less than LEN at the end) or -errno. */
static ssize_t read_at(const struct store *s, int64_t at, uint8_t *bytes, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(s->fd, bytes + got, len - got, (off_t)(at + (int64_t)got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t store_read_head(struct store *s, uint8_t *head, size_t len)
{
	len = (size_t)MIN((int64_t)len, s->size);
	/* What waits in a buffer is not in the file yet. */
	if (s->window && s->window_at == 0 && s->filled >= len) {
		memcpy(head, s->window, len);
		return (ssize_t)len;
	}
	return read_at(s, 0, head, len);
}

int store_read_last(struct store *s, uint8_t *bytes, size_t len)
{
	ssize_t n;

	if (!s->ops->splices || (int64_t)len > s->size)
		return -EOPNOTSUPP;
	n = read_at(s, s->size - (int64_t)len, bytes, len);
	return n < 0 ? (int)n : (size_t)n < len ? -EIO : 0;
}

int store_open_buffer(struct store *s, struct failure *f)
{
	if (!s->window) {
		void *p = mmap(NULL, STORE_BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return fail(f, FAIL_MEM_TOO_LITTLE, -errno, "no memory for a buffer of %d KiB",
				    STORE_BUFFER / 1024);
		s->window = p;
		s->window_len = STORE_BUFFER;
	}
	s->filled = 0;
	s->window_at = s->size;
	return 0;
}

int store_write_buffer(struct store *s, size_t align, struct failure *f)
{
	size_t len = s->filled, done = 0;
	int fd = s->write_fd >= 0 ? s->write_fd : s->fd;

	if (len % align) {
		memset(s->window + len, 0, align - len % align);
		len += align - len % align;
	}
	while (done < len) {
		ssize_t n = pwrite(fd, s->window + done, len - done, (off_t)(s->window_at + (int64_t)done));

		if (n < 0 && errno == ESPIPE)
			n = write(fd, s->window + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(f, FAIL_IMG_STORE, n ? -errno : -EIO, "writing %s at byte %lld: %s", s->path,
				    (long long)(s->window_at + (int64_t)done),
				    n ? err_text(errno) : "nothing was taken");
		done += (size_t)n;
	}
	s->window_at += (int64_t)s->filled;
	s->filled = 0;
	return 0;
}

void store_close(struct store *s)
{
	if (s->tree)
		umount(s->tree);
	if (s->ops && s->ops->close)
		s->ops->close(s);
	if (s->window)
		munmap(s->window, s->window_len);
	base_close_fd(&s->fd);
	base_close_fd(&s->write_fd);
	base_close_fd(&s->pipe[0]);
	base_close_fd(&s->pipe[1]);
	free(s->path);
	free(s->unfinished);
	free(s->mounted);
	free(s->tree);
	store_init(s, s->kind, NULL);
}
