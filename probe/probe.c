/* probe.c - the arrow "options -> devices": buses -> modules loaded -> devices there. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/probe.h"

#include "base/clock.h"
#include "base/log.h"
#include "probe/classify.h"
#include "probe/device.h"
#include "probe/firmware.h"
#include "probe/modules.h"
#include "probe/names.h"
#include "probe/settle.h"
#include "probe/trouble.h"
#include "probe/uevent.h"
#include "probe/world.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

/* While a person may stop the work, that is looked at this often, in milliseconds. */
#define CANCEL_MS 500

struct probe {
	const struct options *options;
	struct probe_world world;
	struct watch *watch;
	struct modules modules;
	struct devices devices;
	struct names names;
	struct settle settle;
	unsigned asked;             /* classes of all probe_load calls so far, with what they imply */
	bool walked;                /* sysfs was read; the events tell the rest */
	struct probe_device *shown; /* what probe_devices gave out */
};

static int real_insert(void *ctx maybe_unused, struct kmod_module *module, const char *params)
{
	return kmod_module_insert_module(module, 0, params);
}

const struct probe_world real_world = {
	.sysfs = "/sys",
	.pci_ids = PCI_IDS_PATH,
	.uevent_fd = -1,
	.kmsg_fd = -1,
	.insert = real_insert,
};

int probe_open_world(struct probe **out, const struct options *o, const struct probe_world *world, struct watch *w,
		     struct failure *f)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p) {
		p->options = o;
		p->world = *world;
		p->watch = w;
		if (modules_open(&p->modules, o, &p->world) == 0) {
			*out = p;
			return 0;
		}
	}
	free(p);
	if (world->uevent_fd >= 0)
		close(world->uevent_fd);
	if (world->kmsg_fd >= 0)
		close(world->kmsg_fd);
	return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "the module indexes cannot be opened: %s", err_text(-ENOMEM));
}

int probe_open(struct probe **out, const struct options *o, const char *modules_dir, struct watch *w, struct failure *f)
{
	struct probe_world world = real_world;

	/* before any driver is loaded, so that nothing is missed */
	world.uevent_fd = uevent_open();
	if (world.uevent_fd < 0)
		log_warn("no uevents: %s", err_text(world.uevent_fd));
	world.kmsg_fd = firmware_open();
	world.modules_dir = modules_dir;
	return probe_open_world(out, o, &world, w, f);
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	names_close(&p->names);
	devices_free(&p->devices);
	modules_close(&p->modules);
	if (p->world.uevent_fd >= 0)
		close(p->world.uevent_fd);
	if (p->world.kmsg_fd >= 0)
		close(p->world.kmsg_fd);
	free(p->shown);
	free(p);
}

/* What a request for CLASSES implies: keyboards and disks may sit on USB, and PROBE_USB means what hangs there. */
static unsigned implied(const struct options *o, unsigned classes)
{
	if (classes & (PROBE_INPUT | PROBE_STORAGE))
		classes |= PROBE_USB;
	return o->noauto ? classes & ~(unsigned)PROBE_USB : classes;
}

/* True when D is wanted by what was asked for so far. USB_TOO: PROBE_USB itself was asked for. */
static bool wanted(const struct probe *p, const struct device *d)
{
	unsigned classes = implied(p->options, p->asked);
	bool on_usb = streq(d->bus, "usb") || streq(d->bus, "hid") || streq(d->bus, "scsi");

	if (on_usb && (p->asked & PROBE_USB) && !p->options->noauto)
		classes |= PROBE_ALL;
	return p->asked && (d->classes & (classes | CLASS_BUS));
}

/* Another device with the same modalias whose class was already looked up. */
static const struct device *same_alias(const struct probe *p, const struct device *d)
{
	for (size_t i = 0; i < p->devices.count; i++) {
		const struct device *other = p->devices.item[i];

		if (other == d)
			return NULL;
		if (streq(other->modalias, d->modalias))
			return other;
	}
	return NULL;
}

/* Replaces CLASS_ASK_PATH in D's classes by what the place of its first module says. */
static void ask_path(struct device *d, const struct kmod_list *list)
{
	struct kmod_module *first = list ? kmod_module_get_module(list) : NULL;
	const char *path = first ? kmod_module_get_path(first) : NULL;

	d->classes = path ? classify_path(path) : 0;
	kmod_module_unref(first);
}

/* D remembers the first module that loaded, or the first at all where none did. */
static void remember_try(struct device *d, const char *name, int err)
{
	if (d->module && (err || !d->load_error))
		return;
	free(d->module);
	d->module = strdup(name);
	d->load_error = err;
}

