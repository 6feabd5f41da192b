/* names.c - a device -> a name a person can read: PCI from pci.ids (libpci), USB and SCSI from the device itself. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/names.h"

#include "base/log.h"
#include "probe/classify.h"

#include <ctype.h>
#include <fcntl.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdio.h>
#include <unistd.h>

/* libpci ends the program on an error, which must not happen to PID 1: come back here instead. */
static jmp_buf libpci_failed;

static void __attribute__((noreturn)) libpci_error(char *message, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, message);
	vsnprintf(text, sizeof(text), message, ap);
	va_end(ap);
	log_warn("libpci: %s", text);
	longjmp(libpci_failed, 1);
}

static void libpci_words(char *message maybe_unused, ...)
{
}

static void open_pci(struct names *n, const struct probe_world *w)
{
	if (access(w->pci_ids, R_OK) < 0) {
		log_debug("no names of PCI devices: %s: %s", w->pci_ids, err_text(-errno));
		n->useless = true;
		return;
	}
	n->pci = pci_alloc();
	n->pci->error = libpci_error;
	n->pci->warning = libpci_words;
	n->pci->debug = libpci_words;
	/* no pci_init: it would choose a way to the hardware, and only the names are wanted */
	pci_set_name_list_path(n->pci, (char *)w->pci_ids, 0);
	/* nor in a user's cache of names; libpci 3.13 loses memory over it */
	pci_set_param(n->pci, (char *)"net.cache_name", (char *)"");
}

static char *pci_name(struct names *n, const struct probe_world *w, const char *modalias)
{
	char text[200], *name;
	unsigned vendor, device;

	if (classify_pci_ids(modalias, &vendor, &device))
		return NULL;
	if (!n->pci && !n->useless)
		open_pci(n, w);
	if (n->useless)
		return str_printf("PCI device %04x:%04x", vendor, device);
	if (setjmp(libpci_failed)) {
		n->useless = true;
		return str_printf("PCI device %04x:%04x", vendor, device);
	}
	name = pci_lookup_name(n->pci, text, sizeof(text), PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_HWDB,
			       vendor, device);
	return strdup(name);
}

/* Adds the words in the attribute FILE of a device's folder; blanks around them and what cannot be shown are
 * dropped. */
static void add_attribute(struct buf *out, const char *folder, const char *file)
{
	char text[128];
	cleanup_free char *path = str_printf("%s/%s", folder, file);
	cleanup_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	bool blank = out->len > 0;

	for (ssize_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] <= ' ') {
			blank = out->len > 0;
			continue;
		}
		if (blank)
			buf_char(out, ' ');
		blank = false;
		buf_char(out, isprint((unsigned char)text[i]) ? text[i] : '?');
	}
}

/* The device's own words, from two attributes in its folder. */
static char *own_name(const struct probe_world *w, const struct device *d, const char *maker, const char *product)
{
	/* USB: those of the whole device, "1-1" for its interface "1-1:1.0" */
	int len = (int)(streq(d->bus, "usb") ? strcspn(d->address, ":") : strlen(d->address));
	cleanup_free char *folder = str_printf("%s/bus/%s/devices/%.*s", w->sysfs, d->bus, len, d->address);
	struct buf name = { 0 };

	if (!folder)
		return NULL;
	add_attribute(&name, folder, maker);
	add_attribute(&name, folder, product);
	if (name.len)
		return buf_take(&name);
	buf_free(&name);
	return NULL;
}

static char *virtual_name(const struct device *d)
{
	const char *what = d->classes & PROBE_NET       ? "network card"
			   : d->classes & PROBE_STORAGE ? "disk"
			   : d->classes & PROBE_INPUT   ? "keyboard"
							: NULL;
	const char *whose = streq(d->bus, "virtio")  ? "Virtio"
			    : streq(d->bus, "vmbus") ? "Hyper-V"
			    : streq(d->bus, "xen")   ? "Xen"
						     : NULL;

	return what && whose ? str_printf("%s %s", whose, what) : NULL;
}

const char *names_of(struct names *n, const struct probe_world *w, struct device *d)
{
	if (d->name)
		return d->name;
	if (streq(d->bus, "pci"))
		d->name = pci_name(n, w, d->modalias);
	else if (streq(d->bus, "usb"))
		d->name = own_name(w, d, "manufacturer", "product");
	else if (streq(d->bus, "scsi"))
		d->name = own_name(w, d, "vendor", "model");
	else if (streq(d->bus, "mmc"))
		d->name = own_name(w, d, "type", "name");
	else
		d->name = virtual_name(d);
	if (!d->name)
		d->name = strdup(d->modalias);
	return d->name ? d->name : d->modalias;
}

void names_close(struct names *n)
{
	if (n->pci)
		pci_cleanup(n->pci);
	*n = (struct names){ 0 };
}
