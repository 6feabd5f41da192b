/* buf.c - bytes and formatted words in -> one growing, always terminated string. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"

#include "base/log.h"

#include <stdio.h>

int buf_reserve(struct buf *b, size_t extra)
{
	size_t need, cap;
	char *p;

	if (b->failed)
		return -ENOMEM;
	if (__builtin_add_overflow(b->len, extra, &need) || __builtin_add_overflow(need, 1, &need))
		goto failed;
	if (need <= b->cap)
		return 0;
	cap = MAX(need, b->cap + b->cap / 2);
	cap = MAX(cap, (size_t)64);
	p = realloc(b->data, cap);
	if (!p)
		goto failed;
	if (!b->data)
		p[0] = '\0';
	b->data = p;
	b->cap = cap;
	return 0;

failed:
	b->failed = true;
	return -ENOMEM;
}

int buf_add(struct buf *b, const void *bytes, size_t len)
{
	int err = buf_reserve(b, len);

	if (err)
		return err;
	if (len)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_char(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	char small[256];
	va_list again;
	int n, err;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n < 0) {
		err = -EINVAL;
	} else if ((size_t)n < sizeof(small)) {
		err = buf_add(b, small, (size_t)n);
	} else {
		err = buf_reserve(b, (size_t)n);
		if (!err) {
			vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
			b->len += (size_t)n;
		}
	}
	va_end(again);
	return err;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return err;
}

static void add_quoted(struct buf *b, const char *value)
{
	buf_char(b, '\'');
	for (; *value; value++) {
		if (*value == '\'')
			buf_str(b, "'\\''");
		else
			buf_char(b, *value);
	}
	buf_char(b, '\'');
}

/* A setting's beginning, unless a line cannot hold VALUE. */
static bool begin_setting(struct buf *b, const char *key, const char *value)
{
	for (const char *p = value; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 127) {
			log_warn("%s= is left out of a file: a control character is in it", key);
			return false;
		}
	}
	buf_printf(b, "%s=", key);
	return true;
}

void buf_setting(struct buf *b, const char *key, const char *value)
{
	if (!value || !*value || !begin_setting(b, key, value))
		return;
	add_quoted(b, value);
	buf_char(b, '\n');
}

void buf_setting_bare(struct buf *b, const char *key, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=[]";

	if (!value || !begin_setting(b, key, value))
		return;
	if (value[strspn(value, plain)])
		add_quoted(b, value);
	else
		buf_str(b, value);
	buf_char(b, '\n');
}

void buf_setting_number(struct buf *b, const char *key, int64_t n)
{
	buf_printf(b, "%s='%lld'\n", key, (long long)n);
}

const char *buf_cstr(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	char *s = NULL;

	if (!b->failed && buf_reserve(b, 0) == 0) {
		s = b->data;
		b->data = NULL;
	}
	buf_free(b);
	return s;
}

void buf_drop(struct buf *b, size_t len)
{
	len = MIN(len, b->len);
	if (!len)
		return;
	b->len -= len;
	memmove(b->data, b->data + len, b->len + 1);
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

char *str_printf(const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return buf_take(&b);
}

int str_copy(char *dst, size_t size, const char *s)
{
	size_t len = strlen(s), n = MIN(len, size - 1);

	memcpy(dst, s, n);
	dst[n] = '\0';
	return n == len ? 0 : -ENAMETOOLONG;
}

int parse_number(const char *s, int64_t min, int64_t max, int64_t *out)
{
	int64_t value = 0;
	bool negative = false;

	if (*s == '-') {
		negative = true;
		s++;
	}
	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *s - '0', &value))
			return -ERANGE;
	}
	if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
		return -ERANGE;
	if (value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}
