/* kernel_modules.h - a kernel's modules and the rules of modules.list -> the modules that are packed, with all they
 * need. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INITRAMFS_KERNEL_MODULES_H
#define INITRAMFS_KERNEL_MODULES_H

#include "initramfs/list.h"

/* One module of the kernel, a file or built in. */
struct module {
	char *name; /* "e1000e", as the kernel spells it; owned */
	char *path; /* "drivers/net/ethernet/intel/e1000e/e1000e"; owned */
	char *file; /* "kernel/drivers/.../e1000e.ko", below the folder of the tree; NULL: built in; owned */
	bool picked;
	enum packing packing; /* while picked */
	char **firmware;      /* names below a firmware folder, while picked; owned */
	size_t firmware_count;
};

/* All modules of one kernel. */
struct kernel_modules {
	char *dir;             /* lib/modules/VERSION with the indexes of depmod; owned */
	char *version;         /* "6.1.0-56-amd64"; owned */
	struct module *module; /* by name */
	size_t count;
};

/* Reads the indexes in DIR, whose last part is the kernel's version. 0 or -errno, with words in ERRORS. */
int kernel_modules_open(struct kernel_modules *t, const char *dir, struct buf *errors) must_check;

/* Picks what LIST (read from a file called NAME) asks for, then what that needs: dependencies and soft dependencies,
 * packed as fast as what needs them. Each line that names nothing in this kernel is added to ERRORS with what to do.
 * 0, -ENOENT when ERRORS got a line, or -errno. */
int kernel_modules_pick(struct kernel_modules *t, const struct module_list *list, const char *name,
			struct buf *errors) must_check;

void kernel_modules_close(struct kernel_modules *t);

#endif
