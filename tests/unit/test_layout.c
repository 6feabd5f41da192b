/* test_layout.c - clone/layout.h, clone/share.h: known plans in numbers, refusals, and graphs by chance against
 * invariants.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "clone/graph.h"
#include "clone/layout.h"
#include "clone/share.h"

#define GIB (1024 * MIB)

/* A desc and its disks, planned. */
struct case_ {
	struct desc desc;
	struct layout plan;
	struct buf why;
	int err;
};

static void make(struct case_ *c, const char *text, const struct target *targets, size_t count)
{
	*c = (struct case_){ 0 };
	c->err = desc_parse(&c->desc, text, "sda", &c->why);
	if (!c->err)
		c->err = desc_link(&c->desc, &c->why);
	if (!c->err)
		c->err = layout_make(&c->plan, &c->desc, targets, count, &c->why);
}

static void drop(struct case_ *c)
{
	layout_free(&c->plan);
	desc_free(&c->desc);
	buf_free(&c->why);
}

/* "device start+size" of all that has a device, in MiB; or the words of the refusal. */
static const char *planned(const char *text, const char *device, int64_t size, unsigned sector)
{
	static char out[3000];
	const struct target target = { "sda", device, size, sector };
	struct case_ c;
	struct buf b = { 0 };

	make(&c, text, &target, 1);
	for (size_t i = 0; !c.err && i < c.desc.count; i++)
		if (c.plan.places[i].device && c.desc.nodes[i].kind != NODE_DISK)
			buf_printf(&b, "%s %lld+%lld\n", c.plan.places[i].device + 5,
				   (long long)(c.plan.places[i].start / MIB), (long long)(c.plan.places[i].size / MIB));
	if (c.err)
		buf_str(&b, buf_cstr(&c.why));
	assert_int_equal(str_copy(out, sizeof(out), buf_cstr(&b)), 0);
	buf_free(&b);
	drop(&c);
	return out;
}

static const char seeds_desc[] = "linux 3500\nextended fill\nlogical swap 500\nlogical linux fill\n";

static void test_the_seeds_desc(void **state)
{
	(void)state;
	assert_string_equal(planned(seeds_desc, "/dev/sda", 8 * GIB, 512),
			    "sda1 1+3500\nsda2 3501+4691\nsda5 3502+500\nsda6 4003+4189\n");
	assert_string_equal(planned(seeds_desc, "/dev/vda", 16 * GIB, 4096),
			    "vda1 1+3500\nvda2 3501+12883\nvda5 3502+500\nvda6 4003+12381\n");
	assert_string_equal(planned(seeds_desc, "/dev/nvme0n1", 4096 * MIB, 512),
			    "nvme0n1p1 1+3500\nnvme0n1p2 3501+595\nnvme0n1p5 3502+500\nnvme0n1p6 4003+93\n");
	assert_string_equal(planned(seeds_desc, "/dev/mmcblk0", 2 * GIB, 512),
			    "sda (/dev/mmcblk0): needs 4003 MiB, has 2047 MiB for partitions\n"
			    "    sda1 (line 1): at least 3500 MiB\n    sda2 (line 2): at least 503 MiB\n");
}

static void test_tables(void **state)
{
	(void)state;
	/* GPT: the copy of the table ends the last partition a mebibyte earlier */
	assert_string_equal(planned("disk sda gpt\nefi 100\nlinux fill", "/dev/vda", 1 * GIB, 512),
			    "vda1 1+100\nvda2 101+922\n");
	assert_string_equal(planned("disk sda gpt\nefi 100\nlinux fill", "/dev/vda", 1 * GIB, 4096),
			    "vda1 1+100\nvda2 101+922\n");
	assert_string_equal(planned("linux fill", "/dev/vda", 1 * GIB, 512), "vda1 1+1023\n");
	assert_string_equal(planned("linux fill", "/dev/vda", 1 * GIB + 700 * KIB, 512), "vda1 1+1023\n");
	/* 2 TiB of 512, 16 TiB of 4096 */
	assert_string_equal(planned("linux fill", "/dev/vda", 3072 * GIB, 512), "vda1 1+2097150\n");
	assert_string_equal(planned("linux fill", "/dev/vda", 3072 * GIB, 4096), "vda1 1+3145727\n");
	assert_string_equal(planned("disk sda gpt\nlinux fill", "/dev/vda", 3072 * GIB, 512), "vda1 1+3145726\n");
	assert_string_equal(
		planned("linux fill", "/dev/vda", 1 * MIB, 512),
		"sda (/dev/vda): needs 1 MiB, has 0 MiB for partitions\n    sda1 (line 1): at least 1 MiB\n");
	assert_string_equal(planned("linux 1", "/dev/vda", 1 * GIB, 520),
			    "sda=/dev/vda: 1073741824 bytes in sectors of 520 bytes cannot be planned\n");
}

