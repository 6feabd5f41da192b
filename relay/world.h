/* world.h - what the machines of the relay know of the world: the time, connections and datagrams, behind one table. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_WORLD_H
#define RELAY_WORLD_H

#include "base/peer.h"
#include "relay/loop.h"

#include <sys/types.h>

/* Two makers: world_sockets (relay/sockets.c), and the simulator (tests/sim). Descriptors are numbers of the maker's;
 * no call blocks, but wait. Errors are -errno; -EAGAIN: nothing now, W's owner will be told. */
struct world {
	int (*open)(struct loop *l);
	void (*close)(struct loop *l);
	/* ms, of a clock that never goes back. */
	int64_t (*now)(struct loop *l);
	/* W->fd is waited for, W->events are what for; ADD: from now on, else it is so already. */
	int (*watch)(struct loop *l, struct loop_fd *w, bool add);
	void (*forget)(struct loop *l, struct loop_fd *w);
	/* Up to COUNT events, data.ptr a struct loop_fd; MS: at most so long, -1: as long as it takes. */
	int (*wait)(struct loop *l, struct epoll_event *events, int count, int ms);

	/* A connection on its way to A: EPOLLOUT when it is decided, error() then tells how. */
	int (*connect)(struct loop *l, const struct peer_address *a);
	/* PORT 0: any; of all addresses, both families. */
	int (*listen)(struct loop *l, uint16_t port);
	int (*accept)(struct loop *l, int listener, struct peer_address *from);
	int (*error)(struct loop *l, int fd);
	/* The address of the far end, or of this one. */
	int (*address)(struct loop *l, int fd, bool far, struct peer_address *a);
	/* 0: the other side has ended. PEEK: the bytes stay. */
	ssize_t (*read)(struct loop *l, int fd, void *to, size_t len, bool peek);
	/* MORE: something follows at once, they may share a segment. */
	ssize_t (*write)(struct loop *l, int fd, const void *bytes, size_t len, bool more);
	/* LEN bytes of FILE, an open file, from AT on. */
	ssize_t (*send_file)(struct loop *l, int fd, int file, int64_t at, size_t len);
	/* EPOLLIN not for less than BYTES. */
	void (*low_water)(struct loop *l, int fd, int bytes);
	/* Nothing more is written; the other side reads to the end. */
	void (*end)(struct loop *l, int fd);
	/* ABRUPT: what the other side has not got yet is not sent any more. */
	void (*shut)(struct loop *l, int fd, bool abrupt);

	/* A datagram socket on PORT that may broadcast; BOTH families. */
	int (*datagrams)(struct loop *l, uint16_t port, bool both);
	/* To PORT of everybody on every network, and to the COUNT addresses TO. What cannot be reached now may be
	 * later. */
	void (*tell)(struct loop *l, int fd, uint16_t port, const void *bytes, size_t len,
		     const struct peer_address *to, size_t count);
	ssize_t (*hear)(struct loop *l, int fd, void *to, size_t len, struct peer_address *from);
};

extern const struct world world_sockets;

/* The time, ms; what the table says, in words that read well. */
static inline int64_t loop_now(struct loop *l)
{
	return l->world->now(l);
}

#define peer_connect(l, a)           (l)->world->connect(l, a)
#define peer_listen(l, port)         (l)->world->listen(l, port)
#define peer_accept(l, fd, from)     (l)->world->accept(l, fd, from)
#define peer_error(l, fd)            (l)->world->error(l, fd)
#define peer_far(l, fd, a)           (l)->world->address(l, fd, true, a)
#define peer_near(l, fd, a)          (l)->world->address(l, fd, false, a)
#define peer_read(l, fd, to, len)    (l)->world->read(l, fd, to, len, false)
#define peer_peek(l, fd, to, len)    (l)->world->read(l, fd, to, len, true)
#define peer_write(l, fd, p, len)    (l)->world->write(l, fd, p, len, false)
#define peer_low_water(l, fd, bytes) (l)->world->low_water(l, fd, bytes)
#define peer_end(l, fd)              (l)->world->end(l, fd)
#define peer_shut(l, fd)             (l)->world->shut(l, fd, false)

#endif
