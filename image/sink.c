/* sink.c - bytes -> a store: memory that must last, a look at what comes, and the small calls every sink shares. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/sink.h"

#include "image/intake.h"
#include "image/store.h"

#include <unistd.h>

/* How much an image of unknown size may grow before memory is looked at again. A decoder's history grows as fast as
 * the image, so twice that must be free each time. */
#define STEP (8 * MIB)

int sink_write(struct sink *s, const void *bytes, size_t len, struct failure *f)
{
	const uint8_t *p = bytes;

	while (len) {
		void *space;
		size_t room;
		int err = s->reserve(s, &space, &room, f);

		if (err)
			return err;
		room = MIN(room, len);
		memcpy(space, p, room);
		err = s->commit(s, room, f);
		if (err)
			return err;
		p += room;
		len -= room;
	}
	return 0;
}

int sink_copy(struct sink *s, int fd, int64_t offset, int64_t len, struct failure *f)
{
	if (s->shortcuts && s->shortcuts->copy)
		return s->shortcuts->copy(s, fd, offset, len, f);
	while (len > 0) {
		void *space;
		size_t room;
		ssize_t n;
		int err = s->reserve(s, &space, &room, f);

		if (err)
			return err;
		n = pread(fd, space, (size_t)MIN((int64_t)room, len), offset);
		if (n <= 0)
			return fail(f, FAIL_IMG_STORE, n ? -errno : -EIO, "reading back what came: %s",
				    err_text(n ? -errno : -EIO));
		err = s->commit(s, (size_t)n, f);
		if (err)
			return err;
		offset += n;
		len -= n;
	}
	return 0;
}

ssize_t sink_pull(struct sink *s, int fd, size_t max, struct failure *f)
{
	const struct sink_pulling *p = s->shortcuts ? s->shortcuts->pulling : NULL;

	return p ? p->pull(s, fd, max, f) : -EOPNOTSUPP;
}

ssize_t sink_rest(struct sink *s, const uint8_t **bytes)
{
	return s->shortcuts && s->shortcuts->rest ? s->shortcuts->rest(s, bytes) : -1;
}

int sink_last(struct sink *s, void *bytes, size_t len)
{
	const struct sink_pulling *p = s->shortcuts ? s->shortcuts->pulling : NULL;

	return p ? p->last(s, bytes, len) : -EOPNOTSUPP;
}

int sink_lend(struct sink *s, int *fd, int64_t *at)
{
	const struct sink_lending *l = s->shortcuts ? s->shortcuts->lending : NULL;

	return l ? l->lend(s, fd, at) : -EOPNOTSUPP;
}

int sink_revoke(struct sink *s, struct failure *f)
{
	const struct sink_lending *l = s->shortcuts ? s->shortcuts->lending : NULL;

	return l ? l->revoke(s, f) : fail(f, FAIL_SYS_INTERNAL, -EOPNOTSUPP, "this sink has lent nothing");
}

int sink_take(struct sink *s, int fd, int64_t size, struct failure *f)
{
	const struct sink_taking *t = s->shortcuts ? s->shortcuts->taking : NULL;

	return t ? t->take(s, fd, size, f) : -EOPNOTSUPP;
}

int sink_may_take(struct sink *s, int fd, int64_t so_far, struct failure *f)
{
	const struct sink_taking *t = s->shortcuts ? s->shortcuts->taking : NULL;

	return t ? t->may_take(s, fd, so_far, f) : -EOPNOTSUPP;
}

struct store_sink {
	struct sink sink;
	struct store *store;
	bool look; /* at what it is, as soon as enough has come */
	bool looked;
	int64_t available; /* memory in bytes when it began; -1: no limit */
	int64_t granted;   /* bytes of the image that fit, as far as is known */
	enum image_kind kind;
	int64_t claimed; /* bytes, by its own header; -1: it does not say */
};

static struct store_sink *self(struct sink *s)
{
	return container_of(s, struct store_sink, sink);
}

/* Megabytes, rounded against the image. */
static long long mb_up(int64_t bytes)
{
	return (long long)(bytes / 1000000 + (bytes % 1000000 != 0));
}

static long long mb_down(int64_t bytes)
{
	return (long long)(MAX(bytes, 0) / 1000000);
}

/* Is there memory for NEED bytes in all? */
static int grant(struct store_sink *st, int64_t need, struct failure *f)
{
	int64_t reserve = memory_reserve(st->available);

	if (need > st->available - reserve)
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM,
			    "the image needs %lld MB, %lld MB are free (%lld MB more are kept for the machine itself)",
			    mb_up(need), mb_down(st->available - reserve), mb_up(reserve));
	st->granted = MAX(st->granted, need);
	return 0;
}

/* The image has SO_FAR bytes, which fill what was granted, and goes on: a step more, if what was free at first and what
 * is free now both say so. */
static int grant_step(struct store_sink *st, int64_t so_far, struct failure *f)
{
	int64_t reserve = memory_reserve(st->available), most = st->available - reserve, now = memory_available();

	if (st->granted >= most || (now >= 0 && now < reserve + 2 * STEP))
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM,
			    "the image takes more than %lld MB, of %lld MB that were free %lld MB are left, and no "
			    "less than %lld MB are kept for the machine itself",
			    mb_down(so_far), mb_down(st->available), mb_down(now), mb_up(reserve));
	st->granted = MIN(st->granted + STEP, most);
	return 0;
}

