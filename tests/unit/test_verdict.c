/* test_verdict.c - methods/verify/verdict.h: who signed what, for whom, and which words beside it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digits.h"
#include "methods/verify/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static uint8_t public_key[32], secret[64];

/* A key's number is FILL, eight times. */
static void add_key(struct buf *out, uint8_t fill)
{
	uint8_t bytes[42] = { 'E', 'd' };

	memset(bytes + 2, fill, 8);
	memcpy(bytes + 10, public_key, 32);
	base64_add(out, bytes, sizeof(bytes));
}

static void add_signature(struct buf *out, const struct buf *text)
{
	uint8_t bytes[74] = { 'E', 'd' };

	memset(bytes + 2, 1, 8);
	assert_int_equal(ed25519_sign(bytes + 10, text->data, text->len, secret), 0);
	base64_add(out, bytes, sizeof(bytes));
	buf_char(out, '\n');
}

/* One case: a manifest, a key file behind the key, a command line, append: -> the failure and its words. */
struct row {
	const char *version, *words, *keys, *line, *append, *name;
	enum fail_id id;
	const char *said;
};

static void check(const struct row *row)
{
	cleanup_buf struct buf text = { 0 }, keys = { 0 }, signatures = { 0 }, why = { 0 };
	struct keyring ring = { 0 };
	struct failure f = { 0 };
	struct manifest m = { 0 };
	struct verdict_case c = { .keys = &ring, .name = row->name, .command_line = row->line, .append = row->append };

	buf_printf(&text, "stage1 manifest 1\nname x\nversion %s\nsize 1\nchunk 16384\nblake3 %064d\nsha256 %064d\n%s",
		   row->version, 1, 2, row->words);
	add_key(&keys, 1);
	buf_printf(&keys, "\n%s", row->keys);
	add_signature(&signatures, &text);
	assert_int_equal(keyring_parse(&ring, keys.data, keys.len, &why), 0);
	c.manifest = text.data;
	c.manifest_len = text.len;
	c.signatures = signatures.data;
	c.signatures_len = signatures.len;
	assert_int_equal(verdict_of(&c, &m, &f) < 0, row->id != FAIL_NONE);
	if (f.id != row->id || !strstr(f.detail, row->said))
		fail_msg("%s, not %s: %s", fail_code(f.id), fail_code(row->id), f.detail);
	manifest_free(&m);
	keyring_free(&ring);
}

static void test_what_is_signed_and_what_is_asked_for(void **state)
{
	static const char line[] = "automatic=method:http,onfail:shell,verify:X console=ttyS0 ";
	static const struct row rows[] = {
		{ "7", "", "", line, NULL, "x", FAIL_NONE, "" },
		{ "7", "", "minimum 7\n", line, NULL, "x", FAIL_NONE, "" },
		{ "6", "", "minimum 7\n", line, NULL, "x", FAIL_SIG_OLD, "version 6, and 7 is the oldest" },
		{ "7", "", "", line, NULL, "y", FAIL_SIG_MANIFEST, "that of another file, x" },
		{ "7 ", "", "", line, NULL, "x", FAIL_SIG_MANIFEST, "line 3" },
		{ "7", "", "", "init=/bin/sh single", NULL, "x", FAIL_SIG_WORDS, "init=/bin/sh single of the kernel" },
		{ "7", "", "", "root=/dev/sda1", NULL, "x", FAIL_SIG_WORDS, "root=/dev/sda1" },
		{ "7", "", "", "netauto", NULL, "x", FAIL_SIG_WORDS, "netauto" },
		{ "7", "words single\n", "", "single", NULL, "x", FAIL_NONE, "" },
		{ "7", "words single\n", "", "single init=/x", NULL, "x", FAIL_SIG_WORDS, "init=/x of" },
		{ "7", "", "words init=/x\n", "init=/x", NULL, "x", FAIL_NONE, "" },
		{ "7", "", "", NULL, NULL, "x", FAIL_NONE, "" },
		{ "7", "", "", NULL, "console=ttyS0%20quiet", "x", FAIL_NONE, "" },
		{ "7", "", "", NULL, "quiet%20init=/bin/sh", "x", FAIL_SIG_WORDS, "init=/bin/sh of append:" },
		{ "7", "", "", NULL, "automatic=method:http", "x", FAIL_SIG_WORDS, "of append:" },
		{ "7", "words automatic=*\n", "", NULL, "automatic=method:http", "x", FAIL_NONE, "" },
	};
	static const uint8_t seed[32] = { 5 };
	(void)state;

	ed25519_pair(public_key, secret, seed);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_is_signed_and_what_is_asked_for) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
