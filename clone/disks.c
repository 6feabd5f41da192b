/* disks.c - the name of a disk -> its size, who uses it, and what stands on it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/disks.h"

#include "base/failure.h"
#include "base/file.h"
#include "clone/tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SYS "/sys/class/block"

char *disk_attribute(const char *name, const char *attribute)
{
	cleanup_free char *path = str_printf(SYS "/%s/%s", name, attribute);
	char *text = path ? file_text(path) : NULL;

	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

char *disk_kernel_name(const char *device)
{
	char path[64], target[512];
	struct stat st;
	ssize_t n;

	if (stat(device, &st) || !S_ISBLK(st.st_mode))
		return NULL;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", (unsigned)major(st.st_rdev), (unsigned)minor(st.st_rdev));
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	return strdup(strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
}

int disk_look(const char *device, int64_t *size, unsigned *sector)
{
	cleanup_free char *name = disk_kernel_name(device);
	cleanup_free char *partition = name ? disk_attribute(name, "partition") : NULL;
	cleanup_close int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t bytes;
	int sectors;

	if (fd < 0)
		return -errno;
	if (!name || partition)
		return -ENOTBLK;
	if (ioctl(fd, BLKGETSIZE64, &bytes) || ioctl(fd, BLKSSZGET, &sectors))
		return -errno;
	*size = (int64_t)bytes;
	*sector = (unsigned)sectors;
	return 0;
}

/* ---- what stands on what */

static bool has_line(const struct buf *b, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = buf_cstr(b); *at; at += strcspn(at, "\n") + 1) {
		if (strncmp(at, line, length) == 0 && at[length] == '\n')
			return true;
		if (!at[strcspn(at, "\n")])
			break;
	}
	return false;
}

static int add_all(const char *name, const char *folder, bool partitions, struct buf *out);

/* NAME, and all that stands on it. */
static int add_device(const char *given, struct buf *out)
{
	cleanup_free char *name = strdup(given); /* where readdir has it, another readdir's comes (dietlibc) */
	int err;

	if (!name)
		return -ENOMEM;
	if (has_line(out, name))
		return 0;
	buf_printf(out, "%s\n", name);
	err = add_all(name, "", true, out);
	return err ? err : add_all(name, "/holders", false, out);
}

static bool is_partition(const char *disk, const char *name)
{
	cleanup_free char *path = str_printf(SYS "/%s/%s/partition", disk, name);

	return path && access(path, F_OK) == 0;
}

/* The entries of a folder of NAME in /sys: partitions of it, or what holds it. */
static int add_all(const char *name, const char *folder, bool partitions, struct buf *out)
{
	cleanup_free char *path = str_printf(SYS "/%s%s", name, folder);
	DIR *dir = path ? opendir(path) : NULL;
	struct dirent *e;
	int err = 0;

	if (!dir)
		return path && errno == ENOENT ? 0 : -ENOMEM;
	while (!err && (e = readdir(dir)))
		if (*e->d_name != '.' && (!partitions || is_partition(name, e->d_name)))
			err = add_device(e->d_name, out);
	closedir(dir);
	return err;
}

int disk_tree(const char *const *disks, size_t count, struct buf *out)
{
	cleanup_buf struct buf all = { 0 };
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = add_device(disks[i], &all);
	for (const char *at = buf_cstr(&all); *at && !err; at += strcspn(at, "\n") + 1) {
		bool disk = false;

		for (size_t i = 0; i < count; i++)
			disk |= strlen(disks[i]) == strcspn(at, "\n") && starts_with(at, disks[i]);
		if (!disk)
			err = buf_add(out, at, strcspn(at, "\n") + 1);
	}
	return err;
}

/* The entries of a folder of NAME in /sys, one a line. */
static int list_folder(const char *name, const char *folder, struct buf *out)
{
	cleanup_free char *path = str_printf(SYS "/%s/%s", name, folder);
	DIR *dir = path ? opendir(path) : NULL;
	struct dirent *e;

	if (!dir)
		return path ? 0 : -ENOMEM;
	while ((e = readdir(dir)))
		if (*e->d_name != '.')
			buf_printf(out, "%s\n", e->d_name);
	closedir(dir);
	return out->failed ? -ENOMEM : 0;
}

int disk_slaves(const char *name, struct buf *out)
{
	return list_folder(name, "slaves", out);
}

int disk_holders(const char *name, struct buf *out)
{
	return list_folder(name, "holders", out);
}

/* ---- who uses it */

/* Is the device with that kernel's name in a file of /proc/swaps' form, whose lines begin with /dev/NAME? */
static bool is_swap(const char *name)
{
	cleanup_free char *text = file_text("/proc/swaps");
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		cleanup_free char *own = NULL;

		line[strcspn(line, " \t")] = '\0';
		own = *line == '/' ? disk_kernel_name(line) : NULL;
		if (streq(own, name))
			return true;
	}
	return false;
}

