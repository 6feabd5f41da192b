/* schedule.h - a seed, or a line of text, -> what is sent to how many nodes and what goes wrong meanwhile, and back. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include "sim.h"

/* X(name, what its numbers are): one row a fault; A is a node, or 0 for the head where that makes sense. */
#define FAULTS(X)                                                                                                      \
	X(kill)     /* a: its program is killed; x: and begun anew after x ms, 0: not */                               \
	X(power)    /* a: no power; x: as above */                                                                     \
	X(freeze)   /* a: its program stands still; x ms, 0: for good */                                               \
	X(unplug)   /* a: its cable is out; x ms, 0: for good */                                                       \
	X(late)     /* a: its program begins then only; x 1: never */                                                  \
	X(busy)     /* a: its program is late by up to x ms, always */                                                 \
	X(slow)     /* a: its cable has x kB/s from then on */                                                         \
	X(reset)    /* a: all its connections are reset */                                                             \
	X(reject)   /* a, b, x: connections from a to port x of b: no route to host; x 0: any port; a or b -1: any */  \
	X(closed)   /* a, b, x: connection refused */                                                                  \
	X(drop)     /* a, b, x: first packets vanish */                                                                \
	X(cut)      /* a, b: all packets from a to b vanish; x ms, 0: for good */                                      \
	X(mtu)      /* a, b: packets of more than 1400 bytes from a to b vanish */                                     \
	X(eio)      /* a: its disk fails after x bytes */                                                              \
	X(full)     /* a: its disk is full after x bytes */                                                            \
	X(refuse)   /* a: it cannot open its target */                                                                 \
	X(rot)      /* a: its disk loses bytes of one write in x */                                                    \
	X(medium)   /* a: its medium takes x ms to have everything */                                                  \
	X(liar)     /* a: of what it sends one segment in x is altered */                                              \
	X(twice)    /* a: is listed under another address, too */                                                      \
	X(stale)    /* a: the first address of its name is dead, the second is right */                                \
	X(loopback) /* a: is listed as 127.0.0.1: it runs on the head's machine */                                     \
	X(files)    /* a: has x descriptors */                                                                         \
	X(isolated) /* nodes reach the head only; x 0: reject, 1: drop */                                              \
	X(flood)    /* a: a stranger opens x connections a second to it, and says nothing */

enum fault_kind {
#define X(name) FAULT_##name,
	FAULTS(X)
#undef X
		FAULT_KINDS
};

struct fault {
	enum fault_kind kind;
	int at; /* ms after the beginning */
	int a, b, x;
};

#define MAX_FAULTS 24

struct schedule {
	uint64_t seed;
	int nodes;
	int image, chunk;         /* bytes */
	int rate, latency;        /* kB/s, us */
	int give_up, stall, back; /* ms: options of the head */
	int wanted;               /* 0: nodes are listed; else so many are asked for, and announce themselves */
	int loss;                 /* one segment in so many is late */
	int fanout;
	struct fault fault[MAX_FAULTS];
	int faults;
};

void schedule_make(struct schedule *s, uint64_t seed, int most_nodes);
/* One line; TEXT has room for SIZE bytes. */
void schedule_write(const struct schedule *s, char *text, size_t size);
/* 0 or -EINVAL. */
int schedule_read(struct schedule *s, const char *text);

/* ---- session.c */

struct verdict {
	unsigned violations;
	char first[300]; /* the first one's words */
	int64_t ended;   /* us: when the head had ended; 0: never */
	uint64_t events;
	int done, failed;
};

/* Runs S from its beginning to its end. WORDS: prints what each machine says. */
struct verdict session_run(const struct schedule *s, bool words);

#endif
