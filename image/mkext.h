/* mkext.h - a block device -> an empty ext4 file system on it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_MKEXT_H
#define IMAGE_MKEXT_H

#include "base/failure.h"

/* Makes an empty file system (ext4 without journal, mode 0755 root folder) in the first SIZE bytes of FD, a device or a
 * file; all that was there is lost. TIME: seconds since 1970; UUID: 16 bytes, random. What already reads as zeros is
 * not written, so that a fresh ramdisk takes memory for what is used only. 0 or -errno with F (FAIL_IMG_STORE). */
int mkext(int fd, int64_t size, uint32_t time, const uint8_t uuid[static 16], struct failure *f) must_check;

#endif
