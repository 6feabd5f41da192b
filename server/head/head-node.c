/* head-node.c - `head-node COMMAND ...` -> that command; the table of commands. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"
#include "base/help.h"
#include "server/head/commands.h"

#include <stdio.h>
#include <string.h>

static const struct head_command commands[] = {
	{ "status", head_status, "how far each node is, errors first" },
	{ "history", head_history, "medians of all boots, slowest steps, nodes that fail often" },
	{ "status-daemon", head_status_daemon, "takes what nodes say of themselves, and shows it as a page" },
	{ 0 },
};

static const struct head_command *find(const char *name)
{
	for (const struct head_command *c = commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

/* The help of the program, from the table. */
static void add_usage(struct buf *out)
{
	buf_printf(out, "usage: head-node COMMAND ...\n");
	for (const struct head_command *c = commands; c->name; c++)
		buf_printf(out, "  %-14s %s\n", c->name, c->words);
	buf_printf(out, "`head-node COMMAND --help` says more. Exit status: 0 done; 1 not, and why; 2 wrong usage.\n");
}

int main(int argc, char **argv)
{
	cleanup_buf struct buf usage = { 0 };
	const struct head_command *c = argc > 1 ? find(argv[1]) : NULL;

	add_usage(&usage);
	if (help_given(argc, argv, "head-node", buf_cstr(&usage)))
		return 0;
	if (c)
		return c->run(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "head-node: there is no command %s\n", argv[1]);
	fputs(buf_cstr(&usage), stderr);
	return 2;
}
