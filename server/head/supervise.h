/* supervise.h - programs that shall run -> they run: started, watched, started again, taken over, ended. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_SUPERVISE_H
#define SERVER_HEAD_SUPERVISE_H

#include "relay/loop.h"

#include <sys/types.h>

#define CHILD_WORDS 16

/* A program that shall run. It lives in a process group of its own and outlives this process, so that machines in the
 * middle of their boot go on; run/NAME below the state folder says which process it is, and the next head-node takes it
 * over. */
struct child {
	const char *name;              /* "dnsmasq": also of its log, log/NAME.log */
	const char *argv[CHILD_WORDS]; /* its words, NULL behind the last; owned by the maker */
	bool rounds;                   /* it ends when all machines are served, and is started for the next ones */
	bool fresh;                    /* its configuration has changed: one that runs already is not taken over */
	pid_t pid;                     /* 0: it does not run */
	struct loop_fd end;            /* its pidfd: readable when it has ended */
	struct loop_timer again;       /* when it is started again */
	int64_t began;                 /* of now_ms() */
	unsigned failed;               /* how often in a row it ended soon */
	struct supervisor *all;
};

struct supervisor {
	struct loop *loop;
	const char *state;
	struct child **child; /* owned by the maker */
	size_t count;
	bool ending; /* nothing is started any more */
};

/* Starts the child, or takes over the process that an earlier head-node left. 0 or -errno. */
int child_begin(struct supervisor *s, struct child *c) must_check;

/* A signal for the child, where it runs. */
void child_signal(const struct child *c, int number);

/* Ends all children: SIGTERM, and SIGKILL after five seconds. None is left. */
void supervisor_end(struct supervisor *s);

/* Milliseconds until a child that has failed N times in a row is started again. */
int64_t child_delay(unsigned failed);

/* The process that a file of run/ names, where it still is that one; else 0. */
pid_t child_left_over(const char *text);

/* Ends the process that the file run/NAME names, and its group. */
void child_end_left_over(const char *state, const char *name);

#endif
