/* test_probe_words.c - probe: uevents, modaliases, module paths and kernel messages are read as the kernel writes
 * them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/classify.h"
#include "probe/firmware.h"
#include "probe/modules.h"
#include "probe/uevent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h> /* last: it has a macro named fail */

#define MESSAGE(text) text, sizeof(text)

static void test_kernel_message(void **state)
{
	struct uevent ev;
	(void)state;

	assert_int_equal(uevent_parse(MESSAGE("add@/devices/pci0000:00/0000:00:03.0/virtio0\0ACTION=add\0"
					      "DEVPATH=/devices/pci0000:00/0000:00:03.0/virtio0\0SUBSYSTEM=virtio\0"
					      "MODALIAS=virtio:d00000001v00001AF4\0SEQNUM=1042"),
				      &ev),
			 0);
	assert_string_equal(ev.action, "add");
	assert_string_equal(ev.devpath, "/devices/pci0000:00/0000:00:03.0/virtio0");
	assert_string_equal(ev.subsystem, "virtio");
	assert_string_equal(ev.modalias, "virtio:d00000001v00001AF4");
	assert_null(ev.driver);
}

static void test_other_messages_are_refused(void **state)
{
	struct uevent ev;
	(void)state;

	assert_int_equal(uevent_parse("", 0, &ev), -EBADMSG);
	assert_int_equal(uevent_parse("add@/devices/x\0ACTION=add", 24, &ev), -EBADMSG); /* not terminated */
	assert_int_equal(uevent_parse(MESSAGE("libudev\0\xfe\xed\xca\xfe"), &ev), -EBADMSG);
	assert_int_equal(uevent_parse(MESSAGE("add@/devices/x\0ACTION=add\0DEVPATH=/devices/x"), &ev), -EBADMSG);
	assert_int_equal(uevent_parse(MESSAGE("\0\0\0"), &ev), -EBADMSG);
}

static void test_uevent_file(void **state)
{
	char text[] = "DRIVER=e1000\nPCI_CLASS=20000\nMODALIAS=acpi:PNP0A03:\nMODALIAS=of:Nx\nX";
	char empty[] = "";
	struct uevent ev;
	(void)state;

	uevent_parse_file(text, sizeof(text) - 1, &ev);
	assert_string_equal(ev.driver, "e1000");
	assert_string_equal(ev.modalias, "acpi:PNP0A03:");
	uevent_parse_file(empty, 0, &ev);
	assert_null(ev.modalias);
}

static void test_modaliases(void **state)
{
	static const struct {
		const char *modalias;
		unsigned classes;
	} rows[] = {
		{ "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00", PROBE_NET },
		{ "pci:v00008086d00002652sv00000000sd00000000bc01sc01i8A", PROBE_STORAGE },
		{ "pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30", PROBE_USB },
		{ "pci:v00008086d000015ECsv00000000sd00000000bc0Csc03i40", 0 }, /* USB4 */
		/* wireless */
		{ "pci:v00008086d00002723sv00000000sd00000000bc02sc80i00", PROBE_NET | CLASS_QUIET },
		{ "pci:v000010DEd00000057sv00000000sd00000000bc06sc80i00", CLASS_ASK_PATH }, /* nForce */
		{ "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00", 0 },
		{ "pci:v000010ECd00005229sv00000000sd00000000bcFFsc00i00", CLASS_ASK_PATH },
		{ "usb:v0627p0001d0000dc00dsc00dp00ic03isc01ip01in00", PROBE_INPUT },
		{ "usb:v0627p0001d0000dc00dsc00dp00ic03isc01ip02in00", 0 },
		{ "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00", PROBE_STORAGE },
		{ "usb:v0B95p7720d0001dcFFdscFFdp00icFFiscFFip00in00", CLASS_ASK_PATH },
		{ "usb:v1D6Bp0002d0601dc09dsc00dp01ic09isc00ip00in00", 0 },
		{ "virtio:d00000001v00001AF4", PROBE_NET },
		{ "virtio:d00000005v00001AF4", 0 },
		{ "vmbus:635161f83edfc546913ff2d2f965ed0e", PROBE_NET },
		{ "xen:vbd", PROBE_STORAGE },
		{ "scsi:t-0x05", PROBE_STORAGE },
		{ "scsi:t-0x0d", 0 },
		{ "hid:b0003g0001v00000627p00000001", PROBE_INPUT },
		{ "acpi:VMBUS:", CLASS_ASK_PATH },
		{ "cpu:type:x86,ven0000fam0006mod000F:feature:,0000", 0 },
		{ "pci:", 0 },
		{ "pci:bcsci", 0 },
		{ "usb:", 0 },
		{ "", CLASS_ASK_PATH },
		{ "\xff[*?]", CLASS_ASK_PATH },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (classify_modalias(rows[i].modalias) != rows[i].classes)
			print_error("%s\n", rows[i].modalias);
		assert_int_equal(classify_modalias(rows[i].modalias), rows[i].classes);
	}
}

