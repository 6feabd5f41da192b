/* test_sink.c - image/sink.h: in whatever portions it comes, the store holds exactly the image, or a failure is
 * named. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packages: squashfs-tools e2fsprogs gzip zstd */
/* Needs: squashfs-tools gzip xz-utils zstd */
#include "image/image.h"
#include "image/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

static char dir[32];
static struct buf plain; /* a squashfs image */

static int enter(void **state)
{
	(void)state;
	scratch_enter(dir);
	scratch_run("mkdir tree; head -c 3000000 /dev/urandom >tree/random; yes | head -c 2000000 >tree/yes;"
		    "mksquashfs tree a.sqfs -noappend -noI -noD -noF;"
		    "gzip -k a.sqfs; xz -k -0 --block-size=1000000 a.sqfs; zstd -q -k a.sqfs");
	scratch_read(&plain, "a.sqfs");
	assert_true(plain.len > 4 * 1024 * 1024);
	return 0;
}

static int leave(void **state)
{
	(void)state;
	buf_free(&plain);
	scratch_leave(dir);
	return 0;
}

/* How a test feeds a sink. */
struct feed {
	int64_t announced; /* 0: the true size */
	size_t portion;    /* 0: as much as there is room */
	bool raw;
	int64_t memory; /* 0: no limit */
	const char *sha256;
};

/* Feeds the bytes; the first error ends it. */
static int feed_bytes(struct sink *s, const struct buf *b, const struct feed *how, struct failure *f)
{
	int err = s->begin(s, how->announced ? how->announced : (int64_t)b->len, f);
	size_t at = 0, n;

	while (!err && at < b->len) {
		void *space;
		size_t room;

		err = s->reserve(s, &space, &room, f);
		if (err)
			break;
		assert_true(room > 0);
		n = MIN(MIN(room, b->len - at), how->portion ? how->portion : b->len);
		memcpy(space, b->data + at, n);
		err = s->commit(s, n, f);
		at += n;
	}
	return err ? err : s->finish(s, f);
}

/* Everything B holds goes into a memory store. 0 or the error; S is open afterwards. */
static int put(struct store *s, const struct buf *b, const struct feed *how, struct failure *f)
{
	struct sink *sink;
	int err;

	assert_int_equal(store_open_memory(s, NULL, f), 0);
	sink = image_sink(s, how->raw, how->memory ? how->memory : -1, how->sha256);
	assert_non_null(sink);
	err = feed_bytes(sink, b, how, f);
	sink->free(sink);
	return err;
}

static void expect_stored(const struct store *s, const struct buf *want)
{
	cleanup_buf struct buf got = { 0 };
	cleanup_free char *path = str_printf("/proc/self/fd/%d", s->fd);

	assert_int_equal(s->size, want->len);
	scratch_read(&got, path);
	assert_int_equal(got.len, want->len);
	assert_memory_equal(got.data, want->data, want->len);
}

static void expect_good(const struct buf *b, const struct feed *how, const struct buf *want)
{
	struct failure f = { 0 };
	struct store s;
	int err = put(&s, b, how, &f);

	if (err)
		fail_msg("%s: %s", fail_title(f.id), f.detail);
	expect_stored(&s, want);
	store_close(&s);
}

/* It fails as ID, and its words hold WORDS. */
static void expect_failure(const struct buf *b, const struct feed *how, enum fail_id id, const char *words)
{
	struct failure f = { 0 };
	struct store s;

	assert_true(put(&s, b, how, &f) < 0);
	assert_string_equal(fail_code(f.id), fail_code(id));
	if (!strstr(f.detail, words))
		fail_msg("\"%s\" does not say \"%s\"", f.detail, words);
	store_close(&s);
}

static void expect_file_good(const char *file, const struct feed *how)
{
	cleanup_buf struct buf b = { 0 };

	scratch_read(&b, file);
	expect_good(&b, how, &plain);
}

static void expect_file_failure(const char *file, const struct feed *how, enum fail_id id, const char *words)
{
	cleanup_buf struct buf b = { 0 };

	scratch_read(&b, file);
	expect_failure(&b, how, id, words);
}

