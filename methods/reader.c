/* reader.c - a file that has to be mounted first -> the sink, or where it lies, by a child that may hang without harm. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/reader.h"

#include "base/clock.h"
#include "base/log.h"
#include "methods/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A killed child is gone within this time, in milliseconds; if not, it is left to PID 1. */
#define KILLED_MS 2000

/* Bytes moved by one call in the child. */
#define CHUNK ((size_t)MIB)

/* What the child says before the bytes. */
struct opened {
	int err; /* 0: the file is open and its bytes follow, or FOUND says where it is */
	int64_t size, modified;
	struct found found;
	struct failure failure; /* where ERR is not 0 */
};

/* What the child is to do: one of the two. */
struct task {
	reader_open_fn *open_file; /* and send its bytes from OFFSET on */
	reader_look_fn *look;
	void *ctx;
	int64_t offset;
};

struct reading {
	struct transfer *t;
	const char *what;
	pid_t child;
	struct stream stream; /* to the child */
};

/* ---- the child */

static int open_alone(reader_open_fn *open_file, void *ctx, struct failure *f)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(f, FAIL_MED_MOUNT, -errno, "no mounts of its own for the reader: %s%s", err_text(errno),
			    errno == EPERM ? " (only root may mount)" : "");
	return open_file(ctx, f);
}

/* The file's bytes from OFFSET on go to SOCKET. 0 or -errno. */
static int send_bytes(int socket, int fd, int64_t offset, int64_t size)
{
	off_t at = (off_t)offset;

	while (at < size) {
		ssize_t n = sendfile(socket, fd, &at, (size_t)MIN((int64_t)CHUNK, size - at));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ENODATA;
	}
	return 0;
}

/* Neither returns; the exit status is the errno, which all fit into it. */
static _Noreturn void child_looks(int socket, const struct task *task)
{
	struct opened say = { 0 };

	say.err = task->look(task->ctx, &say.found, &say.failure);
	_exit(send(socket, &say, sizeof(say), MSG_NOSIGNAL) == sizeof(say) ? 0 : EPIPE);
}

static _Noreturn void child_reads(int socket, const struct task *task)
{
	struct opened say = { 0 };
	struct stat st;
	int fd, err;

	signal(SIGPIPE, SIG_IGN);
	fd = open_alone(task->open_file, task->ctx, &say.failure);
	say.err = MIN(fd, 0);
	if (!say.err && fstat(fd, &st) < 0)
		say.err = fail(&say.failure, FAIL_SRV_ERROR, -errno, "looking at the file: %s", err_text(errno));
	if (!say.err) {
		say.size = st.st_size;
		say.modified = st.st_mtime;
	}
	if (send(socket, &say, sizeof(say), MSG_NOSIGNAL) != sizeof(say) || say.err)
		_exit(0);
	err = send_bytes(socket, fd, task->offset, st.st_size);
	_exit(-err & 0xff);
}

/* ---- the parent */

static int begin(struct reading *r, const struct task *task, struct failure *f)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(f, FAIL_SYS_INTERNAL, -errno, "a socket: %s", err_text(errno));
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	r->child = fork();
	if (r->child == 0) {
		close(pair[0]);
		if (task->look)
			child_looks(pair[1], task);
		child_reads(pair[1], task);
	}
	close(pair[1]);
	r->stream.fd = pair[0];
	if (r->child < 0) {
		stream_close(&r->stream);
		return fail(f, FAIL_SYS_INTERNAL, -errno, "fork: %s", err_text(errno));
	}
	return 0;
}

/* The child ends: by itself, or because nobody listens any more. Its errno, 0 where it has none to tell. */
static int end(struct reading *r)
{
	struct pollfd gone = { .fd = r->stream.fd };
	int status = 0;

	kill(r->child, SIGKILL); /* one that is through is already gone or a zombie, whose status stays */
	if (poll(&gone, 1, KILLED_MS) > 0 && waitpid(r->child, &status, 0) != r->child)
		status = 0;
	stream_close(&r->stream);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

/* What the child says of the file. 0, or -errno with the failure filled. */
static int read_opened(struct reading *r, struct opened *o, int64_t open_ms, struct failure *f)
{
	int64_t deadline = now_ms() + open_ms;
	size_t got = 0;

	while (got < sizeof(*o)) {
		ssize_t n = stream_read(&r->stream, (char *)o + got, sizeof(*o) - got, deadline);

		if (n == -ETIMEDOUT)
			return fail(f, FAIL_SRV_TIMEOUT, (int)n, "%s: no answer for %lld s", r->what,
				    (long long)open_ms / 1000);
		if (n == -ECANCELED)
			return fail(f, FAIL_SYS_CANCELLED, (int)n, "while opening %s", r->what);
		if (n <= 0)
			return fail(f, FAIL_SYS_INTERNAL, n ? (int)n : -EPIPE, "%s: its reader ended", r->what);
		got += (size_t)n;
	}
	if (o->err)
		*f = o->failure; /* the child has logged it */
	return o->err;
}

static int carry(struct reading *r, int64_t size, struct failure *f)
{
	struct transfer *t = r->t;

	while (t->done < size) {
		ssize_t n = transfer_carry(t, &r->stream, CHUNK, f);

		if (n < 0 && f->id != FAIL_NONE)
			return (int)n;
		if (n == 0)
			n = end(r);
		if (n == -ESTALE)
			return transfer_changed(t, f);
		if (n <= 0)
			return transfer_broken(t, n ? (int)n : -ENODATA, f);
	}
	return transfer_end(t, true, f);
}

int reader_get(struct transfer *t, const struct place *at, reader_open_fn *open_file, void *ctx, int64_t open_ms,
	       const char *what, struct failure *f)
{
	struct reading r = { .t = t, .what = what, .stream = { .fd = -1, .watch = t->fetch->watch } };
	int64_t offset = transfer_offset(t, at);
	struct version v = { 0 };
	struct opened o;
	char modified[24];
	int err = begin(&r, &(struct task){ .open_file = open_file, .ctx = ctx, .offset = offset }, f);

	if (err)
		return err;
	err = read_opened(&r, &o, open_ms, f);
	if (!err) {
		snprintf(modified, sizeof(modified), "%lld", (long long)o.modified);
		v.size = o.size;
		v.modified = modified;
		err = transfer_begin(t, at, offset, &v, what, f);
	}
	if (!err)
		err = carry(&r, o.size, f);
	if (r.stream.fd >= 0)
		end(&r);
	return err;
}

int reader_look(struct watch *w, reader_look_fn *look, void *ctx, int64_t open_ms, const char *what, struct found *found,
		struct failure *f)
{
	struct reading r = { .what = what, .stream = { .fd = -1, .watch = w } };
	struct opened o;
	int err = begin(&r, &(struct task){ .look = look, .ctx = ctx }, f);

	if (err)
		return err;
	err = read_opened(&r, &o, open_ms, f);
	end(&r);
	if (err)
		found_release(found);
	else
		*found = o.found;
	return err;
}
