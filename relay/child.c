/* child.c - work that may block, or a program -> a process of its own, and its end as an event. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/child.h"

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

#define LOOK_MS 20
#define TERM_MS 500

static void forget(struct child *c)
{
	c->pid = 0;
	loop_close_fd(c->loop, &c->w);
	loop_forget(c->loop, &c->look);
}

/* True when it has ended; the owner knows then. */
static bool look(struct child *c)
{
	int status = 0, pid = c->pid ? waitpid(c->pid, &status, WNOHANG) : 0;

	if (pid == 0 || (pid < 0 && errno != ECHILD))
		return false;
	forget(c);
	c->ended(c, status); /* where somebody else has reaped it: 0 */
	return true;
}

static void ready(struct loop_fd *w, uint32_t events)
{
	(void)events;
	look(container_of(w, struct child, w));
}

static void on_look(struct loop_timer *t)
{
	struct child *c = container_of(t, struct child, look);

	if (!look(c))
		loop_at(c->loop, t, now_ms() + LOOK_MS);
}

/* ---- in the child */

/* Our handlers go; what was ignored when we were started stays so, but for SIGPIPE, which we ignore ourselves. */
static void reset_signals(void)
{
	struct sigaction a;

	for (int i = 1; i < 32; i++)
		if (sigaction(i, NULL, &a) == 0 && a.sa_handler != SIG_IGN && a.sa_handler != SIG_DFL)
			signal(i, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
}

/* Nothing of ours is held open by it: no port, no connection, no end of another child's pipe. */
static void close_others(void)
{
	if (syscall(SYS_close_range, 3, ~0U, 0) == 0)
		return;
	for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
		close(fd);
}

static void become(int in, int out)
{
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* a cut stream must not look like a whole one when we are killed */
	reset_signals();
	in = fcntl(in < 0 ? null : in, F_DUPFD, 3);
	out = fcntl(out < 0 ? null : out, F_DUPFD, 3);
	if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	close_others();
}

/* ---- in the parent */

int child_start(struct child *c, struct loop *l, child_work *work, void *ctx, int in, int out, struct failure *f)
{
	int pid;

	c->loop = l;
	c->w = (struct loop_fd){ .fd = -1, .ready = ready };
	c->look = (struct loop_timer){ .fire = on_look };
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		become(in, out);
		_exit(work(ctx));
	}
	if (pid < 0)
		return fail(f, FAIL_SYS_INTERNAL, -errno, "fork: %s", err_text(errno));
	setpgid(pid, pid);
	c->pid = pid;
	c->w.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (c->w.fd < 0 || loop_add(l, &c->w, EPOLLIN) < 0)
		loop_at(l, &c->look, now_ms() + LOOK_MS);
	return 0;
}

void child_kill(struct child *c)
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

/* ---- how it ended */

/* Statuses other than 0 of programs that wrote all they should: their manual pages, and tried. */
static const struct {
	const char *tool;
	int status;
	const char *meaning;
} known[] = {
	{ "tar", 1, "a file changed while tar read it; the archive is whole" },
	{ "gtar", 1, "a file changed while tar read it; the archive is whole" },
	{ "gzip", 2, "gzip warns of something; its output is whole" },
	{ "pigz", 2, "pigz warns of something; its output is whole" },
	{ "zcat", 2, "gzip warns of something; its output is whole" },
	{ "xz", 2, "xz warns of something; its output is whole" },
	{ "xzcat", 2, "xz warns of something; its output is whole" },
	{ "rsync", 24, "a file vanished while rsync read it" },
	{ "dump", 1, "dump warns of something; its output is whole" },
};

enum child_verdict child_judge(const char *tool, int status, char *words, size_t size)
{
	words[0] = '\0';
	if (status == 0)
		return CHILD_GOOD;
	if (WIFSIGNALED(status)) {
		snprintf(words, size, "was ended by signal %d", WTERMSIG(status));
		return CHILD_BAD;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!streq(known[i].tool, tool) || known[i].status != WEXITSTATUS(status))
			continue;
		snprintf(words, size, "exited with status %d: %s", known[i].status, known[i].meaning);
		return CHILD_WARNED;
	}
	snprintf(words, size, "exited with status %d%s", WEXITSTATUS(status),
		 WEXITSTATUS(status) == 127 ? ": there is no such program" : "");
	return CHILD_BAD;
}

/* Words that start another program, whose status they pass on. */
static bool is_prefix(const char *word, size_t len)
{
	static const char *const prefixes[] = { "exec",  "nice", "ionice",  "sudo", "env",
						"nohup", "time", "command", "chrt" };

	if (memchr(word, '=', len) || word[0] == '-')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strlen(prefixes[i]) == len && memcmp(prefixes[i], word, len) == 0)
			return true;
	return false;
}

/* The end of the last list of COMMAND that has a word in it: "(cd x; tar -c .)" -> "tar -c .)". Quotes hide
 * separators. */
static const char *last_command(const char *command)
{
	const char *begin = command, *word = NULL;
	char quote = '\0';

	for (const char *p = command; *p; p++) {
		if (quote) {
			quote = *p == quote ? '\0' : quote;
		} else if (*p == '\'' || *p == '"') {
			quote = *p;
		} else if (*p == '\\' && p[1]) {
			p++;
		} else if (strchr(";|&(){}\n", *p)) {
			begin = p + 1;
			continue;
		}
		if (!strchr(" \t\n", *p) && (!word || word < begin))
			word = p;
	}
	return word ? word : command;
}

void child_tool(const char *command, char *name, size_t size)
{
	const char *p = last_command(command), *end, *slash;

	for (;; p = end) {
		p += strspn(p, " \t");
		end = p + strcspn(p, " \t;|&(){}\n");
		if (end == p || !is_prefix(p, (size_t)(end - p)))
			break;
	}
	for (slash = end; slash > p && slash[-1] != '/'; slash--)
		;
	snprintf(name, size, "%.*s", (int)(end - slash), slash);
}
