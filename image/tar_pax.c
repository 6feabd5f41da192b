/* tar_pax.c - the records of a pax extended header -> what they say of the next file. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/tar.h"

#include "base/digits.h"

/* One record: KEY (terminated) and its value; an empty value takes back what was said before. */
struct record {
	const char *key;
	size_t key_len;
	const char *value; /* not terminated */
	size_t len;
};

static bool is(const struct record *r, const char *key)
{
	return r->key_len == strlen(key) && memcmp(r->key, key, r->key_len) == 0;
}

/* What follows PREFIX in the key; NULL when it does not start so. */
static const char *behind(const struct record *r, const char *prefix, size_t *len)
{
	size_t n = strlen(prefix);

	if (r->key_len <= n || memcmp(r->key, prefix, n) != 0)
		return NULL;
	*len = r->key_len - n;
	return r->key + n;
}

static int set_text(char **to, const struct record *r)
{
	char *copy = NULL;

	/* A NUL would hide the rest of a name from every check. */
	if (memchr(r->value, '\0', r->len))
		return -EBADMSG;
	if (r->len) {
		copy = strndup(r->value, r->len);
		if (!copy)
			return -ENOMEM;
	}
	free(*to);
	*to = copy;
	return 0;
}

/* Decimal digits of P; how many there were. */
static size_t digits(const char *p, size_t len, int64_t *value, bool *overflow)
{
	size_t i;

	*value = 0;
	for (i = 0; i < len && p[i] >= '0' && p[i] <= '9'; i++)
		if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, p[i] - '0', value))
			*overflow = true;
	return i;
}

static int set_number(int64_t *to, bool *has, const struct record *r)
{
	bool overflow = false;
	size_t n = digits(r->value, r->len, to, &overflow);

	*has = r->len != 0;
	return overflow || n != r->len || *to > TAR_LARGEST ? -EBADMSG : 0;
}

/* "1700000000.123456789", perhaps negative: seconds round down, so that the fraction is always added. */
static int set_time(struct tar_pax *p, const struct record *r)
{
	const char *s = r->value, *end = r->value + r->len;
	bool negative = s < end && *s == '-', overflow = false;
	uint32_t ns = 0, unit = 100000000;
	size_t n;

	p->has_mtime = r->len != 0;
	if (!r->len)
		return 0;
	s += negative;
	n = digits(s, (size_t)(end - s), &p->mtime, &overflow);
	if (!n || overflow)
		return -EBADMSG;
	s += n;
	if (s < end && *s == '.')
		for (s++; s < end && *s >= '0' && *s <= '9'; s++, unit /= 10)
			ns += (uint32_t)(*s - '0') * unit;
	if (s < end)
		return -EBADMSG;
	if (negative) {
		p->mtime = -p->mtime - (ns != 0);
		ns = ns ? 1000000000 - ns : 0;
	}
	p->mtime_ns = ns;
	return 0;
}

/* GNU.sparse.map of format 0.1: "offset,length,offset,length". */
static int set_map(struct tar_pax *p, const struct record *r)
{
	const char *s = r->value, *end = r->value + r->len;

	tar_map_free(&p->map);
	while (s < end) {
		int64_t pair[2];
		int i, err;

		for (i = 0; i < 2; i++) {
			bool overflow = false;
			size_t n = digits(s, (size_t)(end - s), &pair[i], &overflow);

			s += n;
			if (!n || overflow || (i == 0 && s == end) || (s < end && (*s++ != ',' || s == end)))
				return -EBADMSG;
		}
		err = tar_map_add(&p->map, pair[0], pair[1]);
		if (err)
			return err;
	}
	p->sparse = true;
	return 0;
}

/* GNU.sparse.*: offset and numbytes come in pairs (format 0.0), map holds all of them (0.1), major and minor say that
 * they stand before the data (1.0). */
