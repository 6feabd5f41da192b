/* apply_parts.h - the files of apply to each other: the work under way, its commands, its results. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_APPLY_PARTS_H
#define CLONE_APPLY_PARTS_H

#include "base/file.h"
#include "clone/apply.h"

/* An apply under way. */
struct work {
	const struct layout *p;
	const struct request *r;
	struct buf *why;
	char **disks;     /* kernel's names of the targets; owned, each too */
	char *key;        /* file that opens the LUKS containers; owned; NULL: there are none */
	char **uuids;     /* one a node: of its file system; owned, each too; NULL: none */
	char **ids;       /* of disks, arrays, LUKS containers */
	char **partuuids; /* of partitions */
};

/* Arguments of a tool while they are put together. */
struct words {
	const char *argv[128];
	char *own[64]; /* those that were made for it; owned */
	size_t count, owned;
	bool failed; /* too many, or no memory */
};

void word(struct words *w, const char *text);
void word_printf(struct words *w, const char *fmt, ...) printf_like(2, 3);
/* Runs and frees them. */
int words_run(struct words *w, const char *input, struct buf *out, struct buf *why) must_check;

/* The tool that makes a file system of TYPE. */
const char *make_tool(const char *type);

/* Refuses with words when a tool that P needs is missing. */
int make_check_tools(const struct layout *p, struct buf *why) must_check;

/* Does one step: all but mounting. */
int make_step(struct work *w, const struct step *s) must_check;

/* The value of KEY= in the lines that blkid -o export and mdadm --export print; owned by the caller; NULL: none. */
char *export_value(const char *text, const char *key) must_check;

/* Writes fstab, crypttab, mdadm.conf, mounts, uuids, boot. 0 or -errno with words. */
int result_write(struct work *w) must_check;

/* Writes TEXT to the file NAME in the results' folder. */
int result_file(const struct request *r, const char *name, const char *text, unsigned mode, struct buf *why) must_check;

#endif
