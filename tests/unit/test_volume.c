/* test_volume.c - methods/media/volume.h and media.h: file systems, labels and UUIDs as their makers write them;
 * choosing by them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packages: dosfstools mtools parted e2fsprogs squashfs-tools fdisk */
#include "methods/media/media.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"

/* A made-up disk: bytes by their place. */
static uint8_t disk[1024 * 1024];

static void put(size_t at, const void *bytes, size_t len)
{
	memcpy(disk + at, bytes, len);
}

#define PUT(at, text) put(at, text, sizeof(text) - 1)

static void put_number(size_t at, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		disk[at + i] = (uint8_t)(value >> 8 * i);
}

static void put_wide(size_t at, const char *text, size_t step)
{
	for (size_t i = 0; text[i]; i++)
		disk[at + step + 2 * i] = (uint8_t)text[i];
}

/* Looks at the made-up disk as media_identify looks at a real one. */
static struct volume look(void)
{
	struct volume v;

	volume_recognise(disk, VOLUME_HEAD, &v);
	for (int i = 0; v.more_len; i++) {
		size_t at = (size_t)MIN(v.more_at, (int64_t)sizeof(disk));

		assert_in_range(i, 0, 4);
		volume_more(&v, disk + at, MIN(v.more_len, sizeof(disk) - at));
	}
	return v;
}

#define UUID_BYTES "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"
#define UUID_TEXT  "01234567-89ab-cdef-0123-456789abcdef"

static int clear(void **state)
{
	(void)state;
	memset(disk, 0, sizeof(disk));
	return 0;
}

static void assert_volume(const char *type, const char *label, const char *uuid)
{
	struct volume v = look();

	assert_non_null(v.type);
	assert_string_equal(v.type, type);
	assert_string_equal(v.label, label);
	assert_string_equal(v.uuid, uuid);
}

static void test_ext(void **state)
{
	(void)state;
	put_number(1024, 100, 4);
	put_number(1024 + 32, 8192, 4);
	put_number(1024 + 56, 0xef53, 2);
	PUT(1024 + 104, UUID_BYTES);
	PUT(1024 + 120, "sixteen letters!");
	assert_volume("ext4", "sixteen letters!", UUID_TEXT);
}

static void test_xfs(void **state)
{
	(void)state;
	PUT(0, "XFSB");
	PUT(32, UUID_BYTES);
	PUT(108, "scratch");
	assert_volume("xfs", "scratch", UUID_TEXT);
}

static void test_btrfs(void **state)
{
	(void)state;
	PUT(65536 + 64, "_BHRfS_M");
	PUT(65536 + 32, UUID_BYTES);
	PUT(65536 + 299, "a label with \xc3\xbc in it");
	assert_volume("btrfs", "a label with \xc3\xbc in it", UUID_TEXT);
}

static void make_fat16(void)
{
	disk[0] = 0xeb;
	put_number(11, 512, 2);
	disk[13] = 4;
	put_number(14, 1, 2);     /* reserved */
	disk[16] = 2;             /* copies */
	put_number(19, 20000, 2); /* sectors */
	disk[21] = 0xf8;
	disk[38] = 0x29;        /* serial number, label and words follow */
	put_number(17, 512, 2); /* entries of the root folder */
	put_number(22, 8, 2);   /* sectors of a copy */
	PUT(39, "\x78\x56\x34\x12");
	PUT(43, "OLD LABEL  FAT16   ");
	PUT(510, "\x55\xaa");
}

static void test_fat_label_is_in_the_root_folder(void **state)
{
	size_t root = (1 + 2 * 8) * 512;
	(void)state;

	make_fat16();
	assert_volume("vfat", "OLD LABEL", "1234-5678");
	PUT(root, "\xe5"
		  "ELETED    \x08");
	PUT(root + 32, "long name  \x0f");
	PUT(root + 64, "FILE    TXT\x20");
	PUT(root + 96, "NEW LABEL  \x08");
	assert_volume("vfat", "NEW LABEL", "1234-5678");
}

