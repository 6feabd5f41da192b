/* web.c - the model -> a page, JSON, live events and Prometheus text, by HTTP. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/web.h"

#include "server/head/status/history.h"
#include "server/head/status/json.h"
#include "server/head/status/page.h"

#include <microhttpd.h>
#include <stdio.h>
#include <time.h>

#define CONNECTIONS  256
#define PER_ADDRESS  24
#define IDLE_S       30
#define STREAMS      64 /* that are live at once */
#define HISTORY_MOST (1024 * KIB)

/* Text that several streams are sent; gone with the last of them. */
struct shared {
	unsigned users;
	struct buf text;
};

/* One who listens. It is sent what changed since the last time, as soon as it has taken that. */
struct stream {
	struct web *web;
	struct MHD_Connection *connection;
	struct shared *text; /* NULL: nothing to send */
	size_t sent;
	uint64_t version; /* of the model, as it has it */
	bool waits;       /* the connection is suspended */
	struct stream *next;
};

struct web {
	struct MHD_Daemon *daemon;
	struct model *model;
	const char *dir, *token;
	struct stream *streams;
	unsigned count;
	struct buf all; /* the answer of /api/nodes */
	uint64_t all_version;
	int64_t all_at;
};

/* ---- live events */

static void leave(struct shared *s)
{
	if (!s || --s->users)
		return;
	buf_free(&s->text);
	free(s);
}

/* An event of what changed behind SINCE. NULL when memory ran out. */
static struct shared *make_event(const struct model *m, uint64_t since, int64_t now)
{
	struct shared *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->users = 1;
	buf_str(&s->text, "data: ");
	(void)!json_model(&s->text, m, since, now);
	buf_str(&s->text, "\n\n");
	if (!s->text.failed)
		return s;
	leave(s);
	return NULL;
}

static int64_t now_epoch(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static ssize_t stream_read(void *ctx, uint64_t position, char *out, size_t most)
{
	struct stream *s = ctx;
	size_t n;

	(void)position;
	if (!s->text) {
		s->waits = true;
		MHD_suspend_connection(s->connection);
		return 0;
	}
	n = MIN(most, s->text->text.len - s->sent);
	memcpy(out, s->text->text.data + s->sent, n);
	s->sent += n;
	if (s->sent == s->text->text.len) {
		leave(s->text);
		s->text = NULL;
	}
	return (ssize_t)n;
}

static void stream_free(void *ctx)
{
	struct stream *s = ctx, **p = &s->web->streams;

	while (*p && *p != s)
		p = &(*p)->next;
	if (*p)
		*p = s->next;
	s->web->count--;
	leave(s->text);
	free(s);
}

static void stream_give(struct stream *s, struct shared *text)
{
	text->users++;
	s->text = text;
	s->sent = 0;
	s->version = s->web->model->version;
	if (s->waits)
		MHD_resume_connection(s->connection);
	s->waits = false;
}

/* Where a node went, what is left is told from the beginning. */
static uint64_t known_to(const struct stream *s)
{
	return s->web->model->version_gone > s->version ? 0 : s->version;
}

void web_tick(struct web *w, int64_t now)
{
	struct shared *text = NULL;
	uint64_t since = 0;

	for (struct stream *s = w->streams; s; s = s->next) {
		if (!s->waits)
			continue;
		if (!text || known_to(s) != since) {
			leave(text);
			since = known_to(s);
			text = make_event(w->model, since, now);
		}
		if (text)
			stream_give(s, text);
	}
	leave(text);
}

/* ---- answers */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, struct MHD_Response *r)
{
	enum MHD_Result result;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Content-Security-Policy",
				"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
				"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *type, const struct buf *text)
{
	return answer(
		c, status, type,
		MHD_create_response_from_buffer(text->len, (void *)(uintptr_t)buf_cstr(text), MHD_RESPMEM_MUST_COPY));
}

static enum MHD_Result answer_words(struct MHD_Connection *c, unsigned status, const char *words)
{
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "%s\n", words);
	return answer_text(c, status, "text/plain; charset=utf-8", &text);
}

static enum MHD_Result answer_file(struct MHD_Connection *c, const struct page_file *f)
{
	return answer(c, MHD_HTTP_OK, f->type,
		      MHD_create_response_from_buffer((size_t)(f->end - f->begin), (void *)(uintptr_t)f->begin,
						      MHD_RESPMEM_PERSISTENT));
}

/* Made anew at most once a second: who asks often costs no more than who asks once. */
static enum MHD_Result answer_nodes(struct web *w, struct MHD_Connection *c)
{
	int64_t now = now_epoch();

	if (!w->all.len || (w->all_version != w->model->version && now - w->all_at >= 500) || now < w->all_at) {
		w->all.len = 0;
		w->all_version = w->model->version;
		w->all_at = now;
		if (json_model(&w->all, w->model, 0, now)) {
			buf_free(&w->all);
			return answer_words(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory");
		}
	}
	return answer_text(c, MHD_HTTP_OK, "application/json", &w->all);
}

static enum MHD_Result answer_events(struct web *w, struct MHD_Connection *c)
{
	struct stream *s = w->count < STREAMS ? calloc(1, sizeof(*s)) : NULL;
	struct MHD_Response *r;

	if (!s)
		return answer_words(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too many listen; /api/nodes has the same");
	*s = (struct stream){ .web = w, .connection = c, .next = w->streams };
	w->streams = s;
	w->count++;
	s->text = make_event(w->model, 0, now_epoch());
	s->version = w->model->version;
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32 * 1024, stream_read, s, stream_free);
	if (!r)
		stream_free(s);
	return answer(c, MHD_HTTP_OK, "text/event-stream", r);
}

static enum MHD_Result answer_metrics(const struct web *w, struct MHD_Connection *c)
{
	cleanup_buf struct buf text = { 0 };

