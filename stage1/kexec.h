/* kexec.h - a fetched kernel, initrd and command line -> the machine runs them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_KEXEC_H
#define STAGE1_KEXEC_H

#include "base/buf.h"
#include "base/failure.h"

/* Hands KERNEL and INITRD (descriptors of whole files; INITRD -1 for none) to the running kernel (kexec_file_load(2)).
 * 0 or -errno with F filled. */
int kexec_load(int kernel, int initrd, const char *command_line, struct failure *f) must_check;

/* Starts what was loaded. Returns only on failure: -errno with F filled. */
int kexec_start(struct failure *f) must_check;

/* VALUE of append: with %20 and the like decoded (blanks and commas cannot stand in a value), added to OUT. A % that is no
 * code stays as it is. 0 or -ENOMEM. Pure. */
int kexec_decode(const char *value, struct buf *out) must_check;

#endif