static void test_fat32(void **state)
{
	(void)state;
	make_fat16();
	put_number(17, 0, 2);
	put_number(22, 0, 2);
	put_number(36, 8, 4);
	put_number(44, 3, 4); /* the root folder's first cluster */
	disk[66] = 0x29;
	PUT(67, "\x44\x33\x22\x11"
		"NO NAME    FAT32   ");
	assert_volume("vfat", "", "1122-3344");
	PUT((1 + 2 * 8 + 4) * 512, "STICK      \x08");
	assert_volume("vfat", "STICK", "1122-3344");
}

/* Boot sectors that are one to the kernel, or none: what is put where. */
static void test_fat_is_known_by_its_numbers(void **state)
{
	static const struct {
		size_t at, len;
		uint64_t value;
		bool fat;
		const char *label, *uuid;
	} rows[] = {
		{ 54, 8, 0, true, "OLD LABEL", "1234-5678" }, /* no words */
		{ 0, 3, 0, true, "OLD LABEL", "1234-5678" },  /* no jump */
		{ 0, 1, 0xe9, true, "OLD LABEL", "1234-5678" },
		{ 38, 1, 0x28, true, "", "1234-5678" }, /* only a serial number: OS/2, early Windows NT */
		{ 38, 1, 0, true, "", "" },             /* DOS 3 */
		{ 11, 2, 4096, true, "OLD LABEL", "1234-5678" },
		{ 13, 1, 128, true, "OLD LABEL", "1234-5678" },
		{ 14, 2, 6302, true, "OLD LABEL", "1234-5678" }, /* Windows, so that the data are aligned */
		{ 16, 1, 1, true, "OLD LABEL", "1234-5678" },
		{ 21, 1, 0xf0, true, "OLD LABEL", "1234-5678" }, /* a floppy, and what mtools makes */
		{ 510, 2, 0, false, "", "" },
		{ 11, 2, 0, false, "", "" }, /* a disk with partitions whose boot program has no such numbers */
		{ 11, 2, 520, false, "", "" },
		{ 13, 1, 3, false, "", "" },
		{ 14, 2, 0, false, "", "" },
		{ 16, 1, 0, false, "", "" },
		{ 16, 1, 200, false, "", "" },
		{ 17, 2, 0, false, "", "" },
		{ 19, 2, 0, false, "", "" },
		{ 21, 1, 0, false, "", "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		clear(NULL);
		make_fat16();
		put_number(rows[i].at, rows[i].value, rows[i].len);
		if (rows[i].fat)
			assert_volume("vfat", rows[i].label, rows[i].uuid);
		else if (look().type)
			fail_msg("row %zu is taken as %s", i, look().type);
	}
}

/* Looks at the file that COMMAND makes. */
static struct media_device made_by(const char *command)
{
	static char name[] = "x";
	struct media_device d = { .name = name };
	struct stat st;

	scratch_run(command);
	assert_int_equal(stat("x", &st), 0);
	d.size = st.st_size;
	assert_int_equal(media_identify(&d, "."), 0);
	return d;
}

static void test_fat_of_many_programs(void **state)
{
	static const struct {
		const char *command, *label;
	} rows[] = {
		{ "mformat -C -i x -f 1440 -v FLOPPY ::", "FLOPPY" },
		{ "mformat -C -i x -f 160 -v SMALL ::", "SMALL" },
		{ "mformat -C -i x -T 40000 -h 16 -s 63 -v SIXTEEN ::", "SIXTEEN" },
		{ "mformat -C -i x -F -T 100000 -h 16 -s 63 -v 'THIRTY TWO' ::", "THIRTY TWO" },
		{ "mformat -C -i x -f 1440 ::", "" },
		{ "mformat -C -i x -f 1440 :: && mlabel -i x ::LATER", "LATER" },
		{ "mformat -C -i x -S 4 -T 20000 -h 16 -s 63 -v SECTORS ::", "SECTORS" }, /* of 2048 bytes */
		{ "truncate -s 3M x; mkfs.fat -F 12 -n TWELVE x", "TWELVE" },
		{ "truncate -s 30M x; mkfs.fat -F 16 -n SIXTEEN -f 1 x", "SIXTEEN" },
		{ "truncate -s 40M x; mkfs.fat -F 32 -n THIRTYTWO -R 100 x", "THIRTYTWO" },
		{ "truncate -s 40M x; mkfs.fat -F 32 -S 4096 -n SECTORS x", "SECTORS" },
		{ "truncate -s 40M x; mkfs.fat -F 32 -s 1 x", "" },
		{ "truncate -s 30M x; mkfs.fat -n BEFORE x; fatlabel x AFTER", "AFTER" },
		{ "truncate -s 30M x; mkfs.fat -a -h 2048 -M 0xf0 -n ODD x", "ODD" },
	};
	char dir[32];
	(void)state;

	scratch_enter(dir);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct media_device d = made_by(rows[i].command);

		if (!streq(d.volume.type, "vfat") || !streq(d.volume.label, rows[i].label))
			fail_msg("%s: a %s called '%s'", rows[i].command, d.volume.type, d.volume.label);
		assert_int_equal(unlink("x"), 0);
	}
	assert_null(made_by("truncate -s 3M x; parted -s x mklabel msdos mkpart primary fat16 1MiB 2MiB").volume.type);
	assert_null(made_by("rm x; truncate -s 3M x; parted -s x mklabel gpt mkpart x fat32 1MiB 2MiB").volume.type);
	scratch_leave(dir);
}

