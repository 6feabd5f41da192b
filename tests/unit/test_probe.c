/* test_probe.c - probe on a made-up machine: the right modules, in the right order, with the right options. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"
#include "probe/modules.h"
#include "probe/world.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h> /* last: it has a macro named fail */

/* ---- the made-up machine: a sysfs, a folder of modules, a kernel that takes modules and sends uevents */

struct reaction {
	const char *module;            /* when this one is inserted ... */
	int result;                    /* ... the kernel says so, and ... */
	void (*then)(struct probe *p); /* ... this happens */
};

struct machine {
	char dir[64], sys[80], modules[80], pci_ids[80];
	struct options options;
	struct probe_world world;
	struct watch watch;
	struct probe *probe;
	struct buf inserted, notes;
	const struct reaction *reactions; /* ended by {0} */
	int events;                       /* write end */
};

static struct machine m;

static void run(const char *program, const char *a, const char *b)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execlp(program, program, a, b, (char *)NULL);
		_exit(127);
	}
	assert_true(waitpid(pid, &status, 0) == pid && status == 0);
}

static void make_dirs(const char *path)
{
	char copy[256];

	assert_int_equal(str_copy(copy, sizeof(copy), path), 0);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(copy, 0755);
		*p = '/';
	}
	mkdir(copy, 0755);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* A device in the made-up sysfs. */
static void plug(const char *bus, const char *address, const char *modalias)
{
	char dir[200], file[220], text[2100];

	snprintf(dir, sizeof(dir), "%s/bus/%s/devices/%s", m.sys, bus, address);
	make_dirs(dir);
	snprintf(file, sizeof(file), "%s/uevent", dir);
	snprintf(text, sizeof(text), "X=1\nMODALIAS=%s\n", modalias);
	write_file(file, text);
}

/* The device gets a driver, as the kernel shows it. */
static void drive(const char *bus, const char *address, const char *driver)
{
	char link[220], target[120];

	snprintf(link, sizeof(link), "%s/bus/%s/devices/%s/driver", m.sys, bus, address);
	snprintf(target, sizeof(target), "../../../bus/%s/drivers/%s", bus, driver);
	assert_int_equal(symlink(target, link), 0);
}

/* Something below the device: net/eth0, block/sda. */
static void grow(const char *bus, const char *address, const char *child)
{
	char path[220];

	snprintf(path, sizeof(path), "%s/bus/%s/devices/%s/%s", m.sys, bus, address, child);
	make_dirs(path);
}

static void announce(const char *action, const char *subsystem, const char *address, const char *modalias)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "%s@/devices/%s%cACTION=%s%cDEVPATH=/devices/%s%cSUBSYSTEM=%s", action,
			 address, 0, action, 0, address, 0, subsystem);

	if (modalias)
		n += 1 + snprintf(text + n + 1, sizeof(text) - (size_t)n - 1, "MODALIAS=%s", modalias);
	assert_true(write(m.events, text, (size_t)n + 1) == n + 1);
}

static int insert(void *ctx, struct kmod_module *module, const char *params)
{
	const char *name = kmod_module_get_name(module);

	(void)ctx;
	buf_printf(&m.inserted, "%s%s%s;", name, *params ? " " : "", params);
	for (const struct reaction *r = m.reactions; r && r->module; r++) {
		if (!streq(r->module, name))
			continue;
		if (r->then)
			r->then(m.probe);
		return r->result;
	}
	return 0;
}

static void note(struct watch *w, const char *line)
{
	(void)w;
	buf_printf(&m.notes, "%s\n", line);
}

static void boot(const char *command_line)
{
	struct failure f = { 0 };

	assert_int_equal(options_parse(&m.options, command_line), 0);
	assert_int_equal(probe_open_world(&m.probe, &m.options, &m.world, &m.watch, &f), 0);
}

static int load(unsigned classes)
{
	return probe_load(m.probe, classes, now_ms() + 5000);
}

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	memset(&m, 0, sizeof(m));
	strcpy(m.dir, "/tmp/probe-XXXXXX");
	if (!mkdtemp(m.dir) || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
		return -1;
	run("tests/unit/data/fake-modules", m.dir, NULL);
	snprintf(m.sys, sizeof(m.sys), "%s/sys", m.dir);
	snprintf(m.modules, sizeof(m.modules), "%s/lib/modules/1.0", m.dir);
	snprintf(m.pci_ids, sizeof(m.pci_ids), "%s/pci.ids", m.dir);
	m.world = (struct probe_world){
		.sysfs = m.sys,
		.modules_dir = m.modules,
		.pci_ids = m.pci_ids,
		.uevent_fd = pair[0],
		.kmsg_fd = -1,
		.insert = insert,
	};
	m.watch.note = note;
	m.events = pair[1];
	make_dirs(m.sys);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_close(m.probe);
	options_free(&m.options);
	buf_free(&m.inserted);
	buf_free(&m.notes);
	close(m.events);
	run("rm", "-rf", m.dir);
	return 0;
}

