/* sim.h - a schedule -> machines that run the relay's real code in one process, under simulated time: what they
 * share. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SIM_H
#define SIM_H

#include "relay/head.h"
#include "relay/node.h"

#define SIM_MACHINES 10002       /* at most; 0 is the head's */
#define SIM_BASE     (1 << 20)   /* descriptors of the simulator begin here: none that the kernel has */
#define SIM_SOCKET   (64 * 1024) /* bytes a socket's buffers hold, each way */

/* ---- chance: one seed decides everything */

struct chance {
	uint64_t state;
};

uint64_t chance_next(struct chance *c);
/* 0 to N - 1. */
uint32_t chance_below(struct chance *c, uint32_t n);
static inline bool chance_one_in(struct chance *c, uint32_t n)
{
	return chance_below(c, n) == 0;
}

/* ---- machines */

enum sim_rule_kind {
	RULE_REJECT, /* a connection is refused with "no route to host": firewall */
	RULE_CLOSED, /* refused with a reset, as by a port nobody listens on */
	RULE_DROP,   /* its first packet vanishes */
	RULE_CUT,    /* every packet vanishes */
	RULE_MTU,    /* packets of more than 1400 bytes vanish */
};

/* What happens to packets from machine FROM to machine TO. */
struct sim_rule {
	enum sim_rule_kind kind;
	int from, to;  /* -1: any */
	uint16_t port; /* 0: any */
	int64_t until; /* us; 0: for good */
};

struct sim_machine {
	int index;
	struct loop loop;
	bool loop_open;
	struct sim_machine *host;  /* whose kernel it runs on: itself, or a machine that runs several programs */
	struct sim_machine *guest; /* the next program of the same kernel */
	/* no power: nobody is told of what it closes; its programs do not run, its kernel does */
	bool off, frozen;
	bool unplugged;
	uint32_t address[4]; /* IPv4, host order; the first is the one others are told */
	int addresses;
	double rate;                /* bytes per us, each way */
	int64_t latency;            /* us, one way, added to the other side's */
	int64_t lateness;           /* us by which its program may be late, at most */
	int64_t up_free, down_free; /* us: until then its cable is busy */
	int64_t wake_at;            /* us; 0: none is planned */
	unsigned descriptors;       /* now open */
	unsigned limit;             /* at most; 0: any number */
	int first_fd;               /* the list of its descriptors */
	uint16_t next_port;
	uint64_t wakes, sent, messages; /* how often it ran, bytes and writes it sent */
	void *owner;
	void (*after)(struct sim_machine *m); /* called when its program has run; may be NULL */
};

struct sim {
	int64_t now; /* us */
	struct chance chance;
	struct sim_machine **machine;
	int machines;
	struct sim_rule *rule;
	size_t rules;
	unsigned loss; /* one segment in so many comes 200 ms later; 0: none */
	uint64_t events;
	bool stopped;
	bool trace;
};

extern struct sim sim;
extern const struct world sim_world;

void sim_begin(uint64_t seed);
void sim_end(void);
struct sim_machine *sim_add_machine(uint32_t address, double rate, int64_t latency);
/* One more program on HOST's kernel. */
struct sim_machine *sim_add_program(struct sim_machine *host);
/* Opens M's loop: its program may begin. */
void sim_start(struct sim_machine *m);
/* Its program has ended: the kernel closes what it had open. */
void sim_stop(struct sim_machine *m);
void sim_wake(struct sim_machine *m, int64_t at);
void sim_rule_add(const struct sim_rule *r);
/* Breaks every connection of M, as a reset from the middle does. */
void sim_reset(struct sim_machine *m);
/* Calls FN(ARG) at AT us. */
void sim_at(int64_t at, void (*fn)(void *arg), void *arg);
/* Runs until nothing happens any more, UNTIL (us), or sim.stopped. */
void sim_run(int64_t until);
struct peer_address sim_address(uint32_t ip, uint16_t port);
/* A byte of what machine M sends is about to leave: the liar's place. LEN bytes at P, to be changed in place. */
extern void (*sim_alter)(struct sim_machine *m, uint8_t *p, size_t len);
void sim_trace(const char *fmt, ...) printf_like(1, 2);

/* ---- disks: what rstore_... calls are in the simulator (disk.c) */

struct sim_disk {
	struct sim_machine *m;
	const uint8_t *truth; /* the image: what is stored must be it */
	uint8_t *bytes;
	int64_t size, written;   /* written: in all */
	bool used;               /* something was written by an earlier program */
	int64_t eio_at, full_at; /* so many bytes are taken, then it fails; 0: never */
	unsigned rot;            /* one write in so many is lost later; 0: none */
	int64_t sync_ms;         /* until everything is on the medium */
};

/* S is on D from now on. */
void sim_disk_open(struct rstore *s, struct sim_disk *d);

/* ---- what must never be: counts it, keeps the first one's words */

void sim_violated(const char *fmt, ...) printf_like(1, 2);

#endif
