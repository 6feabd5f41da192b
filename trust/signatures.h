/* signatures.h - a text, its signatures and a keyring -> by how many of the keys it is signed. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRUST_SIGNATURES_H
#define TRUST_SIGNATURES_H

#include "trust/keyring.h"

/* How a list of new keys, signed by the old ones, begins and ends among the signatures of a manifest. */
#define KEYS_BEGIN "stage1 keys 1"
#define KEYS_END   "end keys"

/* A file of signatures, taken apart: those of the manifest, and, where keys were changed, a list of keys and those of
 * the list. They lie in the text. */
struct signature_file {
	const char *text, *list, *list_text; /* list: of KEYS_BEGIN to KEYS_END, as it is signed; NULL: none */
	size_t len, list_len, list_text_len;
};

/* Takes the LEN bytes TEXT apart. 0, or -EBADMSG where a list of keys does not end. */
int signature_file_split(struct signature_file *s, const char *text, size_t len) must_check;

/* The keyring that the list of S is, signed by as many of the keys in OLD as they ask for. What OLD has of minimum and
 * words stays. 0, or -errno with WHY: -EBADMSG, -EKEYREJECTED, -ENOKEY as below. */
int keyring_renew(struct keyring *renewed, const struct keyring *old, const struct signature_file *s,
		  struct buf *why) must_check;

/* Have as many keys of K signed the LEN bytes MESSAGE as K asks for? SIGNATURES are SIGNATURES_LEN bytes of any number
 * of signatures as signify, minisign -l and ssh-keygen -Y sign write them, one behind the other. 0; -EKEYREJECTED: one
 * that names a key of K is wrong; -ENOKEY: too few are by a key of K; -EBADMSG: something else is between them;
 * -ENOMEM; with WHY in words. */
int signatures_check(const struct keyring *k, const void *message, size_t len, const char *signatures,
		     size_t signatures_len, struct buf *why) must_check;

#endif
