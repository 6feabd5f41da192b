/* names.c - names of certificates -> are they the same, what people call them, and does an authority forbid one. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/names.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <strings.h>

/* GeneralName (RFC 5280, section 4.2.1.6) */
#define NAME_EMAIL     DER_NAME(1)
#define NAME_DNS       DER_NAME(2)
#define NAME_DIRECTORY DER_CONTEXT(4)
#define NAME_URI       DER_NAME(6)
#define NAME_ADDRESS   DER_NAME(7)

/* One name of a certificate, or of a constraint. */
struct name {
	uint8_t tag;
	struct der in;
};

/* ---- distinguished names */

static bool is_words(uint8_t tag)
{
	return tag == 0x0c || tag == 0x13 || tag == 0x14 || tag == 0x16; /* UTF8, Printable, Teletex, IA5 */
}

static int lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

static bool take_spaces(struct der *d)
{
	bool some = false;

	for (; d->len && d->p[0] == ' '; d->p++, d->len--)
		some = true;
	return some;
}

/* The next character that counts; -1: there is none. */
static int next_char(struct der *d)
{
	if (take_spaces(d) && d->len)
		return ' ';
	if (!d->len)
		return -1;
	d->len--;
	return lower(*d->p++);
}

static bool same_words(struct der a, struct der b)
{
	int c;

	take_spaces(&a);
	take_spaces(&b);
	do {
		c = next_char(&a);
		if (c != next_char(&b))
			return false;
	} while (c >= 0);
	return true;
}

/* The next attribute of a set of them: its type and its value. */
static bool next_attribute(struct der *set, struct der *type, uint8_t *tag, struct der *value)
{
	struct der pair;

	return der_expect(set, DER_SEQUENCE, &pair) && der_expect(&pair, DER_OID, type) &&
	       der_next(&pair, tag, value, NULL);
}

static bool same_sets(struct der a, struct der b)
{
	while (a.len && b.len) {
		struct der type_a, type_b, value_a, value_b;
		uint8_t tag_a, tag_b;

		if (!next_attribute(&a, &type_a, &tag_a, &value_a) || !next_attribute(&b, &type_b, &tag_b, &value_b) ||
		    !der_same(type_a, type_b))
			return false;
		if (is_words(tag_a) && is_words(tag_b) ? !same_words(value_a, value_b)
						       : tag_a != tag_b || !der_same(value_a, value_b))
			return false;
	}
	return !a.len && !b.len;
}

/* NAME begins with all of START; what is behind that is left in NAME. */
static bool begins_with(struct der *name, struct der start)
{
	while (start.len) {
		struct der a, b;

		if (!der_expect(name, DER_SET, &a) || !der_expect(&start, DER_SET, &b) || !same_sets(a, b))
			return false;
	}
	return true;
}

bool names_same(struct der a, struct der b)
{
	return der_same(a, b) || (begins_with(&a, b) && !a.len);
}

/* ---- words */

/* Bytes from outside on a line: what is not printable ASCII becomes '?', what is long is cut. */
static void add_printable(struct buf *out, struct der bytes)
{
	size_t len = MIN(bytes.len, (size_t)60);

	for (size_t i = 0; i < len; i++)
		buf_char(out, bytes.p[i] >= ' ' && bytes.p[i] < 0x7f ? (char)bytes.p[i] : '?');
	if (len < bytes.len)
		buf_str(out, "...");
}

/* The last value in NAME of attribute 2.5.4.N. */
static bool find_attribute(struct der name, uint8_t n, struct der *found)
{
	const uint8_t oid[] = { 0x55, 0x04, n };
	struct der set, type, value;
	bool is_there = false;
	uint8_t tag;

	while (name.len && der_expect(&name, DER_SET, &set))
		while (set.len && next_attribute(&set, &type, &tag, &value))
			if (der_is(type, oid, sizeof(oid)) && value.len) {
				*found = value;
				is_there = true;
			}
	return is_there;
}

