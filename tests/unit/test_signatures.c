/* test_signatures.c - trust/{keyring,signatures,manifest,words}.h: what signify, minisign and ssh-keygen made, and what
 * must be refused. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digits.h"
#include "trust/manifest.h"
#include "trust/signatures.h"
#include "trust/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* Made by stage1-sign, signify-openbsd 31, minisign 0.11 -l and -H, and ssh-keygen 9.2 -Y sign, all of the same text.
 */
static const char manifest_text[] = "stage1 manifest 1\n"
				    "name root.sqfs\n"
				    "version 7\n"
				    "minimum 3\n"
				    "size 6\n"
				    "chunk 16384\n"
				    "blake3 41f754b7e9a5337ff48f514593d3649ebd38aa49ba2089c7ecbf957bb0194470\n"
				    "sha256 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\n"
				    "words single systemd.unit=*\n";
static const char signify_key[] = "untrusted comment: signify public key\n"
				  "RWSqgjrrz31rz4Eb/gdsnBQ+cwtaf+Juh7jDNnR3t7+ZhA9p9ojhAaKp\n";
static const char minisign_key[] = "untrusted comment: minisign public key 4DD1F7B59EC50444\n"
				   "RWREBMWetffRTZtsJkzteROY3yPDhUZJRKY5jH8iBoC3t2JDWPtn3B9Z\n";
static const char ssh_key[] =
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG4MkZEeMxnuJ0uBkPyww3zUFHRKpdgqDRrz0XoPy8N6 someone\n";
static const char by_signify[] =
	"untrusted comment: verify with a.pub\n"
	"RWSqgjrrz31rz/CoXXNGfLD/vV/4OLCzYKW2u12WYTnhDiXRvs6/41YWrxw3Smsq4pdKgBHfbpRn6SG78fGti75RT6"
	"QA6dtoegE=\n";
static const char by_minisign[] =
	"untrusted comment: signature from minisign secret key\n"
	"RWREBMWetffRTZnyiZ0PHJVT5EiItSGLLD2O70Xde21e4Yxmret4Ghev8BIomABazs0W4dpbLdroEjEas5TF9HNxM8"
	"jBh6iI2AI=\n"
	"trusted comment: timestamp:1796102007\tfile:m\n"
	"6BR6rXeZrqhFQnPqAgukBQbvZI8gz54HZ1U4Y9Ljlv5knuQB0PnG7l0IyfJkYJbL9sgvCwJR4ZiaUosHHk4CAg==\n";
