/* hash.h - bytes -> their BLAKE3 digest, with the widest vectors this processor has. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRUST_HASH_H
#define TRUST_HASH_H

#include "base/base.h"

/* Bytes of a digest. */
#define HASH_SIZE 32

/* A digest, to be passed and compared by value. */
struct hash {
	uint8_t b[HASH_SIZE];
};

/* BLAKE3 of LEN bytes (the specification's hash mode, 32 bytes out). The same on every machine. */
struct hash hash_bytes(const void *bytes, size_t len);

/* The keyed mode: a MAC of LEN bytes under KEY. */
struct hash hash_keyed(const struct hash *key, const void *bytes, size_t len);

/* True when equal; takes the same time wherever they differ. */
bool hash_equal(const struct hash *a, const struct hash *b);

/* Uses the engine of that name, "avx512", "avx2" or "portable", from now on (tests: all engines must agree). 0, or
 * -ENOENT where this processor cannot run it. */
int hash_use_engine(const char *name);

#endif
