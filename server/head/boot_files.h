/* boot_files.h - a site, its nodes -> the files that machines load: boot loaders, their settings, kernel, initramfs. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_BOOT_FILES_H
#define SERVER_HEAD_BOOT_FILES_H

#include "server/head/config.h"
#include "server/head/seen.h"

/* A file that a boot loader's package has, where it is, and what it is called here. */
struct loader_file {
	const char *from, *to; /* below tftp/ */
	const char *package;
};

extern const struct loader_file loader_files[];

/* Makes the folders below the state folder. 0 or -errno, and WHY. */
int boot_folders(const struct site *site, struct buf *why) must_check;

/* Puts kernel, initramfs and boot loaders into the tree; HAVE: which of them there are. What lacks is said on stderr
 * where some machine would need it. 0 or -errno, and WHY. */
int boot_loaders(const struct site *site, struct loaders *have, struct buf *why) must_check;

/* Writes what the boot loaders read: the files for all machines, and those of each machine that NODES or one of its
 * patterns and SEEN know; those of others go. IMAGE: the name of the image for all. 0 or -errno, and WHY. */
int boot_settings(const struct site *site, const char *image, const struct nodes *nodes, const struct seen *seen,
		  struct buf *why) must_check;

#endif
