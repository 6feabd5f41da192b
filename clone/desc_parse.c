/* desc_parse.c - the text of a desc file, line by line -> nodes. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/desc_keys.h"

#include "base/digits.h"

#include <ctype.h>
#include <strings.h>

#define MOST_NODES 4096 /* of all files together: what is compared with each other stays cheap */
#define MOST_TEXT  4096 /* characters of one value */
#define MOST_NAME  127

/* One file while it is read. */
struct reader {
	struct desc *d;
	struct buf *why;
	const char *fallback; /* the disk of lines without a line "disk" */
	size_t disk;          /* index of the disk that the partitions belong to, or NOWHERE */
	size_t extended;      /* index of its extended partition, or NOWHERE */
	unsigned line;
	char *rest; /* of the line: the words not read yet */
};

static int refuse(struct reader *r, const char *fmt, ...) printf_like(2, 3);
static int refuse(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	buf_printf(r->why, "line %u: ", r->line);
	va_start(ap, fmt);
	buf_vprintf(r->why, fmt, ap);
	va_end(ap);
	buf_char(r->why, '\n');
	return -EINVAL;
}

/* The next word of the line, NULL behind the last. */
static char *next_word(struct reader *r)
{
	char *word = r->rest + strspn(r->rest, " \t\r");
	char *end = word + strcspn(word, " \t\r");

	if (!*word)
		return NULL;
	r->rest = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static bool is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7';
}

/* In place: \040 is the character with that octal number, as in fstab(5). False: a control character comes of it. */
static bool decode(char *s)
{
	char *to = s;

	while (*s) {
		char c = *s++;

		if (c == '\\' && is_octal(s)) {
			c = (char)((s[0] - '0') * 64 + (s[1] - '0') * 8 + s[2] - '0');
			s += 3;
		}
		if ((unsigned char)c < ' ' || c == 127)
			return false;
		*to++ = c;
	}
	*to = '\0';
	return true;
}

static bool is_name(const char *s)
{
	size_t length = strlen(s);

	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_.+-!", s[i]))
			return false;
	return length > 0 && length <= MOST_NAME && !strchr("-.", *s);
}

/* A path without ".." and doubled slashes: it stays below whatever it is put below. */
static bool is_path(const char *s)
{
	for (const char *part = s; *part;) {
		size_t length = strcspn(part, "/");

		if (length == 0 || (length == 2 && starts_with(part, "..")) || (length == 1 && *part == '.'))
			return false;
		part += length;
		if (*part && !*++part)
			return false;
	}
	return true;
}

static bool is_mount(const char *s)
{
	return streq(s, "/") || (*s == '/' && s[1] && is_path(s + 1));
}

static bool is_listed(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (streq(s, *list))
			return true;
	return false;
}

/* Rules of single values that their characters do not show. */
static bool is_allowed(unsigned which, const char *value)
{
	static const char *const fs[] = { "ext2", "ext3", "ext4", "xfs",      "btrfs", "vfat",
					  "swap", "f2fs", "jfs",  "reiserfs", NULL };
	static const char *const metadata[] = { "0.90", "1.0", "1.1", "1.2", NULL };

	switch (which) {
	case TEXT_FS:
		return is_listed(value, fs);
	case TEXT_METADATA:
		return is_listed(value, metadata);
	case TEXT_MOUNT:
		return is_mount(value);
	case TEXT_RAID:
	case TEXT_CRYPT:
	case TEXT_VG:
	case TEXT_POOL:
		return is_name(value);
	case TEXT_NAME: /* it stands between quotes in what sfdisk reads */
		return !strpbrk(value, "\"\\") && strlen(value) <= 36 * 3;
	case TEXT_OPTIONS:
		return !strpbrk(value, " \\");
	default:
		return *value != '-';
	}
}

static int set_text(struct reader *r, struct node *n, const struct desc_key *key, char *value)
{
	bool good = *value && strlen(value) <= MOST_TEXT && decode(value);

	if (good && key->characters)
		good = !value[strspn(value, key->characters)];
	if (!good || !is_allowed(key->which, value))
		return refuse(r, "%s= of %s cannot be used", key->word, n->name);
	return node_set_text(n, key->which, value);
}

static int set_value(struct reader *r, struct node *n, const struct desc_key *key, char *value)
{
	int64_t number = 0;
	bool good = false;

	if (key->value == VALUE_TEXT)
		return set_text(r, n, key, value);
	if (key->value == VALUE_BYTES)
		good = desc_bytes(value, &number) == 0;
	else
		good = parse_number(value, key->least, key->most, &number) == 0;
	if (!good)
		return refuse(r, "%s= of %s cannot be used", key->word, n->name);
	n->number[key->which] = number;
	return 0;
}

static const struct desc_key *find_key(const char *word, enum node_kind kind)
{
	for (size_t i = 0; i < desc_key_count; i++)
		if (streq(desc_keys[i].word, word) && desc_keys[i].kinds & (1u << kind))
			return &desc_keys[i];
	return NULL;
}

