/* reader.c - a file that has to be mounted first -> the sink, or where it lies, by a child that may hang without
 * harm. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/retrieve/reader.h"

#include "base/clock.h"
#include "base/log.h"
#include "methods/retrieve/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A killed child is gone within this time, in milliseconds; if not, it is left to PID 1. */
#define KILLED_MS 2000

/* Bytes moved by one call. */
#define CHUNK ((size_t)MIB)

/* So many bytes go through the socket before the sink says whether it can lend its room: a page, for the rest to lie as
 * pages do in both files. */
#define FIRST 4096

/* Bytes asked for at a time, a power of two: as many as come within a time in which nobody wonders. */
#define PIECE_MIN   (32 * KIB)
#define PIECE_MAX   (4 * MIB)
#define PIECE_SOON  100 /* milliseconds */
#define PIECE_LATER 250

/* What the child says before the bytes. */
struct opened {
	int err; /* 0: the file is open and its bytes follow, or FOUND says where it is */
	int64_t size, modified;
	struct found found;
	struct failure failure; /* where ERR is not 0 */
};

/* What the child is to do: one of the two. */
struct task {
	reader_open_fn *open_file; /* and bring its bytes, as it is ordered to */
	reader_look_fn *look;
	void *ctx;
};

/* LEN bytes from FROM on are wanted: from the socket, or where TO is a file (known by this number since the fork) in it
 * from AT on. Then the answer is an int64_t: how many there are (0: none, it is the end), or -errno. */
struct order {
	int64_t from, len;
	int to; /* -1: the socket */
	int64_t at;
};

struct reading {
	struct transfer *t;
	const char *what;
	pid_t child;
	struct stream stream; /* to the child */
	bool lent;            /* the child, or the kernel for it, may write into the sink's room */
};

/* ---- the child */

static int open_alone(reader_open_fn *open_file, void *ctx, struct failure *f)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(f, FAIL_MED_MOUNT, -errno, "no mounts of its own for the reader: %s%s", err_text(errno),
			    errno == EPERM ? " (only root may mount)" : "");
	return open_file(ctx, f);
}

/* The file's bytes that O wants go to SOCKET. 0 or -errno. */
static int send_bytes(int socket, int fd, const struct order *o)
{
	off_t at = (off_t)o->from;

	while (at < o->from + o->len) {
		ssize_t n = sendfile(socket, fd, &at, (size_t)MIN((int64_t)CHUNK, o->from + o->len - at));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ENODATA;
	}
	return 0;
}

/* The file FD once more, to be read past the cache; -1 where the file system cannot. */
static int open_past_cache(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		log_debug("reading through the cache: %s", err_text(errno));
	return fd;
}

/* Reads what O wants into SPACE: by DIRECT straight from the server's answers to there, else by FD. */
static ssize_t read_piece(int direct, int fd, void *space, const struct order *o)
{
	ssize_t n = direct < 0 ? -1 : pread(direct, space, (size_t)o->len, (off_t)o->from);

	if (direct < 0 || (n < 0 && errno == EINVAL)) /* it can, but not everywhere */
		n = pread(fd, space, (size_t)o->len, (off_t)o->from);
	return n < 0 ? -errno : n;
}

/* The part of a file that is mapped. */
struct mapping {
	char *bytes; /* NULL: none */
	int64_t at;
	size_t len;
};

/* Where in memory the place is that O wants its bytes in. Whole large pages are mapped, at once: page by page that
 * costs as much as the reading. NULL where that cannot be. */
static void *map_place(struct mapping *m, const struct order *o)
{
	if (!m->bytes || o->at < m->at || o->at + o->len > m->at + (int64_t)m->len) {
		if (m->bytes)
			munmap(m->bytes, m->len);
		m->at = o->at & ~((int64_t)PIECE_MAX - 1);
		m->len = (size_t)MAX(o->at + o->len - m->at, (int64_t)PIECE_MAX);
		m->bytes = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, o->to, (off_t)m->at);
		if (m->bytes == MAP_FAILED)
			m->bytes = NULL;
	}
	return m->bytes ? m->bytes + (o->at - m->at) : NULL;
}

/* Puts what O wants where it says, and says how much that was. 0 or -errno. */
static int put_bytes(int socket, int direct, int fd, const struct order *o, struct mapping *m)
{
	void *space = map_place(m, o);
	int64_t n = space ? read_piece(direct, fd, space, o) : -errno;

	return send(socket, &n, sizeof(n), MSG_NOSIGNAL) == sizeof(n) ? 0 : -EPIPE;
}

/* Does what is ordered until nobody orders more. 0 or -errno. */
static int take_orders(int socket, int fd)
{
	int direct = open_past_cache(fd), err = 0;
	struct mapping m = { 0 };
	struct order o;

	while (!err && recv(socket, &o, sizeof(o), MSG_WAITALL) == sizeof(o))
		err = o.to < 0 ? send_bytes(socket, fd, &o) : put_bytes(socket, direct, fd, &o, &m);
	return err;
}

