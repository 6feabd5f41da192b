/* store.c - verified bytes at their offsets -> a file, a device or memory, from which children are served. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/store_internal.h"

#include "base/buf.h"
#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"

/* So many bytes are written before the kernel is asked to begin bringing them to the medium: a slow disk then never
 * has so much waiting that a write would stop the whole loop. */
#define WRITEBACK (8 * MIB)

#define SINK_PIECE (256 * KIB)
#define SINK_MS    20

struct rstore_part *rstore_add_part(struct rstore *s, int64_t start, int64_t end)
{
	struct rstore_part *part = realloc(s->part, (s->parts + 1) * sizeof(*part));

	if (!part)
		return NULL;
	s->part = part;
	part += s->parts++;
	*part = (struct rstore_part){ .fd = -1, .old_fd = -1, .start = start, .end = end };
	return part;
}

/* ---- source */

static int64_t size_of(int fd, const struct stat *st)
{
	uint64_t bytes = 0;

	if (!S_ISBLK(st->st_mode))
		return st->st_size;
	return ioctl(fd, BLKGETSIZE64, &bytes) < 0 ? -1 : (int64_t)bytes;
}

static int open_source_part(struct rstore *s, const char *path, int64_t *size, struct failure *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct rstore_part *part;
	struct stat st;
	int64_t bytes;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) || (bytes = size_of(fd, &st)) < 0) {
		close(fd);
		return fail(f, FAIL_SRV_NOT_FOUND, -EINVAL, "%s is neither a file nor a block device", path);
	}
	part = rstore_add_part(s, *size, *size + bytes);
	if (!part) {
		close(fd);
		return -ENOMEM;
	}
	part->fd = fd;
	part->path = strdup(path);
	*size += bytes;
	return 0;
}

int rstore_open_source(struct rstore *s, const char *path, bool split, int64_t *size, struct failure *f)
{
	int err = 0;

	*s = (struct rstore){ .kind = RSTORE_SOURCE, .path = strdup(path), .limit = -1 };
	*size = 0;
	if (!split) {
		err = open_source_part(s, path, size, f);
	} else {
		for (int i = 0; !err; i++) {
			cleanup_free char *name = str_printf("%s_%d", path, i);

			err = name ? open_source_part(s, name, size, f) : -ENOMEM;
		}
		if (err == -ENOENT && s->parts > 0)
			err = 0;
	}
	if (!err)
		return 0;
	rstore_close(s, false);
	if (err == -EINVAL)
		return err;
	return fail(f, err == -ENOENT ? FAIL_SRV_NOT_FOUND : FAIL_SRV_DENIED, err, "%s%s: %s", path, split ? "_0" : "",
		    err_text(err));
}

/* ---- a target in memory, or somebody else's */

int rstore_lend(struct rstore *s, int fd)
{
	*s = (struct rstore){ .kind = RSTORE_LENT, .limit = -1 };
	if (!rstore_add_part(s, 0, INT64_MAX))
		return -ENOMEM;
	s->part[0].fd = fd;
	return 0;
}

int rstore_open_memory(struct rstore *s, struct failure *f)
{
	int fd = memfd_create("relay", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "memory file: %s", err_text(errno));
	if (rstore_lend(s, fd) < 0) {
		close(fd);
		return -ENOMEM;
	}
	s->kind = RSTORE_MEMORY;
	return 0;
}

/* ---- bytes */

/* The part that holds OFFSET; a split target grows by parts as bytes come. NULL where there is none. */
static struct rstore_part *part_at(struct rstore *s, int64_t offset, bool may_open)
{
	for (size_t i = s->parts; i-- > 0;)
		if (offset >= s->part[i].start && offset < s->part[i].end)
			return &s->part[i];
	while (may_open && s->split && offset >= (int64_t)s->parts * s->split)
		if (rstore_open_part(s, (int64_t)s->parts * s->split, -1, NULL) < 0)
			return NULL;
	return may_open && s->parts ? &s->part[s->parts - 1] : NULL;
}

