/* model.h - events and the time -> what is known of every node: phase, step, bytes, words, trouble. No input, no
 * output. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_MODEL_H
#define SERVER_HEAD_STATUS_MODEL_H

#include "server/head/status/event.h"

#define MODEL_NODES   4096 /* more push out those that matter least: model_evict() */
#define MODEL_LINES   80   /* of each node's log that are kept */
#define MODEL_SAMPLES 300  /* seconds of throughput that are kept */

/* What one address may say: so many messages a second, after so many at once. stage1 says a few, one a second while
 * bytes come. */
#define MODEL_RATE  40
#define MODEL_BURST 400
/* All addresses nobody has heard of, together. */
#define MODEL_NEW_RATE  100
#define MODEL_NEW_BURST 1000

/* How far a node is. */
enum phase {
	PHASE_NEW,      /* it says words, nothing else is known */
	PHASE_DHCP,     /* it asked for an address, or got one */
	PHASE_FIRMWARE, /* its firmware or boot loader fetches files */
	PHASE_STAGE1,   /* stage1 runs: step, bytes */
	PHASE_CLONE,    /* its disk is written */
	PHASE_STARTS,   /* stage1 is through; the next system starts */
	PHASE_UP,       /* that said it is up */
	PHASE_FAILED,   /* stage1 or the cloning failed: code */
	PHASES
};

/* How a boot ended. */
enum boot_result { BOOT_UP, BOOT_FAILED, BOOT_STARTED, BOOT_LOST };

/* A leaky count of what somebody may say. */
struct allowance {
	int64_t left; /* thousandths of a message */
	int64_t at;   /* when that was so, ms */
};

/* A line of a node's log. */
struct log_line {
	int64_t at; /* ms since 1970 */
	unsigned severity;
	char *text; /* owned */
};

/* One node. Times are in ms since 1970, 0: never. Texts are clean. */
struct node {
	uint32_t id; /* of this model, for ever */
	char address[48];
	char mac[18];   /* as the head's DHCP has it, else as it says; "" */
	bool mac_known; /* the head's DHCP has it */
	char name[64];  /* host name, as the head's DHCP has it, else as it says; "" */
	bool name_known;
	char node_id[32];
	enum phase phase;
	int64_t began;        /* this boot */
	int64_t kernel_began; /* the same, as its kernel's clock has it; 0: not said yet */
	int64_t seen;         /* anything of it, or about it */
	int64_t said;         /* it said something itself */
	int64_t since;        /* it is in this phase and step */
	int64_t ended;        /* it was up or failed */
	struct report report; /* the last one of this boot */
	char step_name[EVENT_STEPS][24];
	int64_t measured, measured_at; /* bytes at the last report, and when: for a rate that is not said */
	char code[16];
	char words[256]; /* the last ones worth showing */
	bool recorded;   /* this boot is in the history */
	bool silent, slow;
	char suspect[160]; /* why it may not be what it says; "" */
	unsigned boots, failures;
	uint64_t lines, dropped, told; /* what it said; what of that was too much; what of that is shown */
	struct allowance allowance;
	struct log_line log[MODEL_LINES]; /* a ring: `log_end` is the place of the next */
	unsigned log_end, log_count;
	char parent[48]; /* whom the chain has it fetch from, an address or "head"; "": not in a chain */
	char chain_state[16];
	int64_t chain_bytes, chain_rate, chain_size; /* bytes; bytes a second; bytes of the image */
	uint64_t version;                            /* of the model when this last changed */
	struct node *next;                           /* of the same bucket */
};

struct model;

struct model_calls {
	/* A boot of N is over, as RESULT says: its line of the history. May be NULL. */
	void (*ended)(struct model *m, const struct node *n, enum boot_result result);
};

struct model {
	const struct model_calls *calls;
	void *owner;
	struct node **node; /* [count], oldest first; owned */
	size_t count, room;
	struct node *bucket[1024]; /* by address */
	uint32_t next_id;
	uint64_t version, version_gone; /* counts changes; when a node last went */
	struct allowance newcomers;
	uint64_t refused;              /* messages of addresses that were too many */
	uint64_t damaged;              /* datagrams that were no messages */
	int64_t sample[MODEL_SAMPLES]; /* bytes a second of all nodes, a ring */
	unsigned sample_end;           /* the place of the next */
	int64_t sampled;               /* when the last one was taken */
	bool urgent;                   /* something changed that is not said again: to be saved now */
};

void model_open(struct model *m, const struct model_calls *calls, void *owner);
void model_close(struct model *m);

/* May ADDRESS say one more message at NOW? False: it is counted, and to be dropped unread. */
bool model_admits(struct model *m, const char *address, int64_t now);

/* Takes one event in. */
void model_event(struct model *m, const struct event *e, int64_t now);

/* Once a second: who is silent or slow, which boots are over, the throughput. */
void model_tick(struct model *m, int64_t now);

/* The node at ADDRESS; the node with ID. NULL: none. */
struct node *model_at(const struct model *m, const char *address);
struct node *model_node(const struct model *m, uint32_t id);

/* For who reads a saved model: a node at ADDRESS (with the id ID, 0: a new one). NULL when memory ran out. */
struct node *model_add(struct model *m, const char *address, uint32_t id, int64_t now);
void model_add_line(struct node *n, int64_t at, unsigned severity, const char *text);
/* N changed. */
void model_touch(struct model *m, struct node *n);
/* N is gone, until it is heard of again. */
void model_forget(struct model *m, const struct node *n);

/* The chain, told anew: forgets all parents; then one call for each node of it. */
void model_chain_begin(struct model *m);
void model_chain(struct model *m, const char *address, const char *parent, const char *state, int64_t bytes,
		 int64_t size, int64_t rate, int64_t now);

/* "stage1", "failed" ...; "up", "lost" ... */
const char *phase_name(enum phase p);
enum phase phase_named(const char *name);
const char *boot_result_name(enum boot_result r);

/* Pure: percent of the bytes that are there, -1: unknown. Bytes a second, -1: unknown. */
int node_percent(const struct node *n);
int64_t node_rate(const struct node *n);
/* How long this boot took, or has taken so far. */
int64_t node_took(const struct node *n, int64_t now);
/* Something is under way that will be over some day. */
bool phase_is_on_the_way(enum phase p);

/* Errors first, then silent nodes, slow ones, those on the way, those that start, those that are up; a name's numbers
 * by their value. For qsort() of pointers to nodes. */
int node_order(const void *a, const void *b);

#endif
