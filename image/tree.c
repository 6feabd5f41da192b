/* tree.c - entries of an archive -> files below one folder, which no entry can leave. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/tree.h"

#include "base/buf.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/confined.h"
#include "image/tree_os.h"

/* statfs(2): what tmpfs calls itself. */
#define TMPFS_MAGIC 0x01021994

/* A folder whose contents still come. Its mode, attributes and time are set when the next entry lies elsewhere, so that
 * what is made in it does not change them. Only the folders above the present entry wait, so memory stays bounded. */
struct waiting {
	struct waiting *below; /* the one that began before */
	char *path;            /* clean */
	bool only_time;        /* it was complete before, and an archive that jumps about brings more for it */
	struct entry entry;    /* mode, owner, time, attributes */
};

struct tree {
	int root;
	bool is_root;    /* the process may set owners */
	bool in_memory;
	int64_t entries, lost;
	struct waiting *top;

	char *parent;    /* clean path of the folder that parent_fd is; NULL: none */
	int parent_fd;

	int file;        /* being written; -1: none */
	char *file_path;
	struct entry file_entry;
};

struct tree *tree_new(int root_fd)
{
	struct tree *t = calloc(1, sizeof(*t));
	struct statfs fs;

	if (!t)
		return NULL;
	t->root = root_fd;
	t->is_root = geteuid() == 0;
	t->in_memory = fstatfs(root_fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
	t->parent_fd = t->file = -1;
	return t;
}

/* Words for what went wrong with PATH. */
static int broken(const struct tree *t, const char *path, int err, struct failure *f)
{
	enum fail_id id = FAIL_IMG_STORE;

	if (err == -ENOMEM || (err == -ENOSPC && t->in_memory))
		id = FAIL_MEM_TOO_LITTLE;
	return fail(f, id, err, "unpacking %.200s: %s", path[0] ? path : "/", err_text(err));
}

char *tree_clean_path(const char *path)
{
	char *clean = malloc(strlen(path) + 1);
	size_t n = 0;

	if (!clean)
		return NULL;
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && memcmp(path, "..", 2) == 0) {
			free(clean);
			errno = EXDEV;
			return NULL;
		}
		if (len && !(len == 1 && *path == '.')) {
			if (n)
				clean[n++] = '/';
			memcpy(clean + n, path, len);
			n += len;
		}
		path += len;
		while (*path == '/')
			path++;
	}
	clean[n] = '\0';
	return clean;
}

/* *CLEAN is to be freed. */
static int clean_or_why(const struct tree *t, const char *path, char **clean, struct failure *f)
{
	*clean = tree_clean_path(path);
	if (*clean)
		return 0;
	if (errno == EXDEV)
		return fail(f, FAIL_IMG_CORRUPT, -EXDEV, "the archive holds a path that leaves the root: %.200s", path);
	return broken(t, path, -ENOMEM, f);
}

static void forget_parent(struct tree *t)
{
	free(t->parent);
	t->parent = NULL;
	base_close_fd(&t->parent_fd);
}

/* Makes the folders of PATH (clean) that are not there. 0 or -errno. */
static int make_parents(struct tree *t, char *path)
{
	char *slash = path;

	for (;;) {
		cleanup_close int above = -1;
		char *name;
		int err = 0;

		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		name = strrchr(path, '/');
		if (name)
			*name = '\0';
		above = confined_open(t->root, name ? path : "", O_PATH | O_DIRECTORY);
		if (name)
			*name = '/';
		if (above < 0)
			err = above;
		else if (mkdirat(above, name ? name + 1 : path, 0755) < 0 && errno != EEXIST)
			err = -errno;
		if (slash)
			*slash++ = '/';
		if (err || !slash)
			return err;
	}
}

/* Counts attributes that do not fit where they should be; the boot goes on without them. */
static void lose_attribute(struct tree *t, const char *path, const char *name, int err)
{
	if (t->lost++ == 0)
		log_warn("unpacking %s: attribute %s is lost: %s", path[0] ? path : "/", name, err_text(err));
}

/* Owner, mode, attributes and time of what lies open. Changing the owner takes set-user-ID and capabilities away, so it
 * comes first. 0 or -errno. */
static int set_open(struct tree *t, int fd, const char *path, const struct entry *e)
{
	size_t i;

	if (t->is_root && fchown(fd, e->uid, e->gid) < 0)
		return -errno;
	if (fchmod(fd, e->mode) < 0)
		return -errno;
	for (i = 0; i < e->xattr_count; i++) {
		int err = tree_os_set_xattr(fd, NULL, &e->xattrs[i]);

		if (err)
			lose_attribute(t, path, e->xattrs[i].name, err);
	}
	return tree_os_set_time(fd, NULL, e);
}