/* Minimums, wishes, percents, several that fill. */
static void test_shares(void **state)
{
	(void)state;
	assert_string_equal(planned("linux 25%\nlinux fill\nlinux fill max=100", "/dev/vda", 1001 * MIB, 512),
			    "vda1 1+250\nvda2 251+650\nvda3 901+100\n");
	/* a smaller disk: both give of what they have above their minimum */
	assert_string_equal(planned("linux 1000 min=200\nlinux 2000 min=300\nswap 100", "/dev/vda", 1501 * MIB, 512),
			    "vda1 1+488\nvda2 489+912\nvda3 1401+100\n");
	assert_string_equal(planned("linux fill used=400 fs=ext4 mount=/", "/dev/vda", 400 * MIB, 512),
			    "sda (/dev/vda): needs 444 MiB, has 399 MiB for partitions\n"
			    "    sda1 (line 1, /): at least 444 MiB\n");
	assert_string_equal(planned("linux 300 used=400 fs=ext4 mount=/", "/dev/vda", 4000 * MIB, 512),
			    "sda1 (line 1, /): needs 444 MiB, is to have 300 MiB\n");
	assert_string_equal(
		planned("linux fill fs=xfs", "/dev/vda", 300 * MIB, 512),
		"sda (/dev/vda): needs 300 MiB, has 299 MiB for partitions\n    sda1 (line 1): at least 300 MiB\n");
}

static void test_layers(void **state)
{
	(void)state;
	assert_string_equal(
		planned("disk sda gpt\nlvm fill vg=vg-0\ngroup vg-0\nvolume vg-0/ro-ot 400 fs=ext4 mount=/\n"
			"volume vg-0/swap 100 fs=swap\nvolume vg-0/home fill fs=ext4 mount=/home",
			"/dev/vda", 1 * GIB, 512),
		"vda1 1+1022\nmapper/vg--0-ro--ot 0+400\nmapper/vg--0-swap 0+100\nmapper/vg--0-home 0+520\n");
	/* LUKS takes 16 MiB; what the group needs reaches the partition that fills little */
	assert_string_equal(planned("linux fill\nlinux fill luks=c\nluks c vg=v\ngroup v\nvolume v/r 700 fs=ext4",
				    "/dev/vda", 1 * GIB, 512),
			    "vda1 1+154\nvda2 155+869\nmapper/c 0+853\nmapper/v-r 0+700\n");
	assert_string_equal(
		planned("linux 400 vg=v\ngroup v\nvolume v/r 300\nvolume v/s 100", "/dev/vda", 1 * GIB, 512),
		"sda1 (line 1): needs 401 MiB, is to have 400 MiB\n");
	/* a pool's metadata and their spare: 4 MiB each */
	assert_string_equal(planned("linux fill vg=v\ngroup v\npool v/p fill\nthin v/t 5G pool=p fs=xfs mount=/",
				    "/dev/vda", 1 * GIB, 512),
			    "vda1 1+1023\nmapper/v-p 0+1012\nmapper/v-t 0+5120\n");
}

static void test_raid(void **state)
{
	static const struct target two[] = { { "sda", "/dev/vda", 1 * GIB, 512 },
					     { "sdb", "/dev/nvme0n1", 2 * GIB, 4096 } };
	static const char desc[] = "disk sda mbr\nraid fill raid=md0\ndisk sdb gpt\nraid fill raid=md0\n"
				   "array md0 level=1 fs=ext4 mount=/\n";
	struct case_ c;
	(void)state;

	make(&c, desc, two, 2);
	assert_int_equal(c.err, 0);
	assert_int_equal(c.plan.places[4].size, 1022 * MIB);
	assert_string_equal(c.plan.places[3].device, "/dev/nvme0n1p1");
	drop(&c);
	make(&c, desc, two, 1);
	assert_int_equal(c.err, -EINVAL);
	assert_string_equal(buf_cstr(&c.why), "sdb: which disk becomes it? Nothing says --disk sdb=DEVICE\n");
	drop(&c);
	make(&c, "linux fill", two, 2);
	assert_string_equal(buf_cstr(&c.why), "sdb=/dev/nvme0n1: the desc has no disk sdb\n");
	drop(&c);
}

