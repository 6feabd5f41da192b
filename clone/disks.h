/* disks.h - the name of a disk -> its size, who uses it, and what stands on it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_DISKS_H
#define CLONE_DISKS_H

#include "base/buf.h"

/* Size in bytes, and bytes of a logical sector, of the disk DEVICE. -ENOTBLK: it is none, or a partition. */
int disk_look(const char *device, int64_t *size, unsigned *sector) must_check;

/* The kernel's name of DEVICE, "sda", "cciss!c0d0": that of its folder in /sys/block, links followed. Owned by the
 * caller, NULL: there is no such device. */
char *disk_kernel_name(const char *device) must_check;

/* Devices that stand on the COUNT DISKS (kernel's names): partitions of them, and what md and device mapper made of
 * these. Kernel's names, one a line, in no order that counts. 0 or -errno. */
int disk_tree(const char *const *disks, size_t count, struct buf *out) must_check;

/* The devices that NAME stands on immediately, one a line: of what md and device mapper made. 0 or -errno. */
int disk_slaves(const char *name, struct buf *out) must_check;

/* The devices that stand on NAME immediately, partitions not counted, one a line. 0 or -errno. */
int disk_holders(const char *name, struct buf *out) must_check;

/* Where the device NAME is mounted; owned by the caller; NULL: nowhere. */
char *disk_mounted_on(const char *name) must_check;

/* Why the COUNT DISKS cannot be written to, in lines: what is mounted, swap, or in an array or a group that has members
 * on other disks. 0: they can; -EBUSY; -errno. */
int disk_in_use(const char *const *disks, size_t count, struct buf *why) must_check;

/* Ends all of md and device mapper that stands on the COUNT DISKS, the upper ones first. 0, or -EBUSY with words. */
int disk_stop(const char *const *disks, size_t count, struct buf *why) must_check;

/* The text of /sys/class/block/NAME/ATTRIBUTE without line end; owned by the caller; NULL: there is none. */
char *disk_attribute(const char *name, const char *attribute) must_check;

#endif
