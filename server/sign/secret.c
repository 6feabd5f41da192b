/* secret.c - chance -> a key pair in signify's files; such a file and a text -> the text's signature. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/sign/secret.h"

#include "base/digits.h"

#include <bearssl.h>
#include <unistd.h>

#include "base/compat.h"

/* A secret key's file: "Ed", "BK", rounds of the passphrase's hash (0: none), its salt, the first bytes of the key's
 * SHA-512, the number, the key. */
#define ROUNDS_AT   4
#define CHECKSUM_AT 24
#define ID_AT       32
#define KEY_AT      40
#define FILE_SIZE   (KEY_AT + ED25519_SECRET)
#define FILE_TEXT   140 /* characters of base64, with two of padding */

int secret_make(struct secret *s)
{
	uint8_t seed[ED25519_SEED], public_key[ED25519_KEY];

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed) || getrandom(s->id, KEY_ID, 0) != KEY_ID)
		return -EIO;
	ed25519_pair(public_key, s->key, seed);
	explicit_bzero(seed, sizeof(seed));
	return 0;
}

void secret_wipe(struct secret *s)
{
	explicit_bzero(s, sizeof(*s));
}

static void checksum(uint8_t sum[static 8], const uint8_t key[static ED25519_SECRET])
{
	br_sha512_context c;
	uint8_t all[64];

	br_sha512_init(&c);
	br_sha512_update(&c, key, ED25519_SECRET);
	br_sha512_out(&c, all);
	memcpy(sum, all, 8);
}

void secret_put(struct buf *out, const struct secret *s)
{
	uint8_t file[FILE_SIZE] = { 'E', 'd', 'B', 'K' };

	checksum(file + CHECKSUM_AT, s->key);
	memcpy(file + ID_AT, s->id, KEY_ID);
	memcpy(file + KEY_AT, s->key, ED25519_SECRET);
	buf_str(out, "untrusted comment: stage1-sign secret key\n");
	base64_add(out, file, sizeof(file));
	buf_char(out, '\n');
	explicit_bzero(file, sizeof(file));
}

void secret_put_public(struct buf *out, const struct secret *s)
{
	uint8_t file[2 + KEY_ID + ED25519_KEY] = { 'E', 'd' };

	memcpy(file + 2, s->id, KEY_ID);
	memcpy(file + 2 + KEY_ID, s->key + ED25519_SEED, ED25519_KEY);
	buf_str(out, "untrusted comment: stage1-sign public key\n");
	base64_add(out, file, sizeof(file));
	buf_char(out, '\n');
}

int secret_parse(struct secret *s, const char *text)
{
	const char *line = strchr(text, '\n');
	uint8_t file[FILE_TEXT], sum[8];

	if (!line || strcspn(line + 1, "\r\n") != FILE_TEXT ||
	    base64_decode(file, line + 1, FILE_TEXT - 1) != FILE_SIZE || memcmp(file, "EdBK", 4))
		return -EBADMSG;
	if (file[ROUNDS_AT] || file[ROUNDS_AT + 1] || file[ROUNDS_AT + 2] || file[ROUNDS_AT + 3])
		return -ENOKEY;
	memcpy(s->id, file + ID_AT, KEY_ID);
	memcpy(s->key, file + KEY_AT, ED25519_SECRET);
	explicit_bzero(file + KEY_AT, ED25519_SECRET);
	checksum(sum, s->key);
	return memcmp(sum, file + CHECKSUM_AT, sizeof(sum)) ? -EBADMSG : 0;
}

int secret_sign(const struct secret *s, const void *message, size_t len, struct buf *out)
{
	uint8_t bytes[2 + KEY_ID + ED25519_SIGNATURE] = { 'E', 'd' };
	int err = ed25519_sign(bytes + 2 + KEY_ID, message, len, s->key);

	if (err)
		return err;
	memcpy(bytes + 2, s->id, KEY_ID);
	buf_str(out, "untrusted comment: verify with stage1-sign, signify or minisign\n");
	base64_add(out, bytes, sizeof(bytes));
	return buf_char(out, '\n');
}
