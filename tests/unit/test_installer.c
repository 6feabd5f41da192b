/* test_installer.c - stage1/installer.h: the classic files, byte for byte as installers read them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/installer.h" /* before cmocka.h, which makes a macro of fail */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct in_addr address(const char *text)
{
	struct in_addr a;

	assert_int_equal(inet_pton(AF_INET, text, &a), 1);
	return a;
}

static void assert_env(const char *automatic, const char *expected)
{
	struct options o = { .ramdisk_size_kib = -1 };
	struct flow f = { .options = &o };
	struct buf out = { 0 };

	assert_int_equal(options_add_automatic(&o, automatic), 0);
	f.method = method_find(o.value[KEY_METHOD]);
	assert_non_null(f.method);
	installer_env(&f, &out);
	assert_string_equal(buf_cstr(&out), expected);
	buf_free(&out);
	options_free(&o);
}

static void test_env_of_network_methods(void **state)
{
	(void)state;
	assert_env("method:http,server:10.0.1.21,directory:/pub/distrib",
		   "METHOD=http\nHOST=10.0.1.21\nPREFIX=/pub/distrib\nURLPREFIX=http://10.0.1.21/pub/distrib\n");
	assert_env("method:http,server:m.example.org,port:8080,directory:pub,proxy_host:p,proxy_port:3128",
		   "METHOD=http\nHOST=m.example.org\nPREFIX=pub\nURLPREFIX=http://m.example.org:8080/pub\nPROXY=p\n"
		   "PROXYPORT=3128\n");
	assert_env("method:ftp,server:f,user:u,pass:p w",
		   "METHOD=ftp\nHOST=f\nLOGIN=u\nPASSWORD=p w\nURLPREFIX=ftp://f/\n");
}

static void test_ifcfg_of_dhcp(void **state)
{
	char name[] = "node7";
	struct network n = { .interface = "eth0", .dhcp = true, .address = address("10.0.0.5"), .hostname = name };
	struct buf out = { 0 };
	(void)state;

	installer_ifcfg(&n, &out);
	assert_string_equal(buf_cstr(&out), "DEVICE=eth0\nBOOTPROTO=dhcp\nDHCP_HOSTNAME=node7\n");
	buf_free(&out);
}

static void test_ifcfg_and_network_of_a_static_address(void **state)
{
	char host[] = "node7", domain[] = "example.org";
	struct net_route route = { .gateway = address("192.168.1.1") };
	struct in_addr dns[] = { address("192.168.1.2"), address("192.168.1.3"), address("192.168.1.4") };
	struct network n = {
		.interface = "eth1",
		.address = address("192.168.1.24"),
		.prefix = 24,
		.broadcast = address("192.168.1.255"),
		.routes = &route,
		.route_count = 1,
		.dns = dns,
		.dns_count = 3,
		.hostname = host,
		.domain = domain,
	};
	struct buf out = { 0 };
	(void)state;

	installer_ifcfg(&n, &out);
	assert_string_equal(buf_cstr(&out),
			    "DEVICE=eth1\nBOOTPROTO=static\nIPADDR=192.168.1.24\nNETMASK=255.255.255.0\n"
			    "NETWORK=192.168.1.0\nBROADCAST=192.168.1.255\nDOMAIN=example.org\nDNS1=192.168.1.2\n"
			    "DNS2=192.168.1.3\n");
	buf_free(&out);
	installer_network(&n, &out);
	assert_string_equal(buf_cstr(&out),
			    "NETWORKING=yes\nFORWARD_IPV4=false\nHOSTNAME=node7\nGATEWAY=192.168.1.1\n");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_env_of_network_methods),
		cmocka_unit_test(test_ifcfg_of_dhcp),
		cmocka_unit_test(test_ifcfg_and_network_of_a_static_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
