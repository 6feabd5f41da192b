/* test_outside.c - methods/outside/outside.h: messages and their descriptors come through, what is out of bounds does
 * not; a job comes out as it went in. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/outside.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static int pair[2];
static struct outside_packet packet;

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	base_close_fd(&pair[0]);
	base_close_fd(&pair[1]);
	return 0;
}

/* Sends and receives; the descriptor that came, or -1, in *FD. */
static int through(enum outside_kind kind, int64_t a, int64_t b, const char *words, int fd, struct outside_message *m,
		   int *got)
{
	assert_int_equal(outside_send(pair[0], kind, a, b, words, fd), 0);
	return outside_receive(pair[1], &packet, false, m, got);
}

static void test_messages(void **state)
{
	struct outside_message m;
	int fd;

	(void)state;
	assert_int_equal(outside_receive(pair[1], &packet, false, &m, &fd), -EAGAIN);
	assert_int_equal(through(OUTSIDE_NOTE, 0, 0, "a line", -1, &m, &fd), 0);
	assert_int_equal(m.kind, OUTSIDE_NOTE);
	assert_string_equal(m.words, "a line");
	assert_int_equal(through(OUTSIDE_PROGRESS, INT64_MAX, -1, NULL, -1, &m, &fd), 0);
	assert_true(m.a == INT64_MAX && m.b == -1 && !*m.words && fd == -1);
	assert_int_equal(through(OUTSIDE_END, -ENOMEM, FAIL_MEM_TOO_LITTLE, "", -1, &m, &fd), 0);
	assert_true(m.a == -ENOMEM && m.b == FAIL_MEM_TOO_LITTLE);
}

static void test_the_longest_words(void **state)
{
	struct outside_message m;
	char *words = malloc(OUTSIDE_WORDS + 100);
	int fd;

	(void)state;
	memset(words, 'x', OUTSIDE_WORDS + 99);
	words[OUTSIDE_WORDS + 99] = '\0';
	assert_int_equal(through(OUTSIDE_LOG, LOG_LEVEL_INFO, 0, words, -1, &m, &fd), 0);
	assert_int_equal(strlen(m.words), OUTSIDE_WORDS);
	free(words);
}

static void test_descriptors(void **state)
{
	struct outside_message m;
	int file[2], fd;
	char byte;

	(void)state;
	assert_int_equal(pipe(file), 0);
	assert_int_equal(through(OUTSIDE_COPY, 5, 7, NULL, file[1], &m, &fd), 0);
	assert_true(fd > 2 && fd != file[1] && m.a == 5 && m.b == 7);
	assert_int_equal(write(fd, "!", 1), 1);
	assert_int_equal(read(file[0], &byte, 1), 1);
	base_close_fd(&fd);
	/* none where one belongs, one where none belongs: closed, too */
	assert_int_equal(through(OUTSIDE_TAKE, 1, 0, NULL, -1, &m, &fd), -EBADMSG);
	assert_int_equal(through(OUTSIDE_FINISH, 0, 0, NULL, file[1], &m, &fd), -EBADMSG);
	assert_int_equal(fd, -1);
	base_close_fd(&file[1]);
	assert_int_equal(read(file[0], &byte, 1), 0); /* nobody has its other end */
	base_close_fd(&file[0]);
}

static void test_out_of_bounds(void **state)
{
	static const struct {
		enum outside_kind kind;
		int64_t a, b;
		const char *words;
	} rows[] = {
		{ OUTSIDE_VALUE, KEY_COUNT, 0, "x" }, { OUTSIDE_VALUE, -1, 0, "x" },
		{ OUTSIDE_VALUE, 0, 2, "x" },         { OUTSIDE_END, 1, 0, "" },
		{ OUTSIDE_END, -5000, 0, "" },        { OUTSIDE_ANSWER, -1, FAIL_COUNT, "" },
		{ OUTSIDE_ANSWER, -1, -1, "" },       { OUTSIDE_LOG, 2, 0, "x" },
		{ OUTSIDE_LOG, 8, 0, "x" },           { OUTSIDE_BEGIN, -2, 0, NULL },
		{ OUTSIDE_BEGIN, 1, 1, NULL },        { OUTSIDE_PROGRESS, -1, 0, NULL },
		{ OUTSIDE_PROGRESS, 0, -2, NULL },    { OUTSIDE_FINISH, 1, 0, NULL },
		{ OUTSIDE_FINISH, 0, 0, "x" },        { OUTSIDE_DNS, (int64_t)1 << 32, 0, NULL },
		{ OUTSIDE_KINDS, 0, 0, NULL },        { (enum outside_kind)0x7fffffff, 0, 0, NULL },
	};
	struct outside_message m;
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(through(rows[i].kind, rows[i].a, rows[i].b, rows[i].words, -1, &m, &fd), -EBADMSG);
}

