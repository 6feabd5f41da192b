/* test_net.c - the small pure parts of net/: addresses, frames, rtnetlink messages, the wish for a card, the
 * hand-over. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "net/address.h"
#include "net/bond.h"
#include "net/card.h"
#include "net/frame.h"
#include "net/net.h"
#include "tests/lib/scratch.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct in_addr address(const char *text)
{
	struct in_addr a;

	assert_int_equal(address_parse(text, &a), 0);
	return a;
}

static void test_addresses(void **state)
{
	static const char *const bad[] = { "",         "1",      "1.2.3",    "1.2.3.4.5", "1.2.3.256",  "1.2.3.4 ",
					   " 1.2.3.4", "1..3.4", "1.2.3.-4", "0x1.2.3.4", "1.2.3.0004", "1.2.3.4/24" };
	char text[ADDRESS_TEXT_SIZE];
	struct in_addr a;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(address_parse(bad[i], &a), -EINVAL);
	assert_string_equal(address_text(address("10.9.0.255"), text), "10.9.0.255");
	assert_int_equal(address_class_prefix(address("10.1.1.1")), 8);
	assert_int_equal(address_class_prefix(address("172.16.1.1")), 16);
	assert_int_equal(address_class_prefix(address("192.168.1.1")), 24);
	assert_int_equal(broadcast_of(address("10.9.1.7"), 23).s_addr, address("10.9.1.255").s_addr);
	assert_int_equal(broadcast_of(address("10.9.1.7"), 31).s_addr, 0);
	assert_true(same_network(address("10.9.0.1"), address("10.9.1.1"), 23));
	assert_true(same_network(address("10.9.0.1"), address("200.9.1.1"), 0));
	assert_false(same_network(address("10.9.0.1"), address("10.9.1.1"), 24));
	assert_true(address_is_own(address("10.9.0.0"), 31));
	assert_false(address_is_own(address("10.9.0.0"), 24));
}

/* Against the host's library, which does it right. */
static void test_ipv6_addresses(void **state)
{
	static const char *const texts[] = { "::",
					     "::1",
					     "fe80::1",
					     "2001:db8:0:0:1:0:0:1",
					     "1:2:3:4:5:6:7:8",
					     "1:2:3:4:5:6:7::",
					     "::2:3:4:5:6:7:8",
					     "::ffff:1.2.3.4",
					     "1:2:3:4:5:6:1.2.3.4",
					     "ABCD:ef01::",
					     "1::8",
					     "",
					     "a",
					     ":",
					     ":::",
					     "1:",
					     ":1",
					     "1::2::3",
					     "12345::",
					     "1:2:3:4:5:6:7",
					     "g::",
					     "1:2:3:4:5:6:7:8:9",
					     "1:2:3:4:5:6:7:8:",
					     "1:2:3:4:5:6:7:1.2.3.4",
					     "::1.2.3",
					     "::1.2.3.4:1",
					     "1.2.3.4",
					     "::1 ",
					     " ::1",
					     "1:2:3:4::5:6:7:8",
					     "00001::" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct in6_addr ours, theirs;
		int err = address6_parse(texts[i], &ours);

		if (err != (inet_pton(AF_INET6, texts[i], &theirs) == 1 ? 0 : -EINVAL))
			print_error("%s\n", texts[i]);
		assert_int_equal(err, inet_pton(AF_INET6, texts[i], &theirs) == 1 ? 0 : -EINVAL);
		if (!err)
			assert_memory_equal(&ours, &theirs, sizeof(ours));
	}
}

static void test_netmasks(void **state)
{
	static const struct {
		const char *text;
		int prefix; /* -1: none */
	} mask[] = { { "255.255.255.0", 24 },
		     { "24", 24 },
		     { "/23", 23 },
		     { "255.255.255.255", 32 },
		     { "0.0.0.0", 0 },
		     { "255.0.255.0", -1 },
		     { "0.0.0.255", -1 },
		     { "33", -1 },
		     { "0", -1 },
		     { "", -1 },
		     { "/", -1 },
		     { "x", -1 } };
	unsigned prefix;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(mask); i++) {
		int err = netmask_parse(mask[i].text, &prefix);

		assert_int_equal(err, mask[i].prefix < 0 ? -EINVAL : 0);
		if (!err)
			assert_int_equal(prefix, mask[i].prefix);
	}
}

