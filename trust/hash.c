/* hash.c - bytes -> their BLAKE3 digest (written from the BLAKE3 specification), vectors chosen at run time. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust/hash.h"

/* The product is built for size; this is the one file where each byte of the image passes through arithmetic. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#define LEAF_SIZE  1024 /* the specification's chunk; called leaf here because a chunk is something else in relay/ */
#define BLOCK_SIZE 64
/* Leaves whose values are merged together: enough for the widest vectors on all but the last levels of the tree. */
#define PIECE_LEAVES 256
#define PIECE_SIZE   ((size_t)PIECE_LEAVES * LEAF_SIZE)
#define MAX_DEPTH    47 /* of the tree above pieces: 2^64 bytes */

/* Flags of the compression function (specification, table 3). */
enum {
	FLAG_LEAF_START = 1,
	FLAG_LEAF_END = 2,
	FLAG_PARENT = 4,
	FLAG_ROOT = 8,
	FLAG_KEYED = 16,
};

static const uint32_t hash_iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* A word of the message, which is little-endian on every machine. */
static inline uint32_t little32(uint32_t word)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(word) : word;
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, 4);
	return little32(word);
}

/* The compression function (specification, sections 2.1 and 2.2) on v[16] and m[16], which are single words or vectors
 * of words: the same text serves one leaf and many. */
#define ROTATE(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
#define MIX(a, b, c, d, x, y)                                                                                          \
	do {                                                                                                           \
		v[a] += v[b] + m[x];                                                                                   \
		v[d] = ROTATE(v[d] ^ v[a], 16);                                                                        \
		v[c] += v[d];                                                                                          \
		v[b] = ROTATE(v[b] ^ v[c], 12);                                                                        \
		v[a] += v[b] + m[y];                                                                                   \
		v[d] = ROTATE(v[d] ^ v[a], 8);                                                                         \
		v[c] += v[d];                                                                                          \
		v[b] = ROTATE(v[b] ^ v[c], 7);                                                                         \
	} while (0)
/* Which words of the message each round mixes in (specification, section 2.2: the permutation, applied again and
 * again). */
static const uint8_t schedule[7][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 },
	{ 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1 },
	{ 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6 },
	{ 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4 },
	{ 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7 },
	{ 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13 },
};
/* A loop, not seven copies: the words are read from memory in any case, and the code is a fifth. */
#define SEVEN_ROUNDS                                                                                                   \
	_Pragma("GCC unroll 1") for (int round = 0; round < 7; round++)                                                \
	{                                                                                                              \
		const uint8_t *s = schedule[round];                                                                    \
                                                                                                                       \
		MIX(0, 4, 8, 12, s[0], s[1]);                                                                          \
		MIX(1, 5, 9, 13, s[2], s[3]);                                                                          \
		MIX(2, 6, 10, 14, s[4], s[5]);                                                                         \
		MIX(3, 7, 11, 15, s[6], s[7]);                                                                         \
		MIX(0, 5, 10, 15, s[8], s[9]);                                                                         \
		MIX(1, 6, 11, 12, s[10], s[11]);                                                                       \
		MIX(2, 7, 8, 13, s[12], s[13]);                                                                        \
		MIX(3, 4, 9, 14, s[14], s[15]);                                                                        \
	}

/* One block of LEN bytes (the rest of the 64 is zero) into the chaining value CV. */
static void compress(uint32_t cv[8], const uint8_t block[BLOCK_SIZE], uint64_t counter, uint32_t len, uint32_t flags)
{
	uint32_t m[16];
	uint32_t v[16] = { cv[0],
			   cv[1],
			   cv[2],
			   cv[3],
			   cv[4],
			   cv[5],
			   cv[6],
			   cv[7],
			   hash_iv[0],
			   hash_iv[1],
			   hash_iv[2],
			   hash_iv[3],
			   (uint32_t)counter,
			   (uint32_t)(counter >> 32),
			   len,
			   flags };

	for (int i = 0; i < 16; i++)
		m[i] = load32(block + 4 * i);
	SEVEN_ROUNDS;
	for (int i = 0; i < 8; i++)
		cv[i] = v[i] ^ v[i + 8];
}

static void store_cv(const uint32_t cv[8], uint8_t out[HASH_SIZE])
{
	for (int i = 0; i < 8; i++) {
		uint32_t word = little32(cv[i]);

		memcpy(out + 4 * i, &word, 4);
	}
}

