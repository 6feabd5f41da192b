/* ftp.c - method ftp: server:, directory:, image:, user:, pass: -> the file by passive FTP, resumed by REST (RFC
 * 959). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/ftp/parse.h"
#include "methods/http/get.h"
#include "methods/retrieve/stream.h"
#include "methods/retrieve/url.h"

#include "base/clock.h"
#include "base/log.h"

#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

/* So long a reply is waited for when all bytes are here. */
#define SETTLE_MS 2000

/* One session: a control connection and the reply that came last. */
struct session {
	struct transfer *t;
	const struct place *at;
	struct failure *f;
	char *what; /* the URL, for words */
	const char *path;
	struct stream control, data;
	struct ftp_reply reply;
	uint8_t in[1024]; /* read from the control connection, not looked at yet */
	size_t in_at, in_len;
	int64_t offset;  /* where the bytes asked for begin */
	int64_t wait_ms; /* how long a reply may take */
	bool lost;       /* the reply to a command is still on its way, or never comes: there can be no other one */
};

/* ---- commands and replies */

static int control_failed(struct session *s, int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return fail(s->f, FAIL_SRV_TIMEOUT, err, "%s: connected, but no reply in %lld s", s->what,
			    (long long)s->wait_ms / 1000);
	case -ECANCELED:
		return fail(s->f, FAIL_SYS_CANCELLED, err, "%s: while waiting for a reply", s->what);
	case -EPROTO:
		return fail(s->f, FAIL_SRV_PROTOCOL, err, "%s: %s: %.80s", s->what, s->reply.error, s->reply.line);
	case -ENODATA:
		return fail(s->f, FAIL_SRV_PROTOCOL, err, "%s: the server closed the control connection%s%s", s->what,
			    s->reply.line[0] ? " after: " : "", s->reply.line);
	}
	return fail(s->f, FAIL_SRV_PROTOCOL, err, "%s: the control connection broke: %s", s->what, err_text(err));
}

/* Reads one reply; those that only say "wait" (1xx) count. */
static int read_reply(struct session *s)
{
	int64_t deadline = now_ms() + s->wait_ms;

	s->reply = (struct ftp_reply){ 0 };
	while (!s->reply.complete) {
		size_t used;
		int err;

		if (s->in_at == s->in_len) {
			ssize_t n = stream_read(&s->control, s->in, sizeof(s->in), deadline);

			if (n <= 0)
				return control_failed(s, n ? (int)n : -ENODATA);
			s->in_at = 0;
			s->in_len = (size_t)n;
		}
		err = ftp_reply_feed(&s->reply, s->in + s->in_at, s->in_len - s->in_at, &used);
		s->in_at += used;
		if (err)
			return control_failed(s, err);
	}
	log_debug("ftp: %s", s->reply.line);
	return 0;
}