static int store_sink_begin(struct sink *s, int64_t size, struct failure *f)
{
	struct store_sink *st = self(s);
	int err = st->available >= 0 && size >= 0 ? grant(st, size, f) : 0;

	return err ? err : st->store->ops->begin(st->store, size, f);
}

static int store_sink_reserve(struct sink *s, void **space, size_t *room, struct failure *f)
{
	return store_reserve(self(s)->store, space, room, f);
}

/* Refuses what is no image, and what can never fit, as soon as it can be told: from the store, or from FD where the
 * image still lies there. */
static int look(struct store_sink *st, int fd, struct failure *f)
{
	struct store *store = st->store;
	uint8_t *head = malloc(IMAGE_HEAD);
	enum image_kind kind;
	int64_t claimed;
	ssize_t n;
	int err = 0;

	st->looked = true;
	if (!head)
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory to look at the image");
	n = fd < 0 ? store_read_head(store, head, IMAGE_HEAD) : pread(fd, head, IMAGE_HEAD, 0);
	if (fd >= 0 && n < 0)
		n = -errno;
	if (n < 0 && n != -EBADF) { /* a pipe cannot be looked at */
		err = fail(f, FAIL_IMG_STORE, (int)n, "reading %s: %s", store->path, err_text((int)n));
	} else if (n >= 0) {
		err = image_check(head, (size_t)n, &kind, &claimed, f);
		st->kind = kind;
		st->claimed = claimed;
		if (!err && st->available >= 0)
			err = grant(st, claimed, f);
	}
	free(head);
	return err;
}

/* After each portion: is there memory for the next one, is it an image? The portion itself, at most a window, comes
 * out of what is kept for the machine. */
static int check(struct store_sink *st, int64_t so_far, int fd, struct failure *f)
{
	int err = 0;

	if (st->look && !st->looked && so_far >= IMAGE_HEAD)
		err = look(st, fd, f);
	while (!err && st->available >= 0 && so_far > st->granted)
		err = grant_step(st, so_far, f);
	return err;
}

static int store_sink_commit(struct sink *s, size_t used, struct failure *f)
{
	struct store_sink *st = self(s);
	int err = store_commit(st->store, used, f);

	return err ? err : check(st, st->store->size, -1, f);
}

static ssize_t store_sink_pull(struct sink *s, int fd, size_t max, struct failure *f)
{
	struct store_sink *st = self(s);
	ssize_t n = store_pull(st->store, fd, max, f);
	int err = n > 0 ? check(st, st->store->size, -1, f) : 0;

	return err ? err : n;
}

static int store_sink_last(struct sink *s, void *bytes, size_t len)
{
	return store_read_last(self(s)->store, bytes, len);
}

static int store_sink_lend(struct sink *s, int *fd, int64_t *at)
{
	struct store *store = self(s)->store;

	if (!store->ops->revoke)
		return -EOPNOTSUPP;
	*fd = store->fd;
	*at = store->size;
	return 0;
}

static int store_sink_revoke(struct sink *s, struct failure *f)
{
	struct store *store = self(s)->store;

	return store->ops->revoke(store, f);
}

static int store_sink_take(struct sink *s, int fd, int64_t size, struct failure *f)
{
	struct store *store = self(s)->store;

	/* the bytes are in memory already: there is nothing to grant */
	return store->ops->take ? store->ops->take(store, fd, size, f) : -EOPNOTSUPP;
}

/* Memory is granted as it is to bytes that come by commit. */
static int store_sink_may_take(struct sink *s, int fd, int64_t so_far, struct failure *f)
{
	struct store_sink *st = self(s);

	return st->store->ops->take ? check(st, so_far, fd, f) : -EOPNOTSUPP;
}

static int store_sink_finish(struct sink *s, struct failure *f)
{
	struct store_sink *st = self(s);
	int err = st->look && !st->looked ? look(st, -1, f) : 0;

	if (!err)
		err = image_check_size(st->kind, st->claimed, st->store->size, f);
	return err ? err : st->store->ops->finish(st->store, f);
}

static int store_sink_restart(struct sink *s, struct failure *f)
{
	struct store_sink *st = self(s);

	st->looked = false;
	st->claimed = -1;
	st->granted = 0;
	return st->store->ops->restart(st->store, f);
}

static void store_sink_free(struct sink *s)
{
	free(self(s));
}

static const struct sink_shortcuts store_sink_shortcuts = {
	.pulling = &(const struct sink_pulling){ store_sink_pull, store_sink_last },
	.lending = &(const struct sink_lending){ store_sink_lend, store_sink_revoke },
	.taking = &(const struct sink_taking){ store_sink_take, store_sink_may_take },
};

struct sink *store_sink(struct store *s, bool look_at_it, int64_t memory)
{
	struct store_sink *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->sink = (struct sink){
		.begin = store_sink_begin,
		.reserve = store_sink_reserve,
		.commit = store_sink_commit,
		.finish = store_sink_finish,
		.restart = store_sink_restart,
		.free = store_sink_free,
		.shortcuts = &store_sink_shortcuts,
	};
	st->store = s;
	st->look = look_at_it;
	st->claimed = -1;
	st->available = memory;
	return &st->sink;
}

struct sink *image_sink(struct store *s, bool raw, int64_t memory, const char *sha256_hex)
{
	return intake_sink(store_sink(s, !raw, memory), raw, memory, sha256_hex);
}