void names_add_title(struct buf *out, struct der name)
{
	struct der title;

	if (!find_attribute(name, 3, &title) && !find_attribute(name, 10, &title) &&
	    !find_attribute(name, 11, &title)) {
		buf_str(out, "somebody without a name");
		return;
	}
	buf_char(out, '"');
	add_printable(out, title);
	buf_char(out, '"');
}

static void add_address(struct buf *out, struct der in)
{
	char text[64];

	if ((in.len == 4 || in.len == 16) && inet_ntop(in.len == 4 ? AF_INET : AF_INET6, in.p, text, sizeof(text)))
		buf_str(out, text);
	else
		buf_str(out, "an address that cannot be read");
}

static void add_name(struct buf *out, struct name name)
{
	struct der in;

	if (name.tag == NAME_ADDRESS)
		add_address(out, name.in);
	else if (name.tag == NAME_DIRECTORY && der_expect(&name.in, DER_SEQUENCE, &in))
		names_add_title(out, in);
	else if (name.tag == NAME_EMAIL || name.tag == NAME_DNS || name.tag == NAME_URI)
		add_printable(out, name.in);
	else
		buf_str(out, "a name of a form that is not read here");
}

void names_add_hosts(struct buf *out, const struct certificate *c)
{
	struct der names = c->names;
	struct name name;
	size_t count = 0;

	while (names.len && der_next(&names, &name.tag, &name.in, NULL)) {
		if (name.tag != NAME_DNS && name.tag != NAME_ADDRESS)
			continue;
		if (count < 4) {
			buf_str(out, count ? ", " : "");
			add_name(out, name);
		}
		count++;
	}
	if (!count)
		buf_str(out, "no name");
	if (count > 4)
		buf_printf(out, " and %zu more", count - 4);
}

/* ---- name constraints */

static bool ends_with(struct der name, struct der end)
{
	return name.len >= end.len &&
	       strncasecmp((const char *)name.p + name.len - end.len, (const char *)end.p, end.len) == 0;
}

/* HOST is in the domain BASE: it, or what is below; with a dot before it only what is below; nothing: everything. */
static bool in_domain(struct der host, struct der base, bool below)
{
	if (!base.len)
		return true;
	if (!ends_with(host, base))
		return false;
	return base.p[0] == '.' || host.len == base.len || (below && host.p[host.len - base.len - 1] == '.');
}

static struct der behind(struct der d, size_t n)
{
	return (struct der){ d.p + n, d.len - n };
}

static struct der without_dot(struct der d)
{
	return (struct der){ d.p, d.len && d.p[d.len - 1] == '.' ? d.len - 1 : d.len };
}

/* A star stands for any label, so for one that is excluded as well. */
static bool match_dns(struct der name, struct der base, bool excluded)
{
	const uint8_t *dot;

	name = without_dot(name);
	base = without_dot(base);
	if (in_domain(name, base, true))
		return true;
	if (!excluded || name.len < 3 || name.p[0] != '*' || !base.len)
		return false;
	if (base.p[0] == '.')
		base = behind(base, 1);
	dot = memchr(base.p, '.', base.len);
	if (!dot)
		return false;
	base = behind(base, (size_t)(dot - base.p));
	return base.len == name.len - 1 && ends_with(name, base);
}

/* A mailbox, a host, or with a dot the hosts of a domain. */
static bool match_email(struct der name, struct der base)
{
	const uint8_t *at = memchr(name.p, '@', name.len);

	if (!at)
		return false;
	if (base.len && memchr(base.p, '@', base.len))
		return name.len == base.len && ends_with(name, base);
	return in_domain(behind(name, (size_t)(at - name.p) + 1), base, false);
}

