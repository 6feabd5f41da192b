/* device.h - /sys/bus and uevents -> the list of devices. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_DEVICE_H
#define PROBE_DEVICE_H

#include "probe/probe.h"

/* One device that has a modalias. Strings are owned by the device. */
struct device {
	char *bus, *address; /* together its name: /sys/bus/BUS/devices/ADDRESS */
	char *modalias;
	char *driver;     /* bound to it, NULL while none */
	char *name;       /* for a person; NULL until somebody asks */
	char *module;     /* the module that was tried for it, NULL while none */
	char *firmware;   /* a file its driver asked for in vain, NULL where none */
	unsigned classes; /* of classify.h */
	enum fail_id trouble;
	int load_error; /* of MODULE: 0, -EPERM where it is blacklisted, or -errno */
	int64_t since;  /* when it was bound or first seen, of now_ms() */
	bool tried;     /* its driver was looked for, or was there */
	bool told;      /* its trouble was said */
};

/* All devices, in the order they are to be dealt with. {0} is empty. */
struct devices {
	struct device **item; /* owned */
	size_t count;
};

/* Adds what is below SYSFS ("/sys") and not yet in the list: PCI first, then the other buses by name; each bus by
 * address, so that disks get the same names every time. 0 or -errno; a bus that cannot be read is left out. */
int devices_walk(struct devices *list, const char *sysfs) must_check;

/* The device, or NULL. */
struct device *devices_find(const struct devices *list, const char *bus, const char *address);

/* Adds one device at the end unless it is there; DRIVER may be NULL. 0 or -ENOMEM. */
int devices_add(struct devices *list, const char *bus, const char *address, const char *modalias,
		const char *driver) must_check;

/* Takes the device out of the list. */
void devices_remove(struct devices *list, struct device *d);

/* Looks whether a driver is bound to D by now. */
void device_refresh(struct device *d, const char *sysfs);

/* True when the file or folder NAME exists in D's folder of sysfs. */
bool device_has(const struct device *d, const char *sysfs, const char *name);

void devices_free(struct devices *list);

#endif
