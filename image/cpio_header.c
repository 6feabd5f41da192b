/* cpio_header.c - the header of a cpio entry, format newc -> numbers. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/cpio.h"

#include "base/digits.h"

static int hex(const uint8_t *p, uint32_t *value)
{
	int i;

	*value = 0;
	for (i = 0; i < 8; i++) {
		int digit = hex_digit((char)p[i]);

		if (digit < 0)
			return -EBADMSG;
		*value = *value << 4 | (uint32_t)digit;
	}
	return 0;
}

int cpio_parse_header(struct cpio_header *h, const uint8_t *bytes)
{
	uint32_t *const fields[] = {
		&h->ino,       &h->mode,      &h->uid,   &h->gid,   &h->nlink,     &h->mtime, &h->size,
		&h->dev_major, &h->dev_minor, &h->major, &h->minor, &h->name_size, &h->check,
	};
	size_t i;

	if (memcmp(bytes, "07070", 5) != 0 || (bytes[5] != '1' && bytes[5] != '2'))
		return -EBADMSG;
	h->summed = bytes[5] == '2';
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (hex(bytes + 6 + 8 * i, fields[i]))
			return -EBADMSG;
	return 0;
}
