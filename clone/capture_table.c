/* capture_table.c - what sfdisk --dump says of a disk -> its part of a desc. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/capture_parts.h"

#include <ctype.h>

/* A line of the dump: DEVICE : start= 2048, size= 204800, type=83, uuid=..., name="...", attrs="...", bootable */
struct row {
	int64_t number, start, size; /* start and size in sectors */
	char *type, *uuid, *name, *attrs;
	bool boot;
};

static void row_free(struct row *r)
{
	free(r->type);
	free(r->uuid);
	free(r->name);
	free(r->attrs);
	*r = (struct row){ 0 };
}

/* The number at the end of a partition's name. */
static int64_t last_number(const char *name, size_t length)
{
	int64_t number = 0, scale = 1;

	for (; length && isdigit((unsigned char)name[length - 1]) && scale < 100000; length--, scale *= 10)
		number += (name[length - 1] - '0') * scale;
	return number;
}

static void read_number(const char *value, size_t length, int64_t *out)
{
	cleanup_free char *text = strndup(value + strspn(value, " "), length);

	if (text)
		text[strspn(text, "0123456789")] = '\0';
	if (!text || parse_number(text, 0, DESC_MOST, out))
		*out = 0;
}

static void take_field(struct row *r, const char *key, size_t key_length, const char *value, size_t length)
{
	static const char *const keys[] = { "start", "size", "type", "Id", "uuid", "name", "attrs" };
	char **texts[] = { NULL, NULL, &r->type, &r->type, &r->uuid, &r->name, &r->attrs };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strlen(keys[i]) != key_length || strncmp(keys[i], key, key_length) != 0)
			continue;
		if (!texts[i]) {
			read_number(value, length, i ? &r->size : &r->start);
			return;
		}
		free(*texts[i]);
		*texts[i] = strndup(value, length);
	}
}

/* The fields behind the colon. Names stand between quotes, and may hold commas. */
static void read_fields(struct row *r, const char *at)
{
	while (*at && *at != '\n') {
		const char *key = at + strspn(at, " ,\t"), *value;
		size_t key_length = strcspn(key, "=, \n"), length;

		at = key + key_length;
		if (*at != '=') {
			r->boot |= key_length == 8 && starts_with(key, "bootable");
			if (!key_length)
				break;
			continue;
		}
		value = at + 1 + strspn(at + 1, " ");
		if (*value == '"') {
			length = strcspn(++value, "\"\n");
			at = value + length + (value[length] == '"');
		} else {
			length = strcspn(value, ", \n");
			at = value + length;
		}
		take_field(r, key, key_length, value, length);
	}
}

static bool read_row(struct row *r, const char *line)
{
	size_t length = strcspn(line, " \n");
	const char *colon = line + length + strspn(line + length, " ");

	*r = (struct row){ 0 };
	if (*line != '/' || *colon != ':')
		return false;
	r->number = last_number(line, length);
	read_fields(r, colon + 1);
	return r->number > 0 && r->size > 0 && r->type;
}

/* The value of a line "KEY: VALUE" before the rows; owned by the caller. */
static char *header(const char *dump, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = dump; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (strncmp(at, key, length) == 0 && starts_with(at + length, ": "))
			return strndup(at + length + 2, strcspn(at + length + 2, "\n"));
	return NULL;
}

