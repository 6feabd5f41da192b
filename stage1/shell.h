/* shell.h - consoles -> a shell on them, until one is left. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_SHELL_H
#define STAGE1_SHELL_H

#include "stage1/screen.h"

#include <sys/types.h>

/* Runs /bin/sh on the screen's console number CONSOLE, or on each of them where that is -1, and waits until one of the
 * shells ends; the others are ended then. AFTER says what 'exit' leads to: "tries the boot again". False, with a line
 * that says so, where there is no shell. */
bool shell_run(struct screen *s, int console, const char *after);

/* Starts a shell on console NAME ("tty2") where there is one, and goes on. Its pid, or 0. */
pid_t shell_on(const char *name) must_check;

/* Ends what shell_on started, and all it started; 0 is nothing. */
void shell_end(pid_t pid);

#endif
