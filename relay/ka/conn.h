/* conn.h - a ka control connection -> whole packets with their bodies, and back; never blocks. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_CONN_H
#define RELAY_KA_CONN_H

#include "base/buf.h"
#include "relay/ka/wire.h"
#include "relay/world.h"

struct ka_conn;

/* Called by the loop. The connection may be closed by the callee. */
struct ka_conn_calls {
	/* The server's end: a packet of a client. BODY: M->length bytes of one of ours, else NULL. */
	void (*up)(struct ka_conn *c, const struct ka_up *m, const uint8_t *body);
	/* The client's end: a packet of the server. */
	void (*down)(struct ka_conn *c, const struct ka_down *m, const uint8_t *body);
	/* It is gone (ERR: 0 its end, else -errno; -EBADMSG nonsense came) and closed already. */
	void (*closed)(struct ka_conn *c, int err);
	/* The client's end: connected. */
	void (*connected)(struct ka_conn *c);
};

/* Must be zero with w.fd -1 before it is opened. Memory that holds one is freed with loop_free_later only. */
struct ka_conn {
	struct loop *loop;
	struct loop_fd w;
	const struct ka_conn_calls *calls;
	bool server; /* the server's end: the layout is found out */
	bool layout_known;
	enum ka_layout layout;
	bool connecting;
	struct buf in, out;
	int64_t heard; /* when something last came, of loop_now() */
	unsigned life; /* counts opening and closing */
};

/* Takes over FD: the server's end of an accepted connection. 0 or -errno (FD is closed then). */
int ka_conn_accept(struct ka_conn *c, struct loop *l, int fd, const struct ka_conn_calls *calls) must_check;
/* Takes over FD, a connection under way: the client's end, speaking LAYOUT. */
int ka_conn_connect(struct ka_conn *c, struct loop *l, int fd, enum ka_layout layout,
		    const struct ka_conn_calls *calls) must_check;
bool ka_conn_is_open(const struct ka_conn *c);
/* Sends M, and BODY behind it where M is one of ours (M->length bytes). Whole packets leave in one write as long as the
 * socket has room: originals read them in one read. A broken connection shows later, through closed(). */
void ka_conn_up(struct ka_conn *c, const struct ka_up *m, const void *body);
void ka_conn_down(struct ka_conn *c, const struct ka_down *m, const void *body);
void ka_conn_close(struct ka_conn *c);

#endif
