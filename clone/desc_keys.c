/* desc_keys.c - the words of the desc language in one table, for who reads and who writes it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/desc_keys.h"

#define ON(kind) (1u << NODE_##kind)
#define SIZED    (ON(PARTITION) | ON(VOLUME) | ON(POOL) | ON(THIN))
#define CONTENT  (ON(PARTITION) | ON(ARRAY) | ON(LUKS) | ON(VOLUME) | ON(THIN))
#define MOUNTED  (CONTENT | ON(SUBVOLUME))
#define HEX      "0123456789abcdefABCDEF"
#define ALNUM    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME     ALNUM "_.+-"

const struct desc_key desc_keys[] = {
	{ "number", VALUE_COUNT, NUMBER_INDEX, ON(PARTITION), NULL, 1, 128 },
	{ "min", VALUE_BYTES, NUMBER_MIN, SIZED, NULL, 0, 0 },
	{ "max", VALUE_BYTES, NUMBER_MAX, SIZED, NULL, 0, 0 },
	{ "used", VALUE_BYTES, NUMBER_USED, CONTENT, NULL, 0, 0 },
	{ "level", VALUE_COUNT, NUMBER_LEVEL, ON(ARRAY), NULL, 0, 10 },
	{ "chunk", VALUE_BYTES, NUMBER_CHUNK, ON(ARRAY), NULL, 0, 0 },
	{ "spares", VALUE_COUNT, NUMBER_SPARES, ON(ARRAY), NULL, 0, 64 },
	{ "metadata", VALUE_TEXT, TEXT_METADATA, ON(ARRAY), "0129.", 0, 0 },
	{ "version", VALUE_COUNT, NUMBER_LUKS, ON(LUKS), NULL, 1, 2 },
	{ "cipher", VALUE_TEXT, TEXT_CIPHER, ON(LUKS), ALNUM "-:", 0, 0 },
	{ "extent", VALUE_BYTES, NUMBER_EXTENT, ON(GROUP), NULL, 0, 0 },
	{ "stripes", VALUE_COUNT, NUMBER_STRIPES, ON(VOLUME), NULL, 2, 64 },
	{ "mirrors", VALUE_COUNT, NUMBER_MIRRORS, ON(VOLUME), NULL, 2, 10 },
	{ "meta", VALUE_BYTES, NUMBER_META, ON(POOL), NULL, 0, 0 },
	{ "pool", VALUE_TEXT, TEXT_POOL, ON(THIN), NAME, 0, 0 },
	{ "raid", VALUE_TEXT, TEXT_RAID, CONTENT, NAME, 0, 0 },
	{ "luks", VALUE_TEXT, TEXT_CRYPT, CONTENT, NAME, 0, 0 },
	{ "vg", VALUE_TEXT, TEXT_VG, CONTENT, NAME, 0, 0 },
	{ "fs", VALUE_TEXT, TEXT_FS, CONTENT, ALNUM, 0, 0 },
	{ "mount", VALUE_TEXT, TEXT_MOUNT, MOUNTED, NULL, 0, 0 },
	{ "options", VALUE_TEXT, TEXT_OPTIONS, MOUNTED, NULL, 0, 0 },
	{ "label", VALUE_TEXT, TEXT_LABEL, CONTENT, NULL, 0, 0 },
	{ "name", VALUE_TEXT, TEXT_NAME, ON(PARTITION), NULL, 0, 0 },
	{ "attrs", VALUE_TEXT, TEXT_ATTRS, ON(PARTITION), ALNUM ",:", 0, 0 },
	{ "uuid", VALUE_TEXT, TEXT_UUID, CONTENT, HEX "-", 0, 0 },
	{ "id", VALUE_TEXT, TEXT_ID, ON(DISK) | ON(ARRAY) | ON(LUKS), HEX "x:-", 0, 0 },
	{ "partuuid", VALUE_TEXT, TEXT_PARTUUID, ON(PARTITION), HEX "-", 0, 0 },
};
const size_t desc_key_count = ARRAY_SIZE(desc_keys);

const char *desc_statement(enum node_kind kind)
{
	static const char *const words[] = {
		[NODE_DISK] = "disk", [NODE_PARTITION] = NULL, [NODE_ARRAY] = "array",
		[NODE_LUKS] = "luks", [NODE_GROUP] = "group",  [NODE_VOLUME] = "volume",
		[NODE_POOL] = "pool", [NODE_THIN] = "thin",    [NODE_SUBVOLUME] = "subvolume",
	};

	return words[kind];
}
