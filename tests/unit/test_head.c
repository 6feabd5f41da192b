/* test_head.c - server/head: boot loaders' files, dnsmasq's lines, what the kernel and firewalls say, machines seen. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/boot_words.h"
#include "server/head/check_rows.h"
#include "server/head/config.h"
#include "server/head/look.h"
#include "server/head/ports.h"
#include "server/head/seen.h"
#include "server/head/supervise.h"

#include "net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void has(const struct buf *text, const char *words, bool wanted)
{
	if ((strstr(buf_cstr(text), words) != NULL) != wanted)
		fail_msg("\"%s\" %s in:\n%s", words, wanted ? "is not" : "is", buf_cstr(text));
}

static struct site a_site(void)
{
	struct site s = { .interface = "eth1", .state = (char *)"/srv/head", .http_port = 80, .prefix = 24 };

	assert_int_equal(address_parse("10.0.1.20", &s.address), 0);
	assert_int_equal(address_parse("10.0.1.31", &s.first), 0);
	assert_int_equal(address_parse("10.0.1.99", &s.last), 0);
	return s;
}

static void test_words(void **state)
{
	static const struct {
		enum head_method method;
		const char *wanted;
	} rows[] = {
		{ HEAD_HTTP,
		  "automatic=method:http,network:dhcp,log:10.0.1.20,server:10.0.1.20,directory:/images,image:a.sqfs" },
		{ HEAD_NFS,
		  "automatic=method:nfs,network:dhcp,log:10.0.1.20,server:10.0.1.20,directory:/images,image:a.sqfs" },
		{ HEAD_DOLLY,
		  "automatic=method:dolly,network:dhcp,log:10.0.1.20,dolly_timeout:100 rescue dollymethod" },
		{ HEAD_KA, "automatic=method:ka,network:dhcp,log:10.0.1.20 rescue kamethod" },
	};
	struct site s = a_site();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf b = { 0 };

		s.method = rows[i].method;
		boot_words(&s, "a.sqfs", NULL, &b);
		assert_string_equal(buf_cstr(&b), rows[i].wanted);
	}
}

static void test_own_files(void **state)
{
	struct node_entry n = {
		.value = { [NODE_ID] = (char *)"7", [NODE_METHOD] = (char *)"dolly", [NODE_WORDS] = (char *)"a=$b" }
	};
	cleanup_buf struct buf pxelinux = { 0 }, grub = { 0 }, ipxe = { 0 };
	struct site s = a_site();

	(void)state;
	boot_pxelinux(&s, "a.sqfs", &n, &pxelinux);
	has(&pxelinux,
	    "APPEND initrd=all.rdz automatic=method:dolly,network:dhcp,log:10.0.1.20,dolly_timeout:100 rescue "
	    "dollymethod node_id=7 "
	    "a=$b\n",
	    true);
	boot_grub_entry(&s, "a.sqfs", &n, &grub);
	has(&grub, "'node_id=7' 'a=$b'", true); /* GRUB would read the dollar */
	boot_ipxe_entry(&s, "a.sqfs", &n, &ipxe);
	has(&ipxe, "kernel http://10.0.1.20/vmlinuz initrd=all.rdz", true);
}

static void test_from_disk(void **state)
{
	struct node_entry n = { .value = { [NODE_BOOT] = (char *)"disk" } };
	cleanup_buf struct buf pxelinux = { 0 }, grub = { 0 }, ipxe = { 0 };
	struct site s = a_site();

	(void)state;
	boot_pxelinux(&s, "a.sqfs", &n, &pxelinux);
	boot_grub_entry(&s, "a.sqfs", &n, &grub);
	boot_ipxe_entry(&s, "a.sqfs", &n, &ipxe);
	has(&pxelinux, "LOCALBOOT 0", true);
	has(&pxelinux, "KERNEL", false);
	has(&grub, "exit\n", true);
	has(&grub, "linux", false);
	assert_string_equal(buf_cstr(&ipxe), "#!ipxe\nexit\n");
}

/* Who gets which file, by mode and by what there is. */
static void test_loaders(void **state)
{
	static const struct {
		enum head_dhcp dhcp;
		bool ipxe;
		struct loaders have;
		const char *line;
		bool wanted;
	} rows[] = {
		{ HEAD_DHCP_OWN, false, { .pxelinux = true }, "dhcp-boot=tag:bios,pxelinux.0\n", true },
		{ HEAD_DHCP_OWN, false, { .shim = true }, "dhcp-boot=tag:efi64,tag:!ipxe,shimx64.efi\n", true },
		{ HEAD_DHCP_OWN, false, { .shim = true }, "dhcp-boot=tag:efi64,tag:ipxe,grubx64.efi\n", true },
		{ HEAD_DHCP_OWN, false, { .plain = true }, "dhcp-boot=tag:efi64,tag:!ipxe,plainx64.efi\n", true },
		{ HEAD_DHCP_OWN,
		  false,
		  { .plain = true },
		  "dhcp-boot=tag:http64,\"http://10.0.1.20/plainx64.efi\"\n",
		  true },
		{ HEAD_DHCP_OWN, false, { .plain32 = true }, "dhcp-boot=tag:efi32,plainia32.efi\n", true },
		{ HEAD_DHCP_OWN,
		  true,
		  { .pxelinux = true },
		  "dhcp-boot=tag:ipxe,\"http://10.0.1.20/boot.ipxe\"\n",
		  true },
		{ HEAD_DHCP_OWN, false, { .ipxe = true, .ipxe_name = "ipxe-shim.efi" }, ",ipxe/ipxe-shim.efi\n", true },
		{ HEAD_DHCP_PROXY, false, { .shim = true }, "shimx64.efi", false },
		{ HEAD_DHCP_PROXY,
		  false,
		  { .shim = true, .plain = true },
		  "pxe-service=7,\"stage1\",plainx64.efi\n",
		  true },
		{ HEAD_DHCP_PROXY, false, { .pxelinux = true }, "pxe-service=0,\"stage1\",pxelinux.0\n", true },
		{ HEAD_DHCP_PROXY, false, { 0 }, "dhcp-range=10.0.1.0,proxy,255.255.255.0\n", true },
		{ HEAD_DHCP_OWN, false, { 0 }, "dhcp-range=10.0.1.31,10.0.1.99,255.255.255.0,12h\n", true },
		{ HEAD_DHCP_NONE, false, { .pxelinux = true }, "dhcp-", false },
	};
	struct site s = a_site();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf b = { 0 };

		s.dhcp = rows[i].dhcp;
		s.ipxe = rows[i].ipxe;
		config_dnsmasq(&s, &rows[i].have, "dnsmasq", &b);
		has(&b, rows[i].line, rows[i].wanted);
	}
}