static void test_any_portions_any_compression(void **state)
{
	static const char *const files[] = { "a.sqfs", "a.sqfs.gz", "a.sqfs.xz", "a.sqfs.zst" };
	static const size_t portions[] = { 0, 17, 18, 4095, 1 << 20 };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		for (size_t p = 0; p < ARRAY_SIZE(portions); p++) {
			expect_file_good(files[i], &(struct feed){ .portion = portions[p] });
			expect_file_good(files[i], &(struct feed){ .portion = portions[p], .announced = -1 });
		}
	expect_file_good("a.sqfs.gz", &(struct feed){ .portion = 1 });
	expect_file_good("a.sqfs.xz", &(struct feed){ .portion = 1, .memory = 100 * MIB });
}

static void test_several_members_are_one_image(void **state)
{
	(void)state;

	scratch_run("head -c 1000000 a.sqfs >h; tail -c +1000001 a.sqfs >t;"
		    "(gzip <h; gzip </dev/null; gzip <t) >m.gz; (cat m.gz; head -c 1000 /dev/zero) >z.gz;"
		    "(xz -0 <h; head -c 8 /dev/zero; xz -0 -C sha256 <t; head -c 4 /dev/zero) >m.xz;"
		    "(xz -0 <h; head -c 7 /dev/zero; xz -0 <t; head -c 2 /dev/zero) >z.xz;"
		    "(zstd <h; head -c 511 /dev/zero; zstd <t; head -c 70000 /dev/zero) >z.zst;"
		    "(zstd <h; printf '\\120\\052\\115\\030\\003\\000\\000\\000abc'; zstd <t) >m.zst;"
		    "(printf '\\120\\052\\115\\030\\003\\000\\000\\000abc'; zstd <a.sqfs) >s.zst");
	for (size_t portion = 0; portion < 5000; portion += 1237) {
		expect_file_good("m.gz", &(struct feed){ .portion = portion });
		expect_file_good("z.gz", &(struct feed){ .portion = portion });
		expect_file_good("m.xz", &(struct feed){ .portion = portion });
		expect_file_good("z.xz", &(struct feed){ .portion = portion });
		expect_file_good("m.zst", &(struct feed){ .portion = portion });
		expect_file_good("z.zst", &(struct feed){ .portion = portion });
		expect_file_good("s.zst", &(struct feed){ .portion = portion });
	}
}

static void test_garbage_behind_the_end_is_named(void **state)
{
	(void)state;

	scratch_run("for e in gz xz zst; do (cat a.sqfs.$e; echo garbage) >g.$e; done;"
		    "(cat a.sqfs.gz; printf '\\0\\0\\037\\213') >h.gz; (cat a.sqfs.gz; printf 070701) >c.gz");
	expect_file_failure("g.gz", &(struct feed){ 0 }, FAIL_IMG_CORRUPT, "no gzip follows");
	expect_file_failure("g.xz", &(struct feed){ 0 }, FAIL_IMG_CORRUPT, "no xz follows");
	expect_file_failure("g.zst", &(struct feed){ 0 }, FAIL_IMG_CORRUPT, "no zstd follows");
	expect_file_failure("h.gz", &(struct feed){ 0 }, FAIL_IMG_CORRUPT, "cut");
	expect_file_failure("c.gz", &(struct feed){ 0 }, FAIL_IMG_CORRUPT, "no gzip follows");
}

static void test_cut_and_damaged(void **state)
{
	static const char *const files[] = { "a.sqfs.gz", "a.sqfs.xz", "a.sqfs.zst" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_buf struct buf b = { 0 };
		size_t len;

		scratch_read(&b, files[i]);
		len = b.len;
		for (size_t cut = 1; cut < len; cut = cut * 7 + 3) {
			b.len = len - cut;
			expect_failure(&b, &(struct feed){ 0 }, FAIL_IMG_CORRUPT, "cut");
		}
		b.len = 30;
		expect_failure(&b, &(struct feed){ 0 }, FAIL_IMG_CORRUPT, "cut");
		b.len = len;
		b.data[len / 2] ^= 0x10;
		expect_failure(&b, &(struct feed){ 0 }, FAIL_IMG_CORRUPT, "damaged near byte");
	}
}

