/* ed25519.h - a key, a message and a signature -> whether they belong together; and how one is made (RFC 8032). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRUST_ED25519_H
#define TRUST_ED25519_H

#include "base/base.h"

#define ED25519_KEY       32 /* bytes of a public key */
#define ED25519_SEED      32 /* of what a key pair is made of */
#define ED25519_SECRET    64 /* of a secret key: the seed, then the public key (RFC 8032, section 5.1.5) */
#define ED25519_SIGNATURE 64

/* Is KEY one that a signature can prove anything with: a point on the curve, in its one encoding (RFC 8032, section
 * 5.1.3), and none of the eight of small order, under which one signature fits many messages? 0 or -EINVAL. */
int ed25519_check_key(const uint8_t key[static ED25519_KEY]) must_check;

/* Is SIGNATURE one by KEY of the LEN bytes MESSAGE (RFC 8032, section 5.1.7, pure Ed25519)? Its second half has to be
 * below the group's order, so that nobody makes another one of it. 0; -EKEYREJECTED: no; -EINVAL: as for
 * ed25519_check_key; -ENOMEM. */
int ed25519_verify(const uint8_t key[static ED25519_KEY], const void *message, size_t len,
		   const uint8_t signature[static ED25519_SIGNATURE]) must_check;

/* The key pair of SEED. */
void ed25519_pair(uint8_t key[static ED25519_KEY], uint8_t secret[static ED25519_SECRET],
		  const uint8_t seed[static ED25519_SEED]);

/* Signs the LEN bytes MESSAGE. 0 or -ENOMEM. */
int ed25519_sign(uint8_t signature[static ED25519_SIGNATURE], const void *message, size_t len,
		 const uint8_t secret[static ED25519_SECRET]) must_check;

#endif
