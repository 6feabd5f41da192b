/* cpio.c - names and bytes -> a newc archive. No file is touched, so no root is needed for devices and owners. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/cpio.h"

#include <sys/stat.h>

/* Adds a member that takes over DATA. */
static int add(struct cpio *c, const char *path, struct cpio_entry entry)
{
	struct cpio_entry *more = realloc(c->entry, (c->count + 1) * sizeof(*more));

	if (more)
		c->entry = more;
	entry.path = strdup(path);
	if (!more || !entry.path) {
		free(entry.path);
		free(entry.data);
		return -ENOMEM;
	}
	c->entry[c->count++] = entry;
	return 0;
}

static bool known(const struct cpio *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++)
		if (streq(c->entry[i].path, path))
			return true;
	return false;
}

/* Adds the folders above PATH that are not there yet. */
static int add_parents(struct cpio *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = NULL;

	if (!slash)
		return 0;
	parent = strndup(path, (size_t)(slash - path));
	return parent ? cpio_folder(c, parent) : -ENOMEM;
}

static int add_data(struct cpio *c, const char *path, unsigned mode, const void *data, size_t len)
{
	struct cpio_entry entry = { .mode = mode, .data = malloc(len ? len : 1), .len = len };
	int err;

	if (!entry.data)
		return -ENOMEM;
	if (len)
		memcpy(entry.data, data, len);
	err = add_parents(c, path);
	if (err)
		free(entry.data);
	return err ? err : add(c, path, entry);
}

int cpio_file(struct cpio *c, const char *path, unsigned permissions, const void *data, size_t len)
{
	return add_data(c, path, S_IFREG | permissions, data, len);
}

int cpio_link(struct cpio *c, const char *path, const char *target)
{
	return add_data(c, path, S_IFLNK | 0777, target, strlen(target));
}

int cpio_folder(struct cpio *c, const char *path)
{
	int err = known(c, path) ? 1 : add_parents(c, path);

	if (err)
		return err < 0 ? err : 0;
	return add(c, path, (struct cpio_entry){ .mode = S_IFDIR | 0755 });
}

int cpio_device(struct cpio *c, const char *path, unsigned permissions, unsigned major, unsigned minor)
{
	int err = add_parents(c, path);

	if (err)
		return err;
	return add(c, path, (struct cpio_entry){ .mode = S_IFCHR | permissions, .major = major, .minor = minor });
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct cpio_entry *)a)->path, ((const struct cpio_entry *)b)->path);
}

/* Fills up to the next multiple of SIZE. */
static void pad(struct buf *out, size_t size)
{
	while (out->len % size && buf_char(out, '\0') == 0)
		;
}

static void write_entry(struct buf *out, const struct cpio_entry *e, unsigned inode)
{
	unsigned links = S_ISDIR(e->mode) ? 2 : 1;

	buf_printf(out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, e->mode, 0U, 0U, links, 0U,
		   (unsigned)e->len, 0U, 0U, e->major, e->minor, (unsigned)strlen(e->path) + 1, 0U);
	buf_add(out, e->path, strlen(e->path) + 1);
	pad(out, 4);
	buf_add(out, e->data, e->len);
	pad(out, 4);
}

int cpio_write(struct cpio *c, struct buf *out)
{
	char name[] = "TRAILER!!!";
	struct cpio_entry trailer = { .path = name };

	if (c->count)
		qsort(c->entry, c->count, sizeof(*c->entry), by_path);
	for (size_t i = 1; i < c->count; i++)
		if (streq(c->entry[i].path, c->entry[i - 1].path))
			return -EEXIST;
	for (size_t i = 0; i < c->count; i++)
		write_entry(out, &c->entry[i], (unsigned)i + 1);
	write_entry(out, &trailer, 0);
	cpio_pad(out);
	return out->failed ? -ENOMEM : 0;
}

void cpio_pad(struct buf *out)
{
	pad(out, 512);
}

void cpio_free(struct cpio *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->entry[i].path);
		free(c->entry[i].data);
	}
	free(c->entry);
	*c = (struct cpio){ 0 };
}
