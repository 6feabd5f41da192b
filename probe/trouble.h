/* trouble.h - what became of a device's driver -> what is wrong, and words for a person. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_TROUBLE_H
#define PROBE_TROUBLE_H

#include "probe/device.h"
#include "probe/firmware.h"

/* Remembers the missing file for the device it was asked for, if that is in the list. */
void trouble_firmware(struct devices *list, const struct firmware_miss *miss);

/* Fills D->trouble. True when there is something to tell; call it after the driver was tried. */
bool trouble_find(struct device *d);

/* Says it once, to the watcher and the log; NAME is D's for a person. */
void trouble_tell(struct device *d, const char *name, struct watch *w);

#endif