static const struct probe_device *device(const char *address)
{
	size_t count;
	const struct probe_device *d = probe_devices(m.probe, &count);

	for (size_t i = 0; i < count; i++)
		if (streq(d[i].address, address))
			return &d[i];
	return NULL;
}

#define ACME    "pci:v0000ACEDd00000001sv00000000sd00000000bc02sc00i00"
#define DISPLAY "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00"
#define SATA    "pci:v00008086d00002652sv00000000sd00000000bc01sc06i01"
#define XHCI    "pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30"
#define VIRTIO  "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00"
#define STICK   "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00"
#define KEYS    "usb:v0627p0001d0000dc00dsc00dp00ic03isc01ip01in00"

/* ---- what is loaded, in which order */

static void acme_works(struct probe *p)
{
	(void)p;
	drive("pci", "0000:00:03.0", "acme_net");
	drive("pci", "0000:00:04.0", "acme_net");
	grow("pci", "0000:00:03.0", "net/eth0");
	grow("pci", "0000:00:04.0", "net/eth1");
}
static const struct reaction acme_reactions[] = { { "acme_net", 0, acme_works }, { 0 } };

static void test_dependencies_and_softdeps_in_order(void **state)
{
	struct buf list = { 0 };
	(void)state;

	plug("pci", "0000:00:03.0", ACME);
	plug("pci", "0000:00:04.0", ACME);
	plug("pci", "0000:00:02.0", DISPLAY);
	m.reactions = acme_reactions;
	boot("acme-net.debug=2 acme_net.name=\"a b\" acme_core.x=1 quiet");
	assert_int_equal(load(PROBE_NET), 0);
	assert_string_equal(buf_cstr(&m.inserted),
			    "sums;acme_core x=1;mii;acme_before;acme_net debug=2 name=\"a b\";acme_after;");
	assert_string_equal(device("0000:00:03.0")->driver, "acme_net");
	assert_int_equal(device("0000:00:04.0")->classes, PROBE_NET);
	assert_int_equal(device("0000:00:04.0")->trouble, FAIL_NONE);
	assert_null(device("0000:00:02.0")->driver);
	assert_string_equal(buf_cstr(&m.notes), "");
	assert_int_equal(probe_list_modules(m.probe, &list), 0);
	assert_non_null(strstr(buf_cstr(&list), "acme_core x=1\n"));
	buf_free(&list);
}

static void test_only_the_wanted_classes(void **state)
{
	(void)state;
	plug("pci", "0000:00:02.0", DISPLAY);
	plug("pci", "0000:00:03.0", ACME);
	plug("pci", "0000:00:05.0", SATA);
	plug("pci", "0000:00:06.0", XHCI);
	plug("acpi", "SCRN0001:00", "acpi:SCRN0001:");
	boot("");
	assert_int_equal(load(PROBE_STORAGE), 0);
	/* nothing binds in this machine, so both drivers of the controller are tried, the first linked first */
	assert_string_equal(buf_cstr(&m.inserted), "libata;ahci;ata_piix;xhci_pci;");
	buf_free(&m.inserted);
	assert_int_equal(load(PROBE_STORAGE), 0);
	assert_string_equal(buf_cstr(&m.inserted), "");
}

static void ahci_works(struct probe *p)
{
	(void)p;
	drive("pci", "0000:00:05.0", "ahci");
}

static void test_first_of_two_drivers_is_enough(void **state)
{
	static const struct reaction reactions[] = { { "ahci", 0, ahci_works }, { 0 } };
	(void)state;

	plug("pci", "0000:00:05.0", SATA);
	m.reactions = reactions;
	boot("noauto");
	assert_int_equal(load(PROBE_STORAGE), 0);
	assert_string_equal(buf_cstr(&m.inserted), "libata;ahci;");
}

