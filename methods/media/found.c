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

bool found_is_program(int fd, const char *path)
{
	cleanup_close int program = confined_open(fd, path, O_RDONLY);
	struct stat st;

	return program >= 0 && fstat(program, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

/* Where one is usually, as the kernel looks for it; systemd without the package that makes it /sbin/init; the /init of
 * what was made as an initramfs. */
static const char *usual_init(int fd)
{
	static const char *const usual[] = {
		"/sbin/init", "/etc/init", "/bin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/init",
	};

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (found_is_program(fd, usual[i]))
			return usual[i];
	return NULL;
}

const char *found_init(const struct options *o, int fd)
{
	if (o->init)
		return found_is_program(fd, o->init) ? o->init : NULL;
	return usual_init(fd);
}

bool found_is_tree(const struct options *o, int fd)
{
	return found_init(o, fd) || usual_init(fd) || found_is_program(fd, "/usr/bin/runinstall2");
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
