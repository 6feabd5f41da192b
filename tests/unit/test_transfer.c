/* test_transfer.c - methods/retrieve/transfer.h: pieces of one version become one file; of two versions never. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#undef fail /* ours is another one */

#include "methods/retrieve/transfer.h"

/* A sink that keeps everything, and offers as little room as SMALL says. */
struct memory_sink {
	struct sink sink;
	struct buf bytes;
	uint8_t space[10000];
	size_t small;
	int64_t size;
	int begins, restarts;
};

static int memory_begin(struct sink *s, int64_t size, struct failure *f)
{
	struct memory_sink *m = container_of(s, struct memory_sink, sink);

	(void)f;
	assert_int_equal(m->begins, m->restarts);
	assert_int_equal(m->bytes.len, 0);
	m->begins++;
	m->size = size;
	return 0;
}

static int memory_reserve(struct sink *s, void **space, size_t *room, struct failure *f)
{
	struct memory_sink *m = container_of(s, struct memory_sink, sink);

	(void)f;
	*space = m->space;
	*room = m->small ? m->small : sizeof(m->space);
	return 0;
}

static int memory_commit(struct sink *s, size_t used, struct failure *f)
{
	struct memory_sink *m = container_of(s, struct memory_sink, sink);

	(void)f;
	return buf_add(&m->bytes, m->space, used);
}

static int memory_restart(struct sink *s, struct failure *f)
{
	struct memory_sink *m = container_of(s, struct memory_sink, sink);

	(void)f;
	m->restarts++;
	buf_free(&m->bytes);
	return 0;
}

/* One test's world. */
struct world {
	struct memory_sink m;
	struct options options;
	struct fetch fetch;
	struct transfer t;
	struct failure f;
	uint8_t file[20000];
};

static const char here, there; /* two mirrors */

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->m.sink = (struct sink){
		.begin = memory_begin, .reserve = memory_reserve, .commit = memory_commit, .restart = memory_restart
	};
	w->fetch = (struct fetch){ .options = &w->options, .sink = &w->m.sink, .raw = true };
	w->t = (struct transfer){ .fetch = &w->fetch, .version.size = -1 };
	for (size_t i = 0; i < sizeof(w->file); i++)
		w->file[i] = (uint8_t)(i * i / 7);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	transfer_free(&w->t);
	buf_free(&w->m.bytes);
	free(w);
	return 0;
}

static int begin(struct world *w, const void *mirror, int64_t offset, const char *tag, const char *modified)
{
	struct version v = { .size = sizeof(w->file), .tag = tag, .modified = modified };

	return transfer_begin(&w->t, mirror, offset, &v, "x", &w->f);
}

/* The bytes FROM..TO of the file come in. */
static int come(struct world *w, size_t from, size_t to)
{
	return transfer_write(&w->t, w->file + from, to - from, &w->f);
}

static void check_whole(struct world *w)
{
	assert_int_equal(transfer_end(&w->t, true, &w->f), 0);
	assert_int_equal(w->m.bytes.len, sizeof(w->file));
	assert_memory_equal(w->m.bytes.data, w->file, sizeof(w->file));
}

static void test_in_one_piece(void **state)
{
	struct world *w = *state;

	assert_int_equal(transfer_offset(&w->t, &here), 0);
	assert_int_equal(begin(w, &here, 0, "a", NULL), 0);
	assert_int_equal(w->m.size, sizeof(w->file));
	assert_int_equal(come(w, 0, sizeof(w->file)), 0);
	check_whole(w);
}

static void test_resumed_anywhere(void **state)
{
	struct world *w = *state;

	for (size_t cut = 1; cut < sizeof(w->file); cut += 997) {
		int64_t offset;

		for (w->m.small = 0; w->m.small <= 1000; w->m.small += 1000) {
			assert_int_equal(begin(w, &here, 0, "a", NULL), 0);
			assert_int_equal(come(w, 0, cut), 0);
			assert_int_equal(transfer_end(&w->t, true, &w->f), -ENODATA);
			offset = transfer_offset(&w->t, &here);
			assert_int_equal(offset, cut - MIN(cut, (size_t)TRANSFER_OVERLAP));
			if (offset)
				assert_int_equal(begin(w, &here, offset, "a", NULL), 0);
			else
				assert_int_equal(begin(w, &here, 0, "a", NULL), 0);
			assert_int_equal(come(w, (size_t)offset, sizeof(w->file)), 0);
			check_whole(w);
		}
	}
}

static void test_cut_while_the_overlap_comes(void **state)
{
	struct world *w = *state;

	assert_int_equal(begin(w, &here, 0, "a", NULL), 0);
	assert_int_equal(come(w, 0, 9000), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(transfer_offset(&w->t, &here), 9000 - TRANSFER_OVERLAP);
		assert_int_equal(begin(w, &here, 9000 - TRANSFER_OVERLAP, "a", NULL), 0);
		assert_int_equal(come(w, 9000 - TRANSFER_OVERLAP, 8000), 0);
		assert_int_equal(transfer_end(&w->t, true, &w->f), -ENODATA);
		assert_int_equal(w->f.id, FAIL_SRV_SHORT);
	}
	assert_int_equal(begin(w, &here, 9000 - TRANSFER_OVERLAP, "a", NULL), 0);
	assert_int_equal(come(w, 9000 - TRANSFER_OVERLAP, sizeof(w->file)), 0);
	check_whole(w);
}