/* "boot", or KEY=VALUE. */
static int read_word(struct reader *r, struct node *n, char *word)
{
	char *equals = strchr(word, '=');
	const struct desc_key *key;

	n->old_grammar = false;
	if (streq(word, "boot") && n->kind == NODE_PARTITION) {
		n->boot = true;
		return 0;
	}
	if (!equals)
		return refuse(r, "%s of %s is not known", word, n->name);
	*equals = '\0';
	key = find_key(word, n->kind);
	if (!key)
		return refuse(r, "%s= of %s is not known", word, n->name);
	return set_value(r, n, key, equals + 1);
}

static int read_words(struct reader *r, struct node *n)
{
	char *word;
	int err = 0;

	while (!err && (word = next_word(r)))
		err = read_word(r, n, word);
	return err;
}

static int add_node(struct reader *r, enum node_kind kind, const char *name, struct node **n)
{
	if (r->d->count >= MOST_NODES)
		return refuse(r, "more than %d entries", MOST_NODES);
	*n = desc_add(r->d, kind, name);
	if (!*n)
		return -ENOMEM;
	(*n)->line = r->line;
	return 0;
}

/* ---- disks and their partitions */

static int read_disk(struct reader *r)
{
	const char *name = next_word(r), *table = name ? next_word(r) : NULL;
	struct node *n = NULL;
	int err;

	if (!table || !is_name(name) || (!streq(table, "gpt") && !streq(table, "mbr")))
		return refuse(r, "a disk has a name and a table: disk sda gpt, or disk sda mbr");
	err = add_node(r, NODE_DISK, name, &n);
	if (err)
		return err;
	n->table = streq(table, "gpt") ? TABLE_GPT : TABLE_MBR;
	r->disk = r->d->count - 1;
	r->extended = NOWHERE;
	return read_words(r, n);
}

/* The disk of a desc that does not name one. */
static int open_disk(struct reader *r)
{
	struct node *n = NULL;
	int err;

	if (r->disk != NOWHERE)
		return 0;
	if (!r->fallback || !is_name(r->fallback))
		return refuse(r, "which disk is this a partition of? A line \"disk sda mbr\" is missing before it");
	err = add_node(r, NODE_DISK, r->fallback, &n);
	r->disk = err ? NOWHERE : r->d->count - 1;
	return err;
}

static bool is_code(const char *s)
{
	size_t digits = strspn(s, "0123456789abcdefABCDEF");

	return (digits == 1 || digits == 2) && !s[digits] && strtoul(s, NULL, 16) > 0;
}

static bool is_guid(const char *s)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : hex_digit(s[i]) < 0)
			return false;
	}
	return !s[36];
}

/* The type that WORD means in that table; NULL: none. */
static const char *read_type(const char *word, enum table table)
{
	const struct node probe = { .type = (char *)word };
	const char *code;

	if (starts_with(word, "type")) {
		word += 4;
		return is_code(word) || (table == TABLE_GPT && is_guid(word)) ? partition_word(word, table) : NULL;
	}
	code = partition_type(&probe, table);
	return code && code != word ? word : NULL; /* the word itself: there is no such type */
}

/* The number that a new partition gets in its table: what is free behind the last one. */
static int64_t next_number(const struct reader *r, bool logical)
{
	int64_t last = logical ? 4 : 0;

	for (size_t i = 0; i < r->d->count; i++) {
		const struct node *n = &r->d->nodes[i];

		if (n->kind == NODE_PARTITION && n->logical == logical && desc_disk_of(r->d, i) == r->disk)
			last = MAX(last, n->number[NUMBER_INDEX]);
	}
	return last + 1;
}

/* The name the kernel gives it: sda1, nvme0n1p1. */
static char *partition_name(const char *disk, int64_t number)
{
	bool digit = isdigit((unsigned char)disk[strlen(disk) - 1]);

	return str_printf("%s%s%d", disk, digit ? "p" : "", (int)number);
}

static int check_number(struct reader *r, const struct node *n, int64_t number)
{
	bool gpt = r->d->nodes[r->disk].table == TABLE_GPT;

	if (!gpt && !n->logical && number > 4)
		return refuse(r, "a table of kind mbr has four primary partitions, this would be number %d",
			      (int)number);
	if (n->logical && number < 5)
		return refuse(r, "logical partitions begin with number 5");
	if (number > 128)
		return refuse(r, "partition %d is beyond 128", (int)number);
	return 0;
}

/* Behind the type: the size, the words, the number. */
static int read_partition(struct reader *r, struct node *n, const char *size)
{
	size_t self = r->d->count - 1;
	int64_t number;
	int err = desc_size(size, &n->wish, &n->size);

	if (err)
		return refuse(r, "size %s cannot be used: 500, 1.5G, 20%%, fill", size);
	n->old_grammar = n->wish != WISH_PERCENT;
	err = read_words(r, n);
	if (err)
		return err;
	number = n->number[NUMBER_INDEX];
	if (number == NOT_SAID)
		number = next_number(r, n->logical);
	err = check_number(r, n, number);
	if (err)
		return err;
	n->number[NUMBER_INDEX] = number;
	n->within = n->logical ? r->extended : r->disk;
	if (n->extended)
		r->extended = self;
	free(n->name);
	n->name = partition_name(r->d->nodes[r->disk].name, number);
	return n->name ? 0 : -ENOMEM;
}