static void test_host_names(void **state)
{
	(void)state;
	assert_true(host_name_is_sane("node7.cluster-1.example.org"));
	assert_true(host_name_is_sane("a_b"));
	assert_false(host_name_is_sane(""));
	assert_false(host_name_is_sane(".a"));
	assert_false(host_name_is_sane("a..b"));
	assert_false(host_name_is_sane("a b"));
	assert_false(host_name_is_sane("a'b"));
	assert_false(host_name_is_sane("0123456789012345678901234567890123456789012345678901234567890123"));
}

static void test_udp_frames(void **state)
{
	const struct udp_frame u = { .to_mac = { 1, 2, 3, 4, 5, 6 },
				     .from_mac = { 6, 5, 4, 3, 2, 1 },
				     .from = address("10.9.0.1"),
				     .to = address("10.9.0.2"),
				     .from_port = 67,
				     .to_port = 68,
				     .data = (const uint8_t *)"hello",
				     .len = 5 };
	struct udp_frame back;
	struct buf b = { 0 };
	(void)state;

	assert_int_equal(frame_write_udp(&b, &u), 0);
	assert_int_equal(frame_read_udp((uint8_t *)b.data, b.len, false, &back), 0);
	assert_int_equal(back.to_port, 68);
	assert_int_equal(back.from.s_addr, u.from.s_addr);
	assert_memory_equal(back.data, "hello", 5);
	/* each flipped bit from the IP header on is noticed, except in what no checksum covers */
	for (size_t at = 14; at < b.len; at++) {
		b.data[at] ^= 4;
		assert_int_not_equal(frame_read_udp((uint8_t *)b.data, b.len, false, &back), 0);
		b.data[at] ^= 4;
	}
	b.data[b.len - 1] ^= 1;
	assert_int_equal(frame_read_udp((uint8_t *)b.data, b.len, true, &back), 0);
	b.data[b.len - 1] ^= 1;
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(frame_read_udp((uint8_t *)b.data, len, false, &back), 0);
	buf_str(&b, "padding of a short frame");
	assert_int_equal(frame_read_udp((uint8_t *)b.data, b.len, false, &back), 0);
	assert_int_equal(back.len, 5);
	buf_free(&b);
}

/* What a sender leaves to hardware: the half sum, or IPv4's own as 0. A wrong one is still wrong. */
static void test_sums_left_to_hardware(void **state)
{
	static const struct {
		uint8_t udp_sum[2];
		bool no_ip_sum;
		int expected;
	} row[] = {
		{ { 0x14, 0x4b }, false, 0 }, /* of 10.9.0.1, 10.9.0.30, 17, 9 */
		{ { 0x14, 0x4c }, false, -EBADMSG },
		{ { 0, 0 }, false, 0 },
		{ { 0, 0 }, true, 0 },
	};
	struct udp_frame u = { .from_port = 67, .to_port = 68, .data = (const uint8_t *)"x", .len = 1 }, out;
	(void)state;

	inet_pton(AF_INET, "10.9.0.1", &u.from);
	inet_pton(AF_INET, "10.9.0.30", &u.to);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct buf b = { 0 };

		assert_int_equal(frame_write_udp(&b, &u), 0);
		memcpy(b.data + 14 + 20 + 6, row[i].udp_sum, 2);
		if (row[i].no_ip_sum)
			memset(b.data + 14 + 10, 0, 2);
		assert_int_equal(frame_read_udp((uint8_t *)b.data, b.len, false, &out), row[i].expected);
		buf_free(&b);
	}
}

static void test_arp_frames(void **state)
{
	const struct arp_frame a = { .from_mac = { 6, 5, 4, 3, 2, 1 },
				     .from = address("10.9.0.1"),
				     .target = address("10.9.0.2") };
	struct arp_frame back;
	struct buf b = { 0 };
	(void)state;

	assert_int_equal(frame_write_arp(&b, &a), 0);
	assert_int_equal(b.len, 42);
	assert_int_equal(frame_read_arp((uint8_t *)b.data, b.len, &back), 0);
	assert_memory_equal(&back, &a, sizeof(a));
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(frame_read_arp((uint8_t *)b.data, len, &back), 0);
	b.data[15] = 6; /* not Ethernet */
	assert_int_equal(frame_read_arp((uint8_t *)b.data, b.len, &back), -EPROTONOSUPPORT);
	buf_free(&b);
}

