/* test_dhcp_packet.c - net/dhcp_packet.h, net/dhcp_lease.h: crafted messages, cut anywhere, lying about their
 * lengths. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "base/log.h"
#include "net/address.h"
#include "net/dhcp_lease.h"

#include <arpa/inet.h>

/* A message being made: the fixed part of an OFFER of 10.9.0.30 to 02:00:00:00:00:01, then what is added. */
struct made {
	uint8_t bytes[1500];
	size_t len;
};

static void add(struct made *m, const void *bytes, size_t len)
{
	assert_true(m->len + len <= sizeof(m->bytes));
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

#define ADD(m, ...) add(m, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static struct made message(void)
{
	struct made m = { .bytes = { 2, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef }, .len = 236 };

	memcpy(m.bytes + 16, (const uint8_t[]){ 10, 9, 0, 30 }, 4);
	memcpy(m.bytes + 28, (const uint8_t[]){ 2, 0, 0, 0, 0, 1 }, 6);
	ADD(&m, 99, 130, 83, 99);
	ADD(&m, 53, 1, DHCP_OFFER);
	ADD(&m, 54, 4, 10, 9, 0, 1);
	ADD(&m, 51, 4, 0, 0, 0x0e, 0x10);
	ADD(&m, 1, 4, 255, 255, 255, 0);
	return m;
}

/* Reads a copy that ends where the message ends, so that the sanitizer sees every byte read too far. */
static int read_made(const struct made *m, struct dhcp_message *out, char why[120])
{
	uint8_t *exact = malloc(m->len ? m->len : 1);
	int err;

	memcpy(exact, m->bytes, m->len);
	err = dhcp_read(exact, m->len, out, why, 120);
	free(exact);
	return err;
}

static int lease_of(const struct made *m, struct network *net)
{
	struct dhcp_message message;
	char why[120];
	int err;

	*net = (struct network){ .interface = "eth0" };
	assert_int_equal(read_made(m, &message, why), 0);
	err = dhcp_lease_read(&message, net, why, sizeof(why));
	dhcp_message_free(&message);
	return err;
}

static void test_plain_message(void **state)
{
	struct made m = message();
	struct dhcp_message out;
	char why[120];
	(void)state;

	ADD(&m, 255);
	assert_int_equal(read_made(&m, &out, why), 0);
	assert_int_equal(out.type, DHCP_OFFER);
	assert_int_equal(out.xid, 0xdeadbeef);
	assert_int_equal(dhcp_option_u32(&out, OPTION_LEASE), 3600);
	assert_int_equal(ntohl(out.address.s_addr), 0x0a09001e);
	assert_null(out.option[OPTION_DNS].data);
	dhcp_message_free(&out);
}

/* Every prefix is either bad, or good and complete; never read beyond its end. */
static void test_cut_anywhere(void **state)
{
	struct made m = message();
	struct dhcp_message out;
	char why[120];
	int good = 0;
	(void)state;

	ADD(&m, 6, 8, 10, 9, 0, 1, 10, 9, 0, 2);
	ADD(&m, 12, 5, 'n', 'o', 'd', 'e', '7');
	ADD(&m, 0, 0, 0, 255);
	for (size_t len = 0, whole = m.len; len <= whole; len++) {
		int err;

		m.len = len;
		err = read_made(&m, &out, why);
		assert_true(err == 0 || err == -EBADMSG || err == -EPROTONOSUPPORT);
		if (err == -EBADMSG)
			assert_true(*why);
		good += !err;
		if (!err)
			dhcp_message_free(&out);
	}
	/* behind each of the options from 53 on, and in the padding */
	assert_int_equal(good, 4 + 2 + 4);
}

static void test_lengths_that_lie(void **state)
{
	struct made m = message();
	struct dhcp_message out;
	char why[120];
	(void)state;

	ADD(&m, 3, 200, 10, 9, 0, 1);
	assert_int_equal(read_made(&m, &out, why), -EBADMSG);
	assert_string_equal(why, "option 3 in the options field claims 200 bytes, 4 are left");
	m = message();
	ADD(&m, 6);
	assert_int_equal(read_made(&m, &out, why), -EBADMSG);
	m = message();
	ADD(&m, 52, 1, 1, 255);
	memcpy(m.bytes + 108, (const uint8_t[]){ 67, 127 }, 2);
	assert_int_equal(read_made(&m, &out, why), -EBADMSG);
	assert_string_equal(why, "option 67 in the file field claims 127 bytes, 126 are left");
}

static void test_pieces_of_long_options(void **state)
{
	struct made m = message();
	struct dhcp_message out;
	char why[120];
	(void)state;

	ADD(&m, 67, 3, 'b', 'o', 'o');
	ADD(&m, 52, 1, 3);
	ADD(&m, 67, 2, 't', '/', 255);
	memcpy(m.bytes + 108,
	       "\x43\x03"
	       "abc"
	       "\x0c\x02no\xff",
	       10); /* file */
	/* sname; an overload there counts for nothing */
	memcpy(m.bytes + 44,
	       "\x43\x01"
	       "!"
	       "\x34\x01\x01\xff",
	       7);
	assert_int_equal(read_made(&m, &out, why), 0);
	assert_int_equal(out.option[OPTION_BOOTFILE].len, 9);
	assert_memory_equal(out.option[OPTION_BOOTFILE].data, "boot/abc!", 9);
	assert_int_equal(out.option[OPTION_HOSTNAME].len, 2);
	assert_string_equal(out.file, "");
	dhcp_message_free(&out);
}

static void test_fields_without_overload(void **state)
{
	struct made m = message();
	struct network net;
	(void)state;

	memset(m.bytes + 108, 'f', 128); /* without a NUL at its end */
	memcpy(m.bytes + 44, "server", 6);
	memcpy(m.bytes + 20, (const uint8_t[]){ 10, 9, 0, 6 }, 4);
	assert_int_equal(lease_of(&m, &net), 0);
	assert_int_equal(strlen(net.bootfile), 128);
	assert_string_equal(net.tftp_server, "server");
	assert_int_equal(ntohl(net.next_server.s_addr), 0x0a090006);
	network_free(&net);
}

static void test_what_is_no_reply(void **state)
{
	struct made m = message();
	struct dhcp_message out;
	char why[120];
	(void)state;

	m.bytes[0] = 1; /* a request */
	assert_int_equal(read_made(&m, &out, why), -EPROTONOSUPPORT);
	m = message();
	m.bytes[236] = 0; /* another cookie */
	assert_int_equal(read_made(&m, &out, why), -EPROTONOSUPPORT);
	m = message();
	m.bytes[240] = 0xff; /* BOOTP: no type; that is said, some answer so */
	assert_int_equal(read_made(&m, &out, why), -EBADMSG);
	assert_string_equal(why, "it has no type (option 53): BOOTP, not DHCP");
}

static void test_routes(void **state)
{
	struct made m = message();
	struct network net;
	(void)state;

	ADD(&m, 3, 4, 10, 9, 0, 254);
	ADD(&m, 121, 8, 16, 10, 7, 10, 9, 0, 9, 0); /* cut inside the second route ... */
	ADD(&m, 121, 4, 10, 9, 0, 1);               /* ... which goes on here */
	assert_int_equal(lease_of(&m, &net), 0);
	assert_int_equal(net.route_count, 2);
	assert_int_equal(net.routes[0].prefix, 0); /* the default route comes first */
	assert_int_equal(ntohl(net.routes[0].gateway.s_addr), 0x0a090001);
	assert_int_equal(net.routes[1].prefix, 16);
	assert_int_equal(ntohl(net.routes[1].dest.s_addr), 0x0a070000);
	network_free(&net);
}

static void test_malformed_routes_leave_the_router(void **state)
{
	static const uint8_t bad[][10] = {
		{ 33, 1, 2, 3, 4, 5, 6, 7, 8, 9 },    /* a prefix over 32 */
		{ 24, 10, 7, 0, 10, 9, 0, 9, 8, 10 }, /* a second route that is cut */
		{ 32, 1, 2, 3, 4, 10, 9, 0, 9, 32 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct made m = message();
		struct network net;

		ADD(&m, 121, 10);
		add(&m, bad[i], 10);
		ADD(&m, 3, 4, 10, 9, 0, 254);
		assert_int_equal(lease_of(&m, &net), 0);
		assert_int_equal(net.route_count, 1);
		assert_int_equal(ntohl(net.routes[0].gateway.s_addr), 0x0a0900fe);
		network_free(&net);
	}
}

static void test_search_lists(void **state)
{
	static const struct {
		uint8_t len;
		const char *bytes;
		const char *expected; /* NULL: left out */
	} list[] = {
		{ 16, "\001a\007example\0\001b\300\002\0", NULL }, /* ends with the root, which is no domain */
		{ 15, "\001a\007example\0\001b\300\002", "a.example b.example" },
		{ 2, "\300\000", NULL },              /* points at itself */
		{ 6, "\001a\300\004\300\000", NULL }, /* two that point at each other */
		{ 4, "\003abc", NULL },               /* cut */
		{ 1, "\300", NULL },
		{ 4, "\100ab\0", NULL },    /* a label type that does not exist */
		{ 4, "\002a\033\0", NULL }, /* an escape */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct made m = message();
		struct network net;

		ADD(&m, 119, list[i].len);
		add(&m, list[i].bytes, list[i].len);
		assert_int_equal(lease_of(&m, &net), 0);
		if (list[i].expected)
			assert_string_equal(net.search, list[i].expected);
		else
			assert_null(net.search);
		network_free(&net);
	}
}

static void test_values_that_are_none(void **state)
{
	struct made m = message();
	struct network net;
	(void)state;

	ADD(&m, 26, 2, 0, 60);                 /* MTU */
	ADD(&m, 6, 7, 224, 0, 0, 1, 10, 9, 0); /* one multicast, one cut */
	ADD(&m, 12, 4, 'a', '/', '.', '.');    /* host name */
	ADD(&m, 15, 3, 'a', '/', 'b');         /* domain */
	ADD(&m, 28, 4, 10, 8, 0, 255);         /* broadcast of another network */
	ADD(&m, 58, 4, 0, 0, 0x20, 0);         /* renewal after the lease's end */
	ADD(&m, 66, 2, 0, 0);                  /* nothing but NULs */
	assert_int_equal(lease_of(&m, &net), 0);
	assert_int_equal(net.mtu, 0);
	assert_int_equal(net.dns_count, 0);
	assert_null(net.hostname);
	assert_null(net.domain);
	assert_null(net.tftp_server);
	assert_int_equal(ntohl(net.broadcast.s_addr), 0x0a0900ff);
	assert_int_equal(net.renew_s, 1800);
	assert_int_equal(net.rebind_s, 3150);
	network_free(&net);
}

/* Each option once more, or once of a wrong length, in front or behind, in the options or in the file field. */
static void test_options_that_come_again(void **state)
{
	static const struct {
		uint8_t bytes[24];
		size_t len;
	} more[] = {
		{ { 54, 4, 10, 9, 0, 1 }, 6 },
		{ { 54, 4, 10, 9, 0, 2 }, 6 },
		{ { 1, 4, 255, 255, 255, 0 }, 6 },
		{ { 51, 4, 0, 0, 0, 9 }, 6 },
		{ { 53, 1, DHCP_OFFER }, 3 },
		{ { 53, 1, DHCP_ACK }, 3 },
		{ { 53, 2, 2, 2 }, 4 },
		{ { 54, 0 }, 2 },
		{ { 54, 3, 10, 9, 0 }, 5 },
		{ { 54, 8, 10, 9, 0, 1, 10, 9, 0, 1 }, 10 },
		{ { 1, 0 }, 2 },
		{ { 1, 2, 255, 255 }, 4 },
		{ { 51, 2, 1, 1 }, 4 },
		{ { 51, 8, 0, 0, 0, 9, 0, 0, 0, 9 }, 10 },
		{ { 26, 2, 5, 120 }, 4 },
		{ { 28, 4, 10, 9, 0, 7 }, 6 },
		{ { 58, 4, 0, 0, 0, 9 }, 6 },
		{ { 12, 5, 'n', 'o', 'd', 'e', '7' }, 7 },
		{ { 15, 3, 'a', '.', 'b' }, 5 },
		{ { 3, 4, 10, 9, 0, 5 }, 6 },
		{ { 6, 4, 10, 9, 0, 3 }, 6 },
		{ { 67, 2, 'a', 'b' }, 4 },
		{ { 26, 1, 9 }, 3 },
		{ { 59, 5, 1, 1, 1, 1, 1 }, 7 },
	};
	(void)state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(more); i++) {
		struct made m = message();
		struct network net;

		ADD(&m, 26, 2, 5, 120, 28, 4, 10, 9, 0, 255, 58, 4, 0, 0, 0, 100, 12, 5, 'n', 'o', 'd', 'e', '7');
		ADD(&m, 15, 3, 'a', '.', 'b', 3, 4, 10, 9, 0, 5, 6, 4, 10, 9, 0, 3, 67, 2, 'a', 'b');
		if (i % 2) {
			ADD(&m, 52, 1, 1, 52, 1, 0);
			memcpy(m.bytes + 108, more[i / 2].bytes, more[i / 2].len);
			m.bytes[108 + more[i / 2].len] = 255;
		} else {
			add(&m, more[i / 2].bytes, more[i / 2].len);
		}
		assert_int_equal(lease_of(&m, &net), 0);
		assert_int_equal(ntohl(net.server_id.s_addr), 0x0a090001);
		assert_int_equal(net.prefix, 24);
		assert_int_equal(net.lease_s, 3600);
		assert_int_equal(net.renew_s, 100);
		assert_int_equal(net.mtu, 1400);
		assert_int_equal(ntohl(net.broadcast.s_addr), 0x0a0900ff);
		assert_string_equal(net.hostname, "node7");
		assert_string_equal(net.domain, "a.b");
		assert_string_equal(net.bootfile, "ab");
		assert_int_equal(net.route_count, 1);
		assert_int_equal(net.dns_count, 1);
		network_free(&net);
	}
}

/* A value of wrong length that stands alone is left out; what is known without it is used. */
static void test_odd_lengths(void **state)
{
	struct made m = message();
	struct dhcp_message out;
	struct network net;
	char why[120];
	(void)state;

	m.bytes[250] = 3; /* the lease's seconds: three bytes of them, and the fourth is padding */
	m.bytes[254] = 0;
	assert_int_equal(read_made(&m, &out, why), 0);
	assert_true(out.odd[OPTION_LEASE] && !out.odd[OPTION_NETMASK]);
	assert_null(out.option[OPTION_LEASE].data);
	dhcp_message_free(&out);
	assert_int_equal(lease_of(&m, &net), 0);
	assert_int_equal(net.lease_s, UINT32_MAX);
	network_free(&net);
}

static void test_offers_of_no_use(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} harm[] = {
		{ 16, 127 }, /* loopback */
		{ 16, 224 }, /* multicast */
		{ 19, 255 }, /* the broadcast address */
		{ 19, 0 },   /* the network's */
		{ 245, 0 },  /* a server that is 0.9.0.1 */
		{ 260, 1 },  /* netmask 255.1.255.0 */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(harm); i++) {
		struct made m = message();
		struct network net;

		m.bytes[harm[i].at] = harm[i].value;
		assert_int_equal(lease_of(&m, &net), -EBADMSG);
		network_free(&net);
	}
}

