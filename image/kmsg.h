/* kmsg.h - the kernel's log -> what it had to say since a moment ago. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_KMSG_H
#define IMAGE_KMSG_H

#include "base/base.h"

/* Remembers now. A descriptor to close, or -errno (no permission): kmsg_complaint takes both. */
int kmsg_mark(void);

/* Fills TEXT with the first complaint (warning or worse) since then, "" when there is none. Reads FD on. */
void kmsg_complaint(int fd, char *text, size_t size);

#endif
