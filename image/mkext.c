/* mkext.c - a block device -> an empty ext4 file system on it (Linux Documentation/filesystems/ext4). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/mkext.h"

#include "image/bytes.h"

#include <sys/stat.h>
#include <unistd.h>

/* Small file systems hold small files. */
#define SMALL       (512 * MIB)
#define SMALLEST    MIB
#define INODE_SIZE  256
#define INODE_RATIO 8192 /* bytes of the file system per inode */
#define ROOT_INODE  2
#define FIRST_INODE 11 /* the first that is free, and lost+found's */

/* super.rst: s_feature_compat: extended attributes, folders with an index; s_feature_incompat: types in folders,
 * extents; s_feature_ro_compat: copies of the superblock in few groups, large files, huge files, large inodes */
#define COMPAT    (0x0008 | 0x0020)
#define INCOMPAT  (0x0002 | 0x0040)
#define RO_COMPAT (0x0001 | 0x0002 | 0x0008 | 0x0040)

struct layout {
	int fd;
	uint32_t block_size, blocks, first; /* first: the block the superblock is in */
	uint32_t groups, per_group;         /* blocks */
	uint32_t inodes_per_group, table;   /* table: blocks of one group's inodes */
	uint32_t descriptors;               /* blocks of the table of groups */
	uint32_t time;
	const uint8_t *uuid;
	uint8_t *block; /* one, to work in */
};

static int put(const struct layout *l, int64_t at, const void *bytes, size_t len)
{
	ssize_t n = pwrite(l->fd, bytes, len, (off_t)at);

	return n < 0 ? -errno : (size_t)n < len ? -ENOSPC : 0;
}

static int put_block(const struct layout *l, uint32_t number)
{
	return put(l, (int64_t)number * l->block_size, l->block, l->block_size);
}

/* Zeros in the blocks from FROM on, where there are none yet. */
static int clear_blocks(const struct layout *l, uint32_t from, uint32_t count)
{
	for (; count; count--, from++) {
		ssize_t n = pread(l->fd, l->block, l->block_size, (off_t)from * l->block_size);
		uint32_t i = 0;
		int err;

		if (n < 0)
			return -errno;
		while (i < (uint32_t)n && l->block[i] == 0)
			i++;
		if (n == (ssize_t)l->block_size && i == l->block_size)
			continue;
		memset(l->block, 0, l->block_size);
		err = put_block(l, from);
		if (err)
			return err;
	}
	return 0;
}

static bool is_power(uint32_t n, uint32_t base)
{
	while (n > base && n % base == 0)
		n /= base;
	return n == base;
}

/* Sparse superblocks: groups 0 and 1, and powers of 3, 5 and 7. */
static bool has_super(uint32_t group)
{
	return group <= 1 || is_power(group, 3) || is_power(group, 5) || is_power(group, 7);
}

static uint32_t group_start(const struct layout *l, uint32_t group)
{
	return l->first + group * l->per_group;
}

static uint32_t group_blocks(const struct layout *l, uint32_t group)
{
	return group == l->groups - 1 ? l->blocks - group_start(l, group) : l->per_group;
}

/* The group's block bitmap; the inode bitmap and the inodes follow. */
static uint32_t bitmap_of(const struct layout *l, uint32_t group)
{
	return group_start(l, group) + (has_super(group) ? 1 + l->descriptors : 0);
}

/* Blocks a group uses from its start on. The first one has two folders too. */
static uint32_t group_used(const struct layout *l, uint32_t group)
{
	return bitmap_of(l, group) - group_start(l, group) + 2 + l->table + (group == 0 ? 2 : 0);
}

static uint32_t group_used_inodes(uint32_t group)
{
	return group == 0 ? FIRST_INODE : 0;
}