/* ---- graphs by chance */

static uint64_t seed;

static unsigned chance(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((seed >> 33) % below);
}

static void add_size(struct buf *b)
{
	switch (chance(6)) {
	case 0:
		buf_str(b, " fill");
		break;
	case 1:
		buf_printf(b, " %u%%", 1 + chance(60));
		break;
	case 2:
		buf_printf(b, " %uK", 1 + chance(3000000));
		break;
	default:
		buf_printf(b, " %u", 1 + chance(chance(4) ? 3000 : 20000));
		break;
	}
	if (chance(3) == 0)
		buf_printf(b, " min=%u", 1 + chance(2000));
}

static void add_content(struct buf *b, unsigned *mounts)
{
	static const char *const fs[] = { "ext2", "ext4", "xfs", "btrfs", "vfat", "swap" };
	unsigned which = chance(7);

	if (which == 6)
		return;
	buf_printf(b, " fs=%s", fs[which]);
	if (which < 4 && chance(3))
		buf_printf(b, " mount=/%s%u", chance(2) ? "a/" : "", (*mounts)++);
	if (chance(2))
		buf_printf(b, " used=%u", chance(3000));
}

/* What the partitions, and then the layers, may belong to. */
struct layers {
	unsigned arrays, luks, groups;
	unsigned mounts;
};

static void add_partitions(struct buf *b, struct layers *l, bool gpt, unsigned disk)
{
	unsigned count = 1 + chance(gpt ? 6 : 3), logical = gpt ? 0 : chance(4);

	for (unsigned i = 0; i < count + logical; i++) {
		if (logical && i == count) {
			buf_str(b, "extended");
			add_size(b);
			buf_str(b, "\n");
		}
		buf_str(b, i >= count ? "logical linux" : "linux");
		add_size(b);
		if (i == 0 && l->arrays && disk < 4)
			buf_printf(b, " raid=md%u", chance(l->arrays));
		else if (i == 1 && l->groups)
			buf_printf(b, " vg=v%u", chance(l->groups));
		else if (i == 2 && l->luks && disk == 0)
			buf_str(b, " luks=c0");
		else
			add_content(b, &l->mounts);
		buf_str(b, "\n");
	}
}

static void add_layers(struct buf *b, struct layers *l)
{
	static const unsigned levels[] = { 0, 1, 4, 5, 6, 10 };

	for (unsigned i = 0; i < l->arrays; i++) {
		buf_printf(b, "array md%u level=%u", i, levels[chance(6)]);
		if (chance(2) && l->groups)
			buf_printf(b, " vg=v%u", chance(l->groups));
		else
			add_content(b, &l->mounts);
		buf_str(b, "\n");
	}
	if (l->luks) {
		buf_str(b, "luks c0");
		if (l->groups && chance(2))
			buf_printf(b, " vg=v%u", chance(l->groups));
		buf_str(b, "\n");
	}
	for (unsigned i = 0; i < l->groups; i++) {
		buf_printf(b, "group v%u extent=%uM\n", i, 1u << chance(6));
		for (unsigned j = 0, n = chance(4); j < n; j++) {
			buf_printf(b, "volume v%u/l%u", i, j);
			add_size(b);
			if (chance(5) == 0)
				buf_str(b, chance(2) ? " stripes=2" : " mirrors=2");
			add_content(b, &l->mounts);
			buf_str(b, "\n");
		}
		if (chance(3) == 0)
			buf_printf(b, "pool v%u/p 20%%\nthin v%u/t 5G pool=p fs=ext4\n", i, i);
	}
}

static void random_desc(struct buf *b, bool *gpt, unsigned disks)
{
	struct layers l = { .arrays = chance(3), .luks = chance(2), .groups = chance(3) };

	for (unsigned i = 0; i < disks; i++) {
		gpt[i] = chance(2);
		buf_printf(b, "disk sd%c %s\n", 'a' + (char)i, gpt[i] ? "gpt" : "mbr");
		add_partitions(b, &l, gpt[i], i);
	}
	add_layers(b, &l);
}

/* Where all of partition I's neighbours in the same table lie. */
static void check_overlap(const struct layout *p, size_t i)
{
	const struct place *at = &p->places[i];

	for (size_t j = 0; j < i; j++) {
		const struct place *other = &p->places[j];

		if (p->desc->nodes[j].kind != NODE_PARTITION || p->desc->nodes[j].within != p->desc->nodes[i].within)
			continue;
		assert_true(at->start >= other->start + other->size || other->start >= at->start + at->size);
	}
}

