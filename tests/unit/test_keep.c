/* test_keep.c - net/keep.h: leases on a simulated clock: when servers are asked, what their answers do, when it is
 * over. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "net/dhcp6_packet.h"
#include "net/dhcp_packet.h"
#include "net/frame.h"
#include "net/keep.h"

#include <arpa/inet.h>

#define MAC 2, 0, 0, 0, 0, 1

struct world {
	struct keep_wire wire;
	struct keeper keeper;
	struct network net;
	struct net_address6 address6;
	int64_t now;
	unsigned to_server, to_all;
	uint8_t type; /* of the last DHCPv6 message */
	uint32_t xid;
};

static void on_send(struct keep_wire *wire, bool ip6, bool to_all, const void *data, size_t len)
{
	struct world *w = container_of(wire, struct world, wire);
	const uint8_t *m = data;

	assert_true(len > 100 || ip6);
	if (ip6) {
		w->type = m[0];
		w->xid = get_be32(m) & 0xffffff;
	} else {
		/* ciaddr; neither option 50 nor 54 (RFC 2131, table 5) */
		assert_memory_equal(m + 12, &w->net.address, 4);
		w->xid = get_be32(m + 4);
	}
	if (to_all)
		w->to_all++;
	else
		w->to_server++;
}

/* A lease of 100 s, renewed at 50, rebound at 87. */
static void begin(struct world *w)
{
	*w = (struct world){ .wire.send = on_send,
			     .now = 1000000,
			     .net = { .interface = "eth0",
				      .mac = { MAC },
				      .dhcp = true,
				      .prefix = 24,
				      .lease_s = 100,
				      .renew_s = 50,
				      .rebind_s = 87,
				      .bound_at_ms = 1000000 } };
	inet_pton(AF_INET, "10.9.0.30", &w->net.address);
	inet_pton(AF_INET, "10.9.0.1", &w->net.server_id);
	assert_int_equal(keeper_start(&w->keeper, &w->wire, &w->net), 0);
}

static void begin6(struct world *w)
{
	static char duid[] = "deadbeef";

	*w = (struct world){ .wire.send = on_send,
			     .now = 1000000,
			     .net = { .interface = "eth0",
				      .mac = { MAC },
				      .server_duid = duid,
				      .address6_count = 1,
				      .bound_at_ms = 1000000 } };
	w->address6 = (struct net_address6){ .prefix = 64, .preferred_s = 100, .valid_s = 120, .by_dhcp = true };
	inet_pton(AF_INET6, "2001:db8:1::30", &w->address6.address);
	w->net.address6 = &w->address6;
	assert_int_equal(keeper_start(&w->keeper, &w->wire, &w->net), 0);
}

static void pass(struct world *w, int64_t seconds)
{
	int64_t until = w->now + seconds * 1000;

	while (keeper_next_ms(&w->keeper) <= until) {
		w->now = MAX(w->now, keeper_next_ms(&w->keeper));
		keeper_time(&w->keeper, w->now);
	}
	w->now = until;
}

/* The server's word, of SECONDS. */
static void answer(struct world *w, enum dhcp_type type, uint8_t last, uint8_t seconds)
{
	uint8_t m[300] = { 2, 1, 6 };
	const uint8_t options[] = { 99, 130, 83, 99,      53, 1, (uint8_t)type, 54,  4,   10, 9,  0, 1, 51, 4,
				    0,  0,   0,  seconds, 1,  4, 255,           255, 255, 0,  255 };

	for (int i = 0; i < 4; i++)
		m[4 + i] = (uint8_t)(w->xid >> (24 - 8 * i));
	memcpy(m + 16, (const uint8_t[]){ 10, 9, 0, last }, 4);
	memcpy(m + 28, w->net.mac, 6);
	memcpy(m + 236, options, sizeof(options));
	keeper_datagram(&w->keeper, w->now, false, w->net.server_id, m, sizeof(m));
}

static void answer6(struct world *w, uint8_t seconds)
{
	uint8_t m[] = { 7,    0, 0,  0, 0, 1, 0, 10, 0, 3, 0, 1, MAC,  0, 2, 0, 4,       0xde, 0xad, 0xbe, 0xef,   0,
			3,    0, 40, 0, 0, 0, 1, 0,  0, 0, 0, 0, 0,    0, 0, 0, 5,       0,    24,   0x20, 1,      0xd,
			0xb8, 0, 1,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0x30, 0, 0, 0, seconds, 0,    0,    0,    seconds };

	for (int i = 0; i < 3; i++)
		m[1 + i] = (uint8_t)(w->xid >> (16 - 8 * i));
	keeper_datagram(&w->keeper, w->now, true, (struct in_addr){ 0 }, m, sizeof(m));
}