/* Loads the modules of LIST until one drives D. 0 or -ENOMEM. */
static int load_one_of(struct probe *p, struct device *d, const struct kmod_list *list)
{
	const struct kmod_list *l;
	int err = 0;

	kmod_list_foreach(l, list)
	{
		struct kmod_module *module = kmod_module_get_module(l);
		const char *name = kmod_module_get_name(module);

		err = modules_blacklisted(&p->modules, name) ? -EPERM : modules_load(&p->modules, module, NULL);
		remember_try(d, name, err);
		kmod_module_unref(module);
		if (!err)
			device_refresh(d, p->world.sysfs);
		if (d->driver || err == -ENOMEM)
			break;
	}
	return err == -ENOMEM ? err : 0;
}

/* Finds out what D is and, where it is wanted, loads its driver. 1: something was loaded or tried; 0; -errno. */
static int drive(struct probe *p, struct device *d)
{
	const struct device *twin;
	struct kmod_list *list = NULL;
	int err;

	if (d->tried)
		return 0;
	twin = d->classes & CLASS_ASK_PATH ? same_alias(p, d) : NULL;
	if (twin)
		d->classes = twin->classes;
	if (!(d->classes & CLASS_ASK_PATH) && !wanted(p, d))
		return 0;
	if (!d->driver)
		device_refresh(d, p->world.sysfs);
	if (d->driver) {
		d->tried = true;
		return 0;
	}
	err = modules_find(&p->modules, d->modalias, &list);
	if (!err && (d->classes & CLASS_ASK_PATH))
		ask_path(d, list);
	if (!err && wanted(p, d)) {
		d->tried = true;
		d->since = now_ms();
		err = load_one_of(p, d, list);
		if (!err)
			err = 1;
	}
	kmod_module_unref_list(list);
	return err;
}

static int walk(struct probe *p)
{
	int err = devices_walk(&p->devices, p->world.sysfs);

	if (!p->walked)
		settle_seen(&p->settle, &p->devices, now_ms());
	p->walked = true;
	return err == -ENOMEM ? err : 0;
}

static int take_event(struct probe *p, const struct uevent *ev)
{
	const char *address = strrchr(ev->devpath, '/');
	struct device *d;

	address = address ? address + 1 : ev->devpath;
	settle_event(&p->settle, ev, now_ms());
	d = devices_find(&p->devices, ev->subsystem, address);
	if (streq(ev->action, "add") && ev->modalias && !d)
		return devices_add(&p->devices, ev->subsystem, address, ev->modalias, ev->driver);
	if (streq(ev->action, "bind") && d)
		device_refresh(d, p->world.sysfs);
	if (streq(ev->action, "remove") && d)
		devices_remove(&p->devices, d);
	return 0;
}

/* Takes all events that have come. 0 or -errno. */
static int take_events(struct probe *p)
{
	char text[UEVENT_MAX];
	struct uevent ev;
	int got, err = 0;

	if (p->world.uevent_fd < 0)
		return walk(p);
	while (!err && (got = uevent_read(p->world.uevent_fd, text, sizeof(text), &ev)) != 0) {
		if (got == -ENOBUFS)
			err = walk(p);
		else if (got < 0)
			return got;
		else
			err = take_event(p, &ev);
	}
	return err;
}

/* Drives all devices there are, and those that come by it, until nothing new appears. 0 or -errno. */
static int drive_all(struct probe *p)
{
	bool more = true;
	int err = p->walked ? 0 : walk(p);

	while (!err && more) {
		err = take_events(p);
		more = false;
		for (size_t i = 0; err >= 0 && i < p->devices.count; i++) {
			err = drive(p, p->devices.item[i]);
			more = more || err > 0;
		}
		err = MIN(err, 0);
	}
	return err;
}

/* Sleeps until an event comes or UNTIL has passed; wakes to look whether a person wants to stop. */
static int wait_event(struct probe *p, int64_t until)
{
	int err;

	if (p->watch && p->watch->cancelled)
		until = MIN(until, now_ms() + CANCEL_MS);
	err = wait_fd(p->world.uevent_fd, POLLIN, until);
	if (watch_cancelled(p->watch))
		return -ECANCELED;
	return err == -ETIMEDOUT ? 0 : err;
}

