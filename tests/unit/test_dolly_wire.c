/* test_dolly_wire.c - dolly.cfg in its forms, and the published protocols' messages to the byte. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/dolly/conf.h"
#include "relay/dolly/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static const char seeds[] = "infile diskless_node.img\noutfile /dev/ram3\nserver servernode\nfirstclient 10.0.1.31\n"
			    "lastclient 10.0.1.33\nclients 3\n10.0.1.31\n10.0.1.32\n10.0.1.33\nendconfig\n";

static void parse(struct dolly_conf *c, const char *text)
{
	char error[200] = "";

	if (dolly_conf_parse(c, text, strlen(text), error, sizeof(error)) < 0)
		fail_msg("%s", error);
}

/* The seeds' file is understood, and written again to the byte. */
static void seeds_file(void **state)
{
	struct dolly_conf c;
	struct buf b = { 0 };

	(void)state;
	parse(&c, seeds);
	assert_string_equal(c.infile, "diskless_node.img");
	assert_string_equal(c.outfile, "/dev/ram3");
	assert_int_equal(c.hosts, 3);
	assert_true(c.old_form);
	assert_int_equal(dolly_conf_write(&c, true, 0, &b), 0);
	assert_string_equal(b.data, seeds);
	buf_free(&b);
	assert_int_equal(dolly_conf_write(&c, false, 1, &b), 0);
	assert_string_equal(b.data, "infile diskless_node.img\noutfile /dev/ram3\n10.0.1.32\n10.0.1.33\nendconfig\n");
	buf_free(&b);
	dolly_conf_free(&c);
}

/* Every keyword of the old form, comments, blank lines and CRLF. */
static void all_keywords(void **state)
{
	struct dolly_conf c;

	(void)state;
	parse(&c, "# a comment\r\n\r\ncompressed infile x.gz\r\noutfile /data/y split 2G\r\nsegsize 1460\nadd "
		  "1:-b\nfanout 2\n"
		  "hyphennormal\nserver s\nclients auto 32\nendconfig behind");
	assert_true(c.in_compressed);
	assert_string_equal(c.infile, "x.gz");
	assert_string_equal(c.outfile, "/data/y");
	assert_int_equal(c.out_split, 2147483648);
	assert_int_equal(c.segsize, 1460);
	assert_int_equal(c.add, 1);
	assert_int_equal(c.fanout, 2);
	assert_int_equal(c.wanted, 32);
	assert_true(c.hyphennormal);
	dolly_conf_free(&c);
}

