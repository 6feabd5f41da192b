/* small.h - a few functions of the C library in a tenth of the size: what stage1 needs of them, put there by the
 * linker. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_SMALL_H
#define BASE_SMALL_H

#include "base/base.h"

#include <stdio.h>

/* The Makefile links stage1 with --wrap=NAME for each of these: whoever calls NAME, a library of others included, gets
 * __wrap_NAME. Nothing else is linked so. Behaviour is that of C11 and POSIX but for what is said here. */

/* The conversions d i u x X o c s p %, their flags, width and precision, and the lengths hh h l ll z t j. No floating
 * point and no wide characters: such a conversion comes out as it is written. */
int __wrap_vsnprintf(char *out, size_t size, const char *fmt, va_list ap);
int __wrap_snprintf(char *out, size_t size, const char *fmt, ...) printf_like(3, 4);
int __wrap_sprintf(char *out, const char *fmt, ...) printf_like(2, 3); /* for libraries of others */
int __wrap_asprintf(char **out, const char *fmt, ...) printf_like(2, 3);

/* The first 1023 bytes. */
int __wrap_vfprintf(FILE *to, const char *fmt, va_list ap);
int __wrap_fprintf(FILE *to, const char *fmt, ...) printf_like(2, 3);

/* Bytes are characters, and flags must be 0: a slash and a leading dot are nothing special. 0, or FNM_NOMATCH. */
int __wrap_fnmatch(const char *pattern, const char *text, int flags);

/* Heapsort: in place, and never slow. */
void __wrap_qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));

/* Powers of two, kept for the next of their size; what is larger than 64 KiB is the kernel's, and goes back to it. For
 * a process without threads. */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

/* In base 10 or 16, or 0 for "0x" or none of it; what is too large becomes the largest, and errno ERANGE. */
long __wrap_strtol(const char *s, char **end, int base);
unsigned long __wrap_strtoul(const char *s, char **end, int base);

/* For the short needles there are. */
void *__wrap_memmem(const void *hay, size_t hay_len, const void *needle, size_t needle_len);
char *__wrap_strstr(const char *hay, const char *needle);

#endif
