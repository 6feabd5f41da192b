/* mount_image.c - an image file and a mode -> the mounted root, by the objects stage1 has; for test_mount.py.
 *
 * mount_image MODE STORE FILE TARGET   MODE: overlay, rw, ro; STORE: memory, use (FILE as it lies), or a block device.
 * mount_image MODE tree FOLDER TARGET  FOLDER as it lies.
 * mount_image MODE STORE FOLDER TARGET FOLDER copied into memory or to a block device.
 * A failure is one line, "CODE title: detail", and exit status 1. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_store(struct store *s, const char *kind, const char *file, struct failure *f)
{
	if (streq(kind, "memory"))
		return store_open_memory(s, IMAGE_DIR, f);
	if (streq(kind, "use"))
		return store_use(s, file, f);
	return store_open_device(s, kind, -1, f);
}

static int fill(struct store *s, const char *file, const char *target, struct failure *f)
{
	struct sink *sink = root_sink(s, target, NULL, NULL, memory_available(), NULL);
	int fd = open(file, O_RDONLY), err;
	ssize_t n = 1;

	if (fd < 0 || !sink)
		return -errno;
	err = sink->begin(sink, (int64_t)lseek(fd, 0, SEEK_END), f);
	lseek(fd, 0, SEEK_SET);
	while (!err && n) {
		void *space;
		size_t room;

		err = sink->reserve(sink, &space, &room, f);
		if (err)
			break;
		n = read(fd, space, room);
		err = n < 0 ? -errno : sink->commit(sink, (size_t)n, f);
	}
	if (!err)
		err = sink->finish(sink, f);
	sink->free(sink);
	close(fd);
	return err;
}

static int report(int err, const struct failure *f)
{
	if (err)
		printf("%s %s: %s\n", fail_code(f->id), fail_title(f->id), f->detail);
	return err ? 1 : 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Bytes free; MEMORY= says otherwise. */
static int64_t memory(void)
{
	const char *given = getenv("MEMORY");

	return given ? atoll(given) : memory_available();
}

int main(int argc, char **argv)
{
	struct failure f = { 0 };
	enum root_mode mode = ROOT_OVERLAY;
	struct store s;
	int err;

	if (argc != 5)
		return 2;
	if (streq(argv[1], "rw"))
		mode = ROOT_RW;
	if (streq(argv[1], "ro"))
		mode = ROOT_RO;
	if (streq(argv[2], "tree"))
		return report(image_mount_tree(argv[3], mode, argv[4], NULL, NULL, &f), &f);
	err = open_store(&s, argv[2], argv[3], &f);
	if (!err && is_folder(argv[3]))
		err = image_copy_tree(&s,
				      &(struct tree_source){ .path = argv[3], .words = "there", .memory = memory() },
				      argv[4], NULL, NULL, &f);
	else if (!err && !streq(argv[2], "use"))
		err = fill(&s, argv[3], argv[4], &f);
	if (!err)
		err = image_mount(&s, mode, argv[4], NULL, NULL, &f);
	store_close(&s);
	return report(err, &f);
}