static void test_cut_plain_image_names_both_numbers(void **state)
{
	struct buf cut = plain;
	char words[32];
	(void)state;

	cut.len -= 8192;
	snprintf(words, sizeof(words), "%zu bytes are there", cut.len);
	expect_failure(&cut, &(struct feed){ 0 }, FAIL_IMG_CORRUPT, words);
	expect_failure(&plain, &(struct feed){ .announced = (int64_t)plain.len + 1 }, FAIL_SRV_SHORT, "bytes came");
	expect_failure(&plain, &(struct feed){ .announced = 1000 }, FAIL_SRV_PROTOCOL, "more came");
}

static void test_no_image(void **state)
{
	struct buf b = { 0 };
	(void)state;

	expect_failure(&b, &(struct feed){ .announced = -1 }, FAIL_IMG_UNKNOWN, "empty");
	buf_str(&b, "x");
	expect_failure(&b, &(struct feed){ 0 }, FAIL_IMG_UNKNOWN, "begins with 78");
	buf_str(&b, "<html>not found</html>");
	expect_failure(&b, &(struct feed){ 0 }, FAIL_IMG_UNKNOWN, "it is text");
	/* Garbage is refused as soon as it is seen, not at its end. */
	while (b.len < 1000000)
		buf_str(&b, "<p>not found</p>");
	expect_failure(&b, &(struct feed){ .announced = INT64_C(5000000000) }, FAIL_IMG_UNKNOWN, "it is text");
	buf_free(&b);
	scratch_run("gzip <a.sqfs.xz >twice.gz");
	expect_file_failure("twice.gz", &(struct feed){ 0 }, FAIL_IMG_UNKNOWN, "compressed twice");
}

static void test_raw_keeps_every_byte(void **state)
{
	cleanup_buf struct buf b = { 0 };
	struct buf none = { 0 };
	(void)state;

	scratch_read(&b, "a.sqfs.xz");
	expect_good(&b, &(struct feed){ .raw = true, .portion = 9999 }, &b);
	expect_good(&none, &(struct feed){ .raw = true, .announced = -1 }, &none);
}

static void sum_of(const struct buf *b, char hex[65])
{
	uint8_t sum[SHA256_SIZE];
	struct sha256 s;

	sha256_begin(&s);
	sha256_add(&s, b->data, b->len);
	sha256_end(&s, sum);
	sha256_format(hex, sum);
}

static void test_sha256_of_the_bytes_as_they_come(void **state)
{
	cleanup_buf struct buf b = { 0 };
	char hex[65];
	(void)state;

	sum_of(&plain, hex);
	expect_good(&plain, &(struct feed){ .sha256 = hex, .portion = 12345 }, &plain);
	expect_file_failure("a.sqfs.gz", &(struct feed){ .sha256 = hex }, FAIL_IMG_DIGEST, hex);
	scratch_read(&b, "a.sqfs.gz");
	sum_of(&b, hex);
	expect_good(&b, &(struct feed){ .sha256 = hex, .portion = 7 }, &plain);
	hex[63] = hex[63] == '0' ? '1' : '0';
	expect_failure(&b, &(struct feed){ .sha256 = hex }, FAIL_IMG_DIGEST, hex);
	expect_failure(&b, &(struct feed){ .sha256 = "abc" }, FAIL_CMD_BAD_VALUE, "64 hexadecimal digits");
}

static void test_too_little_memory_is_said_before_a_byte_moves(void **state)
{
	struct failure f = { 0 };
	struct sink *sink;
	struct store s;
	(void)state;

	assert_int_equal(store_open_memory(&s, NULL, &f), 0);
	sink = image_sink(&s, false, 212 * 1000000, NULL);
	assert_int_equal(sink->begin(sink, 300 * 1000000, &f), -ENOMEM);
	assert_int_equal(f.id, FAIL_MEM_TOO_LITTLE);
	assert_non_null(strstr(f.detail, "needs 300 MB, 195 MB are free (17 MB more"));
	sink->free(sink);
	store_close(&s);
}

