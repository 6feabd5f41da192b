/* retrieve.c - options and one protocol's "get" -> the whole image in the sink: mirrors, addresses, paths, retries. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/retrieve/mirrors.h"
#include "methods/retrieve/url.h"

#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <time.h>

/* While there are other places to try, a silent address gets no longer than this to accept a connection. */
#define HASTY_CONNECT_MS 5000

/* The longest wish of a server (Retry-After) that is granted. */
#define RETRY_AFTER_MAX_MS 30000

/* A round that brought this much was no failure: the count of retries starts again. */
#define WORTHWHILE_BYTES MIB

struct retrieval {
	struct fetch *fetch;
	const struct protocol *protocol;
	struct transfer transfer;
	int64_t retries;
	struct mirrors mirrors;
	char **paths;
	size_t path_count;
	struct spot *favourite;       /* the one that brought bytes last is asked first */
	const struct failure *latest; /* of the last try that is worth another one; NULL: none */
	struct failure stopped;       /* by a person, between two tries */
	const struct failure *untold; /* of the last try: worth a line when another one follows; NULL: none */
	enum fail_id told;            /* what a person was told last: the same again is no news */
	bool resumed;                 /* the bytes in the sink came over more than one connection */
	bool again;                   /* a bad image was fetched again from its beginning: not twice */
};

/* What follows from one try, one place, or one round. */
enum outcome { GOT_IT, TRY_AGAIN, GIVE_UP };

/* ---- from options */

static int read_options(struct retrieval *r)
{
	const struct options *o = r->fetch->options;
	struct failure *f = r->fetch->fail;
	int64_t seconds;

	if (options_number(o, KEY_TIMEOUT, 1, 86400, RETRIEVE_TIMEOUT_S, &seconds, f) ||
	    options_number(o, KEY_RETRIES, 0, 1000000, RETRIEVE_RETRIES, &r->retries, f))
		return -EINVAL;
	r->transfer.timeout_ms = seconds * 1000;
	return mirrors_read(&r->mirrors, r->fetch, r->protocol);
}

/* ---- one try */

/* Who does not prove to be the server is not asked again. */
static bool is_identity_failure(enum fail_id id)
{
	return fail_is_about(id, "TLS");
}

static bool is_server_failure(enum fail_id id)
{
	return fail_is_about(id, "SRV") || fail_is_about(id, "DNS") || is_identity_failure(id);
}

/* Bytes that are no good image: another mirror may have better ones. */
static bool is_image_failure(enum fail_id id)
{
	return id == FAIL_IMG_UNKNOWN || id == FAIL_IMG_CORRUPT || id == FAIL_IMG_DIGEST;
}

/* Another try begins: what was wrong with the one before is worth a line, unless it was the same before. */
static void tell(struct retrieval *r)
{
	if (r->untold && r->untold->id != r->told) {
		r->told = r->untold->id;
		watch_note(r->fetch->watch, "%s", r->untold->detail);
	}
	r->untold = NULL;
}

static int get_once(struct retrieval *r, struct spot *s, struct failure *f)
{
	struct transfer *t = &r->transfer;
	int64_t before = t->done;
	int err;

	tell(r);
	r->resumed = transfer_offset(t, s) > 0;
	s->place.connect_ms =
		mirrors_places_left(&r->mirrors) > 1 ? MIN(HASTY_CONNECT_MS, t->timeout_ms) : t->timeout_ms;
	err = r->protocol->get(t, &s->place, r->paths[s->path], f);
	if (!err && (!r->fetch->found || !r->fetch->found->kind))
		err = r->fetch->sink->finish(r->fetch->sink, f);
	if (err)
		fail_name_image(f, t->what);
	if (t->done != before)
		r->favourite = s;
	return err;
}

/* The image is no good. It may have been put together of connections that did not fit, and is fetched anew at once; or
 * it is the mirror's own fault. */
