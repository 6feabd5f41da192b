/* unpack.c - bytes of a tar or cpio archive -> a sink that takes them in any portions and holds nothing back. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/unpack.h"

#include "image/intake.h"
#include "image/tar.h"

#define INPUT_SIZE INTAKE_PORTION /* what is left of it goes back */

static const struct unpacker *const unpackers[] = { &unpack_tar, &unpack_cpio };

struct unpack {
	struct sink sink;
	int root_fd;
	enum image_kind kind;
	struct tree *tree;
	const struct unpacker *format; /* NULL: not known yet */
	void *state;
	size_t have; /* bytes waiting in input */
	uint8_t input[INPUT_SIZE];
};

static struct unpack *self(struct sink *s)
{
	return container_of(s, struct unpack, sink);
}

static int unpack_begin(struct sink *s, int64_t size, struct failure *f)
{
	(void)s, (void)size, (void)f; /* how much room the files take is known when they are there */
	return 0;
}

static int end_within(const struct unpack *u, struct failure *f)
{
	return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "the %s archive is cut: it ends within a header",
		    image_kind_name(u->format->kind));
}

static int unpack_reserve(struct sink *s, void **space, size_t *room, struct failure *f)
{
	struct unpack *u = self(s);

	if (u->have == INPUT_SIZE) /* nobody took what is behind the end */
		return end_within(u, f);
	*space = u->input + u->have;
	*room = INPUT_SIZE - u->have;
	return 0;
}

bool unpack_is_cpio(const uint8_t *head, size_t len)
{
	int64_t claimed;

	return image_recognise(head, len, &claimed) == IMAGE_CPIO;
}

static int choose(struct unpack *u, struct failure *f)
{
	cleanup_buf struct buf words = { 0 };
	enum image_kind kind = u->kind;
	int64_t claimed;
	size_t i;

	if (kind == IMAGE_UNKNOWN)
		kind = image_recognise(u->input, u->have, &claimed);
	for (i = 0; i < ARRAY_SIZE(unpackers); i++)
		if (unpackers[i]->kind == kind)
			u->format = unpackers[i];
	if (!u->format) {
		if (kind == IMAGE_UNKNOWN)
			image_describe_unknown(&words, u->input, u->have);
		else
			buf_printf(&words, "it is a %s", image_kind_name(kind));
		return fail(f, FAIL_IMG_UNKNOWN, -EMEDIUMTYPE, "%s, and no tar or cpio archive", buf_cstr(&words));
	}
	u->tree = tree_new(u->root_fd);
	u->state = u->tree ? u->format->open(u->tree) : NULL;
	if (!u->state) {
		u->format = NULL;
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory to unpack the archive");
	}
	return 0;
}

static int feed(struct unpack *u, struct failure *f)
{
	size_t at = 0;

	while (at < u->have) {
		ssize_t n = u->format->feed(u->state, u->input + at, u->have - at, f);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		at += (size_t)n;
	}
	u->have -= at;
	memmove(u->input, u->input + at, u->have);
	return 0;
}

static int unpack_commit(struct sink *s, size_t used, struct failure *f)
{
	struct unpack *u = self(s);
	int err = 0;

	u->have += used;
	if (!u->format && u->have < TAR_BLOCK && !unpack_is_cpio(u->input, u->have))
		return 0;
	if (!u->format)
		err = choose(u, f);
	return err ? err : feed(u, f);
}

static ssize_t unpack_rest(struct sink *s, const uint8_t **bytes)
{
	struct unpack *u = self(s);
	ssize_t n = (ssize_t)u->have;

	if (!u->format || !u->format->ended || !u->format->ended(u->state))
		return -1;
	*bytes = u->input;
	u->have = 0;
	return n;
}

static int unpack_finish(struct sink *s, struct failure *f)
{
	struct unpack *u = self(s);
	int err = 0;

	if (!u->format)
		err = choose(u, f);
	if (!err)
		err = feed(u, f);
	if (!err && u->have)
		err = end_within(u, f);
	if (!err)
		err = u->format->finish(u->state, f);
	return err ? err : tree_finish(u->tree, f);
}

static void reset(struct unpack *u)
{
	if (u->format)
		u->format->close(u->state);
	tree_free(u->tree);
	u->format = NULL;
	u->tree = NULL;
	u->have = 0;
}

static int unpack_restart(struct sink *s, struct failure *f)
{
	struct unpack *u = self(s);

	if (u->tree && tree_entries(u->tree))
		return fail(f, FAIL_IMG_STORE, -EEXIST,
			    "%lld entries are unpacked and cannot be taken back; begin again with an empty root",
			    (long long)tree_entries(u->tree));
	reset(u);
	return 0;
}

static void unpack_free(struct sink *s)
{
	reset(self(s));
	free(self(s));
}

static const struct sink_shortcuts shortcuts = { .rest = unpack_rest };

struct sink *unpack_plain_sink(int root_fd, enum image_kind kind)
{
	struct unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->sink = (struct sink){
		.begin = unpack_begin,
		.reserve = unpack_reserve,
		.commit = unpack_commit,
		.finish = unpack_finish,
		.restart = unpack_restart,
		.free = unpack_free,
		.shortcuts = &shortcuts,
	};
	u->root_fd = root_fd;
	u->kind = kind;
	return &u->sink;
}

struct sink *unpack_sink(int root_fd, int64_t memory, const char *sha256_hex)
{
	return intake_sink(unpack_plain_sink(root_fd, IMAGE_UNKNOWN), false, memory, sha256_hex);
}