static void test_too_little_memory_for_what_is_inside(void **state)
{
	static const char *const files[] = { "b.gz", "b.xz", "b.zst" };
	(void)state;

	/* Told by the image's own header, as soon as that is there: 20 of its 100 MB fit. */
	scratch_run("mke2fs -q -F -t ext2 b.img 100000; gzip -1 -k b.img; xz -0 -k b.img; zstd -q -k b.img");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_free char *name = str_printf("b.img%s", files[i] + 1);

		expect_file_failure(name, &(struct feed){ .memory = 40 * MIB }, FAIL_MEM_TOO_LITTLE,
				    "needs 103 MB, 25 MB");
	}
}

static void test_a_bomb_ends_at_the_limit(void **state)
{
	(void)state;

	/* An iso9660 whose header tells nothing of the zeros behind it. */
	scratch_run("(cat a.sqfs; head -c 300000000 /dev/zero) >bomb; xz -0 <bomb >bomb.xz; gzip <bomb >bomb.gz;"
		    "zstd -q --no-content-size <bomb >bomb.zst; rm bomb");
	for (size_t portion = 1000; portion <= 100000000; portion *= 100000) {
		expect_file_failure("bomb.gz", &(struct feed){ .memory = 60 * MIB, .portion = portion },
				    FAIL_MEM_TOO_LITTLE, "takes more than");
		expect_file_failure("bomb.xz", &(struct feed){ .memory = 60 * MIB, .portion = portion },
				    FAIL_MEM_TOO_LITTLE, "takes more than");
		expect_file_failure("bomb.zst", &(struct feed){ .memory = 60 * MIB, .portion = portion },
				    FAIL_MEM_TOO_LITTLE, "takes more than");
	}
}

static void test_a_decoder_that_wants_too_much(void **state)
{
	(void)state;

	scratch_run(
		"xz --lzma2=dict=128MiB <a.sqfs >d.xz; zstd -q --ultra -22 --long=28 --no-content-size <a.sqfs >w.zst");
	expect_file_failure("d.xz", &(struct feed){ 0 }, FAIL_MEM_TOO_LITTLE, "takes 13");
	expect_file_failure("w.zst", &(struct feed){ 0 }, FAIL_MEM_TOO_LITTLE, "128 MiB");
	scratch_run("xz -9 <a.sqfs >e.xz");
	expect_file_good("e.xz", &(struct feed){ 0 });
	expect_file_failure("e.xz", &(struct feed){ .memory = 100 * MIB }, FAIL_MEM_TOO_LITTLE, "dictionary");
}

static void test_restart_forgets_everything(void **state)
{
	cleanup_buf struct buf other = { 0 };
	struct failure f = { 0 };
	struct sink *sink;
	struct store s;
	char hex[65];
	(void)state;

	scratch_read(&other, "a.sqfs.xz");
	sum_of(&plain, hex);
	assert_int_equal(store_open_memory(&s, NULL, &f), 0);
	sink = image_sink(&s, false, 200 * MIB, hex);
	for (size_t cut = 5; cut < other.len; cut = cut * 11 + 1) {
		assert_int_equal(sink->begin(sink, (int64_t)other.len, &f), 0);
		assert_int_equal(sink_write(sink, other.data, cut, &f), 0);
		assert_int_equal(sink->restart(sink, &f), 0);
	}
	assert_int_equal(feed_bytes(sink, &plain, &(struct feed){ 0 }, &f), 0);
	sink->free(sink);
	expect_stored(&s, &plain);
	store_close(&s);
}