static void bad_image(struct retrieval *r, struct spot *s)
{
	bool once_more = r->resumed && !r->again;

	transfer_forget(&r->transfer);
	r->again |= once_more;
	s->out = !once_more;
}

/* True for failures that another path of the same place may mend. A name that is not known is a redirection's. */
static bool is_path_failure(enum fail_id id)
{
	return id == FAIL_SRV_NOT_FOUND || id == FAIL_SRV_DENIED || id == FAIL_SRV_REDIRECT || id == FAIL_DNS_NO_NAME ||
	       id == FAIL_DNS_NO_SERVER;
}

/* Keeps why S did not bring the file: the latest failure, but of several paths' the one that tells most. */
static void note_failure(struct spot *s, const struct failure *f)
{
	if (s->path && is_path_failure(f->id) && failure_telling(f->id) <= failure_telling(s->failure.id))
		return;
	s->failure = *f;
}

/* S brought the image: who needs more of it finds it there. */
static void tell_origin(const struct retrieval *r, const struct spot *s)
{
	struct origin *o = &r->fetch->origin;

	origin_free(o);
	*o = (struct origin){
		.words = r->transfer.what ? strdup(r->transfer.what) : NULL,
		.host = strdup(s->place.host),
		.port = s->place.port,
		.address = *s->place.address,
		.path = strdup(r->paths[s->path]),
	};
}

/* Tries the paths of one place until it has one of them, or fails in a way that another path does not mend. */
static enum outcome try_place(struct retrieval *r, struct spot *s)
{
	while (!s->out) {
		struct failure f = { 0 };

		if (get_once(r, s, &f) == 0) {
			tell_origin(r, s);
			return GOT_IT;
		}
		note_failure(s, &f);
		if (is_image_failure(f.id)) {
			bad_image(r, s);
			continue;
		}
		if (!is_server_failure(f.id) || r->transfer.changes > TRANSFER_CHANGES_MAX)
			return GIVE_UP;
		if (is_identity_failure(f.id) || (f.id == FAIL_SRV_DENIED && f.err == -EACCES))
			s->out = true;
		else if (is_path_failure(f.id))
			s->out = ++s->path == r->path_count;
		else if (f.id != FAIL_SRV_CHANGED || r->transfer.changes > 1)
			break;
	}
	if (!s->out)
		r->latest = &s->failure;
	r->untold = &s->failure;
	return TRY_AGAIN;
}

/* ---- rounds */

static enum outcome try_mirror(struct retrieval *r, struct mirror *m, const struct spot *except)
{
	if (m->out)
		return TRY_AGAIN;
	if (mirror_resolve(&r->mirrors, m, r->transfer.timeout_ms)) {
		m->out = m->failure.id == FAIL_DNS_NO_NAME || m->failure.id == FAIL_DNS_NO_SERVER;
		r->latest = m->out ? r->latest : &m->failure;
		return m->failure.id == FAIL_CMD_BAD_VALUE || m->failure.id == FAIL_SYS_INTERNAL ? GIVE_UP : TRY_AGAIN;
	}
	for (size_t i = 0; i < m->count; i++) {
		enum outcome o = &m->spots[i] == except ? TRY_AGAIN : try_place(r, &m->spots[i]);

		if (o != TRY_AGAIN)
			return o;
	}
	return TRY_AGAIN;
}

/* Every place once, the one that worked last first. */
static enum outcome try_all(struct retrieval *r)
{
	struct spot *first = r->favourite;
	enum outcome o = first ? try_place(r, first) : TRY_AGAIN;

	for (size_t i = 0; i < r->mirrors.count && o == TRY_AGAIN; i++)
		o = try_mirror(r, &r->mirrors.list[i], first);
	return o;
}

/* Milliseconds before retry N (from 0): doubling from half a second to 16, with a half of it left to chance, so that a
 * room full of machines does not come back in step. */
static int64_t backoff_ms(unsigned n)
{
	int64_t base = 500LL << MIN(n, 5U);
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return base / 2 + (ts.tv_nsec / 1000) % (base / 2 + 1);
}

