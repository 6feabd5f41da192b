/* store.c - a stream as it comes -> its last part, or all of it, in memory, and readers at their own places. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/store.h"

#include "base/log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"

#define SEND_BUDGET (4 * MIB) /* bytes for one reader before others get their turn */
#define PIECE       (8 * MIB) /* bytes mapped of a file that grows */

/* The next round through the file. 0 or -ENOMEM. */
static int add_round(struct ka_store *s)
{
	int64_t start = s->bytes.parts ? s->bytes.part[s->bytes.parts - 1].end : 0;
	struct rstore_part *part = realloc(s->bytes.part, (s->bytes.parts + 1) * sizeof(*part));

	if (!part)
		return -ENOMEM;
	s->bytes.part = part;
	part[s->bytes.parts++] =
		(struct rstore_part){ .fd = s->fd, .old_fd = -1, .start = start, .end = start + s->capacity };
	return 0;
}

/* A file that grows: the piece of it behind the end is mapped. Whether there is memory for it its owner has asked. 0 or
 * -errno. */
static int map_next(struct ka_store *s)
{
	int64_t at = s->end / PIECE * PIECE;
	uint8_t *memory;

	if (s->end + KA_STORE_SLACK <= s->mapped_at + (int64_t)s->mapped)
		return 0;
	if (ftruncate(s->fd, at + 2 * PIECE) < 0)
		return -errno;
	memory = mmap(NULL, 2 * PIECE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, at);
	if (memory == MAP_FAILED)
		return -errno;
	munmap(s->memory, s->mapped);
	s->memory = memory;
	s->mapped = 2 * PIECE;
	s->mapped_at = at;
	return 0;
}

/* There is always room behind the end for what is written next. 0 or -errno. */
static int make_room(struct ka_store *s)
{
	if (s->whole)
		return map_next(s);
	if (s->end + 2 * KA_STORE_SLACK <= s->bytes.part[s->bytes.parts - 1].end)
		return 0;
	return add_round(s);
}

/* 0 or -errno. */
static int map_twice(struct ka_store *s)
{
	size_t size = (size_t)s->capacity;
	uint8_t *at = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	s->memory = at;
	s->mapped = 2 * size;
	for (size_t i = 0; i < 2; i++)
		if (mmap(at + i * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, s->fd, 0) == MAP_FAILED)
			return -errno;
	return 0;
}

int ka_store_open(struct ka_store *s, struct loop *l, int64_t window, struct failure *f)
{
	*s = (struct ka_store){ .loop = l,
				.window = window,
				.capacity = (window / KA_STORE_SLACK + 2) * KA_STORE_SLACK };
	s->bytes = (struct rstore){ .kind = RSTORE_LENT, .limit = -1 };
	s->fd = memfd_create("ka", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->fd < 0 || ftruncate(s->fd, s->capacity) < 0 || map_twice(s) < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "memory file: %s", err_text(-errno));
	return add_round(s);
}

int ka_store_keep_all(struct ka_store *s)
{
	if (s->whole)
		return 0;
	if (s->start > 0 || s->end > s->capacity - KA_STORE_SLACK)
		return -ENODATA;
	s->whole = true;
	s->bytes.part[0].end = INT64_MAX;
	s->bytes.parts = 1;
	/* what is being received into the first round's mapping goes on there; it is the same file */
	s->mapped = (size_t)s->capacity;
	munmap(s->memory + s->capacity, (size_t)s->capacity);
	return 0;
}

void ka_store_close(struct ka_store *s)
{
	while (s->readers)
		ka_reader_drop(s->readers);
	if (s->loop) {
		rstore_close(&s->bytes, false);
		if (s->memory)
			munmap(s->memory, s->mapped);
		base_close_fd(&s->fd);
	}
	*s = (struct ka_store){ .fd = -1 };
}

static void free_pages(struct ka_store *s, int64_t from, int64_t to)
{
	const int64_t page = 4096;

	from = (from + page - 1) / page * page;
	to = to / page * page;
	if (from < to)
		(void)!fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from);
}

void ka_store_forget(struct ka_store *s, int64_t floor, int64_t size)
{
	int64_t from = MAX(s->start, size - s->capacity + KA_STORE_SLACK), to = MIN(floor, s->end);
	int64_t at = from % s->capacity, len;

	for (const struct ka_reader *r = s->readers; r; r = r->next)
		if (r->started)
			to = MIN(to, r->at);
	len = to - from;
	if (s->whole || len <= 0)
		return;
	free_pages(s, at, MIN(at + len, s->capacity));
	free_pages(s, 0, at + len - s->capacity);
	s->start = to;
}

/* ---- readers */

static void unlink_reader(struct ka_reader *r)
{
	for (struct ka_reader **p = &r->store->readers; *p; p = &(*p)->next) {
		if (*p == r) {
			*p = r->next;
			break;
		}
	}
}

