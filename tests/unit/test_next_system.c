/* test_next_system.c - a found network -> the files of the next system's network programs. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "net/address.h"
#include "net/fragments.h"
#include "net/frame6.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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

#define HEAD "# Left by stage1, which booted this system over the interface.\n"
#define DHCLIENT4                                                                                                      \
	"\tup dhclient -4 -nw -cf /run/dhclient.eth0.lease.conf -pf /run/dhclient.eth0.pid "                           \
	"-lf /run/dhclient.eth0.leases eth0\n"
#define DHCLIENT6 "\tup dhclient -6 -nw -D LL -pf /run/dhclient6.eth0.pid -lf /run/dhclient6.eth0.leases eth0\n"
#define SOURCE    "PreferredSource=10.9.0.30\n"
#define KEEP      "\n[Network]\nKeepConfiguration=yes\nIgnoreCarrierLoss=yes\n"

static void test_networkd_of_a_lease(void **state)
{
	const struct network net = { .interface = "eth0",
				     .card = "eth0",
				     .mac = { 2, 0, 0, 0x10, 0x20, 0xc7 },
				     .dhcp = true,
				     .address = address("10.9.0.30"),
				     .prefix = 24 };
	struct buf out = { 0 };
	(void)state;

	networkd_interface(&net, &out);
	assert_string_equal(buf_cstr(&out),
			    HEAD "[Match]\nName=eth0\n" KEEP "DHCP=ipv4\n\n[DHCPv4]\nClientIdentifier=mac\n"
				 "UseHostname=no\nRouteMetric=0\n"
				 "\n[DHCPv6]\nDUIDType=link-layer\nIAID=1056967\nUseHostname=no\n");
	buf_free(&out);
}

static void test_networkd_of_a_static_address(void **state)
{
	struct in_addr dns[] = { address("10.9.0.1") };
	struct net_route routes[] = { { .gateway = address("10.9.0.254") },
				      { address("10.7.0.0"), 16, address("10.8.0.9") },
				      { .dest = address("10.6.0.0"), .prefix = 16 } };
	char domain[] = "a.example";
	const struct network net = { .interface = "eth0.12",
				     .address = address("10.9.0.30"),
				     .prefix = 24,
				     .routes = routes,
				     .route_count = 3,
				     .dns = dns,
				     .dns_count = 1,
				     .domain = domain };
	struct buf out = { 0 };
	(void)state;

	networkd_interface(&net, &out);
	assert_non_null(strstr(buf_cstr(&out),
			       "Name=eth0.12\n" KEEP "DHCP=no\nAddress=10.9.0.30/24\nDNS=10.9.0.1\n"
			       "Domains=a.example\n\n[Route]\nGateway=10.9.0.254\n" SOURCE
			       "\n[Route]\nDestination=10.7.0.0/16\n"
			       "Gateway=10.8.0.9\n" SOURCE
			       "GatewayOnLink=yes\n\n[Route]\nDestination=10.6.0.0/16\n" SOURCE "\n[DHCPv6]"));
	buf_free(&out);
}

/* What DHCP= says, and what ifupdown is told. */
static void check_kinds(bool dhcp, char *duid, const char *networkd, const char *lines)
{
	struct net_address6 ip6 = { .address = address6("2001:db8::1"), .prefix = 64 };
	struct network net = {
		.interface = "eth0", .dhcp = dhcp, .server_duid = duid, .address6 = &ip6, .address6_count = 1
	};
	struct buf out = { 0 };

	if (dhcp)
		net.address = address("10.9.0.30");
	networkd_interface(&net, &out);
	assert_non_null(strstr(buf_cstr(&out), networkd));
	buf_free(&out);
	ifupdown_lines(&net, &out);
	assert_string_equal(buf_cstr(&out) + strlen(HEAD "auto eth0\n"), lines);
	buf_free(&out);
}

static void test_kinds_of_networks(void **state)
{
	char duid[] = "00030001";
	(void)state;

	check_kinds(true, NULL, "\nDHCP=ipv4\n", "iface eth0 inet manual\n" DHCLIENT4 "iface eth0 inet6 manual\n");
	check_kinds(true, duid, "\nDHCP=yes\n",
		    "iface eth0 inet manual\n" DHCLIENT4 "iface eth0 inet6 manual\n" DHCLIENT6);
	check_kinds(false, duid, "\nDHCP=ipv6\n", "iface eth0 inet6 manual\n" DHCLIENT6);
	check_kinds(false, NULL, "\nDHCP=no\n", "iface eth0 inet6 manual\n");
}

/* The text of DIR/NAME, which is deleted. */
static const char *take(const char *dir, const char *name)
{
	static char text[600];
	char path[128];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
	unlink(path);
	return text;
}

static void test_files_of_a_vlan_on_a_bond(void **state)
{
	const struct network net = { .interface = "bond0.12",
				     .card = "bond0",
				     .vlan = 12,
				     .bond = "802.3ad",
				     .dhcp = true,
				     .mac = { 2, 0, 0, 0, 0, 1 },
				     .address = address("10.9.0.30"),
				     .prefix = 24 };
	char run[] = "/tmp/test_next.XXXXXX", path[128];
	(void)state;

	assert_non_null(mkdtemp(run));
	snprintf(path, sizeof(path), "%s/stage1", run);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(net_write_fragments(&net, run), 0);
	assert_non_null(strstr(take(run, "stage1/interfaces"), "auto bond0.12\niface bond0.12 inet manual\n"));
	assert_string_equal(take(run, "dhclient.bond0.12.lease.conf"),
			    HEAD "include \"/etc/dhcp/dhclient.conf\";\nsend dhcp-client-identifier = hardware;\n");
	assert_non_null(strstr(take(run, "systemd/network/10-stage1-bond0.12.network"), "Name=bond0.12\n"));
	assert_non_null(strstr(take(run, "systemd/network/10-stage1-bond0.12.link"), "OriginalName=bond0.12\n"));
	assert_string_equal(take(run, "systemd/network/10-stage1-bond0.network"),
			    HEAD "[Match]\nName=bond0\n\n[Link]\nUnmanaged=yes\n");
	assert_string_equal(take(run, "systemd/network/10-stage1-bond0.link"),
			    HEAD "[Match]\nOriginalName=bond0\n\n[Link]\n"
				 "AlternativeNamesPolicy=database onboard slot path\nMACAddressPolicy=none\n");
	assert_string_equal(take(run, "systemd/network/11-stage1-cards.network"),
			    HEAD "[Match]\nMACAddress=02:00:00:00:00:01\nKind=!*\n\n[Link]\nUnmanaged=yes\n");
	assert_string_equal(take(run, "systemd/network/11-stage1-cards.link"),
			    HEAD "[Match]\nMACAddress=02:00:00:00:00:01\nKind=!*\n\n[Link]\n"
				 "AlternativeNamesPolicy=database onboard slot path\nMACAddressPolicy=none\n");
	for (const char *const *p = (const char *const[]){ "/systemd/network", "/systemd", "/stage1", "", NULL }; *p;
	     p++) {
		snprintf(path, sizeof(path), "%s%s", run, *p);
		assert_int_equal(rmdir(path), 0); /* no other file was there */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networkd_of_a_lease),
		cmocka_unit_test(test_networkd_of_a_static_address),
		cmocka_unit_test(test_kinds_of_networks),
		cmocka_unit_test(test_files_of_a_vlan_on_a_bond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