static void test_without_netmask_the_class_decides(void **state)
{
	struct made m = message();
	struct network net;
	(void)state;

	m.len -= 6;
	assert_int_equal(lease_of(&m, &net), 0);
	assert_int_equal(net.prefix, 8);
	network_free(&net);
}

/* What is said twice, or with a length it cannot have: the first right one counts. */
static void test_fixed_options_said_twice(void **state)
{
	static const uint8_t second[][6] = {
		{ 1, 4, 255, 0, 0, 0 }, { 51, 4, 0, 0, 0, 9 }, { 54, 4, 10, 9, 0, 77 },
		{ 53, 1, DHCP_NAK },    { 1, 2, 255, 255 },    { 54, 0 },
		{ 51, 1, 3 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(second); i++) {
		struct made m = message();
		struct network net;

		add(&m, second[i], 2u + second[i][1]);
		assert_int_equal(lease_of(&m, &net), 0);
		assert_int_equal(net.prefix, 24);
		assert_int_equal(net.lease_s, 3600);
		assert_int_equal(ntohl(net.server_id.s_addr), 0x0a090001);
		network_free(&net);
	}
}

/* Option 54 is missing: the sender is the server, and is not named in what is asked of it. */
static void test_server_without_a_name(void **state)
{
	struct made m = message();
	struct dhcp_message message;
	struct network net = { .interface = "eth0" };
	char why[120];
	(void)state;

	m.bytes[243] = 99; /* another option in its place */
	assert_int_equal(read_made(&m, &message, why), 0);
	assert_int_equal(dhcp_lease_read(&message, &net, why, sizeof(why)), -EBADMSG);
	network_free(&net);
	net = (struct network){ .interface = "eth0" };
	message.from.s_addr = htonl(0x0a090005);
	assert_int_equal(dhcp_lease_read(&message, &net, why, sizeof(why)), 0);
	assert_int_equal(ntohl(net.server_id.s_addr), 0x0a090005);
	assert_false(net.server_named);
	dhcp_message_free(&message);
	network_free(&net);
}

static void test_domains(void **state)
{
	static const struct {
		const char *value, *domain, *search;
	} rows[] = {
		{ "a.example", "a.example", NULL },
		{ "a.example b.example", "a.example", "a.example b.example" },
		{ "a.example,b.example ", "a.example", "a.example b.example" },
		{ "a.example\n", "a.example", NULL },
		{ "a.example.", "a.example", NULL },
		{ " a.example  a!b; c.example", "a.example", "a.example c.example" },
		{ "a!b", NULL, NULL },
		{ " ", NULL, NULL },
		{ "$(reboot)", NULL, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t option[64] = { 15, (uint8_t)strlen(rows[i].value) };
		struct made m = message();
		struct network net;

		memcpy(option + 2, rows[i].value, option[1]);
		add(&m, option, 2u + option[1]);
		assert_int_equal(lease_of(&m, &net), 0);
		assert_true(rows[i].domain ? streq(net.domain, rows[i].domain) : !net.domain);
		assert_true(rows[i].search ? streq(net.search, rows[i].search) : !net.search);
		network_free(&net);
	}
}

static void test_written_messages(void **state)
{
	struct dhcp_ask ask = { .type = DHCP_REQUEST,
				.xid = 0x01020304,
				.secs = 258,
				.broadcast = true,
				.mac = { 2, 0, 0, 0, 0, 1 },
				.hostname = "node7" };
	struct buf out = { 0 };
	const uint8_t *p;
	(void)state;

	inet_pton(AF_INET, "10.9.0.30", &ask.requested);
	assert_int_equal(dhcp_write(&out, &ask), 0);
	p = (const uint8_t *)out.data;
	assert_int_equal(out.len, 300);
	assert_memory_equal(p, "\1\1\6\0\1\2\3\4\1\2\x80\0", 12);
	assert_memory_equal(p + 236, "\x63\x82\x53\x63\x35\x01\x03\x3d\x07\x01\2\0\0\0\0\1\x32\x04\x0a\x09\0\x1e", 22);
	assert_non_null(memmem(p, out.len, "\x0c\x05node7", 7));
	buf_free(&out);

	ask.type = DHCP_RELEASE; /* carries no wishes (RFC 2131, table 5) */
	assert_int_equal(dhcp_write(&out, &ask), 0);
	assert_null(memmem(out.data + 240, out.len - 240, "\x37\x10", 2));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_message),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_lengths_that_lie),
		cmocka_unit_test(test_pieces_of_long_options),
		cmocka_unit_test(test_fields_without_overload),
		cmocka_unit_test(test_what_is_no_reply),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_malformed_routes_leave_the_router),
		cmocka_unit_test(test_search_lists),
		cmocka_unit_test(test_values_that_are_none),
		cmocka_unit_test(test_options_that_come_again),
		cmocka_unit_test(test_odd_lengths),
		cmocka_unit_test(test_offers_of_no_use),
		cmocka_unit_test(test_without_netmask_the_class_decides),
		cmocka_unit_test(test_fixed_options_said_twice),
		cmocka_unit_test(test_server_without_a_name),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_written_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
