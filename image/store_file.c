/* store_file.c - bytes -> a file that has its name only when every byte is there and on its disk. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/store.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int file_begin(struct store *s, int64_t expected, struct failure *f)
{
	struct statvfs vfs;
	int64_t room;

	if (expected < 0 || !s->unfinished || fstatvfs(s->fd, &vfs) < 0)
		return 0;
	if (__builtin_mul_overflow((int64_t)vfs.f_bavail, (int64_t)vfs.f_frsize, &room) || expected <= room)
		return 0;
	return fail(f, FAIL_IMG_STORE, -ENOSPC, "the image needs %lld MB, %lld MB are free where %s is",
		    (long long)(expected / 1000000 + (expected % 1000000 != 0)), (long long)(room / 1000000), s->path);
}

static int file_close_window(struct store *s, struct failure *f)
{
	return store_write_buffer(s, 1, f);
}

static int file_finish(struct store *s, struct failure *f)
{
	int err = s->window ? file_close_window(s, f) : 0;

	if (err)
		return err;
	/* A pipe or a terminal knows no disk. */
	if (fsync(s->fd) < 0 && errno != EINVAL && errno != EROFS)
		return fail(f, FAIL_IMG_STORE, -errno, "writing %s to its disk: %s", s->path, err_text(errno));
	if (!s->unfinished)
		return 0;
	if (rename(s->unfinished, s->path) < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "naming %s: %s", s->path, err_text(errno));
	free(s->unfinished);
	s->unfinished = NULL;
	return 0;
}

static int file_restart(struct store *s, struct failure *f)
{
	if (s->size && ((s->unfinished && ftruncate(s->fd, 0) < 0) || lseek(s->fd, 0, SEEK_SET) < 0))
		return fail(f, FAIL_IMG_STORE, -errno, "%s cannot take back what was written: %s", s->path,
			    err_text(errno));
	s->size = s->window_at = 0;
	s->filled = 0;
	return 0;
}

static void file_close(struct store *s)
{
	if (s->unfinished)
		unlink(s->unfinished);
}

static const struct store_ops file_ops = {
	.begin = file_begin,
	.open_window = store_open_buffer,
	.close_window = file_close_window,
	.finish = file_finish,
	.restart = file_restart,
	.close = file_close,
};

int store_open_file(struct store *s, const char *path, struct failure *f)
{
	struct stat st;
	int err;

	store_init(s, STORE_FILE, &file_ops);
	s->path = strdup(path);
	errno = ENOMEM;
	if (!s->path)
		goto failed;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		s->fd = open(path, O_WRONLY | O_CLOEXEC);
	} else {
		s->unfinished = str_printf("%s.%d.part", path, (int)getpid());
		errno = ENOMEM;
		if (!s->unfinished)
			goto failed;
		s->fd = open(s->unfinished, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	}
	if (s->fd >= 0)
		return 0;
failed:
	err = fail(f, FAIL_IMG_STORE, -errno, "%s cannot be written: %s", path, err_text(errno));
	store_close(s);
	return err;
}

int store_use(struct store *s, const char *path, struct failure *f)
{
	struct stat st;
	uint64_t bytes = 0;
	int err;

	store_init(s, STORE_FILE, NULL);
	s->path = strdup(path);
	s->fd = s->path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (s->fd < 0 || fstat(s->fd, &st) < 0 || (S_ISBLK(st.st_mode) && ioctl(s->fd, BLKGETSIZE64, &bytes) < 0)) {
		err = fail(f, FAIL_IMG_STORE, -errno, "opening %s: %s", path, err_text(errno));
		store_close(s);
		return err;
	}
	s->size = S_ISBLK(st.st_mode) ? (int64_t)bytes : (int64_t)st.st_size;
	/* A device is mounted as it is. */
	if (S_ISBLK(st.st_mode))
		s->kind = STORE_RAMDISK;
	return 0;
}
