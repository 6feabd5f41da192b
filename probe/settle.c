/* settle.c - devices and uevents -> is something still on its way, and until when is it worth waiting. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/settle.h"

#include "base/buf.h"
#include "probe/classify.h"

#include <dirent.h>
#include <stdio.h>

void settle_event(struct settle *s, const struct uevent *ev, int64_t now)
{
	if (streq(ev->subsystem, "usb") && !streq(ev->action, "remove"))
		s->usb_until = now + SETTLE_USB_MS;
	if (streq(ev->subsystem, "mmc_host") && streq(ev->action, "add"))
		s->mmc_until = now + SETTLE_MMC_MS;
	if (streq(ev->subsystem, "mmc") && streq(ev->action, "add"))
		s->mmc_until = 0;
}

void settle_seen(struct settle *s, const struct devices *list, int64_t now)
{
	for (size_t i = 0; i < list->count; i++)
		if (streq(list->item[i]->bus, "usb"))
			s->usb_until = now + SETTLE_USB_MS;
}

/* PCI drivers below which the card itself is another device. */
static bool is_transport(const char *driver)
{
	static const char *const transports[] = { "virtio-pci", "b43-pci-bridge", "bcma-pci-bridge", "hv_pci" };

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++)
		if (streq(driver, transports[i]))
			return true;
	return false;
}

/* True when a SCSI device of the host adapter that the USB interface D became is known. */
static bool has_scsi_device(const struct devices *list, const struct device *d, const char *sysfs)
{
	cleanup_free char *path = str_printf("%s/bus/usb/devices/%s", sysfs, d->address);
	DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name) - MIN(strlen(entry->d_name), strlen("host"));

		if (!starts_with(entry->d_name, "host"))
			continue;
		for (size_t i = 0; i < list->count; i++) { /* host6 has devices 6:0:0:0, 6:0:0:1 */
			const struct device *other = list->item[i];

			if (streq(other->bus, "scsi") &&
			    strncmp(other->address, entry->d_name + strlen("host"), len) == 0 &&
			    other->address[len] == ':')
				found = true;
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The time at which hope for D ends; 0 when it is complete. */
static int64_t device_until(const struct devices *list, const struct device *d, const char *sysfs)
{
	bool usable = d->driver || (streq(d->bus, "scsi") && d->module && !d->load_error);

	if (!usable)
		return 0;
	if (d->classes & PROBE_NET)
		return is_transport(d->driver) || device_has(d, sysfs, "net") ? 0 : d->since + SETTLE_NET_MS;
	if (!(d->classes & PROBE_STORAGE))
		return 0;
	if (streq(d->bus, "usb"))
		return has_scsi_device(list, d, sysfs) ? 0 : d->since + SETTLE_USB_STORAGE_MS;
	if (streq(d->bus, "scsi") || streq(d->bus, "xen") || streq(d->bus, "mmc"))
		return device_has(d, sysfs, "block") ? 0 : d->since + SETTLE_DISK_MS;
	return 0;
}

int64_t settle_until(const struct settle *s, const struct devices *list, const char *sysfs, unsigned wanted,
		     int64_t now, char *why, size_t size)
{
	int64_t until = 0;

	if ((wanted & PROBE_USB) && s->usb_until > now) {
		until = s->usb_until;
		snprintf(why, size, "USB devices are announcing themselves");
	}
	if ((wanted & PROBE_STORAGE) && s->mmc_until > MAX(until, now)) {
		until = s->mmc_until;
		snprintf(why, size, "a card slot is looking for its card");
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct device *d = list->item[i];
		int64_t end = d->classes & wanted ? device_until(list, d, sysfs) : 0;

		if (end <= MAX(until, now))
			continue;
		until = end;
		snprintf(why, size, "%s %s is getting ready", d->bus, d->address);
	}
	return until;
}
