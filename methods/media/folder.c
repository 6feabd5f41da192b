/* folder.c - a folder of files (a mounted medium or export) -> the image file in it -> the sink. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/media/folder.h"

#include "base/clock.h"
#include "base/confined.h"
#include "base/log.h"
#include "image/image.h"
#include "image/loop.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Progress is shown at most this often. */
#define SHOW_EVERY_MS 100

/* Names that are shown where no image is there. */
#define NAMES_SHOWN 8

char *folder_make_mount_point(const char *path)
{
	static const char *const places[] = { "/run/stage1-medium-XXXXXX", "/tmp/stage1-medium-XXXXXX" };

	if (path)
		return mkdir(path, 0755) == 0 || errno == EEXIST ? strdup(path) : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *made = strdup(places[i]);

		if (!made || mkdtemp(made))
			return made;
		free(made);
	}
	return NULL;
}

/* ---- one file into the sink */

/* Moves the bytes from AT on. 0 or -errno with the failure filled. */
static int copy_bytes(struct fetch *f, int fd, int64_t size, const char *words)
{
	struct sink *s = f->sink;
	int64_t done = 0, shown = 0;

	while (done < size) {
		void *space;
		size_t room;
		ssize_t n;
		int err = s->reserve(s, &space, &room, f->fail);

		if (err)
			return err;
		do
			n = read(fd, space, (size_t)MIN(MIN((int64_t)room, (int64_t)MIB), size - done));
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return fail(f->fail, FAIL_MED_READ, -errno, "%s, at byte %lld of %lld: %s", words,
				    (long long)done, (long long)size, err_text(errno));
		if (n == 0)
			return fail(f->fail, FAIL_MED_READ, -EIO, "%s ended at byte %lld of %lld", words,
				    (long long)done, (long long)size);
		err = s->commit(s, (size_t)n, f->fail);
		if (err)
			return err;
		done += n;
		if (watch_cancelled(f->watch))
			return fail(f->fail, FAIL_SYS_CANCELLED, -ECANCELED, "while reading %s", words);
		if (done == size || now_ms() - shown >= SHOW_EVERY_MS) {
			shown = now_ms();
			watch_progress(f->watch, done, size);
		}
	}
	return 0;
}

int folder_copy_file(struct fetch *f, int fd, int64_t size, const char *words)
{
	int err;

	watch_note(f->watch, "%s", words);
	watch_reads(f->watch, words);
	log_info("reading %s, %lld bytes", words, (long long)size);
	err = f->sink->begin(f->sink, size, f->fail);
	if (!err)
		err = copy_bytes(f, fd, size, words);
	if (!err)
		err = f->sink->finish(f->sink, f->fail);
	if (err) {
		fail_name_image(f->fail, words);
	} else {
		origin_free(&f->origin);
		f->origin.words = strdup(words);
	}
	return err;
}

int folder_open_image(const struct options *o, int root, char **found, struct stat *st)
{
	size_t count = 0;
	char **paths = NULL;
	int fd = method_paths(o, &paths, &count);

	*found = NULL;
	if (!fd)
		fd = -ENOENT;
	for (size_t i = 0; i < count; i++) {
		if (fd == -ENOENT || fd == -ENOTDIR) {
			fd = confined_open(root, paths[i], O_RDONLY);
			free(*found);
			*found = strdup(paths[i]);
		}
		if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
			close(fd);
			fd = -ENOENT;
		}
		free(paths[i]);
	}
	free(paths);
	return fd == -ENOTDIR ? -ENOENT : fd;
}

