/* elf.h - a kernel module -> the same module without what a boot has no use for, in an order that compresses better. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INITRAMFS_ELF_H
#define INITRAMFS_ELF_H

#include "base/buf.h"

/* Rewrites the relocatable x86-64 object in MODULE; what it does to the machine when loaded stays the same. Gone are
 * sections that the kernel does not load, the unwinder's tables, notes, the signature, the words of .modinfo that are
 * for depmod and people, and all symbols but what is imported and the functions' names (a crash is to be read).
 * 0; -ENOEXEC when it is no such object or not understood, and -ENOMEM: MODULE is as it was then. */
int elf_slim(struct buf *module) must_check;

#endif
