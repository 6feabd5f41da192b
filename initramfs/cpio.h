/* cpio.h - names and bytes -> a cpio archive of the kernel's newc format, the same bytes every time. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INITRAMFS_CPIO_H
#define INITRAMFS_CPIO_H

#include "base/buf.h"

/* One member. */
struct cpio_entry {
	char *path;            /* without a leading slash; owned */
	unsigned mode;         /* type and permissions, as st_mode */
	unsigned major, minor; /* of a device */
	char *data;            /* the contents, or a link's target; owned */
	size_t len;
};

/* An archive being collected. {0} is empty. */
struct cpio {
	struct cpio_entry *entry;
	size_t count;
};

/* Each adds one member; the folders above it come by themselves. The bytes of DATA are copied. PERMISSIONS: 0755.
 * 0 or -ENOMEM. */
int cpio_file(struct cpio *c, const char *path, unsigned permissions, const void *data, size_t len) must_check;
int cpio_folder(struct cpio *c, const char *path) must_check;
int cpio_link(struct cpio *c, const char *path, const char *target) must_check;
int cpio_device(struct cpio *c, const char *path, unsigned permissions, unsigned major, unsigned minor) must_check;

/* The archive's bytes, members by name, added to OUT: owner, group and times are 0, numbers of inodes count from 1.
 * Documentation/driver-api/early-userspace/buffer-format.rst. 0 or -ENOMEM; -EEXIST when two members have one name. */
int cpio_write(struct cpio *c, struct buf *out) must_check;

/* Fills OUT up to the end of an archive, a multiple of 512, with zeros, which the kernel skips. */
void cpio_pad(struct buf *out);

void cpio_free(struct cpio *c);

#endif
