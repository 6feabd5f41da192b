/* transfer.c - pieces of one file, from connection after connection -> the sink, never two versions of it mixed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/retrieve/transfer.h"

#include "base/clock.h"
#include "base/log.h"
#include "image/image.h"

#include <poll.h>

/* Progress is shown at most this often. */
#define SHOW_EVERY_MS 100

/* Fewer bytes than this in such a time is a server to leave: 300 MB would take three days. */
#define SLOW_WINDOW_MS 60000
#define SLOW_BYTES     (60 * KIB)

void transfer_free(struct transfer *t)
{
	free(t->tag);
	free(t->modified);
	free(t->moved);
	free(t->what);
	free(t->head);
	*t = (struct transfer){ 0 };
}

void transfer_forget(struct transfer *t)
{
	t->tail_len = t->check_len = t->check_want = 0;
	t->tail_in_sink = false;
	free(t->moved);
	t->moved = NULL;
}

/* By so many bytes a rough size may be too large, a block of TFTP; a file that ends before is cut. */
#define ROUGHLY ((int64_t)65536)

/* ---- versions */

/* True when it is known how many bytes there are. */
static bool measured(const struct transfer *t)
{
	return t->version.size >= 0 && !t->version.rough;
}

bool transfer_has_sum(const struct transfer *t)
{
	return t->fetch->options->value[KEY_SHA256] != NULL;
}

/* The last bytes may have gone by unseen. */
static void fetch_tail(struct transfer *t)
{
	struct sink *s = t->fetch->sink;
	size_t len = (size_t)MIN(t->done, (int64_t)sizeof(t->tail));

	if (t->tail_in_sink)
		t->tail_len = sink_last(s, t->tail, len) ? 0 : len;
}

int64_t transfer_offset(struct transfer *t, const void *mirror)
{
	bool known = t->version.modified || (t->version.tag && mirror == t->origin) || transfer_has_sum(t);

	if (!t->begun || t->no_resume || !known || !measured(t))
		return 0;
	fetch_tail(t);
	if (!t->tail_len)
		return 0;
	return t->done - (int64_t)t->tail_len;
}

/* True when V, on MIRROR, is known to be the version that the bytes in the sink are of. */
static bool same_version(const struct transfer *t, const void *mirror, const struct version *v)
{
	if (v->size != t->version.size)
		return false;
	if (transfer_has_sum(t))
		return true;
	if (mirror == t->origin && v->tag && t->version.tag)
		return streq(v->tag, t->version.tag);
	return v->modified && t->version.modified && streq(v->modified, t->version.modified);
}

/* True when V shows that the file is not what it was on the same mirror. */
static bool has_changed(const struct transfer *t, const void *mirror, const struct version *v)
{
	if (mirror != t->origin || !t->begun)
		return false;
	if (v->tag && t->version.tag)
		return !streq(v->tag, t->version.tag);
	if (v->modified && t->version.modified && !streq(v->modified, t->version.modified))
		return true;
	return measured(t) && v->size >= 0 && !v->rough && v->size != t->version.size;
}