/* A device may be longer than the image on it; the image is as long as its file was. */
static void test_images_on_devices(void **state)
{
	static const struct {
		const char *type, *command;
	} rows[] = {
		{ "squashfs", "mksquashfs tree file -noappend -quiet" },
		{ "erofs", "mkfs.erofs file tree" },
	};
	char dir[32];
	(void)state;

	scratch_enter(dir);
	scratch_run("mkdir tree; head -c 100000 /dev/urandom >tree/a");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct media_device d;
		struct stat st;

		scratch_run(rows[i].command);
		assert_int_equal(stat("file", &st), 0);
		d = made_by("cp file x; truncate -s +3M x");
		assert_string_equal(d.volume.type, rows[i].type);
		assert_int_equal(d.image, st.st_size);
		d = made_by("cp file x; truncate -s -5000 x");
		assert_in_range(d.image, 1, d.size);
	}
	assert_int_equal(made_by("truncate -s 1M x; mke2fs -q -F x").image, 0);
	scratch_leave(dir);
}

static void test_an_ext_with_a_journal_to_replay(void **state)
{
	(void)state;
	put_number(1024, 100, 4);
	put_number(1024 + 32, 8192, 4);
	put_number(1024 + 56, 0xef53, 2);
	put_number(1024 + 96, 0x02c2, 4);
	assert_false(look().dirty);
	put_number(1024 + 96, 0x02c6, 4);
	assert_true(look().dirty);
}

static void test_exfat(void **state)
{
	(void)state;
	PUT(3, "EXFAT   ");
	put_number(88, 128, 4); /* cluster heap: sector 128 */
	put_number(96, 4, 4);   /* root folder: cluster 4 */
	PUT(100, "\xdd\xcc\xbb\xaa");
	disk[108] = 9;
	disk[109] = 3;
	disk[128 * 512 + 2 * 4096] = 0x81;
	disk[128 * 512 + 2 * 4096 + 32] = 0x83;
	disk[128 * 512 + 2 * 4096 + 33] = 4;
	put_wide(128 * 512 + 2 * 4096 + 34, "CARD", 0);
	assert_volume("exfat", "CARD", "AABB-CCDD");
}