/* Sends WORD and, where it is not NULL, ARGUMENT, and reads the reply. */
static int command(struct session *s, const char *word, const char *argument)
{
	cleanup_buf struct buf line = { 0 };
	int err;

	buf_printf(&line, argument ? "%s %s\r\n" : "%s\r\n", word, argument);
	if (line.failed)
		return fail(s->f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for an FTP command");
	err = stream_write(&s->control, line.data, line.len, now_ms() + s->wait_ms);
	return err ? control_failed(s, err) : read_reply(s);
}

/* RFC 959, section 4.2.1: what a reply that is no success means to a person who wants a file. */
static enum fail_id failure_of_reply(const struct ftp_reply *r)
{
	switch (r->code) {
	case 550: /* no such file, or no access to it; only the words tell */
		return strstr(r->line, "enied") || strstr(r->line, "ermi") || strstr(r->line, "llowed")
			       ? FAIL_SRV_DENIED
			       : FAIL_SRV_NOT_FOUND;
	case 430:
	case 530:
	case 532:
	case 553:
		return FAIL_SRV_DENIED;
	case 500:
	case 501:
	case 502:
	case 503:
		return FAIL_SRV_PROTOCOL;
	}
	return r->code >= 400 ? FAIL_SRV_ERROR : FAIL_SRV_PROTOCOL;
}

static int refused_by_reply(struct session *s)
{
	return fail(s->f, failure_of_reply(&s->reply), -EREMOTEIO, "%s: %s", s->what, s->reply.line);
}

static bool reply_is(const struct session *s, int hundreds)
{
	return s->reply.code / 100 == hundreds;
}

/* ---- the steps of a session */

static int greet(struct session *s)
{
	int err;

	s->control.fd = net_connect(s->at->address, 1, now_ms() + s->at->connect_ms, s->f);
	if (s->control.fd < 0)
		return s->control.fd;
	do
		err = read_reply(s);
	while (!err && s->reply.code == 120); /* ready in some minutes: the deadline decides */
	if (err)
		return err;
	return reply_is(s, 2) ? 0 : refused_by_reply(s);
}

static int log_in(struct session *s)
{
	const struct options *o = s->t->fetch->options;
	const char *user = o->value[KEY_USER], *pass = o->value[KEY_PASS];
	int err = command(s, "USER", user ? user : "anonymous");

	if (!err && s->reply.code == 331)
		err = command(s, "PASS", pass ? pass : user ? "" : "stage1@");
	if (err)
		return err;
	if (reply_is(s, 2))
		return 0;
	if (s->reply.code == 530 || s->reply.code == 331 || s->reply.code == 332)
		return fail(s->f, FAIL_SRV_DENIED, -EACCES, "%s: %s%s", s->what, s->reply.line,
			    user ? " (user: or pass: is wrong)" : " (it wants user: and pass:)");
	return refused_by_reply(s);
}

/* Asks for size and time, which a server need not know; VERSION gets what it says. TIME is room for its text. */
static int ask_version(struct session *s, struct version *version, char *time, size_t time_size)
{
	int err = command(s, "SIZE", s->path);

	*version = (struct version){ .size = -1 };
	if (err)
		return err;
	if (s->reply.code == 213 && !ftp_read_size(s->reply.line, &version->size))
		version->size = -1;
	err = command(s, "MDTM", s->path);
	if (!err && s->reply.code == 213 && ftp_read_time(s->reply.line, time, time_size))
		version->modified = time;
	return err;
}

/* Connects to a port of the server that the control connection leads to: the address in a PASV reply may be one that is
 * good behind a router only, or a third machine's. */
static int connect_data(struct session *s, uint16_t port)
{
	struct peer_address address = *s->at->address;

	peer_set_port(&address, port);
	s->data.fd = net_connect(&address, 1, now_ms() + s->at->connect_ms, s->f);
	return s->data.fd < 0 ? s->data.fd : 0;
}

/* RFC 2428 first, which every network passes; the old way where the server or something in between knows only that. */
static int open_data(struct session *s)
{
	bool v6 = s->at->address->u.sa.sa_family == AF_INET6;
	uint16_t port;
	int err = command(s, "EPSV", NULL);

	if (err)
		return err;
	if (s->reply.code == 229 && ftp_read_epsv(s->reply.line, &port) && (!connect_data(s, port) || v6))
		return s->data.fd < 0 ? s->data.fd : 0;
	if (v6)
		return refused_by_reply(s);
	err = command(s, "PASV", NULL);
	if (err)
		return err;
	if (s->reply.code != 227 || !ftp_read_pasv(s->reply.line, &port))
		return reply_is(s, 2) ? fail(s->f, FAIL_SRV_PROTOCOL, -EPROTO, "%s: %s", s->what, s->reply.line)
				      : refused_by_reply(s);
	return connect_data(s, port);
}

/* Says from where on (RFC 3659, section 5); a server that cannot is asked for all of it. */
static int ask_offset(struct session *s)
{
	char number[32];
	int err;

	if (!s->offset)
		return 0;
	snprintf(number, sizeof(number), "%lld", (long long)s->offset);
	err = command(s, "REST", number);
	if (!err && s->reply.code != 350)
		s->offset = 0;
	return err;
}

static int ask_file(struct session *s)
{
	int err = command(s, "RETR", s->path);

	if (err)
		return err;
	return reply_is(s, 1) ? 0 : refused_by_reply(s);
}

/* All bytes that SIZE announced are here, and that is the file, whatever becomes of the two connections: servers forget
 * to close them, and routers forget the one that is silent meanwhile. Only more bytes say otherwise. */
static int settle(struct session *s)
{
	struct failure ignored, *f = s->f;
	uint8_t byte;
	int err;

	s->f = &ignored;
	s->wait_ms = MIN(s->wait_ms, (int64_t)SETTLE_MS); /* from here on nothing is needed any more */
	err = read_reply(s);
	s->f = f;
	if (err == -ECANCELED)
		return transfer_broken(s->t, err, f);
	if (read(s->data.fd, &byte, 1) > 0)
		return transfer_longer(s->t, f);
	s->lost = err;
	if (err || !reply_is(s, 2))
		log_info("%s: all bytes came; behind them: %s", s->what, err ? ignored.detail : s->reply.line);
	return transfer_end(s->t, true, f);
}

/* The data connection's bytes. Where nobody said how many there are, the reply behind its end does. */
static int receive(struct session *s)
{
	ssize_t n = 1;
	int err;

	while (n > 0 && !transfer_is_whole(s->t))
		n = transfer_carry(s->t, &s->data, SIZE_MAX, s->f);
	if (n < 0)
		return s->f->id != FAIL_NONE ? (int)n : transfer_broken(s->t, (int)n, s->f);
	if (n > 0)
		return settle(s);
	stream_close(&s->data);
	err = read_reply(s);
	if (err)
		return transfer_broken(s->t, -ENODATA, s->f);
	if (!reply_is(s, 2))
		return transfer_ended(s->t, s->reply.line, s->f);
	return transfer_end(s->t, true, s->f);
}

/* Asks once more whether the file is what it was at the beginning. A server that does not answer is believed. */
static bool has_changed(struct session *s)
{
	const struct version *have = &s->t->version;
	struct failure ignored;
	struct version now;
	char time[64];

	if (s->lost || transfer_has_sum(s->t))
		return false;
	s->f = &ignored;
	if (ask_version(s, &now, time, sizeof(time)))
		return false;
	return (now.size >= 0 && have->size >= 0 && now.size != have->size) ||
	       (now.modified && have->modified && !streq(now.modified, have->modified));
}

static int run_session(struct session *s, struct failure *f)
{
	struct version version;
	char time[64];
	int err = greet(s);

	if (!err)
		err = log_in(s);
	if (!err)
		err = command(s, "TYPE", "I");
	if (!err && !reply_is(s, 2))
		err = refused_by_reply(s);
	if (!err)
		err = ask_version(s, &version, time, sizeof(time));
	if (!err)
		err = open_data(s);
	if (!err)
		err = ask_offset(s);
	if (!err)
		err = ask_file(s);
	if (!err)
		err = transfer_begin(s->t, s->at, s->offset, &version, s->what, f);
	if (!err)
		err = receive(s);
	if (!err && has_changed(s))
		err = transfer_doubted(s->t, f);
	return err;
}

/* The command line cannot hold control characters, a shell's can; on a control connection they would be commands. */
static bool is_clean(const char *word)
{
	for (; word && *word; word++)
		if ((unsigned char)*word < ' ' || *word == 127)
			return false;
	return true;
}

static int ftp_get(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	struct session s = {
		.t = t, .at = at, .f = f, .path = path, .wait_ms = t->timeout_ms, .control.fd = -1, .data.fd = -1
	};
	const struct options *o = t->fetch->options;
	cleanup_buf struct buf text = { 0 };
	struct url url;
	int err;

	if (!is_clean(path) || !is_clean(o->value[KEY_USER]) || !is_clean(o->value[KEY_PASS]))
		return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL,
			    "a control character in directory:, image:, user: or pass:");
	if (url_make(&url, "ftp", at->host, at->port, path))
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a URL");
	url_text(&url, &text);
	url_free(&url);
	s.what = buf_take(&text);
	if (!s.what)
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a URL");
	s.control.watch = s.data.watch = t->fetch->watch;
	s.offset = transfer_offset(t, at);
	err = run_session(&s, f);
	stream_close(&s.data);
	stream_close(&s.control);
	free(s.what);
	return err;
}

/* An HTTP proxy that speaks FTP for us. */
static int ftp_get_by_proxy(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	return http_get(t, at, "ftp", path, f);
}

static const struct protocol protocol_ftp = {
	.scheme = "ftp",
	.get = ftp_get,
};

static const struct protocol protocol_ftp_by_proxy = {
	.scheme = "ftp",
	.proxies = true,
	.get = ftp_get_by_proxy,
};

static int ftp_fetch(struct fetch *f)
{
	return retrieve(f, f->options->value[KEY_PROXY_HOST] ? &protocol_ftp_by_proxy : &protocol_ftp);
}

static const enum option_key ftp_required[] = { KEY_SERVER, KEY_COUNT };
static const enum option_key ftp_optional[] = { KEY_DIRECTORY,  KEY_IMAGE,      KEY_USER, KEY_PASS,
						KEY_PROXY_HOST, KEY_PROXY_PORT, KEY_COUNT };

const struct method method_ftp = {
	.name = "ftp",
	.title = "FTP server",
	.needs = METHOD_NEEDS_NETWORK,
	.required = ftp_required,
	.optional = ftp_optional,
	.fetch = ftp_fetch,
};
