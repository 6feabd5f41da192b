/* fstab.c - a golden node's fstab and a desc -> which line is which node; and the fstab of the new system. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/fstab.h"

#include <ctype.h>
#include <strings.h>

#define FIELDS 6

/* A line of fstab(5) taken apart; the fields point into `copy`. */
struct line {
	char *copy; /* owned */
	char *field[FIELDS];
	size_t count;
};

static void line_free(struct line *l)
{
	free(l->copy);
}

/* Takes LENGTH characters of S apart. False: a comment, or nothing. */
static bool line_read(struct line *l, const char *s, size_t length)
{
	char *at;

	*l = (struct line){ .copy = strndup(s, length) };
	if (!l->copy)
		return false;
	for (at = l->copy; l->count < FIELDS; l->count++) {
		at += strspn(at, " \t\r");
		if (!*at || *at == '#')
			break;
		l->field[l->count] = at;
		at += strcspn(at, " \t\r");
		if (*at)
			*at++ = '\0';
	}
	return l->count >= 2;
}

/* ---- which node a spec is */

static const char *behind(const char *s, const char *prefix)
{
	return starts_with(s, prefix) ? s + strlen(prefix) : NULL;
}

/* Is A, as written with a dash doubled within the names, the volume B, "vg0/root"? */
static bool is_mapped(const char *a, const char *b)
{
	for (; *b; b++, a++) {
		if (*a != (*b == '/' ? '-' : *b))
			return false;
		if (*b == '-' && *++a != '-')
			return false;
	}
	return !*a;
}

static bool is_device(const struct node *n, const char *name)
{
	const char *mapped = behind(name, "mapper/"), *array = behind(name, "md/");

	if (mapped && n->kind == NODE_LUKS)
		return streq(mapped, n->name);
	if (mapped && (n->kind == NODE_VOLUME || n->kind == NODE_THIN))
		return is_mapped(mapped, n->name);
	if (array && n->kind == NODE_ARRAY)
		return streq(array, n->name);
	return streq(name, n->name) && n->kind != NODE_GROUP && n->kind != NODE_LUKS && n->kind != NODE_SUBVOLUME;
}

static bool is_text(const struct node *n, enum text which, const char *value)
{
	size_t length = strlen(value);

	if (length > 1 && *value == '"' && value[length - 1] == '"')
		return n->text[which] && strlen(n->text[which]) == length - 2 &&
		       strncasecmp(n->text[which], value + 1, length - 2) == 0;
	return n->text[which] && strcasecmp(n->text[which], value) == 0;
}

static bool is_spec(const struct node *n, const char *spec)
{
	static const struct {
		const char *prefix;
		enum text text;
	} forms[] = {
		{ "UUID=", TEXT_UUID },
		{ "LABEL=", TEXT_LABEL },
		{ "PARTUUID=", TEXT_PARTUUID },
		{ "PARTLABEL=", TEXT_NAME },
		{ "/dev/disk/by-uuid/", TEXT_UUID },
		{ "/dev/disk/by-label/", TEXT_LABEL },
		{ "/dev/disk/by-partuuid/", TEXT_PARTUUID },
		{ "/dev/disk/by-partlabel/", TEXT_NAME },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (starts_with(spec, forms[i].prefix))
			return is_text(n, forms[i].text, spec + strlen(forms[i].prefix));
	return starts_with(spec, "/dev/") && is_device(n, spec + 5);
}

size_t fstab_find(const struct desc *d, const char *spec)
{
	for (size_t i = 0; i < d->count; i++)
		if (is_spec(&d->nodes[i], spec))
			return i;
	return NOWHERE;
}

/* ---- into a desc */

static bool is_known_fs(const char *fs)
{
	static const char *const known[] = { "ext2", "ext3", "ext4", "xfs", "btrfs",
					     "vfat", "swap", "f2fs", "jfs", "reiserfs" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i], fs))
			return true;
	return false;
}

static bool is_safe_path(const char *s)
{
	return *s == '/' && !strchr(s, '\\') && !strstr(s, "/../") && !strstr(s, "//") &&
	       (strlen(s) < 3 || !streq(s + strlen(s) - 3, "/.."));
}

/* The path behind subvol= in OPTIONS, without the slash it may begin with; owned by the caller; NULL: none. */
static char *subvolume_of(const char *options)
{
	const char *at = starts_with(options, "subvol=") ? options : strstr(options, ",subvol=");

	if (!at)
		return NULL;
	at = strchr(at, '=') + 1;
	at += strspn(at, "/");
	return strcspn(at, ",") ? strndup(at, strcspn(at, ",")) : NULL;
}

/* The subvolume PATH of the node with that index: found, or made. */
static struct node *find_subvolume(struct desc *d, size_t i, const char *path)
{
	cleanup_free char *name = str_printf("%s:%s", d->nodes[i].name, path);
	size_t at = name ? desc_find(d, NODE_SUBVOLUME, NODE_SUBVOLUME, name) : NOWHERE;

	if (!name)
		return NULL;
	return at == NOWHERE ? desc_add(d, NODE_SUBVOLUME, name) : &d->nodes[at];
}

/* A line that mounts a part of a btrfs. */
static int adopt_subvolume(struct desc *d, size_t i, const struct line *l, const char *path)
{
	int err = node_set_text(&d->nodes[i], TEXT_FS, "btrfs");
	struct node *n = err ? NULL : find_subvolume(d, i, path);

	if (!n)
		return -ENOMEM;
	if (n->text[TEXT_MOUNT] || !is_safe_path(l->field[1]))
		return 0;
	return node_set_text(n, TEXT_MOUNT, l->field[1]) ?: node_set_text(n, TEXT_OPTIONS, l->field[3]);
}

