/* layout_words.c - a plan -> words for people, JSON for programs. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/layout_parts.h"

static long long mib(int64_t bytes)
{
	return bytes / MIB;
}

/* "ext4 on /", "in md0", "swap", "as it is". */
static void say_content(const struct layout *p, size_t i, struct buf *out)
{
	const struct node *n = &p->desc->nodes[i];
	const char *fs = node_fs(n);

	if (n->holder != NOWHERE)
		buf_printf(out, "in %s", p->desc->nodes[n->holder].name);
	else if (fs)
		buf_printf(out, "%s%s%s", fs, n->text[TEXT_MOUNT] ? " on " : "", node_text(n, TEXT_MOUNT));
	else if (n->kind == NODE_SUBVOLUME && n->text[TEXT_MOUNT])
		buf_printf(out, "on %s", n->text[TEXT_MOUNT]);
	else if (n->kind != NODE_GROUP && n->kind != NODE_POOL && n->kind != NODE_SUBVOLUME && !n->extended)
		buf_str(out, "nothing is made on it");
}

static void say_disk(const struct layout *p, size_t i, struct buf *out)
{
	const struct target *t = &p->targets[p->places[i].target];

	buf_printf(out,
		   "%s becomes %s of %lld MiB, sectors of %u bytes, with a new table of kind %s: all on it is lost\n",
		   t->device, p->desc->nodes[i].name, mib(t->size), t->sector,
		   p->desc->nodes[i].table == TABLE_GPT ? "gpt" : "mbr");
}

/* "raid 1 ", "logical linux ": what a node is. */
static void say_kind(const struct node *n, struct buf *out)
{
	static const char *const kinds[] = {
		[NODE_ARRAY] = "array of level", [NODE_LUKS] = "luks",      [NODE_GROUP] = "volume group",
		[NODE_VOLUME] = "volume",        [NODE_POOL] = "thin pool", [NODE_THIN] = "thin volume",
		[NODE_SUBVOLUME] = "subvolume",
	};

	if (n->kind == NODE_PARTITION)
		buf_printf(out, "%s%s", n->logical ? "logical " : "", n->type);
	else
		buf_str(out, kinds[n->kind]);
	if (n->kind == NODE_ARRAY)
		buf_printf(out, " %d", (int)n->number[NUMBER_LEVEL]);
}

static void say_node(const struct layout *p, size_t i, struct buf *out)
{
	const struct node *n = &p->desc->nodes[i];
	const struct place *at = &p->places[i];
	cleanup_buf struct buf kind = { 0 };

	say_kind(n, &kind);
	buf_printf(out, "  %-14s %-18s", at->device ? at->device : n->name, buf_cstr(&kind));
	if (n->kind == NODE_SUBVOLUME)
		buf_printf(out, " %10s", "");
	else
		buf_printf(out, " %6lld MiB", mib(at->size));
	if (n->kind == NODE_PARTITION)
		buf_printf(out, " from %lld", mib(at->start));
	buf_str(out, "  ");
	say_content(p, i, out);
	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	buf_char(out, '\n');
}

void layout_words(const struct layout *p, struct buf *out)
{
	const struct desc *d = p->desc;

	for (size_t i = 0; i < d->count; i++) {
		if (d->nodes[i].kind != NODE_DISK)
			continue;
		say_disk(p, i, out);
		for (size_t j = 0; j < d->count; j++)
			if (d->nodes[j].kind == NODE_PARTITION && desc_disk_of(d, j) == i)
				say_node(p, j, out);
	}
	for (size_t i = 0; i < d->count; i++)
		if (!node_is_of_table(&d->nodes[i]))
			say_node(p, i, out);
	buf_str(out, buf_cstr(&p->notes));
}

/* ---- JSON */

static void add_string(struct buf *out, const char *s)
{
	buf_char(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_char(out, '\\');
		if ((unsigned char)*s < ' ')
			buf_printf(out, "\\u%04x", (unsigned)*s);
		else
			buf_char(out, *s);
	}
	buf_char(out, '"');
}

static void add_pair(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ", \"%s\": ", key);
	add_string(out, value);
}

static void add_number(struct buf *out, const char *key, int64_t value)
{
	buf_printf(out, ", \"%s\": %lld", key, (long long)value);
}

static const char *kind_name(enum node_kind kind)
{
	static const char *const names[] = { "disk",   "partition", "array", "luks",     "group",
					     "volume", "pool",      "thin",  "subvolume" };

	return names[kind];
}

static void json_node(const struct layout *p, size_t i, struct buf *out)
{
	const struct node *n = &p->desc->nodes[i];
	const struct place *at = &p->places[i];

	buf_str(out, i ? ",\n  {\"name\": " : "  {\"name\": ");
	add_string(out, n->name);
	add_pair(out, "kind", kind_name(n->kind));
	add_pair(out, "device", at->device);
	if (n->kind != NODE_SUBVOLUME)
		add_number(out, "size", at->size);
	if (n->kind == NODE_PARTITION) {
		add_number(out, "start", at->start);
		add_number(out, "number", n->number[NUMBER_INDEX]);
		add_pair(out, "type", n->type);
	}
	if (n->kind == NODE_DISK) {
		add_pair(out, "table", n->table == TABLE_GPT ? "gpt" : "mbr");
		add_number(out, "sector", p->targets[at->target].sector);
	} else {
		add_number(out, "least", at->need);
	}
	add_pair(out, "fs", node_fs(n));
	add_pair(out, "mount", n->text[TEXT_MOUNT]);
	add_pair(out, "in", n->holder == NOWHERE ? NULL : p->desc->nodes[n->holder].name);
	buf_char(out, '}');
}

void layout_json(const struct layout *p, struct buf *out)
{
	static const char *const kinds[] = { "wipe",   "table", "array",     "luks", "group",
					     "volume", "fs",    "subvolume", "mount" };

	buf_str(out, "{\"nodes\": [\n");
	for (size_t i = 0; i < p->desc->count; i++)
		json_node(p, i, out);
	buf_str(out, "],\n\"steps\": [\n");
	for (size_t i = 0; i < p->step_count; i++) {
		buf_printf(out, "%s  {\"do\": \"%s\", \"name\": ", i ? ",\n" : "", kinds[p->steps[i].kind]);
		add_string(out, p->desc->nodes[p->steps[i].node].name);
		buf_char(out, '}');
	}
	buf_str(out, "],\n\"notes\": ");
	add_string(out, buf_cstr(&p->notes));
	buf_str(out, "}\n");
}
