/* screen.h - steps, facts, progress and failures -> the same lines on every console. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_SCREEN_H
#define STAGE1_SCREEN_H

#include "base/buf.h"
#include "base/failure.h"
#include "base/watch.h"

#include <termios.h>

/* One console. */
struct console {
	int fd;                /* read and write, never blocking; owned */
	char *name;            /* "ttyS0"; owned */
	bool stuck;            /* did not take a line within its time: nobody waits for it again */
	bool dumb;             /* a carriage return does not go back: finished lines only */
	struct termios *saved; /* its settings before screen_keys, NULL while they are in force; owned */
};

/* What a person sees: 80 columns, no escape codes, one line that changes in place at the bottom. */
struct screen {
	struct console *consoles;
	size_t count;

	const char *left;  /* the step's first column, "" after its first line */
	char head[24];     /* "[2/6] network   " */
	struct buf line;   /* the fact that is shown but not ended yet */
	bool live;         /* something stands on the bottom line without line end */
	struct buf bottom; /* that */
	struct buf waited; /* what is waited for, as dumb consoles were told */
	int64_t step_began_ms, line_began_ms;
	int64_t shown_ms; /* when progress was last shown */
	int64_t transfer_began_ms;
	struct buf prompt; /* what screen_prompt shows now */
};

/* Opens every console of the kernel (/sys/class/tty/console/active below SYS, all of console=); /dev/console where
 * that list cannot be read. TERM=dumb in the environment makes all of them dumb. A screen without any console works
 * and shows nothing. 0 or -ENOMEM. */
int screen_open(struct screen *s, const char *sys) must_check;

/* A line of its own, between steps; a long one goes on below. */
void screen_say(struct screen *s, const char *fmt, ...) printf_like(2, 3);

/* Step N of TOTAL begins. */
void screen_step(struct screen *s, unsigned n, unsigned total, const char *name);

/* A fact of this step. The line stays open, so that screen_step_done can put its "ok" behind the last one. */
void screen_note(struct screen *s, const char *text);

/* The bottom line while something is waited for, until DEADLINE (of now_ms; 0: no end is known). */
void screen_waiting(struct screen *s, const char *why, int64_t deadline);

/* The bottom line while bytes arrive. */
void screen_progress(struct screen *s, int64_t done, int64_t total);

/* The step ended; false writes FAILED. */
void screen_step_done(struct screen *s, bool ok);

/* Code, title and cause of F, and what to try: ADVICE, lines separated by \n. */
void screen_failure(struct screen *s, const struct failure *f, const char *advice);

/* Counts down on the bottom line ("Rebooting in 30 s; any key for a shell."), WHAT being "Rebooting". Returns the
 * index of the console on which a key was pressed, or -1 when the time is over. */
int screen_countdown(struct screen *s, const char *what, unsigned seconds);

/* The bottom line while a person types: what was asked and what is typed so far. It ends with screen_prompt_done. */
void screen_prompt(struct screen *s, const char *text);
void screen_prompt_done(struct screen *s);

/* Keys come one by one and unseen (true), or as they came before (false). */
void screen_keys(struct screen *s, bool one_by_one);

/* Opens the same consoles again: the end of a shell on one hangs it up for all who had it open. */
void screen_reopen(struct screen *s);

void screen_close(struct screen *s);

/* ---- pure: what is put on the line (for tests) */

/* "########........  50 %  150/300 MB  94 MB/s  0:01 left" */
void screen_format_progress(struct buf *out, int64_t done, int64_t total, int64_t elapsed_ms);

/* "300 MB", "1.5 GB", "812 KB": decimal units, as disks and networks are sold. */
void screen_format_bytes(struct buf *out, int64_t bytes);

#endif
