/* intake.c - bytes as they come -> counted, summed, uncompressed -> the sink behind. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/intake.h"

#include "image/decode.h"
#include "image/sha256.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/compat.h"

#define INPUT_SIZE INTAKE_PORTION

/* Enough to tell what it is: a zstd frame's header, with the size of its contents, has up to 18 bytes. */
#define HEAD_SIZE 18

struct intake {
	struct sink sink;
	struct sink *inner;
	bool raw;
	int64_t memory;

	const char *hex_as_given; /* not NULL: it is no SHA-256 */
	bool check;
	uint8_t want[SHA256_SIZE];
	struct sha256 sum;

	enum { INTAKE_HEAD, INTAKE_PLAIN, INTAKE_DECODE, INTAKE_HELD } state;
	int64_t expected; /* bytes that have to come; -1: any number */
	int64_t announced, came;
	int held; /* INTAKE_HELD: a file in memory with all that came, until its sum is known to be right; else -1 */
	bool replaying; /* what was held goes its way */
	struct decoder decoder;
	uint8_t *space; /* what reserve gave last */
	size_t have;    /* INTAKE_HEAD: bytes waiting in input */
	bool further;   /* an archive is behind us: INNER has begun */
	const uint8_t *rest;
	size_t rest_len; /* bytes behind the end of an archive */
	uint8_t input[INPUT_SIZE];
};

static struct intake *self(struct sink *s)
{
	return container_of(s, struct intake, sink);
}

/* BYTES is not what the image has. */
static int wrong_size(const struct intake *in, int64_t bytes, struct failure *f)
{
	return fail(f, FAIL_IMG_DIGEST, -EBADMSG, "it has %lld bytes%s, and signed is one of %lld", (long long)bytes,
		    bytes == in->came && bytes > in->expected ? " or more" : "", (long long)in->expected);
}

static int intake_begin(struct sink *s, int64_t size, struct failure *f)
{
	struct intake *in = self(s);

	if (in->hex_as_given)
		return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "sha256:%.80s: a SHA-256 is 64 hexadecimal digits",
			    in->hex_as_given);
	if (in->expected >= 0 && size > in->expected)
		return wrong_size(in, size, f);
	in->announced = size;
	return in->inner->begin(in->inner, size < 0 ? in->expected : size, f);
}

static int intake_reserve(struct sink *s, void **space, size_t *room, struct failure *f)
{
	struct intake *in = self(s);
	int err = 0;

	if (in->state == INTAKE_PLAIN) {
		err = in->inner->reserve(in->inner, space, room, f);
	} else {
		*space = in->input + in->have;
		*room = INPUT_SIZE - in->have;
	}
	in->space = *space;
	return err;
}

/* Is an archive complete, with something behind it? *COUNT of bytes that INNER had of it, -1: it is not. */
static ssize_t ask_rest(struct intake *in)
{
	ssize_t n = sink_rest(in->inner, &in->rest);

	in->rest_len = (size_t)MAX(n, 0);
	return n;
}

/* What is behind an archive is no further one. */
static int not_further(struct intake *in, const uint8_t *bytes, size_t len, struct failure *f)
{
	cleanup_buf struct buf words = { 0 };

	image_describe_unknown(&words, bytes, len);
	return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "something else follows the archive's end before byte %lld: %s",
		    (long long)in->came, buf_cstr(&words));
}

/* The decoder's output goes straight into the room of the sink behind. */
static int decode(struct intake *in, const uint8_t *bytes, size_t len, struct failure *f)
{
	struct decode_io io = { .in = bytes, .in_len = len };

	int other;

	do {
		void *space;
		size_t room;
		int err = in->inner->reserve(in->inner, &space, &room, f);

		if (err)
			return err;
		io.out = space;
		io.out_len = room;
		other = decoder_run(&in->decoder, &io, f);
		if (other < 0)
			return other;
		if (room > io.out_len)
			err = in->inner->commit(in->inner, room - io.out_len, f);
		if (!err && ask_rest(in) > 0)
			err = not_further(in, in->rest, in->rest_len, f);
		if (err)
			return err;
	} while (io.out_len == 0);
	if (!other)
		return 0;
	if (ask_rest(in) < 0)
		return decoder_refuse(&in->decoder, f);
	in->rest = io.in;
	in->rest_len = io.in_len;
	return 0;
}

