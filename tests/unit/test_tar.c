/* test_tar.c - image/tar.h, cpio.h, paths of tree.h: what archives say is read exactly, nonsense is refused. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/cpio.h"
#include "image/tar.h"
#include "image/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* A header of POSIX' kind with an octal size and mtime, and its sum. */
static void make_header(uint8_t block[TAR_BLOCK], const char *name, char type)
{
	unsigned sum = 0;

	memset(block, 0, TAR_BLOCK);
	memcpy(block, name, strlen(name));
	memcpy(block + 100,
	       "0004755\0"
	       "0001750\0"
	       "0001751\0"
	       "00000001234\0"
	       "14000000000\0"
	       "        ",
	       56);
	block[156] = (uint8_t)type;
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
}

static void test_header(void **state)
{
	uint8_t block[TAR_BLOCK];
	struct tar_header h;
	(void)state;

	make_header(block, "some/file", '0');
	assert_true(tar_is_header(block));
	assert_int_equal(tar_parse_header(&h, block), 0);
	assert_string_equal(h.name, "some/file");
	assert_int_equal(h.type, '0');
	assert_int_equal(h.mode, 04755);
	assert_int_equal(h.uid, 1000);
	assert_int_equal(h.gid, 1001);
	assert_int_equal(h.size, 01234);
	assert_int_equal(h.mtime, 014000000000);
	block[0] ^= 1;
	assert_false(tar_is_header(block));

	make_header(block, "old/folder/", 0);
	assert_int_equal(tar_parse_header(&h, block), 0);
	assert_int_equal(h.type, '5');
}

static void test_header_names_without_end(void **state)
{
	uint8_t block[TAR_BLOCK];
	struct tar_header h;
	(void)state;

	make_header(block, "", '2');
	memset(block, 'n', 100);
	memset(block + 157, 'l', 100);
	memset(block + 345, 'p', 155);
	assert_int_equal(tar_parse_header(&h, block), 0);
	assert_int_equal(strlen(h.name), 256);
	assert_int_equal(h.name[155], '/');
	assert_int_equal(strlen(h.link), 100);
}

static void test_large_numbers(void **state)
{
	uint8_t block[TAR_BLOCK];
	struct tar_header h;
	(void)state;

	make_header(block, "x", '0');
	memcpy(block + 124, "\x80\0\0\0\x01\0\0\0\0\0\0\0", 12);
	memcpy(block + 136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12);
	memcpy(block + 108, "\x80\0\0\0\xee\x6b\x28\0", 8);
	assert_int_equal(tar_parse_header(&h, block), 0);
	assert_int_equal(h.size, INT64_C(1) << 56);
	assert_int_equal(h.mtime, -2);
	assert_int_equal(h.uid, 4000000000);
	memcpy(block + 124, "\x80\0\0\x01\0\0\0\0\0\0\0\0", 12);
	assert_int_equal(tar_parse_header(&h, block), -EBADMSG);
	memcpy(block + 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12);
	assert_int_equal(tar_parse_header(&h, block), -EBADMSG); /* a size below 0 */
	memcpy(block + 124, "12345678x\0\0\0", 12);
	assert_int_equal(tar_parse_header(&h, block), -EBADMSG);
	memcpy(block + 124, "   123 \0\0\0\0\0", 12);
	assert_int_equal(tar_parse_header(&h, block), 0);
	assert_int_equal(h.size, 0123);
}

static int parse(struct tar_pax *p, const char *records, size_t len)
{
	char *copy = malloc(len); /* so that the sanitizer sees a read behind the end */
	int err;

	assert_non_null(copy);
	memcpy(copy, records, len);
	err = tar_parse_pax(p, copy, len);
	free(copy);
	return err;
}
#define PARSE(p, records) parse(p, records, sizeof(records) - 1)

