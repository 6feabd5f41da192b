/* file.c - the name of a small file -> all that is in it; folders. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORTION 16384

int file_read(const char *path, struct buf *out)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0) {
		int err = buf_reserve(out, PORTION);

		if (err)
			return err;
		do
			n = read(fd, out->data + out->len, PORTION);
		while (n < 0 && errno == EINTR);
		out->len += n > 0 ? (size_t)n : 0;
		out->data[out->len] = '\0';
	}
	return n < 0 ? -errno : 0;
}

char *file_text(const char *path)
{
	struct buf text = { 0 };

	if (file_read(path, &text) == 0)
		return buf_take(&text);
	buf_free(&text);
	return NULL;
}

int make_folders(const char *path)
{
	cleanup_free char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(part, 0755) < 0 && errno != EEXIST ? -errno : 0;
}
