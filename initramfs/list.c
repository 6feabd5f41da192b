/* list.c - the text of modules.list -> rules. Pure: reads bytes, touches nothing. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/list.h"

#include <fnmatch.h>

/* The part of TEXT..END without blanks around it and without a # comment. */
static void trim(const char **text, const char **end)
{
	const char *hash = memchr(*text, '#', (size_t)(*end - *text));

	if (hash)
		*end = hash;
	while (*text < *end && strchr(" \t\r", **text) && **text)
		(*text)++;
	while (*end > *text && strchr(" \t\r", (*end)[-1]) && (*end)[-1])
		(*end)--;
}

/* "[virtual cards] fast" -> PACK_FAST. False when it is no such line. */
static bool parse_group(const char *text, const char *end, enum packing *packing)
{
	static const char *const words[] = { [PACK_SMALL] = "small", [PACK_FAST] = "fast", [PACK_PLAIN] = "plain" };
	const char *close = memchr(text, ']', (size_t)(end - text));
	size_t len;

	if (!close || close == text + 1)
		return false;
	text = close + 1;
	trim(&text, &end);
	len = (size_t)(end - text);
	*packing = PACK_SMALL;
	if (!len)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (len == strlen(words[i]) && memcmp(text, words[i], len) == 0) {
			*packing = (enum packing)i;
			return true;
		}
	}
	return false;
}

/* True when all of TEXT is of characters that names of modules and folders are made of, and * ? [ ]. */
static bool plausible(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./*?[]+,";

	return *text && *text != '/' && strspn(text, letters) == strlen(text) && !strstr(text, "..");
}

/* Takes the marks ! and ? off TEXT and fills RULE. 0, -EINVAL or -ENOMEM. */
static int parse_rule(struct rule *rule, const char *text, const char *end)
{
	size_t len;

	for (; text < end; text++) {
		if (*text == '!' && !rule->exclude)
			rule->exclude = true;
		else if (*text == '?' && !rule->optional)
			rule->optional = true;
		else
			break;
	}
	if (end - text > 7 && memcmp(text, "kernel/", 7) == 0)
		text += 7;
	len = text < end ? (size_t)(end - text) : 0;
	rule->text = strndup(text, len);
	if (!rule->text)
		return -ENOMEM;
	if (strlen(rule->text) != len || !plausible(rule->text))
		return -EINVAL;
	if (strpbrk(rule->text, "*?["))
		rule->kind = RULE_PATTERN;
	else if (strchr(rule->text, '/'))
		rule->kind = RULE_FOLDER;
	else
		rule->kind = RULE_MODULE;
	return 0;
}

static int add_rule(struct module_list *list, const struct rule *rule)
{
	struct rule *more = realloc(list->rule, (list->count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	list->rule = more;
	list->rule[list->count++] = *rule;
	return 0;
}

int list_parse(struct module_list *list, const char *text, size_t len, const char *name, struct buf *errors)
{
	const char *stop = text + len;
	enum packing packing = PACK_SMALL;
	bool bad = false;

	*list = (struct module_list){ 0 };
	for (unsigned line = 1; text < stop; line++) {
		const char *newline = memchr(text, '\n', (size_t)(stop - text));
		const char *end = newline ? newline : stop, *start = text;
		struct rule rule = { .packing = packing, .line = line };
		int err = 0;

		text = newline ? newline + 1 : stop;
		trim(&start, &end);
		if (start == end)
			continue;
		if (*start == '[') {
			if (parse_group(start, end, &packing))
				continue;
			bad = true;
			buf_printf(errors, "%s:%u: a group is written [NAME], [NAME] fast or [NAME] plain\n", name,
				   line);
			continue;
		}
		err = parse_rule(&rule, start, end);
		if (!err)
			err = add_rule(list, &rule);
		if (!err)
			continue;
		free(rule.text);
		if (err == -ENOMEM)
			return err;
		bad = true;
		buf_printf(errors,
			   "%s:%u: a line is a module (e1000), a folder (drivers/net/ethernet/) or a pattern "
			   "(hid-*), with ! before it to leave it out, ? where it may be missing\n",
			   name, line);
	}
	return errors->failed ? -ENOMEM : bad ? -EINVAL : 0;
}

void list_free(struct module_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->rule[i].text);
	free(list->rule);
	*list = (struct module_list){ 0 };
}

static char dash(char c)
{
	return c == '_' ? '-' : c;
}

bool same_module(const char *a, const char *b)
{
	while (*a && dash(*a) == dash(*b)) {
		a++;
		b++;
	}
	return dash(*a) == dash(*b);
}

bool rule_matches(const struct rule *rule, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(rule->text);

	switch (rule->kind) {
	case RULE_MODULE:
		return same_module(rule->text, name);
	case RULE_PATTERN:
		return fnmatch(rule->text, strchr(rule->text, '/') ? path : name, FNM_PATHNAME) == 0;
	case RULE_FOLDER:
		return strncmp(path, rule->text, len) == 0 && (rule->text[len - 1] == '/' || path[len] == '/');
	}
	return false;
}