static const char by_minisign_hashed[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUREBMWetffRTQAIxhITdqFSFAZr+opoy6jncTMMskbyIuW62Dyy5WUnS/QbZRREX3lG37wZ4tgc2cSP/pOBRyCYwq"
	"VOi2szWwg=\n"
	"trusted comment: timestamp:1796102007\tfile:m\thashed\n"
	"GspKwduYtNJ8gzkSnP6HGH1jESS3T3uT+t99NDH1N9fnTimTdgp+PkAcp/xWIoKmreNdgvmzhkHV0jZN+7W2Bg==\n";
static const char by_ssh[] = "-----BEGIN SSH SIGNATURE-----\n"
			     "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgbgyRkR4zGe4nS4GQ/LDDfNQUdE\n"
			     "ql2CoNGvPReg/Lw3oAAAAGc3RhZ2UxAAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1\n"
			     "NTE5AAAAQCsQjgX40n10y7Nd3jVQQKrQt4TMfqq/yEoUIsEbfFsyxEzbl/Fs3M9L285zZS\n"
			     "3OOFYB5c4/5q+BYZTEdFJwaA8=\n"
			     "-----END SSH SIGNATURE-----\n";
static const char by_ssh_sha256[] = "-----BEGIN SSH SIGNATURE-----\n"
				    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgbgyRkR4zGe4nS4GQ/LDDfNQUdE\n"
				    "ql2CoNGvPReg/Lw3oAAAAGc3RhZ2UxAAAAAAAAAAZzaGEyNTYAAABTAAAAC3NzaC1lZDI1\n"
				    "NTE5AAAAQAWz4KP+3MG4esdPssTbdlneEURxrKbuFx6pbcame0V5wTFRs3IMawEmHjxMLi\n"
				    "SzF/a7FNWCpayg4kQ6PziDYgk=\n"
				    "-----END SSH SIGNATURE-----\n";
static const char by_ssh_for_files[] = "-----BEGIN SSH SIGNATURE-----\n"
				       "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgbgyRkR4zGe4nS4GQ/LDDfNQUdE\n"
				       "ql2CoNGvPReg/Lw3oAAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx\n"
				       "OQAAAED7MXeWxYo+A/PlOSofWApL65EWgba2L9G77/r3u0vyaIZOR+uHRibaK7aMcWaWlm\n"
				       "WPGIhlLRvEeTyBYvYUwwQI\n"
				       "-----END SSH SIGNATURE-----\n";

static void make_ring(struct keyring *k, const char *text)
{
	cleanup_buf struct buf why = { 0 };

	*k = (struct keyring){ 0 };
	assert_int_equal(keyring_parse(k, text, strlen(text), &why), 0);
	assert_int_equal(why.len, 0);
}

/* Checks MESSAGE under the keys KEYS; WORDS have to be in what is said. */
static int check(const char *keys, const char *message, const char *signatures, const char *words)
{
	cleanup_buf struct buf why = { 0 };
	struct keyring k;
	int err;

	make_ring(&k, keys);
	err = signatures_check(&k, message, strlen(message), signatures, strlen(signatures), &why);
	if (!strstr(buf_cstr(&why), words))
		fail_msg("said: %s", buf_cstr(&why));
	keyring_free(&k);
	return err;
}

static char *join(const char *a, const char *b, const char *c)
{
	return str_printf("%s%s%s", a, b, c);
}

static void test_signatures_of_other_programs(void **state)
{
	static const struct {
		const char *key, *signature;
	} good[] = { { signify_key, by_signify },
		     { minisign_key, by_minisign },
		     { ssh_key, by_ssh },
		     { ssh_key, by_ssh_sha256 } };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cleanup_free char *altered = strdup(manifest_text);

		assert_int_equal(check(good[i].key, manifest_text, good[i].signature, ""), 0);
		for (size_t at = 0; at < strlen(manifest_text); at += 13) {
			altered[at] ^= 1;
			assert_int_equal(check(good[i].key, altered, good[i].signature, "not one of this text"),
					 -EKEYREJECTED);
			altered[at] ^= 1;
		}
	}
}

static void test_signatures_that_do_not_count(void **state)
{
	(void)state;
	assert_int_equal(check(signify_key, manifest_text, by_minisign, "not trusted here"), -ENOKEY);
	assert_int_equal(check(signify_key, manifest_text, by_ssh, "not trusted here"), -ENOKEY);
	assert_int_equal(check(ssh_key, manifest_text, by_signify, "not trusted here"), -ENOKEY);
	assert_int_equal(check(ssh_key, manifest_text, by_ssh_for_files, "not trusted here"), -ENOKEY);
	assert_int_equal(check(minisign_key, manifest_text, by_minisign_hashed, "minisign -S -l"), -ENOKEY);
	assert_int_equal(check(minisign_key, manifest_text, "", "no signature"), -ENOKEY);
	assert_int_equal(check(minisign_key, manifest_text, "<html>404</html>\n", "line 1"), -EBADMSG);
	assert_int_equal(check(ssh_key, manifest_text, "-----BEGIN SSH SIGNATURE-----\nU1NI\n", "line 2"), -EBADMSG);
}

static void test_several_have_to_sign(void **state)
{
	cleanup_free char *keys = join(signify_key, minisign_key, ssh_key), *three = join(keys, "need 3\n", "");
	cleanup_free char *two = join(keys, "need 2\n", ""), *all = join(by_ssh, by_minisign, by_signify);
	cleanup_free char *pair = join(by_ssh, "", by_minisign), *twice = join(by_ssh, by_ssh_sha256, by_ssh);
	cleanup_free char *odd = join(by_ssh, by_minisign_hashed, by_minisign);
	(void)state;

	assert_int_equal(check(keys, manifest_text, by_ssh, ""), 0);
	assert_int_equal(check(three, manifest_text, all, ""), 0);
	assert_int_equal(check(two, manifest_text, pair, ""), 0);
	assert_int_equal(check(two, manifest_text, odd, ""), 0);
	assert_int_equal(check(three, manifest_text, pair, "by 2 of the 3 keys, and 3 have to"), -ENOKEY);
	assert_int_equal(check(two, manifest_text, twice, "by 1 of the 3 keys"), -ENOKEY);
}

