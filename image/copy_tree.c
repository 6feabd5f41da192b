/* copy_tree.c - a folder with a whole system, on a server or a disk -> the same tree in memory or on a ramdisk. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include "base/clock.h"
#include "base/log.h"
#include "image/links.h"
#include "image/store.h"
#include "image/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/compat.h"

/* Bytes read at a time. */
#define PORTION ((size_t)256 * 1024)

/* Progress is shown at most this often. */
#define SHOW_EVERY_MS 100

/* What a file takes in memory besides its contents: an inode and a name of tmpfs. */
#define FILE_BYTES 1024

/* A server may say any size; no tree is larger, and the sum of two such still fits. */
#define LARGEST (INT64_MAX / 4)

struct copy {
	const struct tree_source *from;
	struct tree *to;
	struct failure *f;
	struct links links;
	int64_t total, done; /* bytes */
	int64_t shown_ms;
	uint8_t *bytes;
};

/* One file of a folder. */
struct file {
	int folder;       /* the folder it is in */
	const char *name; /* in it */
	const char *path; /* below the tree's root */
	struct stat st;
};

/* Does one thing with every file; folders come before what is in them. 0 or -errno with C->f. */
typedef int see_fn(struct copy *c, const struct file *file);

/* ---- words */

static int no_memory(struct copy *c)
{
	return fail(c->f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory to copy a tree");
}

static int unreadable(struct copy *c, const char *path, int err)
{
	enum fail_id id = FAIL_MED_READ;
	const char *more = "";

	if (err == -ENOMEM)
		return no_memory(c);
	if (c->from->network) {
		bool denied = err == -EACCES || err == -EPERM;

		id = denied                             ? FAIL_SRV_DENIED
		     : err == -ETIMEDOUT                ? FAIL_SRV_STALLED
		     : err == -ESTALE || err == -ENOENT ? FAIL_SRV_CHANGED
							: FAIL_SRV_ERROR;
		more = denied ? " (a tree needs an export with no_root_squash)" : "";
	}
	return fail(c->f, id, err, "%s/%s: %s%s", c->from->words, path, err_text(err), more);
}

/* ---- the walk */

static int walk(struct copy *c, int fd, struct buf *path, see_fn *see);

/* NAME in FOLDER, which PATH is: sees it, and what is in it. */
static int visit(struct copy *c, int folder, const char *name, struct buf *path, see_fn *see)
{
	size_t len = path->len;
	struct file file = { .folder = folder, .name = name };
	int err = 0;

	buf_printf(path, "%s%s", len ? "/" : "", name);
	if (path->failed)
		return no_memory(c);
	file.path = buf_cstr(path);
	if (fstatat(folder, name, &file.st, AT_SYMLINK_NOFOLLOW) < 0)
		err = unreadable(c, file.path, -errno);
	if (!err)
		err = see(c, &file);
	if (!err && S_ISDIR(file.st.st_mode)) {
		int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		err = fd < 0 ? unreadable(c, file.path, -errno) : walk(c, fd, path, see);
	}
	path->len = len;
	path->data[len] = '\0';
	return err;
}

/* All that is in the folder FD (which is closed), called PATH. */
static int walk(struct copy *c, int fd, struct buf *path, see_fn *see)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!dir) {
		err = unreadable(c, buf_cstr(path), -errno);
		close(fd);
		return err;
	}
	while (!err && (errno = 0, entry = readdir(dir)))
		if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
			err = visit(c, fd, entry->d_name, path, see);
	if (!err && !entry && errno)
		err = unreadable(c, buf_cstr(path), -errno);
	closedir(dir);
	return err;
}

static int walk_all(struct copy *c, see_fn *see)
{
	struct file root = { .name = ".", .path = "" };
	cleanup_buf struct buf path = { 0 };
	int fd = open(c->from->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0 || fstat(fd, &root.st) < 0) {
		err = unreadable(c, "", -errno);
		base_close_fd(&fd);
		return err;
	}
	root.folder = fd;
	err = see(c, &root);
	if (!err)
		return walk(c, fd, &path, see);
	close(fd);
	return err;
}

/* ---- first: how much it is */

