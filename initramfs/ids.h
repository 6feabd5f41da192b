/* ids.h - pci.ids and the modules' aliases -> the pci.ids of all.rdz: what a person may read on the console. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INITRAMFS_IDS_H
#define INITRAMFS_IDS_H

#include "base/buf.h"

/* The PCI devices that the packed modules name. */
struct pci_wanted {
	uint32_t *id; /* vendor << 16 | device */
	size_t count;
};

/* Takes the devices out of the LEN bytes of TEXT, a modules.alias of depmod: lines "alias pci:v00008086d0000100Esv*
 * ...". An alias of a whole vendor names all its devices (virtio), one of a class none. 0 or -ENOMEM. */
int ids_wanted(struct pci_wanted *w, const char *text, size_t len) must_check;
void ids_wanted_free(struct pci_wanted *w);

/* Adds to OUT what is needed of the LEN bytes of TEXT, a pci.ids: all vendors, the wanted devices, the classes; no
 * subsystems and no comments but the first line's. 0 or -ENOMEM. */
int ids_reduce(const struct pci_wanted *w, const char *text, size_t len, struct buf *out) must_check;

#endif
