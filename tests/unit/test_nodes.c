/* test_nodes.c - server/head/nodes.h: nodes files as people write them, slips named, rewritten with comments kept. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/nodes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define ONE "00:02:b3:3f:78:81"
#define TWO "00:02:b3:3f:78:82"

static void same(const char *what, const char *found, const char *wanted)
{
	if (strcmp(found, wanted) != 0)
		fail_msg("%s: \"%s\", not \"%s\"", what, found, wanted);
}

/* The values of machine ONE in TEXT, "key=value" each; the reason where TEXT is refused. */
static void reads(const char *text, const char *wanted)
{
	uint8_t mac[MAC_LEN];
	struct node_entry n;
	struct nodes nodes;
	struct buf b = { 0 };

	assert_true(node_is_one(ONE, mac));
	if (nodes_read(text, strlen(text), &nodes, &b) == 0 && nodes_find(&nodes, mac, &n))
		for (int k = 0; k < NODE_KEYS; k++)
			if (n.value[k])
				buf_printf(&b, "%s%s=%s", b.len ? " " : "", node_key_names[k], n.value[k]);
	same(text, buf_cstr(&b), wanted);
	nodes_free(&nodes);
	buf_free(&b);
}

static void test_files(void **state)
{
	(void)state;
	reads("", "");
	reads("# nothing\n\n   \n", "");
	reads(ONE " name=a node_id=7 # the first", "name=a node_id=7");
	reads("\t" ONE "\tname=a\r\n", "name=a");
	reads("00-02-B3-3F-78-81 boot=disk\n", "boot=disk");
	reads(ONE " words=\"quiet console=ttyS0 # no comment\"\n", "words=quiet console=ttyS0 # no comment");
	reads(ONE " words=a=b\n", "words=a=b");
	reads(ONE " name=\n", "");
	reads(TWO " name=b\n", "");
	reads("* method=ka\n00:02:b3:* method=dolly image=x.sqfs\n" ONE " image=y\n", "image=y method=ka");
	reads("00:02:b3:3f:78:81 image=sub/dir.sqfs address=10.0.1.31\n", "address=10.0.1.31 image=sub/dir.sqfs");
}

static void test_slips(void **state)
{
	(void)state;
	reads("name=a\n", "line 1 begins with no card's address: 00:02:b3:3f:78:8c, or 00:02:b3:* for all that begin "
			  "so, or *");
	reads("\n00:02 name=a\n", "line 2 begins with no card's address: 00:02:b3:3f:78:8c, or 00:02:b3:* for all that "
				  "begin so, or *");
	reads(ONE ":11 name=a\n", "line 1 begins with no card's address: 00:02:b3:3f:78:8c, or 00:02:b3:* for all that "
				  "begin so, or *");
	reads(ONE " nmae=a\n", "line 1 has a word of no meaning: nmae=a");
	reads(ONE " name\n", "line 1 has a word of no meaning: name");
	reads(ONE " words=\"a\n", "line 1 has a word of no meaning: words=\"a");
	reads(ONE " name=a name=b\n", "line 1 says name= twice");
	reads(ONE "\n" ONE "\n", "line 2 is a second one for this card");
	reads(ONE " node_id=1\n" TWO " node_id=1\n", "line 2 has node_id=1, which line 1 has");
	reads("* name=a\n", "line 1 gives many machines the same name");
	reads(ONE " boot=usb\n", "line 1 boot=usb: network or disk");
	reads(ONE " method=ftp\n", "line 1 method=ftp: http, dolly, ka or nfs");
	reads(ONE " address=10.0.1\n", "line 1 address=10.0.1: this is no machine's address");
	reads(ONE " image=../../etc/shadow\n",
	      "line 1 image=../../etc/shadow: a file below the image folder is needed");
	reads(ONE " name=a/b\n", "line 1 name=a/b: this is no host's name");
	reads(ONE " node_id=-1\n", "line 1 node_id=-1: a number is needed");
	reads(ONE " words=it's\n", "line 1 has a character that no boot loader passes on");
}

static void sets(const char *text, const char *pattern, enum node_key key, const char *value, const char *wanted)
{
	struct nodes nodes;
	struct buf b = { 0 };

	assert_int_equal(nodes_read(text, strlen(text), &nodes, &b), 0);
	if (nodes_set(&nodes, pattern, key, value, &b) == 0)
		nodes_write(&nodes, &b);
	same(text, buf_cstr(&b), wanted);
	nodes_free(&nodes);
	buf_free(&b);
}

static void test_rewriting(void **state)
{
	static const char file[] = "# my rack\n\n" ONE "   name=a  boot=network   # door\n" TWO "\tname=b\n";

	(void)state;
	sets(file, ONE, NODE_BOOT, "disk", "# my rack\n\n" ONE "   name=a  boot=disk   # door\n" TWO "\tname=b\n");
	sets(file, ONE, NODE_BOOT, NULL, "# my rack\n\n" ONE "   name=a   # door\n" TWO "\tname=b\n");
	sets(file, ONE, NODE_WORDS, "x y",
	     "# my rack\n\n" ONE "   name=a  boot=network words=\"x y\"   # door\n" TWO "\tname=b\n");
	sets(file, TWO, NODE_ID, "2",
	     "# my rack\n\n" ONE "   name=a  boot=network   # door\n" TWO "\tname=b node_id=2\n");
	sets(file, "*", NODE_METHOD, "ka",
	     "# my rack\n\n" ONE "   name=a  boot=network   # door\n" TWO "\tname=b\n* method=ka\n");
	sets(file, TWO, NODE_NAME, "a", "has name=a, which line 3 has");
	sets(file, "rack", NODE_METHOD, "ka",
	     "begins with no card's address: 00:02:b3:3f:78:8c, or 00:02:b3:* for all "
	     "that begin so, or *");
	sets(file, ONE, NODE_BOOT, "usb", "boot=usb: network or disk");
	sets("", ONE, NODE_NAME, NULL, ONE "\n");
}

static void test_removing(void **state)
{
	static const char text[] = "# x\n" ONE " name=a\n# y\n" TWO " name=b\n";
	struct nodes nodes;
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(nodes_read(text, strlen(text), &nodes, &b), 0);
	assert_int_equal(nodes_remove(&nodes, "00:00:00:00:00:00"), -ENOENT);
	assert_int_equal(nodes_remove(&nodes, ONE), 0);
	assert_int_equal(nodes_set(&nodes, TWO, NODE_NAME, "c", &b), 0);
	nodes_write(&nodes, &b);
	same("removed", buf_cstr(&b), "# x\n# y\n" TWO " name=c\n");
	nodes_free(&nodes);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_slips),
		cmocka_unit_test(test_rewriting),
		cmocka_unit_test(test_removing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
