/* confined.c - a folder and a path from outside -> what is opened there, which nothing leads out of. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/confined.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/compat.h"

/* Linux include/uapi/linux/openat2.h; in no libc's headers. */
struct how {
	uint64_t flags, mode, resolve;
};
#define RESOLVE_NO_MAGICLINKS 0x02
#define RESOLVE_IN_ROOT       0x10

/* openat2 gives up with EAGAIN when a folder is renamed meanwhile, which only another process can do. */
#define TRIES 100

/* The next part of *PATH into NAME; *LEN 0: there is none. 0, or -EXDEV for "..", -ENAMETOOLONG. */
static int next_part(const char **path, char name[NAME_MAX + 1], size_t *len)
{
	*path += strspn(*path, "/");
	*len = strcspn(*path, "/");
	if (*len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, *path, *len);
	name[*len] = '\0';
	*path += *len;
	return streq(name, "..") ? -EXDEV : 0;
}

int confined_open_by_parts(int root, const char *path, int flags)
{
	cleanup_close int folder = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];
	size_t len = 0;
	int err = folder < 0 ? -errno : next_part(&path, name, &len), fd;

	while (!err && *path) {
		fd = openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOTDIR ? -ELOOP : -errno; /* a link, or no folder: neither leads on */
		base_close_fd(&folder);
		folder = fd;
		err = next_part(&path, name, &len);
	}
	if (err)
		return err;
	fd = openat(folder, len ? name : ".", flags | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int confined_open(int root, const char *path, int flags)
{
	const struct how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	path += strspn(path, "/");
	for (int tries = 0; tries < TRIES; tries++) {
		long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS)
			return confined_open_by_parts(root, path, flags);
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}