static void test_ntfs(void **state)
{
	size_t record = 4 * 4096 + 3 * 1024;
	(void)state;

	PUT(3, "NTFS    ");
	put_number(11, 512, 2);
	disk[13] = 8;
	put_number(48, 4, 8); /* master file table: cluster 4 */
	disk[64] = 0xf6;      /* records of 2^10 bytes */
	PUT(72, "\xef\xcd\xab\x89\x67\x45\x23\x01");
	PUT(record, "FILE");
	put_number(record + 4, 48, 2);
	put_number(record + 6, 3, 2);
	put_number(record + 20, 56, 2);
	put_number(record + 56, 0x10, 4); /* an attribute before */
	put_number(record + 60, 24 + 400, 4);
	put_number(record + 480, 0x60, 4);
	put_number(record + 484, 24 + 40, 4);
	put_number(record + 496, 40, 4);
	put_number(record + 500, 24, 2);
	put_wide(record + 504, "WINDOWS DISK ABCDEFG", 0);
	/* a mark is at the end of the first sector, within the label; the D is kept elsewhere */
	PUT(record + 510, "\1\0");
	PUT(record + 50, "D\0");
	assert_volume("ntfs3", "WINDOWS DISK ABCDEFG", "0123456789ABCDEF");
}

static void make_iso(void)
{
	PUT(32768, "\001CD001\001");
	memset(disk + 32768 + 40, ' ', 32);
	PUT(32768 + 40, "MY DISC 1");
	PUT(32768 + 813, "2026112317075800");
	PUT(32768 + 830, "0000000000000000");
}

static void test_iso9660(void **state)
{
	(void)state;
	make_iso();
	assert_volume("iso9660", "MY DISC 1", "2026-11-23-17-07-58-00");
	PUT(510, "\x55\xaa"); /* hybrid */
	assert_volume("iso9660", "MY DISC 1", "2026-11-23-17-07-58-00");
}

static void make_udf(size_t sector)
{
	PUT(32768 + 1, "BEA01");
	PUT(32768 + 2048 + 1, "NSR03");
	put_number(256 * sector, 2, 2);
	put_number(256 * sector + 12, 256, 4);
	put_number(256 * sector + 16, 4 * (uint32_t)sector, 4);
	put_number(256 * sector + 20, 96 * 2048 / sector, 4);
	put_number(96 * 2048, 1, 2);
	PUT(96 * 2048 + 72, "\x08"
			    "0123456789ABCDEFudf set");
	put_number(96 * 2048 + sector, 6, 2);
	PUT(96 * 2048 + sector + 84, "\x10");
	put_wide(96 * 2048 + sector + 85, "Film", 1);
	disk[96 * 2048 + sector + 84 + 127] = 9;
}

static void test_udf_on_disc_and_disk(void **state)
{
	(void)state;
	make_udf(2048);
	assert_volume("udf", "Film", "0123456789abcdef");
	clear(NULL);
	make_udf(512);
	assert_volume("udf", "Film", "0123456789abcdef");
}

static void test_nothing_and_everything_cut(void **state)
{
	struct volume v;
	(void)state;

	assert_false(volume_recognise(disk, VOLUME_HEAD, &v));
	assert_false(volume_recognise(disk, 0, &v));
	make_iso();
	make_udf(2048);
	make_fat16();
	for (size_t len = 0; len < VOLUME_HEAD; len += len < 2048 ? 1 : 512) {
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, disk, len);
		volume_recognise(copy, len, &v);
		free(copy);
	}
}

/* ---- choosing */

static void test_what_disk_means(void **state)
{
	struct media_device d = { .name = (char *)"nvme0n1p2", .disk = (char *)"nvme0n1", .partition = 2 };
	struct media_device plain = { .name = (char *)"sdb", .disk = (char *)"sdb" };
	(void)state;

	strcpy(d.volume.label, "my data, 1");
	strcpy(d.volume.uuid, UUID_TEXT);
	assert_true(media_is(&d, "auto"));
	assert_true(media_is(&d, "nvme0n1p2"));
	assert_true(media_is(&d, "/dev/nvme0n1p2"));
	assert_true(media_is(&d, "LABEL=my%20data%2c%201"));
	assert_true(media_is(&d, "UUID=01234567-89AB-CDEF-0123-456789ABCDEF"));
	assert_false(media_is(&d, "nvme0n1"));
	assert_true(media_is_on(&d, "nvme0n1"));
	assert_true(media_is_on(&d, "/dev/nvme0n1"));
	assert_false(media_is_on(&d, "nvme0n"));
	assert_false(media_is(&d, "LABEL=my%20data"));
	assert_false(media_is(&d, "LABEL=my%2"));
	assert_false(media_is(&d, "LABEL="));
	assert_false(media_is(&plain, "LABEL="));
	assert_false(media_is(&plain, "UUID="));
	assert_false(media_is(&plain, "LABEL=%00"));
}

