/* image.h - a file, a folder or nothing -> the image that the machines get, below the state folder. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_IMAGE_H
#define SERVER_HEAD_IMAGE_H

#include "server/head/site.h"

/* Makes the image ready and says so where that takes time. *NAME: what it is called below images/; owned by the caller.
 * 0 or -errno, and WHY. */
int image_prepare(const struct site *site, char **name, struct buf *why) must_check;

#endif
