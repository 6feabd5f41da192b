/* config.h - what libkmod (30 to 34) wants to know of the C library, what dietlibc lacks; before each of its files. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef THIRD_KMOD_CONFIG_H
#define THIRD_KMOD_CONFIG_H

/* dietlibc's fstatat and dirfd */
#define _ATFILE_SOURCE
#define _BSD_SOURCE

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
#define DISTCONFDIR "/usr/lib"
#define MODULE_DIRECTORY "/lib/modules"
#define ENABLE_XZ 1
#define ENABLE_XZ_DLOPEN 0
#define ENABLE_ZSTD 1
#define ENABLE_ZSTD_DLOPEN 0
/* 30 asks whether they are defined, 34 for their value. */
#if __has_include("libkmod/libkmod-internal-file.h")
#define ENABLE_LOGGING 0
#define ENABLE_DEBUG 0
#define ENABLE_ELFDBG 0
#endif
#define HAVE_LINUX_MODULE_H 1
#define HAVE_NORETURN 1
#define HAVE_STATIC_ASSERT 1
#ifndef __dietlibc__
#define HAVE_STRUCT_STAT_ST_MTIM 1
#endif
#define HAVE_DECL_STRNDUPA 0
#define HAVE_DECL_BE32TOH 1
#define HAVE_DECL_BASENAME 1
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
#ifndef be64toh
#define be64toh __builtin_bswap64
#define le64toh(x) (x)
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
