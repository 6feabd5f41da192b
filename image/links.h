/* links.h - files with several names -> the name each was seen by first. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_LINKS_H
#define IMAGE_LINKS_H

#include "base/base.h"

/* {0} is empty; grows with the files that are put into it. */
struct links {
	struct known_file *slot; /* a hash table; a free slot has no path */
	size_t count, slots;
	uint64_t key[2]; /* odd and random: nobody can make files that all want the same slot */
};

/* *FIRST is the PATH under which the file INODE of DEVICE came first, owned by L; NULL where this is the first time:
 * PATH is kept. The file has NAMES names; what comes after so many is another file of that number. 0 or -ENOMEM. */
int links_first(struct links *l, uint64_t device, uint64_t inode, uint32_t names, const char *path,
		const char **first) must_check;

/* Forgets all. */
void links_free(struct links *l);

#endif
