/* entry.h - one file, folder, link or device of an archive, whatever archive it comes from. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_ENTRY_H
#define IMAGE_ENTRY_H

#include "base/base.h"

enum entry_type {
	ENTRY_FILE,
	ENTRY_LINK, /* another name of a file that came before */
	ENTRY_SYMLINK,
	ENTRY_CHAR,
	ENTRY_BLOCK,
	ENTRY_DIR,
	ENTRY_FIFO,
	ENTRY_SOCKET,
};

/* An extended attribute. */
struct entry_xattr {
	char *name;  /* "security.capability"; owned */
	void *value; /* owned */
	size_t len;
};

/* {0} is empty. All strings are owned; entry_free releases them. */
struct entry {
	enum entry_type type;
	char *path;    /* as the archive has it */
	char *target;  /* of a link: the other name; of a symlink: what it says; else NULL */
	uint32_t mode; /* permission bits, 07777 */
	uint32_t uid, gid;
	int64_t size;      /* of a file, holes included, in bytes */
	int64_t mtime;     /* seconds since 1970, may be negative */
	uint32_t mtime_ns; /* 0..999999999 */
	uint32_t major, minor;
	struct entry_xattr *xattrs; /* where one comes twice the later one counts */
	size_t xattr_count;
	size_t xattr_bytes; /* of all names and values */
};

/* Adds an attribute; NAME and VALUE are copied. 0, -ENOMEM, or -E2BIG: more than any real file has. */
int entry_add_xattr(struct entry *e, const char *name, size_t name_len, const void *value, size_t len) must_check;

/* Releases everything; E is {0} again. */
void entry_free(struct entry *e);

#endif
