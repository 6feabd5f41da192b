/* store_device.c - bytes -> a ramdisk or another block device, past the page cache, so that there is one copy only. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/store.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What O_DIRECT wants lengths to be a multiple of; the devices' sector may be smaller. */
#define SECTOR 4096

/* The last write may not reach behind the end of a device that is no multiple of SECTOR. */
#define SMALLEST_SECTOR 512

static int device_begin(struct store *s, int64_t expected, struct failure *f)
{
	if (expected <= s->capacity)
		return 0;
	return fail(f, FAIL_IMG_STORE, -ENOSPC, "the image needs %lld KiB, %s holds %lld KiB",
		    (long long)(expected / 1024 + (expected % 1024 != 0)), s->path, (long long)(s->capacity / 1024));
}

static int device_close_window(struct store *s, struct failure *f)
{
	if (s->size > s->capacity)
		return fail(f, FAIL_IMG_STORE, -ENOSPC, "%s holds %lld KiB, and more comes", s->path,
			    (long long)(s->capacity / 1024));
	return store_write_buffer(s, s->size + SECTOR <= s->capacity ? SECTOR : SMALLEST_SECTOR, f);
}

static int device_finish(struct store *s, struct failure *f)
{
	int err = s->window ? device_close_window(s, f) : 0;

	if (!err && fsync(s->write_fd) < 0)
		err = fail(f, FAIL_IMG_STORE, -errno, "writing %s to its end: %s", s->path, err_text(errno));
	/* It keeps others out, mount(2) too. */
	base_close_fd(&s->write_fd);
	return err;
}

static int device_restart(struct store *s, struct failure *f)
{
	(void)f;
	s->size = s->window_at = 0;
	s->filled = 0;
	return 0;
}

static const struct store_ops device_ops = {
	.begin = device_begin,
	.open_window = store_open_buffer,
	.close_window = device_close_window,
	.finish = device_finish,
	.restart = device_restart,
};

int store_open_device(struct store *s, const char *path, int64_t limit_kib, struct failure *f)
{
	struct stat st;
	uint64_t bytes;
	int err;

	store_init(s, STORE_RAMDISK, &device_ops);
	s->path = strdup(path);
	if (!s->path || stat(path, &st) < 0) {
		err = fail(f, FAIL_IMG_STORE, -errno, "opening %s: %s", path, err_text(errno));
		goto failed;
	}
	if (!S_ISBLK(st.st_mode)) {
		err = fail(f, FAIL_IMG_STORE, -ENOTBLK, "%s is no block device", path);
		goto failed;
	}
	/* O_EXCL: not while something is mounted from it. The other one is for readers, who need no alignment. */
	s->write_fd = open(path, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
	s->fd = s->write_fd >= 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (s->fd < 0 || ioctl(s->fd, BLKGETSIZE64, &bytes) < 0) {
		err = -errno;
		err = fail(f, FAIL_IMG_STORE, err, "opening %s: %s", path,
			   err == -EBUSY ? "it is in use" : err_text(err));
		goto failed;
	}
	s->capacity = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
	if (limit_kib >= 0 && limit_kib < s->capacity / 1024)
		s->capacity = limit_kib * 1024;
	return 0;

failed:
	store_close(s);
	return err;
}

int store_open_ramdisk(struct store *s, unsigned number, int64_t limit_kib, struct failure *f)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/ram%u", number);
	return store_open_device(s, path, limit_kib, f);
}
