/* test_wish.c - net/wish.h: the forms of ip=, what counts more than what, and words that are none of them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "net/address.h"
#include "net/wish.h"

/* What a command line comes to, in one line of words. */
static const char *wished(const char *line)
{
	static char out[300];
	struct buf b = { 0 };
	struct options o = { 0 };
	struct failure f = { 0 };
	struct net_wish w;
	struct network net = { 0 };
	char text[ADDRESS_TEXT_SIZE];
	int err;

	assert_int_equal(options_parse(&o, line), 0);
	err = net_wish_read(&o, &w, &f);
	if (!err && w.mode == NET_STATIC)
		err = static_network(&w, &net, &f);
	if (err) {
		buf_printf(&b, "%s %s", fail_code(f.id), f.detail);
	} else {
		buf_str(&b, w.mode == NET_STATIC ? "static" : "dhcp");
		if (w.mode == NET_STATIC)
			buf_printf(&b, " %s/%u", address_text(net.address, text), net.prefix);
		if (net.route_count)
			buf_printf(&b, " gw %s", address_text(net.routes[0].gateway, text));
		for (size_t i = 0; i < net.dns_count; i++)
			buf_printf(&b, " dns %s", address_text(net.dns[i], text));
		if (w.server.s_addr)
			buf_printf(&b, " server %s", address_text(w.server, text));
		if (w.card.choice == CARD_NAMED)
			buf_printf(&b, " card %s", w.card.name);
		if (w.card.choice == CARD_MAC)
			buf_str(&b, w.card.by_bootif ? " card of BOOTIF" : " card by MAC");
		if (*w.hostname)
			buf_printf(&b, " host %s", w.hostname);
		if (w.mtu)
			buf_printf(&b, " mtu %u", w.mtu);
		if (w.left.len)
			buf_printf(&b, " without %.*s", (int)w.left.len - 1, w.left.data);
	}
	assert_true(b.len < sizeof(out));
	str_copy(out, sizeof(out), buf_cstr(&b));
	buf_free(&b);
	network_free(&net);
	net_wish_free(&w);
	options_free(&o);
	return out;
}

