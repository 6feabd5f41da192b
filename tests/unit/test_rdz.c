/* test_rdz.c - initramfs/: lines of modules.list become rules, archives are what the kernel reads, pci.ids loses no
 * wanted name. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "initramfs/cpio.h"
#include "initramfs/ids.h"
#include "initramfs/list.h"
#include "initramfs/pack.h"

#include <zlib.h>

/* ---- modules.list */

static int parse(struct module_list *list, const char *text, struct buf *errors)
{
	return list_parse(list, text, strlen(text), "list", errors);
}

static void test_lines_become_rules(void **state)
{
	cleanup_buf struct buf errors = { 0 };
	struct module_list l;
	(void)state;

	assert_int_equal(parse(&l,
			       "# words\n\n  e1000 # a card\n[cards that are common] fast\n?hid-*\r\n"
			       "[rest]\n!?kernel/drivers/ata/\ndrivers/scsi/mpt*",
			       &errors),
			 0);
	assert_string_equal(buf_cstr(&errors), "");
	assert_int_equal(l.count, 4);
	assert_string_equal(l.rule[0].text, "e1000");
	assert_int_equal(l.rule[0].kind, RULE_MODULE);
	assert_int_equal(l.rule[0].line, 3);
	assert_int_equal(l.rule[0].packing, PACK_SMALL);
	assert_int_equal(l.rule[1].kind, RULE_PATTERN);
	assert_int_equal(l.rule[1].packing, PACK_FAST);
	assert_true(l.rule[1].optional && !l.rule[1].exclude);
	assert_string_equal(l.rule[2].text, "drivers/ata/");
	assert_int_equal(l.rule[2].kind, RULE_FOLDER);
	assert_int_equal(l.rule[2].packing, PACK_SMALL);
	assert_true(l.rule[2].optional && l.rule[2].exclude);
	assert_int_equal(l.rule[3].kind, RULE_PATTERN);
	list_free(&l);
}

static void test_every_bad_line_is_named(void **state)
{
	cleanup_buf struct buf errors = { 0 };
	struct module_list l;
	(void)state;

	assert_int_equal(parse(&l, "e1000\n[cards] quick\ne1000 e100\n[]\n/lib/modules\n!\n../x\nloop", &errors),
			 -EINVAL);
	assert_non_null(strstr(buf_cstr(&errors), "list:2: a group is written"));
	assert_non_null(strstr(buf_cstr(&errors), "list:3: a line is"));
	assert_non_null(strstr(buf_cstr(&errors), "list:4: a group"));
	assert_non_null(strstr(buf_cstr(&errors), "list:5: "));
	assert_non_null(strstr(buf_cstr(&errors), "list:6: "));
	assert_non_null(strstr(buf_cstr(&errors), "list:7: "));
	assert_null(strstr(buf_cstr(&errors), "list:8: "));
	assert_int_equal(l.count, 2);
	list_free(&l);
}

static bool matches(const char *line, const char *path)
{
	cleanup_buf struct buf errors = { 0 };
	struct module_list l;
	bool result;

	assert_int_equal(parse(&l, line, &errors), 0);
	assert_int_equal(l.count, 1);
	result = rule_matches(&l.rule[0], path);
	list_free(&l);
	return result;
}

static void test_what_a_line_names(void **state)
{
	(void)state;
	assert_true(matches("xen-netfront", "drivers/net/xen_netfront"));
	assert_true(matches("xen_netfront", "drivers/net/xen-netfront"));
	assert_false(matches("xen", "drivers/net/xen-netfront"));
	assert_false(matches("xen-netfront2", "drivers/net/xen-netfront"));
	assert_true(matches("drivers/net/", "drivers/net/ethernet/intel/e100"));
	assert_true(matches("drivers/net", "drivers/net/ethernet/intel/e100"));
	assert_false(matches("drivers/net", "drivers/network/e100"));
	assert_false(matches("drivers/net/", "net/drivers/net/e100"));
	assert_true(matches("hid-*", "drivers/hid/hid-apple"));
	assert_false(matches("hid-*", "drivers/hid/usbhid/usbhid"));
	assert_true(matches("drivers/hid/*", "drivers/hid/hid"));
	assert_false(matches("drivers/hid/*", "drivers/hid/usbhid/usbhid"));
}

/* ---- the archive */

