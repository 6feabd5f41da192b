/* get.c - a place and a path -> one try to bring the file by HTTP/1.1 GET, resumed by ranges (RFC 9110, 9112). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/http/get.h"

#include "methods/http/exchange.h"

#include "base/clock.h"
#include "base/log.h"
#include "image/image.h"

/* RFC 9110, section 15.4 sets no limit; browsers stop at 20, and a mirror needs two or three. */
#define REDIRECTS_MAX 10

/* A server may send a file in several partial answers; those that bring less go the way of failures. */
#define PIECE_MIN (64 * KIB)

/* A transfer shorter than this cannot be told from a change by times in seconds, and needs no second look. */
#define SECOND_LOOK_MS         1000
#define SECOND_LOOK_TIMEOUT_MS 5000

/* One try: the URLs gone through, and the exchange with the last of them. */
struct visit {
	struct transfer *t;
	const struct place *at;
	struct failure *f;
	struct url first; /* what the options name */
	struct http_exchange x;
	struct url seen[REDIRECTS_MAX]; /* the URLs that led on, in order */
	size_t seen_count;
	int64_t offset; /* where the bytes asked for begin */
};

/* ---- answers that are no file */

/* RFC 9110, section 15: what a status means to a person who wants a file. */
static enum fail_id failure_of_status(int status)
{
	switch (status) {
	case 404:
	case 410:
		return FAIL_SRV_NOT_FOUND;
	case 401:
	case 402:
	case 403:
	case 405:
	case 407:
	case 451:
		return FAIL_SRV_DENIED;
	case 408: /* the server waited too long */
	case 421: /* not this server */
	case 423: /* locked */
	case 425: /* too early */
	case 429: /* too many requests */
		return FAIL_SRV_ERROR;
	}
	if (status >= 500)
		return FAIL_SRV_ERROR;
	return status >= 300 && status < 400 ? FAIL_SRV_REDIRECT : FAIL_SRV_PROTOCOL;
}

static bool is_login_failure(int status)
{
	return status == 401 || status == 407;
}

static const char *hint_of_status(const struct visit *v, int status)
{
	bool login = v->t->fetch->options->value[KEY_USER];

	if (status == 401)
		return login ? " (user: or pass: is wrong)" : " (it wants user: and pass:)";
	if (status == 407)
		return " (the proxy wants a login)";
	return "";
}

static int refused_by_status(struct visit *v)
{
	const struct http_head *h = &v->x.head;

	if (h->retry_after >= 0 && h->retry_after < 86400)
		v->t->retry_after_ms = h->retry_after * 1000;
	if (h->status == 416 && v->offset)
		return transfer_changed(v->t, v->f);
	return fail(v->f, failure_of_status(h->status), is_login_failure(h->status) ? -EACCES : -EREMOTEIO, "%s: %s%s",
		    v->x.what, h->status_line, hint_of_status(v, h->status));
}

/* ---- redirections */

