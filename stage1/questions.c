/* questions.c - options with holes -> options a person filled, question by question, with Back everywhere. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/questions.h"

#include "methods/method.h"
#include "net/address.h"

/* One question: the key it fills, its words, and what there is to choose from. */
struct question {
	enum option_key key;
	const char *text;
	/* NULL: a line is typed */
	int (*list)(const struct options *o, const struct asked *a, struct choices *c);
};

/* ---- what there is to choose from; each 0 or -ENOMEM */

static int list_methods(const struct options *o, const struct asked *a, struct choices *c)
{
	int err = 0;

	(void)o;
	(void)a;
	for (size_t i = 0; methods[i] && !err; i++)
		err = choices_add(c, methods[i]->name, "%s", methods[i]->title);
	return err;
}

static int list_cards(const struct options *o, const struct asked *a, struct choices *c)
{
	int err = choices_add(c, "auto", "auto: the first with link and an answer");

	(void)o;
	return err ? err : choices_cards(c, a->sysfs, a->probe);
}

static int list_connections(const struct options *o, const struct asked *a, struct choices *c)
{
	static const struct {
		const char *value, *text;
	} kinds[] = {
		{ "dhcp", "DHCP" },
		{ "static", "Static" },
		{ "auto6", "IPv6 only, by the routers" },
		{ "dhcp6", "IPv6 only, by DHCP" },
	};
	int err = 0;

	(void)o;
	(void)a;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !err; i++)
		err = choices_add(c, kinds[i].value, "%s", kinds[i].text);
	return err;
}

static int list_disks(const struct options *o, const struct asked *a, struct choices *c)
{
	int err = choices_add(c, "auto", "auto: look on all of them, and wait for one that comes");

	return err ? err : choices_disks(c, a->sysfs, streq(o->value[KEY_METHOD], "cdrom"));
}

static int list_partitions(const struct options *o, const struct asked *a, struct choices *c)
{
	int err = choices_add(c, "auto", "auto: look on all of them");

	return err ? err : choices_partitions(c, a->sysfs, o->value[KEY_DISK] ? o->value[KEY_DISK] : "");
}

/* ---- the words of each question */

static const struct question questions[] = {
	{ KEY_METHOD, "Please choose the installation method.", list_methods },
	{ KEY_INTERFACE, "Please choose the NET device to use for the installation.", list_cards },
	{ KEY_NETWORK, "Please select your network connection type.", list_connections },
	{ KEY_IP, "IP address", NULL },
	{ KEY_NETMASK, "Netmask (nothing: by the address)", NULL },
	{ KEY_GATEWAY, "Gateway (nothing: none)", NULL },
	{ KEY_DNS, "Name server (nothing: none)", NULL },
	{ KEY_DISK, "Which disk has the image?", list_disks },
	{ KEY_PARTITION, "Which partition of it?", list_partitions },
	{ KEY_SERVER, "Server (name or address)", NULL },
	{ KEY_DIRECTORY, "Directory", NULL },
	{ KEY_IMAGE, "Image file (nothing: the classic install/stage2/...)", NULL },
	{ KEY_OPTIONS, "Mount options (nothing: the usual ones)", NULL },
	{ KEY_USER, "Login (nothing: none)", NULL },
	{ KEY_PASS, "Password", NULL },
	{ KEY_PROXY_HOST, "HTTP proxy (nothing: none)", NULL },
	{ KEY_PROXY_PORT, "Its port", NULL },
	{ KEY_DOLLY_TIMEOUT, "Seconds to wait for the dolly server", NULL },
	{ KEY_SESSION, "KA session", NULL },
};

static struct question question_for(enum option_key key)
{
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		if (questions[i].key == key)
			return questions[i];
	return (struct question){ key, key_table[key].name, NULL };
}

/* ---- answers */

const char *questions_objection(enum option_key key, const char *value)
{
	struct in_addr address;
	unsigned prefix;
	int64_t number;

	if (!*value)
		return NULL;
	switch (key) {
	case KEY_IP:
	case KEY_GATEWAY:
		return address_parse(value, &address) || !address_is_host(address) ? "Invalid IP address." : NULL;
	case KEY_NETMASK:
		return netmask_parse(value, &prefix) || !prefix ? "Invalid netmask: 255.255.255.0 or 24 is one." : NULL;
	case KEY_SERVER:
		return strpbrk(value, "/@ ") ? "Only the server's name or address; the path is asked for next." : NULL;
	case KEY_PROXY_PORT:
		return parse_number(value, 1, 65535, &number) ? "A number from 1 to 65535 is expected." : NULL;
	case KEY_DOLLY_TIMEOUT:
		return parse_number(value, 1, INT32_MAX, &number) ? "A number of seconds is expected." : NULL;
	default:
		return NULL;
	}
}

static bool is_required(const struct method *m, enum option_key key)
{
	for (const enum option_key *k = m->required; k && *k != KEY_COUNT; k++)
		if (*k == key)
			return true;
	return key == KEY_IP; /* it is asked for only where it is needed */
}

