/* sha256.c - bytes -> their SHA-256 (FIPS 180-4): the portable half; sha256_x86.c has the fast one. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/sha256.h"

#include "base/digits.h"
#include "image/bytes.h"
#include "image/sha256_table.h"

/* FIPS 180-4 section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const uint32_t sha256_table[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

/* Section 6.2.2, steps 1 and 3 at once: word t of the schedule is made in a ring of 16 just before it is used. */
FAST void sha256_mix_plain(uint32_t state[static 8], const uint8_t *blocks, size_t count)
{
	for (; count; count--, blocks += 64) {
		uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
		uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
		uint32_t w[16];

		for (unsigned t = 0; t < 64; t++) {
			uint32_t word, t1, t2;

			if (t < 16) {
				word = be32(blocks + 4 * t);
			} else {
				uint32_t w2 = w[(t - 2) & 15], w15 = w[(t - 15) & 15];

				word = (ror(w2, 17) ^ ror(w2, 19) ^ w2 >> 10) + w[(t - 7) & 15] +
				       (ror(w15, 7) ^ ror(w15, 18) ^ w15 >> 3) + w[t & 15];
			}
			w[t & 15] = word;
			t1 = h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + (g ^ (e & (f ^ g))) + sha256_table[t] + word;
			t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) | (c & (a | b)));
			h = g;
			g = f;
			f = e;
			e = d + t1;
			d = c;
			c = b;
			b = a;
			a = t1 + t2;
		}
		state[0] += a;
		state[1] += b;
		state[2] += c;
		state[3] += d;
		state[4] += e;
		state[5] += f;
		state[6] += g;
		state[7] += h;
	}
}

/* Section 5.3.3: the first 32 bits of the fractional parts of the square roots of the first 8 primes. */
void sha256_begin(struct sha256 *s)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->state, start, sizeof(start));
	s->length = 0;
	s->mix = sha256_mix_fast();
	if (!s->mix)
		s->mix = sha256_mix_plain;
}

void sha256_add(struct sha256 *s, const void *bytes, size_t len)
{
	size_t have = s->length % 64;
	const uint8_t *p = bytes;

	s->length += len;
	if (have) {
		size_t n = MIN(len, 64 - have);

		memcpy(s->block + have, p, n);
		if (have + n < 64)
			return;
		s->mix(s->state, s->block, 1);
		p += n;
		len -= n;
	}
	if (len >= 64)
		s->mix(s->state, p, len / 64);
	if (len % 64)
		memcpy(s->block, p + (len & ~(size_t)63), len % 64);
}

/* Section 5.1.1: a one bit, zeros, and the length in bits fill the last block. */
void sha256_end(struct sha256 *s, uint8_t sum[static SHA256_SIZE])
{
	static const uint8_t pad[64] = { 0x80 };
	uint64_t bits = s->length * 8;
	uint8_t tail[8];
	unsigned i;

	for (i = 0; i < 8; i++)
		tail[i] = (uint8_t)(bits >> (56 - 8 * i));
	sha256_add(s, pad, 1 + (119 - s->length % 64) % 64);
	sha256_add(s, tail, 8);
	for (i = 0; i < SHA256_SIZE; i++)
		sum[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

int sha256_parse(uint8_t sum[static SHA256_SIZE], const char *hex)
{
	unsigned i;

	if (strlen(hex) != 2 * SHA256_SIZE)
		return -EINVAL;
	for (i = 0; i < SHA256_SIZE; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		sum[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

void sha256_format(char hex[static 2 * SHA256_SIZE + 1], const uint8_t sum[static SHA256_SIZE])
{
	unsigned i;

	for (i = 0; i < SHA256_SIZE; i++) {
		hex[2 * i] = "0123456789abcdef"[sum[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[sum[i] & 15];
	}
	hex[2 * SHA256_SIZE] = '\0';
}
