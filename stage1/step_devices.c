/* step_devices.c - step 1: options -> the drivers this boot needs are loaded, their devices there. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "base/clock.h"

/* "14 pci, 3 usb; drivers e1000 ahci" */
static void note_devices(struct flow *f)
{
	cleanup_buf struct buf text = { 0 }, drivers = { 0 };
	size_t count, pci = 0, usb = 0;
	const struct probe_device *d = probe_devices(f->probe, &count);

	for (size_t i = 0; i < count; i++) {
		pci += streq(d[i].bus, "pci");
		usb += streq(d[i].bus, "usb");
		if (d[i].classes && d[i].driver && !strstr(buf_cstr(&drivers), d[i].driver))
			buf_printf(&drivers, " %s", d[i].driver);
	}
	buf_printf(&text, "%zu PCI", pci);
	if (usb)
		buf_printf(&text, ", %zu USB", usb);
	buf_printf(&text, "; drivers%s", drivers.len ? buf_cstr(&drivers) : " none");
	watch_note(&f->watch, "%s", buf_cstr(&text));
}

/* Which drivers this boot needs. What is not needed is not loaded: it would cost time and memory. */
static unsigned wanted_classes(const struct flow *f)
{
	unsigned classes = 0;

	if (streq(f->options->value[KEY_PROBE], "all"))
		classes = PROBE_ALL;
	if (f->method->needs & METHOD_NEEDS_NETWORK)
		classes |= PROBE_NET;
	if (f->method->needs & METHOD_NEEDS_STORAGE)
		classes |= PROBE_STORAGE | PROBE_USB;
	return f->options->noauto ? classes & ~(unsigned)PROBE_USB : classes;
}

/* No card on the built-in buses, or not the one that is wished for: it may hang on USB. */
static int look_for_usb_cards(struct flow *f)
{
	size_t count;
	const struct probe_device *d = probe_devices(f->probe, &count);

	if (f->options->noauto || !(f->method->needs & METHOD_NEEDS_NETWORK))
		return 0;
	for (size_t i = 0; i < count; i++)
		if ((d[i].classes & PROBE_NET) && d[i].driver && !net_lacks_card(f->options))
			return 0;
	return probe_load(f->probe, PROBE_NET | PROBE_USB, now_ms() + DEVICES_MS);
}

int step_devices(struct flow *f)
{
	int err = f->probe ? 0 : probe_open(&f->probe, f->options, NULL, &f->watch, &f->result->failure);

	if (err)
		return err;
	err = probe_load(f->probe, wanted_classes(f), now_ms() + DEVICES_MS);
	if (!err)
		err = look_for_usb_cards(f);
	if (err)
		return fail(&f->result->failure, FAIL_DEV_LOAD, err, "probing the buses: %s", err_text(err));
	note_devices(f);
	return 0;
}