/* What is reported: where a person stopped it, that; else the most telling failure. */
static const struct failure *worst(const struct retrieval *r)
{
	static const struct failure none = { .id = FAIL_SYS_INTERNAL, .err = -EIO, .detail = "nothing was tried" };
	const struct failure *f = r->stopped.id != FAIL_NONE ? &r->stopped : mirrors_worst(&r->mirrors);

	return f ? f : &none;
}

/* Waits before the next round. 0 or -ECANCELED. */
static int wait_for_retry(struct retrieval *r, unsigned n)
{
	const struct failure *f = r->latest ? r->latest : worst(r);
	struct watch *w = r->fetch->watch;
	int64_t wait = MAX(backoff_ms(n), MIN(r->transfer.retry_after_ms, RETRY_AFTER_MAX_MS));
	int64_t deadline = now_ms() + wait;

	log_info("trying again in %lld ms: %s", (long long)wait, f->detail);
	while (now_ms() < deadline) {
		if (watch_cancelled(w))
			return fail(&r->stopped, FAIL_SYS_CANCELLED, -ECANCELED, "while waiting to try again");
		watch_waiting(w, deadline, "retry %u of %lld: %s", n + 1, (long long)r->retries, fail_title(f->id));
		poll(NULL, 0, MIN(ms_left(deadline), 500));
	}
	return 0;
}

static enum outcome run(struct retrieval *r)
{
	unsigned fruitless = 0;

	for (;;) {
		int64_t before = r->transfer.done;
		enum outcome o;

		r->transfer.retry_after_ms = -1;
		o = try_all(r);
		if (o != TRY_AGAIN)
			return o;
		if (r->transfer.done - before >= WORTHWHILE_BYTES)
			fruitless = 0;
		if (!mirrors_places_left(&r->mirrors) || fruitless >= r->retries)
			return GIVE_UP;
		if (wait_for_retry(r, fruitless++))
			return GIVE_UP;
	}
}

/* ---- the report */

/* Reports the most telling failure, and in one word each how the other mirrors fared. */
static int report(const struct retrieval *r)
{
	const struct failure *f = worst(r);
	cleanup_buf struct buf more = { 0 };

	if (f->id == FAIL_SRV_NOT_FOUND)
		for (size_t i = 1; i < r->path_count; i++)
			buf_printf(&more, "; nor %.*s", (int)url_query(r->protocol->scheme, r->paths[i]), r->paths[i]);
	for (size_t i = 0; r->mirrors.count > 1 && i < r->mirrors.count; i++) {
		const struct mirror *m = &r->mirrors.list[i];
		const struct failure *its = m->spots ? &m->spots[0].failure : &m->failure;

		if (its != f && its->id != FAIL_NONE)
			buf_printf(&more, "; %s: %s", m->host, fail_title(its->id));
	}
	return fail(r->fetch->fail, f->id, f->err, "%s%s", f->detail, buf_cstr(&more));
}

static void release(struct retrieval *r)
{
	mirrors_free(&r->mirrors);
	for (size_t i = 0; i < r->path_count; i++)
		free(r->paths[i]);
	free(r->paths);
	transfer_free(&r->transfer);
}

/* Everything that is known before the first byte moves. 0 or -errno with the failure filled. */
static int prepare(struct retrieval *r)
{
	int err = read_options(r);

	if (!err)
		err = method_paths(r->fetch->options, &r->paths, &r->path_count);
	if (err == -ENOMEM)
		fail(r->fetch->fail, FAIL_SYS_INTERNAL, err, "no memory for the names of servers and files");
	return err;
}

int retrieve(struct fetch *f, const struct protocol *p)
{
	struct retrieval r = { .fetch = f, .protocol = p, .transfer = { .fetch = f, .version.size = -1 } };
	int err = prepare(&r);

	if (!err && run(&r) != GOT_IT)
		err = report(&r);
	release(&r);
	return err;
}
