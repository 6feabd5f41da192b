/* stage1-relay.c - a method that needs the relay, and its job -> the image, for the process that runs it: outside.h. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/outside.h"

#include "base/help.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "base/rights.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define PROGRESS_MS 50   /* between two reports: more often nobody looks */
#define ALIVE_MS    1000 /* between two signs of life */

static const struct {
	const char *name;
	int (*fetch)(struct fetch *f);
} rows[] = { { "dolly", dolly_fetch }, { "ka", ka_fetch } };

static bool cancelled;
static int64_t said_ms; /* when something was last said, of now_ms() */
static struct {
	int64_t done, total;
	bool waits; /* has not been said yet */
	int64_t said_ms;
} progress;
static struct outside_packet packet;

/* ---- what is said. Nobody is left to work for when the other side is gone. */

static void say_now(enum outside_kind kind, int64_t a, int64_t b, const char *words, int fd)
{
	said_ms = now_ms();
	if (outside_send(PROCESS_FD, kind, a, b, words, fd))
		_exit(1);
}

static void say_progress(void)
{
	if (!progress.waits)
		return;
	progress.waits = false;
	progress.said_ms = now_ms();
	say_now(OUTSIDE_PROGRESS, progress.done, progress.total, NULL, -1);
}

/* Everything comes in the order it was said in, progress too. */
static void say(enum outside_kind kind, int64_t a, int64_t b, const char *words, int fd)
{
	say_progress();
	say_now(kind, a, b, words, fd);
}

/* Receives a message into M, at once or not at all where WAIT is not set. False: there is none. */
static bool hear(struct outside_message *m, bool wait)
{
	int fd, err = outside_receive(PROCESS_FD, &packet, wait, m, &fd);

	if (err && err != -EAGAIN)
		_exit(1);
	return !err;
}

/* ---- the sink, which is there */

static int ask(enum outside_kind kind, int64_t a, int64_t b, int fd, struct failure *f)
{
	struct outside_message m;

	say(kind, a, b, NULL, fd);
	/* as long as the sink takes, or until that process ends */
	while (hear(&m, true) && m.kind == OUTSIDE_CANCEL)
		cancelled = true;
	if (m.kind != OUTSIDE_ANSWER)
		_exit(1);
	if (m.a && m.b && f) { /* in the log it is already */
		*f = (struct failure){ .id = (enum fail_id)m.b, .err = (int)m.a };
		(void)str_copy(f->detail, sizeof(f->detail), m.words);
	}
	return (int)m.a;
}

static int far_begin(struct sink *s, int64_t size, struct failure *f)
{
	(void)s;
	return ask(OUTSIDE_BEGIN, size, 0, -1, f);
}

static int far_copy(struct sink *s, int fd, int64_t offset, int64_t len, struct failure *f)
{
	(void)s;
	return ask(OUTSIDE_COPY, offset, len, fd, f);
}

static int far_take(struct sink *s, int fd, int64_t size, struct failure *f)
{
	(void)s;
	return ask(OUTSIDE_TAKE, size, 0, fd, f);
}

static int far_may_take(struct sink *s, int fd, int64_t so_far, struct failure *f)
{
	(void)s;
	return ask(OUTSIDE_MAY_TAKE, so_far, 0, fd, f);
}

static int far_finish(struct sink *s, struct failure *f)
{
	(void)s;
	return ask(OUTSIDE_FINISH, 0, 0, -1, f);
}

static int far_restart(struct sink *s, struct failure *f)
{
	(void)s;
	return ask(OUTSIDE_RESTART, 0, 0, -1, f);
}

static const struct sink_shortcuts far_shortcuts = {
	.taking = &(const struct sink_taking){ far_take, far_may_take },
	.copy = far_copy,
};

static struct sink far_sink = {
	.begin = far_begin,
	.finish = far_finish,
	.restart = far_restart,
	.shortcuts = &far_shortcuts,
};

/* ---- the person, who is there, too */

static void far_note(struct watch *w, const char *line)
{
	(void)w;
	say(OUTSIDE_NOTE, 0, 0, line, -1);
}

