/* scan.h - what a target held before + the hashes it should have -> chunks that need not be sent again. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_SCAN_H
#define RELAY_SCAN_H

#include "relay/map.h"
#include "relay/store.h"

/* Looks at chunks in order. {0} plus map and store. */
struct scan {
	struct map *map;
	struct rstore *store;
	uint32_t next;        /* chunks below are looked at */
	uint32_t tries, hits; /* in the group now looked at */
	uint8_t *chunk;       /* room for one */
	int64_t found;        /* bytes found right */
};

/* Looks at up to BUDGET bytes, as far as hashes are known; right chunks are set in the map (and copied where they lay
 * in the old file). True when there is more to do now. A group whose first chunks are all wrong is skipped: the target
 * holds something else. */
bool scan_step(struct scan *s, int64_t budget);
/* The next group whose hashes the scan needs; map.groups where none. */
uint32_t scan_group(const struct scan *s);
bool scan_done(const struct scan *s);
void scan_free(struct scan *s);

#endif
