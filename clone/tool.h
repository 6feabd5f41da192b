/* tool.h - the name of a tool with its arguments -> a process of it, its output, and whether it did it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_TOOL_H
#define CLONE_TOOL_H

#include "base/buf.h"

/* Is there such a program in PATH, or in the folders of the system's tools? */
bool tool_there(const char *name) must_check;

/* Runs ARGV, found as tool_there does, with the text INPUT (NULL: none) as its standard input, and waits for its end,
 * TOOL_PATIENCE at most. What it prints is added to OUT (NULL: dropped), what it says on stderr to WHY when it fails
 * (NULL: dropped), behind its words. No shell. 0; -ENOENT: there is none; -EIO: its status is not 0; -ETIMEDOUT. */
int tool_run(const char *const argv[], const char *input, struct buf *out, struct buf *why) must_check;

#define TOOL_PATIENCE (60 * 60 * 1000) /* ms: a disk of many terabytes is formatted, and its room discarded */
#define TOOL_OUTPUT   (4 * MIB)        /* bytes of what it prints that are kept */

#endif
