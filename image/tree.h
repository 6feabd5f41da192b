/* tree.h - entries of an archive -> files below one folder, which no entry can leave. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_TREE_H
#define IMAGE_TREE_H

#include "base/failure.h"
#include "image/entry.h"

/* A tree being filled. Entries replace what has their name, as tar does: a folder stays, anything else is removed
 * first. Paths are taken as below the root: a leading slash means nothing, ".." is refused, symlinks are followed as if
 * the root were / (openat2(2), Linux 5.6), and the last part of a path is never followed. Owner and devices are set
 * where the process is root; extended attributes that the file system cannot keep are logged and counted. */
struct tree;

/* Fills the folder ROOT_FD, which must stay open. NULL when memory ran out. */
struct tree *tree_new(int root_fd);

/* Makes E, whole except a file's contents: those are to be written, and tree_end called. All calls: 0 or -errno with F
 * (FAIL_IMG_CORRUPT where the archive is to blame, FAIL_MEM_TOO_LITTLE, FAIL_IMG_STORE). */
int tree_add(struct tree *t, const struct entry *e, struct failure *f) must_check;

/* Opens a file that was added before, once more, to write its contents and call tree_end; E's size, owner, mode, time
 * count. */
int tree_open_again(struct tree *t, const struct entry *e, struct failure *f) must_check;

/* LEN bytes of the file at OFFSET; what is not written is a hole. */
int tree_write(struct tree *t, int64_t offset, const void *bytes, size_t len, struct failure *f) must_check;

/* The file is complete: its size, owner, mode, attributes and time are set. */
int tree_end(struct tree *t, struct failure *f) must_check;

/* All entries are there and known to be right: makes the devices, for which pipes stood until now, and the links whose
 * files came later; sets what folders get at their end. */
int tree_finish(struct tree *t, struct failure *f) must_check;

/* Entries made so far. */
int64_t tree_entries(const struct tree *t);

void tree_free(struct tree *t);

/* PATH without leading and double slashes, "." and the slash at the end, to be freed: "" is the root itself. NULL with
 * errno EXDEV where it has a part "..", or ENOMEM. Pure. */
char *tree_clean_path(const char *path);

#endif
