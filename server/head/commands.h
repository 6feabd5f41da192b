/* commands.h - the commands of head-node: each gets its own words, argv[0] its name, and gives the program's status. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_COMMANDS_H
#define SERVER_HEAD_COMMANDS_H

/* One row of the table in head-node.c. */
struct head_command {
	const char *name;
	int (*run)(int argc, char **argv); /* 0: done; 1: not, and why on stderr; 2: wrong usage */
	const char *words;                 /* one line of head-node's help */
};

/* status/show.c, status/daemon.c */
int head_status(int argc, char **argv);
int head_history(int argc, char **argv);
int head_status_daemon(int argc, char **argv);

#endif