int rstore_write(struct rstore *s, int64_t offset, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		struct rstore_part *part = part_at(s, offset, true);
		size_t now = len;
		ssize_t n;

		if (!part)
			return -EIO;
		if ((int64_t)now > part->end - offset)
			now = (size_t)(part->end - offset);
		n = pwrite(part->fd, p, now, offset - part->start);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
#ifdef SYNC_FILE_RANGE_WRITE
		if ((offset + n) / WRITEBACK != offset / WRITEBACK && s->kind != RSTORE_MEMORY)
			sync_file_range(part->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_from(struct rstore *s, int64_t offset, void *bytes, size_t len, bool old)
{
	char *p = bytes;

	while (len > 0) {
		struct rstore_part *part = part_at(s, offset, false);
		int fd = !part ? -1 : old ? part->old_fd : part->fd;
		ssize_t n;

		if (fd < 0)
			return -ENOENT;
		n = pread(fd, p, (size_t)MIN((int64_t)len, part->end - offset), offset - part->start);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

int rstore_read(struct rstore *s, int64_t offset, void *bytes, size_t len)
{
	return read_from(s, offset, bytes, len, false);
}

int rstore_read_old(struct rstore *s, int64_t offset, void *bytes, size_t len)
{
	return read_from(s, offset, bytes, len, true);
}

int rstore_to_sink(struct rstore *s, int64_t offset, int64_t len, struct sink *to, struct failure *f)
{
	while (len > 0) {
		struct rstore_part *part = part_at(s, offset, false);
		int64_t now = part ? MIN(len, part->end - offset) : 0;
		int err = part ? sink_copy(to, part->fd, offset - part->start, now, f)
			       : fail(f, FAIL_SYS_INTERNAL, -EIO, "byte %lld is not in the store", (long long)offset);

		if (err)
			return err;
		offset += now;
		len -= now;
	}
	return 0;
}

int rstore_feed_sink(struct rstore *s, int64_t *at, int64_t end, struct sink *to, struct failure *f)
{
	int64_t until = now_ms() + SINK_MS;

	while (*at < end) {
		int64_t len = MIN(end - *at, SINK_PIECE);
		int err = rstore_to_sink(s, *at, len, to, f);

		if (err)
			return err;
		*at += len;
		if (now_ms() >= until)
			break;
	}
	return 0;
}

ssize_t rstore_send(struct rstore *s, struct loop *l, int socket, int64_t offset, size_t len)
{
	struct rstore_part *part = part_at(s, offset, false);
	ssize_t n;

	if (!part)
		return -EIO;
	if ((int64_t)len > part->end - offset)
		len = (size_t)(part->end - offset);
	n = l->world->send_file(l, socket, part->fd, offset - part->start, len);
	return n == 0 ? -EIO : n; /* the file became shorter under us */
}

/* ---- end */

static bool has_medium(const struct rstore *s)
{
	return s->kind == RSTORE_FILE || s->kind == RSTORE_DEVICE;
}

static int cut_part(const struct rstore *s, const struct rstore_part *part, int64_t size)
{
	if (s->kind != RSTORE_FILE)
		return 0;
	return ftruncate(part->fd, MIN(size, part->end) - part->start) < 0 ? -errno : 0;
}

int rstore_sync(struct rstore *s, int64_t size)
{
	if (!has_medium(s))
		return 0;
	for (size_t i = 0; i < s->parts; i++) {
		int err = cut_part(s, &s->part[i], MAX(size, s->part[i].start));

		if (err)
			return err;
		if (fsync(s->part[i].fd) < 0 && errno != EINVAL)
			return -errno;
	}
	return 0;
}

int rstore_finish(struct rstore *s, int64_t size, struct failure *f)
{
	for (size_t i = 0; i < s->parts && has_medium(s); i++) {
		struct rstore_part *part = &s->part[i];
		int err = cut_part(s, part, MAX(size, part->start));

		if (!err && part->temporary && rename(part->temporary, part->path) < 0)
			err = -errno;
		if (err)
			return fail(f, FAIL_IMG_STORE, err, "%s: %s", part->path, err_text(err));
		free(part->temporary);
		part->temporary = NULL;
	}
	rstore_device_written(s);
	return 0;
}

void rstore_close(struct rstore *s, bool keep)
{
	for (size_t i = 0; i < s->parts; i++) {
		struct rstore_part *part = &s->part[i];

		if (s->kind != RSTORE_LENT)
			base_close_fd(&part->fd);
		base_close_fd(&part->old_fd);
		if (part->temporary && !keep)
			unlink(part->temporary);
		free(part->temporary);
		free(part->path);
	}
	free(s->part);
	free(s->path);
	*s = (struct rstore){ .limit = -1 };
}
