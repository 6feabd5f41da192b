/* sha256_table.h - the constants of SHA-256's rounds, shared by the portable and the fast half. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_SHA256_TABLE_H
#define IMAGE_SHA256_TABLE_H

#include <stdint.h>

/* Built for speed where everything else is built for size; clang builds it as it is told. */
#if defined(__clang__)
#define FAST
#else
#define FAST __attribute__((optimize("O2")))
#endif

extern const uint32_t sha256_table[64];

#endif