static int plan(struct layout *l, int64_t size)
{
	uint32_t per_block, inodes; /* inodes: of one group */

	l->block_size = size < SMALL ? 1024 : 4096;
	l->first = l->block_size == 1024;
	l->per_group = 8 * l->block_size;
	if (size / l->block_size > (int64_t)UINT32_MAX - l->per_group)
		return -EFBIG;
	l->blocks = (uint32_t)(size / l->block_size);
	l->groups = (l->blocks - l->first + l->per_group - 1) / l->per_group;
	per_block = l->block_size / INODE_SIZE;
	/* A multiple of 16 fills both whole blocks and whole bytes of the bitmap. */
	inodes = (uint32_t)(size / INODE_RATIO / l->groups + 16) & ~15u;
	l->table = inodes / per_block;
	l->descriptors = (l->groups * 32 + l->block_size - 1) / l->block_size;
	/* A last group too small for its own tables is left out. */
	if (l->groups > 1 && group_used(l, l->groups - 1) + 16 > group_blocks(l, l->groups - 1)) {
		l->groups--;
		l->blocks = group_start(l, l->groups);
	}
	l->inodes_per_group = inodes;
	return 0;
}

static void set16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void set32(uint8_t *p, uint32_t v)
{
	set16(p, v);
	set16(p + 2, v >> 16);
}

/* blockgroup descriptors, 32 bytes each (group_descr.rst), into the table TO of all groups. */
static void describe_groups(const struct layout *l, uint8_t *to)
{
	for (uint32_t g = 0; g < l->groups; g++, to += 32) {
		set32(to, bitmap_of(l, g));
		set32(to + 4, bitmap_of(l, g) + 1);
		set32(to + 8, bitmap_of(l, g) + 2);
		set16(to + 12, group_blocks(l, g) - group_used(l, g));
		set16(to + 14, l->inodes_per_group - group_used_inodes(g));
		set16(to + 16, g == 0 ? 2 : 0); /* folders */
	}
}

/* super.rst. SB is 1024 bytes of zeros. */
static void describe(const struct layout *l, uint8_t *sb, uint32_t group)
{
	uint32_t free_blocks = 0, shift = l->block_size == 1024 ? 0 : 2;

	for (uint32_t g = 0; g < l->groups; g++)
		free_blocks += group_blocks(l, g) - group_used(l, g);
	set32(sb + 0x00, l->groups * l->inodes_per_group);
	set32(sb + 0x04, l->blocks);
	set32(sb + 0x0c, free_blocks);
	set32(sb + 0x10, l->groups * l->inodes_per_group - FIRST_INODE);
	set32(sb + 0x14, l->first);
	set32(sb + 0x18, shift);
	set32(sb + 0x1c, shift);
	set32(sb + 0x20, l->per_group);
	set32(sb + 0x24, l->per_group);
	set32(sb + 0x28, l->inodes_per_group);
	set32(sb + 0x30, l->time);
	set16(sb + 0x36, 0xffff); /* never checked for being mounted often */
	set16(sb + 0x38, 0xef53);
	set16(sb + 0x3a, 1); /* clean */
	set16(sb + 0x3c, 1); /* errors: go on */
	set32(sb + 0x40, l->time);
	set32(sb + 0x4c, 1); /* revision */
	set32(sb + 0x54, FIRST_INODE);
	set16(sb + 0x58, INODE_SIZE);
	set16(sb + 0x5a, group);
	set32(sb + 0x5c, COMPAT);
	set32(sb + 0x60, INCOMPAT);
	set32(sb + 0x64, RO_COMPAT);
	memcpy(sb + 0x68, l->uuid, 16);
	memcpy(sb + 0xec, l->uuid, 16); /* seed of the folders' hash */
	sb[0xfc] = 1;                   /* half MD4 */
	set32(sb + 0x108, l->time);
	set16(sb + 0x15c, 32); /* extra inode fields: nanoseconds */
	set16(sb + 0x15e, 32);
	set32(sb + 0x160, 1); /* signed hash */
}

/* Bits 0..USED-1, and all from TOTAL on: there is nothing behind the end. */
static void set_bitmap(const struct layout *l, uint32_t used, uint32_t total)
{
	memset(l->block, 0, l->block_size);
	for (uint32_t i = 0; i < 8 * l->block_size; i++)
		if (i < used || i >= total)
			l->block[i / 8] |= (uint8_t)(1 << i % 8);
}