/* What the header of a zstd frame says of its contents, in bytes; -1: nothing. */
static int64_t zstd_contents(const uint8_t *head, size_t len)
{
	unsigned long long size = ZSTD_getFrameContentSize(head, len);

	if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR)
		return -1;
	return size > INT64_MAX ? INT64_MAX : (int64_t)size;
}

/* ---- what has a sum is looked into when that is known to be right, not before */

/* Has what begins so to go through a decoder, or is it none of the images that are mounted as they lie? */
static bool must_hold(const struct intake *in)
{
	int64_t claimed;
	enum image_kind kind = image_recognise(in->input, in->have, &claimed);

	return in->check && !in->raw && !in->replaying && kind != IMAGE_SQUASHFS && kind != IMAGE_EROFS &&
	       kind != IMAGE_EXT && kind != IMAGE_ISO9660;
}

/* Keeps USED more bytes of the input as they came. */
static int hold(struct intake *in, size_t used, struct failure *f)
{
	int64_t at = in->came - (int64_t)used;

	if (in->memory >= 0 && in->came > in->memory - memory_reserve(in->memory))
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM,
			    "%lld bytes came, which are kept until their sum is known, and %lld were free",
			    (long long)in->came, (long long)in->memory);
	for (size_t done = 0; done < used;) {
		ssize_t n = pwrite(in->held, in->input + done, used - done, (off_t)(at + (int64_t)done));

		if (n <= 0)
			return fail(f, FAIL_MEM_TOO_LITTLE, n ? -errno : -ENOSPC, "keeping the image packed: %s",
				    n ? err_text(errno) : "nothing was taken");
		done += (size_t)n;
	}
	return 0;
}

/* All that came waits in the input. */
static int hold_begin(struct intake *in, struct failure *f)
{
	size_t len = in->have;

	in->held = memfd_create("packed", MFD_CLOEXEC);
	if (in->held < 0)
		return fail(f, FAIL_MEM_TOO_LITTLE, -errno, "keeping the image packed: %s", err_text(errno));
	in->state = INTAKE_HELD;
	in->have = 0;
	return hold(in, len, f);
}

/* The first bytes are there: is it compressed? */
static int decide(struct intake *in, struct failure *f)
{
	int64_t claimed, reserve = memory_reserve(in->memory);
	enum image_kind kind = image_recognise(in->input, in->have, &claimed);
	size_t len = in->have;
	int err;

	if (must_hold(in))
		return hold_begin(in, f);
	in->have = 0;
	if (in->raw || (kind != IMAGE_GZIP && kind != IMAGE_XZ && kind != IMAGE_ZSTD)) {
		if (in->further && kind != IMAGE_CPIO)
			return not_further(in, in->input, len, f);
		in->state = INTAKE_PLAIN;
		err = sink_write(in->inner, in->input, len, f);
		ask_rest(in);
		return err;
	}
	err = decoder_open(&in->decoder, kind, in->memory < 0 ? -1 : MAX(in->memory - reserve, 0) / 2, f);
	if (err)
		return err;
	in->state = INTAKE_DECODE;
	if (!in->further)
		err = in->inner->begin(in->inner, kind == IMAGE_ZSTD ? zstd_contents(in->input, len) : -1, f);
	return err ? err : decode(in, in->input, len, f);
}

/* Looks at what is behind the end of an archive, and behind the one that it may be, and so on. */
static int go_further(struct intake *in, struct failure *f)
{
	int err = 0;

	while (!err && in->rest_len) {
		memmove(in->input, in->rest, in->rest_len);
		in->have = in->rest_len;
		in->rest_len = 0;
		in->further = true;
		decoder_close(&in->decoder);
		in->state = INTAKE_HEAD;
		if (in->have >= HEAD_SIZE)
			err = decide(in, f);
	}
	return err;
}

/* Is what came enough to decide? What may be an ext or ISO is known by what lies behind its beginning. */
static bool can_decide(const struct intake *in)
{
	return in->have >= IMAGE_HEAD || (in->have >= HEAD_SIZE && !must_hold(in));
}

/* Counts what came. 0 or -errno. */
static int count(struct intake *in, size_t n, struct failure *f)
{
	in->came += (int64_t)n;
	if (in->expected >= 0 && in->came > in->expected)
		return wrong_size(in, in->came, f);
	if (in->announced >= 0 && in->came > in->announced)
		return fail(f, FAIL_SRV_PROTOCOL, -EPROTO, "%lld bytes were announced, and more came",
			    (long long)in->announced);
	return 0;
}

