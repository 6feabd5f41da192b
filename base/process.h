/* process.h - the name of a program that lies beside the running one -> a process of it, and its end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include "base/base.h"

#include <sys/types.h>

/* The first descriptor that a process is started with; the next one has the number behind it. */
#define PROCESS_FD  3
#define PROCESS_FDS 3 /* at most */

/* Runs PROGRAM, of the folder of the running program, with ARGV and the COUNT descriptors FDS as PROCESS_FD and up. The
 * caller's own end of each stays open. Its process, to be given to process_stop; -ENOENT or another -errno. Where there
 * is no such program the process ends with status 127 at once. */
pid_t process_start(const char *program, const char *const argv[], const int *fds, size_t count) must_check;

/* Ends PID, where it still runs, and waits for it. Its status as of waitpid(2). */
int process_stop(pid_t pid);

#endif
