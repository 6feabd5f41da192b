/* switch_root.c - a root tree at ROOT_DIR -> /; the initramfs's memory is given back. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/system.h"

#include "base/log.h"
#include "image/image.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RAMFS_MAGIC 0x858458f6 /* linux/magic.h */
#define TMPFS_MAGIC 0x01021994

/* The kernel's file systems, which move along into the new root. */
static const char *const moved[] = { "/dev", "/proc", "/sys", "/run" };

/* Is / really an initramfs, and not a disk that somebody would miss? */
static int check_initramfs(struct failure *f)
{
	struct statfs fs;
	struct stat root, init;

	if (statfs("/", &fs) || ((unsigned long)fs.f_type != RAMFS_MAGIC && (unsigned long)fs.f_type != TMPFS_MAGIC))
		return fail(f, FAIL_ROOT_SWITCH, -EINVAL, "/ is no initramfs; nothing was deleted");
	if (stat("/", &root) || stat("/init", &init) || root.st_dev != init.st_dev)
		return fail(f, FAIL_ROOT_SWITCH, -EINVAL, "/init is not on the initramfs; nothing was deleted");
	return 0;
}

/* Deletes what is in directory FD (which is closed) and on device DEV; other mounts are not entered. */
static void delete_contents(int fd, dev_t dev)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		struct stat st;
		int sub;

		if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			continue;
		if (fstat(sub, &st) || st.st_dev != dev) {
			close(sub);
			continue;
		}
		delete_contents(sub, dev);
		unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

/* Freed pages stay on each processor's own list, where nobody counts them as free: some 50 MB of 1 GB. With short lists
 * they go back to all. "0" is the kernel's own length. PROC is where /proc is now. */
static void set_page_lists(const char *proc, const char *fraction)
{
	char path[80];
	cleanup_close int fd = -1;

	snprintf(path, sizeof(path), "%s/sys/vm/percpu_pagelist_high_fraction", proc); /* since Linux 5.14 */
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, fraction, strlen(fraction)) < 0)
		log_debug("%s: %s", path, err_text(-errno));
}

/* Moves DIR below the new root, or from there back. */
static int move_dir(const char *dir, bool back)
{
	char target[64];

	snprintf(target, sizeof(target), ROOT_DIR "%s", dir);
	if (!back)
		mkdir(target, 0755); /* a read-only root must bring it */
	return mount(back ? target : dir, back ? dir : target, NULL, MS_MOVE, NULL) ? -errno : 0;
}

static int move_mounts(struct failure *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		int err = move_dir(moved[i], false);

		if (!err)
			continue;
		for (size_t done = 0; done < i; done++)
			(void)move_dir(moved[done], true);
		return fail(f, FAIL_ROOT_SWITCH, err, "%s cannot move into the new root: %s", moved[i], err_text(err));
	}
	return 0;
}

int system_switch_root(struct failure *f)
{
	struct stat old_root, new_root;
	int old, err = check_initramfs(f);

	if (err)
		return err;
	old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (old < 0 || fstat(old, &old_root) || stat(ROOT_DIR, &new_root) || new_root.st_dev == old_root.st_dev) {
		err = fail(f, FAIL_ROOT_SWITCH, -EINVAL, "nothing is mounted on " ROOT_DIR);
		goto failed;
	}
	err = move_mounts(f);
	if (err)
		goto failed;
	/* From here on there is no way back. */
	if (chdir(ROOT_DIR)) {
		err = fail(f, FAIL_ROOT_SWITCH, -errno, "chdir: %s", err_text(errno));
		goto failed;
	}
	set_page_lists("proc", "100000");
	delete_contents(old, old_root.st_dev);
	set_page_lists("proc", "0");
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		return fail(f, FAIL_ROOT_SWITCH, -errno, "the new root cannot become /: %s", err_text(errno));
	return 0;

failed:
	if (old >= 0)
		close(old);
	return err;
}

void system_release_root(void)
{
	static const char *const places[] = { ROOT_DIR, IMAGE_LOWER, IMAGE_UPPER, IMAGE_DIR, IMAGE_ISO, IMAGE_MEDIA };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		while (umount2(places[i], MNT_DETACH) == 0)
			log_debug("released %s", places[i]);
}
