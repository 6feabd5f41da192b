/* find.h - a session's name -> its server's address, by broadcast on every network and by asking. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_FIND_H
#define RELAY_KA_FIND_H

#include "relay/world.h"

#include <netinet/in.h>

#define KA_FIND_RETRIES 10   /* after the first question */
#define KA_FIND_EVERY   1000 /* ms */

struct ka_find {
	struct loop *loop;
	const char *session;        /* the caller's */
	const struct in_addr *also; /* asked directly besides; the caller's */
	size_t also_count;
	struct loop_fd reply; /* on KA_UDP_REPLY, where originals answer; fd -1 where another client has it */
	struct loop_fd ask;   /* the questions leave here; our servers answer here too */
	struct loop_timer again;
	unsigned tries;
	/* A server has answered. */
	void (*found)(struct ka_find *f, struct in_addr server);
	/* Nobody answered: TRY is the next question's number, KA_FIND_RETRIES + 1: that was all. */
	void (*silence)(struct ka_find *f, unsigned try);
	/* Somebody answered in another version. */
	void (*wrong)(struct ka_find *f, struct in_addr server);
};

/* Begins. {0} plus the first four and the calls. 0 or -errno. */
int ka_find_begin(struct ka_find *f) must_check;
/* Ends it; safe at any time. */
void ka_find_end(struct ka_find *f);

#endif
