/* apply.c - a plan -> disks as it says, mounted, and what was made as files; and all of it let go again. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/apply_parts.h"

#include "base/clock.h"
#include "base/failure.h"
#include "base/file.h"
#include "clone/disks.h"
#include "clone/tool.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNMOUNT_PATIENCE 12000 /* ms for what still writes below it */

/* ---- before the first write */

static int name_disks(struct work *w)
{
	for (size_t i = 0; i < w->p->target_count; i++) {
		w->disks[i] = disk_kernel_name(w->p->targets[i].device);
		if (w->disks[i])
			continue;
		buf_printf(w->why, "%s is no disk\n", w->p->targets[i].device);
		return -ENODEV;
	}
	for (size_t i = 1; i < w->p->target_count; i++)
		for (size_t j = 0; j < i; j++)
			if (streq(w->disks[i], w->disks[j])) {
				buf_printf(w->why, "%s and %s are the same disk\n", w->p->targets[i].device,
					   w->p->targets[j].device);
				return -EINVAL;
			}
	return 0;
}

static bool is_on(const struct buf *tree, const char *name)
{
	cleanup_free char *line = name ? str_printf("%s\n", name) : NULL;
	const char *at = line ? strstr(buf_cstr(tree), line) : NULL;

	return at && (at == tree->data || at[-1] == '\n');
}

/* A group of that name on another disk would be hit in the place of the new one. */
static int check_groups(struct work *w, const struct buf *tree)
{
	const char *const argv[] = { "vgs", "--noheadings", "-o", "vg_name,pv_name", NULL };
	cleanup_buf struct buf out = { 0 };
	char *line, *rest;
	int err = tool_run(argv, NULL, &out, w->why);

	rest = out.data;
	while (!err && (line = strsep(&rest, "\n"))) {
		char *group = line + strspn(line, " "), *member = group + strcspn(group, " ");
		cleanup_free char *name = NULL;

		if (!*member)
			continue;
		*member++ = '\0';
		member += strspn(member, " ");
		member[strcspn(member, " ")] = '\0';
		name = disk_kernel_name(member);
		if (desc_find(w->p->desc, NODE_GROUP, NODE_GROUP, group) == NOWHERE || is_on(tree, name))
			continue;
		buf_printf(w->why, "a volume group %s is on %s already, a disk that is not named\n", group, member);
		err = -EEXIST;
	}
	return err;
}

/* A device of a name that is to be made: on these disks it makes way, elsewhere it is in the way. */
static int check_names(struct work *w, const struct buf *tree)
{
	int bad = 0;

	for (size_t i = 0; i < w->p->desc->count; i++) {
		enum node_kind kind = w->p->desc->nodes[i].kind;
		cleanup_free char *name = NULL;

		if (kind != NODE_ARRAY && kind != NODE_LUKS && kind != NODE_VOLUME)
			continue;
		name = disk_kernel_name(w->p->places[i].device);
		if (!name || is_on(tree, name))
			continue;
		buf_printf(w->why, "%s is there already, on a disk that is not named\n", w->p->places[i].device);
		bad = -EEXIST;
	}
	return bad;
}

static bool has_kind(const struct desc *d, enum node_kind kind)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->nodes[i].kind == kind)
			return true;
	return false;
}

static int check_disks(struct work *w)
{
	const char *const *disks = (const char *const *)w->disks;
	cleanup_buf struct buf tree = { 0 };
	int err = disk_in_use(disks, w->p->target_count, w->why);

	if (!err)
		err = disk_tree(disks, w->p->target_count, &tree);
	for (size_t i = 0; i < w->p->target_count; i++)
		buf_printf(&tree, "%s\n", disks[i]);
	if (!err)
		err = check_names(w, &tree);
	if (!err && has_kind(w->p->desc, NODE_GROUP))
		err = check_groups(w, &tree);
	return err;
}

