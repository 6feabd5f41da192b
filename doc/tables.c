/* tables.c - a man page with @KEYS@ or @ERRORS@ on standard input -> the page with the program's own tables in it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/failure.h"
#include "options/advice.h"

#include <stdio.h>

/* TEXT with roff's own characters made harmless. */
static void put(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
	}
}

static void put_line(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	put(text);
	putchar('\n');
}

static const char *const meanings[KEY_COUNT] = {
#define KEY(id, name, alias, values, example, meaning) [KEY_##id] = meaning,
#include "options/keys.def"
#undef KEY
};

static void put_keys(void)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key_info *k = &key_table[i];

		printf(".It Cm %s:", k->name);
		if (*k->alias)
			printf(" , %s:", k->alias);
		printf(" Ar ");
		put_line(k->values);
		put_line(meanings[i]);
		printf(".br\nExample:\n.Ql %s\n", k->example);
	}
}

/* All that may be advised; the program leaves out what does not fit. */
static void put_advice(const char *advice)
{
	while (*advice) {
		size_t n = strcspn(advice, "\n");
		char line[400];

		snprintf(line, sizeof(line), "%.*s", (int)n, advice);
		put_line(advice_line(line));
		advice += n + (advice[n] == '\n');
	}
}

static const struct fault {
	enum fail_id id;
	int seconds;        /* that the failing step then takes at most */
	const char *broken; /* what is broken */
} faults[] = {
#define FAULT(id, seconds, broken, words) { FAIL_##id, seconds, broken },
#include "doc/faults.def"
#undef FAULT
};

/* What is known to lead to the failure ID. */
static void put_faults(enum fail_id id)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (faults[i].id != id)
			continue;
		puts(".br");
		printf("Seen when: ");
		put(faults[i].broken);
		if (faults[i].seconds)
			printf(" (after at most %d s)", faults[i].seconds);
		puts(".");
	}
}

static void put_errors(void)
{
	for (int i = FAIL_NONE + 1; i < FAIL_COUNT; i++) {
		printf(".It %s\n", fail_code((enum fail_id)i));
		put(fail_title((enum fail_id)i));
		puts(".");
		put_advice(fail_advice((enum fail_id)i));
		put_faults((enum fail_id)i);
	}
}

int main(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		if (streq(line, "@KEYS@\n"))
			put_keys();
		else if (streq(line, "@ERRORS@\n"))
			put_errors();
		else
			fputs(line, stdout);
	}
	return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
