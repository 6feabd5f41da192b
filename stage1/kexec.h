/* kexec.h - a fetched kernel, initrd and command line -> the machine runs them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_KEXEC_H
#define STAGE1_KEXEC_H

#include "image/image.h"

/* Hands KERNEL and INITRD (whole files; NULL: no initrd) to the running kernel (kexec_file_load(2)). 0 or -errno with F
 * filled (FAIL_MEM_TOO_LITTLE, FAIL_ROOT_KEXEC). */
int kexec_load(const struct store *kernel, const struct store *initrd, const char *command_line,
	       struct failure *f) must_check;

/* Why the running kernel answered ERR, for a person. Pure. */
const char *kexec_refusal(int err);

/* Starts what was loaded. Returns only on failure: -errno with F filled. */
int kexec_start(struct failure *f) must_check;

/* VALUE of append: with %20 and the like decoded (blanks and commas cannot stand in a value), added to OUT. A % that is
 * no code stays as it is. 0 or -ENOMEM. Pure. */
int kexec_decode(const char *value, struct buf *out) must_check;

#endif
