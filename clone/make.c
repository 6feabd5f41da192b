/* make.c - a step of a plan -> the tools that do it: tables, arrays, LUKS, LVM, file systems. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/apply_parts.h"

#include "base/clock.h"
#include "base/failure.h"
#include "base/log.h"
#include "clone/disks.h"
#include "clone/tool.h"

#include <sys/mount.h> /* before the kernel's, whose macros are its names */

#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NODE_PATIENCE 15000 /* ms until the kernel shows a partition that was just made */

/* ---- words */

void word(struct words *w, const char *text)
{
	if (w->count + 1 >= ARRAY_SIZE(w->argv) || !text)
		w->failed = true;
	else
		w->argv[w->count++] = text;
}

void word_printf(struct words *w, const char *fmt, ...)
{
	struct buf b = { 0 };
	char *text;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text = buf_take(&b);
	if (!text || w->owned >= ARRAY_SIZE(w->own)) {
		free(text);
		w->failed = true;
		return;
	}
	w->own[w->owned++] = text;
	word(w, text);
}

int words_run(struct words *w, const char *input, struct buf *out, struct buf *why)
{
	int err = w->failed ? -E2BIG : tool_run(w->argv, input, out, why);

	for (size_t i = 0; i < w->owned; i++)
		free(w->own[i]);
	*w = (struct words){ 0 };
	return err;
}

static void all_words(struct words *w, const char *const *list)
{
	for (; *list; list++)
		word(w, *list);
}

char *export_value(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (strncmp(at, key, length) == 0 && at[length] == '=')
			return strndup(at + length + 1, strcspn(at + length + 1, "\n"));
	return NULL;
}

/* ---- file systems */

/* How each is made without a question, and the option of its label. */
static const struct {
	const char *type, *tool, *label;
	const char *options[3];
} makers[] = {
	{ "ext2", "mkfs.ext2", "-L", { "-F", "-q", NULL } },
	{ "ext3", "mkfs.ext3", "-L", { "-F", "-q", NULL } },
	{ "ext4", "mkfs.ext4", "-L", { "-F", "-q", NULL } },
	{ "xfs", "mkfs.xfs", "-L", { "-f", "-q", NULL } },
	{ "btrfs", "mkfs.btrfs", "-L", { "-f", "-q", NULL } },
	{ "vfat", "mkfs.vfat", "-n", { NULL } },
	{ "swap", "mkswap", "-L", { "-f", NULL } },
	{ "f2fs", "mkfs.f2fs", "-l", { "-f", "-q", NULL } },
	{ "jfs", "mkfs.jfs", "-L", { "-q", NULL } },
	{ "reiserfs", "mkfs.reiserfs", "-l", { "-q", "-ff", NULL } },
};

const char *make_tool(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (streq(makers[i].type, type))
			return makers[i].tool;
	return NULL;
}

/* The new UUIDs that blkid sees on DEVICE. */
static int look_at(struct work *w, size_t i, const char *device)
{
	const char *const argv[] = { "blkid", "-p", "-o", "export", device, NULL };
	enum node_kind kind = w->p->desc->nodes[i].kind;
	cleanup_buf struct buf out = { 0 };
	int err = tool_run(argv, NULL, &out, w->why);

	if (err)
		return err;
	if (kind == NODE_DISK) {
		w->ids[i] = export_value(buf_cstr(&out), "PTUUID");
		return 0;
	}
	free(w->uuids[i]);
	w->uuids[i] = export_value(buf_cstr(&out), "UUID");
	return w->uuids[i] ? 0 : -ENODATA;
}

static int make_fs(struct work *w, size_t i)
{
	const struct node *n = &w->p->desc->nodes[i];
	const char *fs = node_fs(n), *device = w->p->places[i].device;
	struct words c = { 0 };
	int err;

	for (size_t j = 0; j < ARRAY_SIZE(makers); j++) {
		if (!streq(makers[j].type, fs))
			continue;
		word(&c, makers[j].tool);
		all_words(&c, makers[j].options);
		if (n->text[TEXT_LABEL]) {
			word(&c, makers[j].label);
			word(&c, n->text[TEXT_LABEL]);
		}
	}
	word(&c, device);
	err = words_run(&c, NULL, NULL, w->why);
	return err ? err : look_at(w, i, device);
}

