/* list.h - the text of modules.list -> rules: which modules go into all.rdz, and how each is packed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INITRAMFS_LIST_H
#define INITRAMFS_LIST_H

#include "base/buf.h"

/* How a module lies in all.rdz; the later one wins where two groups name the same module. */
enum packing {
	PACK_SMALL, /* xz: smallest, slow to unpack */
	PACK_FAST,  /* zstd: a tenth larger, some five times as fast to unpack */
	PACK_PLAIN, /* as it is */
};

/* What a line names. */
enum rule_kind {
	RULE_MODULE,  /* e1000 */
	RULE_PATTERN, /* hid-*, drivers/scsi/mpt* */
	RULE_FOLDER,  /* drivers/net/ethernet/ */
};

/* One line. */
struct rule {
	enum rule_kind kind;
	bool exclude;         /* !: never picked by another line */
	bool optional;        /* ?: may be missing in this kernel */
	enum packing packing; /* of its group */
	char *text;           /* the name or path without marks; a path starts below kernel/; owned */
	unsigned line;        /* counted from 1 */
};

struct module_list {
	struct rule *rule;
	size_t count;
};

/* Reads the LEN bytes of TEXT. What cannot be understood is added to ERRORS as lines "NAME:12: ...", and the rest is
 * read on. 0, -EINVAL when ERRORS got a line, or -ENOMEM. */
int list_parse(struct module_list *list, const char *text, size_t len, const char *name, struct buf *errors) must_check;

void list_free(struct module_list *list);

/* True when RULE names the module at PATH ("drivers/net/ethernet/intel/e1000/e1000", without .ko and what follows). */
bool rule_matches(const struct rule *rule, const char *path);

/* True when the names are those of one module: - and _ are the same to the kernel. */
bool same_module(const char *a, const char *b);

#endif
