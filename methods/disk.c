/* disk.c - method disk: disk:, partition:, directory:, image: -> the file from a disk, stick or card of this
 * machine. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/media/media_search.h"

/* partition: is a name, LABEL=, UUID=, auto, or just the number of the partition. */
static bool is_partition(const struct media_device *d, const char *wanted)
{
	int64_t number;

	if (parse_number(wanted, 1, INT32_MAX, &number) == 0)
		return d->partition == number;
	return media_is(d, wanted);
}

static unsigned rank_disk(const struct options *o, const struct media_device *d)
{
	const char *disk = o->value[KEY_DISK], *partition = o->value[KEY_PARTITION];

	if (disk && !media_is_on(d, disk))
		return 0;
	if (partition && !is_partition(d, partition))
		return 0;
	return d->cd && !disk && !partition ? 0 : 1;
}

static int disk_fetch(struct fetch *f)
{
	static const struct media_search search = { .what = "disk or partition", .rank = rank_disk, .ranks = 1 };

	return media_search_fetch(f, &search);
}

static const enum option_key no_keys[] = { KEY_COUNT };
static const enum option_key optional[] = { KEY_DISK, KEY_PARTITION, KEY_DIRECTORY, KEY_IMAGE, KEY_COUNT };

const struct method method_disk = {
	.name = "disk",
	.title = "Hard disk",
	.needs = METHOD_NEEDS_STORAGE,
	.stays = true,
	.required = no_keys,
	.optional = optional,
	.fetch = disk_fetch,
	.mount = media_search_mount,
};
