/* up.h - child of an original dolly: its protocol spoken upwards, into a store, and passed on downwards. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_DOLLY_UP_H
#define RELAY_DOLLY_UP_H

#include "base/failure.h"
#include "relay/dolly/conf.h"
#include "relay/dolly/down.h"

struct dolly_up;

struct dolly_up_calls {
	/* A parent has handed over a configuration; nothing else may be begun any more. May be NULL. */
	void (*begun)(struct dolly_up *u);
	/* Is the host line NAME this machine? Addresses this machine was reached at are known already. */
	bool (*is_me)(struct dolly_up *u, const char *name);
	/* The address of host line NAME. 0 or -errno. */
	int (*resolve)(struct dolly_up *u, const char *name, struct peer_address *a);
	/* Opens the target into STORE (closed by us). 0, or -errno with F. */
	int (*open)(struct dolly_up *u, const struct dolly_conf *c, bool directory, struct rstore *store,
		    struct failure *f);
	/* U->position bytes are stored; may be NULL. */
	void (*stored)(struct dolly_up *u);
	/* All U->length bytes are stored: make the target final, then call dolly_up_confirm. */
	void (*complete)(struct dolly_up *u);
	void (*note)(struct dolly_up *u, const char *line); /* may be NULL */
	/* It is over. ERR 0: the target is right, as far as this protocol can tell. Called once. */
	void (*ended)(struct dolly_up *u, int err, const struct failure *f);
};

/* One node behind us: the next of the chain, or one of several where the configuration has a fanout. */
struct dolly_branch {
	struct dolly_up *up;
	struct dolly_down down;
	bool told, acked;
	char name[256];
	char why[220]; /* it did not get everything; "" */
};

/* {0} plus the first fields. */
struct dolly_up {
	struct loop *loop;
	const struct dolly_up_calls *calls;
	void *owner;
	const char *password; /* NULL: none; a parent must have the same */

	struct loop_fd control_listener, data_listener;
	struct dolly_guest *guests; /* connections that have not shown what they are */
	struct loop_timer timer;
	bool active, ended;

	enum dolly_family family; /* from here on: once active */
	struct dolly_conf conf;
	struct buf text; /* the configuration as it came */
	bool directory;
	char me[256];
	struct loop_fd control, data;
	struct buf in, out; /* of control */
	struct rstore store;
	bool store_open;
	uint8_t *block;
	int64_t position, length; /* bytes stored; all there will be, -1 while that is not known */
	int64_t heard;            /* of loop_now() */
	bool ready_sent, completing, confirmed;
	struct dolly_branch *branch; /* [branches] */
	size_t branches;
	struct failure failure;
};

/* Listens on both ports. 0 or -errno with F. */
int dolly_up_open(struct dolly_up *u, struct failure *f) must_check;
/* The answer to complete(). */
void dolly_up_confirm(struct dolly_up *u, int err, const struct failure *f);
void dolly_up_close(struct dolly_up *u);

#endif
