/* store_target.c - the name of a target -> a file beside it, the file itself or a device, opened for an image. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/store_internal.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/compat.h"

/* ---- names */

/* PATH without the links on its way, to be freed. NULL where there is nothing of that name. */
static char *real_name(const char *path)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);
	char link[40], real[PATH_MAX];
	ssize_t n;

	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, sizeof(real) - 1);
	if (n <= 0 || real[0] != '/')
		return strdup(path);
	real[n] = '\0';
	return strdup(real);
}

/* The bytes of PATH that name its folder, the slash included; 0: the current one. */
static int folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

static char *folder_name(const char *path)
{
	int len = folder_length(path);

	return len ? str_printf("%.*s", len, path) : strdup(".");
}

/* FNV-1a: tells long names apart of which only the beginning is kept. */
static uint32_t name_sum(const char *name)
{
	uint32_t sum = 2166136261u;

	while (*name)
		sum = (sum ^ (uint8_t)*name++) * 16777619u;
	return sum;
}

/* "DIR/.NAME.part" for "DIR/NAME"; shortened where that is longer than names may be. */
static char *temporary_name(const char *path)
{
	int dir = folder_length(path);
	const char *name = path + dir;

	if (strlen(name) + strlen("..part") <= NAME_MAX)
		return str_printf("%.*s.%s.part", dir, path, name);
	return str_printf("%.*s.%.200s-%08x.part", dir, path, name, (unsigned)name_sum(name));
}

/* ---- a file */

/* The number of the mount that PATH lies on, -1 where that cannot be told (proc(5), fdinfo). */
static int64_t mount_of(const char *path)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);
	cleanup_free char *info = str_printf("/proc/self/fdinfo/%d", fd), *text = NULL;
	const char *id;

	if (fd < 0 || !info)
		return -1;
	text = file_text(info);
	id = text ? strstr(text, "mnt_id:") : NULL;
	return id ? strtol(id + strlen("mnt_id:"), NULL, 10) : -1;
}

static int64_t room_at(const char *folder)
{
	struct statvfs room;

	return statvfs(folder, &room) == 0 && room.f_blocks > 0 ? (int64_t)room.f_bavail * (int64_t)room.f_frsize : -1;
}

/* What a ".part" of an earlier try already holds of the room. */
static int64_t room_taken(const char *temporary)
{
	struct stat st;

	return lstat(temporary, &st) == 0 ? (int64_t)st.st_blocks * 512 : 0;
}

/* In a sticky folder only the owner of a file may put another one in its place. */
static bool may_replace(const char *folder, const struct stat *file)
{
	struct stat st;

	if (stat(folder, &st) < 0 || !(st.st_mode & S_ISVTX) || geteuid() == 0)
		return true;
	return st.st_uid == geteuid() || file->st_uid == geteuid();
}

/* Why the file PATH, which is there and is as ST says, has to be written where it lies; NULL where a new file can take
 * its place. */
static const char *why_in_place(const char *path, const char *folder, const char *temporary, const struct stat *st,
				int64_t size)
{
	int64_t room = room_at(folder);

	if (st->st_nlink > 1)
		return "it has other names";
	if (mount_of(path) != mount_of(folder))
		return "it is a mount point";
	if (access(folder, W_OK | X_OK) < 0 || !may_replace(folder, st))
		return "its folder takes no new file";
	if (size > 0 && room >= 0 && room + room_taken(temporary) < size &&
	    room + room_taken(temporary) + (int64_t)st->st_blocks * 512 >= size)
		return "there is no room for both, the old and the new one";
	return NULL;
}

static int open_in_place(struct rstore *s, struct rstore_part *part, int64_t size, const char *why, struct failure *f)
{
	part->fd = open(part->path, O_RDWR | O_CLOEXEC);
	if (part->fd < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "%s: %s", part->path, err_text(errno));
	s->resumed = size != 0;
	log_warn("%s is written where it lies, since %s: should this fail, its old contents are gone", part->path, why);
	return 0;
}

