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
#include "image/image.h"
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

/* What is made at the very end: a device, which a pipe stands for until then, so that nothing in an archive that is not
 * yet known to be right reaches one; a link whose file has not come yet. */
struct later {
	char *path;         /* clean */
	struct entry entry; /* of a device that is made its target says where */
};

/* How such a pipe is known, whatever its name is by then: by these bits, and its number in the list as its time. */
#define STAND_IN (S_ISUID | S_ISVTX)

/* With less memory than this nobody can go on. It is looked at again after each STEP bytes that no limit counts: names,
 * attributes, what waits here. */
#define MEMORY_LEAST (8 * MIB)
#define STEP         (4 * MIB)

struct tree {
	int root;
	bool is_root; /* the process may set owners */
	bool in_memory;
	int64_t entries, lost;
	int64_t uncounted; /* bytes of memory taken since it was looked at */
	struct waiting *top;
	struct later *later;
	size_t later_count;

	char *parent; /* clean path of the folder that parent_fd is; NULL: none */
	int parent_fd;

	int file; /* being written; -1: none */
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

/* Makes the folders of PATH (clean) that are not there; all are opened one from the other, a symlink by the whole path.
 * 0 or -errno. */
static int make_parents(struct tree *t, char *path)
{
	int above = confined_open(t->root, "", O_PATH | O_DIRECTORY), below;
	char *name = path, *end;

	for (; above >= 0 && *name; name = end + (*end == '/')) {
		char slash;

		end = name + strcspn(name, "/");
		slash = *end;
		*end = '\0';
		below = -1;
		if (mkdirat(above, name, 0755) == 0 || errno == EEXIST) {
			below = openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (below < 0)
				below = confined_open(t->root, path, O_PATH | O_DIRECTORY);
		} else {
			below = -errno;
		}
		*end = slash;
		close(above);
		above = below;
	}
	if (above < 0)
		return above;
	close(above);
	return 0;
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
	to->xattr_count = to->xattr_bytes = 0;
	for (i = 0; i < from->xattr_count; i++) {
		const struct entry_xattr *x = &from->xattrs[i];
		int err = entry_add_xattr(to, x->name, strlen(x->name), x->value, x->len);

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

/* Memory that no limit of the file system counts has been taken for E at PATH. 0 or -errno with F. */
static int spend(struct tree *t, const char *path, const struct entry *e, struct failure *f)
{
	int64_t left;

	t->uncounted += (int64_t)(KIB + 2 * strlen(path) + e->xattr_bytes);
	if (t->uncounted < STEP)
		return 0;
	t->uncounted = 0;
	left = memory_available();
	if (left < 0 || left >= MEMORY_LEAST)
		return 0;
	return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "unpacking %.200s: %lld KB of memory are left", path,
		    (long long)left / 1000);
}

/* What waits for the end at PATH. 0 or -errno. */
static int add_later(struct tree *t, const char *path, const struct entry *e)
{
	size_t n = t->later_count;
	struct later *l = t->later;

	/* The array doubles: when the count is a power of two it is full. */
	if ((n & (n - 1)) == 0)
		l = realloc(l, MAX(2 * n, (size_t)1) * sizeof(*l));
	if (!l)
		return -ENOMEM;
	t->later = l;
	l += n;
	t->later_count++;
	*l = (struct later){ .path = strdup(path) };
	if (!l->path || copy_looks(&l->entry, e) || (e->target && !(l->entry.target = strdup(e->target))))
		return -ENOMEM;
	return 0;
}

/* The device that PARENT/NAME stands for; NULL: for none. */
static struct entry *find_device(struct tree *t, int parent, const char *name)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) || st.st_mode != (S_IFIFO | STAND_IN) ||
	    (uint64_t)st.st_mtime >= t->later_count || t->later[st.st_mtime].entry.type == ENTRY_LINK)
		return NULL;
	return &t->later[st.st_mtime].entry;
}