static void test_second_driver_where_the_first_is_blacklisted(void **state)
{
	(void)state;
	plug("pci", "0000:00:05.0", SATA);
	plug("pci", "0000:00:03.0", ACME);
	boot("modprobe.blacklist=ahci,acme-net module_blacklist=acme_before");
	assert_int_equal(load(PROBE_NET | PROBE_STORAGE), 0);
	assert_string_equal(buf_cstr(&m.inserted), "libata;ata_piix;");
	assert_int_equal(device("0000:00:03.0")->trouble, FAIL_NONE);
	assert_string_equal(buf_cstr(&m.notes),
			    "acme_net is forbidden by the command line: 0000:00:03.0 PCI device aced:0001\n"
			    "ata_piix does not take 0000:00:05.0 PCI device 8086:2652\n");
}

static void test_the_place_of_the_module_decides(void **state)
{
	(void)state;
	plug("pci", "0000:00:0a.0", "pci:v000010DEd00000057sv00000000sd00000000bc06sc80i00");
	plug("acpi", "LNRO0005:00", "acpi:LNRO0005:");
	plug("acpi", "LNRO0005:01", "acpi:LNRO0005:");
	plug("acpi", "SCRN0001:00", "acpi:SCRN0001:");
	plug("acpi", "PNP0C0F:00", "acpi:PNP0C0F:");
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	assert_string_equal(buf_cstr(&m.inserted), "forcedeth;virtio_mmio;");
	assert_int_equal(device("0000:00:0a.0")->classes, PROBE_NET);
	assert_int_equal(device("PNP0C0F:00")->trouble, FAIL_NONE);
}

static void test_drivers_already_there(void **state)
{
	char path[120];
	(void)state;

	plug("pci", "0000:00:03.0", ACME);
	snprintf(path, sizeof(path), "%s/module/acme_core", m.sys);
	make_dirs(path);
	plug("pci", "0000:00:05.0", SATA);
	drive("pci", "0000:00:05.0", "ahci"); /* built in */
	boot("");
	assert_int_equal(load(PROBE_NET | PROBE_STORAGE), 0);
	assert_string_equal(buf_cstr(&m.inserted), "sums;mii;acme_before;acme_net;acme_after;");
}

static void test_without_uevents_sysfs_is_read_again(void **state)
{
	(void)state;
	close(m.world.uevent_fd);
	m.world.uevent_fd = -1;
	plug("pci", "0000:00:03.0", ACME);
	m.reactions = acme_reactions;
	plug("pci", "0000:00:04.0", ACME);
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	assert_non_null(strstr(buf_cstr(&m.inserted), "acme_net;"));
}

/* ---- buses behind buses */

static void virtio_appears(struct probe *p)
{
	(void)p;
	drive("pci", "0000:00:03.0", "virtio-pci");
	plug("virtio", "virtio0", "virtio:d00000001v00001AF4");
	announce("add", "virtio", "pci0000:00/0000:00:03.0/virtio0", "virtio:d00000001v00001AF4");
}

static void test_virtio_card_behind_its_transport(void **state)
{
	static const struct reaction reactions[] = { { "virtio_pci", 0, virtio_appears }, { 0 } };
	int64_t began = now_ms();
	(void)state;

	plug("pci", "0000:00:03.0", VIRTIO);
	m.reactions = reactions;
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	assert_string_equal(buf_cstr(&m.inserted), "virtio_pci;virtio_net;");
	/* the transport itself never gets an interface: nobody waits for it */
	assert_true(now_ms() - began < 2000);
	assert_string_equal(probe_name(m.probe, device("virtio0")), "Virtio network card");
}

/* A child process plays the hub: a stick and a keyboard come up 150 ms later. */
static void hub_appears(struct probe *p)
{
	(void)p;
	drive("pci", "0000:00:06.0", "xhci_hcd");
	plug("usb", "1-1:1.0", STICK);
	plug("usb", "1-2:1.0", KEYS);
	announce("add", "usb", "pci0000:00/0000:00:06.0/usb1", NULL);
	if (fork() == 0) {
		usleep(150000);
		announce("add", "usb", "pci0000:00/0000:00:06.0/usb1/1-1/1-1:1.0", STICK);
		announce("add", "usb", "pci0000:00/0000:00:06.0/usb1/1-2/1-2:1.0", KEYS);
		_exit(0);
	}
}

