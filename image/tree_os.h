/* tree_os.h - the system calls behind tree.c that need care: never out of the root, never through a last symlink. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_TREE_OS_H
#define IMAGE_TREE_OS_H

#include "image/entry.h"

/* A second name, PARENT/NAME, for the file TARGET below ROOT; a symlink as TARGET's last part is linked itself. 0 or
 * -errno. */
int tree_os_link(int root, const char *target, int parent, const char *name) must_check;

/* Are TARGET below ROOT and PARENT/NAME the same file already? */
bool tree_os_same(int root, const char *target, int parent, const char *name);

/* Sets an attribute of the open file FD, or where NAME is given of NAME in the folder FD, not followed. 0 or -errno. */
int tree_os_set_xattr(int fd, const char *name, const struct entry_xattr *x) must_check;

/* Sets the time of E, likewise; the time of the last access stays. 0 or -errno. */
int tree_os_set_time(int fd, const char *name, const struct entry *e) must_check;

#endif
