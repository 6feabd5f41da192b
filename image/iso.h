/* iso.h - an ISO that is shorter than it says -> whether a file is missing, or only padding. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_ISO_H
#define IMAGE_ISO_H

#include "base/failure.h"

/* Looks through all folders of the ISO in FD, of which SIZE bytes are there. 0 and a line in the log where all its
 * files lie below SIZE, else -EBADMSG with F (FAIL_IMG_CORRUPT). */
int iso_check(int fd, int64_t size, struct failure *f) must_check;

#endif
