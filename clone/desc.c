/* desc.c - nodes of a desc: made, found, asked, freed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/desc.h"

#include <strings.h>

struct node *desc_add(struct desc *d, enum node_kind kind, const char *name)
{
	struct node *more = realloc(d->nodes, (d->count + 1) * sizeof(*more));
	char *copy = strdup(name);
	struct node *n;

	if (more)
		d->nodes = more;
	if (!more || !copy) {
		free(copy);
		return NULL;
	}
	n = &d->nodes[d->count++];
	*n = (struct node){ .kind = kind, .name = copy, .within = NOWHERE, .holder = NOWHERE };
	for (size_t i = 0; i < NUMBERS; i++)
		n->number[i] = NOT_SAID;
	return n;
}

size_t desc_find(const struct desc *d, enum node_kind first, enum node_kind last, const char *name)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->nodes[i].kind >= first && d->nodes[i].kind <= last && streq(d->nodes[i].name, name))
			return i;
	return NOWHERE;
}

const char *node_text(const struct node *n, enum text which)
{
	return n->text[which] ? n->text[which] : "";
}

int node_set_text(struct node *n, enum text which, const char *value)
{
	char *copy;

	if (!value || !*value)
		return 0;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(n->text[which]);
	n->text[which] = copy;
	return 0;
}

bool node_is_of_table(const struct node *n)
{
	return n->kind == NODE_DISK || n->kind == NODE_PARTITION;
}

const char *node_fs(const struct node *n)
{
	bool held = n->text[TEXT_RAID] || n->text[TEXT_CRYPT] || n->text[TEXT_VG];

	if (n->text[TEXT_FS] || held || n->kind != NODE_PARTITION)
		return n->text[TEXT_FS];
	if (streq(n->type, "swap"))
		return "swap";
	return streq(n->type, "efi") ? "vfat" : NULL;
}

/* ---- types of partitions: word, code in an MBR, code in a GPT (UEFI 2.10, section 5.3.3; discoverable partitions) */

static const struct {
	const char *word, *mbr, *gpt;
} types[] = {
	{ "linux", "83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4" },
	{ "swap", "82", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F" },
	{ "extended", "5", NULL },
	{ "efi", "ef", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" },
	{ "bios", NULL, "21686148-6449-6E6F-744E-656564454649" },
	{ "raid", "fd", "A19D880F-05FC-4D3B-A006-743F0F84911E" },
	{ "lvm", "8e", "E6D6D379-F507-44C2-A23C-238F2A3DF928" },
	{ "luks", NULL, "CA7D7CCB-63ED-4C53-861C-1742536059CC" },
	{ "home", NULL, "933AC7E1-2EB4-4F13-B844-0E14E2AEF915" },
	{ "root", NULL, "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709" },
	{ "boot", NULL, "BC13C2FF-59E6-4262-A352-B275FD6F7172" },
};

const char *partition_type(const struct node *n, enum table table)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (streq(types[i].word, n->type))
			return table == TABLE_GPT ? types[i].gpt : types[i].mbr;
	return n->type;
}

const char *partition_word(const char *code, enum table table)
{
	if (table == TABLE_MBR && (!strcasecmp(code, "f") || streq(code, "85") || streq(code, "05")))
		return "extended";
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const char *own = table == TABLE_GPT ? types[i].gpt : types[i].mbr;

		if (own && strcasecmp(own, code) == 0)
			return types[i].word;
	}
	return code;
}

size_t desc_disk_of(const struct desc *d, size_t i)
{
	while (d->nodes[i].kind == NODE_PARTITION)
		i = d->nodes[i].within;
	return i;
}

void desc_added(const struct desc *d, size_t disk, struct buf *out)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct node *n = &d->nodes[i];

		if (n->kind != NODE_PARTITION || n->extended || desc_disk_of(d, i) != disk)
			continue;
		buf_printf(out, "    Added partition %d : type %s\n", (int)n->number[NUMBER_INDEX],
			   partition_type(n, d->nodes[disk].table));
	}
}

void desc_free(struct desc *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->nodes[i].name);
		free(d->nodes[i].type);
		for (size_t j = 0; j < TEXTS; j++)
			free(d->nodes[i].text[j]);
	}
	free(d->nodes);
	*d = (struct desc){ 0 };
}
