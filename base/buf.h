/* buf.h - bytes and formatted words in -> one growing, always terminated string. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/base.h"

/* A growing string. {0} is empty. After the first failed call `failed` stays set and nothing more is added, so a
 * caller may add many times and look once. */
struct buf {
	char *data;  /* the bytes, NUL behind the last; NULL while empty; owned by the buf */
	size_t len;  /* bytes used, without the NUL */
	size_t cap;  /* bytes allocated */
	bool failed; /* out of memory: the contents are cut */
};

/* Makes room for EXTRA more bytes. 0 or -ENOMEM. */
int buf_reserve(struct buf *b, size_t extra);

/* Adds LEN bytes, a string, one character, or formatted words. 0 or -ENOMEM. */
int buf_add(struct buf *b, const void *bytes, size_t len);
int buf_str(struct buf *b, const char *s);
int buf_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
int buf_vprintf(struct buf *b, const char *fmt, va_list ap);

/* Adds a line by which a shell reads exactly VALUE, KEY='it'\''s', or KEY='N'. Nothing where VALUE is NULL or empty.
 * One with a control character is left out, and a log line says so: whoever takes such a file apart by lines would read
 * others. Whatever a shell may read and was not made here goes through these. */
void buf_setting(struct buf *b, const char *key, const char *value);
/* The same with quotes only where a shell needs them; a VALUE that is empty has a line. */
void buf_setting_bare(struct buf *b, const char *key, const char *value);
void buf_setting_number(struct buf *b, const char *key, int64_t n);

/* The string, never NULL; owned by B. */
const char *buf_cstr(const struct buf *b);

/* The string, now owned by the caller (free it), B is empty again; NULL when memory ran out. */
char *buf_take(struct buf *b);

/* Drops the first LEN bytes. */
void buf_drop(struct buf *b, size_t len);

void buf_free(struct buf *b);

/* `cleanup_buf struct buf b = {0};` */
#define cleanup_buf __attribute__((cleanup(buf_free)))

/* A formatted string, owned by the caller; NULL when memory ran out. */
char *str_printf(const char *fmt, ...) printf_like(1, 2) must_check;

/* Copies S into DST of SIZE bytes, always terminated. 0, or -ENAMETOOLONG when S was cut. */
int str_copy(char *dst, size_t size, const char *s);

/* Parses all of S as a decimal number within MIN..MAX. 0, -EINVAL or -ERANGE; *OUT is untouched on error. */
int parse_number(const char *s, int64_t min, int64_t max, int64_t *out);

#endif
