/* measure.h - an image's file -> its size and sums, as a manifest has them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_SIGN_MEASURE_H
#define SERVER_SIGN_MEASURE_H

#include "trust/manifest.h"

/* Reads all of the file FD and fills size, chunk (where it is 0: as the relay would choose it), blake3 and sha256 of M.
 * 0 or -errno. */
int measure_image(int fd, struct manifest *m) must_check;

#endif
