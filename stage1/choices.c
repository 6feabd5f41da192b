/* choices.c - what the kernel shows now (cards, disks, partitions) -> lines a person can choose from. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/choices.h"

#include "base/file.h"
#include "methods/media/media.h"
#include "methods/media/folder.h"
#include "stage1/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int choices_add(struct choices *c, const char *value, const char *fmt, ...)
{
	struct choice *more = realloc(c->item, (c->count + 1) * sizeof(*more));
	struct buf text = { 0 };
	va_list ap;

	if (!more)
		return -ENOMEM;
	c->item = more;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	more[c->count] = (struct choice){ .value = strdup(value), .text = buf_take(&text) };
	if (!more[c->count].value || !more[c->count].text) {
		free(more[c->count].value);
		free(more[c->count].text);
		return -ENOMEM;
	}
	c->count++;
	return 0;
}

void choices_free(struct choices *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->item[i].value);
		free(c->item[i].text);
	}
	free(c->item);
	*c = (struct choices){ 0 };
}

/* The first line of CLASS/NAME/FILE below SYSFS/class, without blanks at its end; "" where there is none. */
static void attribute(const char *sysfs, const char *class, const char *name, const char *file, char *text, size_t size)
{
	cleanup_free char *path = str_printf("%s/class/%s/%s/%s", sysfs, class, name, file);
	cleanup_free char *all = path ? file_text(path) : NULL;
	size_t len = all ? strcspn(all, "\n") : 0;

	while (len && all[len - 1] == ' ')
		len--;
	snprintf(text, size, "%.*s", (int)len, all ? all : "");
}

/* A card has a device; a loopback has none. */
static bool is_card(const char *sysfs, const char *name)
{
	cleanup_free char *path = str_printf("%s/class/net/%s/device", sysfs, name);

	return path && access(path, F_OK) == 0;
}

int choices_cards(struct choices *c, const char *sysfs, struct probe *p)
{
	cleanup_free char *path = str_printf("%s/class/net", sysfs);
	struct words names = { 0 };
	int err = path ? folder_list(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &names) : -ENOMEM;

	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.word[i], *title;
		char mac[20];

		if (!err && is_card(sysfs, name)) {
			title = p ? probe_interface_name(p, name) : NULL;
			attribute(sysfs, "net", name, "address", mac, sizeof(mac));
			err = choices_add(c, name, "%s %s %.50s", name, mac, title ? title : "");
		}
		free(names.word[i]);
	}
	free(names.word);
	return err == -ENOMEM ? err : 0;
}

/* ---- disks */

static size_t count_partitions(const struct media *m, const char *disk)
{
	size_t count = 0;

	for (size_t i = 0; i < m->count; i++)
		count += m->item[i].partition && streq(m->item[i].disk, disk);
	return count;
}

static int add_disk(struct choices *c, const char *sysfs, const struct media *m, const struct media_device *d)
{
	size_t partitions = count_partitions(m, d->name);
	cleanup_buf struct buf text = { 0 };
	char model[40];

	media_describe(d, &text);
	if (partitions)
		buf_printf(&text, ", %zu partition%s", partitions, partitions == 1 ? "" : "s");
	attribute(sysfs, "block", d->name, "device/model", model, sizeof(model));
	return choices_add(c, d->name, "%s%s%s", buf_cstr(&text), *model ? ", " : "", model);
}

static bool is_disc(const struct media_device *d)
{
	return d->cd || streq(d->volume.type, "iso9660") || streq(d->volume.type, "udf");
}

/* The media there are, looked at. */
static void list_media(struct media *m, const char *sysfs)
{
	if (media_list(m, sysfs))
		*m = (struct media){ 0 };
	for (size_t i = 0; i < m->count; i++)
		(void)!media_identify(&m->item[i], "/dev"); /* what cannot be read is listed without a name */
}

int choices_disks(struct choices *c, const char *sysfs, bool discs)
{
	struct media m;
	int err = 0;

	list_media(&m, sysfs);
	for (size_t i = 0; i < m.count && !err; i++)
		if (!m.item[i].partition && (!discs || is_disc(&m.item[i])))
			err = add_disk(c, sysfs, &m, &m.item[i]);
	media_free(&m);
	return err;
}

int choices_partitions(struct choices *c, const char *sysfs, const char *disk)
{
	struct media m;
	int err = 0;

	list_media(&m, sysfs);
	for (size_t i = 0; i < m.count && !err; i++) {
		cleanup_buf struct buf text = { 0 };

		if (!m.item[i].partition || !streq(m.item[i].disk, disk))
			continue;
		media_describe(&m.item[i], &text);
		err = choices_add(c, m.item[i].name, "%s", buf_cstr(&text));
	}
	media_free(&m);
	return err;
}
