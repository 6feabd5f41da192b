/* tar_header.c - the blocks of a tar archive -> what they say. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/tar.h"

/* Where the sum of a header stands, and its length; for the sum these bytes count as blanks. */
#define SUM_AT	148
#define SUM_LEN 8

/* An octal number with blanks around. -1 when it is none. */
static int64_t octal(const uint8_t *p, size_t len)
{
	int64_t value = 0;
	size_t i = 0;

	while (i < len && p[i] == ' ')
		i++;
	if (i == len || p[i] < '0' || p[i] > '7')
		return -1;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		value = value * 8 + (p[i] - '0');
	return value;
}

/* Old programs summed signed characters; both are right. */
bool tar_is_header(const uint8_t *block)
{
	int64_t sum = octal(block + SUM_AT, SUM_LEN), plain = 0, with_sign = 0;
	size_t i;

	for (i = 0; i < TAR_BLOCK; i++) {
		uint8_t b = i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : block[i];

		plain += b;
		with_sign += (int8_t)b;
	}
	return block[0] && sum >= 0 && (sum == plain || sum == with_sign);
}
