/* intake.h - bytes as they come -> counted, summed, uncompressed -> the sink behind. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_INTAKE_H
#define IMAGE_INTAKE_H

#include "image/sink.h"

/* Bytes are looked at in portions of this size. */
#define INTAKE_PORTION (128 * 1024)

/* The front of every sink: takes gz, xz and zstd off (not where RAW is set) and gives the rest to INNER, which it
 * owns and frees. MEMORY: bytes free (-1: do not care); half of it at most goes to a decoder. SHA256_HEX: of the
 * bytes as they come, NULL: not checked. INNER's begin may be called a second time, before the first byte, with what
 * the compressed bytes tell of their contents: then SIZE is a lower bound. Where INNER knows an archive's end (its
 * rest), what follows may be plain or compressed in any way, as in an initramfs. NULL (and INNER is freed) when memory
 * ran out. */
struct sink *intake_sink(struct sink *inner, bool raw, int64_t memory, const char *sha256_hex);

#endif
