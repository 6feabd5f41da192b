/* outside.c - a method that is a program of its own -> its process, whose questions are answered by sink and watch. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/outside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "image/image.h"
#include "image/sha256.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compat.h"

#define PROGRAM    "stage1-relay"
#define LOOK_UP_MS 100  /* so soon a person's wish to stop is seen */
#define SILENT     600  /* so many LOOK_UP_MS without a word, which it has for every second: it hangs */
#define STOP_MS    5000 /* how long it may take to end when it is asked to */
#define SEND_S     10   /* how long it may leave what it is told unread */

/* One run. */
struct outside {
	struct fetch *f;
	pid_t pid;
	int socket;
	int64_t stop_by; /* it was asked to end, by then; of now_ms(); 0: it was not */
	bool finished;   /* the sink has everything */
	bool ended;      /* it has said its last words, which are... */
	int result;
	int taken;          /* a file it could still write to when the sink took it and summed it up; -1: none */
	int64_t taken_size; /* bytes */
	struct outside_packet packet;
};

/* ---- what it says */

/* Words of another process: they must not move the cursor on a console. */
static void clean(char *words)
{
	for (; *words; words++)
		if ((unsigned char)*words < ' ' || *words == 127)
			*words = ' ';
}

/* The sink's answer, which failed as F says where ERR is not 0. */
static int answer(struct outside *o, int err, const struct failure *f)
{
	return outside_send(o->socket, OUTSIDE_ANSWER, err, f->id, f->detail, -1);
}

/* Is this a file system that may be written to here, be it for its journal? */
static bool is_written_to(int fd)
{
	uint8_t head[2048];
	int64_t size;
	ssize_t n = pread(fd, head, sizeof(head), 0);

	return n > 0 && image_recognise(head, (size_t)n, &size) == IMAGE_EXT;
}

/* FD is taken as it lies, but the program has it, too, and must not write behind the sum: nobody can write to a sealed
 * file. What cannot be sealed, since it is to be written to here or the program has it mapped or on its way just now,
 * is summed up once more when the program has ended. */
static void hold_still(struct outside *o, int fd, int64_t size)
{
	base_close_fd(&o->taken);
	if (!is_written_to(fd) && ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0)
		return;
	if (!o->f->options->value[KEY_SHA256])
		return;
	log_debug(PROGRAM "'s memory is not sealed: %s", err_text(errno));
	o->taken = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	o->taken_size = size;
}

/* The program has ended: is what it left what was summed up? 0 or -errno with the failure filled. */
static int sum_again(struct outside *o)
{
	static uint8_t piece[64 * 1024];
	uint8_t want[SHA256_SIZE], got[SHA256_SIZE];
	struct sha256 sum;
	ssize_t n = 1;

	sha256_begin(&sum);
	for (int64_t at = 0; at < o->taken_size && n > 0; at += MAX(n, 0)) {
		n = pread(o->taken, piece, (size_t)MIN(o->taken_size - at, (int64_t)sizeof(piece)), at);
		sha256_add(&sum, piece, (size_t)MAX(n, 0));
	}
	sha256_end(&sum, got);
	if (sha256_parse(want, o->f->options->value[KEY_SHA256]) == 0 && memcmp(got, want, sizeof(got)) == 0)
		return 0;
	return fail(o->f->fail, FAIL_IMG_DIGEST, -EBADMSG, PROGRAM " changed the image when it had been summed up");
}

/* What the sink is asked for. 0 or -errno of the socket. */
static int serve_sink(struct outside *o, const struct outside_message *m, int fd)
{
	struct sink *s = o->f->sink;
	struct failure f = { 0 };

	switch (m->kind) {
	case OUTSIDE_BEGIN:
		return answer(o, s->begin(s, m->a, &f), &f);
	case OUTSIDE_COPY:
		return answer(o, sink_copy(s, fd, m->a, m->b, &f), &f);
	case OUTSIDE_TAKE:
		hold_still(o, fd, m->a);
		return answer(o, sink_take(s, fd, m->a, &f), &f);
	case OUTSIDE_MAY_TAKE:
		return answer(o, sink_may_take(s, fd, m->a, &f), &f);
	case OUTSIDE_RESTART:
		o->finished = false;
		base_close_fd(&o->taken);
		return answer(o, s->restart(s, &f), &f);
	case OUTSIDE_FINISH: {
		int err = s->finish(s, &f);

		o->finished = !err;
		return answer(o, err, &f);
	}
	default:
		return -EBADMSG;
	}
}

/* Its last words. */
static void end(struct outside *o, const struct outside_message *m)
{
	struct failure f = { .id = (enum fail_id)m->b, .err = (int)m->a };

	o->ended = true;
	o->result = (int)m->a;
	(void)str_copy(f.detail, sizeof(f.detail), m->words);
	if (m->a == 0 && !o->finished)
		o->result = fail(o->f->fail, FAIL_SYS_INTERNAL, -EIO, PROGRAM " ended without an image");
	else if (m->a && o->f->fail)
		*o->f->fail = f; /* in the log it is already */
}

