/* advice.c - a failure + what was typed -> what to try, without a word that does not fit. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options/advice.h"

static const char *value_of(const struct options *o, const char *name, size_t len)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strlen(key_table[i].name) == len && starts_with(name, key_table[i].name))
			return o->value[i];
	return NULL;
}

/* VALUE is one of LIST, LEN bytes of "a|b|c". */
static bool is_one_of(const char *value, const char *list, size_t len)
{
	const char *end = list + len;

	while (value && list < end) {
		size_t n = strcspn(list, "|] ");

		if (strlen(value) == n && memcmp(value, list, n) == 0)
			return true;
		list += n + 1;
	}
	return false;
}

/* One word of a condition, LEN bytes at WORD. */
static bool holds(const char *word, size_t len, const struct options *o, enum advice_reader reader)
{
	size_t name = strcspn(word, ":=] ");

	if (*word == '-')
		return !holds(word + 1, len - 1, o, reader);
	if (len == 4 && starts_with(word, "node"))
		return reader == ADVICE_NODE;
	if (len == 5 && starts_with(word, "init="))
		return o->init;
	if (word[name] == ':')
		return value_of(o, word, name);
	return is_one_of(value_of(o, word, name), word + name + 1, len - name - 1);
}

const char *advice_line(const char *line)
{
	return *line == '[' ? strchr(line, ']') + 2 : line;
}

static bool fits(const char *line, const struct options *o, enum advice_reader reader)
{
	const char *word = line + 1, *end = advice_line(line) - 2;

	for (; *line == '[' && word < end; word += strcspn(word, "] ") + 1)
		if (!holds(word, strcspn(word, "] "), o, reader))
			return false;
	return true;
}

void advice_words(struct buf *out, enum fail_id id, const struct options *o, enum advice_reader reader)
{
	const char *line = fail_advice(id);

	for (size_t n; *line; line += n + (line[n] == '\n')) {
		const char *text = advice_line(line);

		n = strcspn(line, "\n");
		if (fits(line, o, reader))
			buf_printf(out, "%s%.*s", out->len ? "\n" : "", (int)(line + n - text), text);
	}
}