/* A captured RTM_NEWLINK is big; one made of the attributes that count shows the reading. */
static void test_links(void **state)
{
	const struct ifinfomsg info = { .ifi_type = 1, .ifi_index = 7, .ifi_flags = IFF_UP | IFF_LOWER_UP };
	const uint8_t mac[] = { 2, 0, 0, 0, 0, 1 };
	struct buf m = { 0 };
	struct card card;
	const uint8_t *data;
	size_t nest;
	(void)state;

	nl_begin(&m, RTM_NEWLINK, 0, &info, sizeof(info));
	nl_put_string(&m, IFLA_IFNAME, "enx0002b33f788c");
	nl_put(&m, IFLA_ADDRESS, mac, sizeof(mac));
	nl_put_u32(&m, IFLA_MTU, 1500);
	nest = nl_nest(&m, IFLA_LINKINFO);
	nl_put_string(&m, IFLA_INFO_KIND, "veth");
	nl_nest_end(&m, nest);
	data = (const uint8_t *)m.data + NLMSG_HDRLEN;
	assert_true(card_read(data, m.len - NLMSG_HDRLEN, &card));
	assert_string_equal(card.name, "enx0002b33f788c");
	assert_string_equal(card.kind, "veth");
	assert_int_equal(card.mtu, 1500);
	assert_true(card.up && card.running && card_is_usable(&card));
	str_copy(card.kind, sizeof(card.kind), "bridge");
	assert_false(card_is_usable(&card));
	for (size_t len = 0; len < m.len - NLMSG_HDRLEN; len++)
		(void)!card_read(data, len, &card); /* the sanitizer watches */
	buf_free(&m);
}

static void test_wishes(void **state)
{
	struct card eth0 = { .name = "eth0", .mac = { 0, 2, 0xb3, 0x3f, 0x78, 0x8c } };
	struct card_wish w;
	(void)state;

	assert_int_equal(card_wish_parse(NULL, NULL, &w), 0);
	assert_true(w.choice == CARD_ANY && card_matches(&eth0, &w));
	assert_int_equal(card_wish_parse("eth0", "01-02-02-02-02-02-02", &w), 0);
	assert_true(w.choice == CARD_NAMED && card_matches(&eth0, &w));
	assert_int_equal(card_wish_parse("00:02:B3:3f:78:8C", NULL, &w), 0);
	assert_true(w.choice == CARD_MAC && !w.by_bootif && card_matches(&eth0, &w));
	assert_int_equal(card_wish_parse(NULL, "01-00-02-b3-3f-78-8c", &w), 0);
	assert_true(w.choice == CARD_MAC && w.by_bootif && card_matches(&eth0, &w));
	assert_int_equal(card_wish_parse(NULL, "00:02:b3:3f:78:8d", &w), 0);
	assert_true(w.by_bootif && !card_matches(&eth0, &w));
	assert_int_equal(card_wish_parse(NULL, "01-00-02-b3", &w), 0);
	assert_int_equal(w.choice, CARD_ANY);
	assert_int_equal(card_wish_parse("auto", "01-00-02-b3-3f-78-8d", &w), 0);
	assert_int_equal(w.choice, CARD_ANY);
	assert_int_equal(card_wish_parse("enx0002b33f788cd", NULL, &w), -EINVAL);
	assert_int_equal(card_wish_parse("a/b", NULL, &w), -EINVAL);
	assert_int_equal(card_wish_parse("..", NULL, &w), -EINVAL);
}

static void test_bond_wishes(void **state)
{
	const struct card eth0 = { .name = "eth0" }, eth1 = { .name = "eth1" }, eth10 = { .name = "eth10" };
	struct bond_wish w;
	(void)state;

	assert_int_equal(bond_wish_parse("802.3ad", &w), 0);
	assert_true(w.mode == BOND_802_3AD && bond_wants(&w, &eth0));
	assert_int_equal(bond_wish_parse("active-backup:eth1+eth2", &w), 0);
	assert_true(w.mode == BOND_ACTIVE_BACKUP && bond_wants(&w, &eth1));
	assert_false(bond_wants(&w, &eth0) || bond_wants(&w, &eth10));
	assert_int_equal(bond_wish_parse("active-backup:", &w), 0);
	assert_true(bond_wants(&w, &eth0));
	assert_int_equal(bond_wish_parse("802.3", &w), -EINVAL);
	assert_int_equal(bond_wish_parse("802.3adx", &w), -EINVAL);
	assert_int_equal(bond_wish_parse(":eth0", &w), -EINVAL);
}

