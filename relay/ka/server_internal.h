/* server_internal.h - what the files of the ka server share. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_SERVER_INTERNAL_H
#define RELAY_KA_SERVER_INTERNAL_H

#include "relay/ka/server.h"

/* An original keeps 35 MiB; what it has is known to within a mebibyte, and what is on its way must fit too. */
#define KA_ORIGINAL_SPAN (32 * MIB)

/* Milliseconds. */
#define KA_TICK            50
#define KA_HELLO_TIME      5000  /* a connection may take to say who it is */
#define KA_LINK_TIME       10000 /* an original may take for each step of being linked */
#define KA_DEAF            700   /* an original that was asked for its position and has not answered */
#define KA_PING_OURS       400
#define KA_PING_ORIGINAL   1000
#define KA_SILENT_OURS     2000 /* without a word: lost */
#define KA_SILENT_ORIGINAL 6000
#define KA_SUSPECT         800  /* silent so long when its child complains: lost */
#define KA_RETURN          5000 /* one that fell silent may come back within */
#define KA_RETURN_CLOSED   1500 /* one whose connection was closed or reset: it has been killed, or calls at once */
#define KA_GOODBYE         2000 /* the last words may take so long */

void ka_say(struct ka_server *s, const char *fmt, ...) printf_like(2, 3);
/* "Busy clients: 1 -- connected : 2" */
void ka_say_busy(struct ka_server *s);
void ka_set_state(struct ka_peer *p, enum ka_peer_state state);

/* ---- server.c */

/* A member's place among the members that are there; it is told its parent. */
void ka_server_link(struct ka_peer *p);
/* Finds a place for P, which has a number and may have bytes, and tells it. */
void ka_server_place(struct ka_peer *p);
/* True while a newcomer that has BYTES can still get the rest. */
bool ka_server_can_join(const struct ka_server *s, bool ours, int64_t bytes);
/* Puts P into the tree as a newcomer. 0 or -ENOMEM. */
int ka_server_add_member(struct ka_peer *p);
/* Starts with those that are in the pool. */
void ka_server_build(struct ka_server *s);
/* Somebody's state or position has changed: goes on with whatever waited for it. */
void ka_server_look(struct ka_server *s);

/* How far apart the first and the last client may be, bytes. */
int64_t ka_server_span(const struct ka_server *s);
/* The source may be read up to here: what the slowest lacks is then still kept by all. */
int64_t ka_server_read_limit(const struct ka_server *s);

/* ---- server_source.c */

#define KA_CHUNK_MAX (256 * KIB)
/* Everybody is linked: starts the command. */
void ka_source_begin(struct ka_server *s);
/* Reads on, or waits. */
void ka_source_read(struct ka_server *s, bool reading);

/* ---- server_peer.c */

/* Sets of states, each named once. */
static inline bool ka_peer_is_in(const struct ka_peer *p, unsigned set)
{
	return set & KA_SET(p->state);
}

/* Its data connection is on its way. */
#define KA_LINKED_NEXT (KA_SET(KA_LINKING) | KA_SET(KA_ASKED) | KA_SET(KA_AUTHED))
static inline bool ka_peer_is_linking(const struct ka_peer *p)
{
	return ka_peer_is_in(p, KA_LINKED_NEXT);
}

/* Gets the stream, or is being linked to get it. */
static inline bool ka_peer_is_fed(const struct ka_peer *p)
{
	return ka_peer_is_in(p, KA_LINKED_NEXT | KA_SET(KA_FLOWING));
}

/* In the tree, and not finished yet. */
static inline bool ka_peer_is_busy(const struct ka_peer *p)
{
	return ka_peer_is_fed(p) || p->state == KA_DRAINED;
}

/* In the pool or in the tree: the clients that s->want_data counts. */
static inline bool ka_peer_is_wanted(const struct ka_peer *p)
{
	return ka_peer_is_busy(p) || p->state == KA_POOL;
}

/* It has said no more than who it is, if that. */
static inline bool ka_peer_is_new(const struct ka_peer *p)
{
	return ka_peer_is_in(p, KA_SET(KA_NEW) | KA_SET(KA_GREETED));
}

/* The stream has not begun for it yet. */
static inline bool ka_peer_is_early(const struct ka_peer *p)
{
	return ka_peer_is_new(p) || ka_peer_is_linking(p) || p->state == KA_POOL;
}

/* Gone, in one of the ways there are. */
static inline bool ka_peer_is_away(const struct ka_peer *p)
{
	return ka_peer_is_in(p, KA_SET(KA_LOST) | KA_SET(KA_FAILED) | KA_SET(KA_GONE));
}

/* Nothing more is sent to it. */
static inline bool ka_peer_is_over(const struct ka_peer *p)
{
	return ka_peer_is_away(p) || p->state == KA_FINISHED;
}

extern const struct ka_conn_calls ka_peer_calls;
/* P is no use any more: out of the tree, its children are given others. CLOSE its connection too. */
void ka_peer_lose(struct ka_peer *p, bool close, const char *fmt, ...) printf_like(3, 4);
/* The same, and it need not come back. */
void ka_peer_fail(struct ka_peer *p, const char *why);
/* Gives P another parent; AVOID: the present one lives but does not work for P. */
void ka_peer_foster(struct ka_peer *p, bool avoid);
/* Words of ours to one of ours. */
void ka_peer_tell(struct ka_peer *p, enum ka_down_op op, uint32_t number, const void *body, size_t length);
void ka_peer_send(struct ka_peer *p, enum ka_down_type type);
void ka_peer_send_total(struct ka_peer *p);
void ka_peer_abort(struct ka_peer *p, const char *why);
/* PARENT (NULL: the server) has a data connection from the original at CHILD. */
void ka_peer_seen(struct ka_server *s, struct ka_peer *parent, struct in_addr child);
/* Pings, deadlines, silence. */
void ka_peer_tick(struct ka_peer *p, int64_t now);

/* ---- server_net.c */

int ka_server_listen(struct ka_server *s, struct failure *f) must_check;
void ka_server_unlisten(struct ka_server *s);
/* Authorises the original at IP that waits on the data port, to be served from AT on. */
int ka_server_authorise(struct ka_server *s, struct in_addr ip, int64_t at) must_check;
/* Forgets a plain child. */
void ka_server_drop_child(struct ka_server *s, struct in_addr ip);

#endif
