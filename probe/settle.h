/* settle.h - devices and uevents -> is something still on its way, and until when is it worth waiting. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_SETTLE_H
#define PROBE_SETTLE_H

#include "probe/device.h"
#include "probe/uevent.h"

/* What is waited for, after insertion of a driver (which itself returns only when the driver has looked at all its
 * devices, SCSI and ATA buses included: async_synchronize_full in kernel/module/main.c):
 *
 *   a network card with a driver      until its interface is there,                        at most 3 s
 *   a USB mass storage interface      until its SCSI devices are there (the kernel lets    at most 10 s
 *                                     1 s pass before it asks, delay_use)
 *   a SCSI, Xen or MMC disk           until its block device is there,                     at most 5 s
 *   USB hubs                          until nothing was announced on any USB bus for       1 s
 *                                     (power good 0.1 s, debounce 0.1 s, two resets and
 *                                     the descriptors 0.2 s: USB 2.0, section 7.1.7.3)
 *   an MMC or SD slot                 until its card is there, after the slot came          at most 1 s
 *
 * Each ends early by an event and late by its time; nothing is polled. */
enum {
	SETTLE_NET_MS = 3000,
	SETTLE_USB_STORAGE_MS = 10000,
	SETTLE_DISK_MS = 5000,
	SETTLE_USB_MS = 1000,
	SETTLE_MMC_MS = 1000,
};

/* What the events said so far; times of now_ms(), 0 while there is none. */
struct settle {
	int64_t usb_until;
	int64_t mmc_until;
};

/* Takes one event of time NOW into account. */
void settle_event(struct settle *s, const struct uevent *ev, int64_t now);

/* USB devices were there before anybody listened: they may just have been coming. */
void settle_seen(struct settle *s, const struct devices *list, int64_t now);

/* The time until which something is worth waiting for (later than NOW), with its name in WHY of SIZE bytes; 0 when all
 * is there. Only devices whose class is in WANTED count; USB and MMC count with PROBE_USB and PROBE_STORAGE. */
int64_t settle_until(const struct settle *s, const struct devices *list, const char *sysfs, unsigned wanted,
		     int64_t now, char *why, size_t size);

#endif