static int adopt_line(struct desc *d, const struct line *l)
{
	size_t i = l->count > 2 ? fstab_find(d, l->field[0]) : NOWHERE;
	struct node *n = i == NOWHERE ? NULL : &d->nodes[i];
	cleanup_free char *path = NULL;
	int err;

	if (!n || n->kind == NODE_DISK || n->extended || n->text[TEXT_RAID] || n->text[TEXT_CRYPT] ||
	    n->text[TEXT_VG] || n->text[TEXT_MOUNT] || !is_known_fs(l->field[2]))
		return 0;
	if (n->text[TEXT_FS] && !streq(n->text[TEXT_FS], l->field[2]))
		return 0;
	path = l->count > 3 && streq(l->field[2], "btrfs") ? subvolume_of(l->field[3]) : NULL;
	if (path)
		return adopt_subvolume(d, i, l, path);
	err = node_set_text(n, TEXT_FS, l->field[2]);
	if (!err && !streq(l->field[2], "swap") && is_safe_path(l->field[1]))
		err = node_set_text(n, TEXT_MOUNT, l->field[1]);
	if (!err && l->count > 3 && n->text[TEXT_MOUNT])
		err = node_set_text(n, TEXT_OPTIONS, l->field[3]);
	return err;
}

/* The line at *TEXT, and *TEXT behind it; its length. */
static const char *next_line(const char **text, size_t *length)
{
	const char *line = *text;

	*length = strcspn(line, "\n");
	*text = line + *length + (line[*length] == '\n');
	return line;
}

int fstab_adopt(struct desc *d, const char *text)
{
	int err = 0;

	while (*text && !err) {
		size_t length;
		const char *s = next_line(&text, &length);
		struct line l;

		if (line_read(&l, s, length))
			err = adopt_line(d, &l);
		line_free(&l);
	}
	return err;
}

/* ---- out of a desc */

/* The node whose file system a mount of N is of. */
static size_t device_of(const struct desc *d, size_t i)
{
	return d->nodes[i].kind == NODE_SUBVOLUME ? d->nodes[i].within : i;
}

static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_printf(out, *s == ' ' || *s == '\\' ? "\\%03o" : "%c", (unsigned char)*s);
}

/* A line for node I, made of what the desc says. */
static void add_node(const struct desc *d, size_t i, const char *uuid, struct buf *out)
{
	const struct node *n = &d->nodes[i];
	const char *fs = node_fs(&d->nodes[device_of(d, i)]), *options = node_text(n, TEXT_OPTIONS);
	bool swap = streq(fs, "swap"), root = streq(n->text[TEXT_MOUNT], "/");

	buf_printf(out, "UUID=%s\t", uuid);
	add_escaped(out, swap ? "none" : node_text(n, TEXT_MOUNT));
	buf_printf(out, "\t%s\t%s", fs, *options ? options : swap ? "sw" : "defaults");
	if (n->kind == NODE_SUBVOLUME && !strstr(options, "subvol=")) {
		buf_str(out, ",subvol=/");
		add_escaped(out, n->name);
	}
	buf_printf(out, "\t0\t%d\n", streq(fs, "xfs") || streq(fs, "btrfs") || swap ? 0 : root ? 1 : 2);
}

/* Does a line name a device, which another machine has not? */
static bool names_device(const char *spec)
{
	return starts_with(spec, "/dev/") || starts_with(spec, "UUID=") || starts_with(spec, "LABEL=") ||
	       starts_with(spec, "PARTUUID=") || starts_with(spec, "PARTLABEL=");
}

/* Node I, or a subvolume in it, has a line that mounts it on MOUNT; swap is mounted nowhere. */
static void mark_written(const struct desc *d, size_t i, const char *mount, bool *written)
{
	for (size_t j = 0; j < d->count; j++)
		if (device_of(d, j) == i &&
		    (streq(d->nodes[j].text[TEXT_MOUNT], mount) || streq(node_fs(&d->nodes[j]), "swap")))
			written[j] = true;
}

/* One line of the golden node's. WRITTEN marks the nodes that have a line. */
static void add_line(const struct desc *d, char *const *uuids, const struct line *l, const char *s, size_t length,
		     bool *written, struct buf *out)
{
	size_t i = fstab_find(d, l->field[0]);
	const char *rest = s + strspn(s, " \t") + strlen(l->field[0]);

	if (i != NOWHERE && uuids[i]) {
		mark_written(d, i, l->field[1], written);
		buf_printf(out, "UUID=%s%.*s\n", uuids[i], (int)(s + length - rest), rest);
		return;
	}
	if (i != NOWHERE || names_device(l->field[0]))
		buf_str(out, "# not on this machine: ");
	buf_printf(out, "%.*s\n", (int)length, s);
}

static void add_lines(const struct desc *d, char *const *uuids, const char *text, bool *written, struct buf *out)
{
	while (*text) {
		size_t length;
		const char *s = next_line(&text, &length);
		struct line l;

		if (line_read(&l, s, length))
			add_line(d, uuids, &l, s, length, written, out);
		else
			buf_printf(out, "%.*s\n", (int)length, s);
		line_free(&l);
	}
}

void fstab_write(const struct desc *d, char *const *uuids, const char *text, struct buf *out)
{
	cleanup_free bool *written = calloc(d->count + 1, sizeof(*written));

	if (!written)
		return;
	if (text)
		add_lines(d, uuids, text, written, out);
	for (size_t i = 0; i < d->count; i++) {
		const struct node *n = &d->nodes[i];
		const char *uuid = uuids[device_of(d, i) == NOWHERE ? i : device_of(d, i)];

		if (uuid && !written[i] && (n->text[TEXT_MOUNT] || streq(node_fs(n), "swap")))
			add_node(d, i, uuid, out);
	}
}
