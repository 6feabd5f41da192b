/* ka_program.h - what the two ka programs share: lines on stderr, numbers of options, signals as events. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_KA_PROGRAM_H
#define SERVER_KA_PROGRAM_H

#include "base/failure.h"
#include "relay/loop.h"

/* Parts of the default commands: $more is what stands between them where this machine's tar knows it, else nothing. */
#define KA_TAR_MORE "set -f; more='"
#define KA_TAR_ASK  "'; tar $more --help >/dev/null 2>&1 || more=; "

/* Signals that end the program, as an event. */
struct ka_signals {
	struct loop_fd w;
	void (*ended)(struct ka_signals *s); /* SIGINT, SIGTERM or SIGHUP has come */
};

/* 0 or -errno. One per program. */
int ka_signals_open(struct ka_signals *s, struct loop *l, void (*ended)(struct ka_signals *s)) must_check;

/* "ARGS=+ka-d-server+-s+getstage2+" on stderr, and what was compiled, as ka has always begun. */
void ka_print_start(int argc, char **argv);
/* "ka-d-client: S1-NET-08 what went wrong: where"; F without a failure: ERR's text. */
void ka_print_failure(const char *program, const struct failure *f, int err);
/* A line on stderr; ends a status line that stands there. */
void ka_print_line(const char *text);
/* A status line on stderr that the next one overwrites. */
void ka_print_status(const char *text);

/* The option's number, or the program ends with a word about it. */
int64_t ka_option_number(const char *program, char option, const char *text, int64_t min, int64_t max);

#endif
