/* status_server.h - the status port -> connections whose lines are under the session's key; whose are not is shown out.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_STATUS_SERVER_H
#define CLONE_STATUS_SERVER_H

#include "clone/status_wire.h"

#include <netinet/in.h>

#define STATUS_VIEWERS 64        /* connections at once; more are closed */
#define STATUS_KEEP    (1 << 20) /* bytes that a slow viewer may leave unread */

/* One connection. */
struct status_viewer {
	int fd; /* -1: none */
	struct in_addr from;
	struct status_lines lines;
	struct buf in, out;
	bool known;       /* a line under the key has come */
	bool closing;     /* what is in OUT goes out, then it ends */
	int64_t deadline; /* now_ms: a stranger's end; of one that closes, too */
	/* the server's owner's */
	bool wants_log;
	int64_t offset; /* how far the log has gone there */
};

struct status_server {
	int fd;
	struct hash key;
	char name[256]; /* this machine's */
	struct status_viewer viewer[STATUS_VIEWERS];
	void *owner;
	/* A line under the key. */
	void (*line)(struct status_server *s, struct status_viewer *v, const char *text);
	/* The connection ends; may be NULL. */
	void (*gone)(struct status_server *s, struct status_viewer *v);
};

/* Listens on PORT of all IPv4 addresses. 0 or -errno. */
int status_server_open(struct status_server *s, const char *key_file, uint16_t port) must_check;

/* Waits at most MS for something to happen, EXTRA's descriptor (poll's, -1: none) included, and does what is to be
 * done. True when EXTRA is ready. */
bool status_server_step(struct status_server *s, int extra, int ms);

/* Text for V; cut where V leaves too much unread. */
void status_server_say(struct status_viewer *v, const char *text, size_t len);

/* The key in the file PATH. 0 or -errno, with a word on stderr. */
int status_load_key(const char *path, struct hash *key) must_check;

#endif