/* `add 0` and `add2 0` name another interface of each node; further links leave the name as it is. */
static void other_interfaces(void **state)
{
	static const char *const cases[][3] = {
		{ "add 0:-b", "node12", "node12-b" },      { "add 0:-b:-c", "node12", "node12-b" },
		{ "add2 0:giga", "node12", "nodegiga12" }, { "add 1:-b", "node12", "node12" },
		{ "hyphennormal", "node12", "node12" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[100];
		struct dolly_conf c;
		char *name;

		snprintf(text, sizeof(text), "infile a\noutfile b\n%s\nh\nendconfig\n", cases[i][0]);
		parse(&c, text);
		name = dolly_conf_reach(&c, cases[i][1]);
		assert_string_equal(name, cases[i][2]);
		free(name);
		dolly_conf_free(&c);
	}
}

/* What is wrong is named with its line. */
static void mistakes(void **state)
{
	static const char *const texts[][2] = {
		{ "", "the last line must be endconfig" },
		{ "infile a\n", "the last line must be endconfig" },
		{ "infile a\nendconfig\n", "there is no outfile line" },
		{ "infile a\noutfile b\nendconfig\n", "it names no client" },
		{ "infile a\noutfile b\nclients x\nendconfig\n", "line 3 \"clients x\"" },
		{ "infile a\noutfile b split\nh\nendconfig\n", "line 2 \"outfile b split\"" },
		{ "infile a\noutfile b\none two\nendconfig\n", "line 3 \"one two\"" },
		{ "infile\noutfile b\none\nendconfig\n", "line 1 \"infile\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct dolly_conf c;
		char error[200] = "";

		assert_int_equal(dolly_conf_parse(&c, texts[i][0], strlen(texts[i][0]), error, sizeof(error)),
				 -EBADMSG);
		assert_non_null(strstr(error, texts[i][1]));
	}
}

/* Old and new greetings, cut anywhere, are asked for more and then complete. */
static void greetings(void **state)
{
	struct dolly_greeting g;
	struct buf b = { 0 };

	(void)state;
	for (size_t len = 1; len < sizeof(seeds) - 11; len++)
		assert_int_equal(dolly_read_greeting((const uint8_t *)seeds, len, false, &g), DOLLY_MORE);
	assert_int_equal(dolly_read_greeting((const uint8_t *)seeds, sizeof(seeds) - 1, false, &g), DOLLY_COMPLETE);
	assert_int_equal(g.family, DOLLY_OLD);
	buf_add(&b, "\0\1\0\0\0", 5);
	buf_str(&b, "infile a\noutfile b\nh\nendconfig\n");
	assert_int_equal(dolly_read_greeting((uint8_t *)b.data, b.len, false, &g), DOLLY_COMPLETE);
	assert_int_equal(g.family, DOLLY_NEW);
	assert_true(g.directory);
	assert_int_equal(g.text_at, 5);
	b.data[4] = 1;
	assert_int_equal(dolly_read_greeting((uint8_t *)b.data, b.len, false, &g), DOLLY_NONSENSE);
	assert_int_equal(dolly_read_greeting((const uint8_t *)"\xd3relay1", 7, false, &g), DOLLY_NONSENSE);
	buf_free(&b);
}

/* The captured password exchange (protocol description, 1.4). */
static void password(void **state)
{
	static const uint8_t nonce[DOLLY_NONCE] = {
		0xfb, 0xce, 0x08, 0x08, 0x20, 0xaa, 0x48, 0x28, 0xbe, 0xfe, 0x89, 0x96, 0x76, 0xee, 0xa5, 0x57,
		0x06, 0xd6, 0x8f, 0x21, 0x05, 0xf4, 0x3b, 0xbe, 0xb6, 0x48, 0x3f, 0x33, 0x05, 0xe3, 0x9c, 0x6f,
	};
	static const uint8_t right[32] = {
		0xaa, 0xec, 0x69, 0x8d, 0x19, 0xf8, 0x72, 0x0e, 0x7c, 0x76, 0xcb, 0x5d, 0x2d, 0x73, 0xb4, 0x1a,
		0x5a, 0x55, 0x5f, 0xb9, 0xe5, 0x5a, 0x0e, 0x2d, 0x7d, 0x3c, 0x2f, 0xb1, 0xd0, 0xb2, 0x83, 0xba,
	};
	uint8_t answer[32];

	(void)state;
	dolly_answer("secret", nonce, answer);
	assert_memory_equal(answer, right, sizeof(right));
}

/* The children's words to the byte, and how they are read again. */
static void words(void **state)
{
	struct buf b = { 0 };
	char name[64];
	size_t used;
	uint8_t ack[8];

	(void)state;
	dolly_put_parameters(&b, DOLLY_OLD, "10.77.0.11");
	dolly_put_ready(&b, DOLLY_OLD, "10.77.0.11");
	assert_string_equal(b.data, "Host got parameters '10.77.0.11'.\nHost ready '10.77.0.11'.\n");
	assert_int_equal(dolly_read_answer((uint8_t *)b.data, b.len, &used), DOLLY_ANSWER_LINE);
	assert_int_equal(used, 34);
	assert_false(dolly_line_ready(b.data, used, name, sizeof(name)));
	assert_true(dolly_line_ready(b.data + 34, 25, name, sizeof(name)));
	assert_string_equal(name, "10.77.0.11");
	buf_free(&b);
	dolly_put_parameters(&b, DOLLY_NEW, "10.77.0.11");
	assert_int_equal(b.len, 64);
	dolly_put_ready(&b, DOLLY_NEW, "10.77.0.11");
	assert_int_equal(b.len, 89);
	assert_false(dolly_line_ready(b.data, 64, name, sizeof(name)));
	assert_true(dolly_line_ready(b.data + 64, 25, name, sizeof(name)));
	buf_free(&b);
	dolly_put_length(ack, 100);
	assert_memory_equal(ack, "d\0\0\0\0\0\0\0", 8);
	assert_int_equal(dolly_read_answer(ack, 7, &used), DOLLY_ANSWER_MORE);
	assert_int_equal(dolly_read_answer(ack, 8, &used), DOLLY_ANSWER_ACK);
	assert_int_equal(dolly_get_length(ack), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeds_file), cmocka_unit_test(all_keywords), cmocka_unit_test(other_interfaces),
		cmocka_unit_test(mistakes),   cmocka_unit_test(greetings),    cmocka_unit_test(password),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
