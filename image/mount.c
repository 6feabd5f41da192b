/* mount.c - an image in its store -> a mounted tree, with memory over it where it shall be written to. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include "base/confined.h"
#include "base/log.h"
#include "image/iso.h"
#include "image/kmsg.h"
#include "image/loop.h"
#include "image/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define UPPER_DATA IMAGE_UPPER "/data"
#define UPPER_WORK IMAGE_UPPER "/work"

/* Less memory above the image is no use to any system. */
#define UPPER_LEAST (16 * MIB)

/* An ISO with a squashfs with an ext4 is what live media are. */
#define INNER_MOST 3

/* What is being done, and for whom modules are loaded. */
struct job {
	image_load_module_fn *load;
	void *ctx;
	struct failure *f;
};

/* A module that cannot be loaded may be built in: the mount tells. */
static void load_module(const struct job *j, const char *name)
{
	int err = j->load ? j->load(j->ctx, name) : 0;

	if (err)
		log_info("module %s: %s", name, err_text(err));
}

/* mount(2), and on failure what the errno means here and what the kernel said. */
static int mount_or_why(const struct job *j, enum fail_id id, const char *what, const char *source, const char *target,
			const char *type, unsigned long flags, const char *data)
{
	cleanup_close int log = kmsg_mark();
	char complaint[160];
	int err;

	if (mount(source, target, type, flags, data) == 0)
		return 0;
	err = -errno;
	kmsg_complaint(log, complaint, sizeof(complaint));
	if (err == -ENODEV)
		return fail(j->f, id, err, "%s: this kernel has no %s (is it in modules.list?)", what, type);
	if (err == -EUCLEAN || err == -EBADMSG || err == -EIO)
		id = FAIL_IMG_CORRUPT;
	return fail(j->f, id, err, "%s on %s: %s (errno %d)%s%s", what, target, err_text(err), -err,
		    complaint[0] ? "; the kernel says: " : "", complaint);
}

static int make_directory(const struct job *j, const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	return fail(j->f, FAIL_ROOT_ASSEMBLE, -errno, "making %s: %s", path, err_text(errno));
}

/* The root of an overlay looks like the root of its upper layer: that one is made to look like the image's. */
static void copy_looks(const char *from, const char *to)
{
	struct stat st;

	if (stat(from, &st) < 0 || chown(to, st.st_uid, st.st_gid) < 0 || chmod(to, st.st_mode & 07777) < 0)
		log_warn("the new root's owner and mode cannot be taken from the image: %s", err_text(errno));
}

/* Half of the memory of the machine would promise what the image has already taken. */
static int mount_upper(const struct job *j)
{
	int64_t free_now = memory_available();
	char options[64];
	int err;

	snprintf(options, sizeof(options), "mode=0755,size=%lld",
		 (long long)(free_now < 0 ? 0 : MAX(free_now / 2, UPPER_LEAST)));
	err = mount_or_why(j, FAIL_ROOT_ASSEMBLE, "memory for what is written", "stage1-upper", IMAGE_UPPER, "tmpfs", 0,
			   free_now < 0 ? "mode=0755" : options);
	if (err)
		return err;
	err = make_directory(j, UPPER_DATA, 0755);
	if (!err)
		err = make_directory(j, UPPER_WORK, 0755);
	if (err)
		umount(IMAGE_UPPER);
	return err;
}

/* The overlay at TARGET, over what is mounted read-only at IMAGE_LOWER. */
static int mount_overlay(const struct job *j, const char *target)
{
	int err = make_directory(j, IMAGE_UPPER, 0755);

	if (!err)
		err = mount_upper(j);
	if (err)
		return err;
	copy_looks(IMAGE_LOWER, UPPER_DATA);
	load_module(j, "overlay");
	err = mount_or_why(j, FAIL_ROOT_ASSEMBLE, "the overlay", "stage1-root", target, "overlay", 0,
			   "lowerdir=" IMAGE_LOWER ",upperdir=" UPPER_DATA ",workdir=" UPPER_WORK);
	if (err)
		umount(IMAGE_UPPER);
	return err;
}

