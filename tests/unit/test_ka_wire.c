/* test_ka_wire.c - relay/ka/wire.h: captures of two sessions of the originals are read right and written the same. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "relay/ka/wire.h"

#include <arpa/inet.h>
#include <stdio.h>

/* One line of a capture: who sent which bytes where. */
struct line {
	char kind[8], from[32], to[32];
	uint8_t bytes[2100];
	size_t len;
};

static bool next_line(FILE *f, struct line *l)
{
	char text[600], hex[520], arrow[4], flags[8];
	double time;
	unsigned len, byte;

	while (fgets(text, sizeof(text), f)) {
		if (sscanf(text, "%lf UDP %31s %3s %31s len=%u %519s", &time, l->from, arrow, l->to, &len, hex) == 6)
			str_copy(l->kind, sizeof(l->kind), "UDP");
		else if (sscanf(text, "%lf TCP %31s %3s %31s %7s len=%u %519s", &time, l->from, arrow, l->to, flags,
				&len, hex) == 7)
			str_copy(l->kind, sizeof(l->kind), "TCP");
		else
			continue;
		l->len = 0;
		while (sscanf(hex + 2 * l->len, "%2x", &byte) == 1)
			l->bytes[l->len++] = (uint8_t)byte;
		return true;
	}
	return false;
}

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a >= b && streq(s + a - b, end);
}

/* "up HELLO ..." for a packet; also checks that writing it again gives a packet that reads the same. */
static void describe(struct buf *out, const struct line *l, enum ka_layout layout)
{
	uint8_t again[KA_MAX_PACKET];
	struct ka_down down, down2;
	struct ka_up up, up2;
	char ip[INET_ADDRSTRLEN];

	if (ends_with(l->to, ":30765")) {
		assert_int_equal(l->len, ka_up_size(layout));
		ka_get_up(l->bytes, layout, &up);
		ka_put_up(again, layout, &up);
		ka_get_up(again, layout, &up2);
		assert_memory_equal(&up, &up2, sizeof(up));
		inet_ntop(AF_INET, &up.ip, ip, sizeof(ip));
		buf_printf(out, "%s up %u %s %s %lld %d\n", l->from + strlen("10.77.0."), up.type, up.version, ip,
			   (long long)up.bytes, up.waits);
		assert_false(up.ours);
	} else {
		assert_int_equal(l->len, ka_down_size(layout));
		ka_get_down(l->bytes, layout, &down);
		ka_put_down(again, layout, &down);
		ka_get_down(again, layout, &down2);
		assert_memory_equal(&down, &down2, sizeof(down));
		inet_ntop(AF_INET, &down.ip, ip, sizeof(ip));
		buf_printf(out, "%s down %u %s %lld %u\n", l->to + strlen("10.77.0."), down.type, ip,
			   (long long)down.bytes, down.mode);
		assert_int_equal(down.op, 0);
	}
}

static void replay(const char *path, enum ka_layout layout, struct buf *out)
{
	FILE *f = fopen(path, "r");
	enum ka_layout guessed;
	struct line l;
	int hellos = 0;

	assert_non_null(f);
	while (next_line(f, &l)) {
		if (ends_with(l.to, ":4957")) {
			assert_true(ka_is_request(l.bytes, l.len, "sess1"));
			assert_false(ka_is_request(l.bytes, l.len, "sess"));
			assert_false(ka_is_request(l.bytes, l.len, "sess12"));
		} else if (ends_with(l.to, ":4958")) {
			assert_true(ka_is_reply(l.bytes, l.len));
			assert_false(ka_is_reply(l.bytes, l.len - 1));
		} else if (ends_with(l.to, ":30765") || ends_with(l.from, ":30765")) {
			if (ka_guess_layout(l.bytes, l.len, &guessed) == 0) {
				assert_int_equal(guessed, layout);
				hellos++;
			}
			describe(out, &l, layout);
		}
	}
	assert_int_equal(hellos, 2);
	fclose(f);
}

static void test_capture_32(void **state)
{
	cleanup_buf struct buf out = { 0 };
	(void)state;

	replay("tests/unit/data/ka/ka32-two-clients.log", KA_32, &out);
	assert_string_equal(buf_cstr(&out), "11:53714 up 0 Ka-deploy-0.6 0.0.0.0 0 0\n"
					    "11:53714 up 7  0.0.0.0 0 0\n"
					    "11:53714 up 2  0.0.0.0 0 0\n"
					    "12:57610 up 0 Ka-deploy-0.6 0.0.0.0 0 0\n"
					    "12:57610 up 7  0.0.0.0 0 0\n"
					    "12:57610 up 2  0.0.0.0 0 0\n"
					    "11:53714 down 3 10.77.0.1 0 0\n"
					    "12:57610 down 3 10.77.0.11 0 0\n"
					    "11:53714 down 6 0.0.0.0 0 2\n"
					    "11:53714 up 5  0.0.0.0 0 0\n"
					    "11:53714 up 1  10.77.0.12 0 0\n"
					    "12:57610 down 6 0.0.0.0 0 2\n"
					    "12:57610 up 5  0.0.0.0 0 0\n"
					    "11:53714 down 4 10.77.0.12 0 0\n"
					    "11:53714 up 1  10.77.0.12 0 0\n"
					    "11:53714 up 3  10.77.0.1 2048 0\n"
					    "11:53714 down 1 0.0.0.0 0 0\n"
					    "11:53714 up 4  0.0.0.0 0 0\n"
					    "12:57610 up 3  10.77.0.11 2048 0\n"
					    "12:57610 down 1 0.0.0.0 0 0\n"
					    "12:57610 up 4  0.0.0.0 0 0\n");
}