static void test_another_version_is_not_mixed_in(void **state)
{
	struct world *w = *state;
	int64_t offset;

	assert_int_equal(begin(w, &here, 0, "a", "monday"), 0);
	assert_int_equal(come(w, 0, 9000), 0);
	offset = transfer_offset(&w->t, &here);
	assert_int_equal(begin(w, &here, offset, "b", "monday"), -ESTALE);
	assert_int_equal(w->f.id, FAIL_SRV_CHANGED);
	assert_int_equal(w->t.changes, 1);
	assert_int_equal(transfer_offset(&w->t, &here), 0);
	w->file[0] ^= 1;
	assert_int_equal(begin(w, &here, 0, "b", "monday"), 0);
	assert_int_equal(w->t.changes, 1);
	assert_int_equal(come(w, 0, sizeof(w->file)), 0);
	check_whole(w);
}

static void test_the_overlap_must_be_equal(void **state)
{
	struct world *w = *state;

	assert_int_equal(begin(w, &here, 0, "a", NULL), 0);
	assert_int_equal(come(w, 0, 9000), 0);
	assert_int_equal(begin(w, &here, transfer_offset(&w->t, &here), "a", NULL), 0);
	w->file[8999] ^= 1;
	assert_int_equal(come(w, 9000 - TRANSFER_OVERLAP, sizeof(w->file)), -ESTALE);
	assert_int_equal(w->f.id, FAIL_SRV_CHANGED);
	assert_int_equal(w->m.bytes.len, 9000);
	assert_int_equal(transfer_offset(&w->t, &here), 0);
}

static void test_what_is_resumed_where(void **state)
{
	static const struct {
		const char *tag, *modified, *sum;
		bool here, there;
	} rows[] = {
		{ "a", "monday", NULL, true, true },  { "a", NULL, NULL, true, false },
		{ NULL, "monday", NULL, true, true }, { NULL, NULL, NULL, false, false },
		{ NULL, NULL, "0", true, true },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		w->options.value[KEY_SHA256] = rows[i].sum;
		assert_int_equal(begin(w, &here, 0, rows[i].tag, rows[i].modified), 0);
		assert_int_equal(come(w, 0, 9000), 0);
		assert_int_equal(transfer_offset(&w->t, &here) > 0, rows[i].here);
		assert_int_equal(transfer_offset(&w->t, &there) > 0, rows[i].there);
	}
	w->t.no_resume = true;
	assert_int_equal(transfer_offset(&w->t, &here), 0);
}

static void test_mirrors_have_tags_of_their_own(void **state)
{
	struct world *w = *state;
	int64_t offset;

	assert_int_equal(begin(w, &here, 0, "a", "monday"), 0);
	assert_int_equal(come(w, 0, 9000), 0);
	offset = transfer_offset(&w->t, &there);
	assert_int_equal(begin(w, &there, offset, "b", "monday"), 0);
	assert_int_equal(begin(w, &there, offset, "b", "tuesday"), -ESTALE);
}

static void test_too_many_changes(void **state)
{
	static const char *const tags[] = { "a", "b", "c", "d", "e", "f" };
	struct world *w = *state;

	for (unsigned i = 0; i <= TRANSFER_CHANGES_MAX; i++) {
		assert_int_equal(begin(w, &here, 0, tags[i], NULL), 0);
		assert_int_equal(come(w, 0, 100), 0);
	}
	assert_int_equal(begin(w, &here, 0, tags[5], NULL), -ESTALE);
	assert_int_equal(w->f.id, FAIL_SRV_CHANGED);
}

static void test_more_than_announced(void **state)
{
	struct world *w = *state;

	assert_int_equal(begin(w, &here, 0, "a", NULL), 0);
	assert_int_equal(come(w, 0, sizeof(w->file)), 0);
	assert_int_equal(come(w, 0, 1), -ESTALE);
	/* it grows: as much as was announced the next time is the file, though it has grown again since */
	assert_int_equal(begin(w, &here, 0, "b", NULL), 0);
	assert_int_equal(come(w, 0, sizeof(w->file)), 0);
	check_whole(w);
	assert_int_equal(transfer_doubted(&w->t, &w->f), 0);
}

static int end_unmeasured(struct world *w, const uint8_t *bytes, size_t len, bool delimited)
{
	struct version v = { .size = -1 };

	assert_int_equal(transfer_begin(&w->t, &here, 0, &v, "x", &w->f), 0);
	assert_int_equal(transfer_write(&w->t, bytes, len, &w->f), 0);
	return transfer_end(&w->t, delimited, &w->f);
}

static void test_a_file_without_size(void **state)
{
	static const uint8_t gzip[100] = { 0x1f, 0x8b, 8 };
	struct world *w = *state;

	assert_int_equal(end_unmeasured(w, w->file, sizeof(w->file), true), 0);
	assert_int_equal(end_unmeasured(w, w->file, sizeof(w->file), false), -ENODATA);
	assert_int_equal(w->f.id, FAIL_SRV_SHORT);
	assert_int_equal(end_unmeasured(w, w->file, 0, false), -ENODATA);
	assert_int_equal(end_unmeasured(w, gzip, sizeof(gzip), false), -ENODATA);
	w->fetch.raw = false;
	assert_int_equal(end_unmeasured(w, gzip, sizeof(gzip), false), 0);
	assert_int_equal(transfer_offset(&w->t, &here), 0);
	w->options.value[KEY_SHA256] = "0";
	assert_int_equal(end_unmeasured(w, w->file, sizeof(w->file), false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_one_piece, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resumed_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut_while_the_overlap_comes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_version_is_not_mixed_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_overlap_must_be_equal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_resumed_where, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mirrors_have_tags_of_their_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_more_than_announced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_file_without_size, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
