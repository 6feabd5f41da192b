/* tar_map.c - the pieces of a sparse file, as archives list them -> one checked map. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/tar.h"

/* 16 MB of map; a disk image of 1 TB with a hole in every megabyte just fits. */
#define MOST_PIECES 1000000

int tar_map_add(struct tar_map *m, int64_t offset, int64_t length)
{
	int64_t end, from = 0;

	if (m->count)
		from = m->piece[m->count - 1].offset + m->piece[m->count - 1].length;
	if (offset < from || length < 0 || __builtin_add_overflow(offset, length, &end) || end > TAR_LARGEST)
		return -EBADMSG;
	if (m->count == MOST_PIECES)
		return -E2BIG;
	/* The array doubles: when the count is a power of two it is full. */
	if ((m->count & (m->count - 1)) == 0) {
		struct tar_piece *more = realloc(m->piece, MAX(2 * m->count, (size_t)1) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		m->piece = more;
	}
	m->piece[m->count++] = (struct tar_piece){ offset, length };
	m->length += length;
	return 0;
}

void tar_map_free(struct tar_map *m)
{
	free(m->piece);
	*m = (struct tar_map){ 0 };
}

int tar_parse_map_line(const uint8_t *bytes, size_t len, int64_t *number)
{
	size_t i;

	*number = 0;
	for (i = 0; i < len && bytes[i] >= '0' && bytes[i] <= '9'; i++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, bytes[i] - '0', number))
			return -EBADMSG;
	if (i == len)
		return i > 20 ? -EBADMSG : 0;
	return i && bytes[i] == '\n' ? (int)i + 1 : -EBADMSG;
}