static void test_pax(void **state)
{
	struct tar_pax p = { 0 };
	(void)state;

	assert_int_equal(PARSE(&p, "12 path=a/b\n"
				   "14 linkpath=c\n"
				   "16 size=1234567\n"
				   "11 uid=123\n"
				   "30 mtime=1350244992.023960108\n"
				   "28 SCHILY.xattr.user.x=a\n\0b"
				   "\n"),
			 0);
	assert_string_equal(p.path, "a/b");
	assert_string_equal(p.link, "c");
	assert_int_equal(p.size, 1234567);
	assert_int_equal(p.uid, 123);
	assert_false(p.has_gid);
	assert_int_equal(p.mtime, 1350244992);
	assert_int_equal(p.mtime_ns, 23960108);
	assert_int_equal(p.attributes.xattr_count, 1);
	assert_string_equal(p.attributes.xattrs[0].name, "user.x");
	assert_int_equal(p.attributes.xattrs[0].len, 4);
	assert_memory_equal(p.attributes.xattrs[0].value, "a\n\0b", 4);
	tar_pax_free(&p);
}

static void test_pax_later_records_win(void **state)
{
	struct tar_pax p = { 0 };
	(void)state;

	assert_int_equal(PARSE(&p, "10 path=a\n"
				   "10 path=b\n"
				   "9 uid=12\n"
				   "7 uid=\n"),
			 0);
	assert_string_equal(p.path, "b");
	assert_false(p.has_uid);
	assert_int_equal(PARSE(&p, "8 path=\n"), 0);
	assert_null(p.path);
	tar_pax_free(&p);
}

