/* test_dns_packet.c - net/dns_packet.h, net/hosts.h: names, answers with aliases and loops, resolv.conf and hosts. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "net/dns_packet.h"
#include "net/hosts.h"

#include <arpa/inet.h>

/* An answer being made: header and the question www.example.org A, then records. */
static void begin(struct buf *b, unsigned answers, unsigned rcode)
{
	const uint8_t header[] = { 0x12, 0x34, 0x81, (uint8_t)(0x80 | rcode), 0, 1, 0, (uint8_t)answers, 0, 0, 0, 0 };

	buf_free(b);
	buf_add(b, header, sizeof(header));
	assert_int_equal(dns_name_write(b, "www.example.org"), 0); /* www at 12, example at 16, org at 24 */
	buf_add(b, "\0\1\0\1", 4);
}

static void record(struct buf *b, const char *name, size_t name_len, unsigned type, const void *data, size_t len)
{
	const uint8_t head[] = { 0, (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, (uint8_t)len };

	buf_add(b, name, name_len);
	buf_add(b, head, sizeof(head));
	buf_add(b, data, len);
}

static int read_answer(const struct buf *b, struct dns_answer *a)
{
	uint8_t *exact = malloc(b->len ? b->len : 1); /* the sanitizer sees every byte read too far */
	int err;

	if (b->len)
		memcpy(exact, b->data, b->len);
	err = dns_answer_read(exact, b->len, 0x1234, "www.example.org", DNS_A, a);
	free(exact);
	return err;
}

static void test_names(void **state)
{
	char out[DNS_NAME_SIZE];
	struct buf b = { 0 };
	size_t at = 0;
	(void)state;

	assert_int_equal(dns_name_write(&b, "a.bc.example.org."), 0);
	assert_memory_equal(b.data, "\1a\2bc\7example\3org\0", 18);
	assert_int_equal(dns_name_read((uint8_t *)b.data, b.len, &at, out), 0);
	assert_string_equal(out, "a.bc.example.org");
	assert_int_equal(at, b.len);
	buf_free(&b);
	assert_int_equal(dns_name_write(&b, "a..b"), -EINVAL);
	buf_free(&b);
	assert_int_equal(dns_name_write(&b, ".a"), -EINVAL);
	buf_free(&b);
	for (int i = 0; i < 64; i++)
		buf_char(&b, 'x');
	{
		struct buf wire = { 0 };

		assert_int_equal(dns_name_write(&wire, buf_cstr(&b)), -EINVAL);
		buf_free(&wire);
		buf_free(&b);
		for (int i = 0; i < 128; i++)
			buf_str(&b, "a.");
		assert_int_equal(dns_name_write(&wire, buf_cstr(&b)), -EINVAL);
		buf_free(&wire);
	}
	buf_free(&b);
	assert_true(dns_name_equal("WWW.Example.org.", "www.example.ORG"));
	assert_false(dns_name_equal("www.example.org", "www.example.or"));
}

static void test_names_that_are_none(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, at;
	} bad[] = {
		{ "\300\000", 2, 0 },                   /* itself */
		{ "\001a\300\000", 4, 0 },              /* its own beginning */
		{ "\001a\300\006\001b\300\000", 8, 0 }, /* forward */
		{ "\001a", 2, 0 },                      /* no end */
		{ "\005ab", 3, 0 },
		{ "\300", 1, 0 },
		{ "\200a\0", 3, 0 }, /* a label type that does not exist */
		{ "", 0, 0 },
	};
	char out[DNS_NAME_SIZE];
	uint8_t longest[300];
	size_t at = 0;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		at = bad[i].at;
		assert_int_equal(dns_name_read((const uint8_t *)bad[i].bytes, bad[i].len, &at, out), -EBADMSG);
	}
	for (size_t i = 0; i + 1 < sizeof(longest); i += 2)
		memcpy(longest + i, "\1a", 2);
	at = 0;
	assert_int_equal(dns_name_read(longest, sizeof(longest), &at, out), -EBADMSG);
	at = 0;
	assert_int_equal(dns_name_read((const uint8_t *)"\3a\033b\0", 5, &at, out), 0);
	assert_string_equal(out, "a?b");
}

