/* unpack_image.c - an archive on standard input -> the tree below a folder, by the sink stage1 has; for test_unpack.py.
 *
 * unpack_image DIR [PORTION]   PORTION: bytes committed at a time; SHA256 in the environment: the sum it must have. A
 * failure is one line and exit status 1. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct failure f = { 0 };
	size_t portion = argc > 2 ? (size_t)atol(argv[2]) : SIZE_MAX;
	int root = argc > 1 ? open(argv[1], O_PATH | O_DIRECTORY) : -1, err;
	struct sink *sink = unpack_sink(root, -1, getenv("SHA256"));
	ssize_t n = 1;

	if (root < 0 || !sink)
		return 2;
	err = sink->begin(sink, -1, &f);
	while (!err && n) {
		void *space;
		size_t room;

		err = sink->reserve(sink, &space, &room, &f);
		if (err)
			break;
		n = read(STDIN_FILENO, space, MIN(room, portion));
		err = n < 0 ? -errno : sink->commit(sink, (size_t)n, &f);
	}
	if (!err)
		err = sink->finish(sink, &f);
	sink->free(sink);
	if (err)
		printf("%s %s: %s\n", fail_code(f.id), fail_title(f.id), f.detail);
	return err ? 1 : 0;
}