static void test_pax_times(void **state)
{
	static const struct {
		const char *record;
		int64_t s;
		uint32_t ns;
	} times[] = {
		{ "11 mtime=5\n", 5, 0 },
		{ "13 mtime=5.5\n", 5, 500000000 },
		{ "12 mtime=-5\n", -5, 0 },
		{ "15 mtime=-5.25\n", -6, 750000000 },
		{ "25 mtime=5.1234567891234\n", 5, 123456789 },
		{ "12 mtime=5.\n", 5, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct tar_pax p = { 0 };

		assert_int_equal(parse(&p, times[i].record, strlen(times[i].record)), 0);
		assert_int_equal(p.mtime, times[i].s);
		assert_int_equal(p.mtime_ns, times[i].ns);
		tar_pax_free(&p);
	}
}

static void test_pax_nonsense(void **state)
{
	static const char *const bad[] = {
		"x",
		"5",
		"5 a=",
		"7 a=b\n",
		"8 a=b\n",
		"7 abc\n\n",
		"99999999999999999999999 a=b\n",
		"12 size=-10\n",
		"11 size=1x\n",
		"28 size=99999999999999999999\n",
		"10 mtime=x\n",
		"10 mtime=-\n",
		"21 GNU.sparse.map=1,\n",
		"24 GNU.sparse.map=1,2,3\n",
		"25 GNU.sparse.numbytes=1\n",
		"29 LIBARCHIVE.xattr.user.x=*\n",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct tar_pax p = { 0 };

		if (parse(&p, bad[i], strlen(bad[i])) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
		tar_pax_free(&p);
	}
}

static void test_sparse_maps(void **state)
{
	struct tar_pax p = { 0 };
	struct tar_map m = { 0 };
	int64_t n;
	(void)state;

	assert_int_equal(PARSE(&p, "25 GNU.sparse.map=0,1,5,2\n"), -EBADMSG);
	tar_pax_free(&p);
	assert_int_equal(PARSE(&p, "26 GNU.sparse.map=0,1,5,2\n"), 0);
	assert_true(p.sparse);
	assert_int_equal(p.map.count, 2);
	assert_int_equal(p.map.length, 3);
	tar_pax_free(&p);
	assert_int_equal(PARSE(&p, "23 GNU.sparse.offset=3\n"
				   "25 GNU.sparse.numbytes=4\n"
				   "23 GNU.sparse.offset=9\n"
				   "25 GNU.sparse.numbytes=0\n"),
			 0);
	assert_int_equal(p.map.count, 2);
	assert_int_equal(p.map.piece[0].offset, 3);
	tar_pax_free(&p);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(tar_map_add(&m, 10 * i, 5), 0);
	assert_int_equal(m.length, 5000);
	assert_int_equal(tar_map_add(&m, 9994, 5), -EBADMSG);
	assert_int_equal(tar_map_add(&m, INT64_MAX - 2, 5), -EBADMSG);
	assert_int_equal(tar_map_add(&m, 20000, -1), -EBADMSG);
	tar_map_free(&m);

	assert_int_equal(tar_parse_map_line((const uint8_t *)"123\n4", 5, &n), 4);
	assert_int_equal(n, 123);
	assert_int_equal(tar_parse_map_line((const uint8_t *)"123", 3, &n), 0);
	assert_int_equal(tar_parse_map_line((const uint8_t *)"\n", 1, &n), -EBADMSG);
	assert_int_equal(tar_parse_map_line((const uint8_t *)"12x\n", 4, &n), -EBADMSG);
	assert_int_equal(tar_parse_map_line((const uint8_t *)"99999999999999999999\n", 21, &n), -EBADMSG);
}

static void test_libarchive_attributes(void **state)
{
	struct tar_pax p = { 0 };
	(void)state;

	assert_int_equal(PARSE(&p, "39 LIBARCHIVE.xattr.user.a%3Db=aGVsbG8=\n"), -EBADMSG);
	tar_pax_free(&p);
	assert_int_equal(PARSE(&p, "40 LIBARCHIVE.xattr.user.a%3Db=aGVsbG8=\n"), 0);
	assert_string_equal(p.attributes.xattrs[0].name, "user.a=b");
	assert_int_equal(p.attributes.xattrs[0].len, 5);
	assert_memory_equal(p.attributes.xattrs[0].value, "hello", 5);
	tar_pax_free(&p);
}

static void test_cpio_header(void **state)
{
	char text[] = "070701"
		      "0000000a"
		      "000081a4"
		      "000003e8"
		      "000003E9"
		      "00000002"
		      "65432100"
		      "00001234"
		      "00000008"
		      "00000001"
		      "00000000"
		      "00000000"
		      "00000006"
		      "deadbeef";
	struct cpio_header h;
	(void)state;

	assert_int_equal(cpio_parse_header(&h, (const uint8_t *)text), 0);
	assert_int_equal(h.ino, 10);
	assert_int_equal(h.mode, 0100644);
	assert_int_equal(h.gid, 1001);
	assert_int_equal(h.nlink, 2);
	assert_int_equal(h.size, 0x1234);
	assert_int_equal(h.name_size, 6);
	assert_int_equal(h.check, 0xdeadbeef);
	assert_false(h.summed);
	text[5] = '2';
	assert_int_equal(cpio_parse_header(&h, (const uint8_t *)text), 0);
	assert_true(h.summed);
	text[20] = '\x11'; /* no digit, though one bit from one */
	assert_int_equal(cpio_parse_header(&h, (const uint8_t *)text), -EBADMSG);
	text[20] = 'g';
	assert_int_equal(cpio_parse_header(&h, (const uint8_t *)text), -EBADMSG);
	text[5] = '7';
	assert_int_equal(cpio_parse_header(&h, (const uint8_t *)text), -EBADMSG);
}

static void test_paths(void **state)
{
	static const char *const good[][2] = {
		{ "", "" },           { ".", "" },
		{ "/", "" },          { "./", "" },
		{ "a/b", "a/b" },     { "./a//b/./c/", "a/b/c" },
		{ "///a", "a" },      { "..a/b..", "..a/b.." },
		{ ".../x", ".../x" },
	};
	static const char *const bad[] = { "..", "../a", "a/../b", "a/..", "/..", "./../x" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char *clean = tree_clean_path(good[i][0]);

		assert_non_null(clean);
		assert_string_equal(clean, good[i][1]);
		free(clean);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_null(tree_clean_path(bad[i]));
		assert_int_equal(errno, EXDEV);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_header_names_without_end),
		cmocka_unit_test(test_large_numbers),
		cmocka_unit_test(test_pax),
		cmocka_unit_test(test_pax_later_records_win),
		cmocka_unit_test(test_pax_times),
		cmocka_unit_test(test_pax_nonsense),
		cmocka_unit_test(test_sparse_maps),
		cmocka_unit_test(test_libarchive_attributes),
		cmocka_unit_test(test_cpio_header),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