static bool is_device(const struct entry *e)
{
	return e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK;
}

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
	const struct entry number = { .mtime = (int64_t)t->later_count };
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
		result = mknodat(parent, name, (e->type == ENTRY_SOCKET ? S_IFSOCK : S_IFIFO) | 0600, 0);
		if (!result && is_device(e))
			return fchmodat(parent, name, STAND_IN, 0) ? -errno : tree_os_set_time(parent, name, &number);
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
		result = spend(t, path, e, f);
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
	if (result >= 0 && e->type == ENTRY_FILE)
		result = begin_file(t, result, path, e);
	else if (result == 0 && e->type == ENTRY_DIR)
		result = begin_folder(t, path, e, false);
	else if (e->type == ENTRY_LINK ? result == -ENOENT || (!result && find_device(t, parent, name))
				       : !result && is_device(e))
		result = add_later(t, path, &clean);
	else if (result == 0 && e->type != ENTRY_LINK)
		result = set_closed(t, parent, name, path, e);
	return result < 0 ? broken(t, path, result, f) : 0;
}

int tree_open_again(struct tree *t, const struct entry *e, struct failure *f)
{
	cleanup_free char *path = NULL;
	struct stat st;
	char *name = NULL;
	int parent, result = clean_or_why(t, e->path, &path, f);

	if (result)
		return result;
	parent = open_parent(t, path, &name);
	/* looked at before, since to open a device may do something, and after */
	if (parent >= 0 && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "the archive has contents for %.200s, which is no file",
			    path);
	result = parent < 0 ? parent : openat(parent, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (parent >= 0 && result < 0)
		result = -errno;
	if (result >= 0)
		result = begin_file(t, result, path, e);
	if (result >= 0 && (fstat(t->file, &st) || !S_ISREG(st.st_mode)))
		result = -EBADMSG;
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

/* The device that PARENT/NAME, where it is still the pipe, stands for, or one more name of it. 0 or -errno. */
static int make_device(struct tree *t, int parent, const char *name, const char *path)
{
	struct entry *e = find_device(t, parent, name);

	if (!e)
		return 0;
	if (unlinkat(parent, name, 0) < 0)
		return -errno;
	if (e->target)
		return tree_os_link(t->root, e->target, parent, name);
	if (mknodat(parent, name, (e->type == ENTRY_CHAR ? S_IFCHR : S_IFBLK) | 0600, makedev(e->major, e->minor)) < 0)
		return -errno;
	e->target = strdup(path);
	return e->target ? set_closed(t, parent, name, path, e) : -ENOMEM;
}

/* What L says. A link's file may be a link that waits, too: it is asked again. */
static int make_later(struct tree *t, struct later *l, bool again, struct failure *f)
{
	char *name = NULL;
	int parent, err = end_folders(t, l->path, f);

	if (err)
		return err;
	parent = open_parent(t, l->path, &name);
	if (parent < 0)
		return broken(t, l->path, parent, f);
	err = make_device(t, parent, name, l->path);
	if (!err && l->entry.type == ENTRY_LINK) {
		err = make(t, parent, name, &l->entry);
		if (err == -ENOENT && !again)
			return 0;
		if (err == -ENOENT)
			return fail(f, FAIL_IMG_CORRUPT, err, "the archive links %.150s to %.150s, which is not there",
				    l->path, l->entry.target);
	}
	return err && err != -EEXIST ? broken(t, l->path, err, f) : 0;
}

int tree_finish(struct tree *t, struct failure *f)
{
	int err = 0;

	for (size_t i = 0; i < 2 * t->later_count && !err; i++)
		err = make_later(t, &t->later[i % t->later_count], i >= t->later_count, f);
	if (!err)
		err = end_folders(t, NULL, f);
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
	for (size_t i = 0; i < t->later_count; i++) {
		free(t->later[i].path);
		entry_free(&t->later[i].entry);
	}
	free(t->later);
	forget_parent(t);
	base_close_fd(&t->file);
	free(t->file_path);
	entry_free(&t->file_entry);
	free(t);
}