/* Moves what waits in FD into S, by the shortcut or by reading. Bytes, 0 at the end, or -errno. */
static ssize_t carry(struct sink *s, int fd, size_t max, struct failure *f)
{
	ssize_t n;
	void *space;
	size_t room;

	while ((n = sink_pull(s, fd, max, f)) == -EAGAIN)
		usleep(100);
	if (n != -EOPNOTSUPP)
		return n;
	assert_int_equal(s->reserve(s, &space, &room, f), 0);
	n = read(fd, space, MIN(room, max));
	assert_true(n >= 0);
	return n && s->commit(s, (size_t)n, f) ? -EIO : n;
}

static void test_pull_from_a_pipe(void **state)
{
	static const char *const files[] = { "a.sqfs", "a.sqfs.zst" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_free char *script = str_printf("exec cat %s", files[i]);
		FILE *from = popen(script, "r");
		struct failure f = { 0 };
		struct sink *sink;
		struct store s;
		ssize_t n;

		assert_non_null(from);
		assert_int_equal(store_open_memory(&s, NULL, &f), 0);
		sink = image_sink(&s, false, 200 * MIB, NULL);
		assert_int_equal(sink->begin(sink, -1, &f), 0);
		while ((n = carry(sink, fileno(from), 100000, &f)) != 0)
			assert_true(n > 0 && n <= 100000);
		assert_int_equal(sink->finish(sink, &f), 0);
		pclose(from);
		sink->free(sink);
		expect_stored(&s, &plain);
		store_close(&s);
	}
}

/* Takes FILE over from a file in memory. 0 or the error. */
static int take(const char *file, const char *sha256, struct store *s, struct failure *f)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_close int fd = memfd_create("test", MFD_CLOEXEC);
	struct sink *sink;
	int err;

	scratch_read(&b, file);
	assert_true(fd >= 0 && write(fd, b.data, b.len) == (ssize_t)b.len);
	assert_int_equal(store_open_memory(s, NULL, f), 0);
	sink = image_sink(s, false, 1 << 30, sha256);
	assert_non_null(sink);
	assert_int_equal(sink->begin(sink, (int64_t)b.len, f), 0);
	err = sink_take(sink, fd, (int64_t)b.len, f);
	if (!err)
		err = sink->finish(sink, f);
	sink->free(sink);
	return err;
}

static void test_a_file_in_memory_is_taken_as_it_lies(void **state)
{
	uint8_t sum[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct sha256 sha;
	struct failure f = { 0 };
	struct store s;
	(void)state;

	assert_int_equal(take("a.sqfs", NULL, &s, &f), 0);
	expect_stored(&s, &plain);
	store_close(&s);

	sha256_begin(&sha);
	sha256_add(&sha, plain.data, plain.len);
	sha256_end(&sha, sum);
	sha256_format(hex, sum);
	assert_int_equal(take("a.sqfs", hex, &s, &f), 0);
	store_close(&s);
	hex[0] = hex[0] == '0' ? '1' : '0';
	assert_int_equal(take("a.sqfs", hex, &s, &f), -EBADMSG);
	assert_int_equal(f.id, FAIL_IMG_DIGEST);
	store_close(&s);
}

/* FILE comes into a memory file; may it stay there, with MEMORY bytes free, when SO_FAR bytes are there? */
static int may_take(const char *file, bool in_memory, int64_t memory, int64_t so_far, struct failure *f)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_close int fd = memfd_create("test", MFD_CLOEXEC);
	struct sink *sink;
	struct store s;
	int err;

	scratch_read(&b, file);
	assert_true(fd >= 0 && write(fd, b.data, b.len) == (ssize_t)b.len);
	if (in_memory)
		assert_int_equal(store_open_memory(&s, NULL, f), 0);
	else
		assert_int_equal(store_open_file(&s, "out", f), 0);
	sink = image_sink(&s, false, memory, NULL);
	assert_non_null(sink);
	assert_int_equal(sink->begin(sink, -1, f), 0);
	err = sink_may_take(sink, fd, IMAGE_HEAD, f);
	if (!err)
		err = sink_may_take(sink, fd, so_far, f);
	if (!err) {
		assert_int_equal(sink_take(sink, fd, (int64_t)b.len, f), 0);
		assert_int_equal(sink->finish(sink, f), 0);
		expect_stored(&s, &plain);
	}
	sink->free(sink);
	store_close(&s);
	return err;
}

