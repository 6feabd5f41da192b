/* file.h - small helpers of the builder: whole files out, a program run to its end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INITRAMFS_FILE_H
#define INITRAMFS_FILE_H

#include "base/failure.h"
#include "base/file.h"

/* Writes the file PATH by way of a temporary name beside it: there is never half a file of that name. 0 or -errno. */
int file_write(const char *path, const void *data, size_t len) must_check;

/* Makes PATH a second name of FILE, folders above it included; a file that is there is replaced. 0 or -errno. */
int link_to(const char *file, const char *path) must_check;

/* Makes PATH a symbolic link to FILE, wherever that is; the rest as above. */
int symlink_to(const char *file, const char *path) must_check;

/* Runs ARGV (ended by NULL, found by PATH) to its end. 0; -errno when it could not be started; -EIO when it failed. */
int run(const char *const argv[]) must_check;

#endif