static void check_partition(const struct layout *p, size_t i)
{
	const struct node *n = &p->desc->nodes[i], *disk = &p->desc->nodes[desc_disk_of(p->desc, i)];
	const struct place *at = &p->places[i], *in = &p->places[n->within];
	const struct target *t = &p->targets[p->places[desc_disk_of(p->desc, i)].target];

	assert_true(at->start % MIB == 0 && at->size % MIB == 0 && at->size > 0);
	assert_true(at->start >= MIB && at->start + at->size <= t->size);
	if (disk->table == TABLE_GPT)
		assert_true(at->start + at->size <= t->size - t->sector - 128 * 128);
	else
		assert_true((at->start + at->size) / t->sector < (int64_t)1 << 32);
	if (n->logical) /* its own table is in front of it, in the extended one */
		assert_true(at->start >= in->start + MIB && at->start + at->size <= in->start + in->size);
	check_overlap(p, i);
}

static void check_group(const struct layout *p, size_t i)
{
	int64_t extents = 0, has = 0, extent = p->places[i].units ? p->places[i].size / p->places[i].units : MIB;

	for (size_t j = 0; j < p->desc->count; j++) {
		const struct node *n = &p->desc->nodes[j];
		int64_t copies = MAX(n->number[NUMBER_MIRRORS], 1);

		if (n->holder == i)
			has += (p->places[j].size - p->places[i].offset) / extent;
		if (n->within != i)
			continue;
		assert_int_equal(p->places[j].size, p->places[j].units * extent);
		extents += p->places[j].units * copies + (copies > 1 ? copies : 0) + 2 * p->places[j].meta;
	}
	assert_true(extents <= has && p->places[i].units <= has);
}

/* An array's members have room for its data. */
static void check_array(const struct layout *p, size_t i)
{
	int64_t members = 0;

	for (size_t j = 0; j < p->desc->count; j++) {
		if (p->desc->nodes[j].holder != i)
			continue;
		assert_true(p->places[j].size >= p->places[i].offset + p->places[i].units);
		members++;
	}
	assert_true(p->places[i].size <= members * p->places[i].units);
	assert_true(p->places[i].units > 0);
}

static void check_sizes(const struct layout *p, size_t i)
{
	const struct node *n = &p->desc->nodes[i];
	const struct place *at = &p->places[i];
	int64_t used = MAX(n->number[NUMBER_USED], 0);

	if (n->kind == NODE_DISK || n->kind == NODE_SUBVOLUME)
		return;
	assert_true(at->size >= n->number[NUMBER_MIN]);
	assert_true(!node_fs(n) || streq(node_fs(n), "swap") || at->size > used);
	if (n->wish == WISH_BYTES && n->number[NUMBER_MIN] == NOT_SAID)
		assert_true(at->size >= n->size);
	if (n->kind == NODE_PARTITION)
		check_partition(p, i);
	else if (n->kind == NODE_ARRAY)
		check_array(p, i);
	else if (n->kind == NODE_GROUP)
		check_group(p, i);
	else if (n->kind == NODE_LUKS)
		assert_true(at->size > 0);
}

static size_t step_at(const struct layout *p, enum step_kind kind, size_t node)
{
	for (size_t i = 0; i < p->step_count; i++)
		if (p->steps[i].kind == kind && p->steps[i].node == node)
			return i;
	return NOWHERE;
}

/* The step that makes a node. */
static size_t made_at(const struct layout *p, size_t i)
{
	static const enum step_kind by[] = {
		[NODE_DISK] = STEP_TABLE,  [NODE_PARTITION] = STEP_TABLE, [NODE_ARRAY] = STEP_ARRAY,
		[NODE_LUKS] = STEP_LUKS,   [NODE_GROUP] = STEP_GROUP,     [NODE_VOLUME] = STEP_VOLUME,
		[NODE_POOL] = STEP_VOLUME, [NODE_THIN] = STEP_VOLUME,     [NODE_SUBVOLUME] = STEP_SUBVOLUME,
	};
	enum node_kind kind = p->desc->nodes[i].kind;

	return step_at(p, by[kind], kind == NODE_PARTITION ? desc_disk_of(p->desc, i) : i);
}

static bool is_below(const char *path, const char *above)
{
	size_t length = strlen(above);

	return streq(above, "/") || (strncmp(path, above, length) == 0 && path[length] == '/');
}

