/* status_client.h - a host's status port -> a connection whose lines this side puts under the session's key. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_STATUS_CLIENT_H
#define CLONE_STATUS_CLIENT_H

#include "clone/status_wire.h"

/* A connection. {.fd = -1} before. */
struct status_link {
	int fd;
	struct status_lines lines;
	struct buf in; /* bytes that no line was made of yet */
};

/* Connects to HOST, a name or an IPv4 address, and hears its greeting, within 10 s. 0 or -errno. */
int status_connect(struct status_link *l, const char *host, uint16_t port, const char *key_file) must_check;

/* Sends TEXT as a line. 0 or -errno. */
int status_send(struct status_link *l, const char *text) must_check;

/* The next line, without its end, owned by the caller; waits until DEADLINE (now_ms). NULL: *ERR is -ETIMEDOUT, -EPIPE
 * at the end, or another. */
char *status_next(struct status_link *l, int64_t deadline, int *err) must_check;

void status_disconnect(struct status_link *l);

/* One line to HOST, which has to answer "ok". 0 or -errno; -EACCES: it is refused. */
int status_say(const char *host, uint16_t port, const char *key_file, const char *text) must_check;

#endif