/* ---- btrfs */

/* A subvolume PATH below the folder ROOT, which is the top of its file system; folders above it where there are none.
 */
static int create_subvolume(const char *root, const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *folder = str_printf("%s/%.*s", root, slash ? (int)(slash - path) : 0, path);
	struct btrfs_ioctl_vol_args args = { 0 };
	cleanup_close int fd = -1;
	int err;

	if (!folder)
		return -ENOMEM;
	err = make_folders(folder);
	if (err)
		return err;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = str_copy(args.name, sizeof(args.name), slash ? slash + 1 : path);
	if (err)
		return err;
	return ioctl(fd, BTRFS_IOC_SUBVOL_CREATE, &args) ? -errno : 0;
}

static int make_subvolume(struct work *w, size_t i)
{
	const struct node *n = &w->p->desc->nodes[i];
	const char *device = w->p->places[n->within].device;
	char folder[] = "/tmp/clone-plan.XXXXXX";
	int err;

	if (!mkdtemp(folder))
		return -errno;
	err = mount(device, folder, "btrfs", 0, "subvol=/") ? -errno : 0;
	if (!err) {
		err = create_subvolume(folder, n->name);
		umount2(folder, 0);
	}
	rmdir(folder);
	if (err)
		buf_printf(w->why, "subvolume %s of %s: %s\n", n->name, device, err_text(err));
	return err;
}

/* ---- tables */

/* Signatures of what was there: the kernel and udev would find an old array, volume group or file system again. */
static int wipe(struct work *w, size_t i)
{
	const char *name = w->disks[w->p->places[i].target], *device = w->p->places[i].device;
	const char *const disk[] = { name };
	cleanup_buf struct buf tree = { 0 };
	struct words c = { 0 };
	char *part, *rest;
	int err = disk_stop(disk, 1, w->why);

	if (!err)
		err = disk_tree(disk, 1, &tree);
	rest = tree.data;
	while (!err && (part = strsep(&rest, "\n"))) {
		if (!*part)
			continue;
		all_words(&c, (const char *const[]){ "wipefs", "-a", "-f", "-q", NULL });
		word_printf(&c, "/dev/%s", part);
		err = words_run(&c, NULL, NULL, w->why);
	}
	if (err)
		return err;
	all_words(&c, (const char *const[]){ "wipefs", "-a", "-f", "-q", device, NULL });
	return words_run(&c, NULL, NULL, w->why);
}

static void table_line(const struct layout *p, size_t i, unsigned sector, enum table table, struct buf *out)
{
	const struct node *n = &p->desc->nodes[i];
	const struct place *at = &p->places[i];

	buf_printf(out, "%s : start=%lld, size=%lld, type=%s", at->device, (long long)(at->start / sector),
		   (long long)(at->size / sector), partition_type(n, table));
	if (table == TABLE_GPT && n->text[TEXT_NAME])
		buf_printf(out, ", name=\"%s\"", n->text[TEXT_NAME]);
	if (table == TABLE_GPT && n->text[TEXT_ATTRS])
		buf_printf(out, ", attrs=\"%s\"", n->text[TEXT_ATTRS]);
	if (n->boot)
		buf_str(out, table == TABLE_GPT ? ", attrs=\"LegacyBIOSBootable\"" : ", bootable");
	buf_char(out, '\n');
}

/* Is the node of a partition there? Where nobody makes it (a system without udev and devtmpfs), it is made here. */
static bool is_shown(const char *device)
{
	cleanup_free char *number = NULL;
	unsigned major, minor;
	struct stat st;

	number = disk_attribute(strrchr(device, '/') + 1, "dev");
	if (!number || sscanf(number, "%u:%u", &major, &minor) != 2)
		return false;
	if (stat(device, &st) == 0)
		return S_ISBLK(st.st_mode) && st.st_rdev == makedev(major, minor);
	return mknod(device, S_IFBLK | 0600, makedev(major, minor)) == 0;
}