static void test_port_lines(void **state)
{
	static const struct {
		const char *line;
		bool tcp;
		uint16_t number;
		bool takes;
	} rows[] = {
		{ "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 x",
		  true, 80, true },
		{ "   0: 1401000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 x",
		  true, 80, true },
		{ "   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 x",
		  true, 80, false },
		{ "   0: 1401000A:0050 0101000A:9999 01 00000000:00000000 00:00000000 00000000     0        0 1234 1 x",
		  true, 80, false },
		{ "   1: 00000000000000000000000000000000:0045 00000000000000000000000000000000:0000 07 "
		  "00000000:00000000 "
		  "00:00000000 00000000     0        0 1234 2 x",
		  false, 69, true },
		{ "  sl  local_address rem_address   st", true, 80, false },
		{ "", false, 67, false },
	};
	struct in_addr own;

	(void)state;
	assert_int_equal(address_parse("10.0.1.20", &own), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct port p = { rows[i].tcp, rows[i].number };
		unsigned long inode = 0;

		if (port_line_takes(rows[i].line, &p, own, &inode) != rows[i].takes)
			fail_msg("%s", rows[i].line);
		assert_int_equal(inode == 1234, rows[i].takes || inode == 1234);
	}
}

static void test_firewalls(void **state)
{
	(void)state;
	assert_true(firewall_drops("*filter\n:INPUT DROP [0:0]\n"));
	assert_true(firewall_drops("chain input {\n  type filter hook input priority filter; policy drop;\n}\n"));
	assert_false(firewall_drops("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n"));
	assert_false(firewall_drops("type filter hook input priority 0; policy accept;\n"
				    "type filter hook forward priority 0; policy drop;\n"));
	assert_false(firewall_drops(""));
}

/* A DHCPDISCOVER of a PXE client, and what is left of it when bytes are missing. */
static void test_seen(void **state)
{
	uint8_t m[260] = { 1,   1,   6,   0,  [28] = 0, 2, 0xb3, 0x3f, 0x78, 0x81, [236] = 99, 130, 83,  99, /* */
			   53,  1,   1,   93, 2,        0, 7,    60,   9,    'P',  'X',        'E', 'C', 'l',
			   'i', 'e', 'n', 't' };
	struct seen_machine s, again;
	cleanup_buf struct buf line = { 0 };
	struct seen all = { 0 };

	(void)state;
	m[258] = 255;
	assert_int_equal(seen_read(m, sizeof(m), &s), 0);
	assert_int_equal(s.architecture, 7);
	assert_true(s.pxe);
	assert_string_equal(seen_firmware(&s), "UEFI, 64 bits");
	for (size_t len = 0; len < 258; len++)
		assert_true(seen_read(m, len, &again) != 0 || len >= 243);
	m[0] = 2;
	assert_int_equal(seen_read(m, sizeof(m), &again), -EPROTONOSUPPORT);
	seen_write(&s, &line);
	assert_int_equal(seen_parse(buf_cstr(&line), &again), 0);
	assert_memory_equal(&s, &again, sizeof(s));
	assert_int_equal(seen_add(&all, &s), 1);
	assert_int_equal(seen_add(&all, &s), 0);
	for (unsigned i = 0; i < SEEN_MOST + 5u; i++) {
		s.mac[4] = (uint8_t)(i >> 8);
		s.mac[5] = (uint8_t)i;
		assert_true(seen_add(&all, &s) >= 0);
	}
	assert_int_equal(all.count, SEEN_MOST);
	seen_free(&all);
}

static void test_delays(void **state)
{
	(void)state;
	assert_int_equal(child_delay(0), 0);
	assert_int_equal(child_delay(1), 500);
	for (unsigned n = 1; n < 100; n++)
		assert_true(child_delay(n) <= child_delay(n + 1) && child_delay(n) <= 30000);
}

static void test_left_overs(void **state)
{
	(void)state;
	assert_int_equal(child_left_over(""), 0);
	assert_int_equal(child_left_over("1 1\n"), 0);
	assert_int_equal(child_left_over("-5 7\n"), 0);
	assert_int_equal(child_left_over("4194300 12345\nnginx\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),   cmocka_unit_test(test_own_files),  cmocka_unit_test(test_from_disk),
		cmocka_unit_test(test_loaders), cmocka_unit_test(test_port_lines), cmocka_unit_test(test_firewalls),
		cmocka_unit_test(test_seen),    cmocka_unit_test(test_delays),     cmocka_unit_test(test_left_overs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
