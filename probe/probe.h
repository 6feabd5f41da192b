/* probe.h - the arrow "options -> devices": buses -> modules loaded -> devices there. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "base/failure.h"
#include "base/watch.h"
#include "options/options.h"

/* What a driver is wanted for. Flags, may be combined. */
enum probe_class {
	PROBE_NET = 1 << 0,     /* network cards, and the buses they may sit on (PCI, virtio, VMBus, Xen) */
	PROBE_USB = 1 << 1,     /* USB host controllers, and what hangs on them */
	PROBE_INPUT = 1 << 2,   /* keyboards */
	PROBE_STORAGE = 1 << 3, /* disks, CD drives, card readers and their controllers */
	PROBE_ALL = PROBE_NET | PROBE_USB | PROBE_INPUT | PROBE_STORAGE,
};

/* One device as a person would name it. Strings are owned by the probe. */
struct probe_device {
	const char *bus;      /* "pci", "usb", "virtio", "vmbus", "platform", ... */
	const char *address;  /* "0000:00:03.0" */
	const char *driver;   /* the driver bound to it, NULL while none */
	unsigned classes;     /* what it is good for, of enum probe_class; 0: nothing stage1 needs */
	enum fail_id trouble; /* FAIL_NONE, or FAIL_DEV_NO_DRIVER, _LOAD, _FIRMWARE */
};

struct probe; /* opaque: libkmod and libpci contexts, what was seen */

/* Opens the module indexes of the running kernel (MODULES_DIR, NULL for /lib/modules/`uname -r`) and honours O's
 * module options and blacklist. A missing folder is no failure (drivers may be built in), but a warning. O must live
 * as long as the probe. 0 or -errno with F filled. */
int probe_open(struct probe **out, const struct options *o, const char *modules_dir, struct watch *w,
	       struct failure *f) must_check;

/* Loads the modules for all devices of CLASSES, bus after bus until nothing new appears, and returns when the uevents
 * of what it loaded have come in or DEADLINE has passed. A device that cannot be driven is noted by name, and is no
 * failure here. 0 or -errno. */
int probe_load(struct probe *p, unsigned classes, int64_t deadline) must_check;

/* Loads the modules for devices that have come since, of the classes asked for so far. Does not wait. 0 or -errno. */
int probe_catch_up(struct probe *p) must_check;

/* Loads a module by name with its dependencies (file systems, loop, brd...). PARAMS may be NULL. 0 also when it is
 * built in or already there; -ENOENT when all.rdz does not have it; -errno. */
int probe_module(struct probe *p, const char *name, const char *params) must_check;

/* Waits until a file exists (a device node, /sys/class/net/eth0), woken by uevents. 0 or -ETIMEDOUT. */
int probe_wait_path(struct probe *p, const char *path, int64_t deadline) must_check;

/* All devices seen so far, as they are now (a driver may have missed its firmware only when its interface was brought
 * up). The array is owned by P and valid until the next call of any of these. */
const struct probe_device *probe_devices(struct probe *p, size_t *count);

/* The name of D, one of probe_devices, for a person: "Intel Corporation 82540EM Gigabit Ethernet Controller", or the
 * modalias where nobody knows more. Owned by P. The first question reads pci.ids, so do not ask for fun. */
const char *probe_name(struct probe *p, const struct probe_device *d);

/* The name of the card behind a network interface ("eth0"), like probe_name; NULL where it is no device of the
 * probe. */
const char *probe_interface_name(struct probe *p, const char *interface);

/* Says, once each, what probe_load could not say because it turned up later: a firmware file that was missed when the
 * interface was brought up. Worth a call when the network will not come up. */
void probe_report(struct probe *p);

/* Module names loaded by this program, with their options, one per line, for /run/stage1/modules. */
int probe_list_modules(const struct probe *p, struct buf *out);

void probe_close(struct probe *p);

#endif