static void test_what_grows_in_memory_may_stay_there(void **state)
{
	struct failure f = { 0 };
	(void)state;

	assert_int_equal(may_take("a.sqfs", true, 1 << 30, 100 * MIB, &f), 0);
	assert_int_equal(may_take("a.sqfs", false, -1, IMAGE_HEAD, &f), -EOPNOTSUPP);
	assert_int_equal(may_take("a.sqfs.zst", true, -1, IMAGE_HEAD, &f), -EOPNOTSUPP);
	assert_int_equal(f.id, FAIL_NONE);
	assert_int_equal(may_take("a.sqfs", true, 60 * MIB, 100 * MIB, &f), -ENOMEM);
	assert_int_equal(f.id, FAIL_MEM_TOO_LITTLE);
}

static void test_what_must_be_uncompressed_is_not_taken(void **state)
{
	struct failure f = { 0 };
	struct store s;
	(void)state;

	assert_int_equal(take("a.sqfs.zst", NULL, &s, &f), -EOPNOTSUPP);
	assert_int_equal(f.id, FAIL_NONE);
	store_close(&s);
}

/* Fills the next LEN bytes of what SINK lends, from elsewhere, and commits them. */
static void fill_lent(struct sink *sink, int64_t *done, size_t len)
{
	struct failure f = { 0 };
	void *space;
	size_t room;
	int64_t at;
	int fd;

	assert_int_equal(sink->reserve(sink, &space, &room, &f), 0);
	len = MIN(len, MIN(room, plain.len - (size_t)*done));
	assert_int_equal(sink_lend(sink, &fd, &at), 0);
	assert_int_equal(at, *done);
	assert_int_equal(pwrite(fd, plain.data + *done, len, (off_t)at), len);
	assert_int_equal(sink->commit(sink, len, &f), 0);
	*done += (int64_t)len;
}

static void test_lent_room_is_filled_by_others(void **state)
{
	uint8_t sum[SHA256_SIZE], old[16];
	char hex[2 * SHA256_SIZE + 1];
	struct iovec late = { .iov_len = sizeof(old) };
	struct sha256 sha;
	struct failure f = { 0 };
	struct store s;
	struct sink *sink;
	int64_t done = 4096;
	size_t room;
	int fd, pages[2];
	(void)state;

	sha256_begin(&sha);
	sha256_add(&sha, plain.data, plain.len);
	sha256_end(&sha, sum);
	sha256_format(hex, sum);
	assert_int_equal(store_open_memory(&s, NULL, &f), 0);
	sink = image_sink(&s, false, 1 << 30, hex);
	assert_int_equal(sink->begin(sink, (int64_t)plain.len, &f), 0);
	assert_int_equal(sink_lend(sink, &fd, &done), -EOPNOTSUPP); /* it may be compressed */
	assert_int_equal(sink_write(sink, plain.data, 4096, &f), 0);
	fill_lent(sink, &done, 1000000);

	/* who holds a page of the room that was revoked holds none of the file */
	assert_int_equal(sink->reserve(sink, &late.iov_base, &room, &f), 0);
	memset(late.iov_base, 'x', sizeof(old));
	assert_int_equal(pipe(pages), 0);
	assert_int_equal(vmsplice(pages[1], &late, 1, 0), sizeof(old));
	assert_int_equal(sink_revoke(sink, &f), 0);
	while (done < (int64_t)plain.len)
		fill_lent(sink, &done, 300000);
	assert_int_equal(read(pages[0], old, sizeof(old)), sizeof(old));
	for (size_t i = 0; i < sizeof(old); i++)
		assert_int_equal(old[i], 'x');
	close(pages[0]);
	close(pages[1]);

	assert_int_equal(sink->finish(sink, &f), 0);
	sink->free(sink);
	expect_stored(&s, &plain);
	store_close(&s);
}

