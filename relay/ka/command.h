/* command.h - a shell command -> its output or input as a pipe, and how it ended as an event. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_COMMAND_H
#define RELAY_KA_COMMAND_H

#include "base/failure.h"
#include "relay/child.h"

enum ka_command_kind {
	KA_COMMAND_SOURCE, /* its stdout is the pipe; its stdin is /dev/null */
	KA_COMMAND_SINK,   /* its stdin is the pipe; its stdout is ours */
};

struct ka_command {
	struct child child;
	enum ka_command_kind kind;
	char tool[32]; /* the program whose status the command has, where that is known */
	/* It has ended: 0, or -EIO; WHY in words ("exited with status 3"), not empty with 0 where that is worth a
	 * word. */
	void (*ended)(struct ka_command *c, int err, const char *why);
	char why[120];
};

/* Starts COMMAND by /bin/sh in a process group of its own; *PIPE is this side's non-blocking end. {0} plus ended
 * before. 0 or -errno with F. */
int ka_command_start(struct ka_command *c, struct loop *l, const char *command, enum ka_command_kind kind, int *pipe,
		     struct failure *f) must_check;
/* Ends it, and all it started: SIGTERM, half a second later SIGKILL. Waits until it is gone; ended() is not called. */
void ka_command_kill(struct ka_command *c);

#endif