static int serve(struct outside *o, const struct outside_message *m, int fd)
{
	struct watch *w = o->f->watch;

	clean((char *)o->packet.bytes + OUTSIDE_HEADER);
	switch (m->kind) {
	case OUTSIDE_LOG:
		log_line((enum log_level)m->a, "%s", m->words);
		return 0;
	case OUTSIDE_NOTE:
		watch_note(w, "%s", m->words);
		return 0;
	case OUTSIDE_WAITING:
		watch_waiting(w, m->a, "%s", m->words);
		return 0;
	case OUTSIDE_PROGRESS:
		watch_progress(w, m->a, m->b);
		return 0;
	case OUTSIDE_SERVER:
		(void)str_copy(o->f->server, sizeof(o->f->server), m->words);
		return 0;
	case OUTSIDE_ALIVE:
		return 0;
	case OUTSIDE_END:
		end(o, m);
		return 0;
	default:
		return serve_sink(o, m, fd);
	}
}

/* ---- one run */

/* Passes on a person's wish to stop. -ECANCELED when it has not been followed. */
static int look_up(struct outside *o)
{
	if (!o->stop_by && watch_cancelled(o->f->watch)) {
		o->stop_by = now_ms() + STOP_MS;
		return outside_send(o->socket, OUTSIDE_CANCEL, 0, 0, NULL, -1);
	}
	return o->stop_by && now_ms() >= o->stop_by ? -ECANCELED : 0;
}

/* Does what it asks for, to its end. 0, or -errno when it did not come to that. */
static int converse(struct outside *o)
{
	int silent = 0;

	while (!o->ended) {
		struct outside_message m;
		cleanup_close int fd = -1;
		int err = wait_fd(o->socket, POLLIN, now_ms() + LOOK_UP_MS);

		if (err == -ETIMEDOUT)
			err = ++silent < SILENT ? 0 : -ETIMEDOUT; /* counted: a clock that jumps is no silence */
		else
			silent = 0;
		if (!err && !silent)
			err = outside_receive(o->socket, &o->packet, false, &m, &fd);
		if (!err && !silent)
			err = serve(o, &m, fd);
		if (!err || err == -EAGAIN)
			err = look_up(o);
		if (err)
			return err;
	}
	return 0;
}

static int start(struct outside *o, const char *method)
{
	const char *argv[] = { PROGRAM, method, NULL };
	struct timeval patience = { .tv_sec = SEND_S };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	o->socket = pair[0];
	o->pid = process_start(PROGRAM, argv, &pair[1], 1);
	base_close_fd(&pair[1]);
	return o->pid < 0 ? o->pid : 0;
}

/* Words for a process that ended with STATUS before it had ended its work. */
static int broke(struct outside *o, int err, int status)
{
	struct failure *f = o->f->fail;

	if (err == -ECANCELED || o->stop_by)
		return fail(f, FAIL_SYS_CANCELLED, -ECANCELED, "%s", PROGRAM " was ended");
	if (err == -ETIMEDOUT)
		return fail(f, FAIL_SYS_INTERNAL, err, PROGRAM " said nothing for %d s", SILENT * LOOK_UP_MS / 1000);
	if (err == -EPIPE && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail(f, FAIL_SYS_PROGRAM, -ENOENT, "the program " PROGRAM " cannot be run");
	if (err == -EPIPE && WIFSIGNALED(status))
		return fail(f, FAIL_SYS_INTERNAL, err, PROGRAM " was ended by signal %d", WTERMSIG(status));
	if (err == -EPIPE)
		return fail(f, FAIL_SYS_INTERNAL, err, PROGRAM " ended in the middle, status %d", WEXITSTATUS(status));
	return fail(f, FAIL_SYS_INTERNAL, err, "talking to " PROGRAM ": %s", err_text(err));
}

static int run(struct outside *o, const char *method)
{
	int status = 0, err = start(o, method);

	if (err)
		return fail(o->f->fail, FAIL_SYS_INTERNAL, err, "a process of " PROGRAM ": %s", err_text(err));
	err = outside_send_job(o->socket, o->f);
	if (!err)
		err = converse(o);
	status = process_stop(o->pid);
	if (err)
		return broke(o, err, status);
	return o->result || o->taken < 0 ? o->result : sum_again(o);
}

static int outside_fetch(struct fetch *f, const char *method)
{
	struct outside *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return fail(f->fail, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory to begin");
	o->f = f;
	o->socket = o->taken = -1;
	err = run(o, method);
	base_close_fd(&o->socket);
	base_close_fd(&o->taken);
	free(o);
	return err;
}

/* ---- the rows */

static int fetch_dolly(struct fetch *f)
{
	return outside_fetch(f, "dolly");
}

static int fetch_ka(struct fetch *f)
{
	return outside_fetch(f, "ka");
}

static const enum option_key required[] = { KEY_COUNT };
static const enum option_key dolly_optional[] = { KEY_DOLLY_TIMEOUT, KEY_COUNT };
static const enum option_key ka_optional[] = { KEY_SESSION, KEY_COUNT };

const struct method method_dolly = {
	.name = "dolly",
	.title = "dolly (a server sends it to all nodes)",
	.needs = METHOD_NEEDS_NETWORK,
	.alone = true,
	.required = required,
	.optional = dolly_optional,
	.fetch = fetch_dolly,
};

const struct method method_ka = {
	.name = "ka",
	.title = "KA server (found by broadcast, sends to all nodes)",
	.needs = METHOD_NEEDS_NETWORK,
	.alone = true,
	.required = required,
	.optional = ka_optional,
	.fetch = fetch_ka,
};
