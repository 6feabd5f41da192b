/* config.h - the part of liblzma that reads .xz: LZMA2 and the x86 filter, all checks. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef THIRD_XZ_CONFIG_H
#define THIRD_XZ_CONFIG_H

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HAVE_INTTYPES_H 1
#define HAVE_STDINT_H 1
#define HAVE_STDBOOL_H 1
#define HAVE__BOOL 1
#define HAVE___BUILTIN_BSWAPXX 1
#define HAVE___BUILTIN_ASSUME_ALIGNED 1
#define HAVE_CHECK_CRC32 1
#define HAVE_CHECK_CRC64 1
#define HAVE_CHECK_SHA256 1
/* The SHA-256 of image/sha256.c, not another one: 4 KB less, and faster. */
#include "image/sha256.h"
#define HAVE_SHA256_CTX 1
#define HAVE_SHA256_INIT 1
#define SHA256_CTX struct sha256
#define SHA256_Init sha256_begin
#define SHA256_Update sha256_add
#define SHA256_Final(sum, sha) sha256_end(sha, sum)
#define HAVE_SMALL 1 /* checksum tables are made at run time: 16 KB less */
#define NDEBUG 1
#define HAVE_DECODERS 1
#define HAVE_DECODER_LZMA1 1
#define HAVE_DECODER_LZMA2 1
#define HAVE_DECODER_X86 1
#define SIZEOF_SIZE_T __SIZEOF_SIZE_T__
#define TUKLIB_SYMBOL_PREFIX lzma_
#define PACKAGE_NAME "XZ Utils"
#define PACKAGE_BUGREPORT ""
#define PACKAGE_URL ""
#if defined(__x86_64__) || defined(__i386__)
#define TUKLIB_FAST_UNALIGNED_ACCESS 1
#endif
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define WORDS_BIGENDIAN 1
#endif

#ifndef UINT32_MAX
#define UINT32_MAX 0xffffffffU
#endif
#ifndef UINT64_MAX
#define UINT64_MAX 0xffffffffffffffffULL
#endif
#ifndef SIZE_MAX
#define SIZE_MAX (~(size_t)0)
#endif

#endif