static void test_who_lends_no_room(void **state)
{
	cleanup_buf struct buf packed = { 0 };
	struct failure f = { 0 };
	struct store s;
	struct sink *sink;
	int64_t at;
	int fd;
	(void)state;

	scratch_read(&packed, "a.sqfs.zst");
	assert_int_equal(store_open_memory(&s, NULL, &f), 0);
	sink = image_sink(&s, false, 1 << 30, NULL);
	assert_int_equal(sink->begin(sink, (int64_t)packed.len, &f), 0);
	assert_int_equal(sink_write(sink, packed.data, 4096, &f), 0);
	assert_int_equal(sink_lend(sink, &fd, &at), -EOPNOTSUPP);
	sink->free(sink);
	store_close(&s);

	assert_int_equal(store_open_file(&s, "lent", &f), 0);
	sink = image_sink(&s, true, -1, NULL);
	assert_int_equal(sink->begin(sink, (int64_t)plain.len, &f), 0);
	assert_int_equal(sink_write(sink, plain.data, 4096, &f), 0);
	assert_int_equal(sink_lend(sink, &fd, &at), -EOPNOTSUPP);
	sink->free(sink);
	store_close(&s);
}

static void test_a_file_has_its_name_only_when_complete(void **state)
{
	struct failure f = { 0 };
	cleanup_buf struct buf got = { 0 };
	struct sink *sink;
	struct store s;
	(void)state;

	scratch_run("echo old >out");
	assert_int_equal(store_open_file(&s, "out", &f), 0);
	sink = image_sink(&s, true, -1, NULL);
	assert_int_equal(sink->begin(sink, -1, &f), 0);
	assert_int_equal(sink_write(sink, plain.data, 3000000, &f), 0);
	sink->free(sink);
	store_close(&s);
	scratch_run("test \"$(cat out)\" = old; test -z \"$(ls out.*)\"");

	assert_int_equal(store_open_file(&s, "out", &f), 0);
	sink = image_sink(&s, false, -1, NULL);
	assert_int_equal(sink->begin(sink, -1, &f), 0);
	assert_int_equal(sink_write(sink, plain.data, 3000000, &f), 0);
	assert_int_equal(sink->restart(sink, &f), 0);
	assert_int_equal(feed_bytes(sink, &plain, &(struct feed){ .portion = 100001 }, &f), 0);
	sink->free(sink);
	store_close(&s);
	scratch_run("cmp out a.sqfs; test -z \"$(ls out.*)\"");

	/* What cannot be: a folder that is not there; more than the disk holds. */
	assert_true(store_open_file(&s, "no/such/out", &f) < 0);
	assert_int_equal(f.id, FAIL_IMG_STORE);
	assert_int_equal(store_open_file(&s, "out", &f), 0);
	sink = image_sink(&s, true, -1, NULL);
	assert_int_equal(sink->begin(sink, INT64_C(1) << 60, &f), -ENOSPC);
	assert_int_equal(f.id, FAIL_IMG_STORE);
	sink->free(sink);
	store_close(&s);
	assert_int_equal(store_open_file(&s, "/dev/null", &f), 0);
	sink = image_sink(&s, true, -1, NULL);
	assert_int_equal(feed_bytes(sink, &plain, &(struct feed){ 0 }, &f), 0);
	sink->free(sink);
	store_close(&s);
}

