/* config.h - what libpci is built with: a plain pci.ids; nothing that asks the network, a database or the hardware. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PCI_CONFIG_H
#define PCI_CONFIG_H

#define PCI_OS_LINUX
#define PCI_HAVE_STDINT_H
#define PCI_HAVE_64BIT_ADDRESS
#define PCI_HAVE_LINUX_BYTEORDER_H
#define PCI_PATH_IDS_DIR "/usr/share/misc"
#define PCI_IDS "pci.ids"
#define PCILIB_VERSION "distribution"

#endif
