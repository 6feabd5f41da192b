/* firmware.c - kernel messages -> which device asked for which firmware in vain. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/firmware.h"

#include <fcntl.h>
#include <unistd.h>

/* What stands before and behind the name of the file: drivers/base/firmware_loader/main.c, and Debian's words for
 * it. */
static const struct {
	const char *before, *behind;
} forms[] = {
	{ "Direct firmware load for ", " failed with error " },
	{ "firmware: failed to load ", " (" },
};

static const char *find(const char *start, const char *end, const char *what)
{
	return end > start ? memmem(start, (size_t)(end - start), what, strlen(what)) : NULL;
}

/* The device is named on a line of its own: " DEVICE=+pci:0000:00:03.0" (drivers/base/core.c, dev_printk_emit). */
static void take_device(const char *p, const char *end, struct firmware_miss *out)
{
	const char *colon, *line_end;

	p = find(p, end, "\n DEVICE=+");
	if (!p)
		return;
	p += strlen("\n DEVICE=+");
	line_end = memchr(p, '\n', (size_t)(end - p));
	if (!line_end)
		line_end = end;
	colon = memchr(p, ':', (size_t)(line_end - p));
	if (!colon)
		return;
	out->bus = p;
	out->bus_len = (size_t)(colon - p);
	out->address = colon + 1;
	out->address_len = (size_t)(line_end - colon - 1);
}

static bool take_file(const char *words, const char *end, struct firmware_miss *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const char *name = find(words, end, forms[i].before), *name_end;

		if (!name)
			continue;
		name += strlen(forms[i].before);
		name_end = find(name, end, forms[i].behind);
		if (!name_end || name_end == name)
			continue;
		out->file = name;
		out->file_len = (size_t)(name_end - name);
		return true;
	}
	return false;
}

bool firmware_parse(const char *record, size_t len, struct firmware_miss *out)
{
	const char *end = record + len, *words, *words_end;

	*out = (struct firmware_miss){ 0 };
	words = memchr(record, ';', len);
	if (!words)
		return false;
	words_end = memchr(words, '\n', (size_t)(end - words));
	if (!words_end)
		words_end = end;
	if (!take_file(words, words_end, out))
		return false;
	take_device(words_end, end, out);
	return true;
}

int firmware_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}
