/* test_desc.c - clone/desc.h, clone/graph.h: the seeds' grammar, its extension, what is refused, and written again. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "clone/desc.h"

/* What TEXT reads as, written again; or the words of the refusal. */
static const char *read_again(const char *text)
{
	static char out[4000];
	struct desc d = { 0 };
	struct buf b = { 0 }, why = { 0 };
	int err = desc_parse(&d, text, "sda", &why);

	if (!err)
		err = desc_link(&d, &why);
	if (!err)
		desc_write(&d, &b);
	assert_true((err != 0) == (why.len != 0));
	assert_int_equal(str_copy(out, sizeof(out), err ? buf_cstr(&why) : buf_cstr(&b)), 0);
	buf_free(&b);
	buf_free(&why);
	desc_free(&d);
	return out;
}

/* The lines "Added partition". */
static const char *added(const char *text)
{
	static char out[1000];
	struct desc d = { 0 };
	struct buf b = { 0 }, why = { 0 };

	assert_int_equal(desc_parse(&d, text, "sda", &why), 0);
	assert_int_equal(desc_link(&d, &why), 0);
	desc_added(&d, 0, &b);
	assert_int_equal(str_copy(out, sizeof(out), buf_cstr(&b)), 0);
	buf_free(&b);
	desc_free(&d);
	return out;
}

static void test_the_seeds(void **state)
{
	(void)state;
	assert_string_equal(added("linux 3500\nextended fill\nlogical swap 500\nlogical linux fill\n"),
			    "    Added partition 1 : type 83\n    Added partition 5 : type 82\n"
			    "    Added partition 6 : type 83\n");
	assert_string_equal(added("# golden node\nswap\t500\r\nextended fill\n  logical linux fill"),
			    "    Added partition 1 : type 82\n    Added partition 5 : type 83\n");
	assert_string_equal(added("type7 4000\nlinux fill\n"),
			    "    Added partition 1 : type 7\n    Added partition 2 : type 83\n");
}

