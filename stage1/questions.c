/* questions.c - options with holes -> options a person filled, question by question, with Back everywhere. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/questions.h"

#include "methods/method.h"
#include "stage1/ask.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CARDS 64 /* shown; more cannot be chosen from on one screen, but interface: takes any name */

/* ---- one question each; all return 0, ASK_BACK or -errno */

static int ask_key(struct options *o, struct screen *s, enum option_key key, const char *question)
{
	cleanup_free char *answer = NULL;
	int err = ask_text(s, question, o->value[key], key == KEY_PASS, &answer);

	return err ? err : options_set(o, key, answer);
}

/* "eth0 (e1000)": the name and its driver, as the kernel links them. */
static void describe_card(const char *name, char *text, size_t size)
{
	char path[300], driver[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", name);
	n = readlink(path, driver, sizeof(driver) - 1);
	driver[n > 0 ? n : 0] = '\0';
	snprintf(text, size, "%s (%s)", name, n > 0 ? strrchr(driver, '/') + 1 : "?");
}

static int ask_card(struct options *o, struct screen *s)
{
	char names[MAX_CARDS][16], texts[MAX_CARDS][300];
	const char *items[MAX_CARDS + 1] = { "auto: the first with link and an answer" };
	size_t count = 0, chosen, default_item = 0;
	DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;
	int err;

	while (dir && count < MAX_CARDS && (entry = readdir(dir))) {
		char path[300];

		snprintf(path, sizeof(path), "/sys/class/net/%s/device", entry->d_name);
		if (access(path, F_OK) || str_copy(names[count], sizeof(names[count]), entry->d_name))
			continue;
		if (streq(o->value[KEY_INTERFACE], names[count]))
			default_item = count + 1;
		describe_card(names[count], texts[count], sizeof(texts[count]));
		items[count + 1] = texts[count];
		count++;
	}
	if (dir)
		closedir(dir);
	if (count < 2)
		return 0; /* the original's users know: one card is taken without a question */
	err = ask_choice(s, "Please choose the NET device to use for the installation.", items, count + 1, default_item,
			 &chosen);
	return err ? err : options_set(o, KEY_INTERFACE, chosen ? names[chosen - 1] : "auto");
}

static int ask_connection(struct options *o, struct screen *s)
{
	static const char *const items[] = { "DHCP", "Static" };
	static const char *const values[] = { "dhcp", "static" };
	size_t chosen;
	int err = ask_choice(s, "Please select your network connection type.", items, 2,
			     streq(o->value[KEY_NETWORK], "static"), &chosen);

	return err ? err : options_set(o, KEY_NETWORK, values[chosen]);
}

/* The four addresses of a static network, each one Back from the one before. */
static const struct {
	enum option_key key;
	const char *question;
} static_fields[] = {
	{ KEY_IP, "IP address" },
	{ KEY_NETMASK, "Netmask (nothing: by the address)" },
	{ KEY_GATEWAY, "Gateway (nothing: none)" },
	{ KEY_DNS, "Name server (nothing: none)" },
};

static const char *question_for(enum option_key key)
{
	switch (key) {
	case KEY_SERVER:
		return "Server (name or address)";
	case KEY_DIRECTORY:
		return "Directory on it";
	case KEY_IMAGE:
		return "Image file (nothing: the classic install/stage2/...)";
	case KEY_USER:
		return "Login (nothing: none)";
	case KEY_PASS:
		return "Password";
	case KEY_DISK:
		return "Disk";
	case KEY_PARTITION:
		return "Partition";
	case KEY_PROXY_HOST:
		return "HTTP proxy (nothing: none)";
	case KEY_PROXY_PORT:
		return "Its port";
	default:
		return key_table[key].name;
	}
}

/* ---- the sequence */

/* The questions of one method, in order; those that do not apply are not in it. */
struct question {
	enum { ASK_CARD, ASK_CONNECTION, ASK_STATIC, ASK_KEY } what;
	size_t field; /* index into static_fields, or the key */
};

/* A proxy's port without a proxy, a password without a login: nothing to ask. */
static bool key_applies(const struct options *o, enum option_key key)
{
	if (key == KEY_PROXY_PORT)
		return o->value[KEY_PROXY_HOST];
	return key != KEY_PASS || o->value[KEY_USER];
}

static size_t list_questions(const struct options *o, const struct method *m, struct question *q)
{
	const enum option_key *lists[] = { m->required, m->optional };
	size_t n = 0;

	if (m->needs & METHOD_NEEDS_NETWORK) {
		q[n++] = (struct question){ .what = ASK_CARD };
		q[n++] = (struct question){ .what = ASK_CONNECTION };
		for (size_t i = 0; i < ARRAY_SIZE(static_fields) && streq(o->value[KEY_NETWORK], "static"); i++)
			q[n++] = (struct question){ .what = ASK_STATIC, .field = i };
	}
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (const enum option_key *key = lists[l]; key && *key != KEY_COUNT; key++)
			if (key_applies(o, *key))
				q[n++] = (struct question){ .what = ASK_KEY, .field = *key };
	return n;
}

static int ask_one(struct options *o, struct screen *s, const struct question *q)
{
	switch (q->what) {
	case ASK_CARD:
		return ask_card(o, s);
	case ASK_CONNECTION:
		return ask_connection(o, s);
	case ASK_STATIC:
		return ask_key(o, s, static_fields[q->field].key, static_fields[q->field].question);
	default:
		return ask_key(o, s, (enum option_key)q->field, question_for((enum option_key)q->field));
	}
}

int questions_method(struct options *o, struct screen *s)
{
	const char *titles[16];
	size_t count = 0, chosen, default_item = 0;
	int err;

	for (; methods[count] && count < ARRAY_SIZE(titles); count++) {
		titles[count] = methods[count]->title;
		if (streq(o->value[KEY_METHOD], methods[count]->name))
			default_item = count;
	}
	screen_say(s, "Enter keeps what is in brackets, - clears it, < goes back.");
	do
		err = ask_choice(s, "Please choose the installation method.", titles, count, default_item, &chosen);
	while (err == ASK_BACK); /* nothing is before the first question */
	return err ? err : options_set(o, KEY_METHOD, methods[chosen]->name);
}

int questions_details(struct options *o, struct screen *s)
{
	const struct method *m = method_find(o->value[KEY_METHOD]);
	struct question q[KEY_COUNT * 2 + 8];
	size_t i = 0;

	while (m && i < list_questions(o, m, q)) {
		int err;

		list_questions(o, m, q);
		err = ask_one(o, s, &q[i]);
		if (err == ASK_BACK && i > 0)
			i--;
		else if (err)
			return err;
		else
			i++;
	}
	return 0;
}
