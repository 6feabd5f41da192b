/* config.h - BearSSL for dietlibc and musl: seeds and clocks come from its caller. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef THIRD_BEARSSL_CONFIG_H
#define THIRD_BEARSSL_CONFIG_H

#define BR_USE_UNIX_TIME  0
#define BR_USE_WIN32_TIME 0
#define BR_USE_URANDOM    0
#define BR_USE_GETENTROPY 0
#define BR_USE_WIN32_RAND 0
#define BR_RDRAND         0

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* dietlibc's macro for prototypes is an attribute's name in gcc's headers, which come behind it. */
#undef __leaf
/* gcc's <mm_malloc.h> wants posix_memalign, and nobody wants it. */
#define _MM_MALLOC_H_INCLUDED

#endif