static int set_sparse(struct tar_pax *p, const struct record *r)
{
	int64_t n = 0;
	bool has;
	int err;

	if (is(r, "GNU.sparse.name"))
		return set_text(&p->sparse_name, r);
	if (is(r, "GNU.sparse.map"))
		return set_map(p, r);
	if (is(r, "GNU.sparse.size") || is(r, "GNU.sparse.realsize"))
		return set_number(&p->real_size, &p->has_real_size, r);
	if (is(r, "GNU.sparse.offset"))
		return set_number(&p->offset, &p->has_offset, r);
	err = set_number(&n, &has, r);
	if (err)
		return err;
	if (is(r, "GNU.sparse.numbytes")) {
		if (!p->has_offset)
			return -EBADMSG;
		p->has_offset = false;
		p->sparse = true;
		return tar_map_add(&p->map, p->offset, n);
	}
	if (is(r, "GNU.sparse.numblocks"))
		p->sparse = true;
	if (is(r, "GNU.sparse.major"))
		p->sparse_in_data = n == 1;
	return 0;
}

/* %41 -> A (RFC 3986 section 2.1), in place of a copy. Its new length. */
static size_t unescape(char *s, size_t len)
{
	size_t n = 0, i;

	for (i = 0; i < len; i++) {
		if (s[i] == '%' && i + 2 < len && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
			s[n++] = (char)(hex_digit(s[i + 1]) << 4 | hex_digit(s[i + 2]));
			i += 2;
		} else {
			s[n++] = s[i];
		}
	}
	return n;
}

/* libarchive writes the name as in a URL and the value in base 64. */
static int set_libarchive(struct tar_pax *p, const char *name, size_t name_len, const struct record *r)
{
	cleanup_free char *plain = strndup(name, name_len);
	cleanup_free uint8_t *value = malloc(r->len + 1);
	size_t len = r->len;
	int64_t n;

	if (!plain || !value)
		return -ENOMEM;
	while (len && r->value[len - 1] == '=')
		len--;
	n = base64_decode(value, r->value, len);
	if (n < 0)
		return (int)n;
	return entry_add_xattr(&p->attributes, plain, unescape(plain, name_len), value, (size_t)n);
}

static int apply(struct tar_pax *p, const struct record *r)
{
	const char *name;
	size_t len;

	if (is(r, "path"))
		return set_text(&p->path, r);
	if (is(r, "linkpath"))
		return set_text(&p->link, r);
	if (is(r, "size"))
		return set_number(&p->size, &p->has_size, r);
	if (is(r, "uid"))
		return set_number(&p->uid, &p->has_uid, r);
	if (is(r, "gid"))
		return set_number(&p->gid, &p->has_gid, r);
	if (is(r, "mtime"))
		return set_time(p, r);
	if (behind(r, "GNU.sparse.", &len))
		return set_sparse(p, r);
	name = behind(r, "SCHILY.xattr.", &len);
	if (name)
		return entry_add_xattr(&p->attributes, name, len, r->value, r->len);
	name = behind(r, "LIBARCHIVE.xattr.", &len);
	if (name)
		return set_libarchive(p, name, len, r);
	if (is(r, "RHT.security.selinux")) /* the kernel keeps the NUL at its end */
		return entry_add_xattr(&p->attributes, "security.selinux", 16, r->value, r->len);
	return 0;
}

/* "25 path=some/long/name\n": the number counts itself, the blank and the line feed. */
int tar_parse_pax(struct tar_pax *p, const char *records, size_t len)
{
	while (len) {
		bool overflow = false;
		struct record r;
		const char *equals;
		int64_t length;
		size_t n = digits(records, len, &length, &overflow);
		int err;

		/* GNU tar pads with NULs where the header says more than there is. */
		if (n == 0 && records[0] == '\0')
			return 0;
		if (!n || overflow || n == len || records[n] != ' ' || length > (int64_t)len ||
		    length < (int64_t)n + 3 || records[length - 1] != '\n')
			return -EBADMSG;
		r.key = records + n + 1;
		equals = memchr(r.key, '=', (size_t)length - n - 2);
		if (!equals)
			return -EBADMSG;
		r.key_len = (size_t)(equals - r.key);
		r.value = equals + 1;
		r.len = (size_t)(records + length - 1 - r.value);
		err = apply(p, &r);
		if (err)
			return err;
		records += length;
		len -= (size_t)length;
	}
	return 0;
}

void tar_pax_free(struct tar_pax *p)
{
	free(p->path);
	free(p->link);
	free(p->sparse_name);
	tar_map_free(&p->map);
	entry_free(&p->attributes);
	*p = (struct tar_pax){ 0 };
}