static void test_bad_packets(void **state)
{
	uint8_t bytes[OUTSIDE_HEADER + 4];
	struct outside_message m;
	char *long_one = calloc(1, sizeof(packet) + 1);
	int fd;

	(void)state;
	outside_header(bytes, OUTSIDE_NOTE, 0, 0);
	memcpy(bytes + OUTSIDE_HEADER, "a\0b", 4);
	assert_int_equal(send(pair[0], bytes, sizeof(bytes), 0), sizeof(bytes)); /* a NUL in the words */
	assert_int_equal(outside_receive(pair[1], &packet, false, &m, &fd), -EBADMSG);
	assert_int_equal(send(pair[0], bytes, OUTSIDE_HEADER - 1, 0), OUTSIDE_HEADER - 1);
	assert_int_equal(outside_receive(pair[1], &packet, false, &m, &fd), -EBADMSG);
	memset(long_one, 'x', sizeof(packet));
	memcpy(long_one, bytes, OUTSIDE_HEADER);
	for (size_t more = 0; more < 2; more++) {
		assert_int_equal(send(pair[0], long_one, sizeof(packet) + more, 0), sizeof(packet) + more);
		assert_int_equal(outside_receive(pair[1], &packet, false, &m, &fd), -EBADMSG);
	}
	free(long_one);
}

static void test_the_other_side_is_gone(void **state)
{
	struct outside_message m;
	int fd;

	(void)state;
	base_close_fd(&pair[0]);
	assert_int_equal(outside_receive(pair[1], &packet, true, &m, &fd), -EPIPE);
	assert_int_equal(outside_send(pair[1], OUTSIDE_ALIVE, 0, 0, NULL, -1), -EPIPE);
}

/* Receives a job. */
static void receive(struct outside_job *job)
{
	struct outside_message m;
	int fd;

	for (;;) {
		assert_int_equal(outside_receive(pair[1], &packet, false, &m, &fd), 0);
		if (m.kind == OUTSIDE_START)
			return;
		assert_int_equal(outside_job_add(job, &m), 0);
	}
}

static void test_a_job(void **state)
{
	struct in_addr dns[2] = { { .s_addr = htonl(0x0a000115) }, { .s_addr = 0xffffffff } };
	struct in6_addr dns6;
	char search[] = "a.example b.example", domain[] = "example";
	struct network net = { .ifindex = 7,
			       .next_server.s_addr = htonl(0x0a000128),
			       .dns = dns,
			       .dns_count = 2,
			       .dns6 = &dns6,
			       .dns6_count = 1,
			       .search = search,
			       .domain = domain };
	struct options o;
	struct outside_job job = { 0 };

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "fe80::8001:2", &dns6), 1);
	assert_int_equal(options_parse(&o, "rescue node_id=n7 automatic=method:ka,session:\xff%2C,pass:secret"), 0);
	assert_int_equal(outside_send_job(pair[0], &(struct fetch){ .options = &o, .net = &net, .raw = true }), 0);
	receive(&job);
	for (int key = 0; key < KEY_COUNT; key++) {
		assert_true(!o.value[key] == !job.options.value[key]);
		assert_true(!o.value[key] || streq(o.value[key], job.options.value[key]));
	}
	assert_true(job.options.rescue && streq(job.options.node_id, "n7") && job.raw && job.has_network);
	assert_int_equal(job.network.ifindex, 7);
	assert_int_equal(job.network.next_server.s_addr, net.next_server.s_addr);
	assert_int_equal(job.network.dns_count, 2);
	assert_memory_equal(job.network.dns, dns, sizeof(dns));
	assert_int_equal(job.network.dns6_count, 1);
	assert_memory_equal(job.network.dns6, &dns6, sizeof(dns6));
	assert_string_equal(job.network.search, search);
	assert_string_equal(job.network.domain, domain);
	outside_job_free(&job);
	options_free(&o);
}

static void test_a_small_job(void **state)
{
	struct options o;
	struct outside_job job = { 0 };

	(void)state;
	assert_int_equal(options_parse(&o, "automatic=method:dolly"), 0);
	assert_int_equal(outside_send_job(pair[0], &(struct fetch){ .options = &o }), 0);
	receive(&job);
	assert_true(streq(job.options.value[KEY_METHOD], "dolly"));
	assert_false(job.options.rescue || job.raw || job.has_network);
	outside_job_free(&job);
	options_free(&o);
}

/* Words that fill one message, or several, to the last byte or not, come whole. */
static void test_long_words(void **state)
{
	static const size_t sizes[] = { OUTSIDE_WORDS - 1, OUTSIDE_WORDS, OUTSIDE_WORDS + 1, 2 * OUTSIDE_WORDS,
					2 * OUTSIDE_WORDS + 7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		cleanup_buf struct buf line = { 0 };
		struct network net = { 0 };
		struct outside_job job = { 0 };
		struct options o;
		size_t before;

		buf_str(&line, "automatic=method:ka,session:");
		before = line.len;
		for (size_t n = 0; n < sizes[i]; n++)
			buf_char(&line, (char)('a' + n % 23));
		assert_int_equal(options_parse(&o, buf_cstr(&line)), 0);
		net.search = (char *)buf_cstr(&line) + before;
		assert_int_equal(outside_send_job(pair[0], &(struct fetch){ .options = &o, .net = &net }), 0);
		receive(&job);
		assert_int_equal(strlen(job.options.value[KEY_SESSION]), sizes[i]);
		assert_string_equal(job.options.value[KEY_SESSION], o.value[KEY_SESSION]);
		assert_string_equal(job.network.search, net.search);
		outside_job_free(&job);
		options_free(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_the_longest_words, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_descriptors, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_out_of_bounds, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_bad_packets, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_the_other_side_is_gone, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_a_job, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_a_small_job, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_long_words, open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
