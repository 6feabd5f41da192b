/* cdrom.c - method cdrom: disk:, directory:, image: -> the file from a CD or DVD, or from a stick that holds one. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/media/media_search.h"

/* Drives first; then disks that are an ISO image as a whole (a hybrid ISO on a stick); then partitions that are one. */
static unsigned rank_disc(const struct options *o, const struct media_device *d)
{
	const char *disk = o->value[KEY_DISK];

	if (disk && !media_is_on(d, disk))
		return 0;
	if (d->cd)
		return 1;
	if (!streq(d->volume.type, "iso9660") && !streq(d->volume.type, "udf"))
		return 0;
	return d->partition ? 3 : 2;
}

static int cdrom_fetch(struct fetch *f)
{
	static const struct media_search search = { .what = "CD or DVD", .rank = rank_disc, .ranks = 3 };

	return media_search_fetch(f, &search);
}

static const enum option_key no_keys[] = { KEY_COUNT };
static const enum option_key optional[] = { KEY_DISK, KEY_DIRECTORY, KEY_IMAGE, KEY_COUNT };

const struct method method_cdrom = {
	.name = "cdrom",
	.title = "CDROM drive",
	.needs = METHOD_NEEDS_STORAGE,
	.stays = true,
	.required = no_keys,
	.optional = optional,
	.fetch = cdrom_fetch,
	.mount = media_search_mount,
};