static void settle(void)
{
	const char *const argv[] = { "udevadm", "settle", "--timeout=20", NULL };

	if (access("/run/udev/control", F_OK) == 0 && tool_run(argv, NULL, NULL, NULL))
		return; /* without it the nodes are waited for all the same */
}

/* Tells the kernel of partition I: one that reads no tables of that kind has not seen it. */
static void tell_kernel(struct work *w, size_t i)
{
	const struct place *at = &w->p->places[i];
	const char *disk = w->p->places[desc_disk_of(w->p->desc, i)].device;
	struct blkpg_partition part = {
		.start = at->start,
		.length = at->size,
		.pno = (int)w->p->desc->nodes[i].number[NUMBER_INDEX],
	};
	struct blkpg_ioctl_arg arg = { .op = BLKPG_ADD_PARTITION, .datalen = sizeof(part), .data = &part };
	cleanup_close int fd = open(disk, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, BLKPG, &arg) && errno != EBUSY)
		log_warn("%s: the kernel does not take partition %d: %s", disk, part.pno, err_text(-errno));
}

static int wait_shown(struct work *w, size_t i)
{
	const char *device = w->p->places[i].device;
	int64_t deadline = now_ms() + NODE_PATIENCE;

	if (!is_shown(device))
		tell_kernel(w, i);
	while (!is_shown(device)) {
		if (ms_left(deadline) == 0) {
			buf_printf(w->why, "%s does not appear after its table was written\n", device);
			return -ETIMEDOUT;
		}
		usleep(50000);
	}
	return 0;
}

static int look_at_partition(struct work *w, size_t i)
{
	const char *const argv[] = { "blkid", "-p", "-o", "export", w->p->places[i].device, NULL };
	cleanup_buf struct buf out = { 0 };
	int err = tool_run(argv, NULL, &out, w->why);

	w->partuuids[i] = err ? NULL : export_value(buf_cstr(&out), "PART_ENTRY_UUID");
	return err;
}

static int show_partitions(struct work *w, size_t disk)
{
	const struct desc *d = w->p->desc;
	int err = 0;

	settle();
	for (size_t i = 0; i < d->count && !err; i++) {
		if (d->nodes[i].kind != NODE_PARTITION || desc_disk_of(d, i) != disk || d->nodes[i].extended)
			continue;
		err = wait_shown(w, i);
		if (!err)
			err = look_at_partition(w, i);
	}
	return err;
}

static int make_table(struct work *w, size_t i)
{
	const struct layout *p = w->p;
	enum table table = p->desc->nodes[i].table;
	unsigned sector = p->targets[p->places[i].target].sector;
	cleanup_buf struct buf script = { 0 };
	struct words c = { 0 };
	int err;

	buf_printf(&script, "label: %s\nunit: sectors\nsector-size: %u\n", table == TABLE_GPT ? "gpt" : "dos", sector);
	for (size_t j = 0; j < p->desc->count; j++)
		if (p->desc->nodes[j].kind == NODE_PARTITION && desc_disk_of(p->desc, j) == i)
			table_line(p, j, sector, table, &script);
	if (script.failed)
		return -ENOMEM;
	all_words(&c, (const char *const[]){ "sfdisk", "-q", "--wipe", "always", "--wipe-partitions", "always",
					     p->places[i].device, NULL });
	err = words_run(&c, buf_cstr(&script), NULL, w->why);
	if (!err)
		err = look_at(w, i, p->places[i].device);
	return err ? err : show_partitions(w, i);
}

/* ---- arrays */

static void add_members(const struct layout *p, size_t i, struct words *c)
{
	for (size_t j = 0; j < p->desc->count; j++)
		if (p->desc->nodes[j].holder == i)
			word(c, p->places[j].device);
}

static size_t count_members(const struct desc *d, size_t i)
{
	size_t count = 0;

	for (size_t j = 0; j < d->count; j++)
		count += d->nodes[j].holder == i;
	return count;
}

