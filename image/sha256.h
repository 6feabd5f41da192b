/* sha256.h - bytes -> their SHA-256 (FIPS 180-4), with the processor's own instructions where it has them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_SHA256_H
#define IMAGE_SHA256_H

#include "base/base.h"

#define SHA256_SIZE 32

/* A sum in the making. Start with sha256_begin. */
struct sha256 {
	uint32_t state[8];
	uint64_t length;   /* bytes so far */
	uint8_t block[64]; /* the last, unfinished block */
	/* Mixes COUNT whole blocks in; chosen by sha256_begin. */
	void (*mix)(uint32_t state[static 8], const uint8_t *blocks, size_t count);
};

/* An empty sum; LEN more bytes into it; the sum of all of them. After sha256_end only sha256_begin has a meaning. */
void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t len);
void sha256_end(struct sha256 *s, uint8_t sum[static SHA256_SIZE]);

/* The two ways to mix blocks in, for tests and measurements; the second is NULL where the processor lacks it. */
void sha256_mix_plain(uint32_t state[static 8], const uint8_t *blocks, size_t count);
typedef void sha256_mix_fn(uint32_t state[static 8], const uint8_t *blocks, size_t count);
sha256_mix_fn *sha256_mix_fast(void);

/* Reads 64 hexadecimal digits, of either case, and nothing else. 0 or -EINVAL. */
int sha256_parse(uint8_t sum[static SHA256_SIZE], const char *hex) must_check;

/* The 64 lower-case digits, terminated. */
void sha256_format(char hex[static 2 * SHA256_SIZE + 1], const uint8_t sum[static SHA256_SIZE]);

#endif
