/* options.c - kernel command line -> struct options; what is not understood becomes a warning, never a failure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options/options.h"

#include <ctype.h>

const struct key_info key_table[KEY_COUNT] = {
#define KEY(id, name, alias, values, example, meaning) [KEY_##id] = { name, alias, values, example },
#include "options/keys.def"
#undef KEY
};

/* ---- lists of words */

static int words_add(struct words *w, const char *word)
{
	char **more = realloc(w->word, (w->count + 1) * sizeof(*more));
	char *copy = strdup(word);

	if (more)
		w->word = more;
	if (!more || !copy) {
		free(copy);
		return -ENOMEM;
	}
	w->word[w->count++] = copy;
	return 0;
}

static void words_free(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->word[i]);
	free(w->word);
	*w = (struct words){ 0 };
}

static int warn(struct options *o, char *words)
{
	int err = words ? words_add(&o->warnings, words) : -ENOMEM;

	free(words);
	return err;
}

/* Sets *FIELD to a copy of VALUE unless it has one: the first occurrence wins. */
static int set_first(const char **field, const char *value)
{
	if (*field || !*value)
		return 0;
	*field = strdup(value);
	return *field ? 0 : -ENOMEM;
}

/* ---- nearest known word, for the warnings */

/* Edits (insert, delete, replace) that make B of A; 99 for words too long to be a slip of the finger. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[33];
	size_t la = strlen(a), lb = strlen(b);

	if (la > 32 || lb > 32)
		return 99;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
			unsigned edit = MIN(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = MIN(replace, edit);
		}
	}
	return row[lb];
}

/* How many slips lead from NAME to another word that is meant: one in a short word, two in a longer one. */
static unsigned most_slips(const char *name)
{
	return strlen(name) < 3 ? 0 : strlen(name) < 5 ? 1 : 2;
}

/* The key that is probably meant by NAME; NULL where none is near. */
static const char *nearest_key(const char *name)
{
	const char *best = NULL;
	unsigned best_distance = most_slips(name) + 1;

	for (size_t i = 0; i < KEY_COUNT; i++) {
		unsigned distance = edit_distance(name, key_table[i].name);

		/* "net" and "proxy" are beginnings, not slips */
		if (strlen(name) >= 3 && starts_with(key_table[i].name, name))
			distance = MIN(distance, 1u);
		if (distance < best_distance && 2 * distance < strlen(key_table[i].name)) {
			best_distance = distance;
			best = key_table[i].name;
		}
	}
	return best;
}

/* ---- automatic= */

static int find_key(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (streq(name, key_table[i].name) || (*name && streq(name, key_table[i].alias)))
			return (int)i;
	return -1;
}

/* ADSL was the ancestor's: its keys are named, so that who checks the options can refuse them. */
static bool is_adsl(const char *name)
{
	static const char *const keys[] = { "adsluser", "adslpass", "adslu", "adslp" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (streq(name, keys[i]))
			return true;
	return false;
}

static int unknown_key(struct options *o, const char *name)
{
	const char *near = nearest_key(name);

	return warn(o, near ? str_printf("automatic: unknown key '%s'; did you mean '%s'?", name, near)
			    : str_printf("automatic: unknown key '%s'; automatic(7) lists them", name));
}

/* A key of few words that has another one changes nothing about the boot, but somebody meant something by it. */
static int warn_of_word(struct options *o, enum option_key key)
{
	const char *words = key_table[key].values, *value = o->value[key];
	size_t len = strlen(value);

	for (const char *word = words; *word;) {
		size_t n = strcspn(word, "|");

		if (n == len && memcmp(word, value, n) == 0)
			return 0;
		word += n + (word[n] == '|');
	}
	return warn(o, str_printf("automatic: %s:%s is none of %s; it counts as not given", key_table[key].name, value,
				  words));
}

static int add_pair(struct options *o, char *pair)
{
	char *colon = strchr(pair, ':');
	int key, err;

	if (!*pair)
		return 0; /* a comma too many is harmless */
	if (!colon)
		return warn(o, str_printf("automatic: '%s' has no colon; key:value is expected", pair));
	*colon = '\0';
	if (is_adsl(pair)) {
		o->adsl = true;
		return 0;
	}
	key = find_key(pair);
	if (key < 0)
		return unknown_key(o, pair);
	if (o->value[key])
		return warn(o, str_printf("automatic: '%s' is given twice; the first one counts", pair));
	err = set_first(&o->value[key], colon + 1);
	if (!err && o->value[key] && (key == KEY_ONFAIL || key == KEY_PROBE))
		err = warn_of_word(o, (enum option_key)key);
	return err;
}

int options_add_automatic(struct options *o, const char *value)
{
	char *copy = strdup(value), *rest = copy, *pair;
	int err = copy ? 0 : -ENOMEM;

	o->automatic = true;
	while (!err && (pair = strsep(&rest, ",")))
		err = add_pair(o, pair);
	free(copy);
	return err;
}

int options_set(struct options *o, enum option_key key, const char *value)
{
	char *copy = *value ? strdup(value) : NULL;

	if (*value && !copy)
		return -ENOMEM;
	free((char *)o->value[key]);
	o->value[key] = copy;
	return 0;
}

int options_number(const struct options *o, enum option_key key, int64_t min, int64_t max, int64_t default_value,
		   int64_t *out, struct failure *f)
{
	*out = default_value;
	if (!o->value[key])
		return 0;
	if (parse_number(o->value[key], min, max, out) == 0)
		return 0;
	return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "%s:%s is no number from %lld to %lld", key_table[key].name,
		    o->value[key], (long long)min, (long long)max);
}

/* ---- the other words */

