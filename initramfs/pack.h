/* pack.h - picked modules -> their files as they lie in all.rdz, each compressed by itself and kept for the next
 * build. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INITRAMFS_PACK_H
#define INITRAMFS_PACK_H

#include "initramfs/kernel_modules.h"

struct packer {
	const char *cache; /* folder of packed modules, named after what they were made of */
	const char *stage; /* lib/modules/VERSION to be filled with links into the cache */
	bool as_signed;    /* the bytes of the kernel package, signature included; else as elf_slim() leaves them */
};

/* Links every picked module of T as it is below the stage, by the name that it will have when packed: depmod reads what
 * packing leaves out. 0 or -errno, the reason being on the standard error. */
int stage_modules(const struct packer *p, const struct kernel_modules *t) must_check;

/* Packs every picked module of T on all processors and links it below the stage, in the place of the original:
 * kernel/fs/isofs/isofs.ko.xz. 0 or -errno, the reason being on the standard error. */
int pack_modules(const struct packer *p, const struct kernel_modules *t) must_check;

/* Compresses LEN bytes as PACKING says, added to OUT. PACK_PLAIN copies. 0 or -ENOMEM. */
int pack_bytes(enum packing packing, const void *data, size_t len, struct buf *out) must_check;

/* Compresses LEN bytes as every kernel unpacks them itself (gzip), added to OUT. 0 or -ENOMEM. */
int pack_gzip(const void *data, size_t len, struct buf *out) must_check;

/* What a packed module's name ends in: ".xz", ".zst", "". */
const char *pack_suffix(enum packing packing);

#endif