/* USED bytes more go where they belong. */
static int pass_on(struct intake *in, size_t used, struct failure *f)
{
	int err;

	switch (in->state) {
	case INTAKE_PLAIN:
		err = in->inner->commit(in->inner, used, f);
		ask_rest(in);
		break;
	case INTAKE_DECODE:
		err = decode(in, in->input, used, f);
		break;
	case INTAKE_HELD:
		return hold(in, used, f);
	default:
		in->have += used;
		err = can_decide(in) ? decide(in, f) : 0;
	}
	return err ? err : go_further(in, f);
}

static int intake_commit(struct sink *s, size_t used, struct failure *f)
{
	struct intake *in = self(s);
	int err = count(in, used, f);

	if (err)
		return err;
	if (in->check)
		sha256_add(&in->sum, in->space, used);
	return pass_on(in, used, f);
}

/* One portion of what was held, from AT on; its memory is given back. Bytes, or -errno. */
static ssize_t replay_some(struct intake *in, int64_t at, struct failure *f)
{
	void *space;
	size_t room;
	int err = intake_reserve(&in->sink, &space, &room, f);
	ssize_t n = err ? err : pread(in->held, space, MIN(room, (size_t)INTAKE_PORTION), (off_t)at);

	if (err)
		return err;
	if (n < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "reading the packed image: %s", err_text(errno));
	(void)fallocate(in->held, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, n);
	err = n ? pass_on(in, (size_t)n, f) : 0;
	return err ? err : n;
}

/* What was held is what it shall be: now it is unpacked. */
static int replay(struct intake *in, struct failure *f)
{
	int64_t at = 0;

	in->replaying = true;
	in->state = INTAKE_HEAD;
	while (at < in->came) {
		ssize_t n = replay_some(in, at, f);

		if (n <= 0)
			return n ? (int)n : -EIO;
		at += n;
	}
	return in->state == INTAKE_HEAD && (in->have || !in->further) ? decide(in, f) : 0;
}

static ssize_t intake_pull(struct sink *s, int fd, size_t max, struct failure *f)
{
	struct intake *in = self(s);
	ssize_t n;
	int err;

	if (in->state != INTAKE_PLAIN || in->check)
		return -EOPNOTSUPP;
	n = sink_pull(in->inner, fd, max, f);
	err = n > 0 ? count(in, (size_t)n, f) : 0;
	return err ? err : n;
}

/* Bytes that are to be looked at lie in the room as any others when they are committed. */
static int intake_lend(struct sink *s, int *fd, int64_t *at)
{
	struct intake *in = self(s);

	return in->state == INTAKE_PLAIN ? sink_lend(in->inner, fd, at) : -EOPNOTSUPP;
}

static int intake_revoke(struct sink *s, struct failure *f)
{
	return sink_revoke(self(s)->inner, f);
}

/* The sum of the SIZE bytes in FD. 0 or -errno with F. */
static int add_up(struct intake *in, int fd, int64_t size, struct failure *f)
{
	for (int64_t at = 0; at < size;) {
		ssize_t n = pread(fd, in->input, (size_t)MIN(size - at, (int64_t)INPUT_SIZE), at);

		if (n <= 0)
			return fail(f, FAIL_IMG_STORE, n ? -errno : -EIO, "reading the image in memory: %s",
				    n ? err_text(errno) : "it ends too early");
		sha256_add(&in->sum, in->input, (size_t)n);
		at += n;
	}
	return 0;
}

/* Nothing has come another way, and what FD holds need not be uncompressed. */
static bool can_take(struct intake *in, int fd)
{
	uint8_t head[HEAD_SIZE];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	int64_t claimed;
	enum image_kind kind = n > 0 ? image_recognise(head, (size_t)n, &claimed) : IMAGE_UNKNOWN;

	if (in->state != INTAKE_HEAD || in->came || in->hex_as_given)
		return false;
	return in->raw || (kind != IMAGE_GZIP && kind != IMAGE_XZ && kind != IMAGE_ZSTD);
}

static int intake_may_take(struct sink *s, int fd, int64_t so_far, struct failure *f)
{
	struct intake *in = self(s);

	return can_take(in, fd) ? sink_may_take(in->inner, fd, so_far, f) : -EOPNOTSUPP;
}

