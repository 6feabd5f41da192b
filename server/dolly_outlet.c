/* dolly_outlet.c - verified bytes in a store -> a program's standard input or our own standard output. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly_outlet.h"

#include "base/compat.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUDGET (4 * MIB)

/* What takes a compressed image off, by its first bytes. NULL: it is not compressed in a way known here. */
static const char *unpacker(const uint8_t head[6])
{
	if (head[0] == 0x1f && head[1] == 0x8b)
		return "gzip";
	if (memcmp(head, "\xfd" "7zXZ", 6) == 0)
		return "xz";
	if (memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
		return "zstd";
	return memcmp(head, "BZh", 3) == 0 ? "bzip2" : NULL;
}

/* Runs PROGRAM -dc with its output to OUT. */
static int run(struct outlet *o, const char *program, int out)
{
	int ends[2];

	if (pipe(ends) < 0)
		return -errno;
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	o->pid = fork();
	if (o->pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		if (dup2(ends[0], STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
			execlp(program, program, "-dc", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	if (o->pid < 0) {
		close(ends[1]);
		return -errno;
	}
	o->w.fd = ends[1];
	str_copy(o->program, sizeof(o->program), program);
	return 0;
}

static void give_up(struct outlet *o, int err, const char *what)
{
	struct failure f = { 0 };

	outlet_close(o);
	fail(&f, FAIL_IMG_STORE, err, "%s: %s", what, err_text(err));
	o->done(o, err, &f);
}

/* All is handed over: the program ends by itself, and says whether it liked what it got. */
static void conclude(struct outlet *o)
{
	struct failure f = { 0 };
	int status = 0;

	loop_remove(o->loop, &o->w);
	if (o->pid > 0) {
		base_close_fd(&o->w.fd);
		if (waitpid(o->pid, &status, 0) < 0)
			status = 0; /* somebody else has reaped it */
		o->pid = 0;
	}
	o->over = true;
	if (status) {
		fail(&f, FAIL_IMG_CORRUPT, -EIO, "%s could not unpack the image (status %d)", o->program,
		     WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		o->done(o, -EIO, &f);
		return;
	}
	o->done(o, 0, NULL);
}

static void pump(struct outlet *o)
{
	uint8_t piece[65536];
	int64_t budget = BUDGET;

	while (o->at < o->available && budget > 0) {
		size_t len = (size_t)MIN(o->available - o->at, (int64_t)sizeof(piece));
		ssize_t n;
		int err = rstore_read(o->store, o->at, piece, len);

		if (err < 0) {
			give_up(o, err, "reading back what came");
			return;
		}
		n = write(o->w.fd, piece, len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			give_up(o, -errno, o->program[0] ? o->program : "standard output");
			return;
		}
		o->at += n;
		budget -= n;
	}
	loop_change(o->loop, &o->w, o->at < o->available ? EPOLLOUT : 0);
	if (o->size >= 0 && o->at == o->size)
		conclude(o);
}

static void ready(struct loop_fd *w, uint32_t events)
{
	struct outlet *o = container_of(w, struct outlet, w);

	if (o->at == o->available && events & (EPOLLERR | EPOLLHUP))
		give_up(o, -EPIPE, o->program[0] ? o->program : "standard output");
	else
		pump(o);
}

/* The first bytes are there: what are they for? */
static int begin(struct outlet *o)
{
	uint8_t head[6] = { 0 };
	const char *program = NULL;
	int err;

	o->begun = true;
	if (o->unpack && o->available >= (int64_t)sizeof(head)) {
		err = rstore_read(o->store, 0, head, sizeof(head));
		if (err < 0)
			return err;
		program = unpacker(head);
	}
	if (o->unpack && !program)
		program = "cat"; /* "compressed infile" of what is not: it is stored as it is */
	if (program)
		err = run(o, program, o->out);
	else
		err = (o->w.fd = fcntl(o->out, F_DUPFD_CLOEXEC, 3)) < 0 ? -errno : 0;
	if (err < 0)
		return err;
	fcntl(o->w.fd, F_SETFL, fcntl(o->w.fd, F_GETFL) | O_NONBLOCK);
	o->w.ready = ready;
	err = loop_add(o->loop, &o->w, 0);
	return err == -EPERM ? 0 : err; /* a file is always ready */
}

void outlet_feed(struct outlet *o, int64_t available, int64_t size)
{
	int err;

	if (o->over)
		return;
	o->available = available;
	o->size = size;
	if (!o->begun) {
		if (available < 6 && available != size)
			return;
		err = begin(o);
		if (err < 0) {
			give_up(o, err, "unpacking");
			return;
		}
	}
	pump(o);
}

void outlet_close(struct outlet *o)
{
	if (o->begun && o->w.fd > 0) {
		loop_close_fd(o->loop, &o->w);
	}
	if (o->pid > 0) {
		kill(o->pid, SIGKILL);
		waitpid(o->pid, NULL, 0);
	}
	o->pid = 0;
	o->over = true;
}
