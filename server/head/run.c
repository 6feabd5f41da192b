/* run.c - a program's words -> its end, or its process. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void redirect(const char *log)
{
	int null = open("/dev/null", O_RDONLY),
	    out = log ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0644) : STDERR_FILENO;

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (out >= 0) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
	}
	closefrom(STDERR_FILENO + 1);
}

/* In the child: ARGV, with the signals as a shell would give them. */
static void become(const char *const argv[], const char *log)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	redirect(log);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

int run_program(const char *const argv[], const char *log)
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(126);
		become(argv, log);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t run_detached(const char *const argv[], const char *log)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		become(argv, log);
	}
	return pid < 0 ? -errno : pid;
}
