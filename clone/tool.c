/* tool.c - the name of a tool with its arguments -> a process of it, its output, and whether it did it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/tool.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const folders[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin" };

/* Where it is; owned by the caller; NULL: nowhere. */
static char *find(const char *name)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t length = strcspn(path, ":");
		char *file = str_printf("%.*s/%s", (int)length, path, name);

		if (file && length && access(file, X_OK) == 0)
			return file;
		free(file);
		path += length + (path[length] == ':');
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char *file = str_printf("%s/%s", folders[i], name);

		if (file && access(file, X_OK) == 0)
			return file;
		free(file);
	}
	return NULL;
}

bool tool_there(const char *name)
{
	cleanup_free char *file = find(name);

	return file;
}

/* Descriptors of a tool while it runs: ours of its input, output and errors. */
struct pipes {
	int own[3], its[3];
};

static void close_all(int *fds)
{
	for (size_t i = 0; i < 3; i++)
		base_close_fd(&fds[i]);
}

static int open_pipes(struct pipes *p)
{
	*p = (struct pipes){ { -1, -1, -1 }, { -1, -1, -1 } };
	for (size_t i = 0; i < 3; i++) {
		int both[2];

		if (pipe2(both, O_CLOEXEC)) {
			close_all(p->own);
			close_all(p->its);
			return -EMFILE;
		}
		p->its[i] = both[i == 0 ? 0 : 1];
		p->own[i] = both[i == 0 ? 1 : 0];
		fcntl(p->own[i], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

/* In the child. The words of tools are taken apart: they are those of the C locale. */
static void become(const char *file, const char *const argv[], struct pipes *p)
{
	int high[3];

	for (int i = 0; i < 3; i++)
		high[i] = fcntl(p->its[i], F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3; i++)
		if (high[i] < 0 || dup2(high[i], i) < 0)
			_exit(126);
	signal(SIGPIPE, SIG_DFL);
	setenv("LC_ALL", "C", 1);
	/* of descriptors that others left open it does not complain */
	setenv("LVM_SUPPRESS_FD_WARNINGS", "1", 1);
	/* without udev device mapper's tools make their nodes themselves, if they are told so */
	if (access("/run/udev/control", F_OK))
		setenv("DM_DISABLE_UDEV", "1", 1);
	execv(file, (char *const *)argv);
	_exit(127);
}

/* Writes what is left of *INPUT; closed behind the last byte. */
static void feed(int *fd, const char **input)
{
	ssize_t n = write(*fd, *input, strlen(*input));

	if (n > 0)
		*input += n;
	if (!**input || (n < 0 && errno != EAGAIN && errno != EINTR))
		base_close_fd(fd);
}

static void drain(int *fd, struct buf *to)
{
	char bytes[4096];
	ssize_t n = read(*fd, bytes, sizeof(bytes));

	if (n > 0 && to->len < (size_t)TOOL_OUTPUT)
		buf_add(to, bytes, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		base_close_fd(fd);
}

/* Until the tool has closed its outputs. 0 or -ETIMEDOUT. */
static int talk(struct pipes *p, const char *input, struct buf *out, struct buf *said)
{
	int64_t deadline = now_ms() + TOOL_PATIENCE;

	if (!*input)
		base_close_fd(&p->own[0]);
	while (p->own[1] >= 0 || p->own[2] >= 0) {
		struct pollfd polled[3] = { { p->own[0], POLLOUT, 0 },
					    { p->own[1], POLLIN, 0 },
					    { p->own[2], POLLIN, 0 } };

		if (ms_left(deadline) == 0)
			return -ETIMEDOUT;
		if (poll(polled, 3, ms_left(deadline)) <= 0)
			continue;
		if (polled[0].revents)
			feed(&p->own[0], &input);
		if (polled[1].revents)
			drain(&p->own[1], out);
		if (polled[2].revents)
			drain(&p->own[2], said);
	}
	return 0;
}

static void explain(const char *const argv[], int err, int status, const struct buf *out, const struct buf *said,
		    struct buf *why)
{
	if (!why)
		return;
	for (size_t i = 0; argv[i]; i++)
		buf_printf(why, "%s%s", i ? " " : "", argv[i]);
	if (err == -ETIMEDOUT)
		buf_str(why, ": did not end\n");
	else if (WIFSIGNALED(status))
		buf_printf(why, ": ended by signal %d\n", WTERMSIG(status));
	else
		buf_printf(why, ": ended with status %d\n", WEXITSTATUS(status));
	if (said->len || out->len)
		buf_str(why, said->len ? buf_cstr(said) : buf_cstr(out));
	if (why->len && why->data[why->len - 1] != '\n')
		buf_char(why, '\n');
}

static int wait_for(pid_t pid, int err)
{
	int status = 0;

	if (err)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int tool_run(const char *const argv[], const char *input, struct buf *out, struct buf *why)
{
	cleanup_buf struct buf said = { 0 }, own = { 0 };
	cleanup_free char *file = find(argv[0]);
	void (*before)(int);
	struct pipes p;
	int err, status;
	pid_t pid;

	if (!file) {
		if (why)
			buf_printf(why, "%s is missing\n", argv[0]);
		return -ENOENT;
	}
	err = open_pipes(&p);
	if (err)
		return err;
	pid = fork();
	if (pid == 0)
		become(file, argv, &p);
	err = pid < 0 ? -errno : 0;
	close_all(p.its);
	before = signal(SIGPIPE, SIG_IGN);
	if (!err)
		err = talk(&p, input ? input : "", out ? out : &own, &said);
	signal(SIGPIPE, before);
	close_all(p.own);
	if (pid < 0)
		return err;
	status = wait_for(pid, err);
	if (!err && status)
		err = -EIO;
	if (err)
		explain(argv, err, status, out ? out : &own, &said, why);
	return err;
}