/* Notes which devices asked for firmware in vain. */
static void take_kernel_messages(struct probe *p)
{
	char record[8192]; /* more than the kernel's longest (PRINTKRB_RECORD_MAX, kernel/printk) */
	struct firmware_miss miss;
	ssize_t n;

	while (p->world.kmsg_fd >= 0) {
		n = read(p->world.kmsg_fd, record, sizeof(record));
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue; /* messages were overwritten: go on with the oldest there is */
		if (n <= 0)
			return;
		if (firmware_parse(record, (size_t)n, &miss))
			trouble_firmware(&p->devices, &miss);
	}
}

void probe_report(struct probe *p)
{
	take_kernel_messages(p);
	for (size_t i = 0; i < p->devices.count; i++) {
		struct device *d = p->devices.item[i];

		if (d->tried && !d->told && trouble_find(d))
			trouble_tell(d, names_of(&p->names, &p->world, d), p->watch);
	}
}

int probe_load(struct probe *p, unsigned classes, int64_t deadline)
{
	char why[100];
	int64_t until;
	int err;

	p->asked |= classes;
	for (;;) {
		err = drive_all(p);
		if (err || p->world.uevent_fd < 0)
			break;
		until = settle_until(&p->settle, &p->devices, p->world.sysfs, implied(p->options, p->asked), now_ms(),
				     why, sizeof(why));
		if (!until || now_ms() >= deadline)
			break;
		watch_waiting(p->watch, MIN(until, deadline), "%s", why);
		err = wait_event(p, MIN(until, deadline));
		if (err)
			break;
	}
	probe_report(p);
	return err;
}

int probe_catch_up(struct probe *p)
{
	int err = drive_all(p);

	probe_report(p);
	return err;
}

int probe_module(struct probe *p, const char *name, const char *params)
{
	return modules_load_name(&p->modules, name, params);
}

int probe_wait_path(struct probe *p, const char *path, int64_t deadline)
{
	int err = 0;

	for (;;) {
		if (access(path, F_OK) == 0)
			return 0;
		err = drive_all(p);
		if (err)
			return err;
		if (access(path, F_OK) == 0)
			return 0;
		if (p->world.uevent_fd < 0 || now_ms() >= deadline)
			return -ETIMEDOUT;
		err = wait_event(p, deadline);
		if (err)
			return err;
	}
}

const struct probe_device *probe_devices(struct probe *p, size_t *count)
{
	struct probe_device *shown = calloc(MAX(p->devices.count, (size_t)1), sizeof(*shown));

	*count = shown ? p->devices.count : 0;
	free(p->shown);
	p->shown = shown;
	take_kernel_messages(p);
	for (size_t i = 0; i < *count; i++) {
		struct device *d = p->devices.item[i];

		if (!d->driver)
			device_refresh(d, p->world.sysfs);
		if (d->tried)
			trouble_find(d);
		shown[i] = (struct probe_device){
			.bus = d->bus,
			.address = d->address,
			.driver = d->driver,
			.classes = d->classes & PROBE_ALL,
			.trouble = d->trouble,
		};
	}
	return shown;
}

const char *probe_name(struct probe *p, const struct probe_device *shown)
{
	struct device *d = devices_find(&p->devices, shown->bus, shown->address);

	return d ? names_of(&p->names, &p->world, d) : shown->address;
}

/* Where LINK below sysfs points to, its last part, in NAME of SIZE bytes. 0 or -errno. */
static int link_target(const char *link, char *name, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	const char *slash;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return str_copy(name, size, slash ? slash + 1 : target);
}

const char *probe_interface_name(struct probe *p, const char *interface)
{
	cleanup_free char *device = str_printf("%s/class/net/%s/device", p->world.sysfs, interface);
	cleanup_free char *bus = str_printf("%s/class/net/%s/device/subsystem", p->world.sysfs, interface);
	char address[NAME_MAX + 1], bus_name[NAME_MAX + 1];
	struct device *d;

	if (!device || !bus || link_target(device, address, sizeof(address)) ||
	    link_target(bus, bus_name, sizeof(bus_name)))
		return NULL;
	d = devices_find(&p->devices, bus_name, address);
	return d ? names_of(&p->names, &p->world, d) : NULL;
}

int probe_list_modules(const struct probe *p, struct buf *out)
{
	for (size_t i = 0; i < p->modules.loaded_count; i++) {
		const struct loaded_module *m = &p->modules.loaded[i];

		if (m->result == 0)
			buf_printf(out, "%s%s%s\n", m->name, m->params[0] ? " " : "", m->params);
	}
	return out->failed ? -ENOMEM : 0;
}
