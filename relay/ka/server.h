/* server.h - a command's output -> everybody who joins the session, by ka and by our extension of it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_SERVER_H
#define RELAY_KA_SERVER_H

#include "base/failure.h"
#include "relay/feed.h"
#include "relay/ka/command.h"
#include "relay/ka/conn.h"
#include "relay/ka/door.h"
#include "relay/ka/store.h"
#include "relay/ka/tree.h"

struct ka_server;

enum ka_peer_state {
	KA_NEW,      /* connected, nothing said */
	KA_GREETED,  /* hello */
	KA_POOL,     /* waits for the start */
	KA_LINKING,  /* original: knows its parent */
	KA_ASKED,    /* original: its parent sees it; it was asked how much it has */
	KA_AUTHED,   /* original: its parent was told to serve it */
	KA_FLOWING,  /* gets the stream */
	KA_DRAINED,  /* has every byte */
	KA_FINISHED, /* ours: and its sink command has succeeded; original: says so */
	KA_LOST,     /* was there, is gone; ours may come back */
	KA_FAILED,   /* said itself that it cannot: `why`; or lost for good */
	KA_GONE,     /* was never part of the session (-g, a stranger), or left before it began */
};

/* A set of states: KA_SET(KA_ASKED) | KA_SET(KA_AUTHED). */
#define KA_SET(state) (1u << (state))

/* A connected program. */
struct ka_peer {
	struct ka_server *server;
	enum ka_peer_state state;
	uint32_t number; /* its place in the tree; 0: none */
	struct ka_conn conn;
	struct in_addr ip;
	char address[INET_ADDRSTRLEN];
	char name[65];                /* ours: its host's */
	bool ours, waits;             /* waits: -w */
	bool released;                /* was told that it may go */
	bool touched;                 /* original: a stranger connected to it, which may have cost it bytes */
	uint16_t port;                /* ours: where its children connect */
	uint32_t generation;          /* ours: of the parent it was told last */
	uint32_t window_kib;          /* ours: what it keeps */
	int64_t since;                /* when its state began, of loop_now() */
	int64_t pinged, woken, moved; /* moved: when its position changed last */
	int64_t flow_begun, finished; /* of loop_now() */
	int64_t release_at;           /* -d: when it may go; 0: not queued */
	int64_t may_return;           /* ms it may come back within, once it is lost */
	unsigned losses;              /* how often it was lost and came back */
	unsigned same_again; /* how often it was sent back to a parent it had lost, and has got nothing since */
	char why[160];       /* the last trouble, for people */
};

struct ka_server_calls {
	/* A line for people. */
	void (*line)(struct ka_server *s, const char *text);
	/* About once a second while data flows. */
	void (*progress)(struct ka_server *s);
	/* It is over: look at s->result, at the members' states, then close. */
	void (*ended)(struct ka_server *s);
};

/* Strings belong to the program. */
struct ka_server_options {
	unsigned wanted;     /* -n: start with so many */
	const char *session; /* -s; NULL: no discovery */
	const char *command; /* -e */
	unsigned arity;      /* -a: 1..KA_ARITY_MAX */
	unsigned delay;      /* -d, tenths of a second; 0: all together */
	uint16_t control_port, data_port;
	int64_t start_ms; /* -t: start with those that are there, so long after the beginning; 0: wait for all */
	int64_t window;   /* bytes everybody keeps; 0: 64 MiB */
};

/* How a session ended. */
enum ka_result {
	KA_ALL = 0,  /* every client has every byte and its sink command succeeded */
	KA_NONE = 1, /* nobody has, or the source failed */
	KA_SOME = 2, /* some have, some were lost or failed */
};

struct ka_server {
	struct loop *loop;
	struct ka_server_options options;
	const struct ka_server_calls *calls;
	void *owner;

	struct loop_fd control, udp; /* listening */
	struct ka_door door;
	struct loop_timer tick;
	struct ka_peer **peer; /* everybody who has connected */
	size_t peers;
	struct ka_peer **member; /* [places], by number; [0] NULL */
	struct ka_place *place;  /* [places] */
	uint32_t places;         /* members + 1 */

	struct ka_command source;
	struct loop_fd pipe;
	bool reading; /* the pipe is waited for */
	bool pipe_ended, source_ended;
	struct ka_store store;
	struct map map;
	struct feed feed;
	uint8_t session[WIRE_SESSION];

	bool built, flowing, complete, ending;
	int64_t floor;      /* what comes before this byte nobody needs any more; when the whole stream is out */
	unsigned want_data; /* clients in the pool or in the tree */
	int64_t begun, flow_begun, flow_ended, drained, last_release, ending_at, last_progress;
	struct in_addr asked_by; /* who asked by UDP last, and when */
	int64_t asked_at;
	uint64_t packets;
	enum ka_result result;
	char why[200]; /* why it ended as a failure */
};

/* Listens. 0 or -errno with F. */
int ka_server_open(struct ka_server *s, struct loop *l, const struct ka_server_options *o,
		   const struct ka_server_calls *calls, void *owner, struct failure *f) must_check;
/* Ends the session as a failure: everybody is told WHY. */
void ka_server_abort(struct ka_server *s, const char *why);
void ka_server_close(struct ka_server *s);

/* "done", "lost: ..." for the last line of a member. */
const char *ka_peer_outcome(const struct ka_peer *p);

#endif
