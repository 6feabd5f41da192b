/* request.c - the arguments of clone-plan -> a linked desc and the disks it goes to. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/request.h"

#include "base/failure.h"
#include "base/file.h"
#include "clone/fstab.h"

#define MOST_FILE (1 * MIB) /* bytes of a desc: it is written by people, or of a few lines a disk */

/* ---- disks */

/* "8G,4096", behind the device. A number without a letter is bytes here, as blockdev prints them. */
static int read_numbers(struct target *t, char *text)
{
	char *comma = strchr(text, ',');
	int64_t sector = 512;

	if (comma)
		*comma++ = '\0';
	if (parse_number(text, 0, DESC_MOST, &t->size) && desc_bytes(text, &t->size))
		return -EINVAL;
	if (comma && parse_number(comma, 512, 65536, &sector))
		return -EINVAL;
	t->sector = (unsigned)sector;
	return 0;
}

/* One more target; NULL: no memory. */
static struct target *more_targets(struct request *r)
{
	struct target *targets = realloc(r->targets, (r->target_count + 1) * sizeof(*targets));
	bool *assumed;

	if (!targets)
		return NULL;
	r->targets = targets;
	assumed = realloc(r->assumed, (r->target_count + 1) * sizeof(*assumed));
	if (!assumed)
		return NULL;
	r->assumed = assumed;
	r->assumed[r->target_count] = false;
	return &targets[r->target_count];
}

int request_disk(struct request *r, const char *text)
{
	const char *equals = strchr(text, '='), *device = equals ? equals + 1 : text, *slash = strrchr(device, '/');
	const char *comma = strchr(device, ',');
	cleanup_free char *numbers = comma ? strdup(comma + 1) : NULL;
	struct target *t = more_targets(r);

	if (!t || (comma && !numbers))
		return -ENOMEM;
	*t = (struct target){ 0 };
	t->name = equals ? strndup(text, (size_t)(equals - text)) : strdup(slash ? slash + 1 : device);
	t->device = str_printf("%s%.*s", *device == '/' ? "" : "/dev/", (int)strcspn(device, ","), device);
	r->target_count++;
	if (!t->name || !t->device)
		return -ENOMEM;
	if (!*device || !*t->name)
		return -EINVAL;
	r->assumed[r->target_count - 1] = comma;
	return comma ? read_numbers(t, numbers) : 0;
}

/* ---- descs */

/* The disk of the first desc that does not say it: the first that is named on the command line. */
static const char *fallback_disk(const struct request *r)
{
	for (size_t i = 0; i < r->target_count; i++)
		if (desc_find(&r->desc, NODE_DISK, NODE_DISK, r->targets[i].name) == NOWHERE)
			return r->targets[i].name;
	return r->target_count ? NULL : "sda";
}

/* "sda=FILE" or FILE: a name has no slash. */
static int read_desc(struct request *r, const char *file, struct buf *why)
{
	const char *equals = strchr(file, '='), *path = file;
	cleanup_free char *disk = NULL;
	cleanup_buf struct buf text = { 0 };
	int err;

	if (equals && !memchr(file, '/', (size_t)(equals - file))) {
		disk = strndup(file, (size_t)(equals - file));
		path = equals + 1;
	}
	err = file_read(path, &text);
	if (!err && (text.len > MOST_FILE || memchr(buf_cstr(&text), '\0', text.len)))
		err = -EINVAL;
	if (err) {
		buf_printf(why, "%s: %s\n", path, err == -EINVAL ? "is no desc" : err_text(err));
		return err;
	}
	err = desc_parse(&r->desc, buf_cstr(&text), disk ? disk : fallback_disk(r), why);
	if (err == -EINVAL)
		buf_printf(why, "%s cannot be used\n", path);
	return err;
}

/* "BYTES MOUNTPOINT" of each line. */
static int read_used(struct request *r, struct buf *why)
{
	cleanup_free char *text = file_text(r->used);
	char *line, *rest = text;

	if (!text) {
		buf_printf(why, "%s cannot be read\n", r->used);
		return -ENOENT;
	}
	while ((line = strsep(&rest, "\n"))) {
		char *mount = line + strcspn(line, " \t");
		int64_t bytes;

		if (!*line || *line == '#')
			continue;
		if (*mount)
			*mount++ = '\0';
		mount += strspn(mount, " \t");
		if (parse_number(line, 0, DESC_MOST, &bytes) || *mount != '/') {
			buf_printf(why, "%s: \"%s %s\" is not BYTES MOUNTPOINT\n", r->used, line, mount);
			return -EINVAL;
		}
		for (size_t i = 0; i < r->desc.count; i++)
			if (streq(r->desc.nodes[i].text[TEXT_MOUNT], mount))
				r->desc.nodes[i].number[NUMBER_USED] = bytes;
	}
	return 0;
}

/* What subvolumes hold is held by their file system. */
static void sum_subvolumes(struct desc *d)
{
	for (size_t i = 0; i < d->count; i++) {
		struct node *n = &d->nodes[i], *fs;

		if (n->kind != NODE_SUBVOLUME || n->number[NUMBER_USED] == NOT_SAID)
			continue;
		fs = &d->nodes[n->within];
		fs->number[NUMBER_USED] = MAX(fs->number[NUMBER_USED], n->number[NUMBER_USED]);
	}
}

int request_desc(struct request *r, char *const *files, size_t count, struct buf *why)
{
	cleanup_free char *fstab = r->fstab ? file_text(r->fstab) : NULL;
	int err = 0;

	for (size_t i = 0; i < count; i++)
		err = read_desc(r, files[i], why) ?: err;
	if (!err && r->fstab && !fstab) {
		buf_printf(why, "%s cannot be read\n", r->fstab);
		err = -ENOENT;
	}
	if (!err && fstab)
		err = fstab_adopt(&r->desc, fstab);
	if (!err)
		err = desc_link(&r->desc, why);
	if (!err && r->used)
		err = read_used(r, why);
	if (!err)
		sum_subvolumes(&r->desc);
	return err;
}

void request_free(struct request *r)
{
	for (size_t i = 0; i < r->target_count; i++) {
		free((char *)r->targets[i].name);
		free((char *)r->targets[i].device);
	}
	free(r->targets);
	free(r->assumed);
	desc_free(&r->desc);
}
