/* tar_header.c - one block of a tar archive -> the fields of its header. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/tar.h"

/* Where the fields of a header stand (POSIX.1-2017 pax, table "ustar Header Block"; GNU tar manual, "Basic Tar
 * Format"). */
enum {
	NAME = 0,
	NAME_LEN = 100,
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	MTIME = 136,
	SUM = 148,
	SUM_LEN = 8,
	TYPE = 156,
	LINK = 157,
	LINK_LEN = 100,
	MAGIC = 257,
	MAJOR = 329,
	MINOR = 337,
	ID_LEN = 8,
	LONG_LEN = 12, /* of sizes and times */
	PREFIX = 345,
	PREFIX_LEN = 155,
	GNU_REAL_SIZE = 483,
};

/* An octal number with blanks around, ended by a blank, a NUL or the field's end. An empty field is 0. */
static int octal(const uint8_t *p, size_t len, int64_t *value)
{
	size_t i = 0;

	*value = 0;
	while (i < len && p[i] == ' ')
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		if (__builtin_mul_overflow(*value, 8, value) || __builtin_add_overflow(*value, p[i] - '0', value))
			return -EBADMSG;
	return i == len || p[i] == ' ' || p[i] == '\0' ? 0 : -EBADMSG;
}

/* Octal, or where that is too small GNU's base-256: a first byte of 0x80 or 0xff, then a number in two's complement. */
static int number(const uint8_t *p, size_t len, int64_t *value)
{
	uint64_t v;
	size_t i;

	if (p[0] != 0x80 && p[0] != 0xff)
		return octal(p, len, value);
	v = p[0] == 0xff ? UINT64_MAX : 0;
	for (i = 1; i < len; i++) {
		/* What is shifted out must be nothing but the sign. */
		if (i + 8 < len && p[i] != (uint8_t)v)
			return -EBADMSG;
		v = v << 8 | p[i];
	}
	*value = (int64_t)v;
	return (p[0] == 0xff) == (*value < 0) ? 0 : -EBADMSG;
}

/* Old programs summed signed characters; both are right. */
bool tar_is_header(const uint8_t *block)
{
	int64_t sum, plain = 0, with_sign = 0;
	size_t i;

	if (octal(block + SUM, SUM_LEN, &sum))
		return false;
	for (i = 0; i < TAR_BLOCK; i++) {
		uint8_t b = i >= SUM && i < SUM + SUM_LEN ? ' ' : block[i];

		plain += b;
		with_sign += (int8_t)b;
	}
	return sum == plain || sum == with_sign;
}

bool tar_is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/* A field that may fill its place without a NUL. Bytes copied. */
static size_t text(char *to, const uint8_t *from, size_t len)
{
	size_t n = strnlen((const char *)from, len);

	memcpy(to, from, n);
	to[n] = '\0';
	return n;
}

int tar_parse_header(struct tar_header *h, const uint8_t *block)
{
	bool posix = memcmp(block + MAGIC, "ustar\0", 6) == 0;
	int64_t mode, uid, gid, major, minor;
	size_t n = 0;

	*h = (struct tar_header){ .type = block[TYPE] ? (char)block[TYPE] : '0' };
	/* GNU's own format ("ustar  ") keeps other things where POSIX has the prefix. */
	if (posix && block[PREFIX]) {
		n = text(h->name, block + PREFIX, PREFIX_LEN);
		h->name[n++] = '/';
	}
	n += text(h->name + n, block + NAME, NAME_LEN);
	text(h->link, block + LINK, LINK_LEN);
	if (number(block + MODE, ID_LEN, &mode) || number(block + UID, ID_LEN, &uid) ||
	    number(block + GID, ID_LEN, &gid) || number(block + SIZE, LONG_LEN, &h->size) ||
	    number(block + MTIME, LONG_LEN, &h->mtime) || h->size < 0 || h->size > TAR_LARGEST)
		return -EBADMSG;
	h->mode = (uint32_t)mode & 07777;
	h->uid = (uint64_t)uid;
	h->gid = (uint64_t)gid;
	if (h->type == '3' || h->type == '4') {
		if (number(block + MAJOR, ID_LEN, &major) || number(block + MINOR, ID_LEN, &minor))
			return -EBADMSG;
		h->major = (uint32_t)major;
		h->minor = (uint32_t)minor;
	}
	if (h->type == 'S' &&
	    (number(block + GNU_REAL_SIZE, LONG_LEN, &h->real_size) || h->real_size < 0 || h->real_size > TAR_LARGEST))
		return -EBADMSG;
	/* V7 had no folders; a slash at the end of the name made one. */
	if (h->type == '0' && n && h->name[n - 1] == '/')
		h->type = '5';
	return 0;
}

/* GNU tar manual, "Storing Sparse Files": 24 bytes a piece, 4 in the header, 21 in each extension block. */
int tar_parse_old_sparse(struct tar_map *m, const uint8_t *block, bool first)
{
	const uint8_t *p = block + (first ? 386 : 0);
	size_t count = first ? 4 : 21, i;
	int64_t offset, length;

	for (i = 0; i < count && p[24 * i]; i++) {
		int err;

		if (number(p + 24 * i, LONG_LEN, &offset) || number(p + 24 * i + LONG_LEN, LONG_LEN, &length))
			return -EBADMSG;
		err = tar_map_add(m, offset, length);
		if (err)
			return err;
	}
	return block[first ? 482 : 504] != 0;
}
