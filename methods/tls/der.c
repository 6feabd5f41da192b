/* der.c - bytes in the Distinguished Encoding Rules -> their elements, one by one (X.690). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/der.h"

bool der_next(struct der *from, uint8_t *tag, struct der *in, struct der *whole)
{
	const uint8_t *start = from->p;
	size_t len, at = 2;

	if (from->len < 2)
		return false;
	*tag = start[0];
	len = start[1];
	if (len >= 0x80) {
		size_t bytes = len & 0x7f;

		if (bytes < 1 || bytes > 4 || from->len < 2 + bytes)
			return false;
		for (len = 0; bytes; bytes--)
			len = len << 8 | start[at++];
	}
	if (len > from->len - at)
		return false;
	*in = (struct der){ start + at, len };
	if (whole)
		*whole = (struct der){ start, at + len };
	from->p += at + len;
	from->len -= at + len;
	return true;
}

bool der_expect(struct der *from, uint8_t wanted, struct der *in)
{
	uint8_t tag;

	return der_next(from, &tag, in, NULL) && tag == wanted;
}

bool der_take(struct der *from, uint8_t wanted, struct der *in)
{
	return from->len && from->p[0] == wanted && der_expect(from, wanted, in);
}

bool der_skip(struct der *from)
{
	struct der in;
	uint8_t tag;

	return der_next(from, &tag, &in, NULL);
}

bool der_same(struct der a, struct der b)
{
	return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

bool der_is(struct der d, const void *oid, size_t len)
{
	return der_same(d, (struct der){ oid, len });
}

bool der_number(struct der in, int32_t *n)
{
	if (in.len < 1 || in.len > 4 || (in.p[0] & 0x80))
		return false;
	*n = 0;
	for (size_t i = 0; i < in.len; i++)
		*n = *n << 8 | in.p[i];
	return true;
}
