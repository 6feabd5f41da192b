/* classify.c - a modalias, or a module's path in the kernel tree -> what the device is good for. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/classify.h"

/* The hexadecimal number that follows FIELD in MODALIAS, which is DIGITS long; -1 where it is not there. Fields are
 * in a fixed order (scripts/mod/file2alias.c), so the first hit behind START is the one. */
static long field(const char *start, const char *name, int digits)
{
	const char *p = strstr(start, name);
	long value = 0;

	if (!p)
		return -1;
	p += strlen(name);
	for (int i = 0; i < digits; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + (c | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return value;
}

/* PCI Code and ID Assignment Specification, section 1: base class, subclass, programming interface. */
static unsigned classify_pci(const char *alias)
{
	long base = field(alias, "bc", 2), sub = field(alias, "sc", 2), interface = -1;
	const char *last = strrchr(alias, 'i');

	if (base < 0 || sub < 0)
		return 0;
	if (last)
		interface = field(last, "i", 2);
	switch (base) {
	case 0x01:
		return PROBE_STORAGE;
	case 0x02:
		return sub == 0x80 ? PROBE_NET | CLASS_QUIET : PROBE_NET;
	case 0x06: /* nForce network cards call themselves "bridge, other" */
		return sub == 0x80 ? CLASS_ASK_PATH : 0;
	case 0x08:
		return sub == 0x05 ? PROBE_STORAGE : sub == 0x80 ? CLASS_ASK_PATH : 0;
	case 0x09:
		return sub == 0x00 ? PROBE_INPUT : 0;
	case 0x0c: /* USB: UHCI, OHCI, EHCI, xHCI; not USB4 nor device controllers */
		return sub == 0x03 && interface <= 0x30 ? PROBE_USB : 0;
	case 0x00: /* made before there were classes */
	case 0xff: /* Realtek's card readers */
		return CLASS_ASK_PATH;
	default:
		return 0;
	}
}

/* USB-IF class codes of the interface. */
static unsigned classify_usb(const char *alias)
{
	long class = field(alias, "ic", 2), protocol = field(alias, "ip", 2);

	switch (class) {
	case 0x03: /* HID 1.11, section 4.3: protocol 2 is a mouse */
		return protocol == 2 ? 0 : PROBE_INPUT;
	case 0x08:
		return PROBE_STORAGE;
	case 0x02: /* communication: network cards, modems */
	case 0xe0: /* RNDIS in the clothes of a wireless controller */
	case 0xef:
	case 0xff:
		return CLASS_ASK_PATH;
	default:
		return 0;
	}
}

struct row {
	const char *prefix;
	unsigned classes;
};

static unsigned first_match(const struct row *rows, size_t count, const char *s)
{
	for (size_t i = 0; i < count; i++)
		if (starts_with(s, rows[i].prefix))
			return rows[i].classes;
	return 0;
}

/* The first match counts. */
static const struct row modalias_rows[] = {
	/* Virtio 1.2, section 5: device types */
	{ "virtio:d00000001v", PROBE_NET },
	{ "virtio:d00000002v", PROBE_STORAGE },
	{ "virtio:d00000008v", PROBE_STORAGE },
	{ "virtio:d00000012v", PROBE_INPUT },
	{ "virtio:", 0 },
	/* Hyper-V, include/linux/hyperv.h: network, SCSI, IDE, Fibre Channel, keyboard, PCI pass-through */
	{ "vmbus:635161f83edfc546913ff2d2f965ed0e", PROBE_NET },
	{ "vmbus:d96361baa104294db60572e2ffb1dc7f", PROBE_STORAGE },
	{ "vmbus:32264132cb86a2449b5c50d1417354f5", PROBE_STORAGE },
	{ "vmbus:4acc9b2f6900f34ab76b6fd0be528cda", PROBE_STORAGE },
	{ "vmbus:6dad12f9172bea48bd65f927a61c7684", PROBE_INPUT },
	{ "vmbus:1df6c444444400449d52802e27ede19f", CLASS_BUS },
	{ "vmbus:", 0 },
	{ "xen:vif", PROBE_NET },
	{ "xen:vbd", PROBE_STORAGE },
	{ "xen:vkbd", PROBE_INPUT },
	{ "xen:", 0 },
	{ "hid:", PROBE_INPUT },
	/* SCSI-3 device types (include/scsi/scsi_proto.h): disk, write-once, CD, optical, simplified disk, zoned
	 * disk */
	{ "scsi:t-0x00", PROBE_STORAGE },
	{ "scsi:t-0x04", PROBE_STORAGE },
	{ "scsi:t-0x05", PROBE_STORAGE },
	{ "scsi:t-0x07", PROBE_STORAGE },
	{ "scsi:t-0x0e", PROBE_STORAGE },
	{ "scsi:t-0x14", PROBE_STORAGE },
	{ "scsi:", 0 },
	{ "mmc:block", PROBE_STORAGE },
	/* names the firmware gives to the board's own parts, of which only SD slots carry something; no floppies */
	{ "acpi:PNP0D40", CLASS_ASK_PATH },
	{ "acpi:PNP0", 0 },
	{ "acpi:ACPI0", 0 },
	{ "acpi:LNX", 0 },
	/* buses with many devices, none of which carries what stage1 needs */
	{ "cpu:", 0 },
	{ "dmi:", 0 },
	{ "input:", 0 },
	{ "i2c:", 0 },
	{ "spi:", 0 },
	{ "wmi:", 0 },
	{ "", CLASS_ASK_PATH },
};

/* Folders of the kernel tree below drivers/. The first match counts. */
static const struct row path_rows[] = {
	{ "net/wireless/", 0 },
	{ "net/wwan/", 0 },
	{ "net/can/", 0 },
	{ "net/ieee802154/", 0 },
	{ "net/", PROBE_NET },
	{ "ssb/", PROBE_NET },
	{ "bcma/", PROBE_NET },
	{ "usb/storage/", PROBE_STORAGE },
	{ "usb/host/", PROBE_USB },
	{ "usb/core/", PROBE_USB },
	{ "usb/dwc2/", PROBE_USB },
	{ "usb/dwc3/", PROBE_USB },
	{ "usb/chipidea/", PROBE_USB },
	{ "hid/", PROBE_INPUT },
	{ "input/keyboard/", PROBE_INPUT },
	{ "input/serio/", PROBE_INPUT },
	{ "ata/", PROBE_STORAGE },
	{ "block/", PROBE_STORAGE },
	{ "cdrom/", PROBE_STORAGE },
	{ "memstick/", PROBE_STORAGE },
	{ "message/fusion/", PROBE_STORAGE },
	{ "misc/cardreader/", PROBE_STORAGE },
	{ "mmc/", PROBE_STORAGE },
	{ "nvme/", PROBE_STORAGE },
	{ "scsi/", PROBE_STORAGE },
	{ "ufs/", PROBE_STORAGE },
	{ "virtio/", CLASS_BUS },
	{ "hv/", CLASS_BUS },
	{ "xen/", CLASS_BUS },
	{ "pci/controller/", CLASS_BUS },
};

unsigned classify_modalias(const char *modalias)
{
	if (starts_with(modalias, "pci:"))
		return classify_pci(modalias);
	if (starts_with(modalias, "usb:"))
		return classify_usb(modalias);
	return first_match(modalias_rows, ARRAY_SIZE(modalias_rows), modalias);
}

unsigned classify_path(const char *path)
{
	const char *drivers = strstr(path, "/drivers/");

	if (!drivers)
		return 0;
	return first_match(path_rows, ARRAY_SIZE(path_rows), drivers + strlen("/drivers/"));
}

int classify_pci_ids(const char *modalias, unsigned *vendor, unsigned *device)
{
	long v = starts_with(modalias, "pci:v") ? field(modalias, "pci:v", 8) : -1;
	long d = v < 0 ? -1 : field(modalias + strlen("pci:v00000000"), "d", 8);

	if (d < 0)
		return -EINVAL;
	*vendor = (unsigned)v;
	*device = (unsigned)d;
	return 0;
}