/* A line, asked for again while it cannot be right. 0, ASK_BACK or -errno. */
static int ask_line(struct options *o, const struct asked *a, const struct question *q, bool required)
{
	for (;;) {
		cleanup_free char *answer = NULL;
		int err = ask_text(a, q->text, o->value[q->key], q->key == KEY_PASS, &answer);
		const char *objection;

		if (err)
			return err;
		objection = required && !*answer ? "Something is needed here." : questions_objection(q->key, answer);
		if (!objection)
			return options_set(o, q->key, answer);
		screen_say(a->screen, "%s", objection);
	}
}

/* A choice; what O holds already is the default, even where it is none of the list. 0, ASK_BACK or -errno. */
static int ask_list(struct options *o, const struct asked *a, const struct question *q)
{
	const char *value = o->value[q->key];
	struct choices c = { 0 };
	size_t chosen = 0, default_item = 0;
	int err = q->list(o, a, &c);

	while (default_item < c.count && !streq(c.item[default_item].value, value))
		default_item++;
	if (!err && value && default_item == c.count && q->key != KEY_METHOD && q->key != KEY_NETWORK)
		err = choices_add(&c, value, "%s", value);
	if (!err)
		err = ask_choice(a, q->text, &c, default_item < c.count ? default_item : 0, &chosen);
	if (!err && q->key == KEY_DISK && !streq(value, c.item[chosen].value))
		err = options_set(o, KEY_PARTITION, ""); /* it was one of another disk */
	if (!err)
		err = options_set(o, q->key, c.item[chosen].value);
	choices_free(&c);
	return err;
}

static int ask_one(struct options *o, const struct asked *a, enum option_key key, bool required)
{
	struct question q = question_for(key);

	return q.list ? ask_list(o, a, &q) : ask_line(o, a, &q, required);
}

/* ---- the sequence */

/* One card is taken without a question, as it always was. */
static int count_cards(struct options *o, const struct asked *a, size_t *count)
{
	struct choices c = { 0 };
	int err = choices_cards(&c, a->sysfs, a->probe);
	const char *value = o->value[KEY_INTERFACE];

	*count = c.count;
	/* a name from the command line that is none would fail again and again */
	if (!err && c.count == 1 && value && !streq(value, c.item[0].value))
		err = options_set(o, KEY_INTERFACE, "auto");
	choices_free(&c);
	return err;
}

/* A disk without partitions is a volume itself. */
static bool has_partitions(const struct options *o, const struct asked *a)
{
	struct choices c = { 0 };
	bool has = o->value[KEY_DISK] && choices_partitions(&c, a->sysfs, o->value[KEY_DISK]) == 0 && c.count;

	choices_free(&c);
	return has;
}

/* A proxy's port without a proxy, a password without a login: nothing to ask. */
static bool key_applies(const struct options *o, const struct asked *a, enum option_key key)
{
	switch (key) {
	case KEY_PROXY_PORT:
		return o->value[KEY_PROXY_HOST];
	case KEY_PASS:
		return o->value[KEY_USER];
	case KEY_PARTITION:
		return has_partitions(o, a);
	default:
		return true;
	}
}

/* The keys to ask for, in order, into KEYS (room for KEY_COUNT and more); they depend on the answers so far. */
static size_t list_questions(const struct options *o, const struct asked *a, const struct method *m, size_t cards,
			     enum option_key *keys)
{
	static const enum option_key addresses[] = { KEY_IP, KEY_NETMASK, KEY_GATEWAY, KEY_DNS };
	const enum option_key *lists[] = { m->required, m->optional };
	size_t n = 0;

	if (m->needs & METHOD_NEEDS_NETWORK) {
		if (cards > 1)
			keys[n++] = KEY_INTERFACE;
		keys[n++] = KEY_NETWORK;
		for (size_t i = 0; i < ARRAY_SIZE(addresses) && streq(o->value[KEY_NETWORK], "static"); i++)
			keys[n++] = addresses[i];
	}
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (const enum option_key *key = lists[l]; key && *key != KEY_COUNT; key++)
			if (key_applies(o, a, *key))
				keys[n++] = *key;
	return n;
}

int questions_method(struct options *o, const struct asked *a)
{
	int err;

	screen_say(a->screen, "Enter keeps what is in brackets, - clears it, < goes back. Without a key for %lld s the",
		   (long long)(a->idle_ms / 1000));
	screen_say(a->screen, "node goes on as if nobody were here.");
	do
		err = ask_one(o, a, KEY_METHOD, true);
	while (err == ASK_BACK); /* nothing is before the first question */
	return err;
}

int questions_details(struct options *o, const struct asked *a)
{
	const struct method *m = method_find(o->value[KEY_METHOD]);
	enum option_key keys[KEY_COUNT * 2 + 8];
	size_t i = 0, cards;
	int err = count_cards(o, a, &cards);

	if (err)
		return err;
	if (!cards && (m->needs & METHOD_NEEDS_NETWORK))
		screen_say(a->screen, "No NET device found.");
	while (i < list_questions(o, a, m, cards, keys)) {
		err = ask_one(o, a, keys[i], is_required(m, keys[i]));
		if (err == ASK_BACK && i > 0)
			i--;
		else if (err)
			return err;
		else
			i++;
	}
	return 0;
}
