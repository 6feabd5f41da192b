/* device.c - /sys/bus and uevents -> the list of devices. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/device.h"

#include "base/clock.h"
#include "base/log.h"
#include "probe/classify.h"
#include "probe/uevent.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* Buses with one device per processor, block of memory, counter and the like: reading them costs and brings nothing. */
static const char *const skipped_buses[] = {
	"clockevents",  "clocksource", "container",    "cpu",    "edac",
	"event_source", "gpio",        "machinecheck", "memory", "memory_tiering",
	"node",         "nvmem",       "pci_express",  "pnp",    "workqueue",
};

static bool skipped(const char *bus)
{
	for (size_t i = 0; i < ARRAY_SIZE(skipped_buses); i++)
		if (streq(bus, skipped_buses[i]))
			return true;
	return false;
}

static void device_free(struct device *d)
{
	free(d->bus);
	free(d->address);
	free(d->modalias);
	free(d->driver);
	free(d->name);
	free(d->module);
	free(d->firmware);
	free(d);
}

struct device *devices_find(const struct devices *list, const char *bus, const char *address)
{
	for (size_t i = 0; i < list->count; i++) {
		struct device *d = list->item[i];

		if (streq(d->address, address) && streq(d->bus, bus))
			return d;
	}
	return NULL;
}

int devices_add(struct devices *list, const char *bus, const char *address, const char *modalias, const char *driver)
{
	struct device *d, **item;

	if (devices_find(list, bus, address))
		return 0;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->bus = strdup(bus);
	d->address = strdup(address);
	d->modalias = strdup(modalias);
	d->driver = driver ? strdup(driver) : NULL;
	item = realloc(list->item, (list->count + 1) * sizeof(*item));
	if (item)
		list->item = item;
	if (!item || !d->bus || !d->address || !d->modalias || (driver && !d->driver)) {
		device_free(d);
		return -ENOMEM;
	}
	d->classes = classify_modalias(modalias);
	d->since = now_ms();
	list->item[list->count++] = d;
	return 0;
}

void devices_remove(struct devices *list, struct device *d)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->item[i] != d)
			continue;
		list->count--;
		memmove(&list->item[i], &list->item[i + 1], (list->count - i) * sizeof(list->item[0]));
		device_free(d);
		return;
	}
}

void devices_free(struct devices *list)
{
	for (size_t i = 0; i < list->count; i++)
		device_free(list->item[i]);
	free(list->item);
	*list = (struct devices){ 0 };
}

/* The names in folder PATH, sorted, without those that begin with a dot. 0 or -errno. */
static int list_folder(const char *path, struct words *out)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	*out = (struct words){ 0 };
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		char **word;

		if (entry->d_name[0] == '.')
			continue;
		word = realloc(out->word, (out->count + 1) * sizeof(*word));
		if (word)
			out->word = word;
		if (!word || !(word[out->count] = strdup(entry->d_name)))
			err = -ENOMEM;
		else
			out->count++;
	}
	closedir(dir);
	return err;
}

static void free_words(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->word[i]);
	free(w->word);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int pci_first(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	int x_is_pci = streq(x, "pci"), y_is_pci = streq(y, "pci");

	return x_is_pci != y_is_pci ? y_is_pci - x_is_pci : strcmp(x, y);
}

/* Reads FOLDER/NAME/uevent, which is at most one page (sysfs(5)). */
static int read_device(struct devices *list, const char *bus, int folder, const char *name)
{
	char text[4096 + 1];
	struct uevent ev;
	cleanup_free char *path = str_printf("%s/uevent", name);
	cleanup_close int fd = path ? openat(folder, path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n;

	if (!path)
		return -ENOMEM;
	if (fd < 0)
		return 0; /* gone again, or a bus without uevents */
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	uevent_parse_file(text, (size_t)n, &ev);
	if (!ev.modalias)
		return 0;
	return devices_add(list, bus, name, ev.modalias, ev.driver);
}

/* ACPI numbers devices of one kind, "LNXCPU:00" to "LNXCPU:ff", which share their driver: the first stands for all. */
static bool same_kind(const char *bus, const char *name, const char *previous)
{
	size_t len = strcspn(name, ":");

	return streq(bus, "acpi") && previous && strncmp(name, previous, len + 1) == 0;
}

static int walk_bus(struct devices *list, const char *sysfs, const char *bus)
{
	cleanup_free char *path = str_printf("%s/bus/%s/devices", sysfs, bus);
	cleanup_close int folder = -1;
	struct words names;
	int err;

	if (!path)
		return -ENOMEM;
	err = list_folder(path, &names);
	if (!err && names.count) {
		qsort(names.word, names.count, sizeof(names.word[0]), by_name);
		folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (size_t i = 0; !err && folder >= 0 && i < names.count; i++)
			if (!same_kind(bus, names.word[i], i ? names.word[i - 1] : NULL))
				err = read_device(list, bus, folder, names.word[i]);
	}
	free_words(&names);
	return err == -ENOMEM ? err : 0;
}

int devices_walk(struct devices *list, const char *sysfs)
{
	cleanup_free char *path = str_printf("%s/bus", sysfs);
	struct words buses;
	int err;

	if (!path)
		return -ENOMEM;
	err = list_folder(path, &buses);
	if (err)
		log_warn("%s cannot be read: %s", path, err_text(err));
	if (buses.count)
		qsort(buses.word, buses.count, sizeof(buses.word[0]), pci_first);
	for (size_t i = 0; !err && i < buses.count; i++)
		if (!skipped(buses.word[i]))
			err = walk_bus(list, sysfs, buses.word[i]);
	free_words(&buses);
	return err;
}

void device_refresh(struct device *d, const char *sysfs)
{
	char target[PATH_MAX];
	cleanup_free char *path = str_printf("%s/bus/%s/devices/%s/driver", sysfs, d->bus, d->address);
	ssize_t n = path ? readlink(path, target, sizeof(target) - 1) : -1;
	const char *base;

	if (n <= 0)
		return;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (streq(base, d->driver))
		return;
	free(d->driver);
	d->driver = strdup(base);
	d->since = now_ms();
}

bool device_has(const struct device *d, const char *sysfs, const char *name)
{
	cleanup_free char *path = str_printf("%s/bus/%s/devices/%s/%s", sysfs, d->bus, d->address, name);

	return path && access(path, F_OK) == 0;
}
