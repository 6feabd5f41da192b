/* confined.h - a folder and a path from outside -> what is opened there, which nothing leads out of. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_CONFINED_H
#define BASE_CONFINED_H

#include "base/base.h"

/* Opens PATH below the folder ROOT as if ROOT were /: links, ".." and absolute paths cannot leave it, and links of
 * /proc that lead to open files are not followed (openat2(2), RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS). FLAGS of open(2)
 * without O_CREAT; "" and "/" are ROOT itself. The descriptor (close-on-exec) or -errno. A kernel without openat2
 * (before 5.6) follows no link and no ".." at all: -ELOOP, -EXDEV. */
int confined_open(int root, const char *path, int flags) must_check;

/* What confined_open does on such a kernel. */
int confined_open_by_parts(int root, const char *path, int flags) must_check;

#endif