/* A text of the golden node goes into the desc only if it can be read there again. */
static int set_printable(struct node *n, enum text which, const char *value)
{
	if (!value || *value == '-' || strpbrk(value, "\"\\"))
		return 0;
	for (const char *at = value; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			return 0;
	return node_set_text(n, which, value);
}

static char *partition_name(const char *disk, int64_t number)
{
	bool digit = isdigit((unsigned char)disk[strlen(disk) - 1]);

	return str_printf("%s%s%d", disk, digit ? "p" : "", (int)number);
}

static int add_row(struct desc *d, size_t disk, size_t *extended, const struct row *r, int64_t sector)
{
	enum table table = d->nodes[disk].table;
	cleanup_free char *name = partition_name(d->nodes[disk].name, r->number);
	bool logical = table == TABLE_MBR && r->number > 4;
	struct node *n;

	if (logical && *extended == NOWHERE)
		return -EINVAL;
	n = name ? desc_add(d, NODE_PARTITION, name) : NULL;
	if (!n)
		return -ENOMEM;
	n->type = strdup(partition_word(r->type, table));
	if (!n->type)
		return -ENOMEM;
	n->logical = logical;
	n->extended = streq(n->type, "extended");
	n->within = logical ? *extended : disk;
	n->wish = WISH_BYTES;
	n->size = MAX(r->size > DESC_MOST / sector ? DESC_MOST : r->size * sector / MIB * MIB, MIB);
	n->number[NUMBER_INDEX] = r->number;
	n->boot = r->boot;
	if (n->extended)
		*extended = d->count - 1;
	return set_printable(n, TEXT_PARTUUID, r->uuid) ?: set_printable(n, TEXT_NAME, r->name) ?:
	       set_printable(n, TEXT_ATTRS, r->attrs && !strchr(r->attrs, ' ') ? r->attrs : NULL);
}

/* The first row of DUMP that lies behind START; false: none is left. */
static bool next_row(const char *dump, int64_t start, struct row *found)
{
	bool any = false;

	for (const char *at = dump; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		struct row r;

		if (read_row(&r, at) && r.start > start && (!any || r.start < found->start)) {
			if (any)
				row_free(found);
			*found = r;
			any = true;
		} else {
			row_free(&r);
		}
	}
	return any;
}

/* A partition of a table of kind mbr has no UUID of its own but the table's, and its number. */
static int name_partitions(struct desc *d, size_t disk)
{
	const char *id = node_text(&d->nodes[disk], TEXT_ID);
	int err = 0;

	for (size_t i = disk + 1; i < d->count && !err && starts_with(id, "0x"); i++) {
		cleanup_free char *uuid = str_printf("%s-%02x", id + 2, (unsigned)d->nodes[i].number[NUMBER_INDEX]);

		err = uuid ? node_set_text(&d->nodes[i], TEXT_PARTUUID, uuid) : -ENOMEM;
	}
	return err;
}

int capture_table(struct desc *d, const char *name, const char *dump)
{
	cleanup_free char *label = header(dump, "label"), *id = header(dump, "label-id");
	cleanup_free char *sector = header(dump, "sector-size");
	bool gpt = streq(label, "gpt");
	size_t extended = NOWHERE, disk = d->count;
	int64_t bytes = 512, start = -1;
	struct row r = { 0 };
	struct node *n;
	int err;

	if (!gpt && !streq(label, "dos"))
		return -EINVAL;
	if (sector && parse_number(sector, 512, 65536, &bytes))
		return -EINVAL;
	n = desc_add(d, NODE_DISK, name);
	if (!n)
		return -ENOMEM;
	n->table = gpt ? TABLE_GPT : TABLE_MBR;
	err = set_printable(n, TEXT_ID, id);
	while (!err && next_row(dump, start, &r)) {
		start = r.start;
		err = add_row(d, disk, &extended, &r, bytes);
		row_free(&r);
	}
	return err ? err : name_partitions(d, disk);
}

/* ---- the old grammar */

static bool is_plain(const struct node *n)
{
	if (n->kind == NODE_DISK)
		return n->table == TABLE_MBR;
	return n->kind == NODE_PARTITION && !n->text[TEXT_RAID] && !n->text[TEXT_CRYPT] && !n->text[TEXT_VG] &&
	       !streq(n->type, "efi") && !streq(n->type, "raid") && !streq(n->type, "lvm");
}

/* Numbers that the order of the lines does not give are lost in it. */
static bool in_order(const struct desc *d)
{
	int64_t primary = 0, logical = 4;

	for (size_t i = 1; i < d->count; i++) {
		const struct node *n = &d->nodes[i];

		if (n->number[NUMBER_INDEX] != ++*(n->logical ? &logical : &primary))
			return false;
	}
	return true;
}

bool capture_plain(const struct desc *d, struct buf *out)
{
	for (size_t i = 0; i < d->count; i++)
		if (!is_plain(&d->nodes[i]) || (i && d->nodes[i].kind == NODE_DISK))
			return false;
	if (d->count < 2 || !in_order(d))
		return false;
	for (size_t i = 1; i < d->count; i++) {
		const struct node *n = &d->nodes[i];
		bool is_word = streq(n->type, "linux") || streq(n->type, "swap") || n->extended;

		buf_printf(out, "%s%s%s %lld\n", n->logical ? "logical " : "", is_word ? "" : "type", n->type,
			   (long long)(n->size / MIB));
	}
	return true;
}
