/* ed25519.c - signify's Ed25519 and BearSSL's SHA-512 -> signatures, with the checks that the former leaves out. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust/ed25519.h"

#include <bearssl.h>
#include <ed25519/ge25519.h>

/* ---- what the library asks for */

int crypto_hash_sha512(unsigned char *out, const unsigned char *in, unsigned long long len)
{
	br_sha512_context c;

	br_sha512_init(&c);
	br_sha512_update(&c, in, (size_t)len);
	br_sha512_out(&c, out);
	return 0;
}

int crypto_verify_32(const unsigned char *a, const unsigned char *b)
{
	unsigned char difference = 0;

	for (int i = 0; i < 32; i++)
		difference |= a[i] ^ b[i];
	return difference ? -1 : 0;
}

static const uint8_t *next_seed;

void ed25519_seed(void *bytes, size_t len); /* third/ed25519/config.h */

void ed25519_seed(void *bytes, size_t len)
{
	memcpy(bytes, next_seed, len);
}

/* ---- keys */

/* Is the little-endian number A below B? */
static bool is_below(const uint8_t *a, const uint8_t *b)
{
	for (int i = 31; i >= 0; i--)
		if (a[i] != b[i])
			return a[i] < b[i];
	return false;
}

/* The prime 2^255 - 19, and the order of the group (RFC 8032, section 5.1). */
static const uint8_t prime[32] = { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };
static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
				   0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
				   0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10 };

/* Is eight times the point nothing? */
static bool is_small(const ge25519 *point)
{
	static const unsigned char eight[32] = { 8 }, zero[32];
	sc25519 times, none;
	ge25519 product;

	sc25519_from32bytes(&times, eight);
	sc25519_from32bytes(&none, zero);
	ge25519_double_scalarmult_vartime(&product, point, &times, &ge25519_base, &none);
	return ge25519_isneutral_vartime(&product);
}

int ed25519_check_key(const uint8_t key[static ED25519_KEY])
{
	uint8_t y[32];
	ge25519 point;

	memcpy(y, key, sizeof(y));
	y[31] &= 0x7f; /* the highest bit is the sign of x */
	if (!is_below(y, prime) || ge25519_unpackneg_vartime(&point, key) || is_small(&point))
		return -EINVAL;
	return 0;
}

void ed25519_pair(uint8_t key[static ED25519_KEY], uint8_t secret[static ED25519_SECRET],
		  const uint8_t seed[static ED25519_SEED])
{
	next_seed = seed;
	crypto_sign_ed25519_keypair(key, secret);
}

/* ---- signatures; the library wants one and its message in one piece */

int ed25519_verify(const uint8_t key[static ED25519_KEY], const void *message, size_t len,
		   const uint8_t signature[static ED25519_SIGNATURE])
{
	cleanup_free uint8_t *both = malloc(2 * (len + ED25519_SIGNATURE));
	unsigned long long opened;

	if (!both)
		return -ENOMEM;
	if (ed25519_check_key(key))
		return -EINVAL;
	if (!is_below(signature + 32, order))
		return -EKEYREJECTED;
	memcpy(both, signature, ED25519_SIGNATURE);
	if (len)
		memcpy(both + ED25519_SIGNATURE, message, len);
	if (crypto_sign_ed25519_open(both + len + ED25519_SIGNATURE, &opened, both, len + ED25519_SIGNATURE, key))
		return -EKEYREJECTED;
	return 0;
}

int ed25519_sign(uint8_t signature[static ED25519_SIGNATURE], const void *message, size_t len,
		 const uint8_t secret[static ED25519_SECRET])
{
	cleanup_free uint8_t *both = malloc(len + ED25519_SIGNATURE);
	unsigned long long signed_len;

	if (!both)
		return -ENOMEM;
	crypto_sign_ed25519(both, &signed_len, message, len, secret);
	memcpy(signature, both, ED25519_SIGNATURE);
	return 0;
}
