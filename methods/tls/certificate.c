/* certificate.c - the bytes of an X.509 certificate -> its keys, names, dates and what it may be used for (RFC
 * 5280). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/certificate.h"

#include <strings.h>

#define OID(text)   (text), sizeof(text) - 1
#define ID_CE(n)    "\x55\x1d" n                               /* 2.5.29.n */
#define ID_PKIX(n)  "\x2b\x06\x01\x05\x05\x07" n               /* 1.3.6.1.5.5.7.n */
#define ID_SCTS     "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02" /* RFC 6962, section 3.3 */
#define ID_NETSCAPE "\x60\x86\x48\x01\x86\xf8\x42\x01"

/* Names of a subject (RFC 5280, section 4.2.1.6). */
#define NAME_DNS     DER_NAME(2)
#define NAME_ADDRESS DER_NAME(7)

static bool read_time(struct der *from, struct der *time)
{
	uint8_t tag;

	return der_next(from, &tag, time, NULL) && (tag == DER_UTC_TIME || tag == DER_TIME);
}

/* ---- extensions: each gets the contents of its octets, and says whether the form is right */

static bool take_basic(struct der in, struct certificate *c)
{
	struct der list, flag, number;

	if (!der_expect(&in, DER_SEQUENCE, &list))
		return false;
	if (der_take(&list, DER_BOOLEAN, &flag))
		c->authority = flag.len == 1 && flag.p[0];
	if (!list.len)
		return true;
	return der_expect(&list, DER_INTEGER, &number) && der_number(number, &c->path_len) && !list.len;
}

static bool take_usage(struct der in, struct certificate *c)
{
	struct der bits;

	if (!der_expect(&in, DER_BITS, &bits) || bits.len < 1)
		return false;
	c->has_usage = true;
	for (unsigned i = 0; i < 8 && bits.len > 1; i++)
		if (bits.p[1] & 0x80 >> i)
			c->usage |= 1U << i;
	return true;
}

static bool take_names(struct der in, struct certificate *c)
{
	return der_expect(&in, DER_SEQUENCE, &c->names);
}

static bool take_purposes(struct der in, struct certificate *c)
{
	c->has_purposes = true;
	return der_expect(&in, DER_SEQUENCE, &c->purposes);
}

/* RFC 5280, section 4.2.1.10 */
static bool take_constraints(struct der in, struct certificate *c)
{
	struct der list;

	if (!der_expect(&in, DER_SEQUENCE, &list))
		return false;
	if (list.len && list.p[0] == DER_CONTEXT(0) && !der_expect(&list, DER_CONTEXT(0), &c->permitted))
		return false;
	if (list.len && list.p[0] == DER_CONTEXT(1) && !der_expect(&list, DER_CONTEXT(1), &c->excluded))
		return false;
	return !list.len;
}

/* What a certificate may say and still be judged. The ones without a function change nothing here: there is no list of
 * revoked certificates to look into, and no policy that anybody asks for, so any is good. */
static const struct {
	const char *oid;
	size_t len;
	bool (*take)(struct der in, struct certificate *c);
} extensions[] = {
	{ OID(ID_CE("\x0f")), take_usage },
	{ OID(ID_CE("\x11")), take_names },
	{ OID(ID_CE("\x13")), take_basic },
	{ OID(ID_CE("\x1e")), take_constraints },
	{ OID(ID_CE("\x25")), take_purposes },
	{ OID(ID_CE("\x09")), NULL },       /* subjectDirectoryAttributes */
	{ OID(ID_CE("\x0e")), NULL },       /* subjectKeyIdentifier */
	{ OID(ID_CE("\x10")), NULL },       /* privateKeyUsagePeriod */
	{ OID(ID_CE("\x12")), NULL },       /* issuerAltName */
	{ OID(ID_CE("\x1f")), NULL },       /* cRLDistributionPoints */
	{ OID(ID_CE("\x20")), NULL },       /* certificatePolicies */
	{ OID(ID_CE("\x21")), NULL },       /* policyMappings */
	{ OID(ID_CE("\x23")), NULL },       /* authorityKeyIdentifier */
	{ OID(ID_CE("\x24")), NULL },       /* policyConstraints */
	{ OID(ID_CE("\x2e")), NULL },       /* freshestCRL */
	{ OID(ID_CE("\x36")), NULL },       /* inhibitAnyPolicy */
	{ OID(ID_PKIX("\x01\x01")), NULL }, /* authorityInfoAccess */
	{ OID(ID_PKIX("\x01\x0b")), NULL }, /* subjectInfoAccess */
	{ OID(ID_PKIX("\x01\x18")), NULL }, /* tlsfeature */
	{ OID(ID_SCTS), NULL },
	{ OID(ID_NETSCAPE), NULL },
};

/* Which of these it is; their number: none. */
static size_t find_extension(struct der oid)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(extensions) && !der_is(oid, extensions[i].oid, extensions[i].len))
		i++;
	return i;
}

