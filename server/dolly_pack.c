/* dolly_pack.c - an open image -> the same one packed by gzip in a temporary file: `compressed outfile`. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE (256 * 1024)

/* A file without a name where TMPDIR says, or in /var/tmp: images are large. The descriptor or -errno. */
static int temporary(void)
{
	const char *dir = getenv("TMPDIR");
	cleanup_free char *path = str_printf("%s/dolly.XXXXXX", dir && dir[0] ? dir : "/var/tmp");
	int fd = path ? mkstemp(path) : -1;

	if (fd < 0)
		return path ? -errno : -ENOMEM;
	unlink(path);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* Starts gzip with its output to OUT; *IN is where it reads. Its process id or -errno. */
static pid_t start_gzip(int out, int *in)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		return -errno;
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		if (dup2(ends[0], STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
			execlp("gzip", "gzip", "-c", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -errno;
	}
	*in = ends[1];
	return pid;
}

/* Writes SIZE bytes of S to IN. */
static int pour(struct rstore *s, int64_t size, int in)
{
	cleanup_free char *piece = malloc(PIECE);
	int err = piece ? 0 : -ENOMEM;

	for (int64_t at = 0; at < size && !err;) {
		size_t len = (size_t)MIN(size - at, (int64_t)PIECE);

		err = rstore_read(s, at, piece, len);
		at += (int64_t)len;
		for (size_t done = 0; done < len && !err;) {
			ssize_t n = write(in, piece + done, len - done);

			if (n > 0)
				done += (size_t)n;
			else if (errno != EINTR)
				err = -errno;
		}
	}
	return err;
}

int dolly_pack(struct rstore *s, int64_t *size, struct failure *f)
{
	int out = temporary(), in = -1, err, status = 0;
	struct rstore packed;
	struct stat st;
	pid_t pid;

	if (out < 0)
		return fail(f, FAIL_SRV_ERROR, out, "a temporary file for the packed image: %s", err_text(out));
	pid = start_gzip(out, &in);
	err = pid < 0 ? pid : pour(s, *size, in);
	base_close_fd(&in);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status)
		err = err && err != -EPIPE ? err : -EIO;
	if (!err && (fstat(out, &st) < 0 || rstore_lend(&packed, out) < 0))
		err = -EIO;
	if (err) {
		close(out);
		return fail(f, FAIL_SRV_ERROR, err, "packing the image with gzip: %s", err_text(err));
	}
	packed.kind = RSTORE_SOURCE; /* closed with it */
	rstore_close(s, true);
	*s = packed;
	*size = st.st_size;
	return 0;
}
