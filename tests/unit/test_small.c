/* test_small.c - base/small.h: our small versions of the C library's functions -> the same answers as the host's. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/small.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <limits.h>

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* FMT with the same arguments, by the host's library and by ours, into rooms of several sizes. */
static void assert_format(const char *fmt, ...)
{
	static const size_t rooms[] = { 0, 1, 5, 16, 200 };
	va_list ap;

	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		char ours[200] = "?", theirs[200] = "?";
		int n, expected;

		va_start(ap, fmt);
		expected = vsnprintf(theirs, rooms[i], fmt, ap);
		va_end(ap);
		va_start(ap, fmt);
		n = __wrap_vsnprintf(ours, rooms[i], fmt, ap);
		va_end(ap);
		if (n != expected || strcmp(ours, theirs) != 0)
			fail_msg("%s in %zu bytes: \"%s\" (%d), expected \"%s\" (%d)", fmt, rooms[i], ours, n, theirs,
				 expected);
	}
}

static void test_words_are_formatted_as_by_the_host(void **state)
{
	static const char *const integers[] = { "%d",    "%i",     "%u",   "%x",   "%X",     "%o",      "%5d|", "%-5d|",
						"%05d",  "%+d",    "% d",  "%.3d", "%8.3d|", "%-8.3u|", "%#x",  "%#X",
						"%#o",   "%#06x",  "%hhx", "%hd",  "%hhd",   "%hu",     "%02x", "%.0d",
						"%08X*", "%-08d|", "%c",   "%3c|", "%-3c|" };
	static const int values[] = { 0, 1, -1, 7, 42, 255, 256, -128, 65, 65535, 65536, 123456, INT_MAX, INT_MIN };
	static const char *const longs[] = { "%ld", "%lld",    "%lu",     "%llx",    "%zu",   "%zd",    "%jd",
					     "%td", "%20lld|", "%-20lu|", "%020lld", "%#llo", "%.12lld" };
	static const long long long_values[] = { 0, -1, 9, 1LL << 40, LLONG_MAX, LLONG_MIN };
	static const char *const strings[] = { "%s", "%10s|", "%-10s|", "%.2s", "%10.2s|", "%-4.1s|", "a%sb%%c" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(integers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(values); j++)
			assert_format(integers[i], values[j]);
	for (size_t i = 0; i < ARRAY_SIZE(longs); i++)
		for (size_t j = 0; j < ARRAY_SIZE(long_values); j++)
			assert_format(longs[i], long_values[j]);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		assert_format(strings[i], "");
		assert_format(strings[i], "eth0");
		assert_format(strings[i], "a longer string than most");
	}
	assert_format("%*d|%-*s|%.*s", 6, 42, 8, "left", 3, "cut off");
	assert_format("%*d|%*s|", -6, 42, -8, "left");
	assert_format("%.*s|", -1, "all of it");
	assert_format("%p", (void *)0x1234);
	assert_format("%s %d %s %lld %c%%", "one", 2, "three", 4LL, '5');
	assert_format("plain");
	assert_format("");
}

static void test_the_other_printfs(void **state)
{
	char *text, room[40];
	FILE *file = tmpfile();

	(void)state;
	assert_int_equal(__wrap_asprintf(&text, "%s-%d", "abc", 5), 5);
	assert_string_equal(text, "abc-5");
	free(text);
	assert_int_equal(__wrap_sprintf(room, "%04x", 0xab), 4);
	assert_string_equal(room, "00ab");
	assert_non_null(file);
	assert_int_equal(__wrap_fprintf(file, "%s\n", "to a file"), 10);
	rewind(file);
	assert_non_null(fgets(room, sizeof(room), file));
	assert_string_equal(room, "to a file\n");
	fclose(file);
}