/* Neither returns; the exit status is the errno, which all fit into it. */
static _Noreturn void child_looks(int socket, const struct task *task)
{
	struct opened say = { 0 };

	say.err = task->look(task->ctx, &say.found, &say.failure);
	_exit(send(socket, &say, sizeof(say), MSG_NOSIGNAL) == sizeof(say) ? 0 : EPIPE);
}

static _Noreturn void child_reads(int socket, const struct task *task)
{
	struct opened say = { 0 };
	struct stat st;
	int fd, err;

	signal(SIGPIPE, SIG_IGN);
	fd = open_alone(task->open_file, task->ctx, &say.failure);
	say.err = MIN(fd, 0);
	if (!say.err && fstat(fd, &st) < 0)
		say.err = fail(&say.failure, FAIL_SRV_ERROR, -errno, "looking at the file: %s", err_text(errno));
	if (!say.err) {
		say.size = st.st_size;
		say.modified = st.st_mtime;
	}
	if (send(socket, &say, sizeof(say), MSG_NOSIGNAL) != sizeof(say) || say.err)
		_exit(0);
	err = take_orders(socket, fd);
	_exit(-err & 0xff);
}

/* ---- the parent */

static int begin(struct reading *r, const struct task *task, struct failure *f)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(f, FAIL_SYS_INTERNAL, -errno, "a socket: %s", err_text(errno));
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	r->child = fork();
	if (r->child == 0) {
		close(pair[0]);
		if (task->look)
			child_looks(pair[1], task);
		child_reads(pair[1], task);
	}
	close(pair[1]);
	r->stream.fd = pair[0];
	if (r->child < 0) {
		stream_close(&r->stream);
		return fail(f, FAIL_SYS_INTERNAL, -errno, "fork: %s", err_text(errno));
	}
	return 0;
}

/* The child ends: by itself, or because nobody listens any more. Its errno, 0 where it has none to tell. */
static int end(struct reading *r)
{
	struct pollfd gone = { .fd = r->stream.fd };
	int status = 0;

	kill(r->child, SIGKILL); /* one that is through is already gone or a zombie, whose status stays */
	if (poll(&gone, 1, KILLED_MS) > 0 && waitpid(r->child, &status, 0) != r->child)
		status = 0;
	stream_close(&r->stream);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

/* What the child says of the file. 0, or -errno with the failure filled. */
static int read_opened(struct reading *r, struct opened *o, int64_t open_ms, struct failure *f)
{
	int64_t deadline = now_ms() + open_ms;
	size_t got = 0;

	while (got < sizeof(*o)) {
		ssize_t n = stream_read(&r->stream, (char *)o + got, sizeof(*o) - got, deadline);

		if (n == -ETIMEDOUT)
			return fail(f, FAIL_SRV_TIMEOUT, (int)n, "%s: no answer for %lld s", r->what,
				    (long long)open_ms / 1000);
		if (n == -ECANCELED)
			return fail(f, FAIL_SYS_CANCELLED, (int)n, "while opening %s", r->what);
		if (n <= 0)
			return fail(f, FAIL_SYS_INTERNAL, n ? (int)n : -EPIPE, "%s: its reader ended", r->what);
		got += (size_t)n;
	}
	if (o->err)
		*f = o->failure; /* the child has logged it */
	return o->err;
}

/* The child's bytes ended with N: 0, or -errno. That with F filled. */
static int ended(struct reading *r, ssize_t n, struct failure *f)
{
	if (n == 0)
		n = end(r);
	if (n == -ESTALE)
		return transfer_changed(r->t, f);
	if (n == -EFAULT || n == -ENOMEM)
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "%s: no more memory after %lld bytes", r->what,
			    (long long)r->t->done);
	return transfer_broken(r->t, n ? (int)n : -ENODATA, f);
}

static int give_order(struct reading *r, const struct order *o, struct failure *f)
{
	int err = stream_write(&r->stream, o, sizeof(*o), now_ms() + r->t->timeout_ms);

	return err ? ended(r, err == -EPIPE ? 0 : err, f) : 0;
}

/* LEN bytes from FROM on, through the socket. 0 or -errno with F. */
static int carry_by_socket(struct reading *r, int64_t from, int64_t len, struct failure *f)
{
	int err = give_order(r, &(struct order){ .from = from, .len = len, .to = -1 }, f);

	while (!err && len) {
		ssize_t n = transfer_carry(r->t, &r->stream, (size_t)MIN(len, (int64_t)CHUNK), f);

		if (n < 0 && f->id != FAIL_NONE)
			return (int)n;
		if (n <= 0)
			return ended(r, n, f);
		len -= n;
	}
	return err;
}

/* Waits until what was ordered first has come: how many bytes did, 0 at the end of the file or of the child, or
 * -errno. */
