/* command.h - a shell command -> its output or input as a pipe, and how it ended as an event. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_COMMAND_H
#define RELAY_KA_COMMAND_H

#include "base/failure.h"
#include "relay/loop.h"

enum ka_command_kind {
	KA_COMMAND_SOURCE, /* its stdout is the pipe; its stdin is /dev/null */
	KA_COMMAND_SINK,   /* its stdin is the pipe */
};

struct ka_command {
	struct loop *loop;
	int pid;            /* 0: none, or it has ended */
	struct loop_fd w;   /* readable when it has ended */
	struct loop_timer look; /* where the kernel has no such descriptor (before 5.3) */
	/* It has ended: 0, or -EIO and WHY in words ("exited with status 3"). */
	void (*ended)(struct ka_command *c, int err, const char *why);
	char why[80];
};

/* Starts COMMAND by /bin/sh in a process group of its own; *PIPE is this side's non-blocking end. {0} plus ended
 * before. 0 or -errno with F. */
int ka_command_start(struct ka_command *c, struct loop *l, const char *command, enum ka_command_kind kind, int *pipe,
		     struct failure *f) must_check;
/* Ends it, and all it started: SIGTERM, half a second later SIGKILL. Waits until it is gone; ended() is not called. */
void ka_command_kill(struct ka_command *c);

#endif
