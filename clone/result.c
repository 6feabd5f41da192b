/* result.c - what was made -> files that say it: fstab, crypttab, mdadm.conf, mounts, uuids, boot. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/apply_parts.h"

#include "base/failure.h"
#include "base/file.h"
#include "clone/fstab.h"
#include "clone/graph.h"
#include "clone/tool.h"

#include <fcntl.h>
#include <unistd.h>

int result_file(const struct request *r, const char *name, const char *text, unsigned mode, struct buf *why)
{
	cleanup_free char *path = str_printf("%s/%s", r->out, name);
	cleanup_close int fd = -1;
	size_t length = strlen(text);
	int err = path ? make_folders(r->out) : -ENOMEM;

	if (!err) {
		unlink(path);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		err = fd < 0 ? -errno : 0;
	}
	if (!err && write(fd, text, length) != (ssize_t)length)
		err = -EIO;
	if (err)
		buf_printf(why, "%s/%s: %s\n", r->out, name, err_text(err));
	return err;
}

static void add_pair(struct buf *out, const char *old, const char *new)
{
	if (old && new)
		buf_printf(out, "%s %s\n", old, new);
}

static void add_uuids(const struct work *w, struct buf *out)
{
	for (size_t i = 0; i < w->p->desc->count; i++) {
		const struct node *n = &w->p->desc->nodes[i];

		add_pair(out, n->text[TEXT_UUID], w->uuids[i]);
		add_pair(out, n->text[TEXT_ID], w->ids[i]);
		add_pair(out, n->text[TEXT_PARTUUID], w->partuuids[i]);
	}
}

static void add_crypttab(const struct work *w, struct buf *out)
{
	for (size_t i = 0; i < w->p->desc->count; i++)
		if (w->p->desc->nodes[i].kind == NODE_LUKS && w->ids[i])
			buf_printf(out, "%s\tUUID=%s\tnone\tluks\n", w->p->desc->nodes[i].name, w->ids[i]);
}

static int add_arrays(const struct work *w, struct buf *out)
{
	int err = 0;

	for (size_t i = 0; i < w->p->desc->count && !err; i++) {
		const char *const argv[] = { "mdadm", "--detail", "--brief", w->p->places[i].device, NULL };

		if (w->p->desc->nodes[i].kind == NODE_ARRAY)
			err = tool_run(argv, NULL, out, w->why);
	}
	return err;
}

static void add_mounts(const struct work *w, struct buf *out)
{
	for (size_t i = 0; i < w->p->step_count; i++) {
		size_t node = w->p->steps[i].node;
		const struct node *n = &w->p->desc->nodes[node];
		size_t on = n->kind == NODE_SUBVOLUME ? n->within : node;

		if (w->p->steps[i].kind == STEP_MOUNT)
			buf_printf(out, "%s %s %s\n", w->p->places[on].device, n->text[TEXT_MOUNT],
				   node_fs(&w->p->desc->nodes[on]));
	}
	for (size_t i = 0; i < w->p->desc->count; i++)
		if (streq(node_fs(&w->p->desc->nodes[i]), "swap"))
			buf_printf(out, "%s none swap\n", w->p->places[i].device);
}

/* ---- boot */

/* The node that is mounted on MOUNT, below its subvolume; NOWHERE. */
static size_t mounted_on(const struct desc *d, const char *mount)
{
	for (size_t i = 0; i < d->count; i++)
		if (streq(d->nodes[i].text[TEXT_MOUNT], mount))
			return d->nodes[i].kind == NODE_SUBVOLUME ? d->nodes[i].within : i;
	return NOWHERE;
}

/* The disks that node I lies on. */
static void add_disks(const struct layout *p, size_t i, struct buf *out)
{
	if (i == NOWHERE)
		return;
	if (p->desc->nodes[i].kind == NODE_DISK) {
		if (!strstr(buf_cstr(out), p->places[i].device))
			buf_printf(out, "%s%s", out->len ? " " : "", p->places[i].device);
		return;
	}
	for (size_t j = 0; j < p->desc->count; j++)
		if (graph_lies_on(p->desc, i, j))
			add_disks(p, j, out);
}

static void add_partition(const struct layout *p, const char *key, const char *type, struct buf *out)
{
	for (size_t i = 0; i < p->desc->count; i++) {
		const struct node *n = &p->desc->nodes[i];
		cleanup_free char *name = NULL;

		if (n->kind != NODE_PARTITION || !streq(n->type, type))
			continue;
		buf_setting(out, key, p->places[i].device);
		name = str_printf("%s_DISK", key);
		if (name)
			buf_setting(out, name, p->places[desc_disk_of(p->desc, i)].device);
		free(name);
		name = str_printf("%s_NUMBER", key);
		if (name)
			buf_setting_number(out, name, n->number[NUMBER_INDEX]);
		return;
	}
}

static void add_boot(const struct work *w, struct buf *out)
{
	const struct layout *p = w->p;
	size_t root = mounted_on(p->desc, "/"), boot = mounted_on(p->desc, "/boot");
	cleanup_buf struct buf disks = { 0 };

	buf_setting(out, "FIRMWARE", access("/sys/firmware/efi", F_OK) == 0 ? "uefi" : "bios");
	boot = boot == NOWHERE ? root : boot;
	add_disks(p, boot, &disks);
	if (!disks.len && p->target_count)
		buf_str(&disks, p->targets[0].device);
	buf_setting(out, "DISKS", buf_cstr(&disks));
	for (size_t i = 0; i < p->desc->count; i++) {
		if (p->desc->nodes[i].kind != NODE_DISK || !starts_with(buf_cstr(&disks), p->places[i].device))
			continue;
		buf_setting(out, "DISK", p->places[i].device);
		buf_setting(out, "TABLE", p->desc->nodes[i].table == TABLE_GPT ? "gpt" : "mbr");
		break;
	}
	if (root != NOWHERE) {
		buf_setting(out, "ROOT", p->places[root].device);
		buf_setting(out, "ROOT_UUID", w->uuids[root]);
	}
	if (boot != NOWHERE) {
		buf_setting(out, "BOOT", p->places[boot].device);
		buf_setting(out, "BOOT_UUID", w->uuids[boot]);
	}
	add_partition(p, "ESP", "efi", out);
	add_partition(p, "BIOS_BOOT", "bios", out);
}

int result_write(struct work *w)
{
	cleanup_free char *old = w->r->fstab ? file_text(w->r->fstab) : NULL;
	struct buf out[6] = { 0 };
	static const char *const names[] = { "fstab", "crypttab", "mdadm.conf", "mounts", "uuids", "boot" };
	int err = add_arrays(w, &out[2]);

	fstab_write(w->p->desc, w->uuids, old, &out[0]);
	add_crypttab(w, &out[1]);
	add_mounts(w, &out[3]);
	add_uuids(w, &out[4]);
	add_boot(w, &out[5]);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!err)
			err = out[i].failed ? -ENOMEM : result_file(w->r, names[i], buf_cstr(&out[i]), 0644, w->why);
		buf_free(&out[i]);
	}
	return err;
}
