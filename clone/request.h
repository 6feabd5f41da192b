/* request.h - the arguments of clone-plan -> a linked desc and the disks it goes to. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_REQUEST_H
#define CLONE_REQUEST_H

#include "clone/layout.h"

/* What was asked for. {0} is nothing. */
struct request {
	struct desc desc;
	struct target *targets; /* owned, their texts too */
	size_t target_count;
	bool *assumed;      /* one a target: its size was said, no disk is looked at; owned */
	const char *target; /* folder that all is mounted below: "/mnt/disk" */
	const char *out;    /* folder for the results, or NULL */
	const char *used;   /* file: bytes and mount points of the golden node, or NULL */
	const char *fstab;  /* file: the golden node's, or NULL */
	const char *key;    /* file: what opens the LUKS containers; NULL: made, in the folder of the results */
	bool json, dry;
};

/* Adds "sda=/dev/vda", "sda=/dev/vda,8G,512" or "/dev/sda". 0, -EINVAL, -ENOMEM. */
int request_disk(struct request *r, const char *text) must_check;

/* Reads the desc files ("sda=FILE", FILE), what the files `used` and `fstab` say of them, and links all. 0 or -errno
 * with words in WHY. */
int request_desc(struct request *r, char *const *files, size_t count, struct buf *why) must_check;

void request_free(struct request *r);

#endif
