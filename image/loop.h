/* loop.h - a file -> a block device with its bytes. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_LOOP_H
#define IMAGE_LOOP_H

#include "base/failure.h"

#define LOOP_PATH_SIZE 24

/* Bytes of a sector. Every file system here has blocks that are multiples of it; what is behind the last whole one is
 * lost. */
#define LOOP_SECTOR 512

/* Attaches the file FD to a free loop device, whose name goes to PATH. It is released by itself when the last user is
 * gone: keep the returned descriptor until it is mounted. The descriptor, or -errno with F (FAIL_IMG_MOUNT). */
int loop_attach(int fd, bool read_only, char path[static LOOP_PATH_SIZE], struct failure *f) must_check;

#endif
