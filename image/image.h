/* image.h - the arrow "source -> image -> root": bytes -> a store -> a recognised image -> a mounted tree. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "image/sink.h"

/* What the content says it is. */
enum image_kind {
	IMAGE_UNKNOWN,
	IMAGE_SQUASHFS,
	IMAGE_EROFS,
	IMAGE_EXT, /* ext2, ext3, ext4 */
	IMAGE_ISO9660,
	IMAGE_GZIP, /* compressed: something else is inside */
	IMAGE_XZ,
	IMAGE_ZSTD,
	IMAGE_TAR,
	IMAGE_CPIO,
};

/* The bytes from offset 0 that recognition looks at; fewer are enough for most kinds. */
#define IMAGE_HEAD 36864

/* Recognises by content. LEN may be anything. SIZE is filled with the size the image's own header claims, in bytes, -1
 * where it does not say. Pure: reads HEAD only. */
enum image_kind image_recognise(const uint8_t *head, size_t len, int64_t *size);

/* "squashfs", "ext4" ...; also the name to mount it by. */
const char *image_kind_name(enum image_kind kind);

/* Where an image lies. */
enum store_kind { STORE_MEMORY, STORE_RAMDISK, STORE_FILE };

struct store {
	enum store_kind kind;
	int fd;       /* the bytes, readable from offset 0; owned */
	char *path;   /* "/dev/ram3", the file's path, or for memory "/proc/self/fd/N"; owned */
	int64_t size; /* bytes that came */
};

/* Opens a place for an image.
 * memory:  a file on the tmpfs mounted at DIR (stage1) or a memfd where DIR is NULL.
 * ramdisk: /dev/ramN, NUMBER is N, LIMIT_KIB the ramdisk_size= (-1: by the image); brd must be loaded.
 * file:    PATH, written under a temporary name and renamed by store_finish.
 * 0 or -errno with F filled. */
int store_open_memory(struct store *s, const char *dir, struct failure *f) must_check;
int store_open_ramdisk(struct store *s, unsigned number, int64_t limit_kib, struct failure *f) must_check;
int store_open_file(struct store *s, const char *path, struct failure *f) must_check;
void store_close(struct store *s);

/* The sink in front of a store: looks at the first bytes, takes gz, xz and zstd off as they stream in, keeps the rest.
 * With RAW set nothing is taken off (stage1-fetch). MEMORY_AVAILABLE (bytes, -1: do not check) limits what it accepts
 * before and while it comes; SHA256_HEX (NULL: do not check) is the sum of the bytes as they come, checked by finish.
 * Free it with its free call; the store stays. NULL when memory ran out. */
struct sink *image_sink(struct store *s, bool raw, int64_t memory_available, const char *sha256_hex);

/* MemAvailable of /proc/meminfo text, in bytes; -1 when it cannot be told. */
int64_t memory_available(void);

/* How the root is made of the image. */
enum root_mode { ROOT_OVERLAY, ROOT_RW, ROOT_RO };

/* Loads a kernel module by name; given by the flow (probe_module), may be NULL. */
typedef int image_load_module_fn(void *ctx, const char *name);

/* Recognises what is in S, checks that no image claims more bytes than there are, attaches it to a loop device where
 * needed and mounts it at TARGET as MODE says (overlay: image below, memory above). TARGET exists. 0 or -errno with F. */
int image_mount(struct store *s, enum root_mode mode, const char *target, image_load_module_fn *load, void *ctx,
		struct failure *f) must_check;

#endif