/* A wrong signature beside enough good ones takes nothing from them. */
static void test_one_wrong_signature_among_good_ones(void **state)
{
	cleanup_free char *wrong = strdup(by_signify), *both = NULL;
	(void)state;

	wrong[strlen("untrusted comment: verify with a.pub\n") + 40] ^= 1;
	both = join(wrong, by_ssh, "");
	assert_int_equal(check(signify_key, manifest_text, wrong, "not one of this text"), -EKEYREJECTED);
	{
		cleanup_free char *keys = join(signify_key, ssh_key, "");

		assert_int_equal(check(keys, manifest_text, both, ""), 0);
	}
}

static void test_key_files(void **state)
{
	static const struct {
		const char *text, *why;
		int err;
	} rows[] = {
		{ "", "no key", -EINVAL },
		{ "# nobody\n\n", "no key", -EINVAL },
		{ "hello\n", "line 1", -EBADMSG },
		{ "need 2\nRWSqgjrrz31rz4Eb/gdsnBQ+cwtaf+Juh7jDNnR3t7+ZhA9p9ojhAaKp\n", "2 keys are needed", -EINVAL },
		{ "need two\n", "line 1", -EBADMSG },
		{ "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7\n", "line 1", -EBADMSG },
		/* a key of small order */
		{ "RWSqgjrrz31rzwEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", "proves nothing", -EBADMSG },
	};
	struct keyring k;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf why = { 0 };

		k = (struct keyring){ 0 };
		assert_int_equal(keyring_parse(&k, rows[i].text, strlen(rows[i].text), &why), rows[i].err);
		assert_non_null(strstr(buf_cstr(&why), rows[i].why));
		keyring_free(&k);
	}
	make_ring(&k,
		  "minimum 7\r\nwords init=/sbin/init quiet\nRWSqgjrrz31rz4Eb/gdsnBQ+cwtaf+Juh7jDNnR3t7+ZhA9p9ojhAaKp");
	assert_int_equal(k.minimum, 7);
	assert_string_equal(buf_cstr(&k.words), "init=/sbin/init quiet");
	assert_int_equal(k.count, 1);
	keyring_free(&k);
}

#define A_KEY "RWSqgjrrz31rz4Eb/gdsnBQ+cwtaf+Juh7jDNnR3t7+ZhA9p9ojhAaKp"
#define B_KEY "RWREBMWetffRTZtsJkzteROY3yPDhUZJRKY5jH8iBoC3t2JDWPtn3B9Z"

/* What a command line says in verify:, with and without keys that are built in. */
static void test_keys_on_the_line(void **state)
{
	cleanup_buf struct buf why = { 0 };
	struct keyring k = { 0 };
	(void)state;

	assert_int_equal(keyring_add_line(&k, A_KEY ":need=2:" B_KEY ":minimum=9", false, &why), 0);
	assert_true(k.count == 2 && k.need == 2 && k.minimum == 9);
	/* sealed: no key more, no condition less */
	assert_int_equal(keyring_add_line(&k, B_KEY ":required:need=1:minimum=3", true, &why), 0);
	assert_true(k.count == 2 && k.need == 2 && k.minimum == 9);
	assert_int_equal(keyring_add_line(&k, "minimum=12", true, &why), 0);
	assert_int_equal(k.minimum, 12);
	keyring_free(&k);
	assert_int_equal(keyring_add_line(&k, "required", false, &why), -EINVAL);
	assert_int_equal(keyring_add_line(&k, "manifest", false, &why), -EBADMSG);
	keyring_free(&k);
}

