/* test_recognise.c - image/recognise.c: real images of every kind are told apart, with the size their header claims. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packages: squashfs-tools erofs-utils e2fsprogs genisoimage xorriso cpio bzip2 gzip zstd libarchive-tools */
/* Needs: squashfs-tools erofs-utils e2fsprogs xorriso genisoimage tar cpio gzip xz-utils zstd bzip2 */
#include "image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "image/iso.h"
#include "tests/lib/scratch.h"

static char dir[32];

static int enter(void **state)
{
	(void)state;
	scratch_enter(dir);
	scratch_run("mkdir -p tree/sub; head -c 300000 /dev/urandom >tree/random; echo hello >tree/sub/hello");
	return 0;
}

static int leave(void **state)
{
	(void)state;
	scratch_leave(dir);
	return 0;
}

/* What FILE is by its first IMAGE_HEAD bytes. */
static enum image_kind recognise(const char *file, int64_t *claimed, int64_t *length)
{
	cleanup_buf struct buf b = { 0 };

	scratch_read(&b, file);
	*length = (int64_t)b.len;
	return image_recognise((const uint8_t *)b.data, MIN(b.len, (size_t)IMAGE_HEAD), claimed);
}

static void test_squashfs(void **state)
{
	int64_t claimed, length;
	(void)state;

	scratch_run("mksquashfs tree a.sqfs -comp zstd -noappend; mksquashfs tree b.sqfs -comp xz -nopad -noappend");
	assert_int_equal(recognise("a.sqfs", &claimed, &length), IMAGE_SQUASHFS);
	assert_true(claimed <= length && claimed > length - 4096);
	assert_int_equal(recognise("b.sqfs", &claimed, &length), IMAGE_SQUASHFS);
	assert_int_equal(claimed, length);
}

static void test_erofs(void **state)
{
	int64_t claimed, length;
	(void)state;

	scratch_run("mkfs.erofs a.erofs tree");
	assert_int_equal(recognise("a.erofs", &claimed, &length), IMAGE_EROFS);
	assert_int_equal(claimed, length);
}

static void test_ext(void **state)
{
	static const char *const makers[] = {
		"mke2fs -q -F -t ext2 -b 1024 -d tree x.img 5000",
		"mke2fs -q -F -t ext3 -d tree x.img 20M",
		"mke2fs -q -F -t ext4 -O 64bit -b 4096 -d tree x.img 20M",
		"mke2fs -q -F -t ext4 -O ^64bit -d tree x.img 20M",
	};
	int64_t claimed, length;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		scratch_run("rm -f x.img");
		scratch_run(makers[i]);
		assert_int_equal(recognise("x.img", &claimed, &length), IMAGE_EXT);
		assert_int_equal(claimed, length);
	}
}

static void test_iso(void **state)
{
	int64_t claimed, length;
	(void)state;

	scratch_run("genisoimage -quiet -R -o a.iso tree");
	assert_int_equal(recognise("a.iso", &claimed, &length), IMAGE_ISO9660);
	assert_true(claimed <= length && claimed > 300000);
	scratch_run("xorriso -as mkisofs -quiet -R -o b.iso tree");
	assert_int_equal(recognise("b.iso", &claimed, &length), IMAGE_ISO9660);
	assert_true(claimed <= length && claimed > 300000);
	/* A hybrid ISO carries a boot sector with a partition table as well. */
	scratch_run("head -c 1000000 /dev/zero >part;"
		    "xorriso -as mkisofs -quiet -R -partition_offset 16 -append_partition 2 0x83 part -o c.iso tree");
	assert_int_equal(recognise("c.iso", &claimed, &length), IMAGE_ISO9660);
	assert_true(claimed <= length && claimed > 300000);
}

static void test_compressed(void **state)
{
	int64_t claimed, length;
	(void)state;

	scratch_run("gzip -k <tree/random >a.gz; xz <tree/random >a.xz; zstd -q <tree/random >a.zst;"
		    "(printf '\\120\\052\\115\\030\\0\\0\\0\\0'; cat a.zst) >p.zst");
	assert_int_equal(recognise("a.gz", &claimed, &length), IMAGE_GZIP);
	assert_int_equal(claimed, -1);
	assert_int_equal(recognise("a.xz", &claimed, &length), IMAGE_XZ);
	assert_int_equal(recognise("a.zst", &claimed, &length), IMAGE_ZSTD);
	assert_int_equal(recognise("p.zst", &claimed, &length), IMAGE_ZSTD);
}

