/* test_screen.c - stage1/screen.h: what a captured serial console shows, line by line. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/screen.h" /* before cmocka.h, which makes a macro of fail */

#include "base/clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

static int reader;

static struct screen open_pipe_screen(bool dumb)
{
	struct screen s = { .left = "" };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	reader = fds[0];
	s.consoles = calloc(1, sizeof(*s.consoles));
	assert_non_null(s.consoles);
	s.consoles[0] = (struct console){ .fd = fds[1], .name = strdup("pipe"), .dumb = dumb };
	s.count = 1;
	return s;
}

/* What a terminal would show: a carriage return goes back, text covers what is there, trailing blanks do not show. */
static char *shown(void)
{
	static char page[8192], raw[8192];
	ssize_t n = read(reader, raw, sizeof(raw));
	size_t line = 0, col = 0, end = 0;

	memset(page, 0, sizeof(page));
	for (ssize_t i = 0; i < n; i++) {
		if (raw[i] == '\r') {
			col = 0;
		} else if (raw[i] == '\n') {
			while (end && page[line + end - 1] == ' ')
				end--;
			page[line + end] = '\n';
			line += end + 1;
			memset(page + line, 0, sizeof(page) - line);
			col = end = 0;
		} else {
			assert_true(raw[i] >= ' ');
			page[line + col++] = raw[i];
			end = col > end ? col : end;
			assert_true(col <= 79);
		}
	}
	while (end && page[line + end - 1] == ' ')
		page[line + --end] = '\0';
	return page;
}

static void test_a_step_with_facts_and_its_time(void **state)
{
	struct screen s = open_pipe_screen(false);
	(void)state;

	screen_say(&s, "stage1 0.1  Linux 6.1");
	screen_step(&s, 2, 6, "network");
	screen_waiting(&s, "eth0: waiting for link", now_ms() + 10000);
	screen_note(&s, "eth0 Intel 82540EM, link 1000 Mb/s");
	screen_note(&s, "10.0.1.31/24, DHCP from 10.0.1.21, lease 80 h");
	screen_step_done(&s, true);
	assert_string_equal(shown(),
			    "stage1 0.1  Linux 6.1\n"
			    "[2/6] network   eth0 Intel 82540EM, link 1000 Mb/s\n"
			    "                10.0.1.31/24, DHCP from 10.0.1.21, lease 80 h       ok    0.0 s\n");
	screen_close(&s);
	close(reader);
}

static void test_a_long_wait_stays_on_its_line(void **state)
{
	struct screen s = open_pipe_screen(false);
	(void)state;

	screen_step(&s, 4, 6, "image");
	screen_waiting(&s, "The server refused the connection, and it is the only one; trying again (1/5)",
		       now_ms() + 9000);
	assert_string_equal(shown(), "[4/6] image     The server refused the connection, and it is t... (at most 9 s)");
	screen_waiting(&s, "Waiting for rescue from Dolly server (timeout 100) (Try 1/3)", now_ms() + 100000);
	assert_string_equal(shown(), "[4/6] image     Waiting for rescue from Dolly server (timeout 100) (Try 1/3)");
	screen_close(&s);
	close(reader);
}

static void test_a_failed_step_names_code_cause_and_advice(void **state)
{
	struct screen s = open_pipe_screen(false);
	struct failure f = { .id = FAIL_NET_NO_ANSWER, .err = -ETIMEDOUT, .detail = "eth0 (00:02:b3:3f:78:8c), 15 s" };
	char *page;
	(void)state;

	screen_step(&s, 2, 6, "network");
	screen_waiting(&s, "eth0: waiting for an answer", 0);
	screen_step_done(&s, false);
	screen_failure(&s, &f, fail_advice(f.id));
	page = shown();
	assert_non_null(strstr(page, "[2/6] network"));
	assert_non_null(strstr(page, "FAILED  0.0 s\n"));
	assert_non_null(strstr(page, "\nS1-NET-04   No DHCP server answered: eth0 (00:02:b3:3f:78:8c), 15 s\n"));
	assert_non_null(strstr(page, "\n            Try: Is the switch port"));
	screen_close(&s);
	close(reader);
}

