/* child.h - work that may block, or a program -> a process of its own, and its end as an event. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_CHILD_H
#define RELAY_CHILD_H

#include "base/failure.h"
#include "relay/loop.h"

/* What the process does, its standard input and output being those it was given: returns its exit status, or becomes a
 * program by exec. */
typedef int child_work(void *ctx);

/* {0} plus ended before child_start. */
struct child {
	struct loop *loop;
	int pid;                /* 0: none, or it has ended */
	struct loop_fd w;       /* readable when it has ended */
	struct loop_timer look; /* where the kernel has no such descriptor (before 5.3) */
	/* It has ended; STATUS is that of waitpid(2). Called once, never from within child_start. */
	void (*ended)(struct child *c, int status);
};

/* Starts WORK(CTX) in a process group of its own with IN and OUT as standard input and output (-1: /dev/null), standard
 * error as ours, no other descriptor, and the signals as they were when we were started. It gets SIGTERM when we die.
 * IN and OUT stay the caller's. 0 or -errno with F. */
int child_start(struct child *c, struct loop *l, child_work *work, void *ctx, int in, int out,
		struct failure *f) must_check;

/* Ends it and all it started: SIGTERM, half a second later SIGKILL. Waits until it is gone; ended is not called. Safe
 * where none runs. */
void child_kill(struct child *c);

/* What an exit status means. */
enum child_verdict {
	CHILD_GOOD,
	CHILD_WARNED, /* all was done; something is worth a word */
	CHILD_BAD,
};

/* Judges STATUS (of waitpid(2)) of the program TOOL (NULL: not known), whose job was to write its output. WORDS:
 * "exited with status 1: ...", "" where it is good. */
enum child_verdict child_judge(const char *tool, int status, char *words, size_t size);

/* The program whose exit status the shell command COMMAND has, as far as its text tells: the last one of its last list.
 * At most SIZE - 1 bytes into NAME; "" where it cannot be told. */
void child_tool(const char *command, char *name, size_t size);

#endif