static void far_waiting(struct watch *w, const char *why, int64_t deadline)
{
	(void)w;
	say(OUTSIDE_WAITING, deadline, 0, why, -1);
}

static void far_progress(struct watch *w, int64_t done, int64_t total)
{
	(void)w;
	progress.done = done;
	progress.total = total;
	progress.waits = true;
	if (now_ms() >= progress.said_ms + PROGRESS_MS)
		say_progress();
}

static bool far_cancelled(struct watch *w)
{
	struct outside_message m;

	(void)w;
	while (hear(&m, false))
		cancelled = cancelled || m.kind == OUTSIDE_CANCEL;
	if (now_ms() >= said_ms + ALIVE_MS)
		say(OUTSIDE_ALIVE, 0, 0, NULL, -1);
	return cancelled;
}

static struct watch far_watch = {
	.note = far_note,
	.waiting = far_waiting,
	.progress = far_progress,
	.cancelled = far_cancelled,
};

static void far_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	say(OUTSIDE_LOG, level, 0, line, -1);
}

/* ---- the whole */

static void receive_job(struct outside_job *job)
{
	struct outside_message m;

	while (hear(&m, true) && m.kind != OUTSIDE_START)
		if (outside_job_add(job, &m))
			_exit(1);
}

static int run(int (*method)(struct fetch *f))
{
	struct outside_job job = { 0 };
	struct failure failure = { 0 };
	struct fetch f = { .sink = &far_sink, .watch = &far_watch, .fail = &failure, .options = &job.options };
	int err;

	receive_job(&job);
	(void)!log_add_sink(far_log, NULL);
	f.raw = job.raw;
	f.net = job.has_network ? &job.network : NULL;
	err = method(&f);
	if (err && !failure.id)
		(void)!fail(&failure, FAIL_SYS_INTERNAL, err, "%s", err_text(err));
	if (*f.server)
		say(OUTSIDE_SERVER, 0, 0, f.server, -1);
	say(OUTSIDE_END, err, err ? failure.id : FAIL_NONE, err ? failure.detail : NULL, -1);
	outside_job_free(&job);
	return err ? 1 : 0;
}

/* It reads what other machines send, and needs nothing for it but sockets and memory; it starts no program. */
static const int calls[] = {
	RIGHTS_BASIC,    __NR_pwrite64,      __NR_preadv,     __NR_pwritev,     __NR_lseek,
	__NR_fstat,      __NR_fstatfs,       __NR_ftruncate,  __NR_fallocate,   __NR_memfd_create,
	__NR_sendfile,   __NR_splice,        __NR_dup,        __NR_ioctl,       __NR_pipe2,
	__NR_poll,       __NR_epoll_create1, __NR_epoll_ctl,  __NR_epoll_wait,  __NR_epoll_pwait,
	__NR_newfstatat, __NR_socket,        __NR_socketpair, __NR_bind,        __NR_listen,
	__NR_accept,     __NR_accept4,       __NR_connect,    __NR_getsockname, __NR_getpeername,
	__NR_setsockopt, __NR_getsockopt,    __NR_sendto,     __NR_recvfrom,    __NR_sendmsg,
	__NR_recvmsg,    __NR_shutdown,      __NR_getrandom,  __NR_getpid,      __NR_sysinfo,
	__NR_getrlimit,  __NR_prlimit64,     __NR_uname,      __NR_nanosleep,   __NR_clock_nanosleep,
	__NR_open,       __NR_openat, /* /proc/net: this machine's addresses */
};

/* stage1-relay dolly|ka */
int main(int argc, char **argv)
{
	static const char usage[] = "stage1-relay is run by stage1 and stage1-fetch\n";

	if (help_given(argc, argv, "stage1-relay", usage))
		return 0;
	/* who started it says when it is to stop, and ends last */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (argc == 2 && streq(argv[1], rows[i].name) && fcntl(PROCESS_FD, F_GETFD) >= 0 &&
		    rights_drop(calls, ARRAY_SIZE(calls)))
			return run(rows[i].fetch);
	fputs(usage, stderr);
	return 2;
}
