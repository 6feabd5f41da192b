/* trouble.c - what became of a device's driver -> what is wrong, and words for a person. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/trouble.h"

#include "base/log.h"
#include "probe/classify.h"

void trouble_firmware(struct devices *list, const struct firmware_miss *miss)
{
	for (size_t i = 0; miss->bus && i < list->count; i++) {
		struct device *d = list->item[i];

		if (strlen(d->bus) != miss->bus_len || memcmp(d->bus, miss->bus, miss->bus_len) != 0 ||
		    strlen(d->address) != miss->address_len ||
		    memcmp(d->address, miss->address, miss->address_len) != 0 || d->firmware)
			continue;
		d->firmware = strndup(miss->file, miss->file_len);
	}
}

/* True when the driver was left out because the command line says so. */
static bool forbidden(const struct device *d)
{
	return d->module && d->load_error == -EPERM && !d->driver;
}

bool trouble_find(struct device *d)
{
	if (d->firmware)
		d->trouble = FAIL_DEV_FIRMWARE;
	else if (d->driver || forbidden(d))
		d->trouble = FAIL_NONE;
	else if (!d->module)
		d->trouble = FAIL_DEV_NO_DRIVER;
	else
		d->trouble = FAIL_DEV_LOAD;
	return d->trouble || forbidden(d);
}

/* "no driver for 0000:00:03.0 Acme FastCard": the cause first, for lines are short. */
static char *describe(const struct device *d, const char *name)
{
	const char *driver = d->driver ? d->driver : d->module;

	if (d->firmware)
		return str_printf("%s misses its firmware %s: %s %s", driver, d->firmware, d->address, name);
	if (forbidden(d))
		return str_printf("%s is forbidden by the command line: %s %s", driver, d->address, name);
	if (!d->module)
		return str_printf("no driver for %s %s (%s)", d->address, name, d->modalias);
	if (d->load_error)
		return str_printf("%s would not load (%s): %s %s", driver, err_text(d->load_error), d->address, name);
	return str_printf("%s does not take %s %s", driver, d->address, name);
}

void trouble_tell(struct device *d, const char *name, struct watch *w)
{
	cleanup_free char *words = describe(d, name);

	d->told = true;
	if (!words)
		return;
	log_warn("%s %s", fail_code(d->trouble), words);
	if (!(d->classes & CLASS_QUIET))
		watch_note(w, "%s", words);
}