/* Words that init(8) programs understand and that are not ours. */
static bool is_init_arg(const char *word)
{
	static const char *const known[] = { "single", "s", "S",         "1",  "2",  "3",
					     "4",      "5", "emergency", "-b", "-s", "auto" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(word, known[i]))
			return true;
	return false;
}

static bool is_module_option(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && name[n] == '.' && name[n + 1];
}

static int add_blacklist(struct options *o, char *names)
{
	char *name;
	int err = 0;

	while (!err && (name = strsep(&names, ",")))
		if (*name)
			err = words_add(&o->blacklist, name);
	return err;
}

static int set_ramdisk_size(struct options *o, const char *value)
{
	if (o->ramdisk_size_kib >= 0 || parse_number(value, 1, INT64_MAX / KIB, &o->ramdisk_size_kib) == 0)
		return 0;
	return warn(o, str_printf("ramdisk_size=%s is no size in KiB", value));
}

/* A word with a value: NAME=VALUE. */
static int add_setting(struct options *o, const char *name, char *value)
{
	unsigned slips;

	if (streq(name, "automatic"))
		return options_add_automatic(o, value);
	if (streq(name, "node_id"))
		return set_first(&o->node_id, value);
	if (streq(name, "root"))
		return set_first(&o->root, value);
	if (streq(name, "init"))
		return set_first(&o->init, value);
	if (streq(name, "ip"))
		return words_add(&o->ips, value);
	if (streq(name, "nameserver"))
		return words_add(&o->nameservers, value);
	if (streq(name, "BOOTIF"))
		return set_first(&o->bootif, value);
	if (streq(name, "ramdisk_size"))
		return set_ramdisk_size(o, value);
	if (streq(name, "console"))
		return words_add(&o->consoles, value);
	if (streq(name, "modprobe.blacklist") || streq(name, "module_blacklist"))
		return add_blacklist(o, value);
	slips = edit_distance(name, "automatic");
	if (slips > 0 && slips <= 2)
		return warn(o, str_printf("'%s=' is not known; did you mean 'automatic='?", name));
	return 0;
}

/* A word without a value. */
static int add_flag(struct options *o, const char *word)
{
	static const struct {
		const char *word;
		size_t offset;
	} flags[] = {
		{ "automatic", offsetof(struct options, automatic) },
		{ "rescue", offsetof(struct options, rescue) },
		{ "kamethod", offsetof(struct options, kamethod) },
		{ "dollymethod", offsetof(struct options, dollymethod) },
		{ "keepmounted", offsetof(struct options, keepmounted) },
		{ "noauto", offsetof(struct options, noauto) },
		{ "netauto", offsetof(struct options, netauto) },
		{ "rw", offsetof(struct options, read_write) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (streq(word, flags[i].word))
			*(bool *)((char *)o + flags[i].offset) = true;
	return is_init_arg(word) ? words_add(&o->init_args, word) : 0;
}

/* ---- the line */

/* Cuts the next word off *REST as the kernel does (lib/cmdline.c: double quotes keep blanks and are taken off around
 * the word or the value). *VALUE is NULL where there is no '='. False at the end of the line. */
static bool next_word(char **rest, char **name, char **value)
{
	char *p = *rest, *equals = NULL;
	bool quoted = false, in_quotes = false;

	while (isspace((unsigned char)*p))
		p++;
	if (!*p)
		return false;
	if (*p == '"') {
		p++;
		quoted = in_quotes = true;
	}
	*name = p;
	for (; *p && (in_quotes || !isspace((unsigned char)*p)); p++) {
		if (*p == '=' && !equals)
			equals = p;
		if (*p == '"')
			in_quotes = !in_quotes;
	}
	*rest = *p ? p + 1 : p;
	*p = '\0';
	if (quoted && p > *name && p[-1] == '"')
		*--p = '\0';
	*value = NULL;
	if (equals) {
		*equals = '\0';
		*value = equals + 1;
		if (**value == '"') {
			++*value;
			if (p > *value && p[-1] == '"')
				p[-1] = '\0';
		}
	}
	return true;
}

/* Behind -- nothing is ours: all of it is for init, as the kernel gives it (init/main.c, set_init_arg). */
static int add_init_word(struct options *o, const char *name, const char *value)
{
	cleanup_free char *word = value ? str_printf("%s=%s", name, value) : strdup(name);

	return word ? words_add(&o->init_args, word) : -ENOMEM;
}

int options_parse(struct options *o, const char *line)
{
	char *copy, *rest, *name, *value;
	bool for_init = false;
	int err;

	*o = (struct options){ .ramdisk_size_kib = -1 };
	o->line = strdup(line);
	copy = rest = strdup(line);
	err = o->line && copy ? 0 : -ENOMEM;
	while (!err && next_word(&rest, &name, &value)) {
		if (for_init) {
			err = add_init_word(o, name, value);
		} else if (!value && streq(name, "--")) {
			for_init = true;
		} else if (is_module_option(name) && !starts_with(name, "modprobe.")) {
			char *word = value ? str_printf("%s=%s", name, value) : strdup(name);

			err = word ? words_add(&o->module_options, word) : -ENOMEM;
			free(word);
		} else if (value) {
			err = add_setting(o, name, value);
		} else {
			err = add_flag(o, name);
		}
	}
	if (o->kamethod)
		o->rescue = true;
	free(copy);
	return err;
}

void options_free(struct options *o)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		free((char *)o->value[i]);
	free(o->line);
	free((char *)o->node_id);
	free((char *)o->root);
	free((char *)o->init);
	words_free(&o->ips);
	words_free(&o->nameservers);
	free((char *)o->bootif);
	words_free(&o->consoles);
	words_free(&o->module_options);
	words_free(&o->blacklist);
	words_free(&o->init_args);
	words_free(&o->warnings);
	*o = (struct options){ .ramdisk_size_kib = -1 };
}
