/* manifest.h - a short text that is signed <-> what an image is: name, version, size, sums. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRUST_MANIFEST_H
#define TRUST_MANIFEST_H

#include "base/buf.h"
#include "trust/hash.h"

/* Nobody reads more than this of a manifest, or of its signatures. */
#define MANIFEST_MAX (64 * 1024)

#define MANIFEST_SUFFIX  ".manifest"
#define SIGNATURE_SUFFIX ".manifest.sig"

/* What is said of an image. Strings are the struct's; manifest_free. */
struct manifest {
	char *name;         /* of the file, without folders */
	int64_t version;    /* counts up */
	int64_t minimum;    /* the oldest version that is still good */
	int64_t size;       /* bytes */
	uint32_t chunk;     /* bytes of a chunk */
	struct hash blake3; /* the root of its chunks, as the relay has it (doc/relay.md) */
	uint8_t sha256[32]; /* of the whole file */
	bool has_verity;
	uint8_t verity[32]; /* the root of its dm-verity tree (doc/signing.md) */
	char *words; /* what a command line may have besides what is harmless; patterns (trust/words.h); or NULL */
};

/* Reads the LEN bytes TEXT. Every field is there once, in any order, and no other. 0, or -EBADMSG or -ENOMEM with WHY.
 */
int manifest_parse(struct manifest *m, const char *text, size_t len, struct buf *why) must_check;

/* Adds the text of M. */
void manifest_put(struct buf *out, const struct manifest *m);

/* Gives its memory back; M is empty then. */
void manifest_free(struct manifest *m);

#endif
