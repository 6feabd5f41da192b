/* layout.h - a desc, and the disks that are there -> where everything lies, in bytes, and what is done in which order;
 * or why it does not fit. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_LAYOUT_H
#define CLONE_LAYOUT_H

#include "clone/desc.h"

/* A disk that a disk of the desc becomes. */
struct target {
	const char *name;   /* in the desc: "sda" */
	const char *device; /* "/dev/nvme0n1" */
	int64_t size;       /* bytes */
	unsigned sector;    /* bytes of a logical sector */
};

/* What a node of the desc becomes. */
struct place {
	char *device;   /* "/dev/nvme0n1p2", "/dev/mapper/vg0-root"; owned; NULL of groups and subvolumes */
	int64_t start;  /* of a partition: bytes from the begin of its disk */
	int64_t size;   /* bytes */
	int64_t need;   /* bytes: with less it does not fit */
	int64_t want;   /* bytes that are asked for before others fill up the room */
	int64_t units;  /* of an array: bytes of each member; of a group and a volume: extents; of a pool: without meta
			 */
	int64_t meta;   /* of a pool: extents for its metadata */
	int64_t offset; /* of an array: where the data begin on a member; of a group: on a physical volume */
	size_t target;  /* of a disk: which one of the targets */
};

/* What is done, in this order. */
enum step_kind {
	STEP_WIPE,  /* old signatures and what stands in the way, of a disk */
	STEP_TABLE, /* its partitions */
	STEP_ARRAY,
	STEP_LUKS, /* a new header with a new key, and opened */
	STEP_GROUP,
	STEP_VOLUME, /* a pool too */
	STEP_FS,
	STEP_SUBVOLUME,
	STEP_MOUNT,
};

struct step {
	enum step_kind kind;
	size_t node;
};

/* A plan. {0} is none. */
struct layout {
	const struct desc *desc;      /* as linked; the caller's, and outlives the plan */
	const struct target *targets; /* the caller's */
	size_t target_count;
	struct place *places; /* one a node; owned */
	struct step *steps;   /* owned */
	size_t step_count;
	struct buf notes; /* lines: what somebody would want to know, though it fits */
};

/* Plans D on TARGETS. 0; -ENOSPC: it does not fit; -EINVAL: a disk is not named, or is none of the desc; the lines in
 * WHY say it with numbers, for each disk. -ENOMEM. */
int layout_make(struct layout *p, const struct desc *d, const struct target *targets, size_t count,
		struct buf *why) must_check;

void layout_free(struct layout *p);

/* The plan in words, and as JSON. */
void layout_words(const struct layout *p, struct buf *out);
void layout_json(const struct layout *p, struct buf *out);

/* The name of partition NUMBER of DEVICE: /dev/sda1, /dev/nvme0n1p1, /dev/mmcblk0p1. Owned by the caller; NULL: no
 * memory. */
char *layout_partition_device(const char *device, int64_t number) must_check;

/* The least bytes a file system of TYPE is made with; with USED bytes in it, unless that is negative. */
int64_t layout_fs_least(const char *type, int64_t used);

/* The bytes of a disk, or of one with SECTORS of that size, that partitions of TABLE can have; 0: none. */
int64_t layout_capacity(enum table table, int64_t size, unsigned sector);

#endif
