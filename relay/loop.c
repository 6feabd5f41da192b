/* loop.c - descriptors and deadlines -> calls (epoll). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/loop.h"

#include "base/clock.h"

#include <unistd.h>

int loop_open(struct loop *l)
{
	*l = (struct loop) { .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return l->epoll_fd < 0 ? -errno : 0;
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
	base_close_fd(&l->epoll_fd);
}

int loop_add(struct loop *l, struct loop_fd *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	w->events = events;
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &e) < 0 ? -errno : 0;
}

void loop_change(struct loop *l, struct loop_fd *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (w->fd < 0 || w->events == events)
		return;
	w->events = events;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &e);
}

void loop_remove(struct loop *l, struct loop_fd *w)
{
	for (int i = 0; i < l->batch_count; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	if (w->fd >= 0)
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
}

void loop_close_fd(struct loop *l, struct loop_fd *w)
{
	loop_remove(l, w);
	base_close_fd(&w->fd);
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

/* The milliseconds epoll may sleep: to the next deadline, -1 where there is none. */
static int time_to_next(const struct loop *l)
{
	int64_t next = 0;

	for (const struct loop_timer *t = l->timers; t; t = t->next)
		if (t->at && (!next || t->at < next))
			next = t->at;
	return next ? ms_left(next) : -1;
}

/* Fires what is due. A call may add and forget timers, so the list is searched anew after each. */
static void fire_timers(struct loop *l)
{
	int64_t now = now_ms();

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

int loop_run(struct loop *l)
{
	struct epoll_event events[64];

	l->stopped = false;
	while (!l->stopped) {
		int n = epoll_wait(l->epoll_fd, events, ARRAY_SIZE(events), time_to_next(l));

		if (n < 0 && errno != EINTR)
			return -errno;
		l->batch = events;
		l->batch_count = MAX(n, 0);
		for (int i = 0; i < l->batch_count && !l->stopped; i++) {
			struct loop_fd *w = events[i].data.ptr;

			if (w)
				w->ready(w, events[i].events);
		}
		l->batch_count = 0;
		if (!l->stopped)
			fire_timers(l);
		free_now(l);
	}
	return l->result;
}

void loop_stop(struct loop *l, int result)
{
	l->stopped = true;
	l->result = result;
}
