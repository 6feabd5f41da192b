/* replay.c - inputs that were found before, files or folders of them -> each once through a fuzzer, without a
 * fuzzer. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linked with one fuzz_X.c and the unit tests' objects: no clang, no second build of everything. Prints how many there
 * were. An input that takes longer than 10 s ends it by SIGALRM; a sanitizer's words are on stderr. */
#include "base/buf.h"
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#define SECONDS 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count;

static void one(const uint8_t *data, size_t len)
{
	/* memory of its very size: a byte beyond is seen */
	uint8_t *input = malloc(len ? len : 1);

	if (!input)
		abort();
	if (len)
		memcpy(input, data, len);
	alarm(SECONDS);
	LLVMFuzzerTestOneInput(input, len);
	alarm(0);
	free(input);
	count++;
}

static int file(const char *path)
{
	cleanup_buf struct buf bytes = { 0 };
	int err = file_read(path, &bytes);

	if (err)
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
	else
		one((const uint8_t *)bytes.data, bytes.len);
	return err;
}

/* PATH, or where it is a folder the files in it. */
static int all(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return file(path);
	while (!err && (entry = readdir(dir))) {
		cleanup_free char *name = entry->d_name[0] == '.' ? NULL : str_printf("%s/%s", path, entry->d_name);

		if (name)
			err = file(name);
	}
	closedir(dir);
	return err;
}

int main(int argc, char **argv)
{
	int err = 0;

	one(NULL, 0);
	for (int i = 1; i < argc && !err; i++)
		err = all(argv[i]);
	printf("%u\n", count);
	return err ? 1 : 0;
}
