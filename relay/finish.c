/* finish.c - a complete target -> on the medium and under its own name, without stopping the loop meanwhile. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/finish.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void conclude(struct finish *f, int err)
{
	struct failure why = { 0 };

	if (err)
		fail(&why, FAIL_IMG_STORE, err, "%s: %s", f->store->path ? f->store->path : "target", err_text(err));
	else
		err = rstore_finish(f->store, f->size, &why);
	f->done(f, err, &why);
}

/* The child outlives a killed parent while the medium is slow: it must not hold the parent's ports and connections. */
static void let_go_of_sockets(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	struct stat st;

	while (dir && (e = readdir(dir)) != NULL) {
		int fd = atoi(e->d_name);

		if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
			close(fd);
	}
}

/* The child has written its result, or died without one. It is not waited for by status: as PID 1's helper somebody
 * else may have reaped it. */
static void answer(struct loop_fd *w, uint32_t events)
{
	struct finish *f = container_of(w, struct finish, w);
	int err = -EIO;

	(void)events;
	if (read(w->fd, &err, sizeof(err)) != sizeof(err))
		err = -EIO;
	loop_close_fd(f->loop, w);
	waitpid(f->pid, NULL, 0);
	conclude(f, err);
}

void finish_begin(struct finish *f, int64_t size, bool sync)
{
	int ends[2], err;

	f->size = size;
	f->w = (struct loop_fd){ .fd = -1, .ready = answer };
	if (!sync || pipe(ends) < 0) {
		conclude(f, sync ? rstore_sync(f->store, size) : 0);
		return;
	}
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	f->pid = fork();
	if (f->pid == 0) {
		let_go_of_sockets();
		err = rstore_sync(f->store, size);
		_exit(write(ends[1], &err, sizeof(err)) == sizeof(err) ? 0 : 1);
	}
	close(ends[1]);
	f->w.fd = ends[0];
	if (f->pid > 0 && loop_add(f->loop, &f->w, EPOLLIN) == 0)
		return;
	base_close_fd(&f->w.fd);
	conclude(f, rstore_sync(f->store, size));
}

void finish_stop(struct finish *f)
{
	if (f->pid <= 0 || f->w.fd < 0)
		return;
	loop_close_fd(f->loop, &f->w);
}
