/* door.h - the data port -> children of ours and silent ones, who may be originals; strangers are shown out. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_DOOR_H
#define RELAY_KA_DOOR_H

#include "relay/link.h"

struct ka_door;

struct ka_door_calls {
	/* One of ours has connected and asks with G. Take L over by feed_adopt, or leave it: it is closed then. */
	void (*ours)(struct ka_door *d, struct link *l, const struct wire_get *g);
	/* Somebody has connected and says nothing, as an original's child does. FD belongs to the callee. */
	void (*silent)(struct ka_door *d, int fd, struct in_addr ip);
};

struct ka_door {
	struct loop *loop;
	struct loop_fd listener;
	const struct ka_door_calls *calls;
	struct ka_guest *guests;
	struct loop_timer tick;
};

/* Takes a connection over IPv4 (ka knows no other), tuned. The descriptor, or -errno. */
int ka_accept(struct loop *l, int listener, struct in_addr *ip) must_check;

/* Listens on PORT (0: any). 0 or -errno. {0} with listener.fd -1 before. */
int ka_door_open(struct ka_door *d, struct loop *l, uint16_t port, const struct ka_door_calls *calls) must_check;
void ka_door_close(struct ka_door *d);

#endif
