/* unpack.h - the bytes of an archive, uncompressed, as they come -> a tree. One file unpack_*.c per kind of archive. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_UNPACK_H
#define IMAGE_UNPACK_H

#include "image/image.h"
#include "image/tree.h"

#include <sys/types.h>

/* Names longer than this are no names; headers of more than this are an attack on the memory. */
#define UNPACK_LONGEST_NAME   (64 * KIB)
#define UNPACK_LARGEST_HEADER (8 * MIB)

struct unpacker {
	enum image_kind kind;
	/* Begins an archive to be put into T. NULL when memory ran out. */
	void *(*open)(struct tree *t);
	/* Takes what it can use of LEN bytes and remembers the rest of nothing: a header is taken whole. Bytes taken;
	 * 0: more must come first (never with UNPACK_LONGEST_NAME + 1 KiB at hand); -errno with F. */
	ssize_t (*feed)(void *state, const uint8_t *bytes, size_t len, struct failure *f);
	/* True where another archive may follow, even a compressed one: feed takes zeros, and stops at what is none of
	 * its own. NULL: never. */
	bool (*ended)(void *state);
	/* There is no more. 0 when the archive is complete, else -errno with F. */
	int (*finish)(void *state, struct failure *f);
	void (*close)(void *state);
};
extern const struct unpacker unpack_tar, unpack_cpio;

/* A cpio archive is known by fewer bytes than a tar block, and may be smaller than one, with something behind it. */
bool unpack_is_cpio(const uint8_t *head, size_t len);

/* The sink that unpacks KIND (IMAGE_TAR, IMAGE_CPIO; IMAGE_UNKNOWN: as its first bytes say), uncompressed, into
 * ROOT_FD, which it neither owns nor empties: restart fails once an entry was made. unpack_sink() of image.h puts the
 * decompressors before it. NULL when memory ran out. */
struct sink *unpack_plain_sink(int root_fd, enum image_kind kind);

#endif
