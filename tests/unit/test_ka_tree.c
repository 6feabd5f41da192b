/* test_ka_tree.c - relay/ka/tree.h: the originals' order, full levels, orphans find a place that can feed them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "relay/ka/tree.h"

#include <arpa/inet.h>

#define MANY 40

static struct ka_place place[MANY];
static uint32_t count;

static void begin(void)
{
	memset(place, 0, sizeof(place));
	place[0] =
		(struct ka_place){ .ours = true, .plain = true, .live = true, .parent = KA_NOBODY, .position = 1000 };
	count = 1;
}

static uint32_t add(bool ours, unsigned arity)
{
	uint32_t n = count++;

	place[n] = (struct ka_place){ .ours = ours, .plain = true, .live = true, .parent = KA_NOBODY };
	place[n].parent = ka_tree_insert(place, count, n, arity);
	return place[n].parent;
}

static struct ka_place at(const char *ip, bool ours)
{
	struct ka_place p = { .ours = ours };

	inet_pton(AF_INET, ip, &p.ip);
	return p;
}

static void test_order(void **state)
{
	struct ka_place a = at("10.0.0.11", false), b = at("10.0.0.12", false), c = at("10.9.0.11", false);
	struct ka_place high = at("10.0.0.200", false), ours = at("10.0.0.99", true);
	(void)state;

	assert_true(ka_tree_compare(&a, &b) < 0);
	assert_true(ka_tree_compare(&b, &a) > 0);
	assert_true(ka_tree_compare(&c, &b) < 0);    /* the last octet weighs most */
	assert_true(ka_tree_compare(&high, &a) < 0); /* 200 is negative */
	assert_true(ka_tree_compare(&ours, &high) < 0);
	assert_int_equal(ka_tree_compare(&a, &a), 0);
}

static void test_chain_and_tree(void **state)
{
	(void)state;

	begin();
	for (uint32_t i = 1; i < 10; i++)
		assert_int_equal(add(true, 1), i - 1);
	begin();
	assert_int_equal(add(false, 2), 0);
	assert_int_equal(add(false, 2), 0);
	assert_int_equal(add(false, 2), 1);
	assert_int_equal(add(false, 2), 1);
	assert_int_equal(add(false, 2), 2);
	assert_int_equal(add(false, 2), 2);
	assert_int_equal(add(false, 2), 3);
}

static void test_ours_never_below_an_original(void **state)
{
	(void)state;

	begin();
	add(false, 1);
	assert_int_equal(add(true, 1), 0); /* more than one child rather than that */
	assert_int_equal(add(true, 1), 2);
	begin();
	add(true, 1);
	place[1].plain = false; /* listens elsewhere: originals cannot find it */
	assert_int_equal(add(false, 1), 0);
}

static void test_orphan_of_a_chain(void **state)
{
	(void)state;

	begin();
	for (int i = 0; i < 5; i++)
		add(true, 1);
	place[2].live = false;
	assert_int_equal(ka_tree_foster(place, count, 3, 1), 1);
	place[1].live = false;
	assert_int_equal(ka_tree_foster(place, count, 3, 1), 0);
}

/* Children of a dead node find room above, and what does not fit goes to one that is far enough, never below itself. */
static void test_orphans_of_a_tree(void **state)
{
	(void)state;

	begin();
	for (int i = 0; i < 14; i++) {
		add(true, 2);
		place[count - 1].position = 500;
	}
	place[1].live = false; /* its children are 3 and 4; the server keeps 2 */
	place[4].position = 800;
	assert_int_equal(ka_tree_foster(place, count, 3, 2), 0);
	place[3].parent = 0; /* the server is full now */
	for (uint32_t n = 1; n < count; n++) {
		uint32_t p = ka_tree_foster(place, count, n, 2);

		assert_true(place[p].live);
		assert_int_not_equal(p, n);
		for (uint32_t up = p; up != KA_ROOT; up = place[up].parent)
			assert_int_not_equal(up, n);
	}
	assert_int_equal(ka_tree_foster(place, count, 4, 2), 0); /* nobody else has 800 */
}

/* One that came late hangs below a place that keeps everything, with room or without, and nobody waits for it. */
static void test_behind(void **state)
{
	(void)state;

	begin();
	for (int i = 0; i < 4; i++)
		add(true, 1);
	place[2].whole = place[4].whole = true;
	assert_int_equal(add(true, 1), 4); /* 5: a late one, the end of the chain has room */
	place[5].behind = true;
	assert_int_equal(ka_tree_foster(place, count, 5, 1), 4);
	place[4].live = false;
	assert_int_equal(ka_tree_foster(place, count, 5, 1), 2); /* which has a child already */
	assert_int_equal(add(true, 1), 3);                       /* 6: not below one that is behind */
	place[2].live = false;
	assert_int_equal(ka_tree_foster(place, count, 5, 1), KA_NOBODY);
	place[5].behind = false;
	assert_int_equal(ka_tree_foster(place, count, 5, 1), 6);
}

static void test_many(void **state)
{
	(void)state;

	for (unsigned arity = 1; arity <= KA_ARITY_MAX; arity++) {
		begin();
		while (count < MANY)
			add(count % 3 == 0, arity);
		for (uint32_t n = 1; n < count; n++)
			assert_true(!place[n].ours || place[place[n].parent].ours);
		for (uint32_t n = 1; n < count; n++) /* everybody dies, one after the other */
			place[n].live = false;
		for (uint32_t n = 1; n < count; n++)
			assert_int_equal(ka_tree_foster(place, count, n, arity), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_chain_and_tree),
		cmocka_unit_test(test_ours_never_below_an_original),
		cmocka_unit_test(test_orphan_of_a_chain),
		cmocka_unit_test(test_orphans_of_a_tree),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
