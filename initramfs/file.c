/* file.c - whole files in and out, a program run to its end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/file.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int file_write(const char *path, const void *data, size_t len)
{
	cleanup_free char *temporary = str_printf("%s.%ld", path, (long)getpid());
	const char *from = data;
	int fd, err = 0;

	if (!temporary)
		return -ENOMEM;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	while (len && !err) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno != EINTR)
			err = -errno;
		if (n > 0) {
			from += n;
			len -= (size_t)n;
		}
	}
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && rename(temporary, path) < 0)
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

/* Makes the folder that PATH is to lie in, and makes room there. */
static int make_place(const char *path)
{
	cleanup_free char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	int err = folder ? 0 : -ENOMEM;

	if (slash) {
		*slash = '\0';
		err = make_folders(folder);
	}
	if (!err && unlink(path) < 0 && errno != ENOENT)
		err = -errno;
	return err;
}

int link_to(const char *file, const char *path)
{
	int err = make_place(path);

	return err ? err : link(file, path) < 0 ? -errno : 0;
}

int symlink_to(const char *file, const char *path)
{
	cleanup_free char *full = realpath(file, NULL);
	int err = full ? make_place(path) : -errno;

	return err ? err : symlink(full, path) < 0 ? -errno : 0;
}

int run(const char *const argv[])
{
	extern char **environ;
	pid_t pid;
	int status, err = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);

	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