static void test_archives(void **state)
{
	static const char *const formats[] = { "v7", "oldgnu", "gnu", "ustar", "pax" };
	int64_t claimed, length;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		cleanup_free char *script = str_printf("tar --format=%s -cf a.tar -C tree .", formats[i]);

		scratch_run(script);
		assert_int_equal(recognise("a.tar", &claimed, &length), IMAGE_TAR);
		assert_int_equal(claimed, -1);
	}
	scratch_run("cd tree; find . | cpio -o -H newc >../a.cpio; find . | cpio -o -H crc >../b.cpio");
	assert_int_equal(recognise("a.cpio", &claimed, &length), IMAGE_CPIO);
	assert_int_equal(recognise("b.cpio", &claimed, &length), IMAGE_CPIO);
	/* An archive that holds an image is still an archive. */
	scratch_run("mke2fs -q -F -t ext2 x2.img 2M; tar -cf c.tar x2.img");
	assert_int_equal(recognise("c.tar", &claimed, &length), IMAGE_TAR);
}

/* The words for FILE, which is no image. */
static void expect_words(const char *file, const char *words)
{
	cleanup_buf struct buf b = { 0 }, said = { 0 };
	struct failure f = { 0 };
	enum image_kind kind;
	int64_t claimed;

	scratch_read(&b, file);
	assert_int_equal(image_check((const uint8_t *)b.data, b.len, &kind, &claimed, &f), -EMEDIUMTYPE);
	assert_int_equal(f.id, FAIL_IMG_UNKNOWN);
	if (!strstr(f.detail, words))
		fail_msg("\"%s\" does not say \"%s\"", f.detail, words);
}

static void test_what_is_no_image_is_named(void **state)
{
	(void)state;

	scratch_run("bzip2 <tree/random >a.bz2; echo '<html><body>404 Not Found' >a.html; : >empty;"
		    "head -c 4096 /dev/zero >zeros; tar -cf a.tar tree; gzip <a.html >a.gz; cp /bin/true program");
	expect_words("a.bz2", "bzip2");
	expect_words("a.html", "it is text: \"<html><body>404 Not Found");
	expect_words("empty", "empty");
	expect_words("zeros", "00 00 00 00");
	expect_words("a.tar", "tar archive");
	expect_words("a.gz", "twice");
	expect_words("program", "a program");
}

static void test_lying_headers(void **state)
{
	uint8_t head[IMAGE_HEAD] = "hsqs";
	struct failure f = { 0 };
	int64_t claimed;
	(void)state;

	head[28] = 4;
	memset(head + 40, 0xff, 8);
	assert_int_equal(image_recognise(head, sizeof(head), &claimed), IMAGE_SQUASHFS);
	assert_int_equal(claimed, INT64_MAX);
	assert_int_equal(image_check_size(IMAGE_SQUASHFS, claimed, 1000, &f), -EBADMSG);
	assert_int_equal(f.id, FAIL_IMG_CORRUPT);
	assert_non_null(strstr(f.detail, "9223372036854775807"));
	assert_non_null(strstr(f.detail, "1000"));
	assert_int_equal(image_check_size(IMAGE_SQUASHFS, 1000, 1000, NULL), 0);
	assert_int_equal(image_check_size(IMAGE_SQUASHFS, -1, 0, NULL), 0);

	/* Cut anywhere it is nothing, and nothing is read behind the end (the sanitizers watch). */
	for (size_t len = 0; len < 96; len++) {
		uint8_t *copy = malloc(len ? len : 1);

		memcpy(copy, head, len);
		assert_int_equal(image_recognise(copy, len, &claimed), IMAGE_UNKNOWN);
		free(copy);
	}

	/* ext with blocks of 2^40: no such thing; with 2^48 blocks of 64 KiB: more than any file has. */
	memset(head, 0, sizeof(head));
	head[1024 + 56] = 0x53;
	head[1024 + 57] = 0xef;
	head[1024] = head[1024 + 4] = head[1024 + 32] = head[1024 + 40] = 1;
	assert_int_equal(image_recognise(head, sizeof(head), &claimed), IMAGE_EXT);
	assert_int_equal(claimed, 1024);
	head[1024 + 24] = 30;
	assert_int_equal(image_recognise(head, sizeof(head), &claimed), IMAGE_UNKNOWN);
	head[1024 + 24] = 6;
	head[1024 + 96] = 0x80;
	memset(head + 1024 + 0x150, 0xff, 4);
	assert_int_equal(image_recognise(head, sizeof(head), &claimed), IMAGE_EXT);
	assert_int_equal(claimed, INT64_MAX);
}

