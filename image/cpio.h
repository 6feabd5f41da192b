/* cpio.h - the header of a cpio entry, format newc -> numbers. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_CPIO_H
#define IMAGE_CPIO_H

#include "base/base.h"

/* Linux Documentation/driver-api/early-userspace/buffer-format.rst: magic, then 13 fields of 8 hexadecimal digits. */
#define CPIO_HEADER 110

struct cpio_header {
	bool summed; /* magic 070702: CHECK is the sum of the contents' bytes */
	uint32_t ino, mode, uid, gid, nlink, mtime, size, dev_major, dev_minor, major, minor, name_size, check;
};

/* Reads CPIO_HEADER bytes. 0, or -EBADMSG when they are no header. */
int cpio_parse_header(struct cpio_header *h, const uint8_t *bytes) must_check;

#endif
