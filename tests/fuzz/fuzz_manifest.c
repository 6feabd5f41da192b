/* fuzz_manifest.c - any bytes as a manifest, a key file, a command line and signatures: no crash, nothing is trusted.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust/manifest.h"
#include "trust/signatures.h"
#include "trust/words.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written as it was, but for the order of its fields. */
static void check_manifest(const char *text, size_t len)
{
	cleanup_buf struct buf why = { 0 }, once = { 0 }, twice = { 0 };
	struct manifest m;

	if (manifest_parse(&m, text, len, &why)) {
		assert(why.len);
		return;
	}
	manifest_put(&once, &m);
	manifest_free(&m);
	assert(manifest_parse(&m, once.data, once.len, &why) == 0);
	manifest_put(&twice, &m);
	assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	manifest_free(&m);
}

/* Nobody has the secret key of this one, so nothing is ever signed by it. */
static void check_signatures(const char *text, size_t len)
{
	static const char keys[] = "RWSqgjrrz31rz4Eb/gdsnBQ+cwtaf+Juh7jDNnR3t7+ZhA9p9ojhAaKp\n"
				   "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG4MkZEeMxnuJ0uBkPyww3zUFHRKpdgqDRrz0XoPy8N6\n";
	cleanup_buf struct buf why = { 0 };
	struct keyring k = { 0 }, renewed = { 0 };
	struct signature_file parts;

	assert(keyring_parse(&k, keys, strlen(keys), &why) == 0);
	if (signature_file_split(&parts, text, len) == 0) {
		assert(signatures_check(&k, text, len, parts.text, parts.len, &why) < 0);
		if (parts.list)
			assert(keyring_renew(&renewed, &k, &parts, &why) < 0);
	}
	keyring_free(&renewed);
	keyring_free(&k);
}

static void check_keys(const char *text, size_t len)
{
	cleanup_buf struct buf why = { 0 };
	struct keyring k = { 0 };

	if (keyring_parse(&k, text, len, &why) == 0)
		assert(k.count && k.need >= 1);
	keyring_free(&k);
	if (keyring_add_line(&k, text, false, &why) == 0)
		assert(k.count && k.need >= 1);
	keyring_free(&k);
}

static void check_words(const char *text)
{
	cleanup_buf struct buf which = { 0 };

	assert(words_allowed(text, true, text, NULL, &which) == !which.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_manifest(text, size);
	check_signatures(text, size);
	check_keys(text, size);
	check_words(text);
	return 0;
}
