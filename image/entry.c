/* entry.c - one file, folder, link or device of an archive: its strings. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/entry.h"

int entry_set_xattr(struct entry *e, const char *name, size_t name_len, const void *value, size_t len)
{
	struct entry_xattr x = { .name = strndup(name, name_len), .value = malloc(len + 1), .len = len };
	struct entry_xattr *more = NULL;
	size_t i;

	if (!x.name || !x.value)
		goto no_memory;
	if (len)
		memcpy(x.value, value, len);
	for (i = 0; i < e->xattr_count; i++) {
		if (streq(e->xattrs[i].name, x.name)) {
			free(e->xattrs[i].name);
			free(e->xattrs[i].value);
			e->xattrs[i] = x;
			return 0;
		}
	}
	more = realloc(e->xattrs, (e->xattr_count + 1) * sizeof(*more));
	if (!more)
		goto no_memory;
	e->xattrs = more;
	e->xattrs[e->xattr_count++] = x;
	return 0;

no_memory:
	free(x.name);
	free(x.value);
	return -ENOMEM;
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
