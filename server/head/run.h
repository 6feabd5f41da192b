/* run.h - a program's words -> its end, or its process. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_RUN_H
#define SERVER_HEAD_RUN_H

#include "base/base.h"

#include <sys/types.h>

/* Runs ARGV and waits for its end; what it says goes to the file LOG (NULL: to this process's own stderr). Its exit
 * status; 128 and the signal's number; 127: there is no such program; -errno. It ends with this process. */
int run_program(const char *const argv[], const char *log) must_check;

/* Starts ARGV in a process group of its own, with its words added to the file LOG. It outlives this process. Its
 * process, or -errno. */
pid_t run_detached(const char *const argv[], const char *log) must_check;

#endif
