/* config.h - what libkmod wants to know of the C library, and what dietlibc lacks; included before each of its files. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef THIRD_KMOD_CONFIG_H
#define THIRD_KMOD_CONFIG_H

#include <endian.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#define PACKAGE "kmod"
#define SYSCONFDIR "/etc"
#define ROOTPREFIX ""
#define ENABLE_XZ 1
#define ENABLE_ZSTD 1
#define ENABLE_LOGGING 1
#define HAVE_LINUX_MODULE_H 1
#define HAVE_NORETURN 1
#define HAVE_STATIC_ASSERT 1
#ifndef __dietlibc__
#define HAVE_STRUCT_STAT_ST_MTIM 1
#endif
#define HAVE_DECL_STRNDUPA 0
#define HAVE_DECL_BE32TOH 1
#define HAVE_SECURE_GETENV 1
#define HAVE___BUILTIN_UADDL_OVERFLOW 1
#define HAVE___BUILTIN_UADDLL_OVERFLOW 1
#define HAVE___BUILTIN_TYPES_COMPATIBLE_P 1

/* PID 1 and host tools, never set-user-ID. */
#undef secure_getenv
#define secure_getenv getenv

#ifndef UINT64_MAX
#define UINT64_MAX 0xffffffffffffffffULL
#endif
#ifndef UINT32_MAX
#define UINT32_MAX 0xffffffffU
#endif
#ifndef SIZE_MAX
#define SIZE_MAX (~(size_t)0)
#endif
#ifndef be32toh
#define be32toh __builtin_bswap32
#endif

#ifndef __GLIBC__
/* The GNU one: the part behind the last slash, PATH untouched. */
static inline char *third_basename(const char *path)
{
	const char *slash = strrchr(path, '/');
	return (char *)(slash ? slash + 1 : path);
}
#undef basename
#define basename third_basename
#endif

#endif