/* By its number in /proc/self/mountinfo (proc(5)). btrfs has
 * numbers of its own there: its lines are found by the source. */
char *disk_mounted_on(const char *name)
{
	cleanup_free char *number = disk_attribute(name, "dev");
	cleanup_free char *text = file_text("/proc/self/mountinfo");
	char *line, *rest = text;

	while (number && (line = strsep(&rest, "\n"))) {
		char *source = strstr(line, " - ");
		cleanup_free char *own = NULL;
		char *field[5];

		source = source ? strchr(source + 3, ' ') : NULL;
		if (source) {
			source++;
			source[strcspn(source, " ")] = '\0';
			own = *source == '/' ? disk_kernel_name(source) : NULL;
		}
		for (size_t i = 0; i < ARRAY_SIZE(field); i++)
			field[i] = line ? strsep(&line, " ") : NULL;
		if (field[4] && (streq(field[2], number) || streq(own, name)))
			return strdup(field[4]);
	}
	return NULL;
}

/* A member of NAME that is none of TREE and none of the disks: what is stopped here would be missed there. */
static int foreign_member(const char *name, const struct buf *tree, struct buf *why)
{
	cleanup_buf struct buf slaves = { 0 };
	char *slave, *rest;
	int err = disk_slaves(name, &slaves);

	rest = slaves.data;
	while ((slave = strsep(&rest, "\n"))) {
		if (!*slave || has_line(tree, slave))
			continue;
		buf_printf(why, "/dev/%s is in use: it has a member on %s, which is not named\n", name, slave);
		err = -EBUSY;
	}
	return err;
}

static int device_in_use(const char *name, const struct buf *tree, struct buf *why)
{
	cleanup_free char *mount = disk_mounted_on(name);

	if (mount) {
		buf_printf(why, "/dev/%s is in use: mounted on %s\n", name, mount);
		return -EBUSY;
	}
	if (is_swap(name)) {
		buf_printf(why, "/dev/%s is in use: swap\n", name);
		return -EBUSY;
	}
	return foreign_member(name, tree, why);
}

int disk_in_use(const char *const *disks, size_t count, struct buf *why)
{
	cleanup_buf struct buf tree = { 0 };
	cleanup_free char *copy = NULL;
	char *name, *rest;
	int err = 0, bad = 0;

	for (size_t i = 0; i < count; i++)
		buf_printf(&tree, "%s\n", disks[i]);
	err = disk_tree(disks, count, &tree);
	copy = strdup(buf_cstr(&tree));
	if (err || !copy || tree.failed)
		return err ? err : -ENOMEM;
	rest = copy;
	while ((name = strsep(&rest, "\n")))
		if (*name)
			bad = device_in_use(name, &tree, why) ?: bad;
	return bad;
}

/* ---- stopped */

/* Does anything stand on NAME? */
static bool is_held(const char *name)
{
	cleanup_buf struct buf holders = { 0 };

	return disk_holders(name, &holders) || holders.len;
}

static int stop_device(const char *name, struct buf *why)
{
	cleanup_free char *mapped = disk_attribute(name, "dm/name");
	cleanup_free char *device = str_printf("/dev/%s", name);
	const char *const dm[] = { "dmsetup", "remove", "--retry", mapped, NULL };
	const char *const md[] = { "mdadm", "--stop", device, NULL };

	if (!device)
		return -ENOMEM;
	return tool_run(mapped ? dm : md, NULL, NULL, why);
}

/* One round over the LINES of a tree: all that nothing stands on. How many were stopped; -errno. */
static int stop_round(char *lines, size_t *left, struct buf *why)
{
	int stopped = 0;
	char *name;

	*left = 0;
	while ((name = strsep(&lines, "\n"))) {
		cleanup_free char *dm = *name ? disk_attribute(name, "dm/name") : NULL;
		cleanup_free char *md = *name ? disk_attribute(name, "md/level") : NULL;
		int err;

		if (!dm && !(md && *md)) /* a partition, or an array that is none any more */
			continue;
		++*left;
		if (is_held(name))
			continue;
		err = stop_device(name, why);
		if (err)
			return err;
		stopped++;
	}
	return stopped;
}

int disk_stop(const char *const *disks, size_t count, struct buf *why)
{
	size_t left;
	int stopped;

	do {
		cleanup_buf struct buf tree = { 0 };
		cleanup_free char *copy = NULL;
		int err = disk_tree(disks, count, &tree);

		copy = strdup(buf_cstr(&tree));
		if (err || !copy)
			return err ? err : -ENOMEM;
		stopped = stop_round(copy, &left, why);
	} while (stopped > 0);
	if (stopped == 0 && left)
		buf_printf(why, "%zu devices on the disks cannot be stopped\n", left);
	return stopped < 0 ? stopped : left ? -EBUSY : 0;
}
