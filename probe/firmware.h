/* firmware.h - kernel messages -> which device asked for which firmware in vain. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_FIRMWARE_H
#define PROBE_FIRMWARE_H

#include "base/base.h"

/* One request the kernel could not serve. Pointers into the record; not terminated. */
struct firmware_miss {
	const char *file; /* "e100/d101m_ucode.bin" */
	size_t file_len;
	const char *bus; /* "pci"; NULL where the record does not name the device */
	size_t bus_len;
	const char *address; /* "0000:00:03.0" */
	size_t address_len;
};

/* Parses one record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg): "4,339,5140900,-;words", then lines of
 * " KEY=value". True when it says that a firmware file could not be loaded. Pure. */
bool firmware_parse(const char *record, size_t len, struct firmware_miss *out);

/* Opens /dev/kmsg behind its last message, non-blocking. The descriptor or -errno. */
int firmware_open(void) must_check;

#endif
