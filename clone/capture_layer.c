/* capture_layer.c - partitions of this machine -> the arrays, containers, groups and file systems on them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/capture_parts.h"

#include "clone/apply_parts.h"
#include "clone/disks.h"
#include "clone/tool.h"

#include <sys/statvfs.h>

/* A capture under way. Devices are called as the kernel calls them, until all is found. */
struct capture {
	struct desc *d;
	struct buf *notes, *why;
	char **kernel; /* one a node: the kernel's name of its device; owned, each too */
	size_t room;
};

static void note(struct capture *c, const char *fmt, ...) printf_like(2, 3);
static void note(struct capture *c, const char *fmt, ...)
{
	va_list ap;

	buf_str(c->notes, "# ");
	va_start(ap, fmt);
	buf_vprintf(c->notes, fmt, ap);
	va_end(ap);
	buf_char(c->notes, '\n');
}

/* The device with that kernel's name belongs to the newest node. */
static int keep_kernel(struct capture *c, const char *kernel)
{
	char **more = c->kernel;

	if (c->d->count > c->room) {
		more = realloc(c->kernel, c->d->count * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memset(more + c->room, 0, (c->d->count - c->room) * sizeof(*more));
		c->kernel = more;
		c->room = c->d->count;
	}
	c->kernel[c->d->count - 1] = kernel ? strdup(kernel) : NULL;
	return kernel && !c->kernel[c->d->count - 1] ? -ENOMEM : 0;
}

/* What blkid prints of special characters has a backslash before it. */
static char *plain_value(const char *text, const char *key)
{
	char *value = export_value(text, key), *to = value;

	for (const char *at = value; at && *at; at++) {
		if (*at == '\\' && at[1])
			at++;
		*to++ = *at;
	}
	if (to)
		*to = '\0';
	return value;
}

/* The first word of what a tool prints of an object; owned by the caller; NULL: nothing. */
static char *ask(const char *const argv[])
{
	cleanup_buf struct buf out = { 0 };
	const char *at;

	if (tool_run(argv, NULL, &out, NULL))
		return NULL;
	at = buf_cstr(&out) + strspn(buf_cstr(&out), " \n");
	return *at ? strndup(at, strcspn(at, " \n")) : NULL;
}

/* ---- what holds a device */

static int add_array(struct capture *c, const char *kernel, size_t *found)
{
	cleanup_free char *device = str_printf("/dev/%s", kernel);
	const char *const argv[] = { "mdadm", "--detail", "--export", device, NULL };
	cleanup_free char *level = disk_attribute(kernel, "md/level"), *metadata = NULL, *uuid = NULL, *chunk = NULL;
	cleanup_buf struct buf out = { 0 };
	int64_t number = 0, bytes = 0;
	struct node *n;
	int err = device ? tool_run(argv, NULL, &out, c->why) : -ENOMEM;

	if (err)
		return err;
	metadata = export_value(buf_cstr(&out), "MD_METADATA");
	uuid = export_value(buf_cstr(&out), "MD_UUID");
	chunk = disk_attribute(kernel, "md/chunk_size");
	if (!level || !starts_with(level, "raid") || parse_number(level + 4, 0, 10, &number)) {
		buf_printf(c->why, "/dev/%s is an array of kind %s, which a desc does not know\n", kernel,
			   level ? level : "");
		return -EOPNOTSUPP;
	}
	n = desc_add(c->d, NODE_ARRAY, kernel);
	if (!n || keep_kernel(c, kernel))
		return -ENOMEM;
	*found = c->d->count - 1;
	n->number[NUMBER_LEVEL] = number;
	if (chunk && number != 1 && parse_number(chunk, 4096, 128 * MIB, &bytes) == 0)
		n->number[NUMBER_CHUNK] = bytes;
	return node_set_text(n, TEXT_METADATA, metadata) ?: node_set_text(n, TEXT_ID, uuid);
}

static int add_luks(struct capture *c, const char *kernel, const char *member, size_t *found)
{
	cleanup_free char *name = disk_attribute(kernel, "dm/name");
	cleanup_free char *device = str_printf("/dev/%s", member);
	const char *const luks2[] = { "cryptsetup", "isLuks", "--type", "luks2", device, NULL };
	const char *const id[] = { "cryptsetup", "luksUUID", device, NULL };
	cleanup_free char *uuid = device ? ask(id) : NULL;
	struct node *n = name ? desc_add(c->d, NODE_LUKS, name) : NULL;

	if (!n || !device || keep_kernel(c, kernel))
		return -ENOMEM;
	*found = c->d->count - 1;
	n->number[NUMBER_LUKS] = tool_run(luks2, NULL, NULL, NULL) ? 1 : 2;
	return node_set_text(n, TEXT_ID, uuid);
}

/* The node of the device that holds MEMBER, which is made when it is not there yet. NOWHERE: nobody holds it. */
static int find_holder(struct capture *c, const char *member, bool array, size_t *found)
{
	cleanup_buf struct buf holders = { 0 };
	cleanup_free char *kernel = NULL;
	int err = disk_holders(member, &holders);

	*found = NOWHERE;
	if (err || !holders.len)
		return err;
	kernel = strndup(holders.data, strcspn(holders.data, "\n"));
	for (size_t i = 0; i < c->room && i < c->d->count; i++)
		if (streq(c->kernel[i], kernel))
			*found = i;
	if (!kernel || *found != NOWHERE)
		return kernel ? 0 : -ENOMEM;
	return array ? add_array(c, kernel, found) : add_luks(c, kernel, member, found);
}

/* ---- LVM */

/* One row of lvs: name, layout, bytes, pool, stripes, bytes of metadata. */
static int add_volume(struct capture *c, const char *group, char *row)
{
	char *field[6], *copy = row + strspn(row, " ");
	cleanup_free char *name = NULL, *device = NULL, *kernel = NULL;
	int64_t size = 0, wide = 0, meta = 0;
	enum node_kind kind = NODE_VOLUME;
	struct node *n;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		field[i] = copy ? strsep(&copy, "|") : (char *)"";
	if (!*field[0] || parse_number(field[2], 1, DESC_MOST, &size))
		return 0;
	if (strstr(field[1], "thin"))
		kind = strstr(field[1], "pool") ? NODE_POOL : NODE_THIN;
	name = str_printf("%s/%s", group, field[0]);
	device = str_printf("/dev/%s/%s", group, field[0]);
	n = name && device ? desc_add(c->d, kind, name) : NULL;
	kernel = n ? disk_kernel_name(device) : NULL;
	if (!n || keep_kernel(c, kind == NODE_POOL ? NULL : kernel))
		return -ENOMEM;
	n->wish = WISH_BYTES;
	n->size = size;
	if (parse_number(field[4], 2, 64, &wide) == 0 && starts_with(field[1], "striped"))
		n->number[NUMBER_STRIPES] = wide;
	else if (wide >= 2 && wide <= 10 && strstr(field[1], "raid1") && !strstr(field[1], "raid10"))
		n->number[NUMBER_MIRRORS] = wide;
	else if (kind == NODE_VOLUME && !streq(field[1], "linear"))
		note(c, "%s is of kind %s: it becomes linear", name, field[1]);
	if (kind == NODE_POOL && parse_number(field[5], MIB, DESC_MOST, &meta) == 0)
		n->number[NUMBER_META] = meta;
	return kind == NODE_THIN ? node_set_text(n, TEXT_POOL, field[3]) : 0;
}

static int add_group(struct capture *c, const char *name)
{
	const char *const size[] = { "vgs", "--noheadings",   "--units", "b", "--nosuffix",
				     "-o",  "vg_extent_size", name,      NULL };
	const char *const list[] = { "lvs",
				     "--noheadings",
				     "--units",
				     "b",
				     "--nosuffix",
				     "--separator",
				     "|",
				     "-o",
				     "lv_name,lv_layout,lv_size,pool_lv,stripes,lv_metadata_size",
				     name,
				     NULL };
	cleanup_free char *extent = ask(size);
	cleanup_buf struct buf out = { 0 };
	struct node *n = desc_add(c->d, NODE_GROUP, name);
	char *row, *rest;
	int64_t bytes;
	int err;

	if (!n || keep_kernel(c, NULL))
		return -ENOMEM;
	if (extent && parse_number(extent, 128 * KIB, 16384 * MIB, &bytes) == 0)
		n->number[NUMBER_EXTENT] = bytes;
	err = tool_run(list, NULL, &out, c->why);
	rest = out.data;
	while (!err && (row = strsep(&rest, "\n")))
		err = add_volume(c, name, row);
	return err;
}

static int hold_by_group(struct capture *c, size_t i, const char *device)
{
	const char *const argv[] = { "pvs", "--noheadings", "-o", "vg_name", device, NULL };
	cleanup_free char *group = ask(argv);
	int err;

	if (!group) {
		note(c, "%s is a physical volume of no group", c->d->nodes[i].name);
		return 0;
	}
	err = node_set_text(&c->d->nodes[i], TEXT_VG, group);
	if (!err && desc_find(c->d, NODE_GROUP, NODE_GROUP, group) == NOWHERE)
		err = add_group(c, group);
	return err;
}

static int hold(struct capture *c, size_t i, bool array)
{
	size_t holder;
	int err = find_holder(c, c->kernel[i], array, &holder);

	if (err)
		return err;
	if (holder != NOWHERE)
		return node_set_text(&c->d->nodes[i], array ? TEXT_RAID : TEXT_CRYPT, c->d->nodes[holder].name);
	note(c, "%s is a member of %s that is not running: what is in it is not known", c->d->nodes[i].name,
	     array ? "an array" : "a LUKS container");
	return 0;
}

/* ---- file systems */

static const char *const known_fs[] = { "ext2", "ext3", "ext4", "xfs", "btrfs",
					"vfat", "swap", "f2fs", "jfs", "reiserfs" };

static int set_fs(struct capture *c, size_t i, const char *type, const char *text)
{
	struct node *n = &c->d->nodes[i];
	cleanup_free char *label = plain_value(text, "LABEL"), *uuid = plain_value(text, "UUID");
	cleanup_free char *mount = NULL;
	struct statvfs st;
	bool known = false;

	for (size_t j = 0; j < ARRAY_SIZE(known_fs); j++)
		known |= streq(known_fs[j], type);
	if (!known) {
		note(c, "%s holds %s, which is not made anew: -D of ka-d.sh would send it as it is", n->name, type);
		return 0;
	}
	mount = disk_mounted_on(c->kernel[i]);
	if (mount && statvfs(mount, &st) == 0)
		n->number[NUMBER_USED] = (int64_t)((st.f_blocks - st.f_bfree) * st.f_frsize);
	else if (!streq(type, "swap"))
		note(c, "%s holds %s and is not mounted: what is in it is not counted", n->name, type);
	return node_set_text(n, TEXT_FS, type) ?: node_set_text(n, TEXT_UUID, uuid) ?:
	       node_set_text(n, TEXT_LABEL, label && *label != '-' ? label : NULL);
}

/* All subvolumes but snapshots, by their paths from the top of the file system. */
static int add_subvolumes(struct capture *c, size_t i)
{
	cleanup_free char *mount = disk_mounted_on(c->kernel[i]);
	const char *const argv[] = { "btrfs", "subvolume", "list", "-a", mount, NULL };
	const char *const snapshots[] = { "btrfs", "subvolume", "list", "-a", "-s", mount, NULL };
	cleanup_buf struct buf all = { 0 }, old = { 0 };
	char *row, *rest;
	int err = 0;

	if (!mount || tool_run(argv, NULL, &all, c->why) || tool_run(snapshots, NULL, &old, c->why))
		return mount ? -EIO : 0;
	rest = all.data;
	while (!err && (row = strsep(&rest, "\n"))) {
		char *path = strstr(row, " path ");
		cleanup_free char *line = path ? str_printf("%s\n", path) : NULL, *name = NULL;

		if (!line || strstr(buf_cstr(&old), line))
			continue;
		path += strlen(" path ");
		path += starts_with(path, "<FS_TREE>/") ? strlen("<FS_TREE>/") : 0;
		name = str_printf("%s:%s", c->d->nodes[i].name, path);
		err = name && desc_add(c->d, NODE_SUBVOLUME, name) ? keep_kernel(c, NULL) : -ENOMEM;
	}
	return err;
}

/* ---- a node */

static int look_at(struct capture *c, size_t i)
{
	cleanup_free char *device = str_printf("/dev/%s", c->kernel[i]), *type = NULL;
	const char *const argv[] = { "blkid", "-p", "-o", "export", device, NULL };
	cleanup_buf struct buf out = { 0 };
	int err;

	if (!device)
		return -ENOMEM;
	if (tool_run(argv, NULL, &out, NULL)) /* it sees nothing: nothing is said of it */
		return 0;
	type = export_value(buf_cstr(&out), "TYPE");
	if (!type)
		return 0;
	if (streq(type, "linux_raid_member"))
		return hold(c, i, true);
	if (streq(type, "crypto_LUKS"))
		return hold(c, i, false);
	if (streq(type, "LVM2_member"))
		return hold_by_group(c, i, device);
	err = set_fs(c, i, type, buf_cstr(&out));
	return !err && streq(type, "btrfs") ? add_subvolumes(c, i) : err;
}

static int name_partitions(struct capture *c)
{
	c->room = c->d->count;
	c->kernel = calloc(c->room + 1, sizeof(*c->kernel));
	for (size_t i = 0; c->kernel && i < c->room; i++) {
		const struct node *n = &c->d->nodes[i];

		if (n->kind != NODE_PARTITION || n->extended || streq(n->type, "bios"))
			continue;
		c->kernel[i] = strdup(n->name);
		if (!c->kernel[i])
			return -ENOMEM;
	}
	return c->kernel ? 0 : -ENOMEM;
}

int capture_layers(struct desc *d, struct buf *notes, struct buf *why)
{
	struct capture c = { .d = d, .notes = notes, .why = why };
	int err = name_partitions(&c);

	for (size_t i = 0; i < d->count && !err; i++) /* d grows meanwhile */
		if (i < c.room && c.kernel[i])
			err = look_at(&c, i);
	for (size_t i = 0; i < c.room; i++)
		free(c.kernel[i]);
	free(c.kernel);
	return err;
}
