/* tree_os.c - the system calls behind tree.c that need care: never out of the root, never through a last symlink. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/tree_os.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/confined.h"

/* The folder of PATH below ROOT, and its last part. */
static int open_folder(int root, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *folder = NULL;

	*name = slash ? slash + 1 : path;
	if (!slash)
		return confined_open(root, ".", O_PATH | O_DIRECTORY);
	folder = strndup(path, (size_t)(slash - path));
	return folder ? confined_open(root, folder, O_PATH | O_DIRECTORY) : -ENOMEM;
}

int tree_os_link(int root, const char *target, int parent, const char *name)
{
	const char *last;
	cleanup_close int folder = open_folder(root, target, &last);

	if (folder < 0)
		return folder;
	return linkat(folder, last, parent, name, 0) < 0 ? -errno : 0;
}

bool tree_os_same(int root, const char *target, int parent, const char *name)
{
	const char *last;
	cleanup_close int folder = open_folder(root, target, &last);
	struct stat a, b;

	return folder >= 0 && fstatat(folder, last, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(parent, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int tree_os_set_xattr(int fd, const char *name, const struct entry_xattr *x)
{
	cleanup_free char *path = NULL;

	if (!name)
		return fsetxattr(fd, x->name, x->value, x->len, 0) < 0 ? -errno : 0;
	/* There is no setxattrat(2) before Linux 6.13. */
	path = str_printf("/proc/self/fd/%d/%s", fd, name);
	if (!path)
		return -ENOMEM;
	return lsetxattr(path, x->name, x->value, x->len, 0) < 0 ? -errno : 0;
}

int tree_os_set_time(int fd, const char *name, const struct entry *e)
{
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = (time_t)e->mtime, .tv_nsec = (long)e->mtime_ns },
	};
	int result = name ? utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW) : futimens(fd, times);

	return result < 0 ? -errno : 0;
}