static void test_module_paths(void **state)
{
	(void)state;
	assert_int_equal(classify_path("/lib/modules/6.1/kernel/drivers/net/ethernet/realtek/r8169.ko.xz"), PROBE_NET);
	assert_int_equal(classify_path("/lib/modules/6.1/kernel/drivers/net/wireless/intel/x.ko"), 0);
	assert_int_equal(classify_path("/lib/modules/6.1/updates/drivers/scsi/hpsa.ko"), PROBE_STORAGE);
	assert_int_equal(classify_path("/lib/modules/6.1/kernel/drivers/hv/hv_vmbus.ko.zst"), CLASS_BUS);
	assert_int_equal(classify_path("/lib/modules/6.1/kernel/sound/soundcore.ko"), 0);
	assert_int_equal(classify_path(""), 0);
}

static void test_pci_ids(void **state)
{
	unsigned vendor = 0, device = 0;
	(void)state;

	assert_int_equal(classify_pci_ids("pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00", &vendor, &device),
			 0);
	assert_int_equal(vendor, 0x8086);
	assert_int_equal(device, 0x100e);
	assert_int_equal(classify_pci_ids("pci:v00008086", &vendor, &device), -EINVAL);
	assert_int_equal(classify_pci_ids("pci:v0000", &vendor, &device), -EINVAL);
	assert_int_equal(classify_pci_ids("usb:v0627p0001d0000", &vendor, &device), -EINVAL);
}

static void test_firmware_messages(void **state)
{
	static const char record[] = "4,612,2801349,-;e100 0000:00:03.0: Direct firmware load for e100/d101m_ucode.bin "
				     "failed with error -2\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:03.0\n";
	static const char nameless[] = "4,1,2,-;x: Direct firmware load for a failed with error -2\n DEVICE=n3\n";
	static const char debian[] =
		"3,5,6,-;e100 0000:00:02.0: firmware: failed to load e100/x.bin (-2)\n SUBSYSTEM=pci\n";
	static const char other[] = "6,613,2801350,-;e1000: Intel(R) PRO/1000 Network Driver\n";
	struct firmware_miss miss;
	(void)state;

	assert_true(firmware_parse(record, sizeof(record) - 1, &miss));
	assert_int_equal(miss.file_len, strlen("e100/d101m_ucode.bin"));
	assert_memory_equal(miss.file, "e100/d101m_ucode.bin", miss.file_len);
	assert_int_equal(miss.bus_len, 3);
	assert_memory_equal(miss.bus, "pci", 3);
	assert_int_equal(miss.address_len, strlen("0000:00:03.0"));
	assert_memory_equal(miss.address, "0000:00:03.0", miss.address_len);
	assert_true(firmware_parse(nameless, sizeof(nameless) - 1, &miss));
	assert_null(miss.bus);
	assert_true(firmware_parse(debian, sizeof(debian) - 1, &miss));
	assert_int_equal(miss.file_len, strlen("e100/x.bin"));
	assert_false(firmware_parse(other, sizeof(other) - 1, &miss));
	for (size_t cut = 0; cut < sizeof(record); cut++) { /* cut anywhere: no crash, the sanitizers look on */
		char *copy = malloc(cut + 1);

		memcpy(copy, record, cut);
		firmware_parse(copy, cut, &miss);
		free(copy);
	}
}

static void test_options_of_one_module(void **state)
{
	static const char *words[] = { "e1000e.IntMode=1",
				       "snd-hda.x=1",
				       "snd_hda.dyndbg=file a.c +p",
				       "e1000e.debug",
				       "snd_hda.y=\"a b\"",
				       "e1000.IntMode=0",
				       ".x=1",
				       "snd-hda.",
				       "snd-hda" };
	struct options o = { .module_options = { (char **)words, ARRAY_SIZE(words) } };
	struct buf out = { 0 };
	(void)state;

	modules_options(&o, "e1000e", &out);
	assert_string_equal(buf_cstr(&out), "IntMode=1 debug");
	buf_free(&out);
	modules_options(&o, "snd_hda", &out);
	assert_string_equal(buf_cstr(&out), "x=1 dyndbg=\"file a.c +p\" y=\"a b\"");
	buf_free(&out);
	modules_options(&o, "snd", &out);
	assert_string_equal(buf_cstr(&out), "");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_message),    cmocka_unit_test(test_other_messages_are_refused),
		cmocka_unit_test(test_uevent_file),       cmocka_unit_test(test_modaliases),
		cmocka_unit_test(test_module_paths),      cmocka_unit_test(test_pci_ids),
		cmocka_unit_test(test_firmware_messages), cmocka_unit_test(test_options_of_one_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
