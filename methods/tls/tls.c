/* tls.c - a connection to a server -> the same one with TLS 1.2 in between, spoken by a process of its own. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/tls.h"

#include "base/clock.h"
#include "base/digits.h"
#include "base/log.h"
#include "image/sha256.h"
#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"

#define PROGRAM "stage1-tls"

/* ---- pins */

int tls_parse_pin(const char *text, uint8_t pin[static 32])
{
	if (starts_with(text, "sha256//"))
		text += strlen("sha256//");
	if (strlen(text) == 44) /* 43 digits of six bits, of which the last two are none, and a '=' */
		return text[43] == '=' && base64_decode(pin, text, 43) == 32 ? 0 : -EINVAL;
	return sha256_parse(pin, text);
}

/* ---- the process */

static const char *bundle_path(void)
{
	const char *own = getenv("SSL_CERT_FILE");

	if (own)
		return own;
	return access(TLS_BUNDLE, R_OK) == 0 ? TLS_BUNDLE : TLS_HOST_BUNDLE;
}

static int spawn(struct tls *t, struct stream *s, const char *host, const char *pin, int64_t timeout_ms)
{
	char silence[32];
	const char *argv[] = { PROGRAM, host, bundle_path(), pin ? pin : "-", silence, NULL };
	int plain[2], report[2];

	/* longer than this side waits, which is the one that knows what is slow */
	snprintf(silence, sizeof(silence), "%lld", (long long)timeout_ms / 1000 * 2 + 10);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, plain) < 0)
		return -errno;
	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0) {
		int err = -errno;

		base_close_fd(&plain[0]);
		base_close_fd(&plain[1]);
		return err;
	}
	t->pid = process_start(PROGRAM, argv, (const int[]){ s->fd, plain[1], report[1] }, 3);
	t->report = report[0];
	base_close_fd(&plain[1]);
	base_close_fd(&report[1]);
	base_close_fd(&s->fd);
	s->fd = plain[0];
	if (t->pid > 0)
		return 0;
	base_close_fd(&t->report);
	return t->pid;
}

void tls_stop(struct tls *t)
{
	if (t->pid <= 0)
		return;
	base_close_fd(&t->report);
	process_stop(t->pid);
	t->pid = 0;
}

/* ---- its words */

/* Reads one line of the report into LINE. 0, -ETIMEDOUT, -ECANCELED, or -EPIPE when it ended without one. */
static int read_report(struct tls *t, struct watch *w, int64_t deadline, char *line, size_t size)
{
	struct stream s = { .fd = t->report, .watch = w };
	size_t len = 0;

	for (;;) {
		ssize_t n = read(t->report, line + len, 1);
		int err = 0;

		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0)
			err = stream_wait(&s, POLLIN, deadline);
		if (err)
			return err;
		if (n < 0)
			continue;
		if (line[len] == '\n')
			break;
		if (len < size - 1)
			len++;
	}
	line[len] = '\0';
	return 0;
}

/* The words behind the id, when LINE begins with it; NULL otherwise. */
static const char *words_after(const char *line, const char *id)
{
	size_t n = strlen(id);

	return strncmp(line, id, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static int refused(const char *what, const char *line, struct failure *f)
{
	static const struct {
		const char *id;
		enum fail_id fail;
		int err;
	} rows[] = {
		{ TLS_TRUST, FAIL_TLS_TRUST, -EKEYREJECTED },   { TLS_NAME, FAIL_TLS_NAME, -EKEYREJECTED },
		{ TLS_TIME, FAIL_TLS_TIME, -EKEYEXPIRED },      { TLS_REFUSED, FAIL_TLS_REFUSED, -EPROTO },
		{ TLS_BROKEN, FAIL_SRV_PROTOCOL, -ECONNRESET },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *words = words_after(line, rows[i].id);

		if (words)
			return fail(f, rows[i].fail, rows[i].err, "%s: %s%s", what,
				    streq(rows[i].id, TLS_BROKEN) ? "it broke before TLS was agreed on: " : "", words);
	}
	return fail(f, FAIL_TLS_REFUSED, -EPROTO, "%s: %s", what, line);
}

static int no_process(int err, const char *what, struct failure *f)
{
	if (err == -ENOENT || err == -EPIPE)
		return fail(f, FAIL_SYS_PROGRAM, err, "%s: the program " PROGRAM " cannot be run", what);
	return fail(f, FAIL_SYS_INTERNAL, err, "%s: a process for TLS: %s", what, err_text(err));
}

/* Waits until the server has proved who it is. */
static int wait_for_proof(struct tls *t, struct stream *s, int64_t timeout_ms, const char *what, struct failure *f)
{
	int64_t deadline = now_ms() + timeout_ms;
	char line[400];
	const char *words;
	int err;

	while (!(err = read_report(t, s->watch, deadline, line, sizeof(line))) &&
	       (words = words_after(line, TLS_NOTE))) {
		log_warn("%s", words);
		watch_note(s->watch, "%s", words);
	}
	if (err == -ETIMEDOUT)
		return fail(f, FAIL_SRV_TIMEOUT, err, "%s: connected, but TLS was not agreed on in %lld s", what,
			    (long long)timeout_ms / 1000);
	if (err == -ECANCELED)
		return fail(f, FAIL_SYS_CANCELLED, err, "%s: while TLS was being agreed on", what);
	if (err)
		return no_process(err, what, f);
	words = words_after(line, TLS_READY);
	if (!words)
		return refused(what, line, f);
	log_debug("%s: %s", what, words);
	return 0;
}

int tls_start(struct tls *t, struct stream *s, const char *host, const struct options *o, int64_t timeout_ms,
	      const char *what, struct failure *f)
{
	const char *pin = o->value[KEY_PIN];
	uint8_t bytes[32];
	int err;

	*t = (struct tls){ 0 };
	if (pin && tls_parse_pin(pin, bytes))
		err = fail(f, FAIL_CMD_BAD_VALUE, -EINVAL,
			   "pin:%.80s is no SHA-256 of a public key, 64 hexadecimal digits or 44 of base64", pin);
	else if ((err = spawn(t, s, host, pin, timeout_ms)) != 0)
		no_process(err, what, f);
	else
		err = wait_for_proof(t, s, timeout_ms, what, f);
	if (err) {
		tls_stop(t);
		stream_close(s);
	}
	return err;
}

bool tls_ended_well(struct tls *t, struct stream *s)
{
	char line[400];

	/* its last words were written before the socket closed, or as good as */
	return t->pid > 0 && !read_report(t, s->watch, now_ms() + 1000, line, sizeof(line)) &&
	       words_after(line, TLS_CLOSED);
}