static void stick_works(struct probe *p)
{
	(void)p;
	drive("usb", "1-1:1.0", "usb-storage");
	grow("usb", "1-1:1.0", "host6");
	if (fork() == 0) {
		usleep(200000);
		plug("scsi", "6:0:0:0", "scsi:t-0x00");
		announce("add", "scsi", "host6/target6:0:0/6:0:0:0", "scsi:t-0x00");
		_exit(0);
	}
}

static void disk_works(struct probe *p)
{
	(void)p;
	drive("scsi", "6:0:0:0", "sd");
	grow("scsi", "6:0:0:0", "block/sda");
	announce("add", "block", "sda", NULL);
}

static const struct reaction usb_reactions[] = {
	{ "xhci_pci", 0, hub_appears }, { "usb_storage", 0, stick_works }, { "sd_mod", 0, disk_works }, { 0 }
};

static void test_usb_disk_is_waited_for(void **state)
{
	(void)state;
	plug("pci", "0000:00:06.0", XHCI);
	m.reactions = usb_reactions;
	boot("");
	assert_int_equal(load(PROBE_STORAGE), 0);
	/* the keyboard was not asked for */
	assert_string_equal(buf_cstr(&m.inserted), "xhci_pci;usb_storage;sd_mod;");
	assert_string_equal(device("6:0:0:0")->driver, "sd");
	while (wait(NULL) > 0)
		;
}

static void test_keyboard_on_usb(void **state)
{
	(void)state;
	plug("pci", "0000:00:06.0", XHCI);
	m.reactions = usb_reactions;
	boot("");
	assert_int_equal(load(PROBE_INPUT), 0);
	assert_string_equal(buf_cstr(&m.inserted), "xhci_pci;usbhid;");
	while (wait(NULL) > 0)
		;
}

static void test_noauto_leaves_usb_alone(void **state)
{
	(void)state;
	plug("pci", "0000:00:06.0", XHCI);
	boot("noauto");
	assert_int_equal(load(PROBE_ALL), 0);
	assert_string_equal(buf_cstr(&m.inserted), "");
}

static void test_deadline_ends_the_waiting(void **state)
{
	int64_t began = now_ms();
	(void)state;

	plug("pci", "0000:00:06.0", XHCI);
	m.reactions = usb_reactions;
	boot("");
	assert_int_equal(probe_load(m.probe, PROBE_STORAGE, now_ms() + 50), 0);
	assert_true(now_ms() - began < 140);
	while (wait(NULL) > 0)
		;
}

static void card_is_slow(struct probe *p)
{
	(void)p;
	drive("pci", "0000:00:03.0", "acme_net");
	if (fork() == 0) {
		usleep(300000);
		grow("pci", "0000:00:03.0", "net/eth0");
		announce("add", "net", "pci0000:00/0000:00:03.0/net/eth0", NULL);
		_exit(0);
	}
}

static void test_interface_that_comes_late_is_waited_for(void **state)
{
	static const struct reaction reactions[] = { { "acme_net", 0, card_is_slow }, { 0 } };
	int64_t began = now_ms();
	char path[160];
	(void)state;

	plug("pci", "0000:00:03.0", ACME);
	m.reactions = reactions;
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/0000:00:03.0/net/eth0", m.sys);
	assert_int_equal(access(path, F_OK), 0);
	assert_in_range(now_ms() - began, 280, 2000);
	while (wait(NULL) > 0)
		;
}

static void test_wait_for_a_path(void **state)
{
	char path[120];
	(void)state;

	snprintf(path, sizeof(path), "%s/sda1", m.dir);
	boot("");
	assert_int_equal(probe_wait_path(m.probe, path, now_ms() + 30), -ETIMEDOUT);
	if (fork() == 0) {
		usleep(100000);
		mkdir(path, 0755);
		announce("add", "block", "sda/sda1", NULL);
		_exit(0);
	}
	assert_int_equal(probe_wait_path(m.probe, path, now_ms() + 5000), 0);
	while (wait(NULL) > 0)
		;
}

static void test_device_that_leaves(void **state)
{
	(void)state;
	plug("usb", "1-1:1.0", STICK);
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	assert_non_null(device("1-1:1.0"));
	announce("remove", "usb", "usb1/1-1/1-1:1.0", STICK);
	assert_int_equal(load(PROBE_NET), 0);
	assert_null(device("1-1:1.0"));
}

/* ---- troubles, each by name */

