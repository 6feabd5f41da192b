/* config.h - signify's Ed25519 for every libc: SHA-512, comparison and chance come from its caller, trust/ed25519.c. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef THIRD_ED25519_CONFIG_H
#define THIRD_ED25519_CONFIG_H

#include <stddef.h>

/* The 32 bytes that a new key pair is made of. */
void ed25519_seed(void *bytes, size_t len);
#define arc4random_buf ed25519_seed

#endif
