/* node.h - a receiving node of the extension: waits for a head, fetches from whom it is told, serves its children. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_NODE_H
#define RELAY_NODE_H

#include "base/failure.h"
#include "relay/door.h"
#include "relay/feed.h"
#include "relay/pull.h"
#include "relay/scan.h"

struct node;

/* What the program around the node does. */
struct node_calls {
	/* A head offers JOB: open its target into STORE (closed by the node). 0, or -errno with F: the head is told
	 * why. */
	int (*open)(struct node *n, const struct wire_job *job, struct rstore *store, struct failure *f);
	/* Chunk I is stored (map.prefix may have moved); may be NULL. For programs that pass the bytes on, as to a
	 * pipe. */
	void (*stored)(struct node *n, uint32_t i);
	/* Every chunk is here. The program says node_confirm() when the target is as it should be, now or later. */
	void (*complete)(struct node *n);
	/* A line worth showing; may be NULL. */
	void (*note)(struct node *n, const char *line);
	/* It is over: ERR 0: the bytes are there, verified, confirmed; else -errno and F says why. Called once. */
	void (*ended)(struct node *n, int err, const struct failure *f);
};

/* Set by the program before node_open; strings belong to it. */
struct node_options {
	const char *name;     /* for people; NULL: the host name */
	const char *group;    /* which head it waits for: "dolly", a ka session's name */
	const char *password; /* NULL: any head is believed */
	uint16_t port;        /* 0: WIRE_PORT */
	const char *target;   /* where what comes is put, if that is not the head's to say; NULL: the job says */
	bool announce;        /* tell everybody by broadcast that it waits */
	const struct peer_address *asked; /* announce there, too: [asked_count], ports included */
	size_t asked_count;
	/* with everything here and no child for so long: leave; 0: stay until the head says goodbye */
	int64_t linger_ms;
	int64_t head_patience; /* ms without a head after which an unfinished session is given up; 0: 60000 */
};

enum node_state {
	NODE_WAITING,   /* no job yet */
	NODE_FETCHING,  /* a job, a target */
	NODE_FINISHING, /* every chunk is here, the program makes the target final */
	NODE_DONE,      /* confirmed; serves its children until the head says goodbye */
	NODE_ENDED,
};

struct node {
	struct loop *loop;
	struct node_options options;
	const struct node_calls *calls;
	void *owner; /* the program's */

	enum node_state state;
	struct door door; /* heads and children knock here */
	struct loop_timer tick, scan_timer;
	int udp_fd;
	struct link control;      /* to the head */
	bool greeted;             /* the head has our hello */
	struct peer_address head; /* where control leads to */
	uint64_t id;
	struct hash nonce;

	struct wire_job job; /* valid from NODE_FETCHING on */
	struct map map;
	struct rstore store;
	bool store_open;
	struct scan scan;
	bool scanning;
	struct pull pull;
	struct wire_parent parent; /* whom the head named last */
	uint32_t pushed;           /* the generation for which the head came by itself; 0: it has not */
	unsigned silences;         /* parents given up for silence since a chunk came */
	int64_t orphan_since;      /* without a connection to a parent since, of loop_now(); 0: there is one */
	struct feed feed;
	bool total_known; /* streams: the end has been announced */
	struct wire_total total;

	int64_t headless_since; /* of loop_now(); 0: there is a head */
	uint64_t sent;          /* bytes that children had got, when last looked at, */
	int64_t sent_at;        /* and when they got the last ones, of loop_now() */
	int64_t needed;         /* when it last had a child or something to do, of loop_now() */
	int64_t last_progress, last_announce;
	struct failure failure;
	int result;
};

/* Listens and waits. 0 or -errno with F. */
int node_open(struct node *n, struct loop *l, const struct node_options *o, const struct node_calls *calls, void *owner,
	      struct failure *f) must_check;
/* The answer to complete(): ERR 0, or -errno with F: the head is told. */
void node_confirm(struct node *n, int err, const struct failure *f);
/* Gives up: the head is told, ended() is called. */
void node_give_up(struct node *n, int err, const struct failure *f);
void node_close(struct node *n);

#endif
