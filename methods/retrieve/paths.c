/* paths.c - options (rescue, directory:, image:) -> the paths where stage2 may be, in the order to try them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/method.h"
#include "methods/retrieve/url.h"

#include <sys/utsname.h>

#define CLASSIC_INSTALL "install/stage2/mdkinst.sqfs"
#define CLASSIC_RESCUE  "install/stage2/rescue.sqfs"
#define CLASSIC_LIVE    "/install/stage2/live"

/* The name of this machine's folder on a distribution's mirror. All 32-bit PCs share one. */
static void machine_folder(char *folder, size_t size)
{
	struct utsname u;

	if (uname(&u))
		u.machine[0] = '\0';
	if (u.machine[0] == 'i' && streq(u.machine + 2, "86"))
		u.machine[1] = '5';
	str_copy(folder, size, u.machine);
}

/* Adds the parts of PATH, each with one slash before it, and what is a query where queries are, as it is. */
static void add_parts(struct buf *out, const char *path)
{
	const char *end = path + url_query("http", path);

	while (path < end) {
		size_t n = MIN(strcspn(path, "/"), (size_t)(end - path));

		if (n) {
			buf_char(out, '/');
			buf_add(out, path, n);
		}
		path += n + strspn(path + n, "/");
	}
	buf_str(out, end);
}

static char *join(const char *directory, const char *folder, const char *file)
{
	struct buf path = { 0 };

	add_parts(&path, directory);
	add_parts(&path, folder);
	add_parts(&path, file);
	return buf_take(&path);
}

const char *method_file(const struct options *o)
{
	if (o->value[KEY_IMAGE])
		return o->value[KEY_IMAGE];
	return o->rescue ? CLASSIC_RESCUE : CLASSIC_INSTALL;
}

char *method_folder(const struct options *o, const char *path)
{
	cleanup_free char *file = join("", "", method_file(o));
	size_t len = strlen(path), end = file ? strlen(file) : 0;

	if (!file)
		return NULL;
	return strndup(path, len >= end && streq(path + len - end, file) ? len - end : len);
}

char *method_tree_folder(const char *folder)
{
	char *clean = join(folder, "", "");
	size_t len = clean ? strlen(clean) : 0, end = strlen(CLASSIC_LIVE);

	if (len >= end && streq(clean + len - end, CLASSIC_LIVE))
		clean[len - end] = '\0';
	return clean;
}

int method_paths(const struct options *o, char ***paths, size_t *count)
{
	const char *directory = o->value[KEY_DIRECTORY] ? o->value[KEY_DIRECTORY] : "";
	const char *file = method_file(o);
	char folder[65], **list = calloc(2, sizeof(*list));

	if (!list)
		return -ENOMEM;
	machine_folder(folder, sizeof(folder));
	list[0] = join(directory, "", file);
	list[1] = join(directory, folder, file);
	if (!list[0] || !list[1]) {
		free(list[0]);
		free(list[1]);
		free(list);
		return -ENOMEM;
	}
	*paths = list;
	*count = 2;
	return 0;
}
