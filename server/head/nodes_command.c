/* nodes_command.c - `head-node nodes ...` -> the nodes file read, shown and changed; machines that it does not name. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/help.h"
#include "server/head/commands.h"
#include "server/head/files.h"
#include "server/head/nodes.h"
#include "server/head/say.h"
#include "server/head/seen.h"
#include "server/head/site.h"

#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

static const char usage_text[] =
	"usage: head-node nodes [--state DIR] [list]\n"
	"       head-node nodes [--state DIR] add PATTERN [KEY=VALUE ...]   a new row\n"
	"       head-node nodes [--state DIR] set PATTERN KEY=VALUE ...     KEY= takes the value away\n"
	"       head-node nodes [--state DIR] remove PATTERN\n"
	"       head-node nodes [--state DIR] --discover [--add PREFIX]     machines that no row names, as they "
	"appear\n"
	"  PATTERN  a card's address, 00:02:b3:3f:78:8c; its beginning, 00:02:b3:*; or * for all\n"
	"  KEY      name, node_id, address, image, method, boot (network or disk), words\n"
	"  --add    each gets a row: name PREFIX and a number, which is its node_id, too\n"
	"  --once   with --discover: those that were seen so far, and no more\n";

/* What the command line says. */
struct request {
	char *state;
	bool discover, once;
	const char *prefix; /* of --add; NULL: none */
	int argc;           /* the words that are no options */
	char **argv;
};

/* The nodes file in hand, locked against others that change it. */
struct desk {
	char *path;
	int lock;
	struct nodes nodes;
};

static int desk_open(const char *state, struct desk *d)
{
	cleanup_buf struct buf why = { 0 };
	cleanup_free char *lock = str_printf("%s/nodes.lock", state);
	int err = folder_make(state);

	d->path = str_printf("%s/nodes", state);
	d->lock = lock && !err ? open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
	if (d->lock < 0 || flock(d->lock, LOCK_EX) < 0) {
		head_say("%s: %s", state, strerror(err ? -err : errno));
		return -EIO;
	}
	err = nodes_read_file(d->path, &d->nodes, &why);
	if (err)
		head_say("%s: %s", d->path, buf_cstr(&why));
	return err;
}

static int desk_save(const struct desk *d)
{
	cleanup_buf struct buf text = { 0 };
	int changed;

	nodes_write(&d->nodes, &text);
	changed = file_put(d->path, &text);
	if (changed < 0)
		head_say("%s: %s", d->path, strerror(-changed));
	return MIN(changed, 0);
}

static void desk_close(struct desk *d)
{
	nodes_free(&d->nodes);
	free(d->path);
	if (d->lock >= 0)
		close(d->lock);
}

/* ---- list */

static int list(const struct request *r)
{
	struct desk d = { .lock = -1 };
	int err = desk_open(r->state, &d);

	for (size_t i = 0; i < d.nodes.count && !err; i++) {
		const struct node_entry *n = &d.nodes.node[i];

		printf("%-17s", n->pattern);
		for (int k = 0; k < NODE_KEYS; k++)
			if (n->value[k])
				printf(strchr(n->value[k], ' ') ? "  %s=\"%s\"" : "  %s=%s", node_key_names[k],
				       n->value[k]);
		putchar('\n');
	}
	desk_close(&d);
	return err ? 1 : 0;
}

/* ---- add, set, remove */

/* The pattern as the file has it: small letters and colons; in PLACE. */
static void tidy_pattern(char *place)
{
	for (char *p = place; *p; p++)
		*p = *p == '-' ? ':' : (char)tolower((unsigned char)*p);
}

static int set_one(struct nodes *nodes, const char *pattern, const char *word, struct buf *why)
{
	const char *equal = strchr(word, '=');
	enum node_key key;

	if (!equal || node_key_parse(word, (size_t)(equal - word), &key)) {
		buf_printf(why, "%s: what is that? KEY=VALUE is needed", word);
		return -EINVAL;
	}
	return nodes_set(nodes, pattern, key, equal + 1, why);
}

static int change(struct nodes *nodes, const struct request *r, struct buf *why)
{
	const char *pattern = r->argv[1];
	bool add = streq(r->argv[0], "add"), there = nodes_row(nodes, pattern) != NULL;
	int err = 0;

	if (add == there) {
		buf_printf(why,
			   add ? "%s has a row already: head-node nodes set" : "%s has no row: head-node nodes add",
			   pattern);
		return -EINVAL;
	}
	if (streq(r->argv[0], "remove"))
		return nodes_remove(nodes, pattern);
	if (add)
		err = nodes_set(nodes, pattern, NODE_WORDS, NULL, why);
	for (int i = 2; i < r->argc && !err; i++)
		err = set_one(nodes, pattern, r->argv[i], why);
	return err;
}

