/* media.c - /sys/class/block -> the disks, partitions and discs there are, and what is on them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/media/media.h"

#include "base/digits.h"
#include "image/image.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <strings.h>
#include <unistd.h>

/* Kinds of devices that are no media: memory, files, and drives that grind without a disk in them. */
static const char *const left_out[] = { "fd", "loop", "nbd", "ram", "zram" };

/* The number in the attribute FILE of block device NAME; DEFAULT_VALUE where there is none. */
static int64_t attribute(const char *sysfs, const char *name, const char *file, int64_t default_value)
{
	cleanup_free char *path = str_printf("%s/class/block/%s/%s", sysfs, name, file);
	cleanup_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return default_value;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (parse_number(text, 0, INT64_MAX, &default_value))
		return default_value;
	return default_value;
}

static bool is_left_out(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++) {
		size_t len = strlen(left_out[i]);

		if (starts_with(name, left_out[i]) && isdigit((unsigned char)name[len]))
			return true;
	}
	return false;
}

/* The disk of partition NAME: its link in sysfs ends in .../block/sda/sda1. */
static char *disk_of(const char *sysfs, const char *name)
{
	cleanup_free char *path = str_printf("%s/class/block/%s", sysfs, name);
	char target[PATH_MAX], *end, *begin;
	ssize_t n = path ? readlink(path, target, sizeof(target) - 1) : -1;

	if (n <= 0)
		return strdup(name);
	target[n] = '\0';
	end = strrchr(target, '/');
	if (!end)
		return strdup(name);
	*end = '\0';
	begin = strrchr(target, '/');
	return strdup(begin ? begin + 1 : target);
}

static int add_device(struct media *m, const char *sysfs, const char *name)
{
	struct media_device *item, d = { 0 };

	if (is_left_out(name) || attribute(sysfs, name, "hidden", 0))
		return 0;
	d.size = attribute(sysfs, name, "size", 0) * 512; /* sectors of 512 bytes, whatever the disk's are */
	if (!d.size)
		return 0;
	item = realloc(m->item, (m->count + 1) * sizeof(*item));
	if (!item)
		return -ENOMEM;
	m->item = item;
	d.partition = (unsigned)attribute(sysfs, name, "partition", 0);
	d.cd = starts_with(name, "sr");
	d.name = strdup(name);
	d.disk = d.partition ? disk_of(sysfs, name) : strdup(name);
	m->item[m->count++] = d;
	return d.name && d.disk ? 0 : -ENOMEM;
}

static int by_disk_and_number(const void *a, const void *b)
{
	const struct media_device *x = a, *y = b;
	size_t x_len = strlen(x->disk), y_len = strlen(y->disk);
	int order = x_len != y_len ? (x_len > y_len) - (x_len < y_len) : strcmp(x->disk, y->disk);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

int media_list(struct media *m, const char *sysfs)
{
	cleanup_free char *path = str_printf("%s/class/block", sysfs);
	DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;
	int err = 0;

	*m = (struct media){ 0 };
	if (!dir)
		return path ? -errno : -ENOMEM;
	while (!err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			err = add_device(m, sysfs, entry->d_name);
	closedir(dir);
	if (m->count)
		qsort(m->item, m->count, sizeof(m->item[0]), by_disk_and_number);
	if (err)
		media_free(m);
	return err;
}

void media_free(struct media *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->item[i].name);
		free(m->item[i].disk);
	}
	free(m->item);
	*m = (struct media){ 0 };
}

/* As many of LEN bytes from AT as there are, or -errno. */
static ssize_t read_at(int fd, uint8_t *bytes, size_t len, int64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, bytes + done, len - done, (off_t)(at + (int64_t)done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return done ? (ssize_t)done : -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* An image that was written to D as it is. Its programs fill it up to whole blocks of 4 KiB. */
static void identify_image(struct media_device *d, const uint8_t *bytes, size_t len)
{
	int64_t claimed;
	enum image_kind kind = image_recognise(bytes, len, &claimed);

	if (kind != IMAGE_SQUASHFS && kind != IMAGE_EROFS)
		return;
	d->volume.type = image_kind_name(kind);
	d->image = MIN((MIN(claimed, d->size) + 4095) & ~INT64_C(4095), d->size);
}

int media_identify(struct media_device *d, const char *dev)
{
	cleanup_free char *path = str_printf("%s/%s", dev, d->name);
	cleanup_free uint8_t *bytes = malloc(VOLUME_HEAD);
	cleanup_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n;

	d->volume = (struct volume){ 0 };
	if (!path || !bytes)
		return -ENOMEM;
	if (fd < 0)
		return -errno;
	n = read_at(fd, bytes, VOLUME_HEAD, 0);
	if (n < 0)
		return (int)n;
	d->image = 0;
	if (!volume_recognise(bytes, (size_t)n, &d->volume))
		identify_image(d, bytes, (size_t)n);
	while (d->volume.more_len) {
		n = read_at(fd, bytes, d->volume.more_len, d->volume.more_at);
		volume_more(&d->volume, bytes, n < 0 ? 0 : (size_t)n);
	}
	return 0;
}

/* True when LABEL is WANTED, in which %20 stands for a blank. */
static bool same_label(const char *label, const char *wanted)
{
	for (; *wanted; wanted++, label++) {
		char c = *wanted;
		int high = c == '%' ? hex_digit(wanted[1]) : -1, low = high < 0 ? -1 : hex_digit(wanted[2]);

		if (low >= 0) {
			c = (char)(high * 16 + low);
			wanted += 2;
		}
		if (*label != c || !c)
			return false;
	}
	return !*label;
}

static const char *without_dev(const char *name)
{
	return starts_with(name, "/dev/") ? name + strlen("/dev/") : name;
}

bool media_is(const struct media_device *d, const char *wanted)
{
	if (streq(wanted, "auto"))
		return true;
	if (starts_with(wanted, "LABEL="))
		return d->volume.label[0] && same_label(d->volume.label, wanted + strlen("LABEL="));
	if (starts_with(wanted, "UUID="))
		return d->volume.uuid[0] && strcasecmp(d->volume.uuid, wanted + strlen("UUID=")) == 0;
	return streq(d->name, without_dev(wanted));
}

bool media_is_on(const struct media_device *d, const char *wanted)
{
	return media_is(d, wanted) || streq(d->disk, without_dev(wanted));
}

/* Sizes as disks are sold: powers of ten. */
static void describe_size(int64_t size, struct buf *out)
{
	static const char *const units[] = { "KB", "MB", "GB", "TB", "PB" };
	int64_t tenths = size / 100;
	size_t i = 0;

	for (; tenths >= 10000 && i + 1 < ARRAY_SIZE(units); i++)
		tenths /= 1000;
	buf_printf(out, "%lld.%lld %s", (long long)(tenths / 10), (long long)(tenths % 10), units[i]);
}

void media_describe(const struct media_device *d, struct buf *out)
{
	buf_printf(out, "%s %s ", d->name, d->volume.type ? d->volume.type : "unknown");
	if (d->volume.label[0])
		buf_printf(out, "'%s' ", d->volume.label);
	describe_size(d->size, out);
}
