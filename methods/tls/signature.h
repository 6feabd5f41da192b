/* signature.h - a public key, a certificate -> has the key's owner signed it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_SIGNATURE_H
#define METHODS_TLS_SIGNATURE_H

#include "methods/tls/certificate.h"

#include <bearssl.h>

/* Reads a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) into KEY, which points into it. NULL, or why it is of no
 * use, in words that follow "its key": "is RSA with more than 8192 bits". Pure. */
const char *key_parse(br_x509_pkey *key, struct der info) must_check;

/* The algorithm of a certificate's signature where it is none that counts here: words that follow "it is signed";
 * NULL where it is one. Pure. */
const char *signature_unknown(const struct certificate *c) must_check;

/* True when KEY made the signature of C. Takes some milliseconds at most. Pure. */
bool signature_is_by(const struct certificate *c, const br_x509_pkey *key) must_check;

#endif
