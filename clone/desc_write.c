/* desc_write.c - nodes -> the text of a desc file. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/desc_keys.h"

/* What stands between blanks: blanks, # and \ as \040, as in fstab(5). */
static void add_value(struct buf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == ' ' || *value == '\\' || *value == '#')
			buf_printf(out, "\\%03o", (unsigned)*value);
		else
			buf_char(out, *value);
	}
}

static void add_wish(struct buf *out, const struct node *n)
{
	buf_char(out, ' ');
	if (n->wish == WISH_FILL)
		buf_str(out, "fill");
	else if (n->wish == WISH_PERCENT && n->size % 100)
		buf_printf(out, "%d.%02d%%", (int)(n->size / 100), (int)(n->size % 100));
	else if (n->wish == WISH_PERCENT)
		buf_printf(out, "%d%%", (int)(n->size / 100));
	else
		desc_size_text(out, n->size);
}

static void add_key(struct buf *out, const struct node *n, const struct desc_key *key)
{
	int64_t number = key->value == VALUE_TEXT ? 0 : n->number[key->which];
	const char *text = key->value == VALUE_TEXT ? n->text[key->which] : "";

	if (!text || number == NOT_SAID)
		return;
	buf_printf(out, " %s=", key->word);
	if (key->value == VALUE_TEXT)
		add_value(out, text);
	else if (key->value == VALUE_BYTES)
		desc_size_text(out, number);
	else
		buf_printf(out, "%lld", (long long)number);
}

/* "logical linux", "type8e". */
static void add_type(struct buf *out, const struct node *n)
{
	const struct node probe = { .type = n->type };
	bool code = partition_type(&probe, TABLE_GPT) == n->type && partition_type(&probe, TABLE_MBR) == n->type;

	buf_printf(out, "%s%s%s", n->logical ? "logical " : "", code ? "type" : "", n->type);
}

static void add_start(const struct desc *d, const struct node *n, struct buf *out)
{
	if (n->kind == NODE_PARTITION) {
		add_type(out, n);
		return;
	}
	buf_printf(out, "%s ", desc_statement(n->kind));
	if (n->kind == NODE_SUBVOLUME && n->within != NOWHERE)
		buf_printf(out, "%s ", d->nodes[n->within].name);
	add_value(out, n->name);
	if (n->kind == NODE_DISK)
		buf_str(out, n->table == TABLE_GPT ? " gpt" : " mbr");
}

static void write_node(const struct desc *d, const struct node *n, struct buf *out)
{
	add_start(d, n, out);
	if (n->wish != WISH_NONE)
		add_wish(out, n);
	if (n->boot)
		buf_str(out, " boot");
	for (size_t i = 0; i < desc_key_count; i++) {
		/* of the old grammar the order of the lines is the number */
		if (n->old_grammar && desc_keys[i].which == NUMBER_INDEX && desc_keys[i].value == VALUE_COUNT)
			continue;
		if (desc_keys[i].kinds & (1u << n->kind))
			add_key(out, n, &desc_keys[i]);
	}
	buf_char(out, '\n');
}

/* Those behind their disk, then the others. */
void desc_write(const struct desc *d, struct buf *out)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->nodes[i].kind != NODE_DISK)
			continue;
		write_node(d, &d->nodes[i], out);
		for (size_t j = 0; j < d->count; j++)
			if (d->nodes[j].kind == NODE_PARTITION && desc_disk_of(d, j) == i)
				write_node(d, &d->nodes[j], out);
	}
	for (size_t i = 0; i < d->count; i++)
		if (!node_is_of_table(&d->nodes[i]))
			write_node(d, &d->nodes[i], out);
}
