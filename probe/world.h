/* world.h - where the probe finds the kernel: the real places, or a test's. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_WORLD_H
#define PROBE_WORLD_H

#include "probe/probe.h"

struct kmod_module;

/* Everything the probe touches outside itself. */
struct probe_world {
	const char *sysfs;       /* "/sys" */
	const char *modules_dir; /* NULL: /lib/modules/`uname -r` */
	const char *pci_ids;     /* names of PCI devices; may be missing */
	int uevent_fd;           /* gives uevents, non-blocking; -1: none; closed by probe_close */
	int kmsg_fd; /* gives kernel messages as /dev/kmsg does, non-blocking; -1: none; closed by probe_close */
	/* Puts one module into the kernel; its dependencies are there. 0 or -errno. */
	int (*insert)(void *ctx, struct kmod_module *module, const char *params);
	void *ctx;
};

/* Where the names of PCI devices are in all.rdz and on most distributions. */
#define PCI_IDS_PATH "/usr/share/misc/pci.ids"

/* The running kernel. The two descriptors are opened by probe_open. */
extern const struct probe_world real_world;

/* probe_open for WORLD, whose strings must live as long as the probe; the descriptors belong to the probe from now on,
 * also where this fails. */
int probe_open_world(struct probe **out, const struct options *o, const struct probe_world *world, struct watch *w,
		     struct failure *f) must_check;

#endif