static void test_aliases_are_followed(void **state)
{
	struct buf b = { 0 };
	struct dns_answer a;
	(void)state;

	/* the address comes before the alias that leads to it */
	begin(&b, 3, 0);
	record(&b, "\3web\300\020", 6, DNS_A, "\12\11\0\2", 4);
	record(&b, "\300\014", 2, DNS_CNAME, "\3web\300\020", 6);
	record(&b, "\3web\300\020", 6, DNS_A, "\12\11\0\3", 4);
	assert_int_equal(read_answer(&b, &a), 0);
	assert_string_equal(a.name, "web.example.org");
	assert_int_equal(a.count, 2);
	assert_memory_equal(a.address[1].s6_addr + 10, "\xff\xff\12\11\0\3", 6);
	dns_answer_free(&a);

	begin(&b, 1, 0); /* an alias that the server did not follow */
	record(&b, "\300\014", 2, DNS_CNAME, "\3web\300\020", 6);
	assert_int_equal(read_answer(&b, &a), 0);
	assert_string_equal(a.name, "web.example.org");
	assert_int_equal(a.count, 0);
	dns_answer_free(&a);

	begin(&b, 2, 0); /* two that lead to each other */
	record(&b, "\300\014", 2, DNS_CNAME, "\3web\300\020", 6);
	record(&b, "\3web\300\020", 6, DNS_CNAME, "\300\014", 2);
	assert_int_equal(read_answer(&b, &a), 0);
	assert_int_equal(a.count, 0);
	dns_answer_free(&a);
	buf_free(&b);
}

static void test_answers_to_something_else(void **state)
{
	struct buf b = { 0 };
	struct dns_answer a;
	(void)state;

	begin(&b, 1, 0);
	record(&b, "\300\014", 2, DNS_A, "\12\11\0\2", 4);
	b.data[0] = 0x55; /* the id */
	assert_int_equal(read_answer(&b, &a), -EAGAIN);
	b.data[0] = 0x12;
	b.data[13] = 'W'; /* case does not matter */
	assert_int_equal(read_answer(&b, &a), 0);
	assert_int_equal(a.count, 1);
	dns_answer_free(&a);
	b.data[13] = 'X'; /* another name */
	assert_int_equal(read_answer(&b, &a), -EAGAIN);
	b.data[13] = 'w';
	b.data[2] &= 0x7f; /* a query */
	assert_int_equal(read_answer(&b, &a), -EAGAIN);

	begin(&b, 1, 0); /* a record of another name is not ours, nor is one of a wrong length */
	record(&b, "\300\020", 2, DNS_A, "\12\11\0\2", 4);
	assert_int_equal(read_answer(&b, &a), 0);
	assert_int_equal(a.count, 0);
	dns_answer_free(&a);
	begin(&b, 1, 0);
	record(&b, "\300\014", 2, DNS_A, "\12\11\0\2\3", 5);
	assert_int_equal(read_answer(&b, &a), 0);
	assert_int_equal(a.count, 0);
	dns_answer_free(&a);
	buf_free(&b);
}

/* What comes twice counts once; a server may leave the question out. */
static void test_answers_that_say_it_again(void **state)
{
	struct buf b = { 0 };
	struct dns_answer a;
	(void)state;

	begin(&b, 4, 0);
	record(&b, "\300\014", 2, DNS_A, "\12\11\0\2", 4);
	record(&b, "\300\014", 2, DNS_A, "\12\11\0\2", 4);
	record(&b, "\300\014", 2, DNS_A, "\12\11\0\2\3", 5);
	record(&b, "\300\014", 2, DNS_A, "\12\11\0\3", 4);
	assert_int_equal(read_answer(&b, &a), 0);
	assert_int_equal(a.count, 2);
	assert_true(a.odd);
	dns_answer_free(&a);

	buf_free(&b);
	buf_add(&b, "\x12\x34\x81\x80\0\0\0\1\0\0\0\0", 12);
	record(&b, "\3www\7example\3org\0", 17, DNS_A, "\12\11\0\2", 4);
	assert_int_equal(read_answer(&b, &a), 0);
	assert_int_equal(a.count, 1);
	dns_answer_free(&a);
	buf_free(&b);
}

