/* volume.h - the first bytes of a disk or partition -> which file system is on it, its label and its UUID. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_MEDIA_VOLUME_H
#define METHODS_MEDIA_VOLUME_H

#include "base/base.h"

/* The bytes from offset 0 that recognition looks at; fewer are enough for most file systems. */
#define VOLUME_HEAD (64 * 1024 + 4096)

/* At most as many bytes are asked for in one more look. */
#define VOLUME_MORE (64 * 1024)

/* What is known of one volume. Label and UUID as blkid(8) shows them; empty where there is none. */
struct volume {
	/* the name to mount it by: "ext4", "vfat", "iso9660"...; NULL: nothing stage1 can mount */
	const char *type;
	char label[256 + 1]; /* UTF-8; any bytes but NUL, as people make them */
	char uuid[36 + 1];
	bool dirty; /* an ext with news in its journal, which only who may write to it can see */

	/* Some file systems keep their label elsewhere: while MORE_LEN is not 0, read MORE_LEN bytes (fewer at the end
	 * of the device) from MORE_AT and give them to volume_more. */
	int64_t more_at;
	size_t more_len;

	/* volume.c's own */
	int step;
	uint32_t unit; /* bytes: of a sector or record */
};

/* Looks at LEN bytes from offset 0; fills V. True when the file system is known. Pure. */
bool volume_recognise(const uint8_t *head, size_t len, struct volume *v);

/* Looks at the bytes V asked for. Pure. */
void volume_more(struct volume *v, const uint8_t *bytes, size_t len);

#endif
