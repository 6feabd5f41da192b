/* verdict.h - keys, a manifest, its signatures and what a node asks for -> may it be booted, and what its bytes are. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_VERIFY_VERDICT_H
#define METHODS_VERIFY_VERDICT_H

#include "base/failure.h"
#include "trust/manifest.h"
#include "trust/signatures.h"

/* What is judged. Nothing in it belongs to the verdict. */
struct verdict_case {
	const struct keyring *keys;
	const char *manifest, *signatures;
	size_t manifest_len, signatures_len;
	const char *name;         /* of the file that is asked for, without folders */
	const char *command_line; /* the machine's; NULL: it is nobody's business */
	const char *append;       /* the one that a fetched kernel gets, as append: has it; NULL: none */
};

/* Judges C. 0: M is filled (manifest_free), and its signers want just this booted; else -errno with F (FAIL_SIG_*). */
int verdict_of(const struct verdict_case *c, struct manifest *m, struct failure *f) must_check;

#endif
