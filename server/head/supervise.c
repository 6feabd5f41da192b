/* supervise.c - programs that shall run -> they run: started, watched, started again, taken over, ended. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/supervise.h"

#include "base/clock.h"
#include "base/file.h"
#include "server/head/files.h"
#include "server/head/run.h"
#include "server/head/say.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TERM_MS    5000  /* from SIGTERM to SIGKILL */
#define SOON_MS    10000 /* who ends before that has failed */
#define LOG_MOST   (64 * MIB)
#define DELAY_MOST 30000

int64_t child_delay(unsigned failed)
{
	return failed == 0 ? 0 : MIN((int64_t)250 << MIN(failed, 10u), (int64_t)DELAY_MOST);
}

/* ---- which process it is */

static char *path_in(const struct supervisor *s, const char *folder, const char *name, const char *suffix)
{
	return str_printf("%s/%s/%s%s", s->state, folder, name, suffix);
}

/* When process PID was started, in ticks since boot (proc(5), stat, field 22); 0: there is none. */
static uint64_t started(pid_t pid)
{
	cleanup_free char *path = str_printf("/proc/%d/stat", (int)pid), *text = path ? file_text(path) : NULL;
	char *p = text ? strrchr(text, ')') : NULL;

	if (!p || p[1] != ' ' || p[2] == 'Z')
		return 0;
	for (int field = 2; field < 22 && p; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

static void add_words(const struct child *c, struct buf *out)
{
	for (size_t i = 0; c->argv[i]; i++)
		buf_printf(out, "%s\n", c->argv[i]);
}

static void note(const struct child *c)
{
	cleanup_free char *path = path_in(c->all, "run", c->name, "");
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "%d %llu\n", (int)c->pid, (unsigned long long)started(c->pid));
	add_words(c, &text);
	if (!path || file_put(path, &text) < 0)
		head_say("%s: its process cannot be noted", c->name);
}

static void forget(const struct child *c)
{
	cleanup_free char *path = path_in(c->all, "run", c->name, "");

	if (path)
		unlink(path);
}

pid_t child_left_over(const char *text)
{
	unsigned long long when;
	int pid;

	if (sscanf(text, "%d %llu", &pid, &when) != 2 || pid <= 1 || when == 0)
		return 0;
	return started(pid) == when ? pid : 0;
}

/* ---- its end */

static void end_group(pid_t pid, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	kill(pid, SIGTERM);
	if (poll(&p, 1, TERM_MS) == 0)
		head_say("process %d does not end, and is killed", (int)pid);
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	poll(&p, 1, TERM_MS);
	waitpid(pid, NULL, WNOHANG);
}

static void end_pid(pid_t pid)
{
	cleanup_close int fd = pidfd_open(pid, 0);

	if (fd >= 0)
		end_group(pid, fd);
}

void child_end_left_over(const char *state, const char *name)
{
	cleanup_free char *path = str_printf("%s/run/%s", state, name), *text = path ? file_text(path) : NULL;
	pid_t pid = text ? child_left_over(text) : 0;

	if (pid > 0) {
		head_say("%s, process %d, was left over, and is ended", name, (int)pid);
		end_pid(pid);
	}
	if (text)
		unlink(path);
}

/* ---- its words */

static char *log_of(const struct child *c)
{
	return path_in(c->all, "log", c->name, ".log");
}

/* A log that has grown too much begins anew; the one before stays. */
static void bound_log(const char *path)
{
	cleanup_free char *old = str_printf("%s.old", path);
	struct stat s;

	if (old && stat(path, &s) == 0 && s.st_size > LOG_MOST)
		rename(path, old);
}

/* The last line of the file, owned by the caller; NULL: none. */
static char *last_line(const char *path)
{
	FILE *f = fopen(path, "re");
	char tail[400] = "", *end;
	size_t n;

	if (!f)
		return NULL;
	if (fseek(f, -(long)(sizeof(tail) - 1), SEEK_END) < 0)
		rewind(f);
	n = fread(tail, 1, sizeof(tail) - 1, f);
	fclose(f);
	tail[n] = '\0';
	while (n > 0 && strchr("\r\n", tail[n - 1]))
		tail[--n] = '\0';
	end = strrchr(tail, '\n');
	return n > 0 ? strdup(end ? end + 1 : tail) : NULL;
}

static void say_end(const struct child *c, int status, int64_t delay)
{
	cleanup_free char *log = log_of(c), *words = log ? last_line(log) : NULL;
	cleanup_buf struct buf how = { 0 };

	if (status < 0)
		buf_str(&how, "ended");
	else if (WIFSIGNALED(status))
		buf_printf(&how, "was killed by signal %d", WTERMSIG(status));
	else
		buf_printf(&how, "ended with status %d", WEXITSTATUS(status));
	if (c->rounds && c->failed == 0)
		head_say("%s %s; the next machines are waited for%s%s", c->name, buf_cstr(&how), words ? ": " : "",
			 words ? words : "");
	else
		head_say("%s %s; it is started again in %.1f s%s%s", c->name, buf_cstr(&how), (double)delay / 1000,
			 words ? "; its last words: " : "", words ? words : "");
}

/* ---- its life */

static int start(struct child *c);

static void fire(struct loop_timer *t)
{
	struct child *c = container_of(t, struct child, again);

	if (start(c)) {
		c->failed++;
		loop_at(c->all->loop, &c->again, now_ms() + child_delay(c->failed));
	}
}

static void ended(struct loop_fd *w, uint32_t events)
{
	struct child *c = container_of(w, struct child, end);
	int64_t delay;
	int status;

	(void)events;
	kill(-c->pid, SIGKILL); /* what it started */
	if (waitpid(c->pid, &status, WNOHANG) <= 0)
		status = -1; /* an earlier head-node's: its status is nobody's */
	loop_close_fd(c->all->loop, &c->end);
	c->pid = 0;
	forget(c);
	c->failed = now_ms() - c->began < SOON_MS && !(c->rounds && status == 0) ? c->failed + 1 : 0;
	delay = c->rounds && c->failed == 0 ? 200 : MAX(child_delay(c->failed), (int64_t)200);
	say_end(c, status, delay);
	loop_at(c->all->loop, &c->again, now_ms() + delay);
}

static int watch(struct child *c, pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	if (fd < 0)
		return -errno;
	c->pid = pid;
	c->began = now_ms();
	c->end = (struct loop_fd){ .fd = fd, .ready = ended };
	return loop_add(c->all->loop, &c->end, EPOLLIN);
}

static int start(struct child *c)
{
	cleanup_free char *log = log_of(c);
	pid_t pid;
	int err;

	if (!log)
		return -ENOMEM;
	bound_log(log);
	pid = run_detached(c->argv, log);
	if (pid < 0)
		return pid;
	err = watch(c, pid);
	if (err)
		kill(pid, SIGKILL);
	else
		note(c);
	return err;
}

/* The process of an earlier head-node, where it runs with the very same words. */
static pid_t find_left_over(const struct child *c)
{
	cleanup_free char *path = path_in(c->all, "run", c->name, ""), *text = path ? file_text(path) : NULL;
	cleanup_buf struct buf words = { 0 };
	const char *line = text ? strchr(text, '\n') : NULL;

	add_words(c, &words);
	return line && streq(line + 1, buf_cstr(&words)) && !c->fresh ? child_left_over(text) : 0;
}

int child_begin(struct supervisor *s, struct child *c)
{
	pid_t pid;

	c->all = s;
	c->again.fire = fire;
	c->end.fd = -1;
	pid = find_left_over(c);
	if (pid > 0 && watch(c, pid) == 0) {
		head_say("%s still runs, as process %d, and is taken over", c->name, (int)pid);
		return 0;
	}
	child_end_left_over(s->state, c->name);
	return start(c);
}

void child_signal(const struct child *c, int number)
{
	if (c->pid > 0)
		kill(c->pid, number);
}

void supervisor_end(struct supervisor *s)
{
	s->ending = true;
	for (size_t i = 0; i < s->count; i++) {
		struct child *c = s->child[i];

		loop_forget(s->loop, &c->again);
		child_signal(c, SIGTERM); /* all at once: they end side by side */
	}
	for (size_t i = 0; i < s->count; i++) {
		struct child *c = s->child[i];

		if (c->pid <= 0)
			continue;
		end_group(c->pid, c->end.fd);
		loop_close_fd(s->loop, &c->end);
		c->pid = 0;
		forget(c);
	}
}
