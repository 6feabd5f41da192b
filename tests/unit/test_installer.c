/* test_installer.c - stage1/installer.h: the classic files, byte for byte as installers read them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/installer.h" /* before cmocka.h, which makes a macro of fail */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct in_addr address(const char *text)
{
	struct in_addr a;

	assert_int_equal(inet_pton(AF_INET, text, &a), 1);
	return a;
}

/* PATH: where the image was on HOST; TREE and ISO: on a medium. */
static void assert_env(const char *automatic, const char *host, uint16_t port, const char *path, const char *tree,
		       const char *iso, const char *expected)
{
	struct options o = { .ramdisk_size_kib = -1, .netauto = true };
	struct flow f = { .options = &o, .origin = { .host = (char *)host, .port = port, .path = (char *)path } };
	struct medium m = { .tree = (char *)tree, .iso = (char *)iso };
	struct buf out = { 0 };

	assert_int_equal(options_add_automatic(&o, automatic), 0);
	f.method = method_find(o.value[KEY_METHOD]);
	assert_non_null(f.method);
	assert_int_equal(installer_env(&f, &m, &out), 0);
	assert_string_equal(buf_cstr(&out), expected);
	buf_free(&out);
	options_free(&o);
}

#define IMAGE "/install/stage2/mdkinst.sqfs"

static void test_env_of_servers(void **state)
{
	(void)state;
	assert_env("method:http,server:a+10.0.1.21,directory:/pub/distrib", "10.0.1.21", 80,
		   "/pub/distrib/x86_64" IMAGE, NULL, NULL,
		   "METHOD=http\nHOST=10.0.1.21\nPREFIX=/pub/distrib/x86_64\n"
		   "URLPREFIX=http://10.0.1.21/pub/distrib/x86_64\n");
	assert_env("method:http,server:m.example.org,port:8080,directory:pub,proxy_host:p", "m.example.org", 8080,
		   "/pub" IMAGE, NULL, NULL,
		   "METHOD=http\nHOST=m.example.org:8080\nPREFIX=/pub\n"
		   "URLPREFIX=http://m.example.org:8080/pub\nPROXY=p\nPROXYPORT=3128\n");
	/* installers know no https: for them it is http with such a URL */
	assert_env("method:https,server:[fd00::1],image:a b.sqfs,user:u:x,pass:p/w", "fd00::1", 443, "/a b.sqfs", NULL,
		   NULL,
		   "METHOD=http\nHOST=[fd00::1]\nPREFIX=\nLOGIN=u:x\nPASSWORD=p/w\nURLPREFIX=https://"
		   "u%3Ax:p%2Fw@[fd00::1]/\n");
	assert_env("method:ftp,server:f,user:u,pass:p w", "f", 21, IMAGE, NULL, NULL,
		   "METHOD=ftp\nHOST=f\nPREFIX=\nLOGIN=u\nPASSWORD='p w'\n");
	/* through a proxy ftp is fetched as by http */
	assert_env("method:ftp,server:f,directory:/d,proxy_host:p,proxy_port:8", "f", 21, "/d" IMAGE, NULL, NULL,
		   "METHOD=http\nHOST=f\nPREFIX=/d\nURLPREFIX=ftp://f/d\nPROXY=p\nPROXYPORT=8\n");
}

static void test_env_of_media(void **state)
{
	(void)state;
	assert_env("method:disk", NULL, 0, NULL, "media/x86_64", NULL, "METHOD=disk\n");
	assert_env("method:disk", NULL, 0, NULL, "loop", "/tmp/media/a.iso",
		   "METHOD=disk-iso\nISOPATH=/tmp/media/a.iso\n");
	assert_env("method:cdrom", NULL, 0, NULL, "media", NULL, "METHOD=cdrom\n");
	assert_env("method:nfs,server:s", "s", 2049, IMAGE, "media", NULL, "METHOD=nfs\n");
	assert_env("method:nfs,server:s", "s", 2049, IMAGE, "loop/x86_64", "/tmp/media/b.iso",
		   "METHOD=nfs-iso\nISOPATH=/tmp/media/b.iso\n");
}

static void test_env_of_methods_that_cannot_be_read_again(void **state)
{
	(void)state;
	assert_env("method:tftp,server:t", "t", 69, IMAGE, NULL, NULL, "");
	assert_env("method:ka", NULL, 0, NULL, NULL, NULL, "");
	assert_env("method:dolly", NULL, 0, NULL, NULL, NULL, "");
}