/* Four words of one input, as they lie in memory. */
typedef uint32_t square_row __attribute__((vector_size(16)));

/* What is hashed many at once: leaves, or blocks that are parents. Input i begins at INPUT + i * STRIDE. */
struct many {
	size_t stride, blocks;       /* bytes between inputs, 64-byte blocks in each */
	uint32_t step;               /* 1: each input has its own counter; 0: all have 0 */
	uint32_t flags, first, last; /* of every block, of the first and of the last one besides */
};

/* Four lanes are compiled for what every processor of this architecture has (SSE2 on x86-64, or plain code). */
#define LANES     4
#define LANE_NAME many4
#define LANE_TARGET
#include "trust/hash_lanes.h"
#if defined(__x86_64__)
#define LANES       8
#define LANE_NAME   many8
#define LANE_TARGET __attribute__((target("avx2")))
#include "trust/hash_lanes.h"
#define LANES       16
#define LANE_NAME   many16
#define LANE_TARGET __attribute__((target("avx512f,avx512vl")))
#include "trust/hash_lanes.h"
#endif

/* One input: what is left where no engine has so few lanes. */
static void hash_one(const uint32_t key[8], const uint8_t *input, const struct many *m, uint64_t counter,
		     uint8_t out[HASH_SIZE])
{
	uint32_t cv[8];

	memcpy(cv, key, sizeof(cv));
	for (size_t b = 0; b < m->blocks; b++)
		compress(cv, input + b * BLOCK_SIZE, counter, BLOCK_SIZE,
			 m->flags | (b == 0 ? m->first : 0) | (b == m->blocks - 1 ? m->last : 0));
	store_cv(cv, out);
}

/* A leaf of at most 1 KiB, the last one of a message; FLAG_ROOT in FLAGS is for its last block. */
static void short_leaf(const uint32_t key[8], const uint8_t *input, size_t len, uint64_t counter, uint32_t flags,
		       uint8_t out[HASH_SIZE])
{
	uint32_t cv[8], start = FLAG_LEAF_START, root = flags & FLAG_ROOT;
	uint8_t block[BLOCK_SIZE] = { 0 };

	flags &= ~root;
	memcpy(cv, key, sizeof(cv));
	for (; len > BLOCK_SIZE; input += BLOCK_SIZE, len -= BLOCK_SIZE, start = 0)
		compress(cv, input, counter, BLOCK_SIZE, flags | start);
	if (len)
		memcpy(block, input, len);
	compress(cv, block, counter, (uint32_t)len, flags | start | FLAG_LEAF_END | root);
	store_cv(cv, out);
}

/* One way to hash several inputs at once. */
struct engine {
	const char *name;
	size_t lanes;
	void (*many)(const uint32_t key[8], const uint8_t *input, const struct many *m, uint64_t counter,
		     uint8_t out[][HASH_SIZE]);
};

/* The widest first; what is left over by one is done by the next. */
static const struct engine engines[] = {
#if defined(__x86_64__)
	{ "avx512", 16, many16 },
	{ "avx2", 8, many8 },
#endif
	{ "portable", 4, many4 },
};

static const struct engine *engine;

#if defined(__x86_64__)
/* Which register sets the processor has and the kernel saves (Intel SDM, volume 1, section 14.3 and 15.2). The
 * compiler's own question costs 5 KB. */
static bool has_vectors(size_t lanes)
{
	const uint32_t osxsave = 1 << 27, avx2 = 1 << 5, avx512f = 1 << 16, avx512vl = 1u << 31;
	const uint32_t needed = lanes == 16 ? avx512f | avx512vl : avx2, saved = lanes == 16 ? 0xe6 : 0x06;
	uint32_t a, b, c, d;

	__asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0), "c"(0));
	if (a < 7)
		return false;
	__asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
	if (!(c & osxsave))
		return false;
	__asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	if ((a & saved) != saved)
		return false;
	__asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
	return (b & needed) == needed;
}
#endif

static bool can_run(const struct engine *e)
{
#if defined(__x86_64__)
	if (e->lanes > 4)
		return has_vectors(e->lanes);
#endif
	return e->lanes == 4;
}

static const struct engine *choose(void)
{
	for (size_t i = 0; !engine; i++)
		if (can_run(&engines[i]))
			engine = &engines[i];
	return engine;
}

int hash_use_engine(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		if (streq(engines[i].name, name) && can_run(&engines[i])) {
			engine = &engines[i];
			return 0;
		}
	}
	return -ENOENT;
}

