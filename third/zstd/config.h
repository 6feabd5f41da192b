/* config.h - the part of libzstd that reads .zst. dietlibc makes __noinline__ a macro, and libzstd uses the word. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef THIRD_ZSTD_CONFIG_H
#define THIRD_ZSTD_CONFIG_H

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#undef __noinline__
#endif

#define ZSTD_LEGACY_SUPPORT 0
#define ZSTD_NO_TRACE 1
#define ZSTD_STRIP_ERROR_STRINGS 1
#define HUF_FORCE_DECOMPRESS_X1 1              /* one Huffman decoder of two */
#define ZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT 1 /* one sequence decoder of two */
#define DYNAMIC_BMI2 0 /* one copy of each decoder, not two: 30 KB less */

#endif
