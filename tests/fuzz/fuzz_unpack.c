/* fuzz_unpack.c - any bytes as an archive, in any portions -> a tree, or a named failure; nothing outside it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"
#include "image/tar.h"
#include "image/unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The folder AREA/tree is filled; AREA/guard must stay as it is, and nothing else may appear in AREA. */
static char area[] = "/tmp/stage1-fuzz-XXXXXX";
static int area_fd = -1;

static void empty(int folder)
{
	DIR *d = fdopendir(dup(folder));
	struct dirent *e;

	rewinddir(d);
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unlinkat(folder, e->d_name, 0) == 0)
			continue;
		(void)fchmodat(folder, e->d_name, 0700, 0);
		int below = openat(folder, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		if (below >= 0) {
			empty(below);
			close(below);
		}
		if (unlinkat(folder, e->d_name, AT_REMOVEDIR))
			abort();
	}
	closedir(d);
}

static void at_exit(void)
{
	empty(area_fd);
	rmdir(area);
}

static void check_guard(void)
{
	DIR *d = fdopendir(dup(area_fd));
	struct dirent *e;
	struct stat st;
	int count = 0;

	rewinddir(d);
	while ((e = readdir(d)))
		count++;
	closedir(d);
	if (count != 4 || fstatat(area_fd, "guard", &st, 0) || st.st_size != 5 || st.st_nlink != 1 || st.st_mtime != 1)
		abort();
}

/* Never as root: what gets out of the folder by mistake must not be able to harm. */
static void become(uid_t uid)
{
	if (getuid() == 0 && ((uid && setegid(uid)) || seteuid(uid) || (!uid && setegid(0))))
		abort();
}
#define NOBODY 65534

/* Puts right sums into what look like tar headers, which no fuzzer finds by itself. */
static void mend(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		uint8_t *b = data + at;
		unsigned sum = 8 * ' ';

		if (memcmp(b + 257, "ustar", 5) != 0)
			continue;
		for (size_t i = 0; i < TAR_BLOCK; i++)
			if (i < 148 || i >= 156)
				sum += b[i];
		snprintf((char *)b + 148, 7, "%06o", sum);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct failure f = { 0 };
	struct sink *s;
	uint8_t *copy;
	size_t portion, at;
	int tree, err;

	if (area_fd < 0) {
		become(NOBODY);
		if (!mkdtemp(area))
			abort();
		area_fd = open(area, O_RDONLY | O_DIRECTORY);
		tree = openat(area_fd, "guard", O_WRONLY | O_CREAT, 0600);
		if (write(tree, "guard", 5) != 5 || futimens(tree, old) || mkdirat(area_fd, "tree", 0700))
			abort();
		close(tree);
		atexit(at_exit);
	}
	if (size < 2)
		return 0;
	become(NOBODY);
	portion = 1 + data[0] * 13u;
	copy = malloc(size - 1);
	if (!copy)
		abort();
	memcpy(copy, data + 1, size - 1);
	size--;
	mend(copy, size);
	tree = openat(area_fd, "tree", O_RDONLY | O_DIRECTORY);
	s = unpack_sink(tree, -1, NULL);
	err = s ? s->begin(s, -1, &f) : -ENOMEM;
	for (at = 0; !err && at < size; at += portion)
		err = sink_write(s, copy + at, MIN(portion, size - at), &f);
	if (!err)
		err = s->finish(s, &f);
	if (s && err && (f.id == FAIL_NONE || !f.detail[0]))
		abort();
	if (s)
		s->free(s);
	check_guard();
	fchmod(tree, 0700);
	empty(tree);
	close(tree);
	free(copy);
	become(0);
	return 0;
}
