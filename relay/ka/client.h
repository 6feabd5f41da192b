/* client.h - a session's name or its server -> the stream, checked where both are ours, in a command or sink. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_CLIENT_H
#define RELAY_KA_CLIENT_H

#include "base/failure.h"
#include "image/sink.h"
#include "relay/feed.h"
#include "relay/ka/command.h"
#include "relay/ka/conn.h"
#include "relay/ka/door.h"
#include "relay/ka/find.h"
#include "relay/ka/store.h"
#include "relay/pull.h"

struct ka_client;

struct ka_client_calls {
	/* A line for people. */
	void (*line)(struct ka_client *c, const char *text);
	/* About once a second while data flows, and at its end; may be NULL. */
	void (*progress)(struct ka_client *c);
	/* It is over: 0: every byte was there and the sink has succeeded; else -errno with F. Called once. */
	void (*ended)(struct ka_client *c, int err, const struct failure *f);
};

/* Strings and lists belong to the program. */
struct ka_client_options {
	const char *session;         /* -s: found by broadcast */
	const struct in_addr *hosts; /* -h: the servers to try; with a session: asked besides the broadcast */
	size_t host_count;
	const char *command; /* -e: what gets the stream; NULL: `sink` */
	struct sink *sink;   /* what gets it otherwise; begin, finish and restart are called too */
	bool waits;          /* -w: leaves only when the server says so */
	bool go;             /* -g: only tells the server to start */
	uint16_t control_port, data_port;
	int64_t patience; /* -t: ms until the stream must have begun; 0: for ever */
	int64_t window;   /* bytes kept for others where not all are; 0: 64 MiB, less where there is little */
	const char *name; /* for people; NULL: the host's */
};

enum ka_client_state {
	KA_SEARCHING, /* asks who has the session */
	KA_CALLING,   /* connects to the server */
	KA_GREETING,  /* hello sent; is it one of ours, does it read our layout? */
	KA_WAITING,   /* in the pool */
	KA_FETCHING,
	KA_DRAINING, /* every byte is here; the sink and the children get the rest */
	KA_STAYING,  /* finished; others may need us, or -w */
	KA_ENDED,
};

/* It has a place in the session, from the pool on. */
static inline bool ka_client_is_in(enum ka_client_state state)
{
	return state == KA_WAITING || state == KA_FETCHING || state == KA_DRAINING || state == KA_STAYING;
}

/* The stream has begun for it, and it is not over. */
static inline bool ka_client_has_stream(enum ka_client_state state)
{
	return ka_client_is_in(state) && state != KA_WAITING;
}

/* The stream has not begun for it yet. */
static inline bool ka_client_is_early(enum ka_client_state state)
{
	return !ka_client_has_stream(state) && state != KA_ENDED;
}

struct ka_client {
	struct loop *loop;
	struct ka_client_options options;
	const struct ka_client_calls *calls;
	void *owner;

	enum ka_client_state state;
	struct ka_find find;
	struct ka_conn control;
	struct in_addr server;
	size_t host; /* which of options.hosts is tried */
	enum ka_layout layout;
	bool layout_tried;                         /* the other one has been tried too */
	int64_t calling_since, begun, stage_since; /* of loop_now() */
	bool ours;                                 /* the server speaks the extension */
	uint8_t session[WIRE_SESSION];
	uint32_t number; /* ours: who we are */
	bool resuming;   /* the server has to be found again, since `gone_since` */
	int64_t gone_since;

	struct ka_door door;
	struct ka_store store;
	bool store_open;
	struct map map;      /* ours */
	struct feed feed;    /* ours: children */
	struct pull pull;    /* ours: the parent */
	uint32_t generation; /* of the parent */
	bool total_known;
	struct wire_total total;
	int64_t reported; /* bytes the server knows of */
	bool report_always;

	struct loop_fd data; /* an original server's or its client's stream */
	bool data_connecting, data_paused;
	struct in_addr dad;

	struct ka_command command;
	struct ka_reader *to_command;
	bool sink_begun, sink_done;
	int64_t sink_at; /* bytes the sink has */
	int64_t ask_at;  /* with so many bytes the sink is asked whether they may stay where they lie;
			    INT64_MAX: they may not, it gets them as they come */
	struct loop_timer sink_timer, tick;
	int64_t last_tick, last_progress, flow_begun, flow_ended;
	uint64_t packets;
	struct failure failure;
};

/* Begins. 0 or -errno with F. */
int ka_client_open(struct ka_client *c, struct loop *l, const struct ka_client_options *o,
		   const struct ka_client_calls *calls, void *owner, struct failure *f) must_check;
/* Gives up: the server is told WHY; ended() is called. */
void ka_client_abort(struct ka_client *c, enum fail_id id, int err, const char *why);
/* The sink's command, if it still runs, is ended. */
void ka_client_close(struct ka_client *c);

#endif