/* The block device with the image. The descriptor keeps a loop device until it is mounted; -1: none is needed. */
static int attach(const struct job *j, struct store *s, bool read_only, char path[static LOOP_PATH_SIZE], int *loop)
{
	*loop = -1;
	if (s->kind == STORE_RAMDISK)
		return str_copy(path, LOOP_PATH_SIZE, s->path)
			       ? fail(j->f, FAIL_IMG_MOUNT, -ENAMETOOLONG, "%s: the name is too long", s->path)
			       : 0;
	/* A loop device ends at its last whole sector; an image packed without padding would lose its tail. */
	if (s->kind == STORE_FILE && s->size % LOOP_SECTOR)
		return fail(j->f, FAIL_IMG_MOUNT, -EINVAL,
			    "%s: its %lld bytes are no whole number of sectors of %d: it cannot be used where it lies; "
			    "root:ram copies it",
			    s->path, (long long)s->size, LOOP_SECTOR);
	if (s->kind == STORE_MEMORY && ftruncate(s->fd, (off_t)((s->size + 4095) & ~INT64_C(4095))) < 0)
		return fail(j->f, FAIL_IMG_STORE, -errno, "padding %s: %s", s->path, err_text(errno));
	load_module(j, "loop");
	*loop = loop_attach(s->fd, read_only, path, j->f);
	return MIN(*loop, 0);
}

/* Nobody writes to it, or it is ours: then an ext's journal is replayed even where it is only read. */
static int mount_image(const struct job *j, struct store *s, enum image_kind kind, bool read_only, const char *target)
{
	const char *type = image_kind_name(kind);
	cleanup_close int loop = -1;
	char path[LOOP_PATH_SIZE];
	int err = attach(j, s, read_only && (store_in_place(s) || kind != IMAGE_EXT), path, &loop);

	if (err)
		return err;
	load_module(j, kind == IMAGE_ISO9660 ? "isofs" : type);
	return mount_or_why(j, FAIL_IMG_MOUNT, type, path, target, type, read_only ? MS_RDONLY : 0, NULL);
}

/* What has to be unpacked first cannot be mounted where it lies. */
static int check_plain(const struct store *s, const uint8_t *head, size_t len, struct failure *f)
{
	int64_t claimed;
	enum image_kind kind = image_recognise(head, len, &claimed);

	if (kind != IMAGE_GZIP && kind != IMAGE_XZ && kind != IMAGE_ZSTD && kind != IMAGE_TAR && kind != IMAGE_CPIO)
		return 0;
	return fail(
		f, FAIL_CMD_BAD_VALUE, -EMEDIUMTYPE,
		"%s is %s, which has to be unpacked: only a plain squashfs, erofs, ext2/3/4 or ISO can be used where "
		"it lies; root:ram copies it",
		s->path, image_kind_name(kind));
}

/* Linux Documentation/filesystems/ext4/super.rst: INCOMPAT_RECOVER in the superblock at 1024. */
static bool needs_journal(const uint8_t *head)
{
	return head[1024 + 96] & 4;
}

static int look_at(struct store *s, uint8_t *head, enum image_kind *kind, struct failure *f)
{
	ssize_t n = store_read_head(s, head, IMAGE_HEAD);
	int64_t claimed;
	int err = 0;

	if (n < 0)
		return fail(f, FAIL_IMG_STORE, (int)n, "reading %s: %s", s->path, err_text((int)n));
	if (s->kind == STORE_FILE)
		err = check_plain(s, head, (size_t)n, f);
	if (!err)
		err = image_check(head, (size_t)n, kind, &claimed, f);
	if (!err)
		err = image_check_size(*kind, claimed, s->size, f);
	if (!err && claimed > s->size)
		err = iso_check(s->fd, s->size, f);
	if (err)
		return err;
	if (store_in_place(s) && *kind == IMAGE_EXT && needs_journal(head))
		return fail(f, FAIL_IMG_MOUNT, -EUCLEAN,
			    "%s was not cleanly unmounted: old files would be seen where it lies, since its journal "
			    "cannot be "
			    "replayed there; root:ram copies it and does so, e2fsck mends it",
			    s->path);
	if (store_in_place(s) && s->kind == STORE_RAMDISK && claimed >= 0)
		s->size = MIN(s->size, (claimed + 4095) & ~INT64_C(4095)); /* as mksquashfs pads it */
	return 0;
}

int image_look(struct store *s, enum image_kind *kind, struct failure *f)
{
	cleanup_free uint8_t *head = calloc(1, IMAGE_HEAD);

	return head ? look_at(s, head, kind, f)
		    : fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory to look at the image");
}

/* An archive is a root as soon as it is unpacked, and its devices work from then on. */
static int adopt_tree(const struct job *j, struct store *s, enum root_mode mode)
{
	int err = mount_or_why(j, FAIL_ROOT_ASSEMBLE, "what was unpacked", NULL, s->tree, NULL,
			       MS_REMOUNT | (mode == ROOT_RO ? MS_RDONLY : 0u), NULL);

	if (err)
		return err;
	free(s->tree);
	s->tree = NULL;
	return 0;
}

static int make_lower(const struct job *j)
{
	int err = make_directory(j, IMAGE_RUN, 0755);

	return err ? err : make_directory(j, IMAGE_LOWER, 0755);
}