static int intake_take(struct sink *s, int fd, int64_t size, struct failure *f)
{
	struct intake *in = self(s);
	int err;

	if (!can_take(in, fd) || (in->expected >= 0 && size != in->expected))
		return -EOPNOTSUPP;
	err = sink_take(in->inner, fd, size, f);
	if (!err && in->check)
		err = add_up(in, fd, size, f);
	if (err)
		return err;
	in->state = INTAKE_PLAIN;
	in->announced = in->came = size;
	return 0;
}

static int intake_last(struct sink *s, void *bytes, size_t len)
{
	struct intake *in = self(s);

	return in->state == INTAKE_PLAIN ? sink_last(in->inner, bytes, len) : -EOPNOTSUPP;
}

static int check_sum(struct intake *in, struct failure *f)
{
	char want[2 * SHA256_SIZE + 1], got[2 * SHA256_SIZE + 1];
	uint8_t sum[SHA256_SIZE];

	if (!in->check)
		return 0;
	sha256_end(&in->sum, sum);
	if (memcmp(sum, in->want, SHA256_SIZE) == 0)
		return 0;
	sha256_format(want, in->want);
	sha256_format(got, sum);
	return fail(f, FAIL_IMG_DIGEST, -EBADMSG, "the %lld bytes that came have SHA-256 %s, wanted is %s",
		    (long long)in->came, got, want);
}

static int intake_finish(struct sink *s, struct failure *f)
{
	struct intake *in = self(s);
	int err = 0;

	if (in->announced >= 0 && in->came < in->announced)
		return fail(f, FAIL_SRV_SHORT, -EPIPE, "%lld of %lld bytes came", (long long)in->came,
			    (long long)in->announced);
	if (in->state == INTAKE_HEAD && (in->have || !in->further))
		err = decide(in, f);
	/* The sum first: damage on the way is better named by it than by a decoder. */
	if (!err && in->expected >= 0 && in->came != in->expected)
		err = wrong_size(in, in->came, f);
	if (!err)
		err = check_sum(in, f);
	if (!err && in->state == INTAKE_HELD)
		err = replay(in, f);
	if (!err && in->state == INTAKE_DECODE)
		err = decoder_finish(&in->decoder, f);
	return err ? err : in->inner->finish(in->inner, f);
}

static void reset(struct intake *in)
{
	decoder_close(&in->decoder);
	base_close_fd(&in->held);
	in->replaying = false;
	in->state = INTAKE_HEAD;
	in->announced = -1;
	in->came = 0;
	in->have = in->rest_len = 0;
	in->further = false;
	sha256_begin(&in->sum);
}

static int intake_restart(struct sink *s, struct failure *f)
{
	struct intake *in = self(s);

	reset(in);
	return in->inner->restart(in->inner, f);
}

static void intake_free(struct sink *s)
{
	struct intake *in = self(s);

	decoder_close(&in->decoder);
	base_close_fd(&in->held);
	in->inner->free(in->inner);
	free(in);
}

static const struct sink_shortcuts shortcuts = {
	.pulling = &(const struct sink_pulling){ intake_pull, intake_last },
	.lending = &(const struct sink_lending){ intake_lend, intake_revoke },
	.taking = &(const struct sink_taking){ intake_take, intake_may_take },
};

struct sink *intake_sink(struct sink *inner, bool raw, int64_t memory, const char *sha256_hex)
{
	struct intake *in = inner ? calloc(1, sizeof(*in)) : NULL;

	if (!in) {
		if (inner)
			inner->free(inner);
		return NULL;
	}
	in->sink = (struct sink){
		.begin = intake_begin,
		.reserve = intake_reserve,
		.commit = intake_commit,
		.finish = intake_finish,
		.restart = intake_restart,
		.free = intake_free,
		.shortcuts = &shortcuts,
	};
	in->inner = inner;
	in->raw = raw;
	in->memory = memory;
	in->held = -1;
	in->expected = -1;
	in->check = sha256_hex;
	if (sha256_hex && sha256_parse(in->want, sha256_hex))
		in->hex_as_given = sha256_hex;
	reset(in);
	return &in->sink;
}

void image_sink_expect(struct sink *s, int64_t size)
{
	self(s)->expected = size;
}