static int edit(const struct request *r)
{
	cleanup_buf struct buf why = { 0 };
	struct desk d = { .lock = -1 };
	int err = desk_open(r->state, &d);

	if (!err) {
		tidy_pattern(r->argv[1]);
		err = change(&d.nodes, r, &why);
		if (err)
			head_say("%s", buf_cstr(&why));
	}
	err = err ? err : desk_save(&d);
	desk_close(&d);
	return err ? 1 : 0;
}

/* ---- machines that no row names */

/* The first number from 1 on that is no row's node_id and, behind PREFIX, no row's name. */
static unsigned free_number(const struct nodes *nodes, const char *prefix)
{
	for (unsigned n = 1;; n++) {
		cleanup_free char *id = str_printf("%u", n), *name = str_printf("%s%u", prefix, n);
		bool taken = false;

		for (size_t i = 0; i < nodes->count; i++)
			taken |= streq(nodes->node[i].value[NODE_ID], id) ||
				 streq(nodes->node[i].value[NODE_NAME], name);
		if (!taken)
			return n;
	}
}

static int enter(struct nodes *nodes, const char *mac, const char *prefix, struct buf *why)
{
	unsigned n = free_number(nodes, prefix);
	cleanup_free char *id = str_printf("%u", n), *name = str_printf("%s%u", prefix, n);
	int err = id && name ? nodes_set(nodes, mac, NODE_NAME, name, why) : -ENOMEM;

	return err ? err : nodes_set(nodes, mac, NODE_ID, id, why);
}

/* Shows machine M where no row is its own, and enters it where that is asked for. */
static int show(struct nodes *nodes, const struct seen_machine *m, const char *prefix)
{
	cleanup_buf struct buf why = { 0 };
	char mac[MAC_TEXT_SIZE];

	if (nodes_row(nodes, mac_text(m->mac, mac)) || !m->pxe)
		return 0;
	if (prefix && enter(nodes, mac, prefix, &why)) {
		head_say("%s: %s", mac, buf_cstr(&why));
		return -EINVAL;
	}
	printf("%s  %s%s%s\n", mac, seen_firmware(m), prefix ? "  " : "",
	       prefix ? nodes_row(nodes, mac)->value[NODE_NAME] : "");
	return 0;
}

/* Those that were seen since the last call; *FROM: how many that were. */
static int discover_some(const struct request *r, size_t *from)
{
	cleanup_free char *path = str_printf("%s/seen", r->state);
	struct desk d = { .lock = -1 };
	struct seen seen = { 0 };
	int err = path ? seen_load(path, &seen) : -ENOMEM;

	err = err ? err : desk_open(r->state, &d);
	for (; *from < seen.count && !err; (*from)++)
		err = show(&d.nodes, &seen.machine[*from], r->prefix);
	if (!err && r->prefix)
		err = desk_save(&d);
	fflush(stdout);
	desk_close(&d);
	seen_free(&seen);
	return err;
}

static int discover(const struct request *r)
{
	cleanup_close int watch = inotify_init1(IN_CLOEXEC);
	char room[4096];
	size_t from = 0;
	int err = folder_make(r->state);

	if (!err && inotify_add_watch(watch, r->state, IN_MODIFY | IN_MOVED_TO) < 0)
		err = -errno;
	if (err)
		head_say("%s: %s", r->state, strerror(-err));
	while (!err) {
		err = discover_some(r, &from);
		if (r->once || err || read(watch, room, sizeof(room)) < 0)
			break;
	}
	return err ? 1 : 0;
}

/* ---- the command line */

static int parse(int argc, char **argv, struct request *r)
{
	static const struct option options[] = { { "state", 1, NULL, 's' },
						 { "discover", 0, NULL, 'd' },
						 { "once", 0, NULL, 'o' },
						 { "add", 1, NULL, 'a' },
						 { 0 } };
	const char *state = HEAD_STATE;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return -EINVAL;
		state = c == 's' ? optarg : state;
		r->prefix = c == 'a' ? optarg : r->prefix;
		r->discover |= c == 'd';
		r->once |= c == 'o';
	}
	r->argc = argc - optind;
	r->argv = argv + optind;
	r->state = strdup(state);
	return r->state ? 0 : -ENOMEM;
}

static int run(const struct request *r)
{
	const char *verb = r->argc > 0 ? r->argv[0] : "list";

	if (r->discover && r->argc == 0)
		return discover(r);
	if (streq(verb, "list") && r->argc <= 1)
		return list(r);
	if ((streq(verb, "add") && r->argc >= 2) || (streq(verb, "set") && r->argc >= 3) ||
	    (streq(verb, "remove") && r->argc == 2))
		return edit(r);
	fputs(usage_text, stderr);
	return 2;
}

int head_nodes(int argc, char **argv)
{
	struct request r = { 0 };
	int status = 2;

	if (help_given(argc, argv, "head-node nodes", usage_text))
		return 0;
	if (parse(argc, argv, &r) == 0)
		status = run(&r);
	else
		fputs(usage_text, stderr);
	free(r.state);
	return status;
}