static int64_t await_piece(struct reading *r)
{
	int64_t came, deadline = now_ms() + r->t->timeout_ms;
	size_t got = 0;

	while (got < sizeof(came)) {
		ssize_t n = stream_read(&r->stream, (char *)&came + got, sizeof(came) - got, deadline);

		if (n <= 0)
			return n;
		got += (size_t)n;
	}
	return came;
}

/* Orders that are not answered yet. While one is worked on, the next one waits. */
struct queue {
	int64_t len[2];
	unsigned count;
	int64_t ordered; /* up to this offset */
	int64_t piece;
	int to;
	int64_t ahead; /* how far behind the file's own offsets those in TO are */
};

static int order_pieces(struct reading *r, struct queue *q, int64_t size, struct failure *f)
{
	int err = 0;

	while (!err && q->count < ARRAY_SIZE(q->len) && q->ordered < size) {
		int64_t len = MIN(q->piece - q->ordered % q->piece, size - q->ordered);
		struct order o = { .from = q->ordered, .len = len, .to = q->to, .at = q->ordered + q->ahead };

		q->len[q->count++] = len;
		q->ordered += len;
		r->lent = true;
		err = give_order(r, &o, f);
	}
	return err;
}

/* The LEN bytes of the first order are in the sink's room. 0 or -errno with F. */
static int commit_piece(struct transfer *t, int64_t len, struct failure *f)
{
	int err = 0;

	while (!err && len) {
		void *space;
		size_t room;

		err = transfer_reserve(t, &space, &room, f);
		if (!err) {
			room = (size_t)MIN((int64_t)room, len);
			err = transfer_commit(t, room, f);
			len -= (int64_t)room;
		}
	}
	return err;
}

/* All that is left, into the sink's room; -EOPNOTSUPP with F untouched where it lends none. 0 or -errno with F. */
static int carry_pieces(struct reading *r, int64_t size, struct failure *f)
{
	struct transfer *t = r->t;
	struct queue q = { .ordered = t->done, .piece = PIECE_MIN };
	int64_t at, since = now_ms();
	int err;

	if (transfer_lend(t, &q.to, &at))
		return -EOPNOTSUPP;
	q.ahead = at - t->done;
	err = order_pieces(r, &q, size, f);
	while (!err && t->done < size) {
		int64_t came = await_piece(r), len = q.len[0];

		if (came < len)
			return ended(r, (ssize_t)MIN(came, (int64_t)0), f);
		if (now_ms() - since > PIECE_LATER)
			q.piece = MAX(q.piece / 2, (int64_t)PIECE_MIN);
		else if (now_ms() - since < PIECE_SOON)
			q.piece = MIN(q.piece * 2, (int64_t)PIECE_MAX);
		since = now_ms();
		q.len[0] = q.len[1];
		r->lent = --q.count;
		err = order_pieces(r, &q, size, f);
		if (!err)
			err = commit_piece(t, len, f);
	}
	return err;
}

static int carry(struct reading *r, int64_t offset, int64_t size, struct failure *f)
{
	struct transfer *t = r->t;
	int err = carry_by_socket(r, offset, MIN(t->done + FIRST, size) - offset, f);

	if (!err && t->done < size)
		err = carry_pieces(r, size, f);
	if (err == -EOPNOTSUPP && !f->id)
		err = carry_by_socket(r, t->done, size - t->done, f);
	return err ? err : transfer_end(t, true, f);
}

int reader_get(struct transfer *t, const struct place *at, reader_open_fn *open_file, void *ctx, int64_t open_ms,
	       const char *what, struct failure *f)
{
	struct reading r = { .t = t, .what = what, .stream = { .fd = -1, .watch = t->fetch->watch } };
	int64_t offset = transfer_offset(t, at);
	struct version v = { 0 };
	struct opened o;
	char modified[24];
	int err = begin(&r, &(struct task){ .open_file = open_file, .ctx = ctx }, f);

	if (err)
		return err;
	err = read_opened(&r, &o, open_ms, f);
	if (!err) {
		snprintf(modified, sizeof(modified), "%lld", (long long)o.modified);
		v.size = o.size;
		v.modified = modified;
		err = transfer_begin(t, at, offset, &v, what, f);
	}
	if (!err)
		err = carry(&r, offset, o.size, f);
	if (r.stream.fd >= 0)
		end(&r);
	if (r.lent) {
		int worse = transfer_revoke(t, f);

		err = worse ? worse : err;
	}
	return err;
}

int reader_look(struct watch *w, reader_look_fn *look, void *ctx, int64_t open_ms, const char *what,
		struct found *found, struct failure *f)
{
	struct reading r = { .what = what, .stream = { .fd = -1, .watch = w } };
	struct opened o;
	int err = begin(&r, &(struct task){ .look = look, .ctx = ctx }, f);

	if (err)
		return err;
	err = read_opened(&r, &o, open_ms, f);
	end(&r);
	if (err)
		found_release(found);
	else
		*found = o.found;
	return err;
}