/* The file beside the target: a new one, or what an earlier try of the same user left. */
static int open_beside(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid()))
		return fd;
	close(fd);
	unlink(path); /* a stranger's, who may have it open */
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
}

static int check_room(const struct rstore_part *part, const char *folder, int64_t size, struct failure *f)
{
	int64_t room = room_at(folder) + room_taken(part->temporary);

	if (size <= 0 || room_at(folder) < 0 || room >= size)
		return 0;
	return fail(f, FAIL_IMG_STORE, -ENOSPC, "%s: the image has %lld bytes, the file system has room for %lld%s",
		    part->path, (long long)size, (long long)room,
		    part->old_fd >= 0 ? " while the old file is there: remove it first" : "");
}

/* The new file belongs to whom the old one belongs. */
static void keep_owner(const struct rstore_part *part, const struct stat *st)
{
	if (fchown(part->fd, st->st_uid, st->st_gid) < 0 && st->st_uid != geteuid())
		log_warn("%s will belong to user %u, no longer to %u", part->path, (unsigned)geteuid(),
			 (unsigned)st->st_uid);
	fchmod(part->fd, st->st_mode & 07777);
}

/* ST is NULL where the target is new. */
static int open_file(struct rstore *s, struct rstore_part *part, int64_t size, const struct stat *st, struct failure *f)
{
	cleanup_free char *folder = folder_name(part->path);
	struct stat now;
	const char *why;

	part->temporary = temporary_name(part->path);
	if (!folder || !part->temporary)
		return -ENOMEM;
	why = st ? why_in_place(part->path, folder, part->temporary, st, size) : NULL;
	if (why) {
		free(part->temporary);
		part->temporary = NULL;
		return open_in_place(s, part, size, why, f);
	}
	part->old_fd = st && st->st_size > 0 ? open(part->path, O_RDONLY | O_CLOEXEC) : -1;
	if (check_room(part, folder, size, f) < 0)
		return -ENOSPC;
	part->fd = open_beside(part->temporary);
	if (part->fd < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "%s: %s (a new file, %s, is written beside it)", part->path,
			    err_text(errno), part->temporary);
	if (st)
		keep_owner(part, st);
	s->resumed |= part->old_fd >= 0 || (fstat(part->fd, &now) == 0 && now.st_size > 0);
	return 0;
}

/* ---- a device */

/* Where the device DEV is mounted, " (mounted at /mnt)" to be freed; NULL where it is not (proc(5), mountinfo). */
static char *mounted_at(dev_t dev)
{
	cleanup_free char *text = file_text("/proc/self/mountinfo"), *number = NULL;
	const char *line, *end;

	number = str_printf(" %u:%u ", (unsigned)major(dev), (unsigned)minor(dev));
	line = text && number ? strstr(text, number) : NULL;
	if (!line)
		return NULL;
	line += strlen(number);
	line += strcspn(line, " \n");
	line += *line == ' ';
	end = line + strcspn(line, " \n");
	return str_printf(" (mounted at %.*s)", (int)(end - line), line);
}

static int say_busy(const char *path, dev_t dev, struct failure *f)
{
	cleanup_free char *where = mounted_at(dev);

	return fail(f, FAIL_IMG_STORE, -EBUSY, "%s is in use%s; nothing was written to it", path,
		    where ? where : ": is it, or a part of it, mounted, swap, or part of a RAID or LVM?");
}

static int open_device(struct rstore *s, struct rstore_part *part, int64_t size, const struct stat *st,
		       struct failure *f)
{
	uint64_t bytes = 0;

