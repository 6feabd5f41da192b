/* test_ka_store.c - relay/ka/store.h: a ring's readers get right bytes, all can be kept, what nobody lacks given
 * back. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/store.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW (4 * MIB)
#define PIECE  (700 * KIB) /* fits the file's size nowhere */

static struct loop loop;
static struct ka_store store;
static int ended; /* how the reader ended; 1: not yet */

/* Byte AT of the stream. */
static uint8_t byte_at(int64_t at)
{
	return (uint8_t)(at ^ at >> 8 ^ at >> 16 ^ at >> 24);
}

static int begin(void **state)
{
	struct failure f = { 0 };
	(void)state;

	ended = 1;
	return loop_open(&loop) || ka_store_open(&store, &loop, WINDOW, &f);
}

static int finish(void **state)
{
	(void)state;
	ka_store_close(&store);
	loop_close(&loop);
	return 0;
}

static void on_done(struct ka_reader *r, int err)
{
	(void)r;
	ended = err;
}

static void stop(struct loop_timer *t)
{
	(void)t;
	loop_stop(&loop, 0);
}

/* What waits for the loop happens. */
static void turn(void)
{
	struct loop_timer t = { .fire = stop };

	loop_at(&loop, &t, now_ms());
	assert_int_equal(loop_run(&loop), 0);
	loop_forget(&loop, &t);
}

/* The next piece comes. */
static void add(size_t len)
{
	uint8_t *space = ka_store_space(&store);

	for (size_t i = 0; i < len; i++)
		space[i] = byte_at(store.end + (int64_t)i);
	assert_int_equal(ka_store_grown(&store, store.end + (int64_t)len), 0);
}

/* A reader that is served from byte AT on: the end of a socket to read at. */
static int reader(int64_t at)
{
	struct ka_reader *r;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	r = ka_reader_add(&store, ends[0], NULL, on_done);
	assert_non_null(r);
	assert_int_equal(ka_reader_start(r, at), 0);
	return ends[1];
}

/* Reads and checks what has come there; the bytes from AT on. */
static int64_t drain(int fd, int64_t at)
{
	static uint8_t bytes[64 * KIB];
	ssize_t n;

	turn();
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], byte_at(at + i));
		at += n;
		turn();
	}
	return at;
}

static int64_t memory(void)
{
	struct stat st;

	assert_int_equal(fstat(store.fd, &st), 0);
	return (int64_t)st.st_blocks * 512;
}

static void test_round_and_round(void **state)
{
	int fd = reader(0);
	int64_t at = 0;
	(void)state;

	for (int i = 0; i < 40; i++) {
		add(PIECE);
		at = drain(fd, at);
		assert_int_equal(at, store.end);
	}
	assert_true(store.start > 0 && store.end - store.start >= WINDOW && memory() <= WINDOW + 2 * MIB);
	assert_int_equal(ka_store_keep_all(&store), -ENODATA);
	ka_store_end(&store);
	assert_int_equal(ended, 0);
	close(fd);
}

static void test_too_far_behind(void **state)
{
	int fd = reader(0);
	(void)state;

	for (int i = 0; i < 10; i++)
		add(PIECE);
	assert_int_equal(ended, -ENODATA);
	close(fd);
}

static void test_all_is_kept(void **state)
{
	struct stat st;
	int64_t at;
	int fd;
	(void)state;

	for (int i = 0; i < 5; i++)
		add(PIECE);
	assert_int_equal(ka_store_keep_all(&store), 0);
	assert_int_equal(ka_store_keep_all(&store), 0);
	for (int i = 0; i < 40; i++)
		add(PIECE);
	assert_int_equal(store.start, 0);
	ka_store_forget(&store, store.end, store.end);
	assert_int_equal(store.start, 0);
	fd = reader(0); /* one that comes late */
	at = drain(fd, 0);
	assert_int_equal(at, store.end);
	ka_store_end(&store);
	assert_int_equal(ended, 0);
	assert_int_equal(fstat(store.fd, &st), 0);
	assert_int_equal(st.st_size, store.end);
	close(fd);
}

static void test_what_nobody_lacks_is_given_back(void **state)
{
	int64_t at, full, size;
	int fd;
	(void)state;

	for (int i = 0; i < 20; i++)
		add(PIECE);
	fd = reader(store.end - 2 * MIB);
	size = store.end + PIECE;
	full = memory();
	ka_store_forget(&store, store.end, size);
	assert_true(memory() < full - MIB);
	assert_int_equal(store.start, store.end - 2 * MIB); /* what the reader lacks is still there */
	add(PIECE);
	at = drain(fd, store.end - PIECE - 2 * MIB);
	assert_int_equal(at, size);
	ka_store_forget(&store, size, size);
	assert_true(memory() <= MIB);
	ka_store_end(&store);
	assert_int_equal(ended, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_and_round, begin, finish),
		cmocka_unit_test_setup_teardown(test_too_far_behind, begin, finish),
		cmocka_unit_test_setup_teardown(test_all_is_kept, begin, finish),
		cmocka_unit_test_setup_teardown(test_what_nobody_lacks_is_given_back, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
