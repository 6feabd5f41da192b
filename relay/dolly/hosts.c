/* hosts.c - a word that names hosts ("node1", "10.0.0.5-20", "node[001-400]-ib", "[fd00::1]") -> each of them. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/dolly/hosts.h"

#include "base/buf.h"

#include <stdio.h>

/* A range within a word: PREFIX, numbers FROM to TO of WIDTH digits, SUFFIX. */
struct range {
	const char *prefix, *suffix;
	size_t prefix_len, suffix_len;
	unsigned from, to;
	int width; /* zeros before shorter numbers; 1: none */
};

static size_t digits(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

static unsigned value(const char *p, size_t len)
{
	unsigned n = 0;

	while (len--)
		n = n * 10 + (unsigned)(*p++ - '0');
	return n;
}

/* "FROM-TO" from P on, at most MAX digits each. Where it ends, NULL where it is none. */
static const char *numbers(const char *p, const char *end, size_t max, struct range *r)
{
	size_t a = digits(p, end), b = a && p + a < end && p[a] == '-' ? digits(p + a + 1, end) : 0;

	if (!b || a > max || b > max)
		return NULL;
	r->from = value(p, a);
	r->to = value(p + a + 1, b);
	r->width = a > 1 && p[0] == '0' ? (int)a : 1;
	return p + a + 1 + b;
}

/* "10.0.0.5-20", as the originals' option -H has it since 0.71. */
static bool address_range(const char *word, size_t len, struct range *r)
{
	const char *end = word + len, *p = word, *behind;
	size_t n;

	for (int i = 0; i < 3; i++, p += n + 1) {
		n = digits(p, end);
		if (n < 1 || n > 3 || p + n >= end || p[n] != '.')
			return false;
	}
	*r = (struct range){ .prefix = word, .prefix_len = (size_t)(p - word), .suffix = end };
	behind = numbers(p, end, 3, r);
	r->width = 1;
	return behind == end && r->to <= 255;
}

/* "node[001-400]-ib" */
static bool bracket_range(const char *word, size_t len, struct range *r)
{
	const char *open = memchr(word, '[', len), *close;

	if (!open)
		return false;
	*r = (struct range){ .prefix = word, .prefix_len = (size_t)(open - word) };
	close = numbers(open + 1, word + len, 6, r);
	if (!close || close >= word + len || *close != ']')
		return false;
	r->suffix = close + 1;
	r->suffix_len = (size_t)(word + len - r->suffix);
	return true;
}

static int walk(const struct range *r, hosts_fn *fn, void *ctx)
{
	int err = r->to < r->from || r->to - r->from >= HOSTS_MAX ? -EINVAL : 0;

	for (unsigned n = r->from; !err && n <= r->to; n++) {
		cleanup_free char *name = str_printf("%.*s%0*u%.*s", (int)r->prefix_len, r->prefix, r->width, n,
						     (int)r->suffix_len, r->suffix);

		err = name ? fn(ctx, name, strlen(name)) : -ENOMEM;
	}
	return err;
}

int hosts_expand(const char *word, size_t len, hosts_fn *fn, void *ctx)
{
	struct range r;

	if (len == 0 || len > 255 || memchr(word, ' ', len) || memchr(word, '\t', len) || memchr(word, '\0', len))
		return -EINVAL;
	/* as in addresses of the web */
	if (len > 2 && word[0] == '[' && word[len - 1] == ']' && memchr(word, ':', len))
		return fn(ctx, word + 1, len - 2);
	if (address_range(word, len, &r) || bracket_range(word, len, &r))
		return walk(&r, fn, ctx);
	return memchr(word, '[', len) ? -EINVAL : fn(ctx, word, len);
}

int hosts_list(const char *list, hosts_fn *fn, void *ctx)
{
	int err = 0;

	while (!err && *list) {
		size_t len = strcspn(list, ", \t\n");

		if (len)
			err = hosts_expand(list, len, fn, ctx);
		list += len + (list[len] != '\0');
	}
	return err;
}
