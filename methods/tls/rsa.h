/* rsa.h - a key of RSA of up to 8192 bits and a signature -> the number it was made of, and is it right (RFC 8017). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_RSA_H
#define METHODS_TLS_RSA_H

#include "base/base.h"

#include <bearssl.h>

/* The longest modulus, in bytes: what BearSSL itself reads ends at half of it. */
#define RSA_MAX 1024

/* The shortest modulus, in bytes: less can be broken. */
#define RSA_MIN 128

/* The exponents that anybody uses have 17 bits; longer ones than this would cost time only. In bytes. */
#define RSA_EXPONENT_MAX 8

/* Puts SIG of LEN bytes to the power of KEY's exponent into OUT, as many bytes. False when the key or the number is
 * none that can be. Takes time that depends on the numbers: they are public. Pure. */
bool rsa_public(uint8_t *out, const uint8_t *sig, size_t len, const br_rsa_public_key *key) must_check;

/* The signature is that of HASH by KEY, after PKCS#1 version 1.5 (RFC 8017, section 8.2.2). Pure, in the shape that
 * BearSSL asks for: 1 and the hash in HASH_OUT, which is to be compared; or 0. */
uint32_t rsa_pkcs1_verify(const unsigned char *sig, size_t len, const unsigned char *hash_oid, size_t hash_len,
			  const br_rsa_public_key *key, unsigned char *hash_out);

/* The signature is that of the bytes which HASH is the sum of, after PSS, by the hash function of CLASS, mask
 * function MGF1 of MASK, and SALT bytes of salt (RFC 8017, section 8.1.2). Pure. */
bool rsa_pss_verify(const uint8_t *sig, size_t len, const br_hash_class *class, const br_hash_class *mask, size_t salt,
		    const br_rsa_public_key *key, const uint8_t *hash) must_check;

#endif
