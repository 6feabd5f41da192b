/* test_questions.c - stage1/questions.h: what a person types -> options; Back, defaults, what cannot be, nobody. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/questions.h" /* before cmocka.h, which makes a macro of fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MS 200

/* A console whose other end is the test. */
struct stage {
	struct console console;
	struct screen screen;
	struct asked asked;
	int person;
	struct options o;
};

static void begin(struct stage *s, const char *automatic, const char *typed)
{
	int pair[2];

	*s = (struct stage){ .o = { .ramdisk_size_kib = -1 } };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	s->console.fd = pair[0];
	s->person = pair[1];
	s->screen.consoles = &s->console;
	s->screen.count = 1;
	s->screen.left = "";
	s->asked = (struct asked){ .screen = &s->screen, .idle_ms = IDLE_MS, .sysfs = "/nowhere" };
	assert_int_equal(options_add_automatic(&s->o, automatic), 0);
	assert_int_equal(write(s->person, typed, strlen(typed)), strlen(typed));
}

/* Ends it; WORDS were on the console, SECRET was not (either may be NULL). */
static void end(struct stage *s, const char *words, const char *secret)
{
	static char shown[65536];
	ssize_t n = read(s->person, shown, sizeof(shown) - 1);

	assert_true(n > 0);
	shown[n] = '\0';
	if (words)
		assert_non_null(strstr(shown, words));
	if (secret)
		assert_null(strstr(shown, secret));
	close(s->console.fd);
	close(s->person);
	buf_free(&s->screen.line);
	buf_free(&s->screen.prompt);
	buf_free(&s->screen.bottom);
	buf_free(&s->screen.waited);
	options_free(&s->o);
}

static void test_the_method_is_chosen_by_number(void **state)
{
	struct stage s;
	(void)state;

	begin(&s, "", "0\r77\rx\r3\r");
	assert_int_equal(questions_method(&s.o, &s.asked), 0);
	assert_string_equal(s.o.value[KEY_METHOD], "http");
	end(&s, "A number from 0 to", NULL);
}

static void test_enter_keeps_what_is_there(void **state)
{
	struct stage s;
	(void)state;

	begin(&s, "method:ftp", "\r");
	assert_int_equal(questions_method(&s.o, &s.asked), 0);
	assert_string_equal(s.o.value[KEY_METHOD], "ftp");
	end(&s, "? [2] ", NULL);
}

static void test_a_static_network_with_back_and_mistakes(void **state)
{
	struct stage s;
	(void)state;

	begin(&s, "method:http,interface:auto",
	      "2\r"                          /* static */
	      "\r1.2.3\r10.0.2.15\r"         /* nothing and no address, then one */
	      "255.0.255.0\r24\r"            /* no mask, then one */
	      "<\r\r10.0.2.2\r-\r"           /* back to the mask, which stays; gateway; no name server */
	      "http://x/\r10.0.2.2:80\r/d\r" /* a URL, then a server; directory */
	      "\rme\rs3cret\r-\r");          /* no image; login; password; no proxy */
	assert_int_equal(questions_details(&s.o, &s.asked), 0);
	assert_string_equal(s.o.value[KEY_NETWORK], "static");
	assert_string_equal(s.o.value[KEY_IP], "10.0.2.15");
	assert_string_equal(s.o.value[KEY_NETMASK], "24");
	assert_string_equal(s.o.value[KEY_GATEWAY], "10.0.2.2");
	assert_null(s.o.value[KEY_DNS]);
	assert_string_equal(s.o.value[KEY_SERVER], "10.0.2.2:80");
	assert_string_equal(s.o.value[KEY_DIRECTORY], "/d");
	assert_null(s.o.value[KEY_IMAGE]);
	assert_string_equal(s.o.value[KEY_USER], "me");
	assert_string_equal(s.o.value[KEY_PASS], "s3cret");
	end(&s, "Invalid IP address.", "s3cret");
}

static void test_back_at_the_first_question_leads_to_the_method(void **state)
{
	struct stage s;
	(void)state;

	begin(&s, "method:http", "0\r");
	assert_int_equal(questions_details(&s.o, &s.asked), ASK_BACK);
	end(&s, "Please select your network connection type.", NULL);
}

static void test_a_machine_without_cards_says_so(void **state)
{
	struct stage s;
	(void)state;

	begin(&s, "method:dolly,interface:eth77", "1\r60\r");
	assert_int_equal(questions_details(&s.o, &s.asked), 0);
	assert_string_equal(s.o.value[KEY_DOLLY_TIMEOUT], "60");
	end(&s, "No NET device found.", NULL);
}

static void test_nobody(void **state)
{
	struct stage s;
	(void)state;

	begin(&s, "", "3");
	assert_int_equal(questions_method(&s.o, &s.asked), -ETIMEDOUT);
	assert_null(s.o.value[KEY_METHOD]);
	end(&s, "as if nobody were here", NULL);
}

static void test_objections(void **state)
{
	static const struct {
		enum option_key key;
		const char *value;
		bool fine;
	} rows[] = {
		{ KEY_IP, "10.0.1.31", true },
		{ KEY_IP, "10.0.1.256", false },
		{ KEY_IP, "255.255.255.255", false },
		{ KEY_NETMASK, "24", true },
		{ KEY_NETMASK, "0", false },
		{ KEY_NETMASK, "255.255.0.0", true },
		{ KEY_GATEWAY, "10.0.1.1", true },
		{ KEY_GATEWAY, "router", false },
		{ KEY_GATEWAY, "", true },
		{ KEY_SERVER, "a.b:80+[fd00::1]", true },
		{ KEY_SERVER, "http://a", false },
		{ KEY_SERVER, "me@a", false },
		{ KEY_PROXY_PORT, "3128", true },
		{ KEY_PROXY_PORT, "65536", false },
		{ KEY_DOLLY_TIMEOUT, "x", false },
		{ KEY_DIRECTORY, "/any thing", true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(!questions_objection(rows[i].key, rows[i].value), rows[i].fine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_method_is_chosen_by_number),
		cmocka_unit_test(test_enter_keeps_what_is_there),
		cmocka_unit_test(test_a_static_network_with_back_and_mistakes),
		cmocka_unit_test(test_back_at_the_first_question_leads_to_the_method),
		cmocka_unit_test(test_a_machine_without_cards_says_so),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_objections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
