/* shell.h - consoles -> a shell on them, until one is left. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_SHELL_H
#define STAGE1_SHELL_H

#include "stage1/screen.h"

/* Runs /bin/sh on the screen's console number CONSOLE, or on each of them where that is -1, and waits until one of the
 * shells ends; the others are ended then. Without any shell that can be started it says so and waits for the countdown
 * of a reboot by the caller's policy: it returns at once. */
void shell_run(struct screen *s, int console);

#endif
