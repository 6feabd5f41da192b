/* test_options.c - options/options.h: lines from real sites, quotes, and every kind of slip. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/method.h" /* before cmocka.h, which makes a macro of fail */
#include "options/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static struct options parse(const char *line)
{
	struct options o;

	assert_int_equal(options_parse(&o, line), 0);
	return o;
}

static void assert_warning(const struct options *o, const char *part)
{
	for (size_t i = 0; i < o->warnings.count; i++)
		if (strstr(o->warnings.word[i], part))
			return;
	fail_msg("no warning says '%s'", part);
}

static void test_the_seeds_ka_line(void **state)
{
	struct options o = parse("initrd=images/all.rdz ramdisk_size=64000 vga=788 "
				 "automatic=method:ka,interface:eth0,network:dhcp root=/dev/ram3 rw rescue kamethod\n");
	(void)state;

	assert_true(o.automatic && o.rescue && o.kamethod && o.read_write && !o.dollymethod);
	assert_string_equal(o.value[KEY_METHOD], "ka");
	assert_string_equal(o.value[KEY_INTERFACE], "eth0");
	assert_string_equal(o.value[KEY_NETWORK], "dhcp");
	assert_string_equal(o.root, "/dev/ram3");
	assert_int_equal(o.ramdisk_size_kib, 64000);
	assert_int_equal(o.warnings.count, 0);
	options_free(&o);
}

static void test_the_seeds_dolly_line(void **state)
{
	struct options o = parse("ramdisk_size=256000 automatic=method:dolly,dolly_timeout:100,interface:eth0,"
				 "network:dhcp rescue dollymethod node_id=1");
	(void)state;

	assert_string_equal(o.value[KEY_METHOD], "dolly");
	assert_string_equal(o.value[KEY_DOLLY_TIMEOUT], "100");
	assert_string_equal(o.node_id, "1");
	assert_true(o.rescue && o.dollymethod);
	options_free(&o);
}

static void test_short_forms_first_wins_and_empty_is_absent(void **state)
{
	struct options o = parse("automatic=met:http,netw:dhcp,ser:mirror.example.org:8080,dir:/pub/distrib,"
				 "server:second,dom:,");
	(void)state;

	assert_string_equal(o.value[KEY_SERVER], "mirror.example.org:8080");
	assert_string_equal(o.value[KEY_DIRECTORY], "/pub/distrib");
	assert_null(o.value[KEY_DOMAIN]);
	assert_int_equal(o.warnings.count, 1);
	assert_warning(&o, "'server' is given twice");
	options_free(&o);
}

static void test_every_key_is_found_by_name_and_short_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const char *names[] = { key_table[i].name, key_table[i].alias };

		for (size_t n = 0; n < 2; n++) {
			char line[100];
			struct options o;

			if (!*names[n])
				continue;
			snprintf(line, sizeof(line), "automatic=%s:%s", names[n],
				 strchr(key_table[i].example, ':') + 1);
			o = parse(line);
			assert_string_equal(o.value[i], strchr(key_table[i].example, ':') + 1);
			assert_int_equal(o.warnings.count, 0);
			options_free(&o);
		}
	}
}

static void test_every_example_of_the_manual_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		char line[200];
		struct options o;

		snprintf(line, sizeof(line), "automatic=%s", key_table[i].example);
		o = parse(line);
		assert_non_null(o.value[i]);
		assert_int_equal(o.warnings.count, 0);
		assert_true(*key_table[i].values);
		options_free(&o);
	}
}

static void test_the_manual_names_every_method(void **state)
{
	struct buf names = { 0 };
	(void)state;

	for (size_t i = 0; methods[i]; i++)
		buf_printf(&names, "%s%s", i ? "|" : "", methods[i]->name);
	assert_string_equal(key_table[KEY_METHOD].values, buf_cstr(&names));
	buf_free(&names);
}