/* A key of 64 hexadecimal digits: it can be typed, too. */
static int make_key(struct work *w)
{
	cleanup_close int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	unsigned char bytes[32];
	char text[2 * sizeof(bytes) + 1];

	if (!has_kind(w->p->desc, NODE_LUKS))
		return 0;
	w->key = w->r->key ? strdup(w->r->key) : str_printf("%s/luks.key", w->r->out);
	if (!w->key)
		return -ENOMEM;
	if (w->r->key) {
		if (access(w->key, R_OK) == 0)
			return 0;
		buf_printf(w->why, "%s: %s\n", w->key, err_text(-errno));
		return -ENOENT;
	}
	if (read(random, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return result_file(w->r, "luks.key", text, 0400, w->why);
}

/* ---- mounting */

/* Of fstab's options only what changes how files are stored. */
static void add_compression(const char *options, struct buf *out)
{
	while (*options) {
		size_t length = strcspn(options, ",");

		if (starts_with(options, "compress"))
			buf_printf(out, "%s%.*s", out->len ? "," : "", (int)length, options);
		options += length + (options[length] == ',');
	}
}

static int mount_node(struct work *w, size_t i)
{
	const struct node *n = &w->p->desc->nodes[i];
	size_t on = n->kind == NODE_SUBVOLUME ? n->within : i;
	const char *device = w->p->places[on].device, *fs = node_fs(&w->p->desc->nodes[on]);
	cleanup_free char *path =
		str_printf("%s%s", w->r->target, streq(n->text[TEXT_MOUNT], "/") ? "" : n->text[TEXT_MOUNT]);
	cleanup_buf struct buf data = { 0 };
	int err = path ? make_folders(path) : -ENOMEM;

	if (n->kind == NODE_SUBVOLUME)
		buf_printf(&data, "subvol=/%s", n->name);
	if (streq(fs, "btrfs"))
		add_compression(node_text(n, TEXT_OPTIONS), &data);
	if (!err && mount(device, path, fs, 0, buf_cstr(&data)))
		err = -errno;
	if (err)
		buf_printf(w->why, "%s cannot be mounted on %s as %s: %s\n", device, path ? path : "", fs,
			   err_text(err));
	return err;
}

/* ---- all of it */

/* What a step is called while it is done. */
static void say_step(const struct work *w, const struct step *s)
{
	static const char *const verbs[] = {
		[STEP_WIPE] = "Cleaning",
		[STEP_TABLE] = "Writing partition table for",
		[STEP_ARRAY] = "Making array",
		[STEP_LUKS] = "Encrypting",
		[STEP_GROUP] = "Making volume group",
		[STEP_VOLUME] = "Making volume",
		[STEP_FS] = "Formatting",
		[STEP_SUBVOLUME] = "Making subvolume",
		[STEP_MOUNT] = "- Mounting",
	};
	const struct node *n = &w->p->desc->nodes[s->node];
	const char *device = w->p->places[s->node].device;

	printf("%s %s", verbs[s->kind], device ? device : n->name);
	if (s->kind == STEP_FS)
		printf(" as %s", node_fs(n));
	if (s->kind == STEP_MOUNT)
		printf(" as %s%s", w->r->target, n->text[TEXT_MOUNT]);
	fputs("...", stdout);
	fflush(stdout);
}

static int do_steps(struct work *w)
{
	int err = 0;

	for (size_t i = 0; i < w->p->step_count && !err; i++) {
		const struct step *s = &w->p->steps[i];

		say_step(w, s);
		err = s->kind == STEP_MOUNT ? mount_node(w, s->node) : make_step(w, s);
		puts(err ? "FAILED" : "OK");
	}
	return err;
}

static void free_list(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

static int begin(struct work *w)
{
	size_t count = w->p->desc->count + 1;

	w->disks = calloc(w->p->target_count + 1, sizeof(char *));
	w->uuids = calloc(count, sizeof(char *));
	w->ids = calloc(count, sizeof(char *));
	w->partuuids = calloc(count, sizeof(char *));
	return w->disks && w->uuids && w->ids && w->partuuids ? 0 : -ENOMEM;
}

static void end(struct work *w)
{
	free_list(w->disks, w->p->target_count);
	free_list(w->uuids, w->p->desc->count);
	free_list(w->ids, w->p->desc->count);
	free_list(w->partuuids, w->p->desc->count);
	free(w->key);
}

static int check_all(struct work *w)
{
	int err = name_disks(w);

	if (!err)
		err = make_check_tools(w->p, w->why);
	return err ? err : check_disks(w);
}

int apply_plan(const struct layout *p, const struct request *r, struct buf *why)
{
	struct work w = { .p = p, .r = r, .why = why };
	cleanup_buf struct buf words = { 0 };
	int err = begin(&w);

	if (!err)
		err = check_all(&w);
	if (!err) {
		layout_words(p, &words);
		fputs(buf_cstr(&words), stdout);
	}
	if (!err && !r->dry) {
		err = make_key(&w);
		if (!err)
			err = do_steps(&w);
		if (!err)
			err = result_write(&w);
	}
	end(&w);
	return err;
}

/* ---- release */

/* Adds the disks that the device NAME stands on. */
static int add_base(const char *name, struct buf *disks)
{
	cleanup_free char *link = str_printf("/sys/class/block/%s", name);
	char target[512];
	ssize_t n = link ? readlink(link, target, sizeof(target) - 1) : -1;
	cleanup_free char *partition = disk_attribute(name, "partition");
	char *slash;

	if (n <= 0)
		return 0;
	target[n] = '\0';
	slash = strrchr(target, '/');
	if (partition && slash) { /* its folder lies in that of its disk */
		*slash = '\0';
		slash = strrchr(target, '/');
	}
	return slash && !is_on(disks, slash + 1) ? buf_printf(disks, "%s\n", slash + 1) : 0;
}

static int add_bases(const char *name, struct buf *disks);

static int add_slaves(const char *name, struct buf *disks, size_t *count)
{
	cleanup_buf struct buf slaves = { 0 };
	char *slave, *rest;
	int err = disk_slaves(name, &slaves);

	rest = slaves.data;
	while (!err && (slave = strsep(&rest, "\n"))) {
		if (!*slave)
			continue;
		++*count;
		err = add_bases(slave, disks);
	}
	return err;
}

static int add_bases(const char *name, struct buf *disks)
{
	size_t count = 0;
	int err = add_slaves(name, disks, &count);

	return err || count ? err : add_base(name, disks);
}

/* What is mounted on TARGET or below it, the last first: "device path" lines in the order of unmounting. */
static void find_mounts(const char *target, struct buf *out)
{
	cleanup_free char *text = file_text("/proc/self/mounts");
	size_t length = strlen(target);
	char *line, *rest = text;
	cleanup_buf struct buf all = { 0 };

	while ((line = strsep(&rest, "\n"))) {
		char *device = strsep(&line, " "), *path = line ? strsep(&line, " ") : NULL;

		if (!path || strncmp(path, target, length) != 0 || (path[length] && path[length] != '/'))
			continue;
		buf_drop(&all, all.len);
		buf_printf(&all, "%s %s\n%s", device, path, buf_cstr(out));
		buf_drop(out, out->len);
		buf_str(out, buf_cstr(&all));
	}
}

/* In place: \040 of /proc/mounts. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static int unmount(const char *path, struct buf *why)
{
	int64_t deadline = now_ms() + UNMOUNT_PATIENCE;

	while (umount2(path, 0)) {
		if (errno != EBUSY || ms_left(deadline) == 0) {
			buf_printf(why, "%s cannot be unmounted: %s\n", path, err_text(-errno));
			return -EBUSY;
		}
		usleep(200000);
	}
	return 0;
}

static int unmount_all(const char *target, struct buf *disks, struct buf *why)
{
	cleanup_buf struct buf mounts = { 0 };
	char *line, *rest;
	int err = 0;

	find_mounts(target, &mounts);
	rest = mounts.data;
	while (!err && (line = strsep(&rest, "\n"))) {
		char *path = strchr(line, ' ');
		cleanup_free char *name = NULL;

		if (!path)
			continue;
		*path++ = '\0';
		unescape(path);
		name = *line == '/' ? disk_kernel_name(line) : NULL;
		printf("Umounting %s...", path);
		fflush(stdout);
		err = unmount(path, why);
		puts(err ? "FAILED" : "OK");
		if (!err && name)
			err = add_bases(name, disks);
	}
	return err;
}

int apply_release(const struct request *r, struct buf *why)
{
	cleanup_buf struct buf disks = { 0 };
	char *disk, *rest;
	int err = 0;

	sync();
	err = unmount_all(r->target, &disks, why);
	for (size_t i = 0; i < r->target_count; i++) {
		cleanup_free char *name = disk_kernel_name(r->targets[i].device);

		if (name && !is_on(&disks, name))
			buf_printf(&disks, "%s\n", name);
	}
	rest = disks.data;
	while (!err && (disk = strsep(&rest, "\n"))) {
		const char *const one[] = { disk };

		if (*disk)
			err = disk_stop(one, 1, why);
	}
	return err;
}