static int count(struct copy *c, const struct file *file)
{
	const struct stat *st = &file->st;
	int64_t there = MIN((int64_t)st->st_size, MIN((int64_t)st->st_blocks, LARGEST / 512) * 512);

	if (watch_cancelled(c->from->watch))
		return fail(c->f, FAIL_SYS_CANCELLED, -ECANCELED, "while looking at %s", c->from->words);
	watch_progress(c->from->watch, 0, -1);
	c->total = MIN(c->total + FILE_BYTES, LARGEST);
	if (!S_ISREG(st->st_mode))
		return 0;
	if (st->st_nlink > 1) {
		const char *first;
		int err = links_first(&c->links, st->st_dev, st->st_ino, UINT32_MAX, file->path, &first);

		if (err || first)
			return err ? no_memory(c) : 0;
	}
	c->total = MIN(c->total + ((there + 4095) & ~INT64_C(4095)), LARGEST);
	return 0;
}

/* Is there room for it, where it goes into memory? */
static int check_room(struct copy *c)
{
	int64_t memory = c->from->memory, reserve = memory_reserve(memory);

	if (memory < 0 || c->total <= memory - reserve)
		return 0;
	return fail(c->f, FAIL_MEM_TOO_LITTLE, -ENOMEM,
		    "the tree needs %lld MB, %lld MB are free (%lld MB more are kept for the machine itself)",
		    (long long)c->total / 1000000 + 1, (long long)MAX(memory - reserve, (int64_t)0) / 1000000,
		    (long long)reserve / 1000000 + 1);
}

/* ---- then: the files */

/* Attributes that say how a server keeps rights, and mean nothing elsewhere. */
static bool is_servers_own(const char *name)
{
	return starts_with(name, "system.nfs4") || starts_with(name, "system.cifs") ||
	       starts_with(name, "trusted.overlay.");
}

static int add_xattr(struct entry *e, const char *path, const char *name)
{
	ssize_t len = lgetxattr(path, name, NULL, 0);
	cleanup_free char *value = len > 0 ? malloc((size_t)len) : NULL;

	if (len > 0 && !value)
		return -ENOMEM;
	if (len > 0)
		len = lgetxattr(path, name, value, (size_t)len);
	/* gone meanwhile */
	return len < 0 ? 0 : entry_add_xattr(e, name, strlen(name), value ? value : "", (size_t)len);
}

/* There is no getxattrat(2) before Linux 6.13. */
static int add_xattrs(struct entry *e, const struct file *file)
{
	cleanup_free char *path = str_printf("/proc/self/fd/%d/%s", file->folder, file->name), *names = NULL;
	ssize_t len = path ? llistxattr(path, NULL, 0) : -1;
	int err = path ? 0 : -ENOMEM;

	if (len <= 0)
		return err; /* where the file system has none, it says so by an error */
	names = malloc((size_t)len + 1);
	if (!names)
		return -ENOMEM;
	len = llistxattr(path, names, (size_t)len);
	names[MAX(len, (ssize_t)0)] = '\0';
	for (ssize_t at = 0; at < len && !err; at += (ssize_t)strlen(names + at) + 1)
		if (names[at] && !is_servers_own(names + at))
			err = add_xattr(e, path, names + at);
	return err;
}

static enum entry_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return ENTRY_DIR;
	case S_IFLNK:
		return ENTRY_SYMLINK;
	case S_IFCHR:
		return ENTRY_CHAR;
	case S_IFBLK:
		return ENTRY_BLOCK;
	case S_IFIFO:
		return ENTRY_FIFO;
	case S_IFSOCK:
		return ENTRY_SOCKET;
	default:
		return ENTRY_FILE;
	}
}

/* Fills E with all but the contents. */
static int describe(struct copy *c, const struct file *file, struct entry *e)
{
	const struct stat *st = &file->st;
	char target[PATH_MAX + 1];
	ssize_t len;

	*e = (struct entry){
		.type = type_of(st->st_mode),
		.path = strdup(file->path),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = S_ISREG(st->st_mode) ? (int64_t)st->st_size : 0,
		.mtime = (int64_t)st->st_mtime,
		.mtime_ns = stat_mtime_ns(st),
		.major = (uint32_t)major(st->st_rdev),
		.minor = (uint32_t)minor(st->st_rdev),
	};
	if (e->type == ENTRY_SYMLINK) {
		len = readlinkat(file->folder, file->name, target, sizeof(target) - 1);
		if (len < 0)
			return unreadable(c, file->path, -errno);
		target[len] = '\0';
		e->target = strdup(target);
	}
	if (!e->path || (e->type == ENTRY_SYMLINK && !e->target) || add_xattrs(e, file))
		return no_memory(c);
	return 0;
}

