/* door.h - the extension's port -> connections whose first frame tells what they are; strangers are shown out. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_DOOR_H
#define RELAY_DOOR_H

#include "relay/link.h"

struct door;

/* GUEST has shown the magic and its first frame. Take it over by link_move, answer it, or leave it: it is closed after
 * the call. */
typedef void door_first_fn(struct door *d, struct link *guest, const struct wire_header *h, const uint8_t *body);

/* {0} with listener.fd -1 before it is opened. */
struct door {
	struct loop *loop;
	struct loop_fd listener;
	door_first_fn *first;
	struct door_guest *guests;
	unsigned count, limit; /* guests now, at most; of one address a quarter of them */
	bool full;             /* no descriptor was left: the listener is not waited for until the next tick */
};

/* Listens on PORT (0: any). 0 or -errno. */
int door_open(struct door *d, struct loop *l, uint16_t port, unsigned limit, door_first_fn *first) must_check;
/* The port it listens on. */
uint16_t door_port(const struct door *d);
/* Shows out who has said nothing for 3 s; call it about every 100 ms. */
void door_tick(struct door *d, int64_t now);
void door_close(struct door *d);

#endif