	part->fd = open(part->path, O_RDWR | O_CLOEXEC | (s->force ? 0 : O_EXCL));
	if (part->fd < 0 && errno == EBUSY)
		return say_busy(part->path, st->st_rdev, f);
	if (part->fd < 0 || ioctl(part->fd, BLKGETSIZE64, &bytes) < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "%s: %s", part->path, err_text(errno));
	s->kind = RSTORE_DEVICE;
	s->resumed = true;
	s->limit = (int64_t)bytes;
	if (size > s->limit)
		return fail(f, FAIL_IMG_STORE, -ENOSPC, "%s has %lld bytes, the image %lld", part->path,
			    (long long)s->limit, (long long)size);
	return 0;
}

/* The size of sectors that the GPT at the second one counts in, 0 where there is none (UEFI 2.10, 5.3.2). */
static int table_sectors(struct rstore *s)
{
	char signature[8];

	for (int size = 512; size <= 4096; size *= 8)
		if (rstore_read(s, size, signature, sizeof(signature)) == 0 &&
		    memcmp(signature, "EFI PART", sizeof(signature)) == 0)
			return size;
	return 0;
}

int rstore_check_sectors(struct rstore *s, struct failure *f)
{
	int image = s->kind == RSTORE_DEVICE ? table_sectors(s) : 0, disk = 0;

	if (!image || ioctl(s->part[0].fd, BLKSSZGET, &disk) < 0 || disk == image)
		return 0;
	return fail(f, FAIL_IMG_STORE, -EINVAL,
		    "%s has sectors of %d bytes, the image's partition table is for sectors of %d: "
		    "no machine would find its partitions",
		    s->part[0].path, disk, image);
}

/* ---- all of it */

static int open_named(struct rstore *s, struct rstore_part *part, int64_t size, struct failure *f)
{
	struct stat st;
	char *real;

	if (stat(part->path, &st) < 0) {
		/* a new name in /dev would fill the memory of devtmpfs and help nobody */
		if (starts_with(part->path, "/dev/") && !starts_with(part->path, "/dev/shm/"))
			return fail(f, FAIL_IMG_STORE, -ENOENT, "%s: no such device", part->path);
		return open_file(s, part, size, NULL, f);
	}
	if (S_ISBLK(st.st_mode))
		return open_device(s, part, size, &st, f);
	if (!S_ISREG(st.st_mode))
		return fail(f, FAIL_IMG_STORE, -EINVAL, "%s is neither a file nor a block device", part->path);
	real = real_name(part->path);
	if (real) {
		free(part->path);
		part->path = real;
	}
	return open_file(s, part, size, &st, f);
}

int rstore_open_part(struct rstore *s, int64_t start, int64_t size, struct failure *f)
{
	struct rstore_part *part = rstore_add_part(s, start, s->split ? start + s->split : INT64_MAX);

	if (!part)
		return -ENOMEM;
	part->path = s->split ? str_printf("%s_%zu", s->path, s->parts - 1) : strdup(s->path);
	return part->path ? open_named(s, part, size, f) : -ENOMEM;
}

int rstore_open_target(struct rstore *s, const char *path, const struct rstore_target *how, struct failure *f)
{
	int64_t split = how->split, size = how->size;
	int err = 0;

	*s = (struct rstore){
		.kind = RSTORE_FILE, .path = strdup(path), .split = split, .limit = -1, .force = how->force
	};
	if (!s->path)
		return -ENOMEM;
	do {
		err = rstore_open_part(s, (int64_t)s->parts * split, split && size > split ? split : size, f);
	} while (!err && split > 0 && (int64_t)s->parts * split < size);
	if (err)
		rstore_close(s, false);
	return err;
}

void rstore_device_written(const struct rstore *s)
{
	for (size_t i = 0; i < s->parts && s->kind == RSTORE_DEVICE; i++)
		if (ioctl(s->part[i].fd, BLKRRPART) < 0 && errno != EINVAL && errno != ENOTTY)
			log_warn("%s: the kernel does not read its partitions anew: %s", s->part[i].path,
				 err_text(errno));
}
