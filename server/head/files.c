/* files.c - names and contents -> files below the state folder, whole or not at all. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/files.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_one(const char *path)
{
	if (mkdir(path, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, 0755) < 0 ? -errno : 0; /* whatever the umask says */
}

int folder_make(const char *path)
{
	cleanup_free char *copy = strdup(path);
	int err = copy ? 0 : -ENOMEM;

	for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash && !err; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		err = make_one(copy);
		*slash = '/';
	}
	return err ? err : make_one(path);
}

/* The name beside PATH under which it is written. */
static char *draft_of(const char *path)
{
	return str_printf("%s.new", path);
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		data += MAX(n, 0);
		len -= (size_t)MAX(n, 0);
	}
	return 0;
}

/* DRAFT is all there: it becomes PATH, or goes. */
static int settle(int err, const char *draft, const char *path)
{
	if (!err && rename(draft, path) < 0)
		err = -errno;
	if (err)
		unlink(draft);
	return err;
}

static int create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : fd;
}

static bool holds(const char *path, const struct buf *text)
{
	cleanup_buf struct buf old = { 0 };

	return file_read(path, &old) == 0 && old.len == text->len &&
	       memcmp(buf_cstr(&old), buf_cstr(text), old.len) == 0;
}

int file_put(const char *path, const struct buf *text)
{
	cleanup_free char *draft = draft_of(path);
	cleanup_close int fd = -1;
	int err;

	if (text->failed || !draft)
		return -ENOMEM;
	if (holds(path, text))
		return 0;
	fd = create(draft);
	err = fd < 0 ? fd : write_all(fd, buf_cstr(text), text->len);
	err = settle(err, draft, path);
	return err ? err : 1;
}

static int send_all(int out, int in, off_t left)
{
	while (left > 0) {
		ssize_t n = sendfile(out, in, NULL, (size_t)MIN(left, (off_t)MIB));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		left -= n;
	}
	return 0;
}

static bool same_file(const struct stat *from, const char *to)
{
	struct stat there;

	return stat(to, &there) == 0 && there.st_size == from->st_size && there.st_mtime >= from->st_mtime;
}

int file_copy(const char *from, const char *to)
{
	cleanup_close int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	cleanup_free char *draft = draft_of(to);
	struct stat s;
	int err;

	if (in < 0 || fstat(in, &s) < 0)
		return -errno;
	if (!draft)
		return -ENOMEM;
	if (same_file(&s, to))
		return 0;
	out = create(draft);
	err = out < 0 ? out : send_all(out, in, s.st_size);
	return settle(err, draft, to);
}

int file_link(const char *from, const char *to)
{
	cleanup_free char *draft = draft_of(to);

	if (!draft)
		return -ENOMEM;
	unlink(draft);
	return symlink(from, draft) < 0 ? -errno : settle(0, draft, to);
}

bool file_is(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A plain user may go through the folder PATH, or read it where it is the end of the way. */
static int open_to_all(const char *path, bool end)
{
	struct stat s;
	mode_t need;

	if (stat(path, &s) < 0)
		return -errno;
	need = S_ISDIR(s.st_mode) ? S_IXOTH : S_IROTH;
	return !(s.st_mode & need) && (end || S_ISDIR(s.st_mode)) ? -EACCES : 0;
}

int file_for_all(const char *path, char **where)
{
	cleanup_free char *whole = realpath(path, NULL);
	int err = whole ? 0 : -errno;

	for (char *slash = whole ? strchr(whole + 1, '/') : NULL; slash && !err; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		err = open_to_all(whole, false);
		if (!err)
			*slash = '/';
	}
	err = err ? err : open_to_all(whole, true);
	*where = err ? strdup(whole ? whole : path) : NULL;
	return err;
}

bool program_find(const char *name, char **out)
{
	static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					       "/usr/bin",        "/sbin",          "/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		cleanup_free char *path = str_printf("%s/%s", folders[i], name);

		if (!path || access(path, X_OK) < 0)
			continue;
		if (out) {
			*out = path;
			path = NULL;
		}
		return true;
	}
	return false;
}
