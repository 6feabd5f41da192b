/* test_sha256.c - image/sha256.h: the published vectors, any cutting of the bytes, both ways to compute. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void sum_of(const void *bytes, size_t len, size_t portion, bool plain, char hex[65])
{
	uint8_t sum[SHA256_SIZE];
	struct sha256 s;

	sha256_begin(&s);
	if (plain)
		s.mix = sha256_mix_plain;
	for (size_t at = 0; at < len; at += portion)
		sha256_add(&s, (const char *)bytes + at, MIN(portion, len - at));
	sha256_end(&s, sum);
	sha256_format(hex, sum);
}

/* FIPS 180-4's examples as NIST publishes them. */
static void test_published_vectors(void **state)
{
	static const struct {
		const char *text, *hex;
	} vectors[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	};
	char hex[65];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		for (int plain = 0; plain < 2; plain++) {
			sum_of(vectors[i].text, strlen(vectors[i].text), 64, plain, hex);
			assert_string_equal(hex, vectors[i].hex);
		}
}

static void test_a_million_letters_in_any_portions(void **state)
{
	static const size_t portions[] = { 1, 3, 63, 64, 65, 1000, 1 << 20 };
	static char letters[1000000];
	char hex[65];
	(void)state;

	memset(letters, 'a', sizeof(letters));
	for (size_t i = 0; i < ARRAY_SIZE(portions); i++)
		for (int plain = 0; plain < 2; plain++) {
			sum_of(letters, sizeof(letters), portions[i], plain, hex);
			assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
		}
}

static void test_every_length_agrees(void **state)
{
	uint8_t bytes[300];
	char a[65], b[65];
	(void)state;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		sum_of(bytes, len, 300, true, a);
		sum_of(bytes, len, 7, false, b);
		assert_string_equal(a, b);
	}
}

static void test_hexadecimal(void **state)
{
	const char *good = "BA7816BF8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	uint8_t sum[SHA256_SIZE];
	char hex[65];
	(void)state;

	assert_int_equal(sha256_parse(sum, good), 0);
	sha256_format(hex, sum);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(sha256_parse(sum, ""), -EINVAL);
	assert_int_equal(sha256_parse(sum, good + 1), -EINVAL);
	assert_int_equal(sha256_parse(sum, "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a0"),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_a_million_letters_in_any_portions),
		cmocka_unit_test(test_every_length_agrees),
		cmocka_unit_test(test_hexadecimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
