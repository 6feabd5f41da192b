/* test_hosts.c - relay/dolly/hosts.h and conf.h: lists of hosts as people and the originals write them, slips named. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/dolly/conf.h"
#include "relay/dolly/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* What LIST names, with "|" between; "!" where it is refused. */
static void expect(const char *list, const char *wanted)
{
	struct dolly_conf c = { 0 };
	struct buf b = { 0 };

	if (dolly_conf_add_hosts(&c, list) < 0)
		buf_str(&b, "!");
	else
		for (size_t i = 0; i < c.hosts; i++)
			buf_printf(&b, "%s%s", i ? "|" : "", c.host[i]);
	if (strcmp(buf_cstr(&b), wanted) != 0)
		fail_msg("%s: %s, not %s", list, buf_cstr(&b), wanted);
	buf_free(&b);
	dolly_conf_free(&c);
}

static void lists(void **state)
{
	static const struct {
		const char *list, *wanted;
	} rows[] = {
		{ "a,b", "a|b" },
		{ "a, b ,c", "a|b|c" },
		{ ",,a,", "a" },
		{ "10.0.0.5-7", "10.0.0.5|10.0.0.6|10.0.0.7" },
		{ "10.0.0.9-9", "10.0.0.9" },
		{ "10.0.0.7-5", "!" },
		{ "10.0.0.5-256", "10.0.0.5-256" }, /* a name, if a strange one */
		{ "node-1", "node-1" },
		{ "rack2-node-3-4", "rack2-node-3-4" },
		{ "1-2", "1-2" },
		{ "node[1-3]", "node1|node2|node3" },
		{ "node[008-011]-ib", "node008-ib|node009-ib|node010-ib|node011-ib" },
		{ "node[3-1]", "!" },
		{ "node[]", "!" },
		{ "node[1-2", "!" },
		{ "n[0-999999]", "!" },
		{ "n[0-9999999999999]", "!" },
		{ "[fd00::1]", "fd00::1" },
		{ "fd00::1,fe80::2%eth0", "fd00::1|fe80::2%eth0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect(rows[i].list, rows[i].wanted);
}

/* The same words in dolly.cfg, with what editors and people put around them. */
static void lines(void **state)
{
	static const char text[] =
		"\xef\xbb\xbfinfile /a b#c\r\n  outfile /x\r\n\t# a rack\nclients 5\n  node[1-2] # two\n"
		"10.0.0.1-2\n[fd00::1]\nendconfig\n";
	struct dolly_conf c;
	char error[200] = "";

	(void)state;
	assert_int_equal(dolly_conf_parse(&c, text, sizeof(text) - 1, error, sizeof(error)), 0);
	assert_string_equal(c.infile, "/a b#c");
	assert_int_equal(c.hosts, 5);
	assert_int_equal(c.clients, 5);
	assert_string_equal(c.host[1], "node2");
	assert_string_equal(c.host[4], "fd00::1");
	dolly_conf_free(&c);
	assert_true(dolly_conf_parse(&c, "infile a\noutfile b\nx y\nendconfig\n", 30, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "line 3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lists), cmocka_unit_test(lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