static void test_archive_is_newc(void **state)
{
	cleanup_buf struct buf one = { 0 }, two = { 0 };
	struct cpio a = { 0 }, b = { 0 };
	(void)state;

	assert_int_equal(cpio_file(&a, "usr/bin/x", 0755, "abc", 3), 0);
	assert_int_equal(cpio_device(&a, "dev/console", 0600, 5, 1), 0);
	assert_int_equal(cpio_link(&b, "unused", "x"), 0);
	cpio_free(&b);
	assert_int_equal(cpio_device(&b, "dev/console", 0600, 5, 1), 0);
	assert_int_equal(cpio_file(&b, "usr/bin/x", 0755, "abc", 3), 0);
	assert_int_equal(cpio_write(&a, &one), 0);
	assert_int_equal(cpio_write(&b, &two), 0);

	assert_int_equal(one.len, two.len); /* the order of adding leaves no trace */
	assert_memory_equal(one.data, two.data, one.len);
	assert_int_equal(one.len % 512, 0);
	/* dev: inode 1, a folder, owner and group 0, 2 links, time 0, no bytes, a name of 4 with its NUL */
	assert_memory_equal(one.data,
			    "070701"
			    "00000001"
			    "000041ED"
			    "00000000"
			    "00000000"
			    "00000002"
			    "00000000"
			    "00000000"
			    "00000000"
			    "00000000"
			    "00000000"
			    "00000000"
			    "00000004"
			    "00000000"
			    "dev",
			    114);
	/* dev/console, at the next multiple of 4: a character device 5:1 */
	assert_memory_equal(one.data + 116,
			    "070701"
			    "00000002"
			    "00002180",
			    22);
	assert_memory_equal(one.data + 116 + 78,
			    "00000005"
			    "00000001",
			    16);
	assert_non_null(memmem(one.data, one.len, "usr/bin\0", 8));
	assert_non_null(memmem(one.data, one.len, "TRAILER!!!", 10));
	cpio_free(&a);
	cpio_free(&b);
}

static void test_an_archive_that_is_packed(void **state)
{
	static const uint8_t head[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3 }; /* RFC 1952: no name, no time */
	cleanup_buf struct buf text = { 0 }, out = { 0 };
	uint8_t back[40000];
	z_stream z = { .next_out = back, .avail_out = sizeof(back) };
	(void)state;

	for (int i = 0; text.len < sizeof(back) - 10; i++)
		buf_printf(&text, "%d ", i * i);
	assert_int_equal(buf_add(&out, "before", 6), 0);
	assert_int_equal(pack_gzip(text.data, text.len, &out), 0);
	assert_memory_equal(out.data, "before", 6);
	assert_memory_equal(out.data + 6, head, sizeof(head));
	z.next_in = (Bytef *)out.data + 6;
	z.avail_in = (uInt)out.len - 6;
	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(z.total_out, text.len);
	assert_memory_equal(back, text.data, text.len);
	inflateEnd(&z);
	cpio_pad(&out);
	assert_int_equal(out.len % 512, 0);
}

static void test_two_members_of_one_name(void **state)
{
	cleanup_buf struct buf out = { 0 };
	struct cpio c = { 0 };
	(void)state;

	assert_int_equal(cpio_file(&c, "init", 0755, "", 0), 0);
	assert_int_equal(cpio_link(&c, "init", "x"), 0);
	assert_int_equal(cpio_write(&c, &out), -EEXIST);
	cpio_free(&c);
}

/* ---- names of devices */

static void test_pci_ids_keeps_what_is_driven(void **state)
{
	static const char aliases[] =
		"# Aliases\nalias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000\n"
		"alias pci:v000010ECd*sv*sd*bc*sc*i* wild\nalias pci:v*d*sv*sd*bc01sc06i01* ahci\n"
		"alias usb:v0525pA4A2d* cdc\nalias pci:v00001AF4d00001000sv*";
	static const char ids[] = "#\n8086  Intel\n\t100e  82540EM\n\t\t1028 002e  Optiplex\n\t100f  82545EM\n"
				  "10ec  Realtek\n\t8139  RTL8139\n1af4  Red Hat\n\t1000  Virtio net\n"
				  "C 01  Storage\n\t06  SATA\n\t\t01  AHCI 1.0\n";
	cleanup_buf struct buf out = { 0 };
	struct pci_wanted w;
	(void)state;

	assert_int_equal(ids_wanted(&w, aliases, sizeof(aliases) - 1), 0);
	assert_int_equal(w.count, 3);
	assert_int_equal(ids_reduce(&w, ids, sizeof(ids) - 1, &out), 0);
	assert_string_equal(buf_cstr(&out),
			    "8086  Intel\n\t100e  82540EM\n10ec  Realtek\n\t8139  RTL8139\n1af4  Red Hat\n"
			    "\t1000  Virtio net\nC 01  Storage\n\t06  SATA\n\t\t01  AHCI 1.0\n");
	ids_wanted_free(&w);
}

/* ---- packing */

static void test_packing(void **state)
{
	static const struct {
		enum packing packing;
		const char *magic;
		size_t len;
	} rows[] = { { PACK_SMALL,
		       "\375"
		       "7zXZ\0",
		       6 },
		     { PACK_FAST, "\x28\xb5\x2f\xfd", 4 },
		     { PACK_PLAIN, "aaaa", 4 } };
	char text[5000];
	(void)state;

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf out = { 0 };

		assert_int_equal(pack_bytes(rows[i].packing, text, sizeof(text), &out), 0);
		assert_memory_equal(out.data, rows[i].magic, rows[i].len);
		assert_true(rows[i].packing == PACK_PLAIN ? out.len == sizeof(text) : out.len < 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_become_rules),
		cmocka_unit_test(test_every_bad_line_is_named),
		cmocka_unit_test(test_what_a_line_names),
		cmocka_unit_test(test_archive_is_newc),
		cmocka_unit_test(test_an_archive_that_is_packed),
		cmocka_unit_test(test_two_members_of_one_name),
		cmocka_unit_test(test_pci_ids_keeps_what_is_driven),
		cmocka_unit_test(test_packing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
