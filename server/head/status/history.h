/* history.h - the lines of all boots -> how long each step takes, which are slow, which nodes fail often. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_HISTORY_H
#define SERVER_HEAD_STATUS_HISTORY_H

#include "base/buf.h"
#include "server/head/status/event.h"

#define HISTORY_FILE "history.jsonl"

/* One line of the history. Texts are clean. */
struct boot {
	char who[64]; /* the node's name, else its address */
	char key[48]; /* who it is, whatever it is called: MAC, else address */
	int64_t began, ended;
	bool failed, lost;
	char code[16];
	char step[24]; /* that failed, or was the last one heard of */
	char step_name[EVENT_STEPS][24];
	int64_t step_ms[EVENT_STEPS];
	unsigned step_count;
};

/* All lines; one that a kill cut off, or that is no line of a history, is left out and counted. */
struct history {
	struct boot *boot; /* [count], owned */
	size_t count, room;
	size_t bad;
};

/* Takes one line in. 0, -EBADMSG or -ENOMEM. A line of the same node and beginning replaces the one before: a kill
 * between writing it and keeping that in mind makes two. */
int history_add(struct history *h, const char *line, size_t len) must_check;
/* All lines of the file PATH that begin at SINCE (ms since 1970) or later. 0 or -errno. */
int history_read(struct history *h, const char *path, int64_t since) must_check;
void history_free(struct history *h);

/* The table for people: boots, medians of each step and the nodes that are slowest in it, nodes that fail often. */
void history_words(struct buf *out, const struct history *h);

/* Adds LINE to the file of the folder DIR, whole: behind a line that a kill cut off, too. 0 or -errno. */
int history_append(const char *dir, const struct buf *line) must_check;

#endif
