/* loop.c - descriptors and deadlines -> calls (epoll). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/world.h"

#include <limits.h>

int loop_open_in(struct loop *l, const struct world *world)
{
	*l = (struct loop){ .world = world, .epoll_fd = -1 };
	return world->open(l);
}

int loop_open(struct loop *l)
{
	return loop_open_in(l, &world_sockets);
}

static void free_now(struct loop *l)
{
	while (l->later_count > 0)
		free(l->later[--l->later_count]);
}

void loop_free_later(struct loop *l, void *p)
{
	if (l->later_count == l->later_capacity) {
		size_t capacity = l->later_capacity + 64;
		void **later = realloc(l->later, capacity * sizeof(*later));

		if (!later)
			return; /* a leak is better than a use after free */
		l->later = later;
		l->later_capacity = capacity;
	}
	l->later[l->later_count++] = p;
}

void loop_close(struct loop *l)
{
	free_now(l);
	free(l->later);
	if (l->world)
		l->world->close(l);
}

int loop_add(struct loop *l, struct loop_fd *w, uint32_t events)
{
	w->events = events;
	return l->world->watch(l, w, true);
}

void loop_change(struct loop *l, struct loop_fd *w, uint32_t events)
{
	if (w->fd < 0 || w->events == events)
		return;
	w->events = events;
	if (l->world->watch(l, w, false) < 0)
		return; /* it is not waited for at present */
}

void loop_remove(struct loop *l, struct loop_fd *w)
{
	for (int i = 0; i < l->batch_count; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	if (w->fd >= 0)
		l->world->forget(l, w);
}

void loop_close_fd(struct loop *l, struct loop_fd *w)
{
	loop_remove(l, w);
	if (w->fd >= 0)
		l->world->shut(l, w->fd, false);
	w->fd = -1;
}

void loop_at(struct loop *l, struct loop_timer *t, int64_t at)
{
	t->at = at;
	if (!t->listed) {
		t->listed = true;
		t->next = l->timers;
		l->timers = t;
	}
}

void loop_forget(struct loop *l, struct loop_timer *t)
{
	for (struct loop_timer **p = &l->timers; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	t->listed = false;
	t->at = 0;
}

int64_t loop_next(const struct loop *l)
{
	int64_t next = 0;

	for (const struct loop_timer *t = l->timers; t; t = t->next)
		if (t->at && (!next || t->at < next))
			next = t->at;
	return next;
}

/* The milliseconds that may be slept: to the next deadline, -1 where there is none. */
static int time_to_next(struct loop *l)
{
	int64_t next = loop_next(l), left = next ? next - loop_now(l) : -1;

	return next ? (int)MIN(MAX(left, (int64_t)0), (int64_t)INT_MAX) : -1;
}

/* Fires what is due. A call may add and forget timers, so the list is searched anew after each. */
static void fire_timers(struct loop *l)
{
	int64_t now = loop_now(l);

	for (struct loop_timer *t = l->timers; t;) {
		if (t->at && t->at <= now) {
			t->at = 0;
			t->fire(t);
			t = l->timers;
		} else {
			t = t->next;
		}
	}
}

int loop_step(struct loop *l, int ms)
{
	struct epoll_event events[64];
	int n = l->world->wait(l, events, ARRAY_SIZE(events), ms);

	if (n < 0)
		return n;
	l->batch = events;
	l->batch_count = n;
	for (int i = 0; i < l->batch_count && !l->stopped; i++) {
		struct loop_fd *w = events[i].data.ptr;

		if (w)
			w->ready(w, events[i].events);
	}
	l->batch_count = 0;
	if (!l->stopped)
		fire_timers(l);
	free_now(l);
	return 0;
}

int loop_run(struct loop *l)
{
	int err = 0;

	l->stopped = false;
	while (!l->stopped && !err)
		err = loop_step(l, time_to_next(l));
	return err < 0 ? err : l->result;
}

void loop_stop(struct loop *l, int result)
{
	l->stopped = true;
	l->result = result;
}
