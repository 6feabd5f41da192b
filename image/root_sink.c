/* root_sink.c - an image or an archive, whichever comes -> the store, or a tree in memory or on a new file system. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include "image/intake.h"
#include "image/store.h"
#include "image/tar.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

/* An archive is known by its first block. */
#define HEAD_SIZE TAR_BLOCK

struct root {
	struct sink sink;
	struct store *store;
	const char *target;
	image_load_module_fn *load;
	void *ctx;
	int64_t memory;
	struct sink *image; /* into the store */
	struct sink *tree;  /* into TARGET; NULL while it is not known to be an archive */
	int tree_fd;
	struct sink *chosen; /* one of the two; NULL: not known yet */
	size_t have;
	uint8_t head[HEAD_SIZE];
};

static struct root *self(struct sink *s)
{
	return container_of(s, struct root, sink);
}

/* What comes is at least that big, whatever it is: a tree in memory needs room for it as well as an image does. */
static int root_begin(struct sink *s, int64_t size, struct failure *f)
{
	return self(s)->image->begin(self(s)->image, size, f);
}

static int root_reserve(struct sink *s, void **space, size_t *room, struct failure *f)
{
	struct root *r = self(s);

	if (r->chosen)
		return r->chosen->reserve(r->chosen, space, room, f);
	*space = r->head + r->have;
	*room = HEAD_SIZE - r->have;
	return 0;
}

/* ---- a place for a tree */

static int make_tree(struct root *r, enum image_kind kind, struct failure *f)
{
	int err;

	if (r->store->kind == STORE_FILE)
		return fail(f, FAIL_IMG_UNKNOWN, -EMEDIUMTYPE,
			    "it is a %s archive, which cannot be unpacked into a file", image_kind_name(kind));
	err = store_make_tree(r->store, r->target, r->memory, r->load, r->ctx, f);
	if (err)
		return err;
	r->tree_fd = open(r->target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r->tree = r->tree_fd < 0 ? NULL : unpack_plain_sink(r->tree_fd, kind);
	if (!r->tree)
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory to unpack the archive");
	return 0;
}

static void close_tree(struct root *r)
{
	if (r->tree)
		r->tree->free(r->tree);
	r->tree = NULL;
	base_close_fd(&r->tree_fd);
}

/* ---- which of the two */

static int choose(struct root *r, struct failure *f)
{
	int64_t claimed;
	enum image_kind kind = image_recognise(r->head, r->have, &claimed);
	int err;

	r->chosen = r->image;
	if (kind == IMAGE_TAR || kind == IMAGE_CPIO) {
		err = make_tree(r, kind, f);
		if (err)
			return err;
		r->chosen = r->tree;
	}
	return sink_write(r->chosen, r->head, r->have, f);
}

static int root_commit(struct sink *s, size_t used, struct failure *f)
{
	struct root *r = self(s);

	if (r->chosen)
		return r->chosen->commit(r->chosen, used, f);
	r->have += used;
	return r->have == HEAD_SIZE || unpack_is_cpio(r->head, r->have) ? choose(r, f) : 0;
}

static ssize_t root_pull(struct sink *s, int fd, size_t max, struct failure *f)
{
	struct root *r = self(s);

	return r->chosen ? sink_pull(r->chosen, fd, max, f) : -EOPNOTSUPP;
}

static int root_last(struct sink *s, void *bytes, size_t len)
{
	struct root *r = self(s);

	return r->chosen ? sink_last(r->chosen, bytes, len) : -EOPNOTSUPP;
}

/* An archive has to be unpacked; an image may stay where it lies. */
static bool can_take(struct root *r, int fd)
{
	ssize_t n = pread(fd, r->head, HEAD_SIZE, 0);
	int64_t claimed;
	enum image_kind kind = n > 0 ? image_recognise(r->head, (size_t)n, &claimed) : IMAGE_UNKNOWN;

	return !r->chosen && !r->have && kind != IMAGE_TAR && kind != IMAGE_CPIO;
}

static int root_may_take(struct sink *s, int fd, int64_t so_far, struct failure *f)
{
	struct root *r = self(s);

	return can_take(r, fd) ? sink_may_take(r->image, fd, so_far, f) : -EOPNOTSUPP;
}

static int root_take(struct sink *s, int fd, int64_t size, struct failure *f)
{
	struct root *r = self(s);
	int err;

	if (!can_take(r, fd))
		return -EOPNOTSUPP;
	err = sink_take(r->image, fd, size, f);
	if (!err)
		r->chosen = r->image;
	return err;
}

static ssize_t root_rest(struct sink *s, const uint8_t **bytes)
{
	struct sink *chosen = self(s)->chosen;

	return chosen ? sink_rest(chosen, bytes) : -1;
}

static int root_finish(struct sink *s, struct failure *f)
{
	struct root *r = self(s);
	int err = r->chosen ? 0 : choose(r, f);

	return err ? err : r->chosen->finish(r->chosen, f);
}

static int root_restart(struct sink *s, struct failure *f)
{
	struct root *r = self(s);
	int err = 0;

	close_tree(r);
	if (r->store->tree && umount(r->store->tree) < 0)
		err = fail(f, FAIL_IMG_STORE, -errno, "taking back what was unpacked: %s", err_text(errno));
	free(r->store->tree);
	r->store->tree = NULL;
	r->chosen = NULL;
	r->have = 0;
	return err ? err : r->image->restart(r->image, f);
}

static void root_free(struct sink *s)
{
	struct root *r = self(s);

	close_tree(r);
	r->image->free(r->image);
	free(r);
}

static const struct sink_shortcuts shortcuts = {
	.pulling = &(const struct sink_pulling){ root_pull, root_last },
	.taking = &(const struct sink_taking){ root_take, root_may_take },
	.rest = root_rest,
};

struct sink *root_sink(struct store *s, const char *target, image_load_module_fn *load, void *ctx, int64_t memory,
		       const char *sha256_hex)
{
	struct root *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->image = store_sink(s, true, memory);
	if (!r->image) {
		free(r);
		return NULL;
	}
	r->sink = (struct sink){
		.begin = root_begin,
		.reserve = root_reserve,
		.commit = root_commit,
		.finish = root_finish,
		.restart = root_restart,
		.free = root_free,
		.shortcuts = &shortcuts,
	};
	r->store = s;
	r->target = target;
	r->load = load;
	r->ctx = ctx;
	r->memory = memory;
	r->tree_fd = -1;
	return intake_sink(&r->sink, false, memory, sha256_hex);
}