/* The host of scheme://user@host:port/path; false where there is none by name. */
static bool host_of(struct der uri, struct der *host)
{
	size_t start = 0, end;

	while (start + 3 <= uri.len && memcmp(uri.p + start, "://", 3) != 0)
		start++;
	if (start + 3 > uri.len)
		return false;
	start += 3;
	for (end = start; end < uri.len && !strchr("/?#:", uri.p[end]); end++)
		if (uri.p[end] == '@')
			start = end + 1;
	*host = (struct der){ uri.p + start, end - start };
	return host->len && uri.p[start] != '[';
}

static bool match_address(struct der name, struct der base)
{
	if (base.len != 2 * name.len)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if ((name.p[i] ^ base.p[i]) & base.p[name.len + i])
			return false;
	return true;
}

static bool match_directory(struct der name, struct der base)
{
	struct der in, start;

	return der_expect(&name, DER_SEQUENCE, &in) && der_expect(&base, DER_SEQUENCE, &start) &&
	       begins_with(&in, start);
}

/* NAME lies in the subtree BASE, both of the same form. What is not understood is taken for what is worse. */
static bool matches(struct name name, struct der base, bool excluded)
{
	struct der host;

	switch (name.tag) {
	case NAME_EMAIL:
		return match_email(name.in, base);
	case NAME_DNS:
		return match_dns(name.in, base, excluded);
	case NAME_DIRECTORY:
		return match_directory(name.in, base);
	case NAME_URI:
		return host_of(name.in, &host) ? in_domain(host, base, false) : excluded;
	case NAME_ADDRESS:
		return match_address(name.in, base);
	}
	return excluded;
}

/* Is NAME in one of the subtrees of LIST? *CONSTRAINED: one of them is of its form. */
static bool in_subtrees(struct name name, struct der list, bool excluded, size_t *budget, bool *constrained)
{
	while (list.len) {
		struct der subtree, base;
		uint8_t tag;

		if (*budget)
			--*budget;
		if (!*budget || !der_expect(&list, DER_SEQUENCE, &subtree) || !der_next(&subtree, &tag, &base, NULL)) {
			*constrained = true;
			return excluded;
		}
		if (tag != name.tag)
			continue;
		*constrained = true;
		/* minimum and maximum, which this profile does not have */
		if (subtree.len ? excluded : matches(name, base, excluded))
			return true;
	}
	return false;
}

static bool is_forbidden(const struct certificate *authority, struct name name, size_t *budget)
{
	bool constrained = false;

	if (in_subtrees(name, authority->excluded, true, budget, &constrained))
		return true;
	constrained = false;
	return !in_subtrees(name, authority->permitted, false, budget, &constrained) && constrained;
}

static bool forbid(const struct certificate *authority, struct name name, size_t *budget, struct buf *out)
{
	if (!is_forbidden(authority, name, budget))
		return false;
	add_name(out, name);
	return true;
}

/* emailAddress within the subject is a mail address as well. */
static bool subject_forbidden(const struct certificate *authority, const struct certificate *c, size_t *budget,
			      struct buf *out)
{
	static const uint8_t email[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01 };
	struct der name = c->subject, set, type, value;
	uint8_t tag;

	while (name.len && der_expect(&name, DER_SET, &set))
		while (set.len && next_attribute(&set, &type, &tag, &value))
			if (der_is(type, email, sizeof(email)) &&
			    forbid(authority, (struct name){ NAME_EMAIL, value }, budget, out))
				return true;
	return false;
}

bool names_forbidden(const struct certificate *authority, const struct certificate *c, size_t *budget, struct buf *out)
{
	struct der names = c->names;
	struct name name;

	if (!authority->permitted.len && !authority->excluded.len)
		return false;
	while (names.len && der_next(&names, &name.tag, &name.in, NULL))
		if (forbid(authority, name, budget, out))
			return true;
	name = (struct name){ NAME_DIRECTORY, c->subject_whole };
	return subject_forbidden(authority, c, budget, out) || (c->subject.len && forbid(authority, name, budget, out));
}