static void test_a_long_fact_is_wrapped_at_blanks(void **state)
{
	struct screen s = open_pipe_screen(false);
	(void)state;

	screen_step(&s, 1, 6, "devices");
	screen_note(&s, "one two three four five six seven eight nine ten eleven twelve thirteen");
	screen_step_done(&s, true);
	assert_string_equal(shown(),
			    "[1/6] devices   one two three four five six seven eight nine ten\n"
			    "                eleven twelve thirteen                              ok    0.0 s\n");
	screen_close(&s);
	close(reader);
}

static void test_a_dumb_terminal_gets_finished_lines_only(void **state)
{
	struct screen s = open_pipe_screen(true);
	char raw[512];
	ssize_t n;
	(void)state;

	screen_step(&s, 4, 6, "image");
	for (int64_t i = 0; i <= 300; i++)
		screen_progress(&s, i * 1000000, 300000000);
	screen_note(&s, "300 MB in memory");
	screen_step_done(&s, true);
	n = read(reader, raw, sizeof(raw) - 1);
	raw[n > 0 ? n : 0] = '\0';
	assert_null(strchr(raw, '\r'));
	assert_string_equal(raw, "[4/6] image     300 MB in memory                                    ok    0.0 s\n");
	screen_close(&s);
	close(reader);
}

static void test_a_dumb_terminal_is_told_of_a_wait_once(void **state)
{
	struct screen s = open_pipe_screen(true);
	char raw[512];
	ssize_t n;
	(void)state;

	screen_step(&s, 2, 6, "network");
	for (int i = 9; i > 0; i--) {
		char why[60];

		snprintf(why, sizeof(why), "eth0: asked %d times", 10 - i);
		screen_waiting(&s, why, now_ms() + i * 1000);
	}
	screen_waiting(&s, "eth0: an answer came", 0);
	n = read(reader, raw, sizeof(raw) - 1);
	raw[n > 0 ? n : 0] = '\0';
	assert_string_equal(
		raw, "[2/6] network   eth0: asked 1 times (at most 9 s)\n[2/6] network   eth0: an answer came\n");
	screen_close(&s);
	close(reader);
}

static void test_what_stands_there_is_not_written_again(void **state)
{
	struct screen s = open_pipe_screen(false);
	char raw[2048];
	(void)state;

	screen_step(&s, 2, 6, "network");
	screen_waiting(&s, "eth0: no link", 0);
	assert_true(read(reader, raw, sizeof(raw)) > 0);
	for (int i = 0; i < 100; i++)
		screen_waiting(&s, "eth0: no link", 0);
	screen_waiting(&s, "eth0: link", 0);
	assert_true(read(reader, raw, sizeof(raw)) < 80);
	screen_close(&s);
	close(reader);
}

/* No line of what was shown since the last call is wider than a terminal; it is given back. */
static char *narrow(void)
{
	char *page = shown();

	for (const char *line = page; *line;) {
		size_t n = strcspn(line, "\n");

		if (n > 79)
			fail_msg("%zu columns: %.*s", n, (int)n, line);
		line += n + (line[n] == '\n');
	}
	return page;
}

static void test_every_failure_with_long_values_fits_and_says_its_reason(void **state)
{
	char name[1200];
	(void)state;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (size_t len = 0; len < sizeof(name); len += len < 100 ? 33 : 599)
		for (int id = FAIL_NONE + 1; id < FAIL_COUNT; id++) {
			struct screen s = open_pipe_screen(false);
			struct failure f = { 0 };
			char *page;

			(void)(fail)(&f, (enum fail_id)id, -EIO, "http://server/%.*s.sqfs: answered 404, not found",
				     (int)len, name);
			screen_step(&s, 4, 6, "image");
			screen_waiting(&s, f.detail, now_ms() + 30000);
			screen_step_done(&s, false);
			screen_failure(&s, &f, fail_advice(f.id));
			page = narrow();
			assert_non_null(strstr(page, fail_code(f.id)));
			assert_non_null(strstr(page, "http://server/"));
			assert_non_null(strstr(page, "404,"));
			screen_close(&s);
			close(reader);
		}
}

