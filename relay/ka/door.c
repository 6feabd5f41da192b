/* door.c - the data port -> children of ours and silent ones, who may be originals; strangers are shown out. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/door.h"

#include <arpa/inet.h>

#define MAX_GUESTS 256
#define TICK       50
#define SILENCE    150  /* ms after which a silent one is taken for an original's child: a scan has gone by then */
#define PATIENCE   3000 /* ms one of ours may take to say what it wants */

/* A connection of which nothing is known yet. */
struct ka_guest {
	struct ka_door *door;
	struct ka_guest *next;
	struct in_addr ip;
	struct loop_fd w; /* until it has shown the extension's first bytes */
	struct link link; /* from then on */
	bool spoke;
	int64_t since;
};

int ka_accept(struct loop *l, int listener, struct in_addr *ip)
{
	struct peer_address a;
	char text[PEER_TEXT];
	int fd = peer_accept(l, listener, &a);

	if (fd < 0)
		return fd;
	if (inet_pton(AF_INET, peer_text(&a, text), ip) != 1) {
		peer_shut(l, fd);
		return -EAFNOSUPPORT;
	}
	return fd;
}

static void free_guest(struct ka_guest *g)
{
	for (struct ka_guest **p = &g->door->guests; *p; p = &(*p)->next) {
		if (*p == g) {
			*p = g->next;
			break;
		}
	}
	loop_close_fd(g->door->loop, &g->w);
	link_close(&g->link);
	loop_free_later(g->door->loop, g);
}

static void on_frame(struct link *l, const struct wire_header *h, const uint8_t *body)
{
	struct ka_guest *g = container_of(l, struct ka_guest, link);
	struct wire_get get;

	if (h->type == WIRE_GET && wire_get_get(body, h->length, &get) == 0)
		g->door->calls->ours(g->door, l, &get);
	free_guest(g);
}

static void on_closed(struct link *l, int err)
{
	(void)err;
	free_guest(container_of(l, struct ka_guest, link));
}

static const struct link_calls link_calls = { .frame = on_frame, .closed = on_closed };

/* Something has come: one of ours begins with the magic, nobody else says anything. */
static void sniff(struct loop_fd *w, uint32_t events)
{
	struct ka_guest *g = container_of(w, struct ka_guest, w);
	char bytes[WIRE_MAGIC_SIZE];
	ssize_t n = peer_peek(g->door->loop, w->fd, bytes, sizeof(bytes));
	int fd = w->fd;

	(void)events;
	if (n <= 0 || memcmp(bytes, WIRE_MAGIC, (size_t)n) != 0) {
		free_guest(g);
		return;
	}
	g->spoke = true;
	if (n < WIRE_MAGIC_SIZE)
		return;
	loop_remove(g->door->loop, w);
	w->fd = -1;
	if (link_open(&g->link, g->door->loop, fd, &link_calls, false) < 0)
		free_guest(g);
}

static void on_accept(struct loop_fd *w, uint32_t events)
{
	struct ka_door *d = container_of(w, struct ka_door, listener);
	unsigned count = 0;
	struct ka_guest *g;
	struct in_addr ip;
	int fd = ka_accept(d->loop, w->fd, &ip);

	(void)events;
	if (fd < 0)
		return;
	for (g = d->guests; g; g = g->next)
		count++;
	g = count < MAX_GUESTS ? calloc(1, sizeof(*g)) : NULL;
	if (!g) {
		peer_shut(d->loop, fd);
		return;
	}
	*g = (struct ka_guest){
		.door = d, .ip = ip, .w = { .fd = fd, .ready = sniff }, .link.w.fd = -1, .since = loop_now(d->loop)
	};
	/* edge-triggered: a beginning too short to be told does not wake us again and again */
	if (loop_add(d->loop, &g->w, EPOLLIN | EPOLLET) < 0) {
		peer_shut(d->loop, fd);
		free(g);
		return;
	}
	g->next = d->guests;
	d->guests = g;
	if (!d->tick.at)
		loop_at(d->loop, &d->tick, loop_now(d->loop) + TICK);
}

static void on_tick(struct loop_timer *t)
{
	struct ka_door *d = container_of(t, struct ka_door, tick);
	int64_t now = loop_now(d->loop);

	for (struct ka_guest *g = d->guests, *next; g; g = next) {
		next = g->next;
		if (now - g->since > PATIENCE) {
			free_guest(g);
		} else if (g->w.fd >= 0 && !g->spoke && now - g->since >= SILENCE) {
			struct in_addr ip = g->ip;
			int fd = g->w.fd;

			loop_remove(d->loop, &g->w);
			g->w.fd = -1;
			free_guest(g);
			d->calls->silent(d, fd, ip);
		}
	}
	if (d->guests)
		loop_at(d->loop, t, now + TICK);
}

int ka_door_open(struct ka_door *d, struct loop *l, uint16_t port, const struct ka_door_calls *calls)
{
	int fd = peer_listen(l, port), err;

	if (fd < 0)
		return fd;
	*d = (struct ka_door){ .loop = l, .calls = calls, .listener = { .fd = fd, .ready = on_accept } };
	d->tick.fire = on_tick;
	err = loop_add(l, &d->listener, EPOLLIN);
	if (err)
		loop_close_fd(l, &d->listener);
	return err;
}

void ka_door_close(struct ka_door *d)
{
	if (!d->loop)
		return;
	while (d->guests)
		free_guest(d->guests);
	loop_forget(d->loop, &d->tick);
	loop_close_fd(d->loop, &d->listener);
}