static int write_group(const struct layout *l, uint32_t group, const uint8_t *descriptors)
{
	uint32_t bitmap = bitmap_of(l, group);
	int err = 0;

	if (has_super(group)) {
		int64_t at = (int64_t)group_start(l, group) * l->block_size;

		/* The first superblock lies at 1024, whatever the size of blocks. */
		memset(l->block, 0, l->block_size);
		describe(l, l->block + (group == 0 && l->first == 0 ? 1024 : 0), group);
		err = put_block(l, group_start(l, group));
		if (!err)
			err = put(l, at + l->block_size, descriptors, (size_t)l->descriptors * l->block_size);
	}
	set_bitmap(l, group_used(l, group), group_blocks(l, group));
	if (!err)
		err = put_block(l, bitmap);
	set_bitmap(l, group_used_inodes(group), l->inodes_per_group);
	if (!err)
		err = put_block(l, bitmap + 1);
	return err ? err : clear_blocks(l, bitmap + 2, l->table);
}

/* inodes.rst: a folder of one block. */
static int write_folder_inode(const struct layout *l, uint32_t inode, uint32_t block, uint32_t mode, uint32_t links)
{
	int64_t at = (int64_t)(bitmap_of(l, 0) + 2) * l->block_size + (int64_t)(inode - 1) * INODE_SIZE;
	uint8_t i[INODE_SIZE] = { 0 };

	set16(i, S_IFDIR | mode);
	set32(i + 0x04, l->block_size);
	set32(i + 0x08, l->time);
	set32(i + 0x0c, l->time);
	set32(i + 0x10, l->time);
	set16(i + 0x1a, links);
	set32(i + 0x1c, l->block_size / 512);
	set32(i + 0x28, block);
	set16(i + 0x80, 32);
	return put(l, at, i, sizeof(i));
}

/* directory.rst: one entry, of a folder; the last one takes the rest of the block. */
static uint32_t add_entry(const struct layout *l, uint32_t at, uint32_t inode, const char *name, bool last)
{
	uint32_t len = (uint32_t)strlen(name), size = last ? l->block_size - at : (8 + len + 3) & ~3u;
	uint8_t *p = l->block + at;

	set32(p, inode);
	set16(p + 4, size);
	p[6] = (uint8_t)len;
	p[7] = 2;
	memcpy(p + 8, name, len);
	return at + size;
}

static int write_folders(const struct layout *l)
{
	uint32_t block = group_start(l, 0) + group_used(l, 0) - 2, at;
	int err;

	memset(l->block, 0, l->block_size);
	at = add_entry(l, 0, ROOT_INODE, ".", false);
	at = add_entry(l, at, ROOT_INODE, "..", false);
	add_entry(l, at, FIRST_INODE, "lost+found", true);
	err = put_block(l, block);
	memset(l->block, 0, l->block_size);
	at = add_entry(l, 0, FIRST_INODE, ".", false);
	add_entry(l, at, ROOT_INODE, "..", true);
	if (!err)
		err = put_block(l, block + 1);
	if (!err)
		err = write_folder_inode(l, ROOT_INODE, block, 0755, 3);
	return err ? err : write_folder_inode(l, FIRST_INODE, block + 1, 0700, 2);
}

int mkext(int fd, int64_t size, uint32_t time, const uint8_t uuid[static 16], struct failure *f)
{
	struct layout l = { .fd = fd, .time = time, .uuid = uuid };
	cleanup_free uint8_t *block = NULL, *descriptors = NULL;
	int err = size < SMALLEST ? -ENOSPC : plan(&l, size);

	if (err)
		return fail(f, FAIL_IMG_STORE, err, "a file system of %lld KiB cannot be made",
			    (long long)(size / 1024));
	block = malloc(l.block_size);
	descriptors = calloc(l.descriptors, l.block_size);
	if (!block || !descriptors)
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory to make a file system");
	l.block = block;
	describe_groups(&l, descriptors);
	for (uint32_t g = l.groups; g-- > 0 && !err;)
		err = write_group(&l, g, descriptors);
	if (!err)
		err = write_folders(&l);
	if (!err && fsync(fd) < 0)
		err = -errno;
	return err ? fail(f, FAIL_IMG_STORE, err, "making a file system: %s", err_text(err)) : 0;
}