static void make(const char *root, const char *path, const char *text)
{
	char full[300];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	fd = open(full, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void link_to(const char *root, const char *name, const char *target)
{
	char full[300];

	snprintf(full, sizeof(full), "%s/class/block/%s", root, name);
	assert_int_equal(symlink(target, full), 0);
}

static void test_media_are_listed_in_order(void **state)
{
	static const char *const expected[] = { "sda", "sda1", "sda2", "sda10", "sdb", "sr0", "sdaa", "nvme0n1" };
	char root[] = "/tmp/media-XXXXXX", command[64];
	cleanup_buf struct buf text = { 0 };
	struct media m;
	(void)state;

	assert_non_null(mkdtemp(root));
	make(root, "devices/block/sda/size", "2000000\n");
	make(root, "devices/block/sda/sda10/size", "1000\n");
	make(root, "devices/block/sda/sda10/partition", "10\n");
	make(root, "devices/block/sda/sda2/size", "1000\n");
	make(root, "devices/block/sda/sda2/partition", "2\n");
	make(root, "devices/block/sda/sda1/size", "1000\n");
	make(root, "devices/block/sda/sda1/partition", "1\n");
	make(root, "class/block/sdaa/size", "1\n");
	make(root, "class/block/sdb/size", "1\n");
	make(root, "class/block/sr0/size", "1\n");
	make(root, "class/block/sdc/size", "0\n"); /* a card reader without a card */
	make(root, "class/block/nvme0n1/size", "1\n");
	make(root, "class/block/nvme0c0n1/size", "1\n"); /* a path of the same disk */
	make(root, "class/block/nvme0c0n1/hidden", "1\n");
	make(root, "class/block/loop0/size", "1\n");
	make(root, "class/block/ram3/size", "1\n");
	make(root, "class/block/fd0/size", "1\n");
	make(root, "class/block/weird/size", "-5 what\n");
	link_to(root, "sda", "../../devices/block/sda");
	link_to(root, "sda1", "../../devices/block/sda/sda1");
	link_to(root, "sda2", "../../devices/block/sda/sda2");
	link_to(root, "sda10", "../../devices/block/sda/sda10");
	assert_int_equal(media_list(&m, root), 0);
	assert_int_equal(m.count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < m.count; i++)
		assert_string_equal(m.item[i].name, expected[i]);
	assert_string_equal(m.item[3].disk, "sda");
	assert_int_equal(m.item[3].partition, 10);
	assert_true(m.item[5].cd);
	media_describe(&m.item[0], &text);
	assert_string_equal(buf_cstr(&text), "sda unknown 1.0 GB");
	media_free(&m);
	assert_int_equal(media_list(&m, "/nonexistent"), -ENOENT);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ext, clear),
		cmocka_unit_test_setup(test_xfs, clear),
		cmocka_unit_test_setup(test_btrfs, clear),
		cmocka_unit_test_setup(test_fat_label_is_in_the_root_folder, clear),
		cmocka_unit_test_setup(test_fat32, clear),
		cmocka_unit_test_setup(test_fat_is_known_by_its_numbers, clear),
		cmocka_unit_test(test_fat_of_many_programs),
		cmocka_unit_test(test_images_on_devices),
		cmocka_unit_test_setup(test_an_ext_with_a_journal_to_replay, clear),
		cmocka_unit_test_setup(test_exfat, clear),
		cmocka_unit_test_setup(test_ntfs, clear),
		cmocka_unit_test_setup(test_iso9660, clear),
		cmocka_unit_test_setup(test_udf_on_disc_and_disk, clear),
		cmocka_unit_test_setup(test_nothing_and_everything_cut, clear),
		cmocka_unit_test(test_what_disk_means),
		cmocka_unit_test(test_media_are_listed_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