static void test_capture_64(void **state)
{
	cleanup_buf struct buf out = { 0 };
	(void)state;

	replay("tests/unit/data/ka/ka64-two-clients-wait.log", KA_64, &out);
	assert_non_null(strstr(buf_cstr(&out), "up 7  0.0.0.0 0 1\n"));       /* -w */
	assert_non_null(strstr(buf_cstr(&out), "down 4 10.77.0.12 0 0\n"));   /* gives_auth */
	assert_non_null(strstr(buf_cstr(&out), "up 3  10.77.0.11 2048 0\n")); /* dad_disconnected */
	assert_non_null(strstr(buf_cstr(&out), "down 2 0.0.0.0 0 0\n"));      /* finish */
	assert_null(strstr(buf_cstr(&out), "down 0 "));
}

static void test_numbers_beyond_4_gib(void **state)
{
	const int64_t far = 0x123456789abcdLL;
	uint8_t p[KA_MAX_PACKET];
	struct ka_down down = { .type = KA_GIVES_AUTH, .bytes = far, .ip = { 0x0100000a } };
	struct ka_up up = { .type = KA_DAD_DISCONNECTED, .bytes = far, .ip = { 0x0200000a } };
	(void)state;

	for (int layout = KA_32; layout <= KA_64; layout++) {
		ka_put_down(p, (enum ka_layout)layout, &down);
		down.bytes = 0;
		ka_get_down(p, (enum ka_layout)layout, &down);
		assert_int_equal(down.bytes, far);
		assert_int_equal(down.ip.s_addr, 0x0100000a);
		ka_put_up(p, (enum ka_layout)layout, &up);
		up.bytes = 0;
		ka_get_up(p, (enum ka_layout)layout, &up);
		assert_int_equal(up.bytes, far);
		assert_int_equal(up.ip.s_addr, 0x0200000a);
	}
}

static void test_our_words_hide_in_unused_bytes(void **state)
{
	uint8_t p[KA_MAX_PACKET];
	struct ka_up hello = { .type = KA_HELLO, .ours = true, .port = 30764, .window_kib = 65536 }, got;
	struct ka_down parent = { .type = KA_DOWN_OURS, .op = KA_DOWN_PARENT, .length = 10, .number = 7 }, down;
	struct ka_up lost = { .type = KA_UP_OURS, .op = KA_UP_LOST, .length = 5, .number = 3, .bytes = 99 };
	enum ka_layout guessed;
	(void)state;

	for (int i = KA_32; i <= KA_64; i++) {
		enum ka_layout layout = (enum ka_layout)i;

		ka_put_up(p, layout, &hello);
		assert_memory_equal(p + (layout == KA_32 ? 4 : 8), KA_VERSION, sizeof(KA_VERSION));
		assert_int_equal(ka_guess_layout(p, ka_up_size(layout), &guessed), 0);
		assert_int_equal(guessed, layout);
		ka_get_up(p, layout, &got);
		assert_true(got.ours);
		assert_int_equal(got.port, 30764);
		assert_int_equal(got.window_kib, 65536);
		ka_put_down(p, layout, &parent);
		ka_get_down(p, layout, &down);
		assert_memory_equal(&down, &parent, sizeof(down));
		ka_put_up(p, layout, &lost);
		ka_get_up(p, layout, &got);
		assert_memory_equal(&got, &lost, sizeof(got));
	}
}

static void test_no_hello(void **state)
{
	uint8_t p[40] = { 0 };
	enum ka_layout layout;
	(void)state;

	assert_int_equal(ka_guess_layout(p, 0, &layout), -EAGAIN);
	assert_int_equal(ka_guess_layout(p, 17, &layout), -EAGAIN);
	assert_int_equal(ka_guess_layout(p, 40, &layout), -EBADMSG);
	p[0] = 7; /* options before hello */
	assert_int_equal(ka_guess_layout(p, 4, &layout), -EBADMSG);
	assert_int_equal(ka_guess_layout((const uint8_t *)"GET / HTTP/1.0\r\n\r\n", 18, &layout), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capture_32),
		cmocka_unit_test(test_capture_64),
		cmocka_unit_test(test_numbers_beyond_4_gib),
		cmocka_unit_test(test_our_words_hide_in_unused_bytes),
		cmocka_unit_test(test_no_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
