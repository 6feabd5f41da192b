/* names.h - a device -> a name a person can read. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_NAMES_H
#define PROBE_NAMES_H

#include "probe/device.h"
#include "probe/world.h"

/* libpci's names, read from the file at the first question. {0} is closed. */
struct names {
	struct pci_access *pci; /* NULL until the first question */
	bool useless;           /* the file is missing or damaged: numbers are shown */
};

/* The name of D, owned by D and made once: maker and product, or the modalias where nobody knows more; never NULL. */
const char *names_of(struct names *n, const struct probe_world *w, struct device *d);

void names_close(struct names *n);

#endif
