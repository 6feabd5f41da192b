/* media.h - /sys/class/block -> the disks, partitions and discs there are, and what is on them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_MEDIA_MEDIA_H
#define METHODS_MEDIA_MEDIA_H

#include "base/buf.h"
#include "methods/media/volume.h"

/* One block device. Strings are owned by it. */
struct media_device {
	char *name;           /* "sda1", below /dev */
	char *disk;           /* the disk it is a part of: "sda"; the name itself for a whole disk */
	unsigned partition;   /* its number, 0 for a whole disk */
	bool cd;              /* a CD or DVD drive */
	int64_t size;         /* bytes; 0: no medium in it */
	struct volume volume; /* once media_identify looked */
	/* then, too: bytes of the squashfs or erofs that it is, as its file had them; 0: it is none */
	int64_t image;
};

struct media {
	struct media_device *item;
	size_t count;
};

/* Lists what is in SYSFS ("/sys"), sorted: sda, sda1, sda2, sda10, sdb, ..., nvme0n1; without memory, loop and floppy
 * devices, and without those that have no medium. 0 or -errno. */
int media_list(struct media *m, const char *sysfs) must_check;

/* Reads from DEV/NAME ("/dev") which volume is on D. 0, or -errno when it cannot be read. */
int media_identify(struct media_device *d, const char *dev) must_check;

/* True when WANTED (the value of disk: or partition:) means D: "auto"; its name, with or without /dev/; LABEL=text,
 * where %20 is a blank; UUID=text. */
bool media_is(const struct media_device *d, const char *wanted);

/* True when WANTED means D or the disk it is a part of, by name. */
bool media_is_on(const struct media_device *d, const char *wanted);

/* "sda1 ext4 'DATA' 19.5 GB", for a person. */
void media_describe(const struct media_device *d, struct buf *out);

void media_free(struct media *m);

#endif
