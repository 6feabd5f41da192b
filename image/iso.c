/* iso.c - an ISO that is shorter than it says -> whether a file is missing, or only padding. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/iso.h"

#include "base/log.h"
#include "image/bytes.h"

#include <unistd.h>

/* ECMA-119 section 6.1.2: records of a folder do not cross the end of one. */
#define SECTOR 2048

/* ECMA-119 section 6.8.2.1 allows 8; Rock Ridge moves what is deeper, not everybody does. */
#define DEEPEST 64

struct iso {
	int fd;
	int64_t size;
	int64_t sectors; /* of folders, that may still be read: no image has more than it has sectors */
	unsigned block;  /* bytes */
};

/* ECMA-119 section 9.1, a record of a folder: where its file lies. True when all of it is there, and all below it. */
static bool is_there(struct iso *iso, const uint8_t *record, int depth)
{
	uint8_t sector[SECTOR];
	int64_t at = ((int64_t)le32(record + 2) + record[1]) * iso->block, end = at + le32(record + 10);

	if (end > iso->size || depth > DEEPEST)
		return false;
	if (!(record[25] & 2)) /* a file */
		return true;
	for (; at < end; at += SECTOR) {
		if (--iso->sectors < 0 || pread(iso->fd, sector, SECTOR, (off_t)at) != SECTOR)
			return false;
		for (const uint8_t *p = sector; p + 34 <= sector + SECTOR && *p; p += *p) {
			if (*p < 34 || p + *p > sector + SECTOR)
				return false;
			/* names of one byte, 0 and 1, are the folder itself and the one above */
			if (!(p[32] == 1 && p[33] < 2) && !is_there(iso, p, depth + 1))
				return false;
		}
	}
	return true;
}

int iso_check(int fd, int64_t size, struct failure *f)
{
	struct iso iso = { .fd = fd, .size = size, .sectors = size / SECTOR };
	uint8_t pvd[SECTOR];

	if (pread(fd, pvd, SECTOR, 16 * SECTOR) == SECTOR) {
		iso.block = le16(pvd + 128);
		if (is_there(&iso, pvd + 156, 0)) {
			log_warn("the ISO is cut, but only in its padding: its files are within the %lld bytes that "
				 "are there",
				 (long long)size);
			return 0;
		}
	}
	return fail(f, FAIL_IMG_CORRUPT, -EBADMSG,
		    "it is cut: files of the iso9660 lie behind the %lld bytes that are there", (long long)size);
}