static int check_extended(struct reader *r, bool extended, bool logical)
{
	if (extended && (logical || r->extended != NOWHERE))
		return refuse(r, "a disk has one extended partition");
	if (logical && r->extended == NOWHERE)
		return refuse(r, "a logical partition lies in an extended one: a line \"extended fill\" is missing "
				 "before it");
	return 0;
}

static int read_partition_line(struct reader *r, char *word)
{
	bool logical = streq(word, "logical");
	const char *type, *size;
	struct node *n = NULL;
	int err = open_disk(r);

	if (err)
		return err;
	if (logical)
		word = next_word(r);
	size = word ? next_word(r) : NULL;
	type = size ? read_type(word, r->d->nodes[r->disk].table) : NULL;
	if (!type) {
		buf_printf(r->why, "Bad partition type line %u\n", r->line);
		return -EINVAL;
	}
	err = check_extended(r, streq(type, "extended"), logical);
	if (!err)
		err = add_node(r, NODE_PARTITION, "the partition", &n);
	if (err)
		return err;
	n->logical = logical;
	n->extended = streq(type, "extended");
	n->type = strdup(type);
	n->within = r->disk;
	return n->type ? read_partition(r, n, size) : -ENOMEM;
}

/* ---- what lies on partitions */

/* "vg0/root": two names. */
static bool is_volume_name(char *name)
{
	char *slash = strchr(name, '/');
	bool good;

	if (!slash)
		return false;
	*slash = '\0';
	good = is_name(name) && is_name(slash + 1) && !strchr(name, '!') && !strchr(slash + 1, '!');
	*slash = '/';
	return good;
}

static int read_volume(struct reader *r, enum node_kind kind)
{
	char *name = next_word(r), *size = name ? next_word(r) : NULL;
	struct node *n = NULL;
	int err;

	if (!size || !is_volume_name(name))
		return refuse(r, "a volume has a name and a size: %s vg0/root 3500", desc_statement(kind));
	err = add_node(r, kind, name, &n);
	if (err)
		return err;
	err = desc_size(size, &n->wish, &n->size);
	if (err || (kind == NODE_THIN && n->wish != WISH_BYTES))
		return refuse(r, "size %s of %s cannot be used", size, n->name);
	return read_words(r, n);
}

static int read_whole(struct reader *r, enum node_kind kind)
{
	const char *name = next_word(r);
	struct node *n = NULL;
	int err;

	if (!name || !is_name(name))
		return refuse(r, "a name is missing: %s NAME", desc_statement(kind));
	err = add_node(r, kind, name, &n);
	return err ? err : read_words(r, n);
}

/* subvolume DEVICE PATH: kept as DEVICE:PATH until all names are known. */
static int read_subvolume(struct reader *r)
{
	char *device = next_word(r), *path = device ? next_word(r) : NULL;
	cleanup_free char *name = NULL;
	struct node *n = NULL;
	int err;

	if (!path || !decode(path) || strlen(path) > MOST_TEXT || !is_path(path) || strlen(device) > 2 * MOST_NAME ||
	    strchr(device, ':'))
		return refuse(r, "a subvolume has a device and a path: subvolume sda3 @home");
	name = str_printf("%s:%s", device, path);
	if (!name)
		return -ENOMEM;
	err = add_node(r, NODE_SUBVOLUME, name, &n);
	return err ? err : read_words(r, n);
}

static int read_line(struct reader *r)
{
	char *word = next_word(r);

	if (!word || *word == '#')
		return 0;
	for (enum node_kind kind = 0; kind < NODE_KINDS; kind++) {
		if (!streq(desc_statement(kind), word))
			continue;
		if (kind == NODE_DISK)
			return read_disk(r);
		if (kind == NODE_SUBVOLUME)
			return read_subvolume(r);
		if (kind == NODE_VOLUME || kind == NODE_POOL || kind == NODE_THIN)
			return read_volume(r, kind);
		return read_whole(r, kind);
	}
	return read_partition_line(r, word);
}

int desc_parse(struct desc *d, const char *text, const char *disk, struct buf *why)
{
	struct reader r = { .d = d, .why = why, .fallback = disk, .disk = NOWHERE, .extended = NOWHERE };
	cleanup_free char *copy = strdup(text);
	int bad = 0;

	if (!copy)
		return -ENOMEM;
	for (char *line = copy, *end; line; line = end) {
		int err;

		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		r.line++;
		r.rest = line;
		err = read_line(&r);
		if (err == -ENOMEM)
			return err;
		if (err)
			bad = err;
		if (r.why->len > 4096) /* of a file that is none */
			break;
	}
	return bad;
}