static void test_the_boot_file_is_the_answer_file_where_netauto_says_so(void **state)
{
	char file[] = "auto-IP.pl";
	struct options o = { .netauto = true };
	struct flow f = { .options = &o, .method = method_find("ka"), .network = { .bootfile = file } };
	struct medium m = { 0 };
	struct buf out = { 0 };
	(void)state;

	assert_int_equal(installer_env(&f, &m, &out), 0);
	assert_string_equal(buf_cstr(&out), "KICKSTART=auto-IP.pl\n");
	buf_free(&out);
	o.netauto = false;
	assert_int_equal(installer_env(&f, &m, &out), 0);
	assert_string_equal(buf_cstr(&out), "");
	buf_free(&out);
}

/* What comes from servers and the command line is read by the shell that sources the files, and not run. */
static void test_hostile_words(void **state)
{
	char file[] = "$(echo boot)\"'`;", name[] = "node7;reboot", broken[] = "x\nMETHOD=evil";
	struct options o = { .ramdisk_size_kib = -1, .netauto = true };
	struct flow f = { .options = &o,
			  .network = { .interface = "eth0", .bootfile = file, .hostname = name },
			  .origin = { .host = (char *)"h", .port = 80, .path = (char *)"/a$(reboot)'" IMAGE } };
	struct medium m = { .iso = (char *)"/tmp/media/$X.iso" };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(options_add_automatic(&o, "method:http,server:h,directory:/a$(reboot)',user:a b,pass:$p"), 0);
	f.method = method_find("http");
	assert_int_equal(installer_env(&f, &m, &out), 0);
	assert_string_equal(buf_cstr(&out),
			    "METHOD=http\nHOST=h\nPREFIX='/a$(reboot)'\\'''\nLOGIN='a b'\nPASSWORD='$p'\n"
			    "URLPREFIX='http://a%20b:%24p@h/a$(reboot)'\\'''\nISOPATH='/tmp/media/$X.iso'\n"
			    "KICKSTART='$(echo boot)\"'\\''`;'\n");
	buf_free(&out);
	installer_network(&f.network, &out);
	assert_string_equal(buf_cstr(&out), "NETWORKING=yes\nFORWARD_IPV4=false\nHOSTNAME='node7;reboot'\n");
	buf_free(&out);
	f.network.bootfile = broken;
	f.origin.path = NULL;
	m.iso = NULL;
	assert_int_equal(installer_env(&f, &m, &out), 0);
	assert_string_equal(buf_cstr(&out), "");
	options_free(&o);
}

/* A /sys in which INTERFACE has a driver that is the module MODULE; NULL: it is built in. */
static void add_interface(const char *sysfs, const char *interface, const char *module)
{
	static const char *const parts[] = { "", "/device", "/device/driver" };
	char path[300];

	snprintf(path, sizeof(path), "%s/class", sysfs);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/class/net", sysfs);
	mkdir(path, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(path, sizeof(path), "%s/class/net/%s%s", sysfs, interface, parts[i]);
		mkdir(path, 0755);
	}
	snprintf(path, sizeof(path), "%s/class/net/%s/device/driver/module", sysfs, interface);
	if (module)
		assert_int_equal(symlink(module, path), 0);
}

static void test_modules_of_the_cards_and_their_options(void **state)
{
	char sysfs[] = "/tmp/test-installer-XXXXXX", command[100];
	struct buf out = { 0 };
	(void)state;

	assert_non_null(mkdtemp(sysfs));
	add_interface(sysfs, "eth1", "../../../../bus/pci/drivers/../../../module/e1000");
	add_interface(sysfs, "eth0", "../../module/virtio_net");
	add_interface(sysfs, "lo", NULL);
	installer_modules(sysfs, "loop\ne1000 Speed=100 Duplex=2\nsquashfs\n", &out);
	assert_string_equal(buf_cstr(&out),
			    "alias eth0 virtio_net\nalias eth1 e1000\noptions e1000 Speed=100 Duplex=2\n");
	buf_free(&out);
	installer_modules("/nowhere", "", &out);
	assert_string_equal(buf_cstr(&out), "");
	buf_free(&out);
	snprintf(command, sizeof(command), "rm -r %s", sysfs);
	assert_int_equal(system(command), 0);
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
		cmocka_unit_test(test_env_of_servers),
		cmocka_unit_test(test_env_of_media),
		cmocka_unit_test(test_env_of_methods_that_cannot_be_read_again),
		cmocka_unit_test(test_the_boot_file_is_the_answer_file_where_netauto_says_so),
		cmocka_unit_test(test_hostile_words),
		cmocka_unit_test(test_modules_of_the_cards_and_their_options),
		cmocka_unit_test(test_ifcfg_of_dhcp),
		cmocka_unit_test(test_ifcfg_and_network_of_a_static_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