static int show(struct copy *c, size_t more)
{
	c->done += (int64_t)more;
	if (watch_cancelled(c->from->watch))
		return fail(c->f, FAIL_SYS_CANCELLED, -ECANCELED, "while copying %s", c->from->words);
	if (now_ms() - c->shown_ms >= SHOW_EVERY_MS) {
		c->shown_ms = now_ms();
		watch_progress(c->from->watch, MIN(c->done, c->total), c->total);
	}
	return 0;
}

/* The bytes from AT to END. */
static int copy_range(struct copy *c, const struct file *file, int fd, int64_t at, int64_t end)
{
	while (at < end) {
		ssize_t n = pread(fd, c->bytes, (size_t)MIN((int64_t)PORTION, end - at), (off_t)at);
		int err;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return unreadable(c, file->path, n ? -errno : -ESTALE);
		err = tree_write(c->to, at, c->bytes, (size_t)n, c->f);
		if (!err)
			err = show(c, (size_t)n);
		if (err)
			return err;
		at += n;
	}
	return 0;
}

/* The contents, without the holes where the file system tells them. */
static int copy_contents(struct copy *c, const struct file *file)
{
	cleanup_close int fd = openat(file->folder, file->name, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	int64_t size = (int64_t)file->st.st_size, at = 0;
	int err = fd < 0 ? unreadable(c, file->path, -errno) : 0;

	while (!err && at < size) {
		int64_t begin = (int64_t)lseek(fd, (off_t)at, SEEK_DATA), end;

		if (begin < 0 && errno == ENXIO)
			break; /* a hole to the end */
		begin = begin < 0 ? at : begin;
		end = (int64_t)lseek(fd, (off_t)begin, SEEK_HOLE);
		end = end <= begin ? size : MIN(end, size);
		err = copy_range(c, file, fd, begin, end);
		at = end;
	}
	return err;
}

/* Another name of a file that was copied: *DONE says so. */
static int copy_link(struct copy *c, const struct file *file, bool *done)
{
	const char *first;
	struct entry e = { .type = ENTRY_LINK };
	int err = links_first(&c->links, file->st.st_dev, file->st.st_ino, UINT32_MAX, file->path, &first);

	*done = false;
	if (err || !first)
		return err ? no_memory(c) : 0;
	*done = true;
	e.path = strdup(file->path);
	e.target = strdup(first);
	err = e.path && e.target ? tree_add(c->to, &e, c->f) : no_memory(c);
	entry_free(&e);
	return err;
}

static int copy_one(struct copy *c, const struct file *file)
{
	bool linked = false;
	struct entry e;
	int err = 0;

	if (file->st.st_nlink > 1 && !S_ISDIR(file->st.st_mode))
		err = copy_link(c, file, &linked);
	if (err || linked)
		return err;
	err = describe(c, file, &e);
	if (!err)
		err = tree_add(c->to, &e, c->f);
	if (!err && e.type == ENTRY_FILE) {
		err = copy_contents(c, file);
		if (!err)
			err = tree_end(c->to, c->f);
	}
	entry_free(&e);
	return err ? err : show(c, FILE_BYTES);
}

static int copy_into(struct copy *c, const char *target)
{
	cleanup_close int root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err;

	c->to = root < 0 ? NULL : tree_new(root);
	c->bytes = malloc(PORTION);
	err = c->to && c->bytes ? walk_all(c, copy_one) : no_memory(c);
	if (!err)
		err = tree_finish(c->to, c->f);
	if (!err)
		watch_progress(c->from->watch, c->total, c->total);
	tree_free(c->to);
	free(c->bytes);
	return err;
}

int image_copy_tree(struct store *s, const struct tree_source *from, const char *target, image_load_module_fn *load,
		    void *ctx, struct failure *f)
{
	struct copy c = { .from = from, .f = f };
	int err = walk_all(&c, count);

	links_free(&c.links);
	if (!err && s->kind == STORE_MEMORY)
		err = check_room(&c);
	if (!err)
		err = store_make_tree(s, target, from->memory, load, ctx, f);
	if (!err)
		err = copy_into(&c, target);
	links_free(&c.links);
	s->size = c.total;
	return err;
}
