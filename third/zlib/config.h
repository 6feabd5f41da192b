/* config.h - the part of zlib that inflates; dietlibc and musl have what it needs. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef THIRD_ZLIB_CONFIG_H
#define THIRD_ZLIB_CONFIG_H

#define Z_TESTW 0 /* the checksum byte by byte: 9 KB of tables less */

#include <stddef.h>
#include <unistd.h>

#endif