/* What is read is written as the same, in one form. */
static void test_forms(void **state)
{
	static const struct {
		const char *text, *again;
	} row[] = {
		{ "linux 3500\n\nextended fill\nlogical swap 500\nlogical linux fill\n",
		  "disk sda mbr\nlinux 3500\nextended fill\nlogical swap 500\nlogical linux fill\n" },
		{ "type83 1G\ntype8e 20%\ntype82 1.5M\ntypeA9 fill",
		  "disk sda mbr\nlinux 1024\nlvm 20% number=2\nswap 1536K\ntypeA9 fill\n" },
		{ "disk nvme0n1 gpt id=6f0a-11\nefi 512 name=EFI\\040system mount=/boot/efi\nbios 1 number=9\nlinux "
		  "fill "
		  "min=2G used=100B fs=ext4 label=a\\134b mount=/ options=noatime boot",
		  "disk nvme0n1 gpt id=6f0a-11\nefi 512 number=1 mount=/boot/efi name=EFI\\040system\nbios 1 number=9\n"
		  "linux fill boot number=10 min=2048 used=100B fs=ext4 mount=/ options=noatime label=a\\134b\n" },
		{ "type0fc63daf-8483-4772-8e79-3d69d8477de4 1", "Bad partition type line 1\n" },
		{ "disk sda gpt\ntype0fc63daf-8483-4772-8e79-3d69d8477de4 1", "disk sda gpt\nlinux 1\n" },
		{ "disk sda gpt\nraid fill raid=md0\ndisk sdb gpt\nraid fill raid=md0\narray md0 level=1 metadata=1.2 "
		  "vg=vg0\n"
		  "group vg0 extent=4M\nvolume vg0/root 50% min=1G luks=c\nluks c version=2 fs=btrfs\nsubvolume c "
		  "@home mount=/home\n"
		  "pool vg0/tp 1G\nthin vg0/t 10G pool=tp fs=xfs mount=/srv\n",
		  "disk sda gpt\nraid fill number=1 raid=md0\ndisk sdb gpt\nraid fill number=1 raid=md0\n"
		  "array md0 level=1 metadata=1.2 vg=vg0\ngroup vg0 extent=4\nvolume vg0/root 50% min=1024 luks=c\n"
		  "luks c version=2 fs=btrfs\nsubvolume c @home mount=/home\npool vg0/tp 1024\n"
		  "thin vg0/t 10240 pool=tp fs=xfs mount=/srv\n" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		char again[4000];

		assert_string_equal(read_again(row[i].text), row[i].again);
		if (starts_with(row[i].again, "disk")) {
			str_copy(again, sizeof(again), row[i].again);
			assert_string_equal(read_again(again), again);
		}
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} row[] = {
		{ "linux 3500\nntfs 100\n", "Bad partition type line 2\n" },
		{ "linux\n", "Bad partition type line 1\n" },
		{ "type 5\ntype00 5\ntypexy 5\ntype123 5\nbios 1",
		  "Bad partition type line 1\nBad partition type line 2\nBad partition type line 3\n"
		  "Bad partition type line 4\nBad partition type line 5\n" },
		{ "disk sda gpt\nextended fill", "Bad partition type line 2\n" },
		{ "linux 0", "line 1: size 0 cannot be used: 500, 1.5G, 20%, fill\n" },
		{ "linux -1", "line 1: size -1 cannot be used: 500, 1.5G, 20%, fill\n" },
		{ "linux 101%", "line 1: size 101% cannot be used: 500, 1.5G, 20%, fill\n" },
		{ "linux 99999999999999999999",
		  "line 1: size 99999999999999999999 cannot be used: 500, 1.5G, 20%, fill\n" },
		{ "logical linux 5",
		  "line 1: a logical partition lies in an extended one: a line \"extended fill\" is missing "
		  "before it\n" },
		{ "extended 5\nextended 5", "line 2: a disk has one extended partition\n" },
		{ "linux 1\nlinux 1\nlinux 1\nlinux 1\nlinux 1",
		  "line 5: a table of kind mbr has four primary partitions, this would be number 5\n" },
		{ "linux 5 foo", "line 1: foo of the partition is not known\n" },
		{ "linux 5 foo=1", "line 1: foo= of the partition is not known\n" },
		{ "linux 5 fs=ntfs", "line 1: fs= of the partition cannot be used\n" },
		{ "linux 5 fs=ext4 mount=/a/../b", "line 1: mount= of the partition cannot be used\n" },
		{ "linux 5 fs=ext4 mount=a", "line 1: mount= of the partition cannot be used\n" },
		{ "linux 5 fs=ext4 label=a\\012b", "line 1: label= of the partition cannot be used\n" },
		{ "linux 5 fs=ext4 label=-U", "line 1: label= of the partition cannot be used\n" },
		{ "linux 5 mount=/", "line 1: sda1 has a mount= and no fs=\n" },
		{ "swap 5 mount=/", "line 1: sda1 is swap: it has no mount=\n" },
		{ "linux 5 min=6 max=5", "line 1: min= of sda1 is larger than its max=\n" },
		{ "linux 5 number=2\nlinux 5 number=2", "line 2: sda2 is said twice, in line 1 too\n" },
		{ "linux 5 fs=ext4 mount=/\nlinux 5 fs=xfs mount=/", "line 2: sda1 and sda2 are both mounted on /\n" },
		{ "linux 5 raid=md0", "line 1: sda1 names md0, and no line says \"array md0\"\n" },
		{ "linux 5 raid=md0\narray md0 level=1", "line 2: md0 of level 1 needs 2 members, 1 have raid=md0\n" },
		{ "linux 5 raid=md0\nlinux 5 raid=md0\narray md0", "line 3: md0 needs level=0, 1, 4, 5, 6 or 10\n" },
		{ "linux 5 raid=md0 fs=ext4\narray md0 level=1",
		  "line 1: sda1 can have one of fs=, raid=, luks=, vg=\n" },
		{ "group vg0", "line 1: nothing has vg=vg0\n" },
		{ "luks a luks=b\nluks b luks=a", "line 2: b lies on itself\n" },
		{ "volume vg0/a 5", "line 1: vg0/a: no line says \"group vg0\"\n" },
		{ "linux 5 vg=v\ngroup v\nvolume v/a 5 stripes=2", "line 3: v/a wants 2 members of v, there are 1\n" },
		{ "linux 5 vg=v\ngroup v\nthin v/a 5 pool=p", "line 3: v/a: no line says \"pool v/p\"\n" },
		{ "linux 5 fs=ext4\nsubvolume sda1 a", "line 2: subvolume a: sda1 is no btrfs of this desc\n" },
		{ "linux 5 fs=btrfs\nsubvolume sda1 ../a",
		  "line 2: a subvolume has a device and a path: subvolume sda3 @home\n" },
		{ "disk ../x gpt", "line 1: a disk has a name and a table: disk sda gpt, or disk sda mbr\n" },
		{ "disk sda dos", "line 1: a disk has a name and a table: disk sda gpt, or disk sda mbr\n" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		assert_string_equal(read_again(row[i].text), row[i].words);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: none */
	} row[] = {
		{ "1", MIB },
		{ "1M", MIB },
		{ "512B", 512 },
		{ "3K", 3072 },
		{ "1.5G", 1536 * MIB },
		{ "2T", 2097152 * MIB },
		{ "0.5K", 512 },
		{ "", -1 },
		{ "M", -1 },
		{ "1.", -1 },
		{ "1.5B", -1 },
		{ "1x", -1 },
		{ "1 ", -1 },
		{ "9999999T", -1 },
		{ "1e3", -1 },
	};
	struct buf b = { 0 };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		int64_t bytes = -1;

		assert_int_equal(desc_bytes(row[i].text, &bytes), row[i].bytes < 0 ? -EINVAL : 0);
		assert_int_equal(bytes, row[i].bytes);
		if (bytes < 0)
			continue;
		buf_drop(&b, b.len);
		desc_size_text(&b, bytes);
		assert_int_equal(desc_bytes(buf_cstr(&b), &bytes), 0);
		assert_int_equal(bytes, row[i].bytes);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_seeds),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
