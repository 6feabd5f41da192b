/* verify.h - the method that will bring an image -> first its manifest, judged by a process of its own. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_VERIFY_VERIFY_H
#define METHODS_VERIFY_VERIFY_H

#include "methods/method.h"

/* Where a node has the keys that are built into its all.rdz (VERIFY_KEYS=). */
#define VERIFY_KEYS "/etc/stage1/keys"

/* What a verified manifest says of an image. */
struct verified {
	int64_t size;    /* bytes */
	char sha256[65]; /* hexadecimal */
};

/* Has the image of O to be signed? KEYS is the file of keys that are built in, or NULL. */
bool verify_wanted(const struct options *o, const char *keys);

/* Fetches the manifest of what F is to bring, and its signatures, from beside it, by M, and has them judged by the
 * keys of the file KEYS (NULL: none) and of verify:. F->sink is not touched. 0: V says what the image is; else -errno
 * with F->fail: FAIL_SIG_*, or what kept M from fetching. */
int verify_manifest(const struct method *m, const struct fetch *f, const char *keys, struct verified *v) must_check;

/* Refuses, in words, to use WHAT, where no manifest can say what its bytes are: -EOPNOTSUPP with F. */
int verify_refuse(struct failure *f, const char *what, const char *why);

#endif