static void test_answers_cut_anywhere(void **state)
{
	struct buf b = { 0 };
	struct dns_answer a;
	size_t whole;
	(void)state;

	begin(&b, 2, 0);
	record(&b, "\300\014", 2, DNS_CNAME, "\3web\300\020", 6);
	record(&b, "\3web\300\020", 6, DNS_A, "\12\11\0\2", 4);
	whole = b.len;
	for (b.len = 0; b.len < whole; b.len++)
		assert_int_equal(read_answer(&b, &a), -EBADMSG);
	assert_int_equal(read_answer(&b, &a), 0);
	dns_answer_free(&a);
	buf_free(&b);
}

static void test_error_codes(void **state)
{
	struct buf b = { 0 };
	struct dns_answer a;
	(void)state;

	begin(&b, 0, DNS_NO_SUCH_NAME);
	assert_int_equal(read_answer(&b, &a), 0);
	assert_int_equal(a.rcode, DNS_NO_SUCH_NAME);
	begin(&b, 0, 0);
	b.data[2] |= 2; /* truncated */
	assert_int_equal(read_answer(&b, &a), 0);
	assert_true(a.truncated);
	buf_free(&b);
	buf_add(&b, "\x12\x34\x80\1\0\0\0\0\0\0\0\0", 12); /* a header alone: it did not understand */
	assert_int_equal(read_answer(&b, &a), 0);
	assert_int_equal(a.rcode, DNS_FORMAT_ERROR);
	buf_free(&b);
}

static void test_query(void **state)
{
	struct buf b = { 0 };
	(void)state;

	assert_int_equal(dns_query_write(&b, 0x1234, "a.b", DNS_AAAA), 0);
	assert_int_equal(b.len, 21);
	assert_memory_equal(b.data, "\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\1b\0\0\34\0\1", 21);
	buf_free(&b);
	assert_int_equal(dns_query_write(&b, 1, "", DNS_A), -EINVAL);
	buf_free(&b);
}

static void test_resolv_conf(void **state)
{
	struct resolver r = { 0 };
	char text[64];
	(void)state;

	assert_int_equal(
		resolver_read(&r, "# a comment\nnameserver 10.9.0.1\n  nameserver\t2001:db8::1 \nnameserver x\n"
				  "nameserver\noptions ndots:2\ndomain one.example\nsearch a.example  b.example # c\n"
				  "nameserver 10.9.0.2"),
		0);
	assert_int_equal(r.servers.count, 3);
	assert_string_equal(peer_text(&r.servers.address[1], text), "2001:db8::1");
	assert_string_equal(peer_text(&r.servers.address[2], text), "10.9.0.2");
	assert_int_equal(r.search_count, 2);
	assert_string_equal(r.search[1], "b.example");
	resolver_free(&r);
	assert_int_equal(resolver_read(&r, ""), 0);
	resolver_free(&r);
}

static void test_hosts(void **state)
{
	const char *hosts = "127.0.0.1 localhost\n10.9.0.5\tmirror.example.org mirror # the mirror\n"
			    "nonsense mirror\n::1 mirror\n#10.9.0.6 mirror\n";
	struct address_list found = { 0 };
	char text[64];
	(void)state;

	assert_int_equal(hosts_find(hosts, "MIRROR", 80, &found), 0);
	assert_int_equal(found.count, 2);
	assert_string_equal(peer_text(&found.address[0], text), "10.9.0.5");
	assert_int_equal(ntohs(found.address[1].u.in6.sin6_port), 80);
	address_list_free(&found);
	assert_int_equal(hosts_find(hosts, "mirro", 80, &found), 0);
	assert_int_equal(found.count, 0);
}

static void test_numeric_addresses(void **state)
{
	static const char *const good[] = { "10.9.0.1", "::1", "[2001:db8::1]", "fe80::1%2" };
	static const char *const bad[] = { "10.9.0", "10.9.0.1.2", "", "[]", "fe80::1%x", ":::", "host", "10.9.0.1 " };
	struct in6_addr ip;
	uint32_t scope;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(ip_parse(good[i], &ip, &scope), 0);
	assert_int_equal(scope, 2);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ip_parse(bad[i], &ip, &scope), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_that_are_none),
		cmocka_unit_test(test_aliases_are_followed),
		cmocka_unit_test(test_answers_to_something_else),
		cmocka_unit_test(test_answers_that_say_it_again),
		cmocka_unit_test(test_answers_cut_anywhere),
		cmocka_unit_test(test_error_codes),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_resolv_conf),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_numeric_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
