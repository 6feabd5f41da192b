/* files.h - names and contents -> files below the state folder, whole or not at all. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_FILES_H
#define SERVER_HEAD_FILES_H

#include "base/buf.h"

#include <sys/types.h>

/* Makes the folder PATH and those above it, each for all to read. 0 (also where it is there) or -errno. */
int folder_make(const char *path) must_check;

/* The file PATH holds TEXT and nothing else, for all to read: written beside it and renamed, so that a reader finds the
 * old or the new one. One that holds it already is left alone. 1: changed; 0: as it was; -errno. */
int file_put(const char *path, const struct buf *text) must_check;

/* The file TO holds what FROM does; one of the same size and no older is left alone. 0 or -errno. */
int file_copy(const char *from, const char *to) must_check;

/* TO is a symbolic link to FROM. 0 or -errno. */
int file_link(const char *from, const char *to) must_check;

/* True when there is such a file, of any kind. */
bool file_is(const char *path);

/* The last folder of PATH that a plain user may not enter, or PATH itself where that is not readable to all: into
 * WHERE, as a string owned by the caller. 0: everybody can read it; -EACCES; -errno. */
int file_for_all(const char *path, char **where) must_check;

/* True when there is a program of this name in PATH or where administrators' programs are; OUT, where not NULL, gets
 * its path, owned by the caller. */
bool program_find(const char *name, char **out);

#endif
