/* state.h - the model <-> its file in the state folder; the lock, the token; what the chain's server says there. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_STATE_H
#define SERVER_HEAD_STATUS_STATE_H

#include "server/head/status/model.h"

#define STATE_DIR  "/var/lib/head-node"
#define STATE_FILE "status.json"
#define CHAIN_FILE "chain"

/* Makes DIR where it is not there, and takes its lock, *FD, until that is closed. 0, -EWOULDBLOCK or -errno. */
int state_lock(const char *dir, int *fd) must_check;

/* The secret in DIR/token, made by chance where there is none; only its owner can read it. 0 or -errno. */
int state_token(const char *dir, char *token, size_t size) must_check;

/* M -> DIR/status.json, whole or not at all. 0 or -errno. */
int state_save(const char *dir, const struct model *m, int64_t now) must_check;
/* DIR/status.json -> the empty model M, which stays empty where there is none. 0, -EBADMSG or -errno. */
int state_load(const char *dir, struct model *m) must_check;
/* The same; *SAVED: when it was, ms since 1970; 0: never. */
int state_load_when(const char *dir, struct model *m, int64_t *saved) must_check;

/* Which file of the chain was read. */
struct chain_file {
	int64_t changed; /* of the file, ns since 1970; 0: there was none */
};

/* Reads DIR/chain where it changed; lines of it are what `dolly -C` writes: node ADDRESS PARENT STATE BYTES SIZE
 * RATE. Where it is gone, or older than a minute, the chain is over. */
void chain_read(struct chain_file *f, const char *dir, struct model *m, int64_t now);

/* Pure: the lines of such a file. */
void chain_take(struct model *m, const char *text, size_t len, int64_t now);

#endif