static void test_card_without_driver(void **state)
{
	(void)state;
	write_file(m.pci_ids, "# names\nabcd  Example Corp\n\t1234  FastCard 1000\n");
	plug("pci", "0000:00:03.0", "pci:v0000ABCDd00001234sv00000000sd00000000bc02sc00i00");
	/* wireless: not missed */
	plug("pci", "0000:00:04.0", "pci:v0000ABCDd00000080sv00000000sd00000000bc02sc80i00");
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	assert_string_equal(buf_cstr(&m.notes), "no driver for 0000:00:03.0 Example Corp FastCard 1000 "
						"(pci:v0000ABCDd00001234sv00000000sd00000000bc02sc00i00)\n");
	assert_int_equal(device("0000:00:03.0")->trouble, FAIL_DEV_NO_DRIVER);
	assert_int_equal(load(PROBE_NET), 0);
	assert_null(strstr(strchr(buf_cstr(&m.notes), '\n') + 1, "no driver")); /* said once */
}

static void test_name_behind_an_interface(void **state)
{
	char path[160];
	(void)state;

	plug("usb", "1-1:1.0", "usb:v0B95p7720d0001dcFFdscFFdp00icFFiscFFip00in00");
	snprintf(path, sizeof(path), "%s/bus/usb/devices/1-1", m.sys);
	make_dirs(path);
	snprintf(path, sizeof(path), "%s/bus/usb/devices/1-1/manufacturer", m.sys);
	write_file(path, " Acme  Corp\n");
	snprintf(path, sizeof(path), "%s/bus/usb/devices/1-1/product", m.sys);
	write_file(path, "Fast\x1b[2J\n");
	snprintf(path, sizeof(path), "%s/class/net/eth0", m.sys);
	make_dirs(path);
	snprintf(path, sizeof(path), "%s/class/net/eth0/device", m.sys);
	assert_int_equal(symlink("../../../bus/usb/devices/1-1:1.0", path), 0);
	snprintf(path, sizeof(path), "%s/bus/usb/devices/1-1:1.0/subsystem", m.sys);
	assert_int_equal(symlink("../../../../bus/usb", path), 0);
	boot("");
	assert_int_equal(probe_load(m.probe, PROBE_NET | PROBE_USB, now_ms()), 0);
	assert_string_equal(buf_cstr(&m.inserted), "asix;");
	assert_string_equal(probe_interface_name(m.probe, "eth0"), "Acme Corp Fast [2J");
	assert_null(probe_interface_name(m.probe, "eth1"));
}

static void test_driver_that_will_not_load(void **state)
{
	static const struct reaction reactions[] = { { "mii", -ENOEXEC, NULL }, { "ahci", -ENODEV, NULL }, { 0 } };
	(void)state;

	plug("pci", "0000:00:03.0", ACME);
	plug("pci", "0000:00:05.0", "pci:v00001111d00000001sv00000000sd00000000bc01sc06i01");
	m.reactions = reactions;
	boot("noauto");
	assert_int_equal(load(PROBE_NET | PROBE_STORAGE), 0);
	assert_int_equal(device("0000:00:03.0")->trouble, FAIL_DEV_LOAD);
	assert_non_null(strstr(buf_cstr(&m.notes), "acme_net would not load ("));
	assert_non_null(strstr(buf_cstr(&m.notes),
			       "ahci would not load (No such device): 0000:00:05.0 PCI device 1111:0001\n"));
	assert_null(strstr(buf_cstr(&m.inserted), "acme_net;"));
}

static void firmware_is_missing(struct probe *p)
{
	static const char record[] =
		"4,612,2801349,-;acme 0000:00:03.0: Direct firmware load for acme/1.bin failed with "
		"error -2\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:03.0\n";
	int *kmsg = m.world.ctx;

	(void)p;
	assert_int_equal(write(kmsg[1], record, sizeof(record) - 1), sizeof(record) - 1);
}

static void test_driver_without_firmware(void **state)
{
	static const struct reaction reactions[] = { { "acme_net", 0, firmware_is_missing }, { 0 } };
	int kmsg[2];
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, kmsg), 0);
	m.world.kmsg_fd = kmsg[0];
	m.world.ctx = kmsg;
	plug("pci", "0000:00:03.0", ACME);
	m.reactions = reactions;
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	assert_string_equal(buf_cstr(&m.notes), "acme_net misses its firmware acme/1.bin: 0000:00:03.0 PCI device "
						"aced:0001\n");
	assert_int_equal(device("0000:00:03.0")->trouble, FAIL_DEV_FIRMWARE);
	close(kmsg[1]);
}