static int make_array(struct work *w, size_t i)
{
	const struct node *n = &w->p->desc->nodes[i];
	const struct place *at = &w->p->places[i];
	const char *metadata = n->text[TEXT_METADATA] ? n->text[TEXT_METADATA] : "1.2";
	bool begins = streq(metadata, "1.1") || streq(metadata, "1.2");
	int64_t spares = MAX(n->number[NUMBER_SPARES], 0);
	cleanup_buf struct buf out = { 0 };
	struct words c = { 0 };
	int err;

	all_words(&c,
		  (const char *const[]){ "mdadm", "--create", at->device, "--run", "--force", "--homehost=any", NULL });
	word_printf(&c, "--metadata=%s", metadata);
	word_printf(&c, "--level=%d", (int)n->number[NUMBER_LEVEL]);
	word_printf(&c, "--raid-devices=%d", (int)((int64_t)count_members(w->p->desc, i) - spares));
	if (spares)
		word_printf(&c, "--spare-devices=%d", (int)spares);
	if (n->number[NUMBER_LEVEL] != 1)
		word_printf(
			&c, "--chunk=%lldK",
			(long long)((n->number[NUMBER_CHUNK] == NOT_SAID ? 512 * KIB : n->number[NUMBER_CHUNK]) / KIB));
	if (n->number[NUMBER_LEVEL] != 0)
		word_printf(&c, "--size=%lldK", (long long)(at->units / KIB));
	if (begins)
		word_printf(&c, "--data-offset=%lldK", (long long)(at->offset / KIB));
	add_members(w->p, i, &c);
	err = words_run(&c, NULL, NULL, w->why);
	if (err)
		return err;
	settle();
	all_words(&c, (const char *const[]){ "mdadm", "--detail", "--export", at->device, NULL });
	err = words_run(&c, NULL, &out, w->why);
	w->ids[i] = err ? NULL : export_value(buf_cstr(&out), "MD_UUID");
	return err;
}

/* ---- LUKS */

/* The one that the container is made of. */
static const char *member_device(const struct layout *p, size_t i)
{
	for (size_t j = 0; j < p->desc->count; j++)
		if (p->desc->nodes[j].holder == i)
			return p->places[j].device;
	return NULL;
}

static int make_luks(struct work *w, size_t i)
{
	const struct node *n = &w->p->desc->nodes[i];
	const char *device = member_device(w->p, i);
	cleanup_buf struct buf out = { 0 };
	struct words c = { 0 };
	int err;

	all_words(&c,
		  (const char *const[]){ "cryptsetup", "-q", "luksFormat", "--type",
					 n->number[NUMBER_LUKS] == 1 ? "luks1" : "luks2", "--key-file", w->key, NULL });
	if (n->text[TEXT_CIPHER]) {
		word(&c, "--cipher");
		word(&c, n->text[TEXT_CIPHER]);
	}
	word(&c, device);
	err = words_run(&c, NULL, NULL, w->why);
	if (err)
		return err;
	all_words(&c, (const char *const[]){ "cryptsetup", "open", "--key-file", w->key, device, n->name, NULL });
	err = words_run(&c, NULL, NULL, w->why);
	if (err)
		return err;
	all_words(&c, (const char *const[]){ "cryptsetup", "luksUUID", device, NULL });
	err = words_run(&c, NULL, &out, w->why);
	if (err)
		return err;
	w->ids[i] = strndup(buf_cstr(&out), strcspn(buf_cstr(&out), "\n"));
	return w->ids[i] ? 0 : -ENOMEM;
}

/* ---- LVM. No daemon that watches: it would outlive this, with our pipes */

#define NO_WATCH "--config", "activation/monitoring=0"

static int make_group(struct work *w, size_t i)
{
	const struct node *n = &w->p->desc->nodes[i];
	int64_t extent = n->number[NUMBER_EXTENT] == NOT_SAID ? 4 * MIB : n->number[NUMBER_EXTENT];
	struct words c = { 0 };
	int err;

	all_words(&c, (const char *const[]){ "pvcreate", NO_WATCH, "-q", "-y", "-ff", "--dataalignment", NULL });
	word_printf(&c, "%lldk", (long long)(w->p->places[i].offset / KIB));
	add_members(w->p, i, &c);
	err = words_run(&c, NULL, NULL, w->why);
	if (err)
		return err;
	all_words(&c, (const char *const[]){ "vgcreate", NO_WATCH, "-q", "-y", "-s", NULL });
	word_printf(&c, "%lldk", (long long)(extent / KIB));
	word(&c, n->name);
	add_members(w->p, i, &c);
	return words_run(&c, NULL, NULL, w->why);
}