static bool is_redirection(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Names the circle of URLs that ends where it began. */
static int redirect_loop(struct visit *v, size_t begin)
{
	cleanup_buf struct buf circle = { 0 };

	for (size_t i = begin; i < v->seen_count; i++) {
		url_text(&v->seen[i], &circle);
		buf_str(&circle, " -> ");
	}
	url_text(&v->seen[begin], &circle);
	return fail(v->f, FAIL_SRV_REDIRECT, -ELOOP, "a loop: %s", buf_cstr(&circle));
}

/* A redirection may lead from http to https, and not out of it: who sits in between could have written it. */
static bool may_lead_to(const struct url *from, const struct url *next)
{
	return streq(next->scheme, from->scheme) || (streq(from->scheme, "http") && streq(next->scheme, "https"));
}

/* Looks whether NEXT may be asked after the URLs so far. */
static int check_next(struct visit *v, const struct url *next)
{
	const struct url *from = &v->seen[v->seen_count - 1];
	cleanup_buf struct buf text = { 0 };

	url_text(next, &text);
	log_info("%s leads to %s", v->x.what, buf_cstr(&text));
	if (!may_lead_to(from, next))
		return fail(v->f, FAIL_SRV_REDIRECT, -EPROTONOSUPPORT, "%s leads to %s, which is no %s", v->x.what,
			    buf_cstr(&text), streq(from->scheme, "http") ? "http or https" : from->scheme);
	for (size_t i = 0; i < v->seen_count; i++)
		if (url_same_origin(&v->seen[i], next) && streq(v->seen[i].path, next->path))
			return redirect_loop(v, i);
	return 0;
}

/* Where the answer leads to becomes the URL of the exchange. */
static int follow(struct visit *v)
{
	const struct http_head *h = &v->x.head;
	struct url next;
	int err;

	if (v->seen_count == REDIRECTS_MAX)
		return fail(v->f, FAIL_SRV_REDIRECT, -ELOOP, "more than %d redirections, the last one from %s",
			    REDIRECTS_MAX, v->x.what);
	if (!h->location)
		return fail(v->f, FAIL_SRV_REDIRECT, -EPROTO, "%s: %s, but no Location", v->x.what, h->status_line);
	err = url_resolve(&next, &v->x.url, h->location);
	if (err == -ENOMEM)
		return http_no_memory(v->f);
	if (err)
		return fail(v->f, FAIL_SRV_REDIRECT, err, "%s leads to something that is no URL here: %.100s",
			    v->x.what, h->location);
	v->seen[v->seen_count++] = v->x.url;
	v->x.url = next;
	return check_next(v, &next);
}

/* ---- the request */

/* The version of the bytes that are there, in the words of If-Range: RFC 9110, section 13.1.5. */
static void add_range(const struct visit *v, struct buf *fields)
{
	const struct version *have = &v->t->version;
	const char *validator = v->t->origin == v->at && have->tag ? have->tag : have->modified;

	if (!v->offset)
		return;
	buf_printf(fields, "Range: bytes=%lld-\r\n", (long long)v->offset);
	/* what a sum will tell needs no validator, and some servers have another one in each answer */
	if (validator && !transfer_has_sum(v->t))
		buf_printf(fields, "If-Range: %s\r\n", validator);
}

/* user: and pass: go to the server that the options name, and to no other one. */
static void add_login(const struct visit *v, struct buf *fields)
{
	const struct options *o = v->t->fetch->options;

	if (o->value[KEY_USER] && url_same_origin(&v->first, &v->x.url))
		http_add_login(fields, o->value[KEY_USER], o->value[KEY_PASS]);
}

static int ask(struct visit *v, const char *verb, int64_t timeout_ms)
{
	cleanup_buf struct buf fields = { 0 };
	bool same_host = url_same_origin(&v->first, &v->x.url);
	const struct place *place = v->at->proxied || same_host ? v->at : NULL;
	int err;

	add_range(v, &fields);
	add_login(v, &fields);
	if (fields.failed)
		return http_no_memory(v->f);
	err = http_connect(&v->x, v->t->fetch, place, timeout_ms, v->f);
	return err ? err : http_ask(&v->x, verb, buf_cstr(&fields), timeout_ms, v->f);
}

/* Asks, and goes where the answers lead to, until one is no redirection. */
static int ask_and_follow(struct visit *v)
{
	for (;;) {
		int err = ask(v, "GET", v->t->timeout_ms);

		if (err || !is_redirection(v->x.head.status))
			return err;
		err = follow(v);
		if (err)
			return err;
	}
}

/* ---- the answer */

/* True when PATH is a compressed file. */
static bool has_compressed_suffix(const char *path)
{
	static const char suffixes[][6] = { "gz", "tgz", "xz", "txz", "zst", "bz2", "lz4", "lzma", "Z" };
	size_t len = strcspn(path, "?");
	const char *dot = memrchr(path, '.', len);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes) && dot; i++)
		if (strlen(suffixes[i]) == (size_t)(path + len - dot - 1) && starts_with(dot + 1, suffixes[i]))
			return true;
	return false;
}

static bool begins_compressed(struct visit *v)
{
	uint8_t bytes[18];
	int64_t size;
	enum image_kind kind = image_recognise(bytes, http_peek(&v->x, bytes, sizeof(bytes), v->t->timeout_ms), &size);

	return kind == IMAGE_GZIP || kind == IMAGE_XZ || kind == IMAGE_ZSTD;
}

/* Some servers call a file's own compression an encoding. They are told by the name that was asked for, or a
 * redirection led to; by what comes; or will be by the sum. */
static bool may_be_encoded(struct visit *v)
{
	bool may =
		has_compressed_suffix(v->first.path) || has_compressed_suffix(v->x.url.path) || transfer_has_sum(v->t);

	for (size_t i = 0; i < v->seen_count && !may; i++)
		may = has_compressed_suffix(v->seen[i].path);
	return may || v->offset || begins_compressed(v);
}

/* A partial answer, which must begin where it was asked to, or at the beginning: then it is as good as one of all. */
static int read_range(struct visit *v, struct version *version)
{
	const struct http_head *h = &v->x.head;

	version->size = h->ranged && h->range_total >= 0 ? h->range_total : v->t->version.size;
	if (h->ranged && h->range_first == v->offset && version->size >= 0)
		return 0;
	if (h->ranged && h->range_first == 0 && version->size >= 0) {
		v->offset = 0;
		return 0;
	}
	v->t->no_resume = true;
	return fail(v->f, FAIL_SRV_PROTOCOL, -EPROTO, "%s: %s, but not of the range from byte %lld on", v->x.what,
		    h->status_line, (long long)v->offset);
}