/* Hashes COUNT inputs, as M says, into OUT, which may be where the input is: an input is read before its place is
 * written. */
static void hash_many(const uint32_t key[8], const uint8_t *input, size_t count, const struct many *m, uint64_t counter,
		      uint8_t out[][HASH_SIZE])
{
	for (const struct engine *e = choose(); e < engines + ARRAY_SIZE(engines); e++) {
		while (count >= e->lanes) {
			e->many(key, input, m, counter, out);
			input += e->lanes * m->stride;
			counter += m->step * e->lanes;
			count -= e->lanes;
			out += e->lanes;
		}
	}
	for (; count > 0; count--, input += m->stride, counter += m->step)
		hash_one(key, input, m, counter, *out++);
}

/* The chaining values of the leaves of INPUT, the first of which is leaf number COUNTER: how many. */
static size_t hash_leaves(const uint32_t key[8], const uint8_t *input, size_t len, uint64_t counter, uint32_t flags,
			  uint8_t out[][HASH_SIZE])
{
	const struct many m = { LEAF_SIZE, LEAF_SIZE / BLOCK_SIZE, 1, flags, FLAG_LEAF_START, FLAG_LEAF_END };
	size_t whole = len / LEAF_SIZE;

	hash_many(key, input, whole, &m, counter, out);
	if (len % LEAF_SIZE == 0)
		return whole;
	short_leaf(key, input + whole * LEAF_SIZE, len % LEAF_SIZE, counter + whole, flags, out[whole]);
	return whole + 1;
}

/* Merges COUNT neighbours pair by pair, level by level, until LEFT (1 or 2) are left. One without a partner goes up as
 * it is: so a tree's left half is always a power of two (specification, section 2.1). */
static void merge(const uint32_t key[8], uint8_t cv[][HASH_SIZE], size_t count, size_t left, uint32_t flags)
{
	const struct many m = { BLOCK_SIZE, 1, 0, flags | FLAG_PARENT, 0, 0 };

	for (; count > left; count = (count + 1) / 2) {
		hash_many(key, cv[0], count / 2, &m, 0, cv);
		if (count & 1)
			memcpy(cv[count / 2], cv[count - 1], HASH_SIZE);
	}
}

static struct hash digest(const uint32_t key[8], const uint8_t *input, size_t len, uint32_t flags)
{
	uint8_t cv[PIECE_LEAVES][HASH_SIZE];
	uint8_t stack[MAX_DEPTH][HASH_SIZE]; /* complete subtrees, largest first (section 5.1.2) */
	uint64_t pieces = 0;
	size_t count;
	int depth = 0;
	struct hash h;

	/* the last piece is kept back: only then is it known what is the root */
	for (; len > PIECE_SIZE; input += PIECE_SIZE, len -= PIECE_SIZE) {
		hash_leaves(key, input, PIECE_SIZE, pieces * PIECE_LEAVES, flags, cv);
		merge(key, cv, PIECE_LEAVES, 1, flags);
		memcpy(stack[depth++], cv[0], HASH_SIZE);
		for (uint64_t pairs = ++pieces; (pairs & 1) == 0; pairs >>= 1)
			merge(key, stack + --depth - 1, 2, 1, flags);
	}
	if (pieces == 0 && len <= LEAF_SIZE) {
		short_leaf(key, input, len, 0, flags | FLAG_ROOT, h.b);
		return h;
	}
	count = hash_leaves(key, input, len, pieces * PIECE_LEAVES, flags, cv);
	merge(key, cv, count, depth ? 1 : 2, flags);
	if (depth)
		memcpy(stack[depth], cv[0], HASH_SIZE);
	for (; depth > 1; depth--)
		merge(key, stack + depth - 1, 2, 1, flags);
	merge(key, depth ? stack : cv, 2, 1, flags | FLAG_ROOT);
	memcpy(h.b, depth ? stack[0] : cv[0], HASH_SIZE);
	return h;
}

struct hash hash_bytes(const void *bytes, size_t len)
{
	return digest(hash_iv, bytes, len, 0);
}

struct hash hash_keyed(const struct hash *key, const void *bytes, size_t len)
{
	uint32_t words[8];

	for (int i = 0; i < 8; i++)
		words[i] = load32(key->b + 4 * i);
	return digest(words, bytes, len, FLAG_KEYED);
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	uint8_t difference = 0;

	for (int i = 0; i < HASH_SIZE; i++)
		difference |= a->b[i] ^ b->b[i];
	return difference == 0;
}
