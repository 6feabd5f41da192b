/* tar.h - the blocks and records of a tar archive -> what they say. Pure: bytes in, numbers and strings out. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_TAR_H
#define IMAGE_TAR_H

#include "image/entry.h"

/* Everything in an archive is a multiple of this (POSIX.1-2017, pax, "ustar Interchange Format"). */
#define TAR_BLOCK 512

/* Length rounded up to whole blocks. */
#define TAR_PADDED(n) (((n) + TAR_BLOCK - 1) & ~(int64_t)(TAR_BLOCK - 1))

/* No size is larger: what is counted up from two of them still has its sign. */
#define TAR_LARGEST (INT64_MAX / 4)

/* True when BLOCK (TAR_BLOCK bytes) is a header whose sum is right: ustar, pax, GNU or the old V7 format. */
bool tar_is_header(const uint8_t *block);

/* True when BLOCK is all zeros: two of them end an archive. */
bool tar_is_zero(const uint8_t *block);

/* A header block as it stands; what pax records and GNU's long names say is not in it yet. */
struct tar_header {
	char type;      /* typeflag; '\0' of V7 becomes '0' */
	char name[257]; /* prefix and name, joined */
	char link[101];
	uint32_t mode;
	uint64_t uid, gid;
	int64_t size; /* of the data that follow */
	int64_t mtime;
	uint32_t major, minor;
	int64_t real_size; /* type 'S' (GNU sparse, old): with the holes */
};

/* Reads a header whose sum is right. 0, or -EBADMSG where a number is none or a size too large. */
int tar_parse_header(struct tar_header *h, const uint8_t *block) must_check;

/* One piece of a sparse file; the pieces lie behind one another in the archive, with holes between them in the file. */
struct tar_piece {
	int64_t offset, length; /* in the file, bytes */
};

/* The pieces of a sparse file. {0} is none. */
struct tar_map {
	struct tar_piece *piece; /* owned */
	size_t count;
	int64_t length; /* of all pieces */
};

/* Adds a piece behind the last one. 0, -EBADMSG when it overlaps or is out of range, -ENOMEM; -E2BIG: more pieces than
 * any real file has. */
int tar_map_add(struct tar_map *m, int64_t offset, int64_t length) must_check;
void tar_map_free(struct tar_map *m);

/* Adds the pieces of an old GNU sparse header (FIRST) or of one of its extension blocks. 1: an extension block follows,
 * 0: that was all; -errno as above. */
int tar_parse_old_sparse(struct tar_map *m, const uint8_t *block, bool first) must_check;

/* Reads one line of a sparse map, format 1.0 (a decimal number and a line feed), at most LEN bytes. Bytes used, 0 when
 * the line is not complete, -EBADMSG. */
int tar_parse_map_line(const uint8_t *bytes, size_t len, int64_t *number) must_check;

/* What pax records say (POSIX.1-2017 pax, "pax Header Block"; "SCHILY." of star, "LIBARCHIVE." of libarchive, "GNU." of
 * GNU tar). {0} says nothing. Strings are owned. */
struct tar_pax {
	char *path, *link;
	char *sparse_name;      /* GNU.sparse.name */
	int64_t size, uid, gid; /* valid with has_ */
	int64_t mtime;
	uint32_t mtime_ns;
	int64_t real_size; /* GNU.sparse.size, GNU.sparse.realsize */
	int64_t offset;    /* GNU.sparse.offset, waiting for its numbytes (format 0.0) */
	bool has_size, has_uid, has_gid, has_mtime, has_real_size, has_offset;
	bool sparse;         /* formats 0.0 and 0.1: MAP is the map */
	bool sparse_in_data; /* format 1.0: the map stands before the data */
	struct tar_map map;
	struct entry attributes; /* only its xattrs */
};

/* Reads the records of one extended header. Unknown keys mean nothing. 0, -EBADMSG, -E2BIG or -ENOMEM. */
int tar_parse_pax(struct tar_pax *p, const char *records, size_t len) must_check;
void tar_pax_free(struct tar_pax *p);

#endif
