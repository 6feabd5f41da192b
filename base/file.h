/* file.h - the name of a small file -> all that is in it; folders. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"

/* Adds all of the file PATH to OUT; it may be one that does not know its size (/proc, /sys). 0 or -errno, with what
 * could be read. */
int file_read(const char *path, struct buf *out);

/* All of it as a string, owned by the caller; NULL on any error. */
char *file_text(const char *path) must_check;

/* Makes the folder PATH and those above it. 0 or -errno. */
int make_folders(const char *path) must_check;

#endif