/* What is said of the two cards of a bond, each with a speed and LACP's state of its port. */
static void check_bond(const char *mode, const char *eth0, const char *eth1, const char *words)
{
	char dir[32];
	struct buf out = { 0 };
	cleanup_free char *script = str_printf(
		"cd class/net; echo '%s' >bond0/bonding/mode; echo 'eth0 eth1' >bond0/bonding/slaves; set -- %s\n"
		"echo $1 >eth0/carrier; echo $2 >eth0/speed; echo $3 >eth0/bonding_slave/ad_actor_oper_port_state; set "
		"-- %s\n"
		"echo $1 >eth1/carrier; echo $2 >eth1/speed; echo $3 >eth1/bonding_slave/ad_actor_oper_port_state",
		mode, eth0, eth1);

	scratch_enter(dir);
	scratch_run("mkdir -p class/net/bond0/bonding class/net/eth0/bonding_slave class/net/eth1/bonding_slave");
	scratch_run(script);
	bond_explain(dir, &out);
	assert_string_equal(buf_cstr(&out), words);
	buf_free(&out);
	scratch_leave(dir);
}

static void test_bond_words(void **state)
{
	(void)state;
	check_bond("802.3ad 4", "1 1000 63", "1 1000 63", "");
	check_bond("802.3ad 4", "1 1000 79", "1 1000 63",
		   "no LACP heard yet on eth0: is the switch's port channel set up?");
	check_bond("802.3ad 4", "1 1000 79", "1 1000 79",
		   "no LACP heard yet on eth0, eth1: is the switch's port channel set up?");
	check_bond("802.3ad 4", "1 -1 0", "0 -1 79",
		   "802.3ad cannot use eth0: the driver tells no speed (bond:active-backup needs none)");
	check_bond("802.3ad 4", "1 -1 0", "1 10 71",
		   "802.3ad cannot use eth0: the driver tells no speed (bond:active-backup needs none); "
		   "no LACP heard yet on eth1: is the switch's port channel set up?");
	check_bond("active-backup 1", "1 -1 64", "1 1000 64", "");
}

static void test_wireless(void **state)
{
	char dir[] = "/tmp/test_net.XXXXXX", path[128];
	static const char *const folders[] = { "class", "class/net", "class/net/wlan0", "class/net/wlan0/phy80211",
					       "class/net/eth0" };
	(void)state;

	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_true(card_is_wireless(dir, "wlan0"));
	assert_false(card_is_wireless(dir, "eth0"));
	for (size_t i = ARRAY_SIZE(folders); i--;) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		rmdir(path);
	}
	rmdir(dir);
}

static void test_handover(void **state)
{
	struct in_addr dns[] = { address("10.9.0.1"), address("10.9.0.2") };
	struct net_route routes[] = { { .gateway = address("10.9.0.254") },
				      { address("10.7.0.0"), 16, address("10.9.0.9") } };
	char search[] = "a.example b.example", file[] = "it's; a file";
	const struct network net = { .interface = "eth0",
				     .mac = { 2, 0, 0, 0, 0, 1 },
				     .dhcp = true,
				     .address = address("10.9.0.30"),
				     .prefix = 24,
				     .routes = routes,
				     .route_count = 2,
				     .dns = dns,
				     .dns_count = 2,
				     .search = search,
				     .bootfile = file,
				     .lease_s = 3600 };
	struct buf out = { 0 };
	(void)state;

	assert_int_equal(net_describe(&net, &out), 0);
	assert_non_null(strstr(out.data, "IPADDR='10.9.0.30'\nPREFIX='24'\nNETMASK='255.255.255.0'\n"));
	assert_non_null(
		strstr(out.data, "GATEWAY='10.9.0.254'\nROUTES='10.7.0.0/16,10.9.0.9'\nDNS='10.9.0.1 10.9.0.2'\n"));
	assert_non_null(strstr(out.data, "BOOTFILE='it'\\''s; a file'\n"));
	assert_non_null(strstr(out.data, "CLIENTID='01:02:00:00:00:00:01'\nLEASE='3600'\n"));
	assert_null(strstr(out.data, "MTU"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_ipv6_addresses),
		cmocka_unit_test(test_netmasks),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_udp_frames),
		cmocka_unit_test(test_arp_frames),
		cmocka_unit_test(test_sums_left_to_hardware),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_bond_wishes),
		cmocka_unit_test(test_bond_words),
		cmocka_unit_test(test_wireless),
		cmocka_unit_test(test_handover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