static int keep_text(char **to, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

static int keep_version(struct transfer *t, const void *mirror, const struct version *v)
{
	if (keep_text(&t->tag, v->tag) || keep_text(&t->modified, v->modified))
		return -ENOMEM;
	t->version = (struct version){ .size = v->size, .rough = v->rough, .tag = t->tag, .modified = t->modified };
	t->origin = mirror;
	return 0;
}

int transfer_changed(struct transfer *t, struct failure *f)
{
	transfer_forget(t);
	t->changes++;
	t->origin = NULL; /* counted here, not again by begin_anew */
	return fail(f, FAIL_SRV_CHANGED, -ESTALE, "%s: it is not the file of which %lld bytes are here", t->what,
		    (long long)t->done);
}

int transfer_longer(struct transfer *t, struct failure *f)
{
	t->doubted = true;
	return transfer_changed(t, f);
}

bool transfer_is_whole(const struct transfer *t)
{
	return measured(t) && t->check_len >= t->check_want && t->done >= t->version.size;
}

int transfer_doubted(struct transfer *t, struct failure *f)
{
	if (t->doubted) {
		log_warn("%s: it seems to be another file each time; what came whole is used", t->what);
		return 0;
	}
	t->doubted = true;
	return transfer_changed(t, f);
}

/* ---- one connection's bytes */

static void start_window(struct transfer *t)
{
	t->window_ms = now_ms();
	t->window_done = t->done;
}

static int no_memory(struct failure *f)
{
	return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a transfer's own data");
}

/* A size that may be a little wrong is good enough to see that there is no room. 0 or -errno with F. */
static int ask_room(struct sink *s, int64_t size, struct failure *f)
{
	int err = size > ROUGHLY ? s->begin(s, size - ROUGHLY, f) : 0;

	return err || size <= ROUGHLY ? err : s->restart(s, f);
}

static int begin_anew(struct transfer *t, const void *mirror, const struct version *v, struct failure *f)
{
	int err;

	if (has_changed(t, mirror, v) && ++t->changes > TRANSFER_CHANGES_MAX)
		return fail(f, FAIL_SRV_CHANGED, -ESTALE, "%s: it changed %u times while it was being read", t->what,
			    t->changes);
	transfer_forget(t);
	if (t->begun) {
		err = t->fetch->sink->restart(t->fetch->sink, f);
		if (err)
			return err;
	}
	t->begun = false;
	t->done = 0;
	t->head_len = 0;
	if (keep_version(t, mirror, v))
		return no_memory(f);
	if (!measured(t) && !t->head) {
		t->head = malloc(IMAGE_HEAD);
		if (!t->head)
			return no_memory(f);
	}
	err = v->rough ? ask_room(t->fetch->sink, v->size, f) : 0;
	if (!err)
		err = t->fetch->sink->begin(t->fetch->sink, measured(t) ? v->size : -1, f);
	t->begun = !err;
	return err;
}

int transfer_begin(struct transfer *t, const void *mirror, int64_t offset, const struct version *v, const char *what,
		   struct failure *f)
{
	int err = 0;

	if (keep_text(&t->what, what))
		return no_memory(f);
	if (offset == 0)
		err = begin_anew(t, mirror, v, f);
	else if (!same_version(t, mirror, v))
		err = transfer_changed(t, f);
	else
		t->check_want = t->tail_len;
	t->in_pieces = offset != 0;
	t->check_len = 0;
	start_window(t);
	return err;
}

int transfer_reserve(struct transfer *t, void **space, size_t *room, struct failure *f)
{
	int err;

	if (t->check_len < t->check_want) {
		*space = t->check + t->check_len;
		*room = t->check_want - t->check_len;
		return 0;
	}
	err = t->fetch->sink->reserve(t->fetch->sink, space, room, f);
	t->space = err ? NULL : *space;
	return err;
}

int transfer_lend(struct transfer *t, int *fd, int64_t *at)
{
	return t->check_len < t->check_want ? -EOPNOTSUPP : sink_lend(t->fetch->sink, fd, at);
}

int transfer_revoke(struct transfer *t, struct failure *f)
{
	return sink_revoke(t->fetch->sink, f);
}

/* The bytes came a second time: the same ones, or the file is not the same. */
static int commit_check(struct transfer *t, size_t used, struct failure *f)
{
	t->check_len += used;
	if (t->check_len < t->check_want)
		return 0;
	if (memcmp(t->check, t->tail, t->check_want) != 0)
		return transfer_changed(t, f);
	t->check_len = t->check_want = 0;
	return 0;
}

/* Keeps the last bytes, to be compared when the connection breaks. */
static void keep_tail(struct transfer *t, const uint8_t *bytes, size_t len)
{
	size_t keep;

	if (len >= sizeof(t->tail)) {
		memcpy(t->tail, bytes + len - sizeof(t->tail), sizeof(t->tail));
		t->tail_len = sizeof(t->tail);
		return;
	}
	keep = MIN(t->tail_len, sizeof(t->tail) - len);
	memmove(t->tail, t->tail + t->tail_len - keep, keep);
	memcpy(t->tail + keep, bytes, len);
	t->tail_len = keep + len;
}

static void keep_head(struct transfer *t, const uint8_t *bytes, size_t len)
{
	size_t n = MIN(len, IMAGE_HEAD - t->head_len);

	memcpy(t->head + t->head_len, bytes, n);
	t->head_len += n;
}

static void show(struct transfer *t, int64_t now)
{
	t->shown_ms = now;
	watch_progress(t->fetch->watch, t->done, t->done > t->version.size ? -1 : t->version.size);
}

/* Something came: shows it, and looks whether somebody wants to stop, and whether it was enough over the last
 * minute. */
static int look_up(struct transfer *t, struct failure *f)
{
	int64_t now = now_ms(), came = t->done - t->window_done, took = now - t->window_ms;

	if (now - t->shown_ms < SHOW_EVERY_MS)
		return 0;
	show(t, now);
	if (watch_cancelled(t->fetch->watch))
		return fail(f, FAIL_SYS_CANCELLED, -ECANCELED, "%s: after %lld bytes", t->what, (long long)t->done);
	if (took < MAX(SLOW_WINDOW_MS, t->timeout_ms))
		return 0;
	start_window(t);
	if (came >= SLOW_BYTES)
		return 0;
	return fail(f, FAIL_SRV_STALLED, -ETIMEDOUT, "%s: only %lld bytes in %lld s", t->what, (long long)came,
		    (long long)took / 1000);
}

int transfer_commit(struct transfer *t, size_t used, struct failure *f)
{
	int err;

	if (t->check_len < t->check_want)
		return commit_check(t, used, f);
	if (measured(t) && (int64_t)used > t->version.size - t->done)
		return transfer_longer(t, f);
	if (!t->tail_in_sink)
		keep_tail(t, t->space, used);
	if (!measured(t))
		keep_head(t, t->space, used);
	err = t->fetch->sink->commit(t->fetch->sink, used, f);
	if (err)
		return err;
	t->done += (int64_t)used;
	return look_up(t, f);
}

/* Less than this is not worth a move inside the kernel. */
#define PULL_MIN ((size_t)64 * 1024)

/* Moves bytes inside the kernel, unseen. As the sink's pull; -EOPNOTSUPP where they have to be seen. */
static ssize_t pull(struct transfer *t, const struct stream *s, size_t max, struct failure *f)
{
	struct sink *sink = t->fetch->sink;
	ssize_t n;

	if (t->check_len < t->check_want || (t->head && t->head_len < IMAGE_HEAD))
		return -EOPNOTSUPP;
	if (measured(t))
		max = (size_t)MIN((uint64_t)max, (uint64_t)(t->version.size - t->done));
	if (max < PULL_MIN)
		return -EOPNOTSUPP;
	n = sink_pull(sink, s->fd, max, f);
	if (n > 0) {
		t->tail_in_sink = true;
		t->done += n;
	}
	return n;
}

/* Reads bytes into the sink's room. As transfer_carry. */
static ssize_t read_in(struct transfer *t, struct stream *s, size_t max, struct failure *f)
{
	void *space;
	size_t room;
	ssize_t n;
	int err = transfer_reserve(t, &space, &room, f);

	if (err)
		return err;
	n = stream_read(s, space, MIN(room, max), now_ms() + t->timeout_ms);
	if (n > 0)
		err = transfer_commit(t, (size_t)n, f);
	return err ? err : n;
}

ssize_t transfer_carry(struct transfer *t, struct stream *s, size_t max, struct failure *f)
{
	f->id = FAIL_NONE;
	for (;;) {
		ssize_t n = pull(t, s, max, f);
		int err;

		if (n == -EOPNOTSUPP)
			return read_in(t, s, max, f);
		if (n != -EAGAIN) {
			err = n > 0 ? look_up(t, f) : 0;
			return err ? err : n;
		}
		err = stream_wait(s, POLLIN, now_ms() + t->timeout_ms);
		if (err)
			return err;
	}
}

int transfer_write(struct transfer *t, const void *bytes, size_t len, struct failure *f)
{
	const uint8_t *p = bytes;

	while (len) {
		void *space;
		size_t room;
		int err = transfer_reserve(t, &space, &room, f);

		if (err)
			return err;
		room = MIN(room, len);
		memcpy(space, p, room);
		err = transfer_commit(t, room, f);
		if (err)
			return err;
		p += room;
		len -= room;
	}
	return 0;
}

/* ---- the end */

static bool all_zero(const uint8_t *bytes, size_t len)
{
	return !len || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* True when the last bytes are the end of an archive: of a tar two blocks of zeros, of a cpio its last name and
 * zeros. */
static bool ends_as_archive(struct transfer *t, enum image_kind kind)
{
	static const char trailer[] = "TRAILER!!!";
	const uint8_t *last;

	fetch_tail(t);
	if (kind == IMAGE_TAR)
		return t->done % 512 == 0 && t->tail_len >= 1024 && all_zero(t->tail + t->tail_len - 1024, 1024);
	last = kind == IMAGE_CPIO ? memmem(t->tail, t->tail_len, trailer, sizeof(trailer)) : NULL;
	return last && all_zero(last + sizeof(trailer), (size_t)(t->tail + t->tail_len - last) - sizeof(trailer));
}

/* True when who is behind the sink finds the end of a KIND by himself. Nobody looks where the bytes are kept as they
 * are. */
static bool sink_finds_end(const struct transfer *t, enum image_kind kind)
{
	return !t->fetch->raw && (kind == IMAGE_GZIP || kind == IMAGE_XZ || kind == IMAGE_ZSTD || kind == IMAGE_TAR ||
				  kind == IMAGE_CPIO);
}

/* A connection closed and nobody said how much should have come: only what checks itself is accepted. */
static int end_of_unmeasured(struct transfer *t, struct failure *f)
{
	enum image_kind kind;
	int64_t size;

	if (transfer_has_sum(t))
		return 0;
	kind = image_recognise(t->head, t->head_len, &size);
	if (size >= 0 && t->done >= size)
		return 0;
	if (size >= 0)
		return fail(f, FAIL_SRV_SHORT, -ENODATA, "%s: %lld bytes came, the %s image says it has %lld", t->what,
			    (long long)t->done, image_kind_name(kind), (long long)size);
	if (sink_finds_end(t, kind) || ends_as_archive(t, kind))
		return 0;
	return fail(f, FAIL_SRV_SHORT, -ENODATA,
		    "%s: the server closed after %lld bytes and never said how many there are; "
		    "sha256: would tell whether that is all",
		    t->what, (long long)t->done);
}

/* How far it came: "100 of 300 bytes". */
static void add_progress(const struct transfer *t, struct buf *out)
{
	buf_printf(out, "%lld", (long long)t->done);
	if (t->version.size >= 0)
		buf_printf(out, " of %lld", (long long)t->version.size);
	buf_str(out, " bytes");
}

int transfer_ended(const struct transfer *t, const char *words, struct failure *f)
{
	cleanup_buf struct buf came = { 0 };

	add_progress(t, &came);
	return fail(f, FAIL_SRV_SHORT, -ENODATA, "%s: it ended after %s: %s", t->what, buf_cstr(&came), words);
}

int transfer_broken(const struct transfer *t, int err, struct failure *f)
{
	cleanup_buf struct buf came = { 0 };

	add_progress(t, &came);
	if (err == -ECANCELED)
		return fail(f, FAIL_SYS_CANCELLED, err, "%s: after %s", t->what, buf_cstr(&came));
	if (err == -ETIMEDOUT)
		return fail(f, FAIL_SRV_STALLED, err, "%s: no byte for %lld s, after %s", t->what,
			    (long long)t->timeout_ms / 1000, buf_cstr(&came));
	return fail(f, FAIL_SRV_SHORT, err, "%s: the connection ended after %s%s%s", t->what, buf_cstr(&came),
		    err == -ENODATA ? "" : ": ", err == -ENODATA ? "" : err_text(err));
}

int transfer_end(struct transfer *t, bool delimited, struct failure *f)
{
	if (t->check_want || (t->version.size >= 0 && t->done < t->version.size - (t->version.rough ? ROUGHLY : 0)))
		return fail(f, FAIL_SRV_SHORT, -ENODATA, "%s: %lld of %lld bytes came", t->what, (long long)t->done,
			    (long long)t->version.size);
	if (!measured(t) && !delimited && end_of_unmeasured(t, f))
		return -ENODATA;
	if (t->version.rough && t->version.size >= 0 && t->done != t->version.size)
		log_warn("%s: the server said %lld bytes, %lld came", t->what, (long long)t->version.size,
			 (long long)t->done);
	show(t, now_ms());
	return 0;
}
