/* found.c - a file or folder on a mounted medium or export -> what a root can use where it lies. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/method.h"

#include "base/confined.h"
#include "base/log.h"
#include "image/image.h"
#include "methods/media/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

bool found_may_be_tree(const struct options *o)
{
	const char *root = o->value[KEY_ROOT], *method = o->value[KEY_METHOD];
	bool stays = root && method && strstr(root, method); /* root:disk+ro */

	return !o->value[KEY_IMAGE] && (o->value[KEY_DIRECTORY] || stays);
}

bool found_is_tree(const struct options *o, int fd)
{
	const char *const signs[] = {
		o->init ? o->init : "/sbin/init", "/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd",
		"/bin/init", "/etc/init", "/usr/bin/runinstall2",
	};

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		cleanup_close int program = confined_open(fd, signs[i], O_RDONLY);
		struct stat st;

		if (program >= 0 && fstat(program, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111))
			return true;
	}
	return false;
}

int found_set(struct found *found, enum found_kind kind, int fd, const char *words, struct failure *f)
{
	char link[40];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, found->path, sizeof(found->path));
	if (len < 0 || len == (ssize_t)sizeof(found->path))
		return fail(f, FAIL_SYS_INTERNAL, len < 0 ? -errno : -ENAMETOOLONG, "the path of %s: %s", words,
			    err_text(len < 0 ? -errno : -ENAMETOOLONG));
	found->path[len] = '\0';
	if (str_copy(found->words, sizeof(found->words), words))
		log_debug("%s: called %s", words, found->words);
	found->kind = kind;
	return 0;
}

int found_tree(const struct fetch *f, int fd, const char *words)
{
	if (f->found)
		return found_set(f->found, FOUND_TREE, fd, words, f->fail);
	return fail(f->fail, FAIL_CMD_BAD_VALUE, -EISDIR,
		    "%s is a whole system, which a node can boot; there is no one file to fetch", words);
}

void found_release(struct found *found)
{
	static const char *const places[] = { IMAGE_ISO, IMAGE_MEDIA };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		while (umount2(places[i], MNT_DETACH) == 0)
			log_debug("released %s", places[i]);
	*found = (struct found){ 0 };
}
