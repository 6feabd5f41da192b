/* process.c - the name of a program that lies beside the running one -> a process of it, and its end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/process.h"

#include "base/buf.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int program_path(const char *program, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n <= 0)
		return -ENOENT;
	path[n] = '\0';
	slash = strrchr(path, '/');
	return slash ? str_copy(slash + 1, size - (size_t)(slash + 1 - path), program) : -ENOENT;
}

/* In the child: the descriptors at their numbers, and the program. */
static void become(const char *path, const char *const argv[], const int *fds, size_t count)
{
	int high[PROCESS_FDS];

	for (size_t i = 0; i < count; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, PROCESS_FD + PROCESS_FDS);
	for (size_t i = 0; i < count; i++)
		if (high[i] < 0 || dup2(high[i], PROCESS_FD + (int)i) < 0)
			_exit(126);
	execv(path, (char *const *)argv);
	_exit(127);
}

pid_t process_start(const char *program, const char *const argv[], const int *fds, size_t count)
{
	char path[512];
	int err = count <= PROCESS_FDS ? program_path(program, path, sizeof(path)) : -EINVAL;
	pid_t pid;

	if (err)
		return err;
	pid = fork();
	if (pid == 0)
		become(path, argv, fds, count);
	return pid < 0 ? -errno : pid;
}

int process_stop(pid_t pid)
{
	int status = 0;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}
