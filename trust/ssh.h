/* ssh.h - what ssh-keygen writes -> public keys, and signatures of namespace "stage1" (PROTOCOL.sshsig). Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRUST_SSH_H
#define TRUST_SSH_H

#include "base/buf.h"
#include "trust/ed25519.h"

/* What the signer says it signs for: ssh-keygen -Y sign -n stage1. */
#define SSH_NAMESPACE "stage1"

/* A public key: ssh-ed25519, or sk-ssh-ed25519@openssh.com, whose other half is in a token (PROTOCOL.u2f). */
struct ssh_key {
	uint8_t key[ED25519_KEY];
	bool token;
	char application[64]; /* a token's: "ssh:" */
};

/* A signature, as it lies in its blob. */
struct ssh_signature {
	struct ssh_key key; /* by whom, as it says */
	bool sha256;        /* of the message's SHA-256; else SHA-512 */
	uint8_t signature[ED25519_SIGNATURE];
	uint8_t flags;    /* a token's: bit 0, a person was there */
	uint32_t counter; /* a token's: of its signatures */
};

/* Reads the LEN bytes of a public key's blob (RFC 8709, section 4). 0, or -EBADMSG where it is none of the two kinds.
 */
int ssh_key_parse(struct ssh_key *k, const uint8_t *blob, size_t len) must_check;

/* Reads the LEN bytes of a signature's blob, without armour. 0; -EBADMSG; -EPROTONOSUPPORT: one by another kind of key,
 * or for another namespace. */
int ssh_signature_parse(struct ssh_signature *s, const uint8_t *blob, size_t len) must_check;

/* Are two keys the same? */
bool ssh_key_same(const struct ssh_key *a, const struct ssh_key *b);

/* Is S a signature of the LEN bytes MESSAGE by the key it names? As ed25519_verify; a token's needs a person's touch.
 */
int ssh_signature_verify(const struct ssh_signature *s, const void *message, size_t len) must_check;

/* Adds what is really signed for a message with this sum. */
void ssh_signed_data(struct buf *out, bool sha256, const void *message, size_t len);

#endif