	web_metrics(&text, w->model);
	return answer_text(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &text);
}

/* The end of the history, from a whole line on. */
static enum MHD_Result answer_history(const struct web *w, struct MHD_Connection *c)
{
	cleanup_free char *path = str_printf("%s/" HISTORY_FILE, w->dir);
	cleanup_buf struct buf text = { 0 };
	FILE *in = path ? fopen(path, "re") : NULL;
	size_t n;

	if (in && fseek(in, -(long)HISTORY_MOST, SEEK_END) == 0) {
		int ch;

		while ((ch = fgetc(in)) != EOF && ch != '\n')
			;
	} else if (in) {
		rewind(in);
	}
	while (in && !buf_reserve(&text, 16384) && (n = fread(text.data + text.len, 1, 16384, in)) > 0 &&
	       text.len < HISTORY_MOST)
		text.len += n;
	if (in)
		fclose(in);
	return answer_text(c, MHD_HTTP_OK, "application/x-ndjson", &text);
}

/* ---- one node: /api/nodes/17/log, /api/nodes/17/forget */

/* The node of the URL, and in *VERB what is wanted of it. */
static struct node *find_node(const struct web *w, const char *url, const char **verb)
{
	struct span rest = span_of(url + strlen("/api/nodes/"));
	int64_t id;

	if (span_number(span_cut(&rest, '/'), &id) || id < 1 || id > UINT32_MAX)
		return NULL;
	*verb = rest.at;
	return model_node(w->model, (uint32_t)id);
}

static enum MHD_Result answer_log(struct MHD_Connection *c, const struct node *n)
{
	cleanup_buf struct buf text = { 0 };

	if (json_log(&text, n))
		return answer_words(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory");
	return answer_text(c, MHD_HTTP_OK, "application/json", &text);
}

/* All of both is looked at, whatever differs. */
static bool same_secret(const char *a, const char *b)
{
	size_t len = strlen(b);
	unsigned differs = strlen(a) != len;

	for (size_t i = 0; i < len; i++)
		differs |= (unsigned char)a[i % (strlen(a) + 1)] ^ (unsigned char)b[i];
	return !differs;
}

static bool may_change(const struct web *w, struct MHD_Connection *c)
{
	const char *given = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");

	return given && w->token[0] && starts_with(given, "Bearer ") &&
	       same_secret(given + strlen("Bearer "), w->token);
}

static enum MHD_Result answer_post(struct web *w, struct MHD_Connection *c, const char *url)
{
	const char *verb = "";
	struct node *n;

	if (!may_change(w, c))
		return answer_words(c, MHD_HTTP_UNAUTHORIZED, "this needs the token: Authorization: Bearer TOKEN");
	n = starts_with(url, "/api/nodes/") ? find_node(w, url, &verb) : NULL;
	if (!n || !streq(verb, "forget"))
		return answer_words(c, MHD_HTTP_NOT_FOUND, "there is no such node, or nothing of that name to do");
	model_forget(w->model, n);
	return answer_words(c, MHD_HTTP_OK, "forgotten");
}

static enum MHD_Result answer_get(struct web *w, struct MHD_Connection *c, const char *url)
{
	const struct page_file *f = page_find(url);
	const char *verb = "";

	if (f)
		return answer_file(c, f);
	if (streq(url, "/api/nodes"))
		return answer_nodes(w, c);
	if (streq(url, "/api/events"))
		return answer_events(w, c);
	if (streq(url, "/api/history"))
		return answer_history(w, c);
	if (streq(url, "/metrics"))
		return answer_metrics(w, c);
	if (starts_with(url, "/api/nodes/")) {
		const struct node *n = find_node(w, url, &verb);

		if (n && streq(verb, "log"))
			return answer_log(c, n);
	}
	return answer_words(c, MHD_HTTP_NOT_FOUND, "there is no such page");
}

/* Called once when the header is there, and once more when what follows it was read: which is nothing that counts. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
				  const char *version, const char *data, size_t *size, void **state)
{
	static int begun;

	(void)version;
	(void)data;
	if (!*state) {
		*state = &begun;
		return MHD_YES;
	}
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	if (streq(method, "POST"))
		return answer_post(ctx, c, url);
	if (streq(method, "GET") || streq(method, "HEAD"))
		return answer_get(ctx, c, url);
	return answer_words(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD or POST");
}

/* ---- the server */

/* What clients do wrong is no news here. */
static void no_words(void *ctx, const char *fmt, va_list ap)
{
	(void)ctx;
	(void)fmt;
	(void)ap;
}

struct web *web_open(int fd, struct model *m, const char *dir, const char *token)
{
	struct web *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct web){ .model = m, .dir = dir, .token = token };
	errno = 0;
	w->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				     on_request, w, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_EXTERNAL_LOGGER, no_words,
				     NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
				     MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)PER_ADDRESS,
				     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
	if (w->daemon)
		return w;
	free(w);
	errno = errno ? errno : EINVAL;
	return NULL;
}

void web_close(struct web *w)
{
	if (!w)
		return;
	for (struct stream *s = w->streams; s; s = s->next) {
		if (s->waits)
			MHD_resume_connection(s->connection);
		s->waits = false;
	}
	MHD_stop_daemon(w->daemon);
	buf_free(&w->all);
	free(w);
}

int web_fd(const struct web *w)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -1;
}

int64_t web_wait(const struct web *w)
{
	MHD_UNSIGNED_LONG_LONG ms;

	return MHD_get_timeout(w->daemon, &ms) == MHD_YES ? (int64_t)MIN(ms, 1000ull) : -1;
}

void web_run(struct web *w)
{
	MHD_run(w->daemon);
}