/* The old key passes its trust to a new one, and nobody else can. */
static void test_keys_are_renewed(void **state)
{
	static const uint8_t seed[32] = { 1, 2, 3 };
	static const char list[] = KEYS_BEGIN "\n" A_KEY "\nminimum 5\nwords init=/bin/sh\n" KEYS_END "\n";
	uint8_t key[32], secret[64], bytes[74] = { 'E', 'd', 9, 9, 9, 9, 9, 9, 9, 9 };
	cleanup_buf struct buf file = { 0 }, why = { 0 }, old_text = { 0 };
	struct keyring old, renewed = { 0 };
	struct signature_file parts;
	(void)state;

	ed25519_pair(key, secret, seed);
	memcpy(bytes + 10, key, 32);
	base64_add(&old_text, bytes, 42);
	buf_str(&old_text, "\nminimum 3\nwords quiet\n");
	assert_int_equal(ed25519_sign(bytes + 10, list, strlen(list), secret), 0);
	buf_str(&file, by_signify);
	buf_str(&file, list);
	base64_add(&file, bytes, 74);
	make_ring(&old, buf_cstr(&old_text));
	assert_int_equal(signature_file_split(&parts, file.data, file.len), 0);
	assert_int_equal(parts.len, strlen(by_signify));
	assert_int_equal(keyring_renew(&renewed, &old, &parts, &why), 0);
	assert_true(renewed.count == 1 && renewed.minimum == 5);
	assert_string_equal(buf_cstr(&renewed.words), "quiet");
	assert_int_equal(signatures_check(&renewed, manifest_text, strlen(manifest_text), parts.text, parts.len, &why),
			 0);
	keyring_free(&renewed);
	/* one letter of the list is another */
	file.data[parts.len + strlen(KEYS_BEGIN) + 1] ^= 1;
	assert_int_equal(keyring_renew(&renewed, &old, &parts, &why), -EKEYREJECTED);
	keyring_free(&renewed);
	keyring_free(&old);
	assert_int_equal(signature_file_split(&parts, list, strlen(list) - 5), -EBADMSG);
}

/* A hardware key's signature: another structure, made here as the token would. */
static void test_hardware_keys(void **state)
{
	static const uint8_t seed[32] = { 7 };
	struct ssh_signature s = { .key = { .token = true, .application = "ssh:" }, .flags = 1, .counter = 258 };
	uint8_t secret[64], packed[32 + 5 + 32];
	(void)state;

	ed25519_pair(s.key.key, secret, seed);
	/* SHA-256 of "ssh:", flags and counter, SHA-256 of the data that sshsig gives for "x" under SHA-512 */
	for (int i = 0; i < 32; i++) {
		static const char application[] = "e30610e8a162115960fe1ec223e6529c9f4b6e80200dcb5e5c321c8af1e2b1bf";
		static const char data[] = "afaa8558216de0fefa05a79ea95afa329c9191c1850455cf4dd6636077f7507d";

		packed[i] = (uint8_t)(hex_digit(application[2 * i]) * 16 + hex_digit(application[2 * i + 1]));
		packed[37 + i] = (uint8_t)(hex_digit(data[2 * i]) * 16 + hex_digit(data[2 * i + 1]));
	}
	memcpy(packed + 32, (const uint8_t[]){ 1, 0, 0, 1, 2 }, 5);
	assert_int_equal(ed25519_sign(s.signature, packed, sizeof(packed), secret), 0);
	assert_int_equal(ssh_signature_verify(&s, "x", 1), 0);
	assert_int_equal(ssh_signature_verify(&s, "y", 1), -EKEYREJECTED);
	s.flags = 0; /* nobody touched it */
	assert_int_equal(ssh_signature_verify(&s, "x", 1), -EKEYREJECTED);
}

static void test_manifest(void **state)
{
	cleanup_buf struct buf why = { 0 }, again = { 0 };
	struct manifest m;
	(void)state;

	assert_int_equal(manifest_parse(&m, manifest_text, strlen(manifest_text), &why), 0);
	assert_string_equal(m.name, "root.sqfs");
	assert_true(m.version == 7 && m.minimum == 3 && m.size == 6 && m.chunk == 16384 && !m.has_verity);
	assert_string_equal(m.words, "single systemd.unit=*");
	assert_true(m.sha256[0] == 0x58 && m.blake3.b[31] == 0x70);
	manifest_put(&again, &m);
	assert_string_equal(buf_cstr(&again), manifest_text);
	manifest_free(&m);
}