/* The same for what cannot be opened: links, devices, pipes. */
static int set_closed(struct tree *t, int parent, const char *name, const char *path, const struct entry *e)
{
	size_t i;

	if (t->is_root && fchownat(parent, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (e->type != ENTRY_SYMLINK && fchmodat(parent, name, e->mode, 0) < 0)
		return -errno;
	for (i = 0; i < e->xattr_count; i++) {
		int err = tree_os_set_xattr(parent, name, &e->xattrs[i]);

		if (err)
			lose_attribute(t, path, e->xattrs[i].name, err);
	}
	return tree_os_set_time(parent, name, e);
}

/* ---- folders that wait for their end */

/* The last folder that began is complete. 0 or -errno. */
static int end_folder(struct tree *t)
{
	struct waiting *w = t->top;
	cleanup_close int fd = confined_open(t->root, w->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int err = 0;

	/* A later entry may have put something else in its place. */
	if (fd >= 0)
		err = w->only_time ? tree_os_set_time(fd, NULL, &w->entry) : set_open(t, fd, w->path, &w->entry);
	t->top = w->below;
	entry_free(&w->entry);
	free(w->path);
	free(w);
	return err;
}

/* Ends the folders that PATH (clean) does not lie in; NULL: all. */
static int end_folders(struct tree *t, const char *path, struct failure *f)
{
	while (t->top) {
		size_t len = strlen(t->top->path);
		cleanup_free char *name = NULL;
		int err;

		if (path && (len == 0 || (strncmp(path, t->top->path, len) == 0 && path[len] == '/')))
			return 0;
		name = strdup(t->top->path);
		err = end_folder(t);
		if (err)
			return broken(t, name ? name : "a folder", err, f);
	}
	return 0;
}

/* A copy of what a folder or file gets at its end. 0 or -ENOMEM. */
static int copy_looks(struct entry *to, const struct entry *from)
{
	size_t i;

	*to = *from;
	to->path = to->target = NULL;
	to->xattrs = NULL;
	to->xattr_count = 0;
	for (i = 0; i < from->xattr_count; i++) {
		const struct entry_xattr *x = &from->xattrs[i];
		int err = entry_set_xattr(to, x->name, strlen(x->name), x->value, x->len);

		if (err)
			return err;
	}
	return 0;
}

static int begin_folder(struct tree *t, const char *path, const struct entry *e, bool only_time)
{
	struct waiting *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->path = strdup(path);
	err = w->path ? copy_looks(&w->entry, e) : -ENOMEM;
	w->only_time = only_time;
	w->below = t->top;
	t->top = w;
	return err;
}

/* The parent, unless it waits already, waits to get the time back that it has now. 0 or -errno. */
static int keep_time(struct tree *t)
{
	struct entry e = { .type = ENTRY_DIR };
	struct stat st;

	if (!t->parent[0] || (t->top && streq(t->top->path, t->parent)))
		return 0;
	if (fstatat(t->parent_fd, ".", &st, 0) < 0)
		return -errno;
	e.mtime = (int64_t)st.st_mtime;
	e.mtime_ns = stat_mtime_ns(&st);
	return begin_folder(t, t->parent, &e, true);
}

/* The folder that PATH (clean, cut in two here for a moment) lies in, and its last part. A descriptor that T keeps, or
 * -errno. */
static int open_parent(struct tree *t, char *path, char **name)
{
	char *slash = strrchr(path, '/');
	const char *folder = slash ? path : "";
	int fd, err = 0;

	*name = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	if (!streq(t->parent, folder)) {
		forget_parent(t);
		fd = confined_open(t->root, folder, O_PATH | O_DIRECTORY);
		if (fd == -ENOENT) {
			err = make_parents(t, path);
			fd = err ? err : confined_open(t->root, folder, O_PATH | O_DIRECTORY);
		}
		err = MIN(fd, 0);
		if (!err) {
			t->parent_fd = fd;
			t->parent = strdup(folder);
			err = t->parent ? keep_time(t) : -ENOMEM;
		}
	}
	if (slash)
		*slash = '/';
	return err ? err : t->parent_fd;
}

/* ---- the entries */

/* Removes what has the name of an entry to come. 0 or -errno. */
static int remove_old(struct tree *t, int parent, const char *name)
{
	/* It may be a part of the path by which the parent is remembered; its descriptor is still right for this
	 * entry. */
	free(t->parent);
	t->parent = NULL;
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

/* One attempt to make E. 0 (or for a file its descriptor), -EEXIST, -errno. */
static int make(struct tree *t, int parent, const char *name, const struct entry *e)
{
	static const mode_t kinds[] = {
		[ENTRY_CHAR] = S_IFCHR, [ENTRY_BLOCK] = S_IFBLK, [ENTRY_FIFO] = S_IFIFO, [ENTRY_SOCKET] = S_IFSOCK,
	};
	int result;

	switch (e->type) {
	case ENTRY_FILE:
		result = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		break;
	case ENTRY_DIR:
		result = mkdirat(parent, name, 0700);
		break;
	case ENTRY_SYMLINK:
		result = symlinkat(e->target, parent, name);
		break;
	case ENTRY_LINK:
		result = tree_os_link(t->root, e->target, parent, name);
		return result;
	default:
		result = mknodat(parent, name, kinds[e->type] | 0600, makedev(e->major, e->minor));
		break;
	}
	return result < 0 ? -errno : result;
}

static int make_or_replace(struct tree *t, int parent, const char *name, const struct entry *e)
{
	struct stat st;
	int result = make(t, parent, name, e);

	if (result != -EEXIST)
		return result;
	if (e->type == ENTRY_DIR && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (e->type == ENTRY_LINK && tree_os_same(t->root, e->target, parent, name))
		return 0;
	result = remove_old(t, parent, name);
	return result ? result : make(t, parent, name, e);
}

static int begin_file(struct tree *t, int fd, const char *path, const struct entry *e)
{
	t->file = fd;
	free(t->file_path);
	t->file_path = strdup(path);
	return t->file_path ? copy_looks(&t->file_entry, e) : -ENOMEM;
}

int tree_add(struct tree *t, const struct entry *e, struct failure *f)
{
	cleanup_free char *path = NULL, *target = NULL;
	struct entry clean = *e;
	char *name = NULL;
	int parent, result = clean_or_why(t, e->path, &path, f);

	if (!result && e->type == ENTRY_LINK)
		result = clean_or_why(t, e->target, &target, f);
	if (e->type == ENTRY_LINK)
		clean.target = target;
	if (!result)
		result = end_folders(t, path, f);
	if (result)
		return result;
	t->entries++;
	if (!path[0]) {
		if (e->type != ENTRY_DIR)
			return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "the archive says that the root is no folder");
		result = begin_folder(t, path, e, false);
		return result ? broken(t, path, result, f) : 0;
	}
	parent = open_parent(t, path, &name);
	result = parent < 0 ? parent : make_or_replace(t, parent, name, &clean);
	if (result == -ENOENT && e->type == ENTRY_LINK)
		return fail(f, FAIL_IMG_CORRUPT, result, "the archive links %.150s to %.150s, which is not there", path,
			    target);
	if (result >= 0 && e->type == ENTRY_FILE)
		result = begin_file(t, result, path, e);
	else if (result == 0 && e->type == ENTRY_DIR)
		result = begin_folder(t, path, e, false);
	else if (result == 0 && e->type != ENTRY_LINK)
		result = set_closed(t, parent, name, path, e);
	return result < 0 ? broken(t, path, result, f) : 0;
}

int tree_open_again(struct tree *t, const struct entry *e, struct failure *f)
{
	cleanup_free char *path = NULL;
	char *name = NULL;
	int parent, result = clean_or_why(t, e->path, &path, f);

	if (result)
		return result;
	parent = open_parent(t, path, &name);
	result = parent < 0 ? parent : openat(parent, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (parent >= 0 && result < 0)
		result = -errno;
	if (result >= 0)
		result = begin_file(t, result, path, e);
	return result < 0 ? broken(t, path, result, f) : 0;
}

int tree_write(struct tree *t, int64_t offset, const void *bytes, size_t len, struct failure *f)
{
	const char *p = bytes;

	while (len) {
		ssize_t n = pwrite(t->file, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return broken(t, t->file_path, n ? -errno : -EIO, f);
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

int tree_end(struct tree *t, struct failure *f)
{
	int err = 0;

	if (ftruncate(t->file, (off_t)t->file_entry.size) < 0)
		err = -errno;
	if (!err)
		err = set_open(t, t->file, t->file_path, &t->file_entry);
	if (close(t->file) < 0 && !err)
		err = -errno;
	t->file = -1;
	entry_free(&t->file_entry);
	return err ? broken(t, t->file_path, err, f) : 0;
}

int tree_finish(struct tree *t, struct failure *f)
{
	int err = end_folders(t, NULL, f);

	if (!err && t->lost)
		log_warn("%lld extended attributes could not be kept", (long long)t->lost);
	return err;
}

int64_t tree_entries(const struct tree *t)
{
	return t->entries;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	while (t->top) {
		struct waiting *w = t->top;

		t->top = w->below;
		entry_free(&w->entry);
		free(w->path);
		free(w);
	}
	forget_parent(t);
	base_close_fd(&t->file);
	free(t->file_path);
	entry_free(&t->file_entry);
	free(t);
}
