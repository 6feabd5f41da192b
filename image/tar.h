/* tar.h - the blocks of a tar archive -> what they say. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_TAR_H
#define IMAGE_TAR_H

#include "base/base.h"

/* Everything in an archive is a multiple of this (POSIX.1-2017 pax, "ustar Interchange Format"). */
#define TAR_BLOCK 512

/* True when BLOCK (TAR_BLOCK bytes) is a header whose sum is right: ustar, pax, GNU or the old V7 format. */
bool tar_is_header(const uint8_t *block);

#endif
