/* shell.c - consoles -> a shell on them, until one is left. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/shell.h"

#include "base/clock.h"
#include "base/log.h"
#include "stage1/system.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define SHELL      "/bin/sh"
#define FOREVER_MS ((int64_t)INT_MAX)

/* In the child: the console becomes its terminal, with job control. */
static _Noreturn void become_shell(const char *console)
{
	static char name[] = "-sh"; /* the dash: a login shell */
	char *const argv[] = { name, NULL };
	static const char *const envp[] = { "PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "TERM=linux",
					    "PS1=stage1# ", NULL };
	char path[64];
	int fd;

	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	setsid();
	snprintf(path, sizeof(path), "/dev/%s", console);
	fd = open(path, O_RDWR);
	if (fd < 0)
		_exit(126);
	ioctl(fd, TIOCSCTTY, 1);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	execve(SHELL, argv, (char *const *)envp);
	_exit(127);
}

/* PID 1 may not be anybody's terminal's child, so each shell is a session of its own. */
static pid_t start(const char *console)
{
	pid_t pid = fork();

	if (pid == 0)
		become_shell(console);
	return pid;
}

pid_t shell_on(const char *name)
{
	char path[64];
	pid_t pid;

	snprintf(path, sizeof(path), "/dev/%s", name);
	if (access(path, F_OK) || access(SHELL, X_OK))
		return 0;
	pid = start(name);
	return pid > 0 ? pid : 0;
}

void shell_end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(-pid, SIGKILL); /* its session */
	kill(pid, SIGKILL);
}

bool shell_run(struct screen *s, int console, const char *after)
{
	size_t first = console < 0 ? 0 : (size_t)console;
	size_t end = console < 0 ? s->count : first + 1;
	pid_t *pids = calloc(s->count + 1, sizeof(*pids));
	pid_t ended = -1;
	int status = 0;

	if (access(SHELL, X_OK) || !pids) {
		screen_say(s, "There is no " SHELL " here.");
		free(pids);
		return false;
	}
	screen_say(s, "A shell. The log is " RUN_DIR "/log; 'exit' %s, 'reboot -f' reboots.", after);
	for (size_t i = first; i < end; i++)
		pids[i] = start(s->consoles[i].name);
	do {
		ended = waitpid(-1, &status, 0);
		for (size_t i = first; i < end; i++)
			if (pids[i] == ended)
				goto left;
	} while (ended > 0 || errno == EINTR);
left:
	for (size_t i = first; i < end; i++)
		if (pids[i] != ended)
			shell_end(pids[i]);
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
		log_error("the shell could not be started (status %d)", WEXITSTATUS(status));
	screen_reopen(s);
	screen_say(s, "The shell was left.");
	free(pids);
	return true;
}