/* What sets a volume, a pool and a thin volume apart. */
static void volume_words(struct work *w, size_t i, const char *group, struct words *c)
{
	const struct node *n = &w->p->desc->nodes[i];
	const struct place *at = &w->p->places[i];

	if (n->kind == NODE_THIN) {
		all_words(c, (const char *const[]){ "--type", "thin", "-V", NULL });
		word_printf(c, "%lldb", (long long)at->size);
		word(c, "--thinpool");
		word_printf(c, "%s/%s", group, n->text[TEXT_POOL]);
		return;
	}
	word(c, "-l");
	word_printf(c, "%lld", (long long)at->units);
	if (n->kind == NODE_POOL) {
		all_words(c, (const char *const[]){ "--type", "thin-pool", "--poolmetadatasize", NULL });
		word_printf(c, "%lldb", (long long)(at->meta * (at->size / MAX(at->units, 1))));
	} else if (n->number[NUMBER_STRIPES] != NOT_SAID) {
		all_words(c, (const char *const[]){ "--type", "striped", "-i", NULL });
		word_printf(c, "%d", (int)n->number[NUMBER_STRIPES]);
	} else if (n->number[NUMBER_MIRRORS] != NOT_SAID) {
		all_words(c, (const char *const[]){ "--type", "raid1", "-m", NULL });
		word_printf(c, "%d", (int)n->number[NUMBER_MIRRORS] - 1);
	}
	word(c, group);
}

static int make_volume(struct work *w, size_t i)
{
	const struct node *n = &w->p->desc->nodes[i];
	const char *slash = strchr(n->name, '/');
	cleanup_free char *group = strndup(n->name, (size_t)(slash - n->name));
	struct words c = { 0 };

	all_words(&c, (const char *const[]){ "lvcreate", NO_WATCH, "-q", "-y", NULL });
	if (n->kind == NODE_VOLUME)
		all_words(&c, (const char *const[]){ "-W", "y", "-Z", "y", NULL });
	word(&c, "-n");
	word(&c, slash + 1);
	volume_words(w, i, group, &c);
	return words_run(&c, NULL, NULL, w->why);
}

int make_step(struct work *w, const struct step *s)
{
	static int (*const makers_of[])(struct work *, size_t) = {
		[STEP_WIPE] = wipe,      [STEP_TABLE] = make_table,         [STEP_ARRAY] = make_array,
		[STEP_LUKS] = make_luks, [STEP_GROUP] = make_group,         [STEP_VOLUME] = make_volume,
		[STEP_FS] = make_fs,     [STEP_SUBVOLUME] = make_subvolume,
	};

	return makers_of[s->kind](w, s->node);
}

/* ---- tools */

static int need_tool(const char *tool, const char *what, struct buf *why)
{
	if (tool_there(tool))
		return 0;
	buf_printf(why, "%s is missing, and %s needs it\n", tool, what);
	return -ENOENT;
}

int make_check_tools(const struct layout *p, struct buf *why)
{
	static const char *const tools[] = {
		[STEP_WIPE] = "wipefs",     [STEP_TABLE] = "sfdisk",   [STEP_ARRAY] = "mdadm",
		[STEP_LUKS] = "cryptsetup", [STEP_GROUP] = "vgcreate", [STEP_VOLUME] = "lvcreate",
		[STEP_MOUNT] = NULL,
	};
	int bad = need_tool("blkid", "every desc", why);

	for (size_t i = 0; i < p->step_count; i++) {
		const struct step *s = &p->steps[i];
		const struct node *n = &p->desc->nodes[s->node];

		if (tools[s->kind])
			bad = need_tool(tools[s->kind], n->name, why) ?: bad;
		if (s->kind == STEP_FS)
			bad = need_tool(make_tool(node_fs(n)), n->name, why) ?: bad;
	}
	return bad;
}
