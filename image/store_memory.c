/* store_memory.c - bytes -> a file in memory, written through a mapped window: one copy from the socket to its place.
 *
 * Measured (300 MB from an emulated e1000 in QEMU TCG, Linux 6.1, CPU seconds per GB, receiving alone 6.5): into the
 * window on huge pages 9.1, into the window on 4 KiB pages 11.7, recv and write with 64 KiB 11.8, splice 7.2. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"

/* Two huge pages: large enough that mapping costs nothing, small enough to be given back soon. */
#define WINDOW ((int64_t)4 * MIB)

static int no_room(struct store *s, int err, struct failure *f)
{
	return fail(f, err == -ENOSPC || err == -ENOMEM ? FAIL_MEM_TOO_LITTLE : FAIL_IMG_STORE, err,
		    "%s takes no more after %lld bytes: %s", s->path, (long long)s->size, err_text(err));
}

static int memory_begin(struct store *s, int64_t expected, struct failure *f)
{
	/* With the size known huge=within_size can use huge pages from the first byte on. */
	if (expected > 0 && ftruncate(s->fd, expected) < 0)
		return no_room(s, -errno, f);
	return 0;
}

static int memory_close_window(struct store *s, struct failure *f)
{
	(void)f;
	munmap(s->window, s->window_len);
	s->window = NULL;
	return 0;
}

static int memory_open_window(struct store *s, struct failure *f)
{
	int64_t at = s->size & ~(WINDOW - 1);
	struct stat st;
	void *p;

	if (s->window)
		memory_close_window(s, f);
	if (fstat(s->fd, &st) < 0 || ((int64_t)st.st_size < at + WINDOW && ftruncate(s->fd, at + WINDOW) < 0))
		return no_room(s, -errno, f);
	/* Memory that runs out is an error here; found by a write into the window it would be a signal. */
	if (fallocate(s->fd, 0, at, WINDOW) < 0)
		return no_room(s, -errno, f);
	p = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->fd, at);
	if (p == MAP_FAILED)
		return no_room(s, -errno, f);
	s->window = p;
	s->window_len = WINDOW;
	s->window_at = at;
	s->filled = (size_t)(s->size - at);
	return 0;
}

/* A page that the kernel still writes to cannot be given back, but the file can do without it: cut off at the window, a
 * multiple of the largest page, it gets other ones. */
static int memory_revoke(struct store *s, struct failure *f)
{
	int64_t at = s->size & ~(WINDOW - 1);
	size_t len = (size_t)(s->size - at);
	cleanup_free uint8_t *kept = malloc(len + 1);
	struct stat st;

	if (!kept)
		return no_room(s, -ENOMEM, f);
	if (s->window)
		memory_close_window(s, f);
	if (fstat(s->fd, &st) < 0 || pread(s->fd, kept, len, (off_t)at) != (ssize_t)len || ftruncate(s->fd, at) < 0 ||
	    ftruncate(s->fd, st.st_size) < 0 || pwrite(s->fd, kept, len, (off_t)at) != (ssize_t)len)
		return no_room(s, -errno, f);
	return 0;
}

static int memory_set_size(struct store *s, int64_t size, struct failure *f)
{
	if (s->window)
		memory_close_window(s, f);
	s->size = size;
	return ftruncate(s->fd, size) < 0 ? no_room(s, -errno, f) : 0;
}

static int memory_take(struct store *s, int fd, int64_t size, struct failure *f)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	char *path = own >= 0 ? str_printf("/proc/self/fd/%d", own) : NULL;

	if (!path) {
		int err = own < 0 ? -errno : -ENOMEM;

		base_close_fd(&own);
		return no_room(s, err, f);
	}
	if (s->window)
		memory_close_window(s, f);
	base_close_fd(&s->fd);
	free(s->path);
	s->fd = own;
	s->path = path;
	s->size = size;
	return 0;
}

static int memory_finish(struct store *s, struct failure *f)
{
	return memory_set_size(s, s->size, f);
}

static int memory_restart(struct store *s, struct failure *f)
{
	return memory_set_size(s, 0, f);
}

static void memory_close(struct store *s)
{
	if (s->window)
		memory_close_window(s, NULL);
	base_close_fd(&s->fd);
	/* Still busy where a loop device reads the file: then it stays, which is what is wanted. */
	if (s->mounted)
		umount(s->mounted);
}

static const struct store_ops memory_ops = {
	.begin = memory_begin,
	.open_window = memory_open_window,
	.close_window = memory_close_window,
	.revoke = memory_revoke,
	.finish = memory_finish,
	.restart = memory_restart,
	.take = memory_take,
	.close = memory_close,
	.splices = true,
};

/* A tmpfs of its own: with huge pages where the kernel has them, and no limit but the sink's. */
static int mount_own(struct store *s, const char *dir, struct failure *f)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(f, FAIL_IMG_STORE, -errno, "making %s: %s", dir, err_text(errno));
	if (mount("stage1-image", dir, "tmpfs", flags, "mode=0700,size=100%,huge=within_size") < 0 &&
	    mount("stage1-image", dir, "tmpfs", flags, "mode=0700,size=100%") < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "mounting a tmpfs on %s: %s", dir, err_text(errno));
	s->mounted = strdup(dir);
	if (s->mounted)
		return 0;
	umount(dir);
	return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory for a name");
}

int store_open_memory(struct store *s, const char *dir, struct failure *f)
{
	int err;

	store_init(s, STORE_MEMORY, &memory_ops);
	if (dir) {
		err = mount_own(s, dir, f);
		if (err)
			goto failed;
		s->path = str_printf("%s/image", dir);
		s->fd = s->path ? open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	} else {
		s->fd = memfd_create("image", MFD_CLOEXEC);
		s->path = s->fd >= 0 ? str_printf("/proc/self/fd/%d", s->fd) : NULL;
	}
	if (s->fd >= 0 && s->path)
		return 0;
	err = fail(f, FAIL_IMG_STORE, -errno, "a file in memory cannot be made: %s", err_text(errno));
failed:
	store_close(s);
	return err;
}