static void test_memory_text(void **state)
{
	(void)state;

	assert_int_equal(memory_parse("MemTotal:  100 kB\nMemFree:  50 kB\nMemAvailable:   70 kB\n"), 70 * 1024);
	assert_int_equal(memory_parse("MemAvailable:0 kB"), 0);
	assert_int_equal(memory_parse("MemTotal: 100 kB\n"), -1);
	assert_int_equal(memory_parse("XMemAvailable: 100 kB\n"), -1);
	assert_int_equal(memory_parse("MemAvailable: x"), -1);
	assert_int_equal(memory_parse("MemAvailable: 99999999999999999999 kB"), -1);
	assert_int_equal(memory_parse(""), -1);
	assert_true(memory_available() > 0);
	assert_int_equal(memory_reserve(100 * MIB), 16 * MIB);
	assert_int_equal(memory_reserve(1000 * MIB), 50 * MIB);
}

/* An ISO that was cut: all of its files are there, or some are not. */
static void test_iso_cut(void **state)
{
	static const struct {
		const char *make, *cut;
		bool whole;
	} rows[] = {
		{ "xorriso -as mkisofs -quiet -R -pad -o i.iso many", "0", true },
		{ "xorriso -as mkisofs -quiet -R -pad -o i.iso many", "2048", true },
		{ "xorriso -as mkisofs -quiet -R -pad -o i.iso many", "307200", true },
		{ "xorriso -as mkisofs -quiet -R -pad -o i.iso many", "309248", false },
		{ "xorriso -as mkisofs -quiet -R -no-pad -o i.iso many", "2048", false },
		{ "xorriso -as mkisofs -quiet -R -no-pad -o i.iso many", "300000", false },
		{ "genisoimage -quiet -R -J -pad -o i.iso many", "300000", true },
		{ "genisoimage -quiet -R -J -no-pad -o i.iso many", "4096", false },
		{ "genisoimage -quiet -R -l -pad -iso-level 3 -o i.iso many", "1000000", false },
	};
	(void)state;

	scratch_run(
		"mkdir -p many/a/b/c/d/e/f/g; for i in $(seq 200); do head -c $i tree/random >many/a/b/$i; done;"
		"cp tree/random many/zzz; cp tree/random many/a/b/c/d/e/f/g/zzz; : >many/empty; ln -s empty many/link");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *script =
			str_printf("rm -f i.iso; %s; truncate -s -%s i.iso", rows[i].make, rows[i].cut);
		struct failure f = { 0 };
		enum image_kind kind;
		struct store s;

		scratch_run(script);
		assert_int_equal(store_use(&s, "i.iso", &f), 0);
		if (image_look(&s, &kind, &f) != (rows[i].whole ? 0 : -EBADMSG))
			fail_msg("%s: %s", script, f.detail);
		store_close(&s);
	}
	/* a folder that holds itself, and one that is said to be longer than the image */
	scratch_run("genisoimage -quiet -R -pad -o i.iso many; truncate -s -2048 i.iso");
	for (int round = 0; round < 2; round++) {
		int fd = open("i.iso", O_RDWR);
		uint8_t root[34], record[200];
		struct failure f = { 0 };
		off_t at;

		assert_int_equal(pread(fd, root, 34, 32768 + 156), 34);
		at = (off_t)(root[2] | root[3] << 8 | root[4] << 16) * 2048;
		assert_int_equal(pread(fd, record, sizeof(record), at), sizeof(record));
		at += record[0] + record[record[0]]; /* behind "." and ".." */
		if (round == 0)
			assert_int_equal(pwrite(fd, root + 2, 8, at + 2), 8);
		else
			assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, at + 10), 4);
		assert_int_equal(iso_check(fd, (int64_t)lseek(fd, 0, SEEK_END), &f), -EBADMSG);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_squashfs),      cmocka_unit_test(test_erofs),
		cmocka_unit_test(test_ext),           cmocka_unit_test(test_iso),
		cmocka_unit_test(test_iso_cut),       cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_archives),      cmocka_unit_test(test_what_is_no_image_is_named),
		cmocka_unit_test(test_lying_headers), cmocka_unit_test(test_memory_text),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
