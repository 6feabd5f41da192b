/* test_ed25519.c - trust/ed25519.h: RFC 8032's vectors, and what must be refused. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digits.h"
#include "trust/ed25519.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Digits, always in pairs, as bytes: how many. */
static size_t unhex(uint8_t *out, const char *hex)
{
	size_t n = 0;

	for (; *hex; hex += 2)
		out[n++] = (uint8_t)(hex_digit(hex[0]) * 16 + hex_digit(hex[1]));
	return n;
}

/* RFC 8032, section 7.1, tests 1, 2, 3 and SHA(abc). */
static const struct vector {
	const char *seed, *key, *message, *signature;
} vectors[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
	  "d25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
	  "387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
	  "4a7c15e9716ed28dc027beceea1ec40a" },
	{ "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
	  "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
	  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
	  "454d4423643ce80e2a9ac94fa54ca49f",
	  "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
	  "3dca179c138ac17ad9bef1177331a704" },
};

static void test_published_vectors(void **state)
{
	uint8_t seed[32], want[32], key[32], secret[64], message[64], signature[64], got[64];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		size_t len = unhex(message, vectors[i].message);

		unhex(seed, vectors[i].seed);
		unhex(want, vectors[i].key);
		unhex(signature, vectors[i].signature);
		ed25519_pair(key, secret, seed);
		assert_memory_equal(key, want, 32);
		assert_int_equal(ed25519_sign(got, message, len, secret), 0);
		assert_memory_equal(got, signature, 64);
		assert_int_equal(ed25519_check_key(key), 0);
		assert_int_equal(ed25519_verify(key, message, len, signature), 0);
	}
}

/* One bit of a key, a signature or a message is another: never valid. */
static void test_every_altered_bit_is_refused(void **state)
{
	uint8_t key[32], message[2], signature[64];
	(void)state;

	unhex(key, vectors[2].key);
	unhex(message, vectors[2].message);
	unhex(signature, vectors[2].signature);
	for (int bit = 0; bit < 8 * 64; bit += 3) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ed25519_verify(key, message, 2, signature), -EKEYREJECTED);
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (int bit = 0; bit < 8 * 32; bit += 3) {
		key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(ed25519_verify(key, message, 2, signature), 0);
		key[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (int bit = 0; bit < 16; bit++) {
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ed25519_verify(key, message, 2, signature), -EKEYREJECTED);
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(ed25519_verify(key, message, 1, signature), -EKEYREJECTED);
	assert_int_equal(ed25519_verify(key, message, 2, signature), 0);
}

/* Adds the group's order to the number S, as often as it fits into 256 bits: the same signature for a careless reader.
 */
static bool add_order(uint8_t s[32])
{
	static const char order[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
	uint8_t l[32];
	unsigned carry = 0;

	unhex(l, order);
	for (int i = 0; i < 32; i++) {
		carry += s[i] + l[i];
		s[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return !carry;
}

static void test_a_signature_has_one_form(void **state)
{
	uint8_t key[32], message[2], signature[64];
	int forms = 0;
	(void)state;

	unhex(key, vectors[2].key);
	unhex(message, vectors[2].message);
	unhex(signature, vectors[2].signature);
	while (add_order(signature + 32)) {
		assert_int_equal(ed25519_verify(key, message, 2, signature), -EKEYREJECTED);
		forms++;
	}
	assert_in_range(forms, 14, 15);
}

/* What a careless reader takes for a key: points of order 1, 2, 4 and 8, other encodings of them and of others, and
 * what is no point at all. */
static void test_keys_that_prove_nothing(void **state)
{
	static const char *const keys[] = {
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"0200000000000000000000000000000000000000000000000000000000000000",
	};
	uint8_t key[32], signature[64] = { 0 };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		unhex(key, keys[i]);
		assert_int_equal(ed25519_check_key(key), -EINVAL);
		assert_int_equal(ed25519_verify(key, "x", 1, signature), -EINVAL);
		memcpy(signature, key, 32);
		assert_int_equal(ed25519_verify(key, "x", 1, signature), -EINVAL);
	}
}

/* The first of the two points is nothing, the number nought: no signature by anybody. */
static void test_empty_signatures(void **state)
{
	uint8_t key[32], signature[64] = { 0 };
	(void)state;

	unhex(key, vectors[0].key);
	assert_int_equal(ed25519_verify(key, "", 0, signature), -EKEYREJECTED);
	signature[0] = 1;
	assert_int_equal(ed25519_verify(key, "", 0, signature), -EKEYREJECTED);
	memset(signature, 0xff, 64);
	assert_int_equal(ed25519_verify(key, "", 0, signature), -EKEYREJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),        cmocka_unit_test(test_every_altered_bit_is_refused),
		cmocka_unit_test(test_a_signature_has_one_form), cmocka_unit_test(test_keys_that_prove_nothing),
		cmocka_unit_test(test_empty_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