/* Each line of the manifest is left out, doubled, or made another. */
static void test_manifests_that_are_none(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} rows[] = {
		{ "stage1 manifest 1", "stage1 manifest 2", "does not begin" },
		{ "name root.sqfs\n", "", "name is missing" },
		{ "version 7\n", "", "version is missing" },
		{ "size 6\n", "", "size is missing" },
		{ "chunk 16384\n", "", "chunk is missing" },
		{ "name root.sqfs", "name ../root.sqfs", "line 2" },
		{ "name root.sqfs", "name a\033[2J", "line 2" },
		{ "name root.sqfs", "name ", "line 2" },
		{ "version 7", "version -7", "line 3" },
		{ "version 7", "version 99999999999999999999", "line 3" },
		{ "version 7", "version 7x", "line 3" },
		{ "version 7", "version 2", "below its own minimum" },
		{ "minimum 3", "version 3", "line 4" },
		{ "chunk 16384", "chunk 0", "line 6" },
		{ "chunk 16384", "chunk 4194305", "line 6" },
		{ "sha256 58", "sha256 5", "line 8" },
		{ "sha256 58", "sha256 x8", "line 8" },
		{ "size 6\n", "size 6\n\n", "line 6" },
		{ "size 6\n", "size 6\nexpires 2030\n", "line 6" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf text = { 0 }, why = { 0 };
		const char *at = strstr(manifest_text, rows[i].from);
		struct manifest m;

		assert_non_null(at);
		buf_add(&text, manifest_text, (size_t)(at - manifest_text));
		buf_str(&text, rows[i].to);
		buf_str(&text, at + strlen(rows[i].from));
		assert_int_equal(manifest_parse(&m, text.data, text.len, &why), -EBADMSG);
		if (!strstr(buf_cstr(&why), rows[i].why))
			fail_msg("%zu: %s", i, buf_cstr(&why));
	}
}

static void test_words_of_a_command_line(void **state)
{
	static const struct {
		const char *line, *allowed, *which;
	} rows[] = {
		{ "automatic=method:http,onfail:shell console=ttyS0,115200 quiet BOOTIF=01-52-54\n", NULL, "" },
		{ "root=/dev/ram3 rw node_id=7 rescue", NULL, "" },
		{ "init=/bin/sh quiet", NULL, "init=/bin/sh" },
		{ "quiet single", NULL, "single" },
		{ "quiet -- 1", NULL, "-- 1" },
		{ "root=/dev/sda1", NULL, "root=/dev/sda1" },
		{ "systemd.unit=rescue.target rd.break", "systemd.unit=* single", "rd.break" },
		{ "quiet=no quietly", NULL, "quiet=no quietly" },
		{ "\"init=/bin/sh\"", NULL, "\"init=/bin/sh\"" },
		{ "console=\"tty0 init=/bin/sh\"", NULL, "" },
		{ "a b", "*", "" },
		{ "ab abc", "ab", "abc" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf which = { 0 };
		bool all = words_allowed(rows[i].line, true, rows[i].allowed, NULL, &which);

		assert_string_equal(buf_cstr(&which), rows[i].which);
		assert_int_equal(all, !*rows[i].which);
		which.len = 0;
		assert_true(words_allowed(rows[i].line, true, rows[i].allowed, "*", &which));
	}
	{
		cleanup_buf struct buf which = { 0 };

		/* a kernel that is started by kexec gets no word of ours */
		assert_false(words_allowed("automatic=method:http", false, NULL, NULL, &which));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures_of_other_programs),
		cmocka_unit_test(test_signatures_that_do_not_count),
		cmocka_unit_test(test_several_have_to_sign),
		cmocka_unit_test(test_one_wrong_signature_among_good_ones),
		cmocka_unit_test(test_key_files),
		cmocka_unit_test(test_keys_on_the_line),
		cmocka_unit_test(test_keys_are_renewed),
		cmocka_unit_test(test_hardware_keys),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_manifests_that_are_none),
		cmocka_unit_test(test_words_of_a_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