static void test_odd_bytes_in_a_modalias(void **state)
{
	char *long_alias = malloc(2001);
	(void)state;

	memset(long_alias, '[', 2000);
	long_alias[2000] = '\0';
	plug("acpi", "A:00", "acpi:[]]][*?\\\x01\xff:");
	plug("acpi", "A:01", long_alias);
	plug("acpi", "A:02", "acpi:ABC[");
	plug("acpi", "A:03", "");
	plug("pci", "0000:00:03.0", ACME);
	boot("");
	assert_int_equal(load(PROBE_ALL), 0);
	assert_non_null(strstr(buf_cstr(&m.inserted), "acme_net;"));
	free(long_alias);
}

static void test_no_modules_at_all(void **state)
{
	(void)state;
	m.world.modules_dir = "/nonexistent/modules";
	plug("pci", "0000:00:03.0", ACME);
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	assert_int_equal(device("0000:00:03.0")->trouble, FAIL_DEV_NO_DRIVER);
	assert_int_equal(probe_module(m.probe, "loop", NULL), -ENOENT);
}

static void test_damaged_names_do_not_end_the_program(void **state)
{
	(void)state;
	write_file(m.pci_ids, "this is\nno list of names\n");
	plug("pci", "0000:00:03.0", ACME);
	boot("");
	assert_int_equal(load(PROBE_NET), 0);
	assert_string_equal(probe_name(m.probe, device("0000:00:03.0")), "PCI device aced:0001");
}

/* ---- by name */

static void test_modules_by_name(void **state)
{
	static const struct reaction reactions[] = { { "mii", -EEXIST, NULL }, { "broken", -ENOENT, NULL }, { 0 } };
	struct buf list = { 0 };
	(void)state;

	m.reactions = reactions;
	boot("loop.max_part=7 modprobe.blacklist=loop,screen");
	assert_int_equal(probe_module(m.probe, "loop", "max_loop=2"), 0);
	assert_int_equal(probe_module(m.probe, "loop", NULL), 0);
	assert_int_equal(probe_module(m.probe, "ext4", NULL), 0);    /* built in */
	assert_int_equal(probe_module(m.probe, "fs-ext4", NULL), 0); /* as an alias, too */
	assert_int_equal(probe_module(m.probe, "mii", NULL), 0);     /* somebody was faster */
	assert_int_equal(probe_module(m.probe, "xhci_pci", NULL), 0);
	/* blacklisted, and reached by alias */
	assert_int_equal(probe_module(m.probe, "acpi:SCRN0001:", NULL), -EPERM);
	assert_int_equal(probe_module(m.probe, "nosuch", NULL), -ENOENT);
	assert_int_equal(probe_module(m.probe, "broken", NULL), -ENOENT);
	assert_string_equal(buf_cstr(&m.inserted), "loop max_loop=2 max_part=7;mii;xhci_pci;broken;");
	probe_list_modules(m.probe, &list);
	assert_string_equal(buf_cstr(&list), "loop max_loop=2 max_part=7\nxhci_pci\n");
	buf_free(&list);
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(test_dependencies_and_softdeps_in_order),
		ON_MACHINE(test_only_the_wanted_classes),
		ON_MACHINE(test_first_of_two_drivers_is_enough),
		ON_MACHINE(test_second_driver_where_the_first_is_blacklisted),
		ON_MACHINE(test_the_place_of_the_module_decides),
		ON_MACHINE(test_drivers_already_there),
		ON_MACHINE(test_without_uevents_sysfs_is_read_again),
		ON_MACHINE(test_virtio_card_behind_its_transport),
		ON_MACHINE(test_usb_disk_is_waited_for),
		ON_MACHINE(test_keyboard_on_usb),
		ON_MACHINE(test_noauto_leaves_usb_alone),
		ON_MACHINE(test_deadline_ends_the_waiting),
		ON_MACHINE(test_interface_that_comes_late_is_waited_for),
		ON_MACHINE(test_wait_for_a_path),
		ON_MACHINE(test_device_that_leaves),
		ON_MACHINE(test_card_without_driver),
		ON_MACHINE(test_name_behind_an_interface),
		ON_MACHINE(test_driver_that_will_not_load),
		ON_MACHINE(test_driver_without_firmware),
		ON_MACHINE(test_odd_bytes_in_a_modalias),
		ON_MACHINE(test_no_modules_at_all),
		ON_MACHINE(test_damaged_names_do_not_end_the_program),
		ON_MACHINE(test_modules_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
