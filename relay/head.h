/* head.h - the head of a session: finds the nodes, says who fetches from whom, mends the chain, knows who has it
 * all. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_HEAD_H
#define RELAY_HEAD_H

#include "base/failure.h"
#include "relay/door.h"
#include "relay/feed.h"
#include "relay/plan.h"

struct head;

enum head_node_state {
	HEAD_EXPECTED, /* never heard of */
	HEAD_JOINING,  /* connected; the job is sent */
	HEAD_READY,    /* its target is open; it fetches */
	HEAD_DONE,     /* everything is verified and on its medium */
	HEAD_LOST,     /* was there, is gone; may come back */
	HEAD_FAILED,   /* cannot, as it said itself or as was found out: `why` */
	HEAD_DROPPED,  /* not part of the session: another row is the same machine, or another head has it */
	HEAD_STATES
};

/* One node, as the head sees it. */
struct head_node {
	struct head *head;
	uint32_t number; /* 1.. */
	enum head_node_state state;
	char name[WIRE_NAME + 1];    /* as listed, or as it calls itself */
	struct peer_address address; /* where it listens; len 0: it connects to us */
	struct peer_address *also;   /* [others] where it may listen instead: the name's other addresses; ours */
	size_t others;
	struct link control;
	struct link push;   /* a data connection that we make, until the node has asked for something on it */
	int64_t push_since; /* of loop_now() */
	bool elsewhere;     /* somebody else serves it (an original dolly): only counted */
	uint64_t id;        /* of its hello; another one: the program was started anew */
	struct hash nonce;
	uint32_t generation; /* of the last parent it was told */
	struct wire_progress progress;
	int64_t samples[9], sample_time[9];                      /* bytes and when, newest first */
	int64_t next_try, lost_at, struck_at, done_at, moved_at; /* of loop_now(); 0: never */
	struct hash target;                                      /* of its hello */
	uint64_t best;                                           /* bytes it ever had since it was started */
	unsigned restarts;
	bool ready;                      /* it has opened its target, and not been started anew since */
	bool direct_failed, push_failed; /* it cannot reach our port; nor be fed over a connection of ours */
	bool fed_by_node;                /* bytes have come from another node */
	bool aside;                      /* it starves: a leaf until bytes come */
	unsigned breaks;                 /* connections to us that broke and had brought nothing */
	bool tasted;                     /* bytes have come since it was told its parent */
	unsigned hungers;                /* how often it starved since bytes came */
	int64_t fed_at, starved_since;   /* of loop_now() */
	char complaint[160];             /* its last one about a parent, for people; "" */
	unsigned lost_count, bad_count;
	unsigned refused; /* the owner's: how often its port refused, and when it last did */
	int64_t refused_at;
	char why[400]; /* the last trouble, for people */
};

struct head_calls {
	/* A line worth showing; may be NULL. */
	void (*note)(struct head *h, const char *line);
	/* Something in node N changed; may be NULL. */
	void (*changed)(struct head *h, struct head_node *n);
	/* A listed node cannot be reached on the extension's port (nobody listens, or a firewall): perhaps an original
	 * is there, or dolly's own ports are open. May be NULL. */
	void (*refused)(struct head *h, struct head_node *n);
	/* All is over. ERR 0: every node that was asked for has everything. */
	void (*ended)(struct head *h, int err);
};

/* Set by the program before head_open; strings belong to it. */
struct head_options {
	const char *group;    /* which announcements are for us: "dolly", a ka session's name */
	const char *password; /* NULL: none */
	const char *target;   /* path on the nodes */
	uint32_t job_flags;   /* of enum wire_job_flags, but for WIRE_JOB_STREAM */
	int64_t split;        /* bytes per part of the target, 0: one */
	uint16_t port;        /* 0: WIRE_PORT, or any where that one is taken */
	uint32_t wanted;      /* take nodes that announce themselves, up to so many; 0: only those added */
	/* begin with those that are there, so long after the first one; 0: 2000 (wanted: never) */
	int64_t start_ms;
	int64_t give_up_ms; /* a node that has not come so long after head_begin is given up; 0: 120000 */
	int64_t return_ms;  /* a lost node may come back within; 0: 5000 */
	int64_t stall_ms;   /* a node that gets nothing new for so long is given up; 0: 60000 */
	uint32_t fanout;    /* children per node: 0 or 1 a chain, more a tree */
};

struct head {
	struct loop *loop;
	struct head_options options;
	const struct head_calls *calls;
	void *owner;

	struct head_node **node; /* [count + 1], by number; [0] NULL */
	uint32_t count;
	struct plan plan;
	struct map *map; /* the program's: the image */
	struct rstore *store;
	struct feed feed;
	uint8_t session[WIRE_SESSION];
	struct door door; /* children knock here, and nodes that connect by themselves */
	struct loop_fd udp;
	struct loop_timer tick;
	bool started, ending;
	uint32_t vacant;         /* places of nodes that were dropped, for others that announce themselves */
	uint32_t unlucky, lucky; /* nodes that could not fetch from another node; that could */
	int64_t begun, first_ready, started_at, ended_at, last_beat, last_check;
	struct head_node *tried; /* the node that stood first, while it is found out whether it is slow */
	int64_t tried_at;        /* 0: not yet */
	double tried_rate;
	uint64_t resent; /* bytes the nodes received beyond what they needed */
	int result;
};

/* Listens. MAP and STORE: the complete image (fixed and sealed), or an empty stream map and the store its bytes are
 * in; both stay the program's. 0 or -errno with F. */
int head_open(struct head *h, struct loop *l, const struct head_options *o, struct map *map, struct rstore *store,
	      const struct head_calls *calls, void *owner, struct failure *f) must_check;

/* A node to be looked for at A (port 0: the extension's). NULL when memory ran out. */
struct head_node *head_add(struct head *h, const struct peer_address *a, const char *name) must_check;
/* N may be at A, too: tried when the address before has failed. 0 or -ENOMEM. */
int head_also(struct head_node *n, const struct peer_address *a) must_check;
/* N is served by somebody else; ERR tells how it ended there: 0 done, -errno failed for WHY, 1 under way. */
void head_set_elsewhere(struct head *h, struct head_node *n, int err, const char *why);

/* Begins to look for nodes; then everything happens in the loop until ended() is called. */
void head_begin(struct head *h);
/* Begins with those that are there, whoever else was asked for. */
void head_start_now(struct head *h);

/* Streams: chunk I (bytes at OFFSET, LEN of them) is in the store. 0 or -ENOMEM. */
int head_append(struct head *h, const void *bytes, uint32_t len) must_check;
/* Streams: there is no more. */
void head_end_stream(struct head *h);
/* Ends it now: every node is told WHY. */
void head_abort(struct head *h, const char *why);

/* "done", "lost" ... */
const char *head_state_name(enum head_node_state s);
/* Why N does not have everything, for a person. Never NULL. */
const char *head_why(const struct head_node *n);
/* Address text of N. */
const char *head_address(const struct head_node *n, char buf[PEER_TEXT]);

void head_close(struct head *h);

#endif
