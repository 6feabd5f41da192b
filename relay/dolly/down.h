/* down.h - parent of one original dolly: its protocol spoken downwards, from a store. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_DOLLY_DOWN_H
#define RELAY_DOLLY_DOWN_H

#include "relay/dolly/wire.h"
#include "relay/link.h"
#include "relay/store.h"

struct dolly_down;

struct dolly_down_calls {
	/* A listener on the data port has accepted us: somebody who speaks dolly is there. May be NULL. */
	void (*found)(struct dolly_down *d);
	/* The configuration has been handed over; may be NULL. */
	void (*told)(struct dolly_down *d);
	/* The child said LEN bytes of text (a whole line). */
	void (*line)(struct dolly_down *d, const char *text, size_t len);
	/* The chain below has acknowledged BYTES. The connections are closed. */
	void (*acknowledged)(struct dolly_down *d, uint64_t bytes);
	/* It failed; WHY is for people. The connections are closed. */
	void (*failed)(struct dolly_down *d, int err, const char *why);
};

enum dolly_down_state {
	DOWN_IDLE,
	DOWN_DATA,     /* connecting to the data port */
	DOWN_FOUND,    /* waiting for dolly_down_tell */
	DOWN_CONTROL,  /* connecting to the control port */
	DOWN_GREETING, /* handing over the configuration, step by step */
	DOWN_FEEDING,
	DOWN_ACK, /* everything is sent */
	DOWN_OVER,
};

/* {0} plus the first fields, set by the owner. Store and strings stay the owner's. */
struct dolly_down {
	struct loop *loop;
	struct rstore *store;
	const struct dolly_down_calls *calls;
	void *owner;
	struct peer_address address; /* ports are filled in here */
	enum dolly_family family;
	const char *password; /* NULL: none */
	bool directory;
	int64_t patience; /* ms until the child must have accepted both connections */
	bool once;        /* a refused connection is final */

	enum dolly_down_state state;
	struct loop_fd data, control;
	struct loop_timer timer;
	int64_t deadline, moved; /* of loop_now() */
	struct buf text, in;
	int step; /* of the greeting */
	uint8_t nonce[DOLLY_NONCE];
	int64_t sent, available, length; /* bytes; length -1: not known yet */
	bool length_sent;
};

/* Begins to connect; tries again every half second until the patience is over. */
void dolly_down_begin(struct dolly_down *d);
/* Hands the configuration TEXT over (after found, or at once: it waits). 0 or -ENOMEM. */
int dolly_down_tell(struct dolly_down *d, const char *text, size_t len) must_check;
/* AVAILABLE bytes of the store may be sent; LENGTH is all there will be, -1 while that is not known. */
void dolly_down_feed(struct dolly_down *d, int64_t available, int64_t length);
void dolly_down_close(struct dolly_down *d);

#endif
