/* classify.h - a modalias, or a module's path in the kernel tree -> what the device is good for. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_CLASSIFY_H
#define PROBE_CLASSIFY_H

#include "probe/probe.h"

/* Beside the flags of enum probe_class: */
enum {
	CLASS_ASK_PATH = 1 << 8, /* the modalias does not tell: look up its module and ask classify_path */
	CLASS_BUS = 1 << 9,      /* it carries other devices of any class (virtio transport, VMBus) */
	CLASS_QUIET = 1 << 10,   /* nobody misses it where it has no driver (wireless cards) */
};

/* What a device with this MODALIAS is good for: flags of enum probe_class and of the above; 0: nothing stage1 needs.
 * Any bytes may be in MODALIAS. Pure. */
unsigned classify_modalias(const char *modalias);

/* The same for a module file, "/lib/modules/6.1.0/kernel/drivers/net/ethernet/realtek/r8169.ko.xz". Pure. */
unsigned classify_path(const char *path);

/* The ids of a PCI modalias. 0, or -EINVAL where MODALIAS is none. */
int classify_pci_ids(const char *modalias, unsigned *vendor, unsigned *device) must_check;

#endif
