/* image.c - a file, a folder or nothing -> the image that the machines get, below the state folder. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packages: mmdebstrap squashfs-tools uidmap */
#include "server/head/image.h"

#include "server/head/files.h"
#include "server/head/run.h"
#include "server/head/say.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILT "debian.sqfs" /* what is built where no image is named */

/* The last part of PATH, without slashes at its end; owned by the caller. */
static char *last_part(const char *path)
{
	size_t end = strlen(path), begin;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (begin = end; begin > 0 && path[begin - 1] != '/'; begin--)
		;
	return strndup(path + begin, end - begin);
}

static int run_said(const char *const argv[], struct buf *why)
{
	int status = run_program(argv, NULL);

	if (status == 0)
		return 0;
	buf_printf(why, "%s ended with status %d", argv[0], status);
	return -EIO;
}

static int build(const struct site *site, const char *path, struct buf *why)
{
	const char *const argv[] = { site->tools, path, NULL };

	cleanup_free char *apt = site_path(site, "apt");

	if (apt && strstr(site->tools, "/lib/stage1/")) /* installed: apt's lists go into our own folder, too */
		setenv("APT_DIR", apt, 0);
	head_say("the image is built: a small Debian; this takes a few minutes, once");
	return run_said(argv, why);
}

static int build_once(const struct site *site, char **name, struct buf *why)
{
	cleanup_free char *path = site_path(site, "images/" BUILT);

	*name = strdup(BUILT);
	if (!path || !*name)
		return -ENOMEM;
	return file_is(path) ? 0 : build(site, path, why);
}

/* A folder becomes a squashfs, each time the program starts: what is in it may have changed. */
static int pack(const struct site *site, char **name, struct buf *why)
{
	cleanup_free char *last = last_part(site->image), *path = NULL, *draft = NULL;
	const char *argv[] = { "mksquashfs", site->image, NULL,           "-comp", "zstd",
			       "-noappend",  "-quiet",    "-no-progress", NULL };
	int err;

	*name = last && *last ? str_printf("%s.sqfs", last) : NULL;
	path = *name ? str_printf("%s/images/%s", site->state, *name) : NULL;
	draft = path ? str_printf("%s.new", path) : NULL;
	if (!draft)
		return -ENOMEM;
	head_say("%s is packed into %s", site->image, path);
	unlink(draft);
	argv[2] = draft;
	err = run_said(argv, why);
	return err ? err : rename(draft, path) < 0 ? -errno : 0;
}

/* By http a link will do; an NFS server leads nobody out of the folder it exports. With a SUFFIX it is what may lie
 * beside the image; that of an image before goes. */
static int take_one(const struct site *site, const char *whole, const char *path, const char *suffix)
{
	cleanup_free char *from = str_printf("%s%s", whole, suffix), *to = str_printf("%s%s", path, suffix);

	if (!from || !to)
		return -ENOMEM;
	if (*suffix && !file_is(from))
		return unlink(to) < 0 && errno != ENOENT ? -errno : 0;
	return site->method == HEAD_NFS ? file_copy(from, to) : file_link(from, to);
}

/* The image, and what says that it is signed. */
static int take_file(const struct site *site, char **name, struct buf *why)
{
	cleanup_free char *whole = realpath(site->image, NULL), *path = NULL;
	int err;

	*name = last_part(site->image);
	path = *name ? str_printf("%s/images/%s", site->state, *name) : NULL;
	if (!whole || !path)
		return whole ? -ENOMEM : -errno;
	if (streq(whole, path))
		return 0;
	err = take_one(site, whole, path, ".manifest");
	err = err ? err : take_one(site, whole, path, ".manifest.sig");
	err = err ? err : take_one(site, whole, path, "");
	if (err)
		buf_printf(why, "%s: %s", path, strerror(-err));
	return err;
}

int image_prepare(const struct site *site, char **name, struct buf *why)
{
	struct stat s;

	if (!site->image)
		return build_once(site, name, why);
	if (stat(site->image, &s) < 0) {
		buf_printf(why, "%s: %s", site->image, strerror(errno));
		return -ENOENT;
	}
	return S_ISDIR(s.st_mode) ? pack(site, name, why) : take_file(site, name, why);
}
