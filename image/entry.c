/* entry.c - one file, folder, link or device of an archive: its strings. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/entry.h"

/* Far more than file systems of today keep; setting many costs the kernel the square of their number. */
#define MOST_XATTRS      1000
#define MOST_XATTR_BYTES (8 * MIB)

int entry_add_xattr(struct entry *e, const char *name, size_t name_len, const void *value, size_t len)
{
	struct entry_xattr x = { .name = strndup(name, name_len), .value = malloc(len + 1), .len = len };
	struct entry_xattr *more = realloc(e->xattrs, (e->xattr_count + 1) * sizeof(*more));

	if (more)
		e->xattrs = more;
	e->xattr_bytes += name_len + len;
	if (!x.name || !x.value || !more || e->xattr_count == MOST_XATTRS || e->xattr_bytes > MOST_XATTR_BYTES) {
		int err = x.name && x.value && more ? -E2BIG : -ENOMEM;

		free(x.name);
		free(x.value);
		return err;
	}
	memcpy(x.value, value, len);
	e->xattrs[e->xattr_count++] = x;
	return 0;
}

void entry_free(struct entry *e)
{
	size_t i;

	for (i = 0; i < e->xattr_count; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	free(e->xattrs);
	free(e->path);
	free(e->target);
	*e = (struct entry){ 0 };
}