static void test_a_server_that_renews(void **state)
{
	struct world w;
	(void)state;

	begin(&w);
	for (int i = 0; i < 5; i++) {
		pass(&w, 49);
		assert_int_equal(w.to_server, i);
		pass(&w, 1);
		assert_int_equal(w.to_server, i + 1);
		answer(&w, DHCP_ACK, 30, 100);
		assert_true(w.keeper.lease[0].renewed);
		w.keeper.lease[0].renewed = false;
		assert_int_equal(keep_left_s(&w.keeper.lease[0], w.now), 100);
	}
	assert_false(w.keeper.lease[0].lost);
	assert_int_equal(w.to_all, 0);
	keeper_free(&w.keeper);
}

static void test_nobody_renews(void **state)
{
	struct world w;
	(void)state;

	begin(&w);
	pass(&w, 86);
	assert_true(w.to_server >= 3 && w.to_server < 20 && w.to_all == 0);
	pass(&w, 13);
	assert_true(w.to_all >= 2 && w.to_all < 15); /* every server, from seven eighths on */
	assert_false(w.keeper.lease[0].lost);
	pass(&w, 1);
	assert_true(w.keeper.lease[0].lost);
	assert_string_equal(w.keeper.lease[0].why, "10.9.0.30: its lease has ended, no server has renewed it");
	assert_true(keeper_next_ms(&w.keeper) == INT64_MAX);
	answer(&w, DHCP_ACK, 30, 100); /* too late */
	assert_true(w.keeper.lease[0].lost);
	keeper_free(&w.keeper);
}

static void test_a_server_that_takes_it_back(void **state)
{
	static const struct {
		enum dhcp_type type;
		uint8_t last;
		const char *why;
	} row[] = {
		{ DHCP_NAK, 0, "10.9.0.30: 10.9.0.1 takes it back (DHCPNAK)" },
		{ DHCP_ACK, 31, "10.9.0.30: the server gives another address now" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct world w;

		begin(&w);
		answer(&w, row[i].type, row[i].last, 100); /* not asked for */
		assert_false(w.keeper.lease[0].lost);
		pass(&w, 50);
		w.xid ^= 1;
		answer(&w, row[i].type, row[i].last, 100); /* to somebody else's question */
		assert_false(w.keeper.lease[0].lost);
		w.xid ^= 1;
		answer(&w, row[i].type, row[i].last, 100);
		assert_true(w.keeper.lease[0].lost);
		assert_string_equal(w.keeper.lease[0].why, row[i].why);
		keeper_free(&w.keeper);
	}
}

static void test_leases_for_ever_and_none(void **state)
{
	struct world w;
	(void)state;

	begin(&w);
	keeper_free(&w.keeper);
	w.net.lease_s = UINT32_MAX;
	assert_int_equal(keeper_start(&w.keeper, &w.wire, &w.net), 0);
	assert_true(keeper_next_ms(&w.keeper) == INT64_MAX);
	w.net.dhcp = false;
	w.net.lease_s = 0;
	assert_int_equal(keeper_start(&w.keeper, &w.wire, &w.net), 0);
	assert_int_equal(w.keeper.count, 0);
	keeper_free(&w.keeper);
}

static void test_dhcp6(void **state)
{
	struct world w;
	(void)state;

	begin6(&w);
	pass(&w, 50); /* half of the preferred time, where the server is silent about it */
	assert_int_equal(w.type, DHCP6_RENEW);
	answer6(&w, 60);
	assert_true(w.keeper.lease[0].renewed);
	assert_int_equal(keep_left_s(&w.keeper.lease[0], w.now), 60);
	pass(&w, 30);
	assert_int_equal(w.to_server, 2);
	pass(&w, 18);
	assert_int_equal(w.type, DHCP6_REBIND);
	pass(&w, 12);
	assert_true(w.keeper.lease[0].lost);
	keeper_free(&w.keeper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_server_that_renews),
		cmocka_unit_test(test_nobody_renews),
		cmocka_unit_test(test_a_server_that_takes_it_back),
		cmocka_unit_test(test_leases_for_ever_and_none),
		cmocka_unit_test(test_dhcp6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