static void test_quotes_as_the_kernel_reads_them(void **state)
{
	struct options o = parse("  foo=\"a b\" \"automatic=method:http,directory:/a b\" init=\"/bin/my init\" rescue");
	(void)state;

	assert_string_equal(o.value[KEY_DIRECTORY], "/a b");
	assert_string_equal(o.init, "/bin/my init");
	assert_true(o.rescue);
	options_free(&o);
}

static void test_slips_are_named_with_the_nearest_key(void **state)
{
	struct options o = parse("automatic=methode:http,foo,net:dhcp,severs:x automatik=method:nfs ramdisk_size=big");
	(void)state;

	assert_warning(&o, "unknown key 'methode'; did you mean 'method'?");
	assert_warning(&o, "'foo' has no colon");
	assert_warning(&o, "unknown key 'net'; did you mean 'network'?");
	assert_warning(&o, "unknown key 'severs'; did you mean 'server'?");
	assert_warning(&o, "did you mean 'automatic='?");
	assert_warning(&o, "ramdisk_size=big");
	assert_int_equal(o.ramdisk_size_kib, -1);
	assert_null(o.value[KEY_METHOD]);
	options_free(&o);
}

static void test_a_hint_is_given_only_where_it_is_near(void **state)
{
	static const struct {
		const char *slip, *hint; /* NULL: none */
	} table[] = {
		{ "sever", "server" },
		{ "serv", "server" },
		{ "imgae", "image" },
		{ "timeuot", "timeout" },
		{ "directroy", "directory" },
		{ "sha25", "sha256" },
		{ "keyboard", NULL },
		{ "lang", NULL },
		{ "foo", NULL },
		{ "x", NULL },
		{ "", NULL },
		{ "ramdisk", NULL },
		{ "thisisnotakeyatallandmuchtoolongforone", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char line[100], hint[100];
		struct options o;

		snprintf(line, sizeof(line), "automatic=%s:x", table[i].slip);
		o = parse(line);
		assert_int_equal(o.warnings.count, 1);
		snprintf(hint, sizeof(hint), "did you mean '%s'?", table[i].hint ? table[i].hint : "");
		if (!strstr(o.warnings.word[0], table[i].hint ? hint : "automatic(7)"))
			fail_msg("%s: %s", table[i].slip, o.warnings.word[0]);
		options_free(&o);
	}
}

static void test_a_word_that_is_none_of_a_few_is_said(void **state)
{
	struct options o = parse("automatic=method:http,onfail:rebot,probe:al");
	(void)state;

	assert_int_equal(o.warnings.count, 2);
	assert_warning(&o, "onfail:rebot is none of ask|shell|reboot|poweroff");
	assert_warning(&o, "probe:al is none of needed|all");
	options_free(&o);
}

static void test_adsl_is_noticed_and_its_password_is_in_no_warning(void **state)
{
	struct options o = parse("automatic=method:http,network:adsl,adsluser:me,adslpass:secret");
	(void)state;

	assert_true(o.adsl);
	assert_int_equal(o.warnings.count, 0);
	options_free(&o);
	o = parse("automatic=adslp:secret");
	assert_true(o.adsl);
	options_free(&o);
}

static void test_behind_two_dashes_nothing_is_ours(void **state)
{
	struct options o =
		parse("automatic=method:http single -- -c \"echo hi\" rescue automatic=method:tftp a=\"b c\" -- "
		      "ip=off usbcore.x=1");
	static const char *const words[] = { "single", "-c", "echo hi", "rescue",     "automatic=method:tftp",
					     "a=b c",  "--", "ip=off",  "usbcore.x=1" };
	(void)state;

	assert_string_equal(o.value[KEY_METHOD], "http");
	assert_false(o.rescue);
	assert_int_equal(o.ips.count, 0);
	assert_int_equal(o.warnings.count + o.module_options.count, 0);
	assert_int_equal(o.init_args.count, ARRAY_SIZE(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_string_equal(o.init_args.word[i], words[i]);
	options_free(&o);
	/* Debian's three dashes are a word like others, also to the kernel */
	o = parse("automatic=method:http --- rescue");
	assert_true(o.rescue);
	options_free(&o);
}

static void test_bare_and_empty_automatic(void **state)
{
	struct options o = parse("automatic");
	(void)state;

	assert_true(o.automatic);
	assert_null(o.value[KEY_METHOD]);
	options_free(&o);
	o = parse("automatic=");
	assert_true(o.automatic);
	options_free(&o);
	o = parse("");
	assert_false(o.automatic);
	options_free(&o);
}

static void test_modules_consoles_and_init_words(void **state)
{
	struct options o = parse("e1000.debug=3 modprobe.blacklist=floppy,pcspkr module_blacklist=sr_mod console=tty0 "
				 "console=ttyS0,115200 single BOOTIF=01-00-02-b3-3f-78-8c usbhid.quirks");
	(void)state;

	assert_int_equal(o.module_options.count, 2);
	assert_string_equal(o.module_options.word[0], "e1000.debug=3");
	assert_string_equal(o.module_options.word[1], "usbhid.quirks");
	assert_int_equal(o.blacklist.count, 3);
	assert_string_equal(o.blacklist.word[2], "sr_mod");
	assert_int_equal(o.consoles.count, 2);
	assert_string_equal(o.consoles.word[1], "ttyS0,115200");
	assert_string_equal(o.init_args.word[0], "single");
	assert_string_equal(o.bootif, "01-00-02-b3-3f-78-8c");
	options_free(&o);
}

static void test_a_line_longer_than_any_buffer(void **state)
{
	struct buf line = { 0 };
	struct options o;
	(void)state;

	for (int i = 0; i < 3000; i++)
		buf_printf(&line, "word%d ", i);
	buf_str(&line, "automatic=method:http,server:last");
	o = parse(buf_cstr(&line));
	assert_string_equal(o.value[KEY_SERVER], "last");
	options_free(&o);
	buf_free(&line);
}

static void test_numbers_out_of_range_name_the_key(void **state)
{
	struct options o = parse("automatic=port:70000,retries:3");
	struct failure f = { 0 };
	int64_t n;
	(void)state;

	assert_int_equal(options_number(&o, KEY_PORT, 1, 65535, 80, &n, &f), -EINVAL);
	assert_int_equal(n, 80);
	assert_int_equal(f.id, FAIL_CMD_BAD_VALUE);
	assert_non_null(strstr(f.detail, "port:70000"));
	assert_int_equal(options_number(&o, KEY_RETRIES, 0, 100, 5, &n, &f), 0);
	assert_int_equal(n, 3);
	options_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_seeds_ka_line),
		cmocka_unit_test(test_the_seeds_dolly_line),
		cmocka_unit_test(test_short_forms_first_wins_and_empty_is_absent),
		cmocka_unit_test(test_every_key_is_found_by_name_and_short_form),
		cmocka_unit_test(test_every_example_of_the_manual_is_understood),
		cmocka_unit_test(test_the_manual_names_every_method),
		cmocka_unit_test(test_quotes_as_the_kernel_reads_them),
		cmocka_unit_test(test_slips_are_named_with_the_nearest_key),
		cmocka_unit_test(test_a_hint_is_given_only_where_it_is_near),
		cmocka_unit_test(test_a_word_that_is_none_of_a_few_is_said),
		cmocka_unit_test(test_adsl_is_noticed_and_its_password_is_in_no_warning),
		cmocka_unit_test(test_behind_two_dashes_nothing_is_ours),
		cmocka_unit_test(test_bare_and_empty_automatic),
		cmocka_unit_test(test_modules_consoles_and_init_words),
		cmocka_unit_test(test_a_line_longer_than_any_buffer),
		cmocka_unit_test(test_numbers_out_of_range_name_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
