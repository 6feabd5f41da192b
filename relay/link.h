/* link.h - a TCP connection -> whole frames of the extension, and frames -> the connection; never blocks. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_LINK_H
#define RELAY_LINK_H

#include "relay/wire.h"
#include "relay/world.h"

/* The port FD is bound to. */
uint16_t peer_bound_port(struct loop *l, int fd);

struct link;

struct link_calls {
	/* A whole frame has come. BODY is valid during the call. The link may be closed by the callee. */
	void (*frame)(struct link *l, const struct wire_header *h, const uint8_t *body);
	/* The connection is gone (ERR: 0 its end, else -errno; -EBADMSG nonsense came). The link is closed already. */
	void (*closed)(struct link *l, int err);
	/* Connected (link_connect only); may be NULL. */
	void (*connected)(struct link *l);
	/* All of `out` has left and more may be written; may be NULL. */
	void (*drained)(struct link *l);
};

/* Must be zero before it is opened first. Memory that holds a link is freed with loop_free_later only: calls of the
 * link may be in progress. */
struct link {
	struct loop *loop;
	struct loop_fd w;
	const struct link_calls *calls;
	struct buf in, out;
	size_t out_sent; /* bytes of out that are gone */
	bool connecting;
	bool expect_magic; /* the other side has to show WIRE_MAGIC first */
	bool want_out;     /* the owner has something beyond `out`: call drained when writable */
	bool more;         /* the owner itself writes to the socket right behind `out`: they may share segments */
	int64_t heard;     /* when something last came, of loop_now() */
	unsigned life;     /* counts opening, closing and moving: link.c sees that a call has ended it */
};

/* Takes over FD. CONNECTING: a connection is under way, magic is sent first. 0 or -errno (FD is closed then). */
int link_open(struct link *l, struct loop *loop, int fd, const struct link_calls *calls, bool connecting) must_check;
/* Sends what is in `out`, now or as soon as possible. The link may be closed by a failing write only later, through
 * `closed`, never within this call. */
void link_flush(struct link *l);
bool link_is_open(const struct link *l);
void link_close(struct link *l);
/* Gives the connection to another link struct, unread bytes included, and closes FROM. */
int link_move(struct link *to, struct link *from, const struct link_calls *calls) must_check;
/* Gives the descriptor away: the link is closed, what it holds is forgotten. */
int link_release(struct link *l) must_check;
/* Handles frames that are in `in` already (after link_move). */
void link_process(struct link *l);

#endif
