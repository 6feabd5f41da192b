/* loop.h - descriptors and deadlines -> calls: the one event loop under the relay and its protocols. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_LOOP_H
#define RELAY_LOOP_H

#include "base/base.h"

#include <sys/epoll.h>

/* A descriptor that is waited for. Embedded in the owner's struct (container_of finds it); {0} with fd -1 is idle. */
struct loop_fd {
	int fd;                                               /* owned by whoever owns the struct */
	uint32_t events;                                      /* EPOLLIN, EPOLLOUT now waited for */
	void (*ready)(struct loop_fd *self, uint32_t events); /* events: of epoll(7) */
};

/* A deadline. Embedded like loop_fd; {0} is off. */
struct loop_timer {
	int64_t at; /* of loop_now(); 0: off */
	void (*fire)(struct loop_timer *self);
	struct loop_timer *next; /* the loop's list */
	bool listed;
};

struct world;

struct loop {
	const struct world *world; /* where time and events come from */
	void *machine;             /* the maker's of the world */
	int epoll_fd;
	struct loop_timer *timers;
	struct epoll_event *batch; /* the events now being handed out, so that a removed one is not */
	int batch_count;
	void **later; /* memory to be freed when no call is in progress */
	size_t later_count, later_capacity;
	bool stopped;
	int result;
};

/* 0 or -errno. */
int loop_open(struct loop *l) must_check;
int loop_open_in(struct loop *l, const struct world *world) must_check;
/* Descriptors stay open: they belong to others. */
void loop_close(struct loop *l);

/* Waits for EVENTS on W->fd. 0 or -errno. */
int loop_add(struct loop *l, struct loop_fd *w, uint32_t events) must_check;
/* Waits for other events from now on; nothing happens where they are the same. */
void loop_change(struct loop *l, struct loop_fd *w, uint32_t events);
/* Forgets W; no call of it comes any more. Safe for what is not waited for. */
void loop_remove(struct loop *l, struct loop_fd *w);
/* Forgets W and closes its descriptor, which is -1 then. */
void loop_close_fd(struct loop *l, struct loop_fd *w);

/* free(P) once no call of the loop is in progress: a call may end the struct it was made for. */
void loop_free_later(struct loop *l, void *p);

/* Fires T once at AT (of loop_now()); 0 turns it off. A fired timer is off and may set itself again. */
void loop_at(struct loop *l, struct loop_timer *t, int64_t at);
/* Forgets T; must be called before its memory goes. */
void loop_forget(struct loop *l, struct loop_timer *t);

/* The next deadline, 0 where there is none. */
int64_t loop_next(const struct loop *l);
/* What has happened, and what is due; waits for it MS milliseconds at most, -1: without an end. 0 or -errno. */
int loop_step(struct loop *l, int ms) must_check;
/* Runs until loop_stop; returns its result, or -errno. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l, int result);

#endif
