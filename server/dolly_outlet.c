/* dolly_outlet.c - verified bytes in a store -> a stream: unpacked into a target, or to a pipe, device or standard
 * output. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly_outlet.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/log.h"
#include "image/decode.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE     65536
#define PIPE_SIZE (1024 * 1024)
#define TURN_MS   20 /* the loop's other work waits no longer than this */
#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031 /* linux/fcntl.h */
#endif

/* What the child leaves: a failure, or words of warning. */
struct outlet_end {
	struct failure failure;
	char warning[200];
};

/* ---- in the child: standard input is the pipe, standard output the place */

static int write_all(const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static ssize_t read_piece(uint8_t *piece, size_t size)
{
	ssize_t n;

	do
		n = read(STDIN_FILENO, piece, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int place_failed(struct outlet *o, int err)
{
	return fail(&o->end->failure, FAIL_IMG_STORE, err, "%s: %s", o->path, err_text(err));
}

static int copy(struct outlet *o, uint8_t *piece)
{
	ssize_t n;
	int err = 0;

	while (!err && (n = read_piece(piece, PIECE)) > 0)
		err = write_all(piece, (size_t)n);
	return err < 0 ? place_failed(o, err) : n < 0 ? place_failed(o, (int)n) : 0;
}

/* Bytes behind the end of packed data that are none of it: firmware's signatures, for example. The data are whole. */
static int leave_out_rest(struct outlet *o, struct decoder *d, uint8_t *piece)
{
	snprintf(o->end->warning, sizeof(o->end->warning),
		 "what lies behind the end of the %s data, at byte %lld, is left out", d->format->name,
		 (long long)(d->taken - d->zeros));
	while (read_piece(piece, PIECE) > 0)
		;
	return 0;
}

/* Decodes what came; OUT has PIECE bytes. 0, 1 where the rest is to be left out, or -errno. */
static int decode_piece(struct outlet *o, struct decoder *d, const uint8_t *piece, size_t len, uint8_t *out)
{
	struct decode_io io = { .in = piece, .in_len = len };
	int err;

	do {
		io.out = out;
		io.out_len = PIECE;
		err = decoder_run(d, &io, &o->end->failure);
		if (io.out > out) {
			int wrong = write_all(out, (size_t)(io.out - out));

			if (wrong < 0)
				return place_failed(o, wrong);
		}
		if (err)
			return err;
	} while (io.in_len || io.out_len == 0);
	return 0;
}

static int decode(struct outlet *o, enum image_kind kind, uint8_t *piece)
{
	cleanup_free uint8_t *out = malloc(PIECE);
	struct decoder d;
	ssize_t n;
	int err = out ? decoder_open(&d, kind, -1, &o->end->failure) : -ENOMEM;

	if (err < 0)
		return err;
	while (!err && (n = read_piece(piece, PIECE)) > 0)
		err = decode_piece(o, &d, piece, (size_t)n, out);
	if (err == 1)
		err = leave_out_rest(o, &d, piece);
	else if (!err)
		err = decoder_finish(&d, &o->end->failure);
	decoder_close(&d);
	return err;
}

static int unpack(struct outlet *o, uint8_t *piece)
{
	const uint8_t *h = o->head;

	if (h[0] == 0x1f && h[1] == 0x8b)
		return decode(o, IMAGE_GZIP, piece);
	if (memcmp(h,
		   "\xfd"
		   "7zXZ",
		   6) == 0)
		return decode(o, IMAGE_XZ, piece);
	if (memcmp(h, "\x28\xb5\x2f\xfd", 4) == 0)
		return decode(o, IMAGE_ZSTD, piece);
	if (memcmp(h, "BZh", 3) != 0)
		return copy(o, piece);
	execlp("bzip2", "bzip2", "-dc", (char *)NULL);
	return fail(&o->end->failure, FAIL_IMG_CORRUPT, -errno, "bzip2, which has packed the image, is not here: %s",
		    err_text(errno));
}

/* The child. */
static int work(void *ctx)
{
	struct outlet *o = ctx;
	uint8_t *piece = malloc(PIECE);
	int fd = o->out < 0 ? open(o->path, O_WRONLY | O_CLOEXEC) : -1, err;

	if (o->out < 0 && (fd < 0 || dup2(fd, STDOUT_FILENO) < 0))
		return place_failed(o, -errno) < 0;
	signal(SIGPIPE, SIG_IGN); /* a reader that went is told as an error */
	err = piece ? (o->unpack ? unpack(o, piece) : copy(o, piece)) : -ENOMEM;
	return err < 0 ? 1 : 0;
}

/* ---- in the parent */

static void conclude(struct outlet *o, int err, const struct failure *f)
{
	struct failure why = f ? *f : (struct failure){ 0 };

	outlet_close(o);
	o->done(o, err, &why);
}

static void give_up(struct outlet *o, int err, const char *what)
{
	struct failure f = { 0 };

	fail(&f, FAIL_IMG_STORE, err, "%s: %s", what, err_text(err));
	conclude(o, err, &f);
}

/* It ended: at the end of the bytes, or, failing, before. */
static void on_ended(struct child *c, int status)
{
	struct outlet *o = container_of(c, struct outlet, child);
	struct failure f = o->end->failure;
	char words[120];

	if (o->end->warning[0])
		log_warn("%s: %s", o->path, o->end->warning);
	if (status == 0 && o->at == o->size) {
		conclude(o, 0, NULL);
		return;
	}
	child_judge(NULL, status, words, sizeof(words));
	if (f.id == FAIL_NONE)
		fail(&f, FAIL_IMG_STORE, -EIO, "%s: what writes it %s", o->path, status ? words : "ended too early");
	conclude(o, f.err ? f.err : -EIO, &f);
}

/* Writes what is there. 1: the pipe is full or the turn over, 0: all written, or -errno. */
static int pump(struct outlet *o)
{
	int64_t until = now_ms() + TURN_MS;
	uint8_t piece[PIECE];

	while (o->at < o->available && now_ms() < until) {
		size_t len = (size_t)MIN(o->available - o->at, (int64_t)sizeof(piece));
		int err = rstore_read(o->store, o->at, piece, len);
		ssize_t n;

		if (err < 0)
			return err;
		n = write(o->w.fd, piece, len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 1;
		if (n < 0)
			return errno == EPIPE ? 0 : -errno; /* the child's end says why */
		o->at += n;
	}
	return o->at < o->available;
}

static void push(struct outlet *o)
{
	int err = pump(o);

	if (err < 0) {
		give_up(o, err, "reading back what came");
		return;
	}
	if (o->at == o->size)
		loop_close_fd(o->loop, &o->w); /* the child's end of the bytes */
	else
		loop_change(o->loop, &o->w, err ? EPOLLOUT : 0);
}

static void ready(struct loop_fd *w, uint32_t events)
{
	struct outlet *o = container_of(w, struct outlet, w);

	if (events & EPOLLERR)
		loop_remove(o->loop, w); /* nobody reads any more: on_ended comes */
	else
		push(o);
}

static int open_pipe(struct outlet *o, int ends[2])
{
	if (pipe(ends) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	o->w = (struct loop_fd){ .fd = ends[1], .ready = ready };
	return 0;
}

/* The first bytes are there: the child that takes them. */
static int begin(struct outlet *o, struct failure *f)
{
	int ends[2], err = rstore_read(o->store, 0, o->head, (size_t)MIN(o->available, (int64_t)sizeof(o->head)));

	o->begun = true;
	o->end = mmap(NULL, sizeof(*o->end), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (o->end == MAP_FAILED) {
		o->end = NULL;
		return -ENOMEM;
	}
	if (!err)
		err = open_pipe(o, ends);
	if (err < 0)
		return err;
	o->child.ended = on_ended;
	err = child_start(&o->child, o->loop, work, o, ends[0], o->out, f);
	close(ends[0]);
	return err < 0 ? err : loop_add(o->loop, &o->w, 0);
}

void outlet_feed(struct outlet *o, int64_t available, int64_t size)
{
	struct failure f = { 0 };
	int err = 0;

	if (o->over || (o->begun && o->at == o->size))
		return;
	o->available = available;
	o->size = size;
	if (!o->begun) {
		if (available < (int64_t)sizeof(o->head) && available != size)
			return;
		err = begin(o, &f);
	}
	if (err < 0)
		give_up(o, err, f.detail[0] ? f.detail : o->path);
	else if (o->w.fd >= 0)
		push(o);
}

void outlet_close(struct outlet *o)
{
	if (o->begun) {
		loop_close_fd(o->loop, &o->w);
		child_kill(&o->child);
	}
	if (o->end)
		munmap(o->end, sizeof(*o->end));
	o->end = NULL;
	o->over = true;
}
