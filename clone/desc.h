/* desc.h - the text of a desc file -> the disks of a golden node as a graph: tables, RAID, LUKS, LVM, file systems. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_DESC_H
#define CLONE_DESC_H

#include "base/buf.h"

/* What a node of the graph is. */
enum node_kind {
	NODE_DISK,
	NODE_PARTITION,
	NODE_ARRAY,     /* software RAID of md */
	NODE_LUKS,      /* an opened LUKS container */
	NODE_GROUP,     /* a volume group of LVM */
	NODE_VOLUME,    /* a logical volume */
	NODE_POOL,      /* a thin pool */
	NODE_THIN,      /* a volume of a thin pool */
	NODE_SUBVOLUME, /* of btrfs */
	NODE_KINDS
};

enum table { TABLE_MBR, TABLE_GPT };

/* What the size of a node is wished to be. */
enum wish { WISH_NONE, WISH_BYTES, WISH_PERCENT, WISH_FILL };

/* How far sizes and sums go: nothing is larger. */
#define DESC_MOST ((int64_t)1 << 60)
#define NOT_SAID  (-1) /* of a number */
#define NOWHERE   ((size_t)-1)

/* A number that a key of the desc gives, a text that one gives: indices of struct node's arrays. */
enum number {
	NUMBER_MIN,    /* bytes: never smaller */
	NUMBER_MAX,    /* bytes: never larger */
	NUMBER_USED,   /* bytes that the golden node's file system holds */
	NUMBER_INDEX,  /* of a partition in its table */
	NUMBER_LEVEL,  /* of RAID: 0, 1, 4, 5, 6, 10 */
	NUMBER_CHUNK,  /* bytes */
	NUMBER_EXTENT, /* bytes, of a volume group */
	NUMBER_STRIPES,
	NUMBER_MIRRORS, /* copies of a logical volume, 2 and up */
	NUMBER_META,    /* bytes of a thin pool's metadata */
	NUMBER_SPARES,  /* of an array: how many of its members stand by */
	NUMBER_LUKS,    /* version 1 or 2 */
	NUMBERS
};

enum text {
	TEXT_FS,       /* ext2 ext3 ext4 xfs btrfs vfat swap f2fs jfs reiserfs */
	TEXT_MOUNT,    /* mount point: absolute */
	TEXT_OPTIONS,  /* of fstab */
	TEXT_LABEL,    /* of the file system */
	TEXT_UUID,     /* the golden node's: of the file system */
	TEXT_ID,       /* the golden node's: of the array, LUKS container or partition table */
	TEXT_PARTUUID, /* the golden node's */
	TEXT_NAME,     /* of a GPT partition */
	TEXT_ATTRS,    /* of a GPT partition, as sfdisk writes them */
	TEXT_METADATA, /* of RAID: 0.90, 1.0, 1.1, 1.2 */
	TEXT_CIPHER,   /* of LUKS */
	TEXT_POOL,     /* of a thin volume */
	TEXT_RAID,     /* what holds this one's room: the array, */
	TEXT_CRYPT,    /* the LUKS container, */
	TEXT_VG,       /* the volume group */
	TEXTS
};

/* One node. */
struct node {
	enum node_kind kind;
	unsigned line; /* of its file, from 1 */
	char *name;    /* "sda", "sda3", "md0", "vg0", "vg0/root"; of a subvolume its path in the file system; owned */
	enum wish wish;
	int64_t size;     /* WISH_BYTES: bytes; WISH_PERCENT: hundredths of a percent of what it lies in */
	enum table table; /* of a disk */
	bool old_grammar; /* of a partition: the line has nothing that fdisk_to_desc of old did not know */
	bool logical;     /* of a partition: it lies in the extended one */
	bool extended;
	bool boot;  /* marked bootable */
	char *type; /* of a partition: linux swap extended efi bios raid lvm home, hexadecimal digits, a GUID */
	int64_t number[NUMBERS];
	char *text[TEXTS]; /* owned; NULL: not said */
	/* what desc_link finds, NOWHERE until then */
	size_t within; /* the disk, extended partition, group, pool or file system that this one is a part of */
	size_t holder; /* the array, LUKS container or group that has this one as a member */
};

/* Several desc files together. {0} is empty. */
struct desc {
	struct node *nodes; /* owned, in the order of the files */
	size_t count;
};

/* Adds what TEXT says. DISK is the disk of a desc without a line "disk". 0, or -EINVAL with lines of words in WHY: "Bad
 * partition type line 3" among them; -ENOMEM. */
int desc_parse(struct desc *d, const char *text, const char *disk, struct buf *why) must_check;

/* Finds what belongs to what, once all files are read. 0, or -EINVAL with words in WHY. */
int desc_link(struct desc *d, struct buf *why) must_check;

/* The index of the node with this NAME among the kinds from FIRST to LAST, or NOWHERE. */
size_t desc_find(const struct desc *d, enum node_kind first, enum node_kind last, const char *name);

/* Writes D so that desc_parse reads the same. */
void desc_write(const struct desc *d, struct buf *out);

/* Adds an empty node of KIND; owned by D, valid until the next one is added. NULL: no memory. */
struct node *desc_add(struct desc *d, enum node_kind kind, const char *name);

/* The text of node N, "" where it is not said. */
const char *node_text(const struct node *n, enum text which);
/* Sets it to a copy of VALUE; NULL and "" leave it as it is. 0 or -ENOMEM. */
int node_set_text(struct node *n, enum text which, const char *value);

/* Is it a disk or a partition, and no layer above them? */
bool node_is_of_table(const struct node *n);

/* The file system that is made on N: said, or what its type means (swap, efi: vfat); NULL: none. */
const char *node_fs(const struct node *n);

/* What a partition of N's type is in a table of that kind: "83", "ef", "0FC63DAF-..." */
const char *partition_type(const struct node *n, enum table table);
/* The word for the type code of a table, or CODE itself. */
const char *partition_word(const char *code, enum table table);

/* "512", "100M", "1.5G", "20%", "fill" -> a wish; without a letter megabytes of 1048576 bytes; B is bytes. 0 or
 * -EINVAL. */
int desc_size(const char *text, enum wish *wish, int64_t *size) must_check;
/* Only bytes. */
int desc_bytes(const char *text, int64_t *bytes) must_check;
/* Bytes, as short as they can be said and read again: "512", "10B". */
void desc_size_text(struct buf *out, int64_t bytes);

/* The index of the disk that the partition I lies on. */
size_t desc_disk_of(const struct desc *d, size_t i);

/* The lines "Added partition 1 : type 83" of the partitions of the disk with that index. */
void desc_added(const struct desc *d, size_t disk, struct buf *out);

void desc_free(struct desc *d);

#endif
