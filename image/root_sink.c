/* root_sink.c - an image or an archive, whichever comes -> the store, or a tree in memory or on a new file system. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include "base/random.h"
#include "image/intake.h"
#include "image/mkext.h"
#include "image/store.h"
#include "image/tar.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <time.h>
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
	struct sink *image;  /* into the store */
	struct sink *tree;   /* into TARGET; NULL while it is not known to be an archive */
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

/* Memory, as much as there is but what is kept for the machine. Only what the files take is taken. */
static int mount_memory(struct root *r, struct failure *f)
{
	char options[64] = "mode=0755,size=100%";

	if (r->memory >= 0)
		snprintf(options, sizeof(options), "mode=0755,size=%lld",
			 (long long)MAX(r->memory - memory_reserve(r->memory), MIB));
	if (mount("stage1-root", r->target, "tmpfs", 0, options) < 0)
		return fail(f, FAIL_ROOT_ASSEMBLE, -errno, "mounting a tmpfs on %s: %s", r->target, err_text(errno));
	return 0;
}

/* A fresh file system on the ramdisk, as the old way had it (root=/dev/ram3 rw). */
static int mount_device(struct root *r, struct failure *f)
{
	struct store *s = r->store;
	uint32_t bits[4];
	uint8_t uuid[16];
	int fd, err;

	base_close_fd(&s->write_fd); /* it keeps everyone else out */
	fd = open(s->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "opening %s: %s", s->path, err_text(errno));
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		bits[i] = random_u32();
	memcpy(uuid, bits, sizeof(uuid));
	uuid[6] = (uint8_t)(0x40 | (uuid[6] & 0x0f)); /* RFC 9562 section 5.4: version 4, variant 10 */
	uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f));
	err = mkext(fd, s->capacity, (uint32_t)time(NULL), uuid, f);
	close(fd);
	if (err)
		return err;
	if (r->load)
		(void)r->load(r->ctx, "ext4");
	if (mount(s->path, r->target, "ext4", 0, NULL) < 0)
		return fail(f, FAIL_ROOT_ASSEMBLE, -errno, "mounting %s on %s: %s", s->path, r->target,
			    err_text(errno));
	return 0;
}

static int make_tree(struct root *r, enum image_kind kind, struct failure *f)
{
	int err = -EMEDIUMTYPE;

	switch (r->store->kind) {
	case STORE_MEMORY:
		err = mount_memory(r, f);
		break;
	case STORE_RAMDISK:
		err = mount_device(r, f);
		break;
	case STORE_FILE:
		return fail(f, FAIL_IMG_UNKNOWN, err, "it is a %s archive, which cannot be unpacked into a file",
			    image_kind_name(kind));
	}
	if (err)
		return err;
	r->store->tree = strdup(r->target);
	if (!r->store->tree) {
		umount(r->target);
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory for a name");
	}
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
	return r->have == HEAD_SIZE ? choose(r, f) : 0;
}

static ssize_t root_pull(struct sink *s, int fd, size_t max, struct failure *f)
{
	struct root *r = self(s);

	return r->chosen && r->chosen->pull ? r->chosen->pull(r->chosen, fd, max, f) : -EOPNOTSUPP;
}

static int root_last(struct sink *s, void *bytes, size_t len)
{
	struct root *r = self(s);

	return r->chosen && r->chosen->last ? r->chosen->last(r->chosen, bytes, len) : -EOPNOTSUPP;
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
		.begin = root_begin, .reserve = root_reserve, .commit = root_commit, .pull = root_pull,
		.last = root_last, .take = root_take, .may_take = root_may_take, .finish = root_finish,
		.restart = root_restart, .free = root_free,
	};
	r->store = s;
	r->target = target;
	r->load = load;
	r->ctx = ctx;
	r->memory = memory;
	r->tree_fd = -1;
	return intake_sink(&r->sink, false, memory, sha256_hex);
}
