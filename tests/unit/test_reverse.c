/* test_reverse.c - an address -> the name that is asked for; a name server's word -> hostname and domain. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "net/address.h"
#include "net/frame6.h"
#include "net/reverse.h"

static struct in_addr address(const char *text)
{
	struct in_addr a;

	assert_int_equal(address_parse(text, &a), 0);
	return a;
}

static struct in6_addr address6(const char *text)
{
	struct in6_addr a;

	assert_int_equal(address6_parse(text, &a), 0);
	return a;
}

static void test_reverse_names(void **state)
{
	struct net_address6 ip6 = { .address = address6("2001:db8::567:89ab") };
	struct network net = { .address = address("10.9.0.30") };
	char name[DNS_NAME_SIZE];
	(void)state;

	assert_true(reverse_name(&net, name));
	assert_string_equal(name, "30.0.9.10.in-addr.arpa");
	net = (struct network){ .address6 = &ip6, .address6_count = 1 };
	assert_true(reverse_name(&net, name)); /* the example of RFC 3596, 2.5, with another prefix */
	assert_string_equal(name, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	net.address6_count = 0;
	assert_false(reverse_name(&net, name));
}

static void check_taken(const char *full, const char *hostname, const char *domain)
{
	struct network net = { 0 };

	assert_int_equal(reverse_take(&net, full), hostname != NULL);
	if (hostname)
		assert_string_equal(net.hostname, hostname);
	if (domain)
		assert_string_equal(net.domain, domain);
	else
		assert_null(net.domain);
	network_free(&net);
}

static void test_names_from_the_server(void **state)
{
	struct network named = { .hostname = strdup("mine") };
	(void)state;

	check_taken("node7.lab.example", "node7", "lab.example");
	check_taken("node7", "node7", NULL);
	check_taken("", NULL, NULL);
	check_taken("30.0.9.10.in-addr.arpa", NULL, NULL); /* no answer in the answer */
	check_taken("30.0-31.9.10.IN-ADDR.ARPA", NULL, NULL);
	check_taken("localhost", NULL, NULL);
	check_taken("no?name.example", NULL, NULL);
	assert_false(reverse_take(&named, "node7.lab.example"));
	assert_string_equal(named.hostname, "mine");
	network_free(&named);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reverse_names),
		cmocka_unit_test(test_names_from_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
