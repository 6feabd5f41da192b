/* certificate.c - the bytes of an X.509 certificate -> its public key, its dates and its IP addresses (RFC 5280). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/certificate.h"

/* X.690, section 8.1.2; the classes and the constructed bit are part of these. */
#define TAG_BOOLEAN      0x01
#define TAG_OCTETS       0x04
#define TAG_OID          0x06
#define TAG_UTC_TIME     0x17
#define TAG_TIME         0x18
#define TAG_SEQUENCE     0x30
#define TAG_VERSION      0xa0 /* [0] */
#define TAG_EXTENSIONS   0xa3 /* [3] */
#define TAG_NAME_ADDRESS 0x87 /* iPAddress [7]: RFC 5280, section 4.2.1.6 */

/* Takes the next element off FROM: its tag, its contents in IN and, where WHOLE is not NULL, all of it. Lengths of up
 * to four bytes (X.690, section 8.1.3), which must be there. */
static bool next(struct der *from, uint8_t *tag, struct der *in, struct der *whole)
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

/* The same, when the tag is WANTED. */
static bool expect(struct der *from, uint8_t wanted, struct der *in)
{
	uint8_t tag;

	return next(from, &tag, in, NULL) && tag == wanted;
}

static bool skip(struct der *from)
{
	struct der in;
	uint8_t tag;

	return next(from, &tag, &in, NULL);
}

static bool read_time(struct der *from, struct der *time)
{
	uint8_t tag;

	return next(from, &tag, time, NULL) && (tag == TAG_UTC_TIME || tag == TAG_TIME);
}

/* One extension; keeps the contents of subjectAltName (2.5.29.17). */
static bool take_extension(struct der extension, struct certificate *c)
{
	static const uint8_t alt_name[] = { 0x55, 0x1d, 0x11 };
	struct der oid, in;
	uint8_t tag;

	if (!expect(&extension, TAG_OID, &oid) || !next(&extension, &tag, &in, NULL))
		return false;
	if (tag == TAG_BOOLEAN && !next(&extension, &tag, &in, NULL))
		return false;
	if (tag != TAG_OCTETS)
		return false;
	if (oid.len == sizeof(alt_name) && memcmp(oid.p, alt_name, oid.len) == 0)
		return expect(&in, TAG_SEQUENCE, &c->names);
	return true;
}

static bool take_extensions(struct der rest, struct certificate *c)
{
	struct der in, list, extension;
	uint8_t tag;

	while (rest.len) {
		if (!next(&rest, &tag, &in, NULL))
			return false;
		if (tag != TAG_EXTENSIONS)
			continue;
		if (!expect(&in, TAG_SEQUENCE, &list))
			return false;
		while (list.len)
			if (!expect(&list, TAG_SEQUENCE, &extension) || !take_extension(extension, c))
				return false;
	}
	return true;
}

/* RFC 5280, section 4.1. */
int certificate_parse(struct certificate *c, const uint8_t *der, size_t len)
{
	struct der all = { der, len }, cert, body, in, dates, first;
	uint8_t tag;

	*c = (struct certificate){ 0 };
	if (!expect(&all, TAG_SEQUENCE, &cert) || !expect(&cert, TAG_SEQUENCE, &body))
		return -EBADMSG;
	first = body;
	if (next(&first, &tag, &in, NULL) && tag == TAG_VERSION)
		body = first;
	/* serialNumber, signature, issuer; validity; subject; subjectPublicKeyInfo */
	if (!skip(&body) || !skip(&body) || !skip(&body) || !expect(&body, TAG_SEQUENCE, &dates) ||
	    !read_time(&dates, &c->not_before) || !read_time(&dates, &c->not_after) || !skip(&body) ||
	    !next(&body, &tag, &in, &c->key) || tag != TAG_SEQUENCE || !take_extensions(body, c))
		return -EBADMSG;
	return 0;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, from 1601 on. */
static int64_t days_to(int64_t year, int64_t month, int64_t day)
{
	/* the year begins in March, so that the odd day is its last */
	int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

int certificate_time(const struct der *date, int64_t *seconds)
{
	static const int64_t most[] = { 99, 99, 12, 31, 23, 59, 60 };
	size_t skip = date->len == 13 ? 1 : 0; /* RFC 5280, section 4.1.2.5: two digits or four for the year */
	int64_t n[7] = { 0 };

	if ((date->len != 13 && date->len != 15) || date->p[date->len - 1] != 'Z')
		return -EBADMSG;
	for (size_t i = skip; i < ARRAY_SIZE(n); i++) {
		const uint8_t *p = date->p + 2 * (i - skip);

		if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
			return -EBADMSG;
		n[i] = (p[0] - '0') * 10 + (p[1] - '0');
		if (n[i] > most[i])
			return -EBADMSG;
	}
	if (skip)
		n[0] = n[1] >= 50 ? 19 : 20;
	if (n[2] < 1 || n[3] < 1 || n[0] < 17)
		return -EBADMSG;
	*seconds = (days_to(n[0] * 100 + n[1], n[2], n[3]) * 24 + n[4]) * 3600 + n[5] * 60 + n[6];
	return 0;
}

bool certificate_has_ip(const struct certificate *c, const uint8_t *ip, size_t len)
{
	struct der names = c->names, in;
	uint8_t tag;

	while (names.len && next(&names, &tag, &in, NULL))
		if (tag == TAG_NAME_ADDRESS && in.len == len && memcmp(in.p, ip, len) == 0)
			return true;
	return false;
}