static void test_a_full_disk_is_named(void **state)
{
	struct rlimit was, small = { 1000000, 1000000 };
	struct failure f = { 0 };
	struct sink *sink;
	struct store s;
	(void)state;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(store_open_file(&s, "full", &f), 0);
	sink = image_sink(&s, true, -1, NULL);
	assert_int_equal(feed_bytes(sink, &plain, &(struct feed){ 0 }, &f), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(f.id, FAIL_IMG_STORE);
	sink->free(sink);
	store_close(&s);
}

/* What is to have a sum goes through no decoder before that is known to be right; what has none does at once. */
static void test_nothing_is_unpacked_before_its_sum_is_right(void **state)
{
	static const char *const files[] = { "a.sqfs.gz", "a.sqfs.xz", "a.sqfs.zst" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_buf struct buf b = { 0 };
		char hex[2 * SHA256_SIZE + 1];

		scratch_read(&b, files[i]);
		sum_of(&b, hex);
		for (int summed = 0; summed < 2; summed++) {
			struct failure f = { 0 };
			struct store s;
			struct sink *sink;

			assert_int_equal(store_open_memory(&s, NULL, &f), 0);
			sink = image_sink(&s, false, -1, summed ? hex : NULL);
			assert_int_equal(sink->begin(sink, (int64_t)b.len, &f), 0);
			assert_int_equal(sink_write(sink, b.data, b.len, &f), 0);
			assert_int_equal(s.size, summed ? 0 : (int64_t)plain.len);
			assert_int_equal(sink->finish(sink, &f), 0);
			sink->free(sink);
			expect_stored(&s, &plain);
			store_close(&s);
		}
		for (size_t portion = 1000; portion < 100000; portion *= 7)
			expect_good(&b, &(struct feed){ .sha256 = hex, .portion = portion }, &plain);
		b.data[b.len / 2] ^= 1;
		expect_failure(&b, &(struct feed){ .sha256 = hex }, FAIL_IMG_DIGEST, "wanted is");
		expect_failure(&b, &(struct feed){ .sha256 = hex, .memory = 18 << 20 }, FAIL_MEM_TOO_LITTLE, "");
	}
}

static void test_exactly_so_many_bytes(void **state)
{
	static const struct {
		int64_t announced, expected, sent;
	} rows[] = { { 6, 5, 6 }, { -1, 5, 6 }, { -1, 7, 6 }, { 6, 7, 6 }, { -1, 0, 1 } };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct failure f = { 0 };
		struct store s;
		struct sink *sink;
		int err;

		assert_int_equal(store_open_memory(&s, NULL, &f), 0);
		sink = image_sink(&s, true, -1, NULL);
		image_sink_expect(sink, rows[i].expected);
		err = sink->begin(sink, rows[i].announced, &f);
		if (!err)
			err = sink_write(sink, "abcdef", (size_t)rows[i].sent, &f);
		if (!err)
			err = sink->finish(sink, &f);
		assert_true(err < 0);
		assert_int_equal(f.id, FAIL_IMG_DIGEST);
		sink->free(sink);
		store_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_portions_any_compression),
		cmocka_unit_test(test_several_members_are_one_image),
		cmocka_unit_test(test_garbage_behind_the_end_is_named),
		cmocka_unit_test(test_cut_and_damaged),
		cmocka_unit_test(test_cut_plain_image_names_both_numbers),
		cmocka_unit_test(test_no_image),
		cmocka_unit_test(test_raw_keeps_every_byte),
		cmocka_unit_test(test_sha256_of_the_bytes_as_they_come),
		cmocka_unit_test(test_nothing_is_unpacked_before_its_sum_is_right),
		cmocka_unit_test(test_exactly_so_many_bytes),
		cmocka_unit_test(test_too_little_memory_is_said_before_a_byte_moves),
		cmocka_unit_test(test_too_little_memory_for_what_is_inside),
		cmocka_unit_test(test_a_bomb_ends_at_the_limit),
		cmocka_unit_test(test_a_decoder_that_wants_too_much),
		cmocka_unit_test(test_restart_forgets_everything),
		cmocka_unit_test(test_pull_from_a_pipe),
		cmocka_unit_test(test_a_file_in_memory_is_taken_as_it_lies),
		cmocka_unit_test(test_what_grows_in_memory_may_stay_there),
		cmocka_unit_test(test_what_must_be_uncompressed_is_not_taken),
		cmocka_unit_test(test_lent_room_is_filled_by_others),
		cmocka_unit_test(test_who_lends_no_room),
		cmocka_unit_test(test_a_file_has_its_name_only_when_complete),
		cmocka_unit_test(test_a_full_disk_is_named),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
