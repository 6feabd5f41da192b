/* ids.c - pci.ids and the modules' aliases -> a pci.ids of a tenth of the size. Pure: reads bytes, touches nothing. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/ids.h"

/* Reads exactly DIGITS hexadecimal digits. -1 when they are none. */
static int64_t hex(const char *s, const char *end, unsigned digits)
{
	int64_t value = 0;

	if (end - s < (ptrdiff_t)digits)
		return -1;
	for (unsigned i = 0; i < digits; i++) {
		char c = s[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (c - 'A' + 10);
		else
			return -1;
	}
	return value;
}

/* The next line of *TEXT, which moves on; its end is in *LINE_END. NULL behind the last. */
static const char *next_line(const char **text, const char *end, const char **line_end)
{
	const char *line = *text, *newline;

	if (line >= end)
		return NULL;
	newline = memchr(line, '\n', (size_t)(end - line));
	*line_end = newline ? newline : end;
	*text = newline ? newline + 1 : end;
	return line;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Stands for every device of a vendor, where a driver takes all of them, whatever they are: virtio. */
#define EVERY 0xffff

/* The device in an alias behind its vendor, "d0000100Esv*..."; -1 where it names none. */
static int64_t alias_device(const char *s, const char *end)
{
	static const char every[] = "d*sv*sd*bc*sc*i* ";

	if ((size_t)(end - s) >= sizeof(every) - 1 && memcmp(s, every, sizeof(every) - 1) == 0)
		return EVERY;
	return memcmp(s, "d0000", 5) == 0 ? hex(s + 5, end, 4) : -1;
}

int ids_wanted(struct pci_wanted *w, const char *text, size_t len)
{
	static const char start[] = "alias pci:v0000"; /* 8 digits of vendor, d, 8 digits of device */
	const size_t skip = sizeof(start) - 1;
	const char *end = text + len, *line, *line_end;
	size_t room = 0;

	*w = (struct pci_wanted){ 0 };
	while ((line = next_line(&text, end, &line_end))) {
		int64_t vendor, device;

		if ((size_t)(line_end - line) < skip + 13 || memcmp(line, start, skip) != 0)
			continue;
		vendor = hex(line + skip, line_end, 4);
		device = alias_device(line + skip + 4, line_end);
		if (vendor < 0 || device < 0)
			continue;
		if (w->count == room) {
			uint32_t *more = realloc(w->id, (room = 2 * room + 64) * sizeof(*more));

			if (!more) {
				ids_wanted_free(w);
				return -ENOMEM;
			}
			w->id = more;
		}
		w->id[w->count++] = (uint32_t)vendor << 16 | (uint32_t)device;
	}
	if (w->count)
		qsort(w->id, w->count, sizeof(*w->id), by_id);
	return 0;
}

void ids_wanted_free(struct pci_wanted *w)
{
	free(w->id);
	*w = (struct pci_wanted){ 0 };
}

static bool wanted(const struct pci_wanted *w, int64_t vendor, int64_t device)
{
	uint32_t id = (uint32_t)vendor << 16 | (uint32_t)device, every = (uint32_t)vendor << 16 | EVERY;

	return vendor >= 0 && device >= 0 && w->count &&
	       (bsearch(&id, w->id, w->count, sizeof(id), by_id) ||
		bsearch(&every, w->id, w->count, sizeof(every), by_id));
}

int ids_reduce(const struct pci_wanted *w, const char *text, size_t len, struct buf *out)
{
	const char *end = text + len, *line, *line_end;
	int64_t vendor = -1;
	bool classes = false;

	while ((line = next_line(&text, end, &line_end))) {
		bool keep = false;

		if (line == line_end || *line == '#')
			continue;
		if (*line == 'C' && line + 1 < line_end && line[1] == ' ') {
			classes = keep = true;
		} else if (*line != '\t') {
			vendor = hex(line, line_end, 4);
			classes = false;
			keep = vendor >= 0;
		} else if (line_end - line < 2 || line[1] != '\t') {
			keep = classes || wanted(w, vendor, hex(line + 1, line_end, 4));
		} else {
			keep = classes;
		}
		if (keep && (buf_add(out, line, (size_t)(line_end - line)) || buf_char(out, '\n')))
			return -ENOMEM;
	}
	return 0;
}