/* Where there can be no overlay, what is below it goes back, too. */
static int overlay_or_back(const struct job *j, const char *target)
{
	int err = mount_overlay(j, target);

	if (err)
		umount(IMAGE_LOWER);
	return err;
}

static int refuse_to_write(enum image_kind kind, bool in_place, struct failure *f)
{
	return fail(f, FAIL_ROOT_READ_ONLY, -EROFS, "that needs ext2/3/4 in memory or a ramdisk, and this is %s%s",
		    image_kind_name(kind), in_place ? " used where it lies" : "");
}

/* ---- an image within an image */

/* The image in what is mounted at PATH: IN is it. False where there is none, or a system that needs none. */
static bool find_inner(const char *path, struct store *in)
{
	static const char *const systems[] = { "usr", "sbin", "init" };
	static const char *const names[] = {
		"LiveOS/squashfs.img",
		"LiveOS/rootfs.img",
		"LiveOS/ext3fs.img", /* dracut's dmsquash-live */
		"root.squashfs",
		"root.erofs", /* Fedora CoreOS */
		"live/filesystem.squashfs",
		"casper/filesystem.squashfs", /* live-boot, casper */
	};
	cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	store_init(in, STORE_FILE, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
		if (root < 0 || fstatat(root, systems[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		in->fd = confined_open(root, names[i], O_RDONLY | O_NONBLOCK);
		if (in->fd >= 0 && fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode)) {
			in->path = strdup(names[i]);
			in->size = (int64_t)st.st_size;
			return in->path;
		}
		base_close_fd(&in->fd);
	}
	return false;
}

/* What is at FROM gives way to the image IN that it holds, at TO. It stays, without a name, as long as that is
 * mounted. */
static int mount_inner(const struct job *j, struct store *in, enum root_mode mode, const char *from, const char *to)
{
	enum image_kind kind;
	int err = image_look(in, &kind, j->f);

	if (!err && mode == ROOT_RW)
		err = refuse_to_write(kind, true, j->f);
	if (!err && mode == ROOT_OVERLAY)
		err = make_lower(j);
	umount2(from, MNT_DETACH);
	log_info("what it holds is %s, %lld bytes: that is the root", in->path, (long long)in->size);
	return err ? err : mount_image(j, in, kind, true, to);
}

/* What is mounted at *PLACE is the root, or holds it: then *PLACE is LOWER. */
static int go_inside(const struct job *j, enum root_mode mode, const char **place, const char *lower)
{
	struct store in;
	int err = 0;

	for (int deep = 0; deep < INNER_MOST && !err && find_inner(*place, &in); deep++) {
		err = mount_inner(j, &in, mode, *place, lower);
		*place = lower;
		store_close(&in);
	}
	return err;
}

int image_mount(struct store *s, enum root_mode mode, const char *target, image_load_module_fn *load, void *ctx,
		struct failure *f)
{
	const struct job j = { load, ctx, f };
	const char *lower = mode == ROOT_OVERLAY ? IMAGE_LOWER : target, *place = s->tree ? target : lower;
	enum image_kind kind;
	int err;

	if (s->tree) {
		err = adopt_tree(&j, s, mode);
	} else {
		err = image_look(s, &kind, f);
		if (!err && mode == ROOT_RW && (kind != IMAGE_EXT || store_in_place(s)))
			err = refuse_to_write(kind, store_in_place(s), f);
		if (!err && mode == ROOT_OVERLAY)
			err = make_lower(&j);
		if (!err)
			err = mount_image(&j, s, kind, mode != ROOT_RW, place);
	}
	if (!err)
		err = go_inside(&j, mode, &place, lower);
	return err || place == target ? err : overlay_or_back(&j, target);
}

/* The folder PATH at TARGET with all that a root needs: what it is on is mounted without devices and programs. */
static int bind_tree(const struct job *j, const char *path, const char *target, bool read_only)
{
	int err = mount_or_why(j, FAIL_ROOT_ASSEMBLE, path, path, target, NULL, MS_BIND, NULL);

	if (err)
		return err;
	err = mount_or_why(j, FAIL_ROOT_ASSEMBLE, "the tree's devices and programs", NULL, target, NULL,
			   MS_REMOUNT | MS_BIND | (read_only ? MS_RDONLY : 0u), NULL);
	if (err)
		umount(target);
	return err;
}

int image_mount_tree(const char *path, enum root_mode mode, const char *target, image_load_module_fn *load, void *ctx,
		     struct failure *f)
{
	const struct job j = { load, ctx, f };
	int err;

	if (mode != ROOT_OVERLAY)
		return bind_tree(&j, path, target, mode == ROOT_RO);
	err = make_lower(&j);
	if (!err)
		err = bind_tree(&j, path, IMAGE_LOWER, true);
	return err ? err : overlay_or_back(&j, target);
}
