/* test_policy.c - stage1/policy.h: onfail: and its absence -> what is done after a failure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/policy.h" /* before cmocka.h, which makes a macro of fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_policy(const char *line, enum policy expected)
{
	struct options o;

	assert_int_equal(options_parse(&o, line), 0);
	assert_int_equal(policy_of(&o), expected);
	options_free(&o);
}

static void test_a_node_that_is_told_what_to_do_reboots(void **state)
{
	(void)state;
	assert_policy("automatic=method:http", POLICY_REBOOT);
	assert_policy("automatic", POLICY_REBOOT);
}

static void test_who_gave_no_orders_wants_to_be_asked(void **state)
{
	(void)state;
	assert_policy("", POLICY_ASK);
	assert_policy("console=ttyS0 rescue", POLICY_ASK);
}

static void test_onfail_decides(void **state)
{
	(void)state;
	assert_policy("automatic=onfail:reboot", POLICY_REBOOT);
	assert_policy("automatic=method:nfs,onfail:poweroff", POLICY_POWEROFF);
	assert_policy("automatic=onfail:shell", POLICY_SHELL);
	assert_policy("automatic=onfail:ask", POLICY_ASK);
	/* what it means is not known: nothing may wait for ever */
	assert_policy("automatic=onfail:wait", POLICY_REBOOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_node_that_is_told_what_to_do_reboots),
		cmocka_unit_test(test_who_gave_no_orders_wants_to_be_asked),
		cmocka_unit_test(test_onfail_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
