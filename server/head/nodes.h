/* nodes.h - the nodes file, nodes(5) -> its rows; a changed row -> the same file, every other byte as it was. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_NODES_H
#define SERVER_HEAD_NODES_H

#include "base/buf.h"
#include "net/card.h"

#include <netinet/in.h>

/* What a row may say of a node. */
enum node_key { NODE_NAME, NODE_ID, NODE_ADDRESS, NODE_IMAGE, NODE_METHOD, NODE_BOOT, NODE_WORDS, NODE_KEYS };

/* "name", "node_id", ... */
extern const char *const node_key_names[NODE_KEYS];

/* One row. */
struct node_entry {
	char *pattern;          /* "00:02:b3:3f:78:8c", "00:02:b3:*" or "*" */
	char *value[NODE_KEYS]; /* NULL: the row does not say */
	size_t line;            /* which line of the file, from 0 */
};

/* A file as it was read. Release it with nodes_free. */
struct nodes {
	char **line; /* all of its lines, without their ends */
	size_t line_count;
	struct node_entry *node; /* rows in the file's order */
	size_t count;
};

/* Reads TEXT of LEN bytes. 0; -ENOMEM; -EINVAL, and WHY says which line and why: then NODES is empty. */
int nodes_read(const char *text, size_t len, struct nodes *nodes, struct buf *why) must_check;
/* The same with the file PATH; one that is not there has no rows. */
int nodes_read_file(const char *path, struct nodes *nodes, struct buf *why) must_check;
void nodes_free(struct nodes *nodes);

/* Adds the file's text to OUT. */
void nodes_write(const struct nodes *nodes, struct buf *out);

/* The row whose pattern is PATTERN, letter by letter; NULL: none. */
struct node_entry *nodes_row(const struct nodes *nodes, const char *pattern);

/* What holds for the machine with this card: each value of the first row whose pattern fits and that says it. The
 * values are the rows'; name, node_id and address come from a row of one machine only. True when any row fits. */
bool nodes_find(const struct nodes *nodes, const uint8_t mac[MAC_LEN], struct node_entry *found);

/* True when PATTERN is one machine's address. MAC, where not NULL, gets it. */
bool node_is_one(const char *pattern, uint8_t mac[MAC_LEN]);

/* Sets a value of the row PATTERN, which is added at the end where there is none; VALUE NULL or "" takes it away. Words
 * and comments of the line stay. 0; -ENOMEM; -EINVAL, and WHY. */
int nodes_set(struct nodes *nodes, const char *pattern, enum node_key key, const char *value,
	      struct buf *why) must_check;

/* Takes the row away. 0 or -ENOENT. */
int nodes_remove(struct nodes *nodes, const char *pattern) must_check;

/* "name" -> NODE_NAME. 0 or -ENOENT. */
int node_key_parse(const char *name, size_t len, enum node_key *key) must_check;

/* 0 when the value is one that KEY can have, else -EINVAL and WHY. */
int node_value_check(enum node_key key, const char *value, struct buf *why) must_check;

#endif
