/* test_relay.c - the relay's pure parts: hash, map, wire, plan. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/map.h"
#include "relay/plan.h"
#include "relay/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* The specification's test inputs: byte i is i mod 251. */
static uint8_t *pattern(size_t len)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i % 251);
	return p;
}

static void expect_hash(const void *bytes, size_t len, const char *hex)
{
	struct hash h = hash_bytes(bytes, len);
	char text[2 * HASH_SIZE + 1];

	for (int i = 0; i < HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", h.b[i]);
	assert_string_equal(text, hex);
}

/* Every engine gives the published digests. */
static void hash_vectors(void **state)
{
	static const struct {
		size_t len;
		const char *hex;
	} vectors[] = {
		{ 0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" },
		{ 1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213" },
		{ 1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7" },
		{ 1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444" },
		{ 2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a" },
		{ 102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085" },
		/* beyond the published ones: made by code that merged values one by one */
		{ 262144, "d57dc906e20d3fd326ffaa85535500486f46a0979f5a323f028dcabfd381fd4a" },
		{ 262145, "531c319935cf78f34869faebd865e5748266b1799039103bfb851a680d9ed30c" },
		{ 307205, "a1349f520ca504be2094895cc9dac91a3b772539ae1f3df0a8e0a1e6f1bb6d86" },
		{ 700001, "69aea2f0b7fedbb81bfbd5737f1463582d8b6ca8c8a353ecee446ae227d3e7f5" },
		{ 1048576, "74cb441fd087764ca9c3694da742ebe30cbeb3060a17009ca81825c7a8d10343" },
		{ 1048577, "2f053cd7472cf0cd2f9adaf45c1180255b91b9a865404a63671a0ee5f792ed33" },
	};
	static const char *const engines[] = { "avx512", "avx2", "portable" };
	uint8_t *p = pattern(1048577);

	(void)state;
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		if (hash_use_engine(engines[e]) < 0)
			continue; /* this processor lacks it; portable is always there */
		for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
			expect_hash(p, vectors[i].len, vectors[i].hex);
	}
	assert_int_equal(hash_use_engine("portable"), 0);
	free(p);
}

/* All engines agree at every length around their widths. */
static void hash_engines_agree(void **state)
{
	uint8_t *p = pattern(40 * 1024);

	(void)state;
	for (size_t len = 0; len < 40 * 1024; len += 509) {
		struct hash a, b;

		hash_use_engine("portable");
		a = hash_bytes(p, len);
		for (int e = 0; e < 2; e++) {
			if (hash_use_engine(e ? "avx2" : "avx512") < 0)
				continue;
			b = hash_bytes(p, len);
			assert_true(hash_equal(&a, &b));
		}
	}
	free(p);
}

/* A receiver's map takes right hashes only, and its root is the sender's. */
static void map_verifies(void **state)
{
	struct map sender, receiver;
	struct hash h = { { 1 } }, wrong;

	(void)state;
	assert_int_equal(map_init_fixed(&sender, 300 * 1024 + 5, 1024, NULL, 0, NULL), 0);
	assert_int_equal(sender.count, 301);
	assert_int_equal(sender.groups, 2);
	for (uint32_t i = 0; i < sender.count; i++) {
		h.b[0] = (uint8_t)i;
		map_set_hash(&sender, i, &h);
	}
	map_seal(&sender);
	wrong = sender.root;
	wrong.b[31] ^= 1;
	assert_int_equal(map_init_fixed(&receiver, sender.size, 1024, sender.group, 2, &wrong), -EBADMSG);
	assert_int_equal(map_init_fixed(&receiver, sender.size + 1, 1024, sender.group, 2, &sender.root), -EBADMSG);
	assert_int_equal(map_init_fixed(&receiver, sender.size, 1024, sender.group, 1, &sender.root), -EINVAL);
	assert_int_equal(map_init_fixed(&receiver, sender.size, 1024, sender.group, 2, &sender.root), 0);
	assert_false(map_knows(&receiver, 0));
	assert_int_equal(map_set_group(&receiver, 0, sender.hash, 255), -EINVAL);
	assert_int_equal(map_set_group(&receiver, 0, sender.hash + 1, 256), -EBADMSG);
	assert_int_equal(map_set_group(&receiver, 0, sender.hash, 256), 0);
	assert_true(map_knows(&receiver, 255));
	assert_false(map_knows(&receiver, 256));
	assert_int_equal(map_length(&receiver, 300), 5);
	map_free(&sender);
	map_free(&receiver);
	/* an empty image has a root too */
	assert_int_equal(map_init_fixed(&sender, 0, 1024, NULL, 0, NULL), 0);
	map_seal(&sender);
	assert_int_equal(map_init_fixed(&receiver, 0, 1024, NULL, 0, &sender.root), 0);
	assert_true(hash_equal(&receiver.root, &sender.root));
	assert_true(map_complete(&receiver));
	map_free(&sender);
	map_free(&receiver);
}

/* Missing ranges, the prefix, and completeness follow what is set and cleared. */
static void map_ranges(void **state)
{
	struct map m;
	uint32_t length;

	(void)state;
	assert_int_equal(map_init_fixed(&m, 10 * 1024, 1024, NULL, 0, NULL), 0);
	map_set(&m, 0);
	map_set(&m, 1);
	map_set(&m, 4);
	assert_int_equal(m.prefix, 2);
	assert_int_equal(map_missing(&m, 0, 100, &length), 2);
	assert_int_equal(length, 2);
	assert_int_equal(map_missing(&m, 4, 100, &length), 5);
	assert_int_equal(length, 5);
	map_clear(&m, 1);
	assert_int_equal(m.prefix, 1);
	for (uint32_t i = 0; i < 10; i++)
		map_set(&m, i);
	assert_true(map_complete(&m));
	assert_int_equal(m.have_bytes, 10 * 1024);
	map_free(&m);
}

/* A stream's chunks come in order, and its end must be the announced one. */
static void map_streams(void **state)
{
	struct map a, b;
	struct hash h = { { 7 } };

	(void)state;
	assert_int_equal(map_init_stream(&a, 65536), 0);
	assert_int_equal(map_init_stream(&b, 65536), 0);
	for (uint32_t i = 0; i < 3000; i++) {
		assert_int_equal(map_append(&a, i, (uint64_t)i * 10, 10, &h), 0);
		map_set(&a, i);
		assert_int_equal(map_append(&b, i + 1, (uint64_t)i * 10, 10, &h), -EBADMSG);
		assert_int_equal(map_append(&b, i, (uint64_t)i * 10 + 1, 10, &h), -EBADMSG);
		assert_int_equal(map_append(&b, i, (uint64_t)i * 10, 10, &h), 0);
		map_set(&b, i);
	}
	assert_int_equal(map_finish_stream(&a, 30000, 3000, NULL), 0);
	assert_int_equal(map_finish_stream(&b, 30000, 3000, &h), -EBADMSG);
	assert_int_equal(map_finish_stream(&b, 29990, 3000, &a.root), -EBADMSG);
	assert_int_equal(map_finish_stream(&b, 30000, 3000, &a.root), 0);
	assert_true(map_complete(&b));
	map_free(&a);
	map_free(&b);
}

/* A job survives the wire; cut anywhere it is refused. */
static void wire_job(void **state)
{
	struct hash groups[3] = { { { 1 } }, { { 2 } }, { { 3 } } }, nonce = { { 9 } }, proof;
	struct wire_job in = { .flags = 4,
			       .node = 7,
			       .head_port = 9995,
			       .chunk = 65536,
			       .size = 12345678901,
			       .split = 5,
			       .report_ms = 100,
			       .target = (char *)"/dev/ram3",
			       .group = groups,
			       .groups = 3 },
			out;
	struct buf b = { 0 };

	(void)state;
	in.proof = wire_job_proof(&in, "secret", &nonce);
	wire_put_job(&b, &in);
	assert_int_equal(wire_get_header((uint8_t *)b.data).length, b.len - WIRE_HEADER);
	for (size_t cut = 0; cut < b.len - WIRE_HEADER; cut++)
		assert_int_equal(wire_get_job((uint8_t *)b.data + WIRE_HEADER, cut, &out), -EBADMSG);
	assert_int_equal(wire_get_job((uint8_t *)b.data + WIRE_HEADER, b.len - WIRE_HEADER, &out), 0);
	assert_int_equal(out.size, in.size);
	assert_int_equal(out.report_ms, 100);
	assert_string_equal(out.target, "/dev/ram3");
	assert_memory_equal(out.group, groups, sizeof(groups));
	proof = wire_job_proof(&out, "secret", &nonce);
	assert_true(hash_equal(&proof, &out.proof));
	proof = wire_job_proof(&out, "Secret", &nonce);
	assert_false(hash_equal(&proof, &out.proof));
	out.node++;
	proof = wire_job_proof(&out, "secret", &nonce);
	assert_false(hash_equal(&proof, &out.proof));
	wire_job_free(&out);
	buf_free(&b);
}

/* A plan of COUNT live nodes in a chain. */
static struct plan chain(uint32_t count)
{
	struct plan p = { 0 };

	assert_int_equal(plan_resize(&p, count), 0);
	for (uint32_t i = 1; i <= count; i++) {
		p.node[i].live = true;
		plan_append(&p, i);
		p.node[i].parent = i - 1;
	}
	return p;
}

/* The chain closes over the dead, one or several, the first included. */
static void plan_closes_gaps(void **state)
{
	struct plan p = chain(5);

	(void)state;
	assert_false(plan_needs_parent(&p, 3));
	p.node[2].live = false;
	assert_true(plan_needs_parent(&p, 3));
	assert_int_equal(plan_parent(&p, 3), 1);
	p.node[1].live = false;
	assert_int_equal(plan_parent(&p, 3), PLAN_HEAD);
	plan_free(&p);
}

/* Who is moved to the end is fed there and feeds nobody it was before; nobody is its own ancestor. */
static void plan_moves(void **state)
{
	struct plan p = chain(4);

	(void)state;
	plan_append(&p, 2);
	assert_int_equal(plan_parent(&p, 3), 1);
	assert_true(plan_needs_parent(&p, 3));
	p.node[3].parent = 1;
	assert_int_equal(plan_parent(&p, 2), 4);
	p.node[2].bytes = 10000; /* seems ahead of 3 and 4, which old reports explain */
	assert_int_equal(plan_parent(&p, 2), 4);
	p.node[2].bytes = 10 * MIB; /* is ahead of 3 and 4: they cannot feed it yet */
	p.node[1].bytes = 20 * MIB;
	assert_int_equal(plan_parent(&p, 2), 1);
	p.node[2].leaf = true; /* slow: it will be behind soon */
	assert_int_equal(plan_parent(&p, 2), 4);
	plan_avoid(&p, 4, 3);
	p.node[4].parent = 3;
	assert_true(plan_needs_parent(&p, 4));
	assert_int_equal(plan_parent(&p, 4), 1);
	plan_free(&p);
}

/* With a fanout the order is a tree: the head feeds the first two, the first node the next two, and so on; who falls
 * out is replaced by the next one up that lives. */
static void plan_tree(void **state)
{
	static const uint32_t parents[] = { 0, 0, 0, 1, 1, 2, 2, 3 };
	struct plan p = chain(7);

	(void)state;
	p.fanout = 2;
	for (uint32_t i = 1; i <= 7; i++)
		assert_int_equal(plan_parent(&p, i), parents[i]);
	p.node[3].live = false;
	assert_int_equal(plan_parent(&p, 7), 2);
	plan_free(&p);
}

/* A node far behind its parent at a tenth of the rate is found after some checks; those that wait for it are not. */
static void plan_finds_slow(void **state)
{
	struct plan p = chain(4);
	uint32_t found = PLAN_NOBODY;

	(void)state;
	for (int i = 0; i < 20 && found == PLAN_NOBODY; i++) {
		p.node[1].rate = 25e6;
		p.node[2].rate = p.node[3].rate = p.node[4].rate = 2.5e6;
		p.node[1].bytes = 2500000 * (i + 1);
		p.node[2].bytes = p.node[3].bytes = p.node[4].bytes = 250000 * (i + 1);
		found = plan_find_slow(&p, i * PLAN_CHECK_MS + 1000);
	}
	assert_int_equal(found, 2);
	p.node[2].leaf = false; /* once more, but nothing was heard of its parent, or of itself, for a while */
	for (int i = 0; i < 20; i++) {
		p.node[1].quiet = i < 10;
		p.node[2].quiet = p.node[3].quiet = p.node[4].quiet = i >= 10;
		assert_int_not_equal(plan_find_slow(&p, i * PLAN_CHECK_MS + 5000), 2);
	}
	p.node[2].quiet = p.node[3].quiet = p.node[4].quiet = false;
	p.node[3].live = p.node[4].live = p.node[1].live = false; /* nobody is held up any more */
	p.node[2].parent = PLAN_HEAD;
	for (int i = 0; i < 20; i++)
		assert_int_equal(plan_find_slow(&p, i * PLAN_CHECK_MS + 5000), PLAN_NOBODY);
	plan_free(&p);
}

/* A node that is far behind but gets faster and faster is waited for; when it stays as it is, no longer. */
static void plan_waits_for_gaining(void **state)
{
	struct plan p = chain(3);
	uint32_t found = PLAN_NOBODY;
	int gained = 0;

	(void)state;
	p.node[1].rate = 50e6;
	p.node[2].rate = p.node[3].rate = 1e6;
	p.node[1].bytes = 50000000;
	for (; gained < 20 && p.node[2].rate < 20e6; gained++) {
		p.node[2].rate = p.node[3].rate *= 1.1;
		assert_int_equal(plan_find_slow(&p, gained * PLAN_CHECK_MS + 1000), PLAN_NOBODY);
	}
	for (int i = 0; i < 5 && found == PLAN_NOBODY; i++)
		found = plan_find_slow(&p, (gained + i) * PLAN_CHECK_MS + 1000);
	assert_int_equal(found, 2);
	plan_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_vectors),
		cmocka_unit_test(hash_engines_agree),
		cmocka_unit_test(map_verifies),
		cmocka_unit_test(map_ranges),
		cmocka_unit_test(map_streams),
		cmocka_unit_test(wire_job),
		cmocka_unit_test(plan_closes_gaps),
		cmocka_unit_test(plan_moves),
		cmocka_unit_test(plan_tree),
		cmocka_unit_test(plan_finds_slow),
		cmocka_unit_test(plan_waits_for_gaining),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