/* What the head says about the file. */
static int read_version(struct visit *v, struct version *version)
{
	const struct http_head *h = &v->x.head;

	*version = (struct version){ .size = h->chunked ? -1 : h->length, .tag = h->etag, .modified = h->modified };
	if (h->status == 206)
		return read_range(v, version);
	v->offset = 0;
	return 0;
}

static int check_encoding(struct visit *v)
{
	const char *encoding = v->x.head.encoding;

	if (!encoding)
		return 0;
	if (!may_be_encoded(v))
		return fail(v->f, FAIL_SRV_PROTOCOL, -EPROTO,
			    "%s: the server sends it encoded by %.40s, though asked not to", v->x.what, encoding);
	log_info("%s: encoded by %.40s, says the server; it is taken as it comes", v->x.what, encoding);
	return 0;
}

/* Remembers where the file was found, so that a redirector does not send every connection elsewhere. */
static int remember_place(struct visit *v)
{
	cleanup_buf struct buf text = { 0 };

	if (!v->seen_count || v->t->moved)
		return 0;
	buf_printf(&text, "%s://", v->x.url.scheme);
	url_host_text(&v->x.url, &text);
	buf_str(&text, v->x.url.path);
	v->t->moved = buf_take(&text);
	return v->t->moved ? 0 : http_no_memory(v->f);
}

static int receive(struct visit *v)
{
	struct version version;
	int err = read_version(v, &version);

	if (!err)
		err = check_encoding(v);
	if (!err)
		err = transfer_begin(v->t, v->at, v->offset, &version, v->x.what, v->f);
	if (!err)
		err = remember_place(v);
	if (!err)
		err = http_receive(&v->x, v->t, v->f);
	return err;
}

/* The first bytes of the next answer, where this one was partial and whole: 0 where it was not. */
static int64_t next_piece(const struct visit *v, int64_t before)
{
	const struct http_head *h = &v->x.head;
	bool partial = h->status == 206 && h->range_last + 1 < v->t->version.size && v->t->done == h->range_last + 1;

	return partial && v->t->done - before >= PIECE_MIN ? transfer_offset(v->t, v->at) : 0;
}

/* The file, or what is still missing of it. */
static int get_pieces(struct visit *v)
{
	for (;;) {
		int64_t before = v->t->done, next;
		int err = ask_and_follow(v);

		if (err)
			return err;
		if (v->x.head.status != 200 && v->x.head.status != 206)
			return refused_by_status(v);
		err = receive(v);
		next = err == -ENODATA ? next_piece(v, before) : 0;
		if (!next)
			return err;
		v->offset = next;
	}
}

/* Asks once more whether the file is still what it was: it may have been written to while it was being read, which no
 * validator at the beginning tells. What came in one piece, as long as it was said to be, needs no such look, nor what
 * a sum will tell; a server that does not answer that question is believed. Lengths are not compared: many answer HEAD
 * with that of nothing. */
static bool has_changed(struct visit *v)
{
	const struct http_head *h = &v->x.head;
	const struct version *have = &v->t->version;
	struct failure ignored;

	if (transfer_has_sum(v->t) || (!v->t->in_pieces && transfer_is_whole(v->t)))
		return false;
	v->offset = 0;
	v->f = &ignored;
	if (ask(v, "HEAD", MIN(v->t->timeout_ms, SECOND_LOOK_TIMEOUT_MS)) || h->status != 200)
		return false;
	return (h->etag && have->tag && !streq(h->etag, have->tag)) ||
	       (h->modified && have->modified && !streq(h->modified, have->modified));
}

static void release(struct visit *v)
{
	http_exchange_free(&v->x);
	url_free(&v->first);
	for (size_t i = 0; i < v->seen_count; i++)
		url_free(&v->seen[i]);
}

/* The URL to begin with: where the bytes so far came from, or what the options name. */
static int first_url(struct visit *v, const char *scheme, const char *path)
{
	int err = url_make(&v->first, scheme, v->at->host, v->at->port, path);

	if (!err && v->offset && v->t->moved)
		err = url_parse(&v->x.url, v->t->moved);
	else if (!err)
		err = url_make(&v->x.url, scheme, v->at->host, v->at->port, path);
	return err ? http_no_memory(v->f) : 0;
}

int http_get(struct transfer *t, const struct place *at, const char *scheme, const char *path, struct failure *f)
{
	struct visit v = { .t = t, .at = at, .f = f, .offset = transfer_offset(t, at), .x.stream.fd = -1 };
	int64_t start = now_ms(), before = t->done;
	int err = first_url(&v, scheme, path);

	if (!err)
		err = get_pieces(&v);
	if (!err && now_ms() - start >= SECOND_LOOK_MS && has_changed(&v))
		err = transfer_doubted(t, f);
	if (err && t->done == before) {
		free(t->moved);
		t->moved = NULL;
	}
	release(&v);
	return err;
}
