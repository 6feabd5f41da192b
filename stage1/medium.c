/* medium.c - where the image came from -> mounted in the new root, for a system that goes on reading there. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/confined.h"
#include "stage1/medium.h"

#include "methods/media/folder.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* The places of the original, which installers look for in /proc/mounts. */
#define MEDIA "media"
#define LOOP  "loop"
#define IMAGE "image"

static int no_memory(struct failure *f)
{
	return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the names on a medium");
}

/* Is the image that O names below what is mounted at POINT? M->tree says where. 0, -ENOENT or -errno. */
static int look(const struct options *o, const char *point, struct medium *m)
{
	cleanup_close int root = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	cleanup_free char *found = NULL, *folder = NULL;
	struct stat st;

	if (root < 0)
		return -errno;
	fd = folder_open_image(o, root, &found, &st);
	if (fd < 0)
		return fd;
	folder = found ? method_folder(o, found) : NULL;
	m->tree = folder ? str_printf("%s%s", point, folder) : NULL;
	return m->tree ? 0 : -ENOMEM;
}

/* The same in the ISO file PATH of the medium, mounted at LOOP; there directory: has no meaning any more. */
static int look_in_iso(const struct options *o, int media, const char *path, struct medium *m)
{
	struct options inside = *o;
	struct failure unmounted; /* an ISO file by its name only */
	cleanup_close int iso = confined_open(media, path, O_RDONLY);
	int err;

	inside.value[KEY_DIRECTORY] = NULL;
	mkdir(LOOP, 0755);
	err = iso < 0 ? iso : folder_mount_iso(iso, path, LOOP, &unmounted);
	if (err)
		return -ENOENT;
	err = look(&inside, LOOP, m);
	if (err) {
		umount(LOOP);
		return err;
	}
	m->iso = str_printf("/tmp/" MEDIA "/%s", path + strspn(path, "/"));
	return m->iso ? 0 : -ENOMEM;
}

/* BELOW is an ISO file on the medium, or a folder of which one has the image. 0, -ENOENT or -errno. */
static int look_in_isos(const struct options *o, const char *below, struct medium *m)
{
	cleanup_close int media = open(MEDIA, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = media < 0 ? -errno : confined_open(media, below, O_RDONLY), err = -ENOENT;
	struct words names;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		close(fd);
		return look_in_iso(o, media, below, m);
	}
	if (folder_list(fd, &names))
		return -ENOENT;
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = str_printf("%s/%s", below, names.word[i]);

		if (err == -ENOENT && folder_is_iso(names.word[i]))
			err = path ? look_in_iso(o, media, path, m) : -ENOMEM;
		free(names.word[i]);
	}
	free(names.word);
	return err;
}

/* Where the image is below MEDIA, of which BELOW is a folder or an ISO file. M says where. 0, -ENOENT or -errno. */
static int look_on_medium(const struct flow *f, const char *below, struct medium *m)
{
	struct options there = *f->options;
	int err;

	if (f->origin.tree) {
		cleanup_free char *folder = method_tree_folder(below);

		m->tree = folder ? str_printf(MEDIA "%s", folder) : NULL;
		return m->tree ? 0 : -ENOMEM;
	}
	there.value[KEY_DIRECTORY] = below;
	err = look(&there, MEDIA, m);
	return err == -ENOENT || err == -ENOTDIR ? look_in_isos(f->options, below, m) : err;
}

int medium_attach(const struct flow *f, struct medium *m, struct failure *failure)
{
	const struct fetch fetch = {
		.options = f->options,
		.net = &f->network,
		.fail = failure,
		.origin = f->origin,
		.in_place = f->plan.place == PLACE_THERE,
	};
	const char *below;
	int err;

	*m = (struct medium){ 0 };
	if (!f->method->mount || (!f->origin.device && !f->origin.host))
		return 0;
	if (mkdir(MEDIA, 0755) && errno != EEXIST)
		return fail(failure, FAIL_MED_MOUNT, -errno, "/tmp/" MEDIA " in the new root: %s", err_text(errno));
	err = f->method->mount(&fetch, MEDIA, &below);
	if (err)
		return err;
	err = look_on_medium(f, below, m);
	if (err == -ENOMEM)
		return no_memory(failure);
	if (err)
		return fail(failure, FAIL_MED_READ, err, "the image is not found again at /tmp/" MEDIA ": %s",
			    err_text(err));
	unlink(IMAGE);
	if (symlink(m->tree, IMAGE))
		return fail(failure, FAIL_MED_MOUNT, -errno, "/tmp/" IMAGE " in the new root: %s", err_text(errno));
	return 0;
}