static void test_nothing_else_is_wider_than_a_terminal(void **state)
{
	struct screen s = open_pipe_screen(false);
	char words[600];
	(void)state;

	for (size_t i = 0; i < sizeof(words); i++)
		words[i] = i % 9 == 8 && i < 300 ? ' ' : 'w';
	words[sizeof(words) - 1] = '\0';
	screen_say(&s, "automatic: unknown key '%s'", words);
	screen_step(&s, 3, 6, "method");
	screen_note(&s, words);
	screen_step_done(&s, true);
	s.step_began_ms = now_ms() - INT64_C(99999000);
	screen_step_done(&s, false);
	screen_format_progress(&s.line, INT64_C(99999000000000), INT64_C(100000000000000), INT64_C(90000000000));
	screen_step(&s, 4, 6, "image");
	s.transfer_began_ms = now_ms() - INT64_C(90000000000);
	screen_progress(&s, INT64_C(99999000000000), INT64_C(100000000000000));
	narrow();
	screen_close(&s);
	close(reader);
}

static void test_typing_costs_a_byte_a_key(void **state)
{
	struct screen s = open_pipe_screen(false);
	char raw[512];
	(void)state;

	screen_prompt(&s, "Server: ");
	(void)!read(reader, raw, sizeof(raw));
	screen_prompt(&s, "Server: 1");
	assert_int_equal(read(reader, raw, sizeof(raw)), 1);
	assert_memory_equal(raw, "1", 1);
	screen_prompt(&s, "Server: ");
	assert_true(read(reader, raw, sizeof(raw)) > 8);
	screen_prompt_done(&s);
	screen_close(&s);
	close(reader);
}

static void test_progress_line(void **state)
{
	struct buf b = { 0 };
	(void)state;

	screen_format_progress(&b, 150000000, 300000000, 2000);
	assert_string_equal(buf_cstr(&b), "########........  50 %  150/300 MB  75 MB/s  0:02 left");
	buf_free(&b);
	screen_format_progress(&b, 1500000000, 3200000000, 0);
	assert_string_equal(buf_cstr(&b), "#######.........  46 %  1.5/3.2 GB");
	buf_free(&b);
	screen_format_progress(&b, 4096, 8192, 0);
	assert_string_equal(buf_cstr(&b), "########........  50 %  4/8 KB");
	buf_free(&b);
	screen_format_progress(&b, 1500000, -1, 1000);
	assert_string_equal(buf_cstr(&b), "1 MB  1 MB/s");
	buf_free(&b);
	screen_format_progress(&b, 0, 0, 0);
	assert_string_equal(buf_cstr(&b), "0 bytes");
	buf_free(&b);
	screen_format_progress(&b, INT64_MAX, INT64_MAX, INT64_MAX);
	assert_non_null(strstr(buf_cstr(&b), "100 %"));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_step_with_facts_and_its_time),
		cmocka_unit_test(test_a_long_wait_stays_on_its_line),
		cmocka_unit_test(test_a_failed_step_names_code_cause_and_advice),
		cmocka_unit_test(test_a_long_fact_is_wrapped_at_blanks),
		cmocka_unit_test(test_a_dumb_terminal_gets_finished_lines_only),
		cmocka_unit_test(test_a_dumb_terminal_is_told_of_a_wait_once),
		cmocka_unit_test(test_what_stands_there_is_not_written_again),
		cmocka_unit_test(test_every_failure_with_long_values_fits_and_says_its_reason),
		cmocka_unit_test(test_nothing_else_is_wider_than_a_terminal),
		cmocka_unit_test(test_typing_costs_a_byte_a_key),
		cmocka_unit_test(test_progress_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
