/* door.c - the extension's port -> connections whose first frame tells what they are; strangers are shown out. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/door.h"

#include "relay/intervals.h"

#define ACCEPTS 64 /* connections taken at a time */

/* An accepted connection of which nothing is known yet. */
struct door_guest {
	struct door *door;
	struct door_guest *next;
	struct link link;
	struct peer_address from;
	int64_t deadline;
};

static void free_guest(struct door_guest *g)
{
	for (struct door_guest **p = &g->door->guests; *p; p = &(*p)->next) {
		if (*p == g) {
			*p = g->next;
			g->door->count--;
			break;
		}
	}
	link_close(&g->link);
	loop_free_later(g->door->loop, g);
}

static void on_first(struct link *l, const struct wire_header *h, const uint8_t *body)
{
	struct door_guest *g = container_of(l, struct door_guest, link);

	g->door->first(g->door, l, h, body);
	free_guest(g);
}

static void on_closed(struct link *l, int err)
{
	(void)err;
	free_guest(container_of(l, struct door_guest, link));
}

static const struct link_calls calls = { .frame = on_first, .closed = on_closed };

/* The oldest guest goes where there are too many, of FROM's address or in all. They are listed newest first. */
static void make_room(struct door *d, const struct peer_address *from)
{
	struct door_guest *oldest = NULL, *oldest_of_it = NULL;
	unsigned of_it = 0;

	for (struct door_guest *g = d->guests; g; g = g->next) {
		oldest = g;
		if (!peer_same_host(&g->from, from))
			continue;
		oldest_of_it = g;
		of_it++;
	}
	if (of_it >= MAX(d->limit / 4, 1u))
		free_guest(oldest_of_it);
	else if (d->count >= d->limit)
		free_guest(oldest);
}

static void add_guest(struct door *d, int fd, const struct peer_address *from)
{
	struct door_guest *g;

	make_room(d, from);
	g = calloc(1, sizeof(*g));
	if (!g) {
		peer_shut(d->loop, fd);
		return;
	}
	g->door = d;
	g->from = *from;
	g->deadline = loop_now(d->loop) + GUEST_MS;
	if (link_open(&g->link, d->loop, fd, &calls, false) < 0) {
		free(g);
		return;
	}
	g->next = d->guests;
	d->guests = g;
	d->count++;
}

/* Several at a time: where many knock, and this machine is late, one a turn would leave the others outside. */
static void on_accept(struct loop_fd *w, uint32_t events)
{
	struct door *d = container_of(w, struct door, listener);
	struct peer_address from;
	int fd = 0;

	(void)events;
	for (int i = 0; i < ACCEPTS && (fd = peer_accept(d->loop, w->fd, &from)) >= 0; i++)
		add_guest(d, fd, &from);
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM) {
		/* it stays readable: waiting for it would be a loop */
		d->full = true;
		loop_change(d->loop, &d->listener, 0);
	}
}

int door_open(struct door *d, struct loop *l, uint16_t port, unsigned limit, door_first_fn *first)
{
	int err;

	*d = (struct door){ .loop = l, .first = first, .limit = limit };
	d->listener = (struct loop_fd){ .fd = peer_listen(l, port), .ready = on_accept };
	if (d->listener.fd < 0)
		return d->listener.fd;
	err = loop_add(l, &d->listener, EPOLLIN);
	if (err)
		loop_close_fd(l, &d->listener);
	return err;
}

uint16_t door_port(const struct door *d)
{
	return peer_bound_port(d->loop, d->listener.fd);
}

void door_tick(struct door *d, int64_t now)
{
	if (d->full)
		loop_change(d->loop, &d->listener, EPOLLIN);
	d->full = false;
	for (struct door_guest *g = d->guests, *next; g; g = next) {
		next = g->next;
		if (now > g->deadline)
			free_guest(g);
	}
}

void door_close(struct door *d)
{
	if (!d->loop)
		return;
	while (d->guests)
		free_guest(d->guests);
	loop_close_fd(d->loop, &d->listener);
}
