/* versions.h - a folder of an image's versions -> what is there, which is current, one less, what changed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_VERSIONS_H
#define SERVER_HEAD_VERSIONS_H

#include "base/buf.h"

/* The names in a folder, sorted, without hidden ones and `current`; versions_free() releases them. */
struct versions {
	char **names;
	size_t count;
};

/* What FOLDER has. 0 or -errno, and V is empty then. */
int versions_read(const char *folder, struct versions *v) must_check;
void versions_free(struct versions *v);

/* Where the link FOLDER/current leads, into NAME of SIZE bytes. 0 or -errno, and NAME is empty then. */
int versions_current(const char *folder, char *name, size_t size) must_check;

/* Makes VERSION the current one, in one step. 0 or -errno: -ENOENT when it is not there. */
int versions_use(const char *folder, const char *version) must_check;

/* Removes VERSION and its files. 0 or -errno: -EBUSY for the current one. */
int versions_remove(const char *folder, const char *version) must_check;

/* Two listings, sorted by bytes, whose lines are NAME, a tab, and words -> OUT: "- NAME" for what is gone, "+ NAME" for
 * what is new, "  NAME: old words -> new words". */
void versions_diff(const char *old, const char *new, struct buf *out);

#endif
