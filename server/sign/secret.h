/* secret.h - chance -> a key pair in signify's files; such a file and a text -> the text's signature. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_SIGN_SECRET_H
#define SERVER_SIGN_SECRET_H

#include "trust/keyring.h"

/* A secret key, and the number it is known by. Wipe it with secret_wipe. */
struct secret {
	uint8_t id[KEY_ID];
	uint8_t key[ED25519_SECRET];
};

/* A new one, of the kernel's random numbers. 0 or -errno. */
int secret_make(struct secret *s) must_check;

/* Its two files, as signify -G -n writes them. */
void secret_put(struct buf *out, const struct secret *s);
void secret_put_public(struct buf *out, const struct secret *s);

/* Reads the text of a secret key's file. 0; -EBADMSG: it is none of signify's; -ENOKEY: it has a passphrase. */
int secret_parse(struct secret *s, const char *text) must_check;

/* Adds the signature of the LEN bytes MESSAGE, as signify -S writes it. 0 or -ENOMEM. */
int secret_sign(const struct secret *s, const void *message, size_t len, struct buf *out) must_check;

/* Overwrites it, so that nothing of it stays in memory. */
void secret_wipe(struct secret *s);

#endif
