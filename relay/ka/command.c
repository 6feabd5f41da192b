/* command.c - a shell command -> its output or input as a pipe, and how it ended as an event. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/command.h"

#include "base/buf.h"
#include "base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* the same on every architecture */
#endif
#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031 /* linux/fcntl.h */
#endif

#define PIPE_SIZE (1024 * 1024)
#define LOOK_MS   20
#define TERM_MS   500

static void describe(struct ka_command *c, int status)
{
	if (WIFSIGNALED(status))
		snprintf(c->why, sizeof(c->why), "was ended by signal %d", WTERMSIG(status));
	else
		snprintf(c->why, sizeof(c->why), "exited with status %d", WEXITSTATUS(status));
}

static void forget(struct ka_command *c)
{
	c->pid = 0;
	loop_close_fd(c->loop, &c->w);
	loop_forget(c->loop, &c->look);
}

/* True when it has ended; the owner knows then. */
static bool look(struct ka_command *c)
{
	int status;

	if (!c->pid || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return false;
	forget(c);
	describe(c, status);
	c->ended(c, WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO, c->why);
	return true;
}

static void ready(struct loop_fd *w, uint32_t events)
{
	(void)events;
	look(container_of(w, struct ka_command, w));
}

static void on_look(struct loop_timer *t)
{
	struct ka_command *c = container_of(t, struct ka_command, look);

	if (!look(c))
		loop_at(c->loop, t, now_ms() + LOOK_MS);
}

static void become(const char *command, enum ka_command_kind kind, const int ends[2])
{
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* a truncated stream must not look like a whole one when we are killed */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (kind == KA_COMMAND_SOURCE) {
		dup2(null, 0);
		dup2(ends[1], 1);
	} else {
		dup2(ends[0], 0);
	}
	if (null > 2)
		close(null);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int ka_command_start(struct ka_command *c, struct loop *l, const char *command, enum ka_command_kind kind,
		     int *pipe_end, struct failure *f)
{
	int ends[2], mine = kind == KA_COMMAND_SOURCE ? 0 : 1, pid;

	c->loop = l;
	c->w = (struct loop_fd) { .fd = -1, .ready = ready };
	c->look = (struct loop_timer) { .fire = on_look };
	if (pipe(ends) < 0)
		return fail(f, FAIL_SYS_INTERNAL, -errno, "pipe: %s", err_text(-errno));
	for (int i = 0; i < 2; i++)
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	pid = fork();
	if (pid == 0)
		become(command, kind, ends);
	close(ends[1 - mine]);
	if (pid < 0) {
		close(ends[mine]);
		return fail(f, FAIL_SYS_INTERNAL, -errno, "fork: %s", err_text(-errno));
	}
	setpgid(pid, pid);
	fcntl(ends[mine], F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(ends[mine], F_SETFL, O_NONBLOCK);
	*pipe_end = ends[mine];
	c->pid = pid;
	c->w.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (c->w.fd < 0 || loop_add(l, &c->w, EPOLLIN) < 0)
		loop_at(l, &c->look, now_ms() + LOOK_MS);
	return 0;
}

void ka_command_kill(struct ka_command *c)
{
	int64_t deadline = now_ms() + TERM_MS;
	int status, pid = c->pid;

	if (!pid)
		return;
	forget(c);
	kill(-pid, SIGTERM);
	while (waitpid(pid, &status, WNOHANG) == 0 && now_ms() < deadline) {
		struct timespec nap = { .tv_nsec = 5 * 1000000 };

		nanosleep(&nap, NULL); /* the one wait for a process that has been told to end */
	}
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
}