/* Copies the first of the paths that O names below T. 0, FOLDER_NO_IMAGE, or -errno with the failure. */
static int fetch_plain(struct fetch *f, const struct folder *t, const struct options *o)
{
	cleanup_free char *path = NULL, *words = NULL;
	struct stat st;
	cleanup_close int fd = folder_open_image(o, t->fd, &path, &st);

	if (fd == -ENOENT)
		return FOLDER_NO_IMAGE;
	words = path ? str_printf("%s:%s", t->words, path) : NULL;
	if (!words)
		return fail(f->fail, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the name of a file");
	if (fd < 0)
		return fail(f->fail, FAIL_MED_READ, fd, "%s: %s", words, err_text(fd));
	if (f->in_place)
		return found_set(f->found, FOUND_FILE, fd, words, f->fail);
	return folder_copy_file(f, fd, st.st_size, words);
}

static void free_list(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

/* ---- ISO files */

bool folder_is_iso(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcasecmp(name + len - 4, ".iso") == 0;
}

int folder_mount_iso(int fd, const char *words, const char *point, struct failure *f)
{
	char device[LOOP_PATH_SIZE];
	cleanup_close int loop = loop_attach(fd, true, device, f);

	if (loop < 0)
		return loop;
	if (mount(device, point, "iso9660", MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL) == 0)
		return 0;
	return fail(f, FAIL_MED_MOUNT, -errno, "%s as an ISO file: %s", words, err_text(errno));
}

/* Looks into the ISO file FD. Within it, directory: has no meaning any more. */
static int fetch_from_iso(struct fetch *f, int fd, const char *words)
{
	struct options inside = *f->options;
	cleanup_free char *point = folder_make_mount_point(f->found ? IMAGE_ISO : NULL);
	struct folder inner = { .words = words };
	int err;

	if (!point)
		return fail(f->fail, FAIL_MED_MOUNT, -errno, "no folder to mount %s on: %s", words, err_text(errno));
	inside.value[KEY_DIRECTORY] = NULL;
	err = folder_mount_iso(fd, words, point, f->fail);
	if (!err) {
		inner.fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = fetch_plain(f, &inner, &inside);
		base_close_fd(&inner.fd);
		if (err || !f->in_place)
			umount(point);
	}
	rmdir(point);
	return err;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int folder_list(int fd, struct words *out)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int err = fd < 0 ? fd : dir ? 0 : -errno;

	*out = (struct words){ 0 };
	if (!dir) {
		base_close_fd(&fd);
		return err;
	}
	while (!err && (entry = readdir(dir))) {
		char **more = realloc(out->word, (out->count + 1) * sizeof(*more));

		if (more)
			out->word = more;
		if (!more || !(more[out->count] = strdup(entry->d_name)))
			err = -ENOMEM;
		else
			out->count++;
	}
	closedir(dir);
	if (out->count)
		qsort(out->word, out->count, sizeof(out->word[0]), by_name);
	return err;
}

static void show_names(const struct words *names, struct buf *out)
{
	size_t shown = 0;

	for (size_t i = 0; i < names->count && shown < NAMES_SHOWN; i++) {
		if (names->word[i][0] == '.')
			continue;
		buf_printf(out, "%s%s", shown ? " " : "", names->word[i]);
		if (++shown == NAMES_SHOWN)
			buf_str(out, " ...");
	}
}

/* Looks into one file of a folder. 0, FOLDER_NO_IMAGE, or -errno with the failure. */
static int fetch_if_iso(struct fetch *f, const struct folder *t, const char *folder, const char *name)
{
	cleanup_free char *path = str_printf("%s/%s", folder, name);
	cleanup_free char *words = path ? str_printf("%s:%s", t->words, path) : NULL;
	cleanup_close int fd = -1;
	int err;

	if (!words)
		return fail(f->fail, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a name");
	if (!folder_is_iso(name))
		return FOLDER_NO_IMAGE;
	fd = confined_open(t->fd, path, O_RDONLY);
	err = fd < 0 ? FOLDER_NO_IMAGE : fetch_from_iso(f, fd, words);
	/* what cannot be mounted is an ISO file by its name only */
	return err < 0 && f->fail->id == FAIL_MED_MOUNT ? FOLDER_NO_IMAGE : err;
}

/* FD is the folder that directory: names; used up. */
static int fetch_from_folder(struct fetch *f, const struct folder *t, const char *folder, int fd,
			     struct buf *what_is_there)
{
	struct words names;
	int err = folder_list(fd, &names);

	if (err) {
		fail(f->fail, FAIL_MED_READ, err, "%s:%s: %s", t->words, folder, err_text(err));
	} else {
		show_names(&names, what_is_there);
		err = FOLDER_NO_IMAGE;
		for (size_t i = 0; i < names.count && err == FOLDER_NO_IMAGE; i++)
			err = fetch_if_iso(f, t, folder, names.word[i]);
	}
	free_list(names.word, names.count);
	return err;
}

int folder_fetch(struct fetch *f, const struct folder *t, struct buf *what_is_there)
{
	const char *directory = f->options->value[KEY_DIRECTORY] ? f->options->value[KEY_DIRECTORY] : "";
	cleanup_free char *words = str_printf("%s:%s", t->words, directory);
	cleanup_close int fd = -1;
	struct stat st;
	int err = fetch_plain(f, t, f->options);

	if (err != FOLDER_NO_IMAGE)
		return err;
	fd = confined_open(t->fd, directory, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0 || !words)
		return FOLDER_NO_IMAGE;
	if (S_ISREG(st.st_mode))
		return fetch_from_iso(f, fd, words);
	if (found_may_be_tree(f->options) && found_is_tree(f->options, fd))
		return found_tree(f, fd, words);
	err = fetch_from_folder(f, t, directory, fd, what_is_there);
	fd = -1;
	return err;
}