static void test_patterns_match_as_by_the_host(void **state)
{
	static const char *const patterns[] = { "",
						"*",
						"a",
						"?",
						"a*",
						"*a",
						"*a*b*",
						"a?c",
						"[abc]",
						"[a-c]x",
						"[!a-c]x",
						"[^a]",
						"a[",
						"[]a]",
						"pci:v00008086d*sv*sd*bc*sc*i*",
						"usb:v*p*d*dc*ic03isc*",
						"a\\*b",
						"[a\\-z]",
						"**",
						"*?*",
						"a**c",
						"virtio:d0000000[12]v*",
						"[[:alpha",
						"x*y*z" };
	static const char *const texts[] = { "",
					     "a",
					     "b",
					     "abc",
					     "ac",
					     "x",
					     "ax",
					     "bx",
					     "dx",
					     "a[",
					     "]",
					     "a*b",
					     "axb",
					     "-",
					     "z",
					     "m",
					     "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00",
					     "virtio:d00000001v00001AF4",
					     "usb:v1d6bp0002d0510dc09dsc00dp01ic03isc00ip00in00",
					     "xyz",
					     "x1y2z",
					     "xzy",
					     "aXbYb" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++)
			if (__wrap_fnmatch(patterns[i], texts[j], 0) != fnmatch(patterns[i], texts[j], 0))
				fail_msg("pattern %s, text %s", patterns[i], texts[j]);
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

static void test_sorting(void **state)
{
	(void)state;
	for (size_t count = 0; count < 50; count++) {
		int ours[50], theirs[50];

		for (size_t i = 0; i < count; i++)
			ours[i] = theirs[i] = (int)((i * 7919 + count * 31) % 23) - 11;
		__wrap_qsort(ours, count, sizeof(*ours), by_value);
		qsort(theirs, count, sizeof(*theirs), by_value);
		assert_memory_equal(ours, theirs, count * sizeof(*ours));
	}
}

static void test_memory_is_nobody_elses(void **state)
{
	enum { PIECES = 200 };
	unsigned char *p[PIECES] = { NULL };
	size_t size[PIECES] = { 0 };
	uint32_t random = 1;

	(void)state;
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (random = random * 1103515245 + 12345) >> 16, what = i >> 10 & 3;
		size_t want = (random >> 8 & 0xff) < 8 ? 50000 + (random >> 12 & 0x3ffff) : (random >> 12 & 0x7ff);

		i %= PIECES;
		for (size_t at = 0; p[i] && at < size[i]; at += 97)
			assert_int_equal(p[i][at], i);
		if (what == 0) {
			__wrap_free(p[i]);
			p[i] = __wrap_calloc(want, 1);
			for (size_t at = 0; at < want; at++)
				assert_int_equal(p[i][at], 0);
		} else if (what == 1) {
			__wrap_free(p[i]);
			p[i] = NULL;
			want = 0;
		} else {
			unsigned char *more = __wrap_realloc(p[i], want);

			for (size_t at = 0; p[i] && at < MIN(size[i], want); at += 97)
				assert_int_equal(more[at], i);
			p[i] = more;
		}
		size[i] = want;
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		if (p[i])
			memset(p[i], (int)i, want);
	}
	for (unsigned i = 0; i < PIECES; i++)
		__wrap_free(p[i]);
	assert_null(__wrap_malloc(SIZE_MAX));
	assert_null(__wrap_calloc(SIZE_MAX, 2));
	assert_null(__wrap_realloc(NULL, SIZE_MAX - 4));
}

static void test_numbers_are_read_as_by_the_host(void **state)
{
	static const char *const texts[] = { "",
					     "0",
					     "7",
					     "-7",
					     "+9",
					     " 12x",
					     "0x1f",
					     "0xg",
					     "ff",
					     "0755",
					     "-",
					     "x",
					     "9223372036854775807",
					     "9223372036854775808",
					     "-9223372036854775808",
					     "-9223372036854775809",
					     "18446744073709551615",
					     "18446744073709551616",
					     "zz" };
	static const int bases[] = { 0, 8, 10, 16, 36 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t b = 0; b < ARRAY_SIZE(bases); b++) {
			char *ours, *theirs;

			assert_true(__wrap_strtol(texts[i], &ours, bases[b]) == strtol(texts[i], &theirs, bases[b]));
			assert_ptr_equal(ours, theirs);
			assert_true(__wrap_strtoul(texts[i], &ours, bases[b]) == strtoul(texts[i], &theirs, bases[b]));
			assert_ptr_equal(ours, theirs);
		}
}

static void test_searching(void **state)
{
	static const char *const words[] = { "", "a", "ab", "aab", "b", "aaab", "abaab", "x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (size_t j = 0; j < ARRAY_SIZE(words); j++) {
			assert_ptr_equal(__wrap_strstr(words[i], words[j]), strstr(words[i], words[j]));
			assert_ptr_equal(__wrap_memmem(words[i], strlen(words[i]), words[j], strlen(words[j])),
					 memmem(words[i], strlen(words[i]), words[j], strlen(words[j])));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_are_formatted_as_by_the_host),
		cmocka_unit_test(test_the_other_printfs),
		cmocka_unit_test(test_patterns_match_as_by_the_host),
		cmocka_unit_test(test_sorting),
		cmocka_unit_test(test_memory_is_nobody_elses),
		cmocka_unit_test(test_numbers_are_read_as_by_the_host),
		cmocka_unit_test(test_searching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
