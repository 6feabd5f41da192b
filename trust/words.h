/* words.h - a kernel command line -> which of its words could make a verified system do something else. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRUST_WORDS_H
#define TRUST_WORDS_H

#include "base/buf.h"

/* A pattern is a word, or the beginning of one and a star: "quiet", "systemd.unit=*". Several stand with blanks between
 * them. What is harmless for any system needs no pattern: console=, ip=, BOOTIF=, quiet and their kin. */

/* Adds to WHICH every word of LINE that is neither harmless nor allowed by the patterns in ALLOWED (NULL: none) or
 * BUILT_IN (likewise), with blanks between them. Double quotes hold a word together, as the kernel has it; WITH_OWN:
 * what stage1 reads itself (automatic=, node_id=, root=/dev/ram3 ...) is harmless, too. True where there is none. */
bool words_allowed(const char *line, bool with_own, const char *allowed, const char *built_in, struct buf *which);

#endif
