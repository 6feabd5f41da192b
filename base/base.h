/* base.h - what every file may use: attributes, sizes, cleanup; nothing that does input or output. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The caller must look at the result. */
#define must_check __attribute__((warn_unused_result))
/* Argument FMT is a printf format, the values start at argument FIRST. */
#define printf_like(fmt, first) __attribute__((format(printf, fmt, first)))
#define maybe_unused            __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))
#define KIB           ((int64_t)1024)
#define MIB           (1024 * KIB)

/* The struct of TYPE whose field MEMBER PTR points to. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* `cleanup_free char *p = NULL;` frees p when it goes out of scope. */
#define cleanup_free __attribute__((cleanup(base_free_ptr)))
static inline void base_free_ptr(void *p)
{
	free(*(void **)p);
}

/* `cleanup_close int fd = -1;` closes fd when it goes out of scope. */
#define cleanup_close __attribute__((cleanup(base_close_fd)))
void base_close_fd(int *fd);

/* True when the strings are equal; NULL equals nothing. */
static inline bool streq(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* True when S starts with PREFIX. */
static inline bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

#endif
