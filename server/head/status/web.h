/* web.h - the model -> a page, JSON, live events and Prometheus text, by HTTP. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_WEB_H
#define SERVER_HEAD_STATUS_WEB_H

#include "base/buf.h"
#include "server/head/status/model.h"

struct web;

/* Serves on the listening socket FD, which is then its own. Whatever changes something asks for TOKEN. DIR: the state
 * folder, for the history. M and the strings stay the caller's. NULL with errno set. */
struct web *web_open(int fd, struct model *m, const char *dir, const char *token);
void web_close(struct web *w);

/* The descriptor to poll for POLLIN; how long to wait at most, ms, -1: for ever. */
int web_fd(const struct web *w);
int64_t web_wait(const struct web *w);
/* Does what is to be done now; never waits. */
void web_run(struct web *w);
/* Once a second, NOW in ms since 1970: tells those who listen what changed. */
void web_tick(struct web *w, int64_t now);

/* Adds the text for Prometheus. */
void web_metrics(struct buf *out, const struct model *m);

#endif