/* ABRUPT: what is still in the socket refers to pages that will be written anew, and must not be sent any more. */
static void let_go(struct ka_reader *r, bool abrupt)
{
	struct loop *l = r->store->loop;

	loop_remove(l, &r->w);
	l->world->shut(l, r->w.fd, abrupt);
	r->w.fd = -1;
}

void ka_reader_drop(struct ka_reader *r)
{
	unlink_reader(r);
	let_go(r, r->started);
	loop_free_later(r->store->loop, r);
}

static void finish(struct ka_reader *r, int err)
{
	unlink_reader(r);
	let_go(r, err);
	r->done(r, err);
	loop_free_later(r->store->loop, r);
}

/* Sends what there is. False when the reader is gone. */
static bool pump(struct ka_reader *r)
{
	struct ka_store *s = r->store;
	int64_t before = r->at, budget = SEND_BUDGET;

	while (r->started && r->at < s->end && budget > 0) {
		ssize_t n = rstore_send(&s->bytes, s->loop, r->w.fd, r->at, (size_t)MIN(s->end - r->at, budget));

		if (n == -EAGAIN)
			break;
		if (n < 0) {
			finish(r, (int)n);
			return false;
		}
		r->at += n;
		budget -= n;
	}
	if (r->started && s->ended && r->at == s->end) {
		finish(r, 0);
		return false;
	}
	loop_change(s->loop, &r->w, EPOLLIN | (r->started && r->at < s->end ? EPOLLOUT : 0));
	if (r->at != before && r->moved)
		r->moved(r);
	return true;
}

/* A child may send keep-alives, and the end. A pipe never gets here but broken. */
static bool listen_to(struct ka_reader *r)
{
	char bytes[256];
	ssize_t n = peer_read(r->store->loop, r->w.fd, bytes, sizeof(bytes));

	if (n > 0 || n == -EAGAIN)
		return true;
	finish(r, n == 0 ? -ECONNRESET : n == -ENOTSOCK ? -EPIPE : (int)n);
	return false;
}

static void ready(struct loop_fd *w, uint32_t events)
{
	struct ka_reader *r = container_of(w, struct ka_reader, w);

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !listen_to(r))
		return;
	pump(r);
}

struct ka_reader *ka_reader_add(struct ka_store *s, int fd, void *owner, void (*done)(struct ka_reader *r, int err))
{
	struct ka_reader *r = calloc(1, sizeof(*r));

	if (!r) {
		peer_shut(s->loop, fd);
		return NULL;
	}
	*r = (struct ka_reader){
		.store = s, .w = { .fd = fd, .ready = ready }, .owner = owner, .done = done, .since = loop_now(s->loop)
	};
	if (loop_add(s->loop, &r->w, EPOLLIN) < 0) {
		peer_shut(s->loop, fd);
		free(r);
		return NULL;
	}
	r->next = s->readers;
	s->readers = r;
	return r;
}

int ka_reader_start(struct ka_reader *r, int64_t at)
{
	if (at < r->store->start || at < 0)
		return -ENODATA;
	r->at = at;
	r->started = true;
	/* sent from the loop: the caller may still hold R */
	loop_change(r->store->loop, &r->w, EPOLLIN | EPOLLOUT);
	return 0;
}

struct ka_reader *ka_reader_find(struct ka_store *s, struct in_addr ip, bool started)
{
	for (struct ka_reader *r = s->readers; r; r = r->next)
		if (r->ip.s_addr == ip.s_addr && r->started == started)
			return r;
	return NULL;
}

/* ---- bytes */

static void serve(struct ka_store *s)
{
	for (struct ka_reader *r = s->readers, *next; r; r = next) {
		next = r->next;
		/* one whose socket is full is woken by it */
		if (!(r->w.events & EPOLLOUT))
			pump(r);
	}
}

/* What will be overwritten next is not here any more; readers that would need it are too late. */
static void drop_old(struct ka_store *s)
{
	int64_t start = s->end - s->capacity + KA_STORE_SLACK;

	if (s->whole || start <= s->start)
		return;
	s->start = start;
	for (struct ka_reader *r = s->readers, *next; r; r = next) {
		next = r->next;
		if (r->started && r->at < start)
			finish(r, -ENODATA);
	}
}

uint8_t *ka_store_space(struct ka_store *s)
{
	return s->memory + (s->whole ? s->end - s->mapped_at : s->end % s->capacity);
}

int ka_store_grown(struct ka_store *s, int64_t end)
{
	int err;

	s->end = end;
	err = make_room(s);
	if (err)
		return err;
	serve(s);
	drop_old(s);
	return 0;
}

void ka_store_end(struct ka_store *s)
{
	s->ended = true;
	if (s->whole && ftruncate(s->fd, s->end) < 0)
		log_warn("ka: the file of %lld bytes cannot be cut: %s", (long long)s->end, err_text(-errno));
	for (struct ka_reader *r = s->readers, *next; r; r = next) {
		next = r->next;
		pump(r);
	}
}