static void test_forms_of_ip(void **state)
{
	static const struct {
		const char *line, *expected;
	} row[] = {
		{ "", "dhcp" },
		{ "ip=dhcp", "dhcp" },
		{ "ip=on", "dhcp" },
		{ "ip=off", "dhcp" },
		{ "ip=none", "dhcp" },
		{ "ip=10.0.1.31", "static 10.0.1.31/8" },
		{ "ip=eth1:dhcp", "dhcp card eth1" },
		{ "ip=eth1:dhcp:1400", "dhcp card eth1 mtu 1400" },
		{ "ip=eth1:dhcp:1400:52:54:00:12:34:56", "dhcp card eth1 mtu 1400" },
		{ "ip=:::::eth1:dhcp", "dhcp card eth1" },
		{ "ip=::::node7:eth1:dhcp", "dhcp card eth1 host node7" },
		{ "ip=::::node7.example.org::", "dhcp host node7" },
		/* what pxelinux's IPAPPEND 1 writes */
		{ "ip=10.0.1.31:10.0.1.21:10.0.1.1:255.255.255.0", "static 10.0.1.31/24 gw 10.0.1.1 server 10.0.1.21" },
		{ "ip=10.0.1.31:10.0.1.21:10.0.1.1:255.255.255.0 BOOTIF=01-00-02-b3-3f-78-8c",
		  "static 10.0.1.31/24 gw 10.0.1.1 server 10.0.1.21 card of BOOTIF" },
		/* the kernel's nfsroot.txt */
		{ "ip=192.168.1.24:::255.255.255.0:node24:eth0:off", "static 192.168.1.24/24 card eth0 host node24" },
		{ "ip=192.168.1.24::192.168.1.1:24:node24:eth0:none:192.168.1.2:192.168.1.3:192.168.1.4",
		  "static 192.168.1.24/24 gw 192.168.1.1 dns 192.168.1.2 dns 192.168.1.3 card eth0 host node24" },
		{ "ip=192.168.1.24::::::none::192.168.1.3", "static 192.168.1.24/24 dns 192.168.1.3" },
		{ "ip=192.168.1.24::192.168.1.1:24:node24:eth0:none:9000",
		  "static 192.168.1.24/24 gw 192.168.1.1 card eth0 "
		  "host node24 mtu 9000" },
		{ "ip=192.168.1.24::192.168.1.1:24:node24:eth0:dhcp", "dhcp card eth0 host node24" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		assert_string_equal(wished(row[i].line), row[i].expected);
}

/* MAAS, dracut, initramfs-tools, Foreman; several words, cards that are off. */
static void test_lines_of_real_sites(void **state)
{
	static const struct {
		const char *line, *expected;
	} row[] = {
		{ "ip=::::node7:BOOTIF BOOTIF=01-00-02-b3-3f-78-8c", "dhcp card of BOOTIF host node7" },
		{ "ip=::::node7:BOOTIF ip6=off", "dhcp host node7" },
		{ "ip=::::node7:BOOTIF:dhcp BOOTIF=00-00-02-b3-3f-78-8c", "dhcp card of BOOTIF host node7" },
		{ "ip=BOOTIF:dhcp BOOTIF=20-00-02-b3-3f-78-8c", "dhcp card of BOOTIF" },
		{ "ip=:::::52-54-00-aa-bb-cc:dhcp", "dhcp card by MAC" },
		{ "ip=dhcp4", "dhcp" },
		{ "ip=dhcp,dhcp6", "dhcp" },
		{ "ip=eth0:auto", "dhcp card eth0" },
		{ "ip=192.168.127.34/24:192.168.127.254", "static 192.168.127.34/24 server 192.168.127.254" },
		{ "ip=eth1:off ip=eth0:dhcp", "dhcp card eth0 without eth1" },
		{ "ip=eth0:dhcp ip=eth1:off", "dhcp card eth0 without eth1" },
		{ "ip=eth1:off", "dhcp without eth1" },
		{ "ip=eth1:none", "dhcp without eth1" },
		{ "ip=:::::eth1:off", "dhcp without eth1" },
		{ "ip=eth1:off ip=eth2:none", "dhcp without eth1 eth2" },
		{ "ip=10.8.1.100:::255.255.255.0::eth1:none ip=:::::eth0:dhcp", "dhcp card eth0 without eth1" },
		{ "ip=10.8.1.100:::24::eth1:none ip=10.9.1.7::10.9.1.1:24:n7:eth0:none",
		  "static 10.9.1.7/24 gw 10.9.1.1 card eth0 host n7 without eth1" },
		{ "ip=eth0:dhcp ip=eth1:dhcp", "dhcp card eth0 without eth1" },
		{ "ip=ibft ip=eth0:dhcp", "dhcp card eth0" },
		{ "automatic=network:dhcp ip=ibft", "dhcp" },
		{ "automatic=network:dhcp ip=link6", "dhcp" },
		{ "automatic=network:dhcp ip=10.0.1.31:::::eth0:rarp", "dhcp" },
		{ "automatic=interface:eth1 ip=eth1:off", "dhcp card eth1 without eth1" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		assert_string_equal(wished(row[i].line), row[i].expected);
}

static void test_what_counts_more(void **state)
{
	(void)state;
	assert_string_equal(wished("automatic=network:dhcp ip=10.0.1.31:::24:node7:eth1:none"),
			    "dhcp card eth1 host node7");
	assert_string_equal(wished("automatic=ip:10.0.1.40,netmask:16 ip=10.0.1.31::10.0.1.1:24"),
			    "static 10.0.1.40/16");
	assert_string_equal(wished("automatic=interface:eth0,hostname:node8 ip=::::node7:eth1:dhcp"),
			    "dhcp card eth0 host node8");
	assert_string_equal(wished("ip=eth1:dhcp BOOTIF=01-00-02-b3-3f-78-8c"), "dhcp card eth1");
	assert_string_equal(wished("automatic=interface:00:02:b3:3f:78:8c ip=eth1:dhcp"), "dhcp card by MAC");
	assert_string_equal(wished("automatic=server:10.0.1.50:8080 ip=10.0.1.31:10.0.1.21::24"),
			    "static 10.0.1.31/24 server 10.0.1.50");
}

static void test_what_is_none_of_it(void **state)
{
	static const char *const bad[] = { "ip=dchp",
					   "ip=eth0",
					   "ip=eth0:dchp",
					   "ip=10.0.1.31::::::dchp",
					   "ip=10.0.1.31:10.0.1::24",
					   "ip=10.0.1.31::::::none:12",
					   "ip=eth0:dhcp:99999" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *said = wished(bad[i]);

		assert_true(starts_with(said, "S1-CMD-04 ") && starts_with(said + 10, bad[i]));
	}
	assert_string_equal(wished("ip=10.0.1.31::10.0.2.1:24"),
			    "S1-NET-03 gateway 10.0.2.1 of ip= is not in the network "
			    "of ip 10.0.1.31 of ip= with /24");
	assert_string_equal(wished("ip=10.0.1.31:::255.0.255.0"),
			    "S1-NET-03 netmask 255.0.255.0 of ip= is no netmask (255.255.255.0 or 24)");
	assert_string_equal(wished("ip=10.0.1.31:::24::a/b:none"),
			    "S1-CMD-04 interface a/b of ip= is neither a card's name nor a MAC address");
	assert_string_equal(wished("ip=10.0.1.31:::24:it's:eth0:none"),
			    "S1-CMD-04 hostname it's of ip= is no name (letters, digits and - between dots)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms_of_ip),
		cmocka_unit_test(test_lines_of_real_sites),
		cmocka_unit_test(test_what_counts_more),
		cmocka_unit_test(test_what_is_none_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
