/* dolly.h - what the parts of the dolly program share: the command line as a struct, server, client, screen. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_DOLLY_H
#define SERVER_DOLLY_H

#include "relay/dolly/conf.h"
#include "relay/dolly/down.h"
#include "relay/dolly/up.h"
#include "relay/relay.h"

#include <signal.h>

/* The command line. Strings are those of argv. */
struct dolly_options {
	bool server;
	bool verbose, quiet;
	bool no_sync;
	bool force;                           /* -F: a device is written although it is in use */
	bool any_file;                        /* -A: a server without a password may name any file */
	bool wake;                            /* -d: the nodes' services are woken first */
	const char *config;                   /* -f */
	const char *infile, *outfile, *hosts; /* -I -O -H */
	const char *password;                 /* -P */
	const char *log;                      /* -o: statistics are appended there */
	const char *chain;                    /* -C: who has how much from whom, each second */
	int64_t timeout_s;                    /* -a, 0: not given */
	int64_t start_s;                      /* -t, 0: not given */
	int64_t return_s;                     /* -w, 0: not given */
	uint16_t port;                        /* -p: the extension's port, 0: 9995 */
};

/* The signal that told us to stop, 0: none yet. */
extern volatile sig_atomic_t dolly_stop_signal;
/* SIGINT and SIGTERM end a transfer in words; one that was ignored when we were started (nohup, a script's background)
 * stays ignored. */
void dolly_catch_signals(void);

/* One transfer as the server; the exit status. */
int dolly_server(const struct dolly_options *o);
/* One transfer as a client; the exit status. */
int dolly_client(const struct dolly_options *o);

/* Addresses of NAME (or of the text of an address). 0, or -ENOENT with words in ERROR. */
/* All addresses of NAME, *COUNT of them, malloc'ed. 0, or -ENOENT with words in ERROR. */
int dolly_resolve_all(const char *name, uint16_t port, struct peer_address **list, size_t *count, char *error,
		      size_t size) must_check;
int dolly_resolve(const char *name, uint16_t port, struct peer_address *a, char *error, size_t size) must_check;

/* ---- dolly_wake.c */

/* Connects once to port 9996 of each of the COUNT addresses LIST, where systemd may wait to start a client; who does
 * not answer within two seconds is not waited for. */
void dolly_wake(struct peer_address *const *list, size_t count);

/* ---- dolly_pack.c */

/* `compressed outfile`: replaces the *SIZE bytes of S by what gzip makes of them, in a temporary file. 0 or -errno with
 * F filled. */
int dolly_pack(struct rstore *s, int64_t *size, struct failure *f) must_check;

/* ---- dolly_classic.c: the listed nodes that run an original, served by its protocol */

struct classic;
/* Watches H for nodes that refuse the extension's port and serves those that turn out to be originals. The image of
 * SIZE bytes is in STORE. NULL when memory ran out. */
struct classic *classic_open(struct loop *l, struct head *h, const struct dolly_conf *conf, struct rstore *store,
			     int64_t size, const char *password, int64_t patience_ms);
/* For head_calls.refused. */
void classic_refused(struct classic *c, struct head_node *n);
void classic_close(struct classic *c);

/* ---- dolly_screen.c: the server's view of all nodes */

struct dolly_screen {
	bool terminal; /* lines are drawn over */
	bool quiet;
	unsigned drawn; /* lines now on the screen that will be drawn over */
	int64_t last, begun;
};

/* Nothing is shown yet; QUIET: only notes are, no state that changes in place. */
void dolly_screen_open(struct dolly_screen *s, bool quiet);
/* A line that stays. */
void dolly_screen_note(struct dolly_screen *s, const char *line);
/* The state of all nodes; at most twice a second. */
void dolly_screen_update(struct dolly_screen *s, const struct head *h, int64_t size, bool now);
/* The last words: one line per node, the sum, the rate; OUT: where. */
void dolly_screen_summary(const struct head *h, int64_t size, int64_t ms, struct buf *out);

/* ---- dolly_chain.c: the same for other programs */

struct dolly_chain {
	const char *path; /* NULL: none */
	int64_t last;     /* when it was written, of now_ms() */
	bool told;        /* that it cannot be */
};

/* Replaces the file by one line for each node, "node ADDRESS PARENT STATE BYTES SIZE RATE", at most once a second
 * unless NOW. SIZE: of the image, -1: not known. */
void dolly_chain_update(struct dolly_chain *c, const struct head *h, int64_t size, bool now);

#endif