/* All wiping before the first table; each behind what it lies on; mounts last, and the outer ones first. */
static void check_steps(const struct layout *p)
{
	const struct desc *d = p->desc;

	for (size_t i = 0; i < d->count; i++) {
		size_t at = made_at(p, i);

		assert_true(at < p->step_count);
		if (d->nodes[i].kind == NODE_DISK)
			for (size_t j = 0; j < d->count; j++)
				assert_true(d->nodes[j].kind != NODE_DISK || step_at(p, STEP_WIPE, j) < at);
		for (size_t j = 0; j < d->count; j++)
			if (graph_lies_on(d, i, j) && d->nodes[i].kind != NODE_PARTITION)
				assert_true(made_at(p, j) < at);
		if (node_fs(&d->nodes[i]))
			assert_true(step_at(p, STEP_FS, i) > at && step_at(p, STEP_FS, i) < p->step_count);
		if (!d->nodes[i].text[TEXT_MOUNT])
			continue;
		assert_true(step_at(p, STEP_MOUNT, i) > step_at(p, STEP_FS, i));
		for (size_t j = 0; j < d->count; j++)
			if (i != j && d->nodes[j].text[TEXT_MOUNT] &&
			    is_below(d->nodes[i].text[TEXT_MOUNT], d->nodes[j].text[TEXT_MOUNT]))
				assert_true(step_at(p, STEP_MOUNT, j) < step_at(p, STEP_MOUNT, i));
	}
}

/* One world. 1: planned, 0: refused with words, -1: the desc is none. */
static int try_one(uint64_t number)
{
	static const char *const devices[] = { "/dev/vda", "/dev/nvme0n1", "/dev/mmcblk0", "/dev/sdz" };
	static const char *const names[] = { "sda", "sdb", "sdc", "sdd" };
	struct target targets[4];
	struct buf text = { 0 }, words = { 0 };
	struct case_ c;
	bool gpt[4];
	unsigned disks;
	int result;

	seed = number * 2654435761u + 1;
	disks = 1 + chance(4);
	random_desc(&text, gpt, disks);
	for (unsigned i = 0; i < disks; i++)
		targets[i] = (struct target){ names[i], devices[i],
					      (int64_t)(1 + chance(chance(3) ? 40000 : 4000000)) * 1000003,
					      chance(2) ? 512 : 4096 };
	make(&c, buf_cstr(&text), targets, disks);
	result = c.err == -EINVAL ? -1 : c.err == 0;
	assert_true(c.err == 0 || c.err == -EINVAL || c.err == -ENOSPC);
	assert_true((c.err == 0) == (c.why.len == 0));
	if (c.err == 0) {
		for (size_t i = 0; i < c.desc.count; i++)
			check_sizes(&c.plan, i);
		check_steps(&c.plan);
		layout_words(&c.plan, &words);
		layout_json(&c.plan, &words);
		assert_true(words.len > 0 && !words.failed);
	}
	buf_free(&text);
	buf_free(&words);
	drop(&c);
	return result;
}

static void test_by_chance(void **state)
{
	unsigned sum[3] = { 0 };
	(void)state;

	for (uint64_t i = 1; i <= 8000; i++)
		sum[1 + try_one(i)]++;
	print_message("%u planned, %u refused for their numbers, %u are no graph\n", sum[2], sum[1], sum[0]);
	assert_true(sum[2] >= 500 && sum[1] >= 500);
}

/* Shares alone: all is given away that somebody may take, nobody has less or more than it may have. */
static void test_share_out(void **state)
{
	(void)state;
	for (seed = 1; seed < 20000; seed += 7) {
		struct share s[8];
		size_t count = 1 + chance(8);
		int64_t units = chance(5000), sum = 0;
		bool open = false;
		uint64_t kept = seed;

		for (size_t i = 0; i < count; i++) {
			s[i] = (struct share){ .least = chance(400), .want = chance(2000), .fill = chance(2) };
			s[i].most = chance(2) ? DESC_MOST : s[i].least + chance(1000);
		}
		if (share_out(s, count, units)) {
			assert_true(share_least(s, count) > units);
			seed = kept;
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			assert_true(s[i].got >= s[i].least && s[i].got <= MAX(s[i].most, s[i].least));
			open |= s[i].got < MIN(s[i].fill ? DESC_MOST : s[i].want, s[i].most);
			sum += s[i].got;
		}
		assert_true(sum == units || (sum < units && !open));
		seed = kept;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_seeds_desc), cmocka_unit_test(test_tables), cmocka_unit_test(test_shares),
		cmocka_unit_test(test_layers),         cmocka_unit_test(test_raid),   cmocka_unit_test(test_share_out),
		cmocka_unit_test(test_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