/* One extension. SEEN has a bit for each that was there: one that comes twice makes no certificate (section 4.2). */
static bool take_extension(struct der extension, unsigned *seen, struct certificate *c)
{
	struct der oid, flag = { 0 }, in;
	bool critical;
	size_t i;

	if (!der_expect(&extension, DER_OID, &oid))
		return false;
	critical = der_take(&extension, DER_BOOLEAN, &flag) && flag.len == 1 && flag.p[0];
	if (!der_expect(&extension, DER_OCTETS, &in))
		return false;
	i = find_extension(oid);
	if (i == ARRAY_SIZE(extensions)) {
		if (critical && !c->unknown.len)
			c->unknown = oid;
		return true;
	}
	if (*seen & 1U << i)
		return false;
	*seen |= 1U << i;
	return !extensions[i].take || extensions[i].take(in, c);
}

static bool take_extensions(struct der rest, struct certificate *c)
{
	struct der in, list, extension;
	unsigned seen = 0;
	uint8_t tag;

	while (rest.len) {
		if (!der_next(&rest, &tag, &in, NULL))
			return false;
		if (tag != DER_CONTEXT(3))
			continue;
		if (c->extended || !der_expect(&in, DER_SEQUENCE, &list))
			return false;
		c->extended = true;
		while (list.len)
			if (!der_expect(&list, DER_SEQUENCE, &extension) || !take_extension(extension, &seen, c))
				return false;
	}
	return true;
}

/* ---- the certificate */

/* What is signed (RFC 5280, section 4.1.2), and the algorithm that it names. */
static bool take_body(struct der body, struct der *algorithm, struct certificate *c)
{
	struct der in, dates;
	uint8_t tag;

	if (body.len && body.p[0] == DER_CONTEXT(0) && !der_skip(&body)) /* version */
		return false;
	return der_skip(&body) && der_expect(&body, DER_SEQUENCE, algorithm) &&
	       der_expect(&body, DER_SEQUENCE, &c->issuer) && der_expect(&body, DER_SEQUENCE, &dates) &&
	       read_time(&dates, &c->not_before) && read_time(&dates, &c->not_after) &&
	       der_next(&body, &tag, &c->subject, &c->subject_whole) && tag == DER_SEQUENCE &&
	       der_next(&body, &tag, &in, &c->key) && tag == DER_SEQUENCE && take_extensions(body, c);
}

/* RFC 5280, section 4.1. */
int certificate_parse(struct certificate *c, const uint8_t *der, size_t len)
{
	struct der all = { der, len }, cert, in, algorithm;
	uint8_t tag;

	*c = (struct certificate){ .path_len = -1 };
	if (!der_expect(&all, DER_SEQUENCE, &cert) || !der_next(&cert, &tag, &in, &c->body) || tag != DER_SEQUENCE ||
	    !take_body(in, &algorithm, c) || !der_expect(&cert, DER_SEQUENCE, &c->algorithm) ||
	    !der_expect(&cert, DER_BITS, &c->signature) || c->signature.len < 1 || c->signature.p[0] ||
	    !der_same(algorithm, c->algorithm))
		return -EBADMSG;
	c->signature.p++;
	c->signature.len--;
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

/* ---- what it says */

bool certificate_has_ip(const struct certificate *c, const uint8_t *ip, size_t len)
{
	struct der names = c->names, in;
	uint8_t tag;

	while (names.len && der_next(&names, &tag, &in, NULL))
		if (tag == NAME_ADDRESS && der_is(in, ip, len))
			return true;
	return false;
}

static size_t without_dot(const void *name, size_t len)
{
	return len > 1 && ((const char *)name)[len - 1] == '.' ? len - 1 : len;
}

/* A star is the whole first label of a name, and stands for one label (RFC 9525, section 6.3). */
static bool covers(struct der name, const char *host, size_t len)
{
	const char *pattern = (const char *)name.p, *dot = memchr(host, '.', len);
	size_t n = without_dot(name.p, name.len);

	if (n > 2 && pattern[0] == '*' && pattern[1] == '.') {
		if (!dot || dot == host)
			return false;
		pattern++;
		n--;
		len -= (size_t)(dot - host);
		host = dot;
	}
	return n == len && n && strncasecmp(pattern, host, n) == 0 && !memchr(pattern, '\0', n);
}

bool certificate_has_host(const struct certificate *c, const char *host)
{
	struct der names = c->names, in;
	uint8_t tag;

	while (names.len && der_next(&names, &tag, &in, NULL))
		if (tag == NAME_DNS && covers(in, host, without_dot(host, strlen(host))))
			return true;
	return false;
}

bool certificate_is_for_servers(const struct certificate *c)
{
	struct der list = c->purposes, oid;

	while (list.len && der_expect(&list, DER_OID, &oid))
		if (der_is(oid, OID(ID_PKIX("\x03\x01"))) || der_is(oid, OID(ID_CE("\x25\x00"))))
			return true;
	return !c->has_purposes;
}
