/* announce.h - "here I am" by UDP: nodes that wait for a head, and heads that wait for nodes. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_ANNOUNCE_H
#define RELAY_ANNOUNCE_H

#include "relay/link.h"

/* The sockets' side (relay/sockets.c): a UDP socket on PORT (0: any) that may broadcast. The descriptor or -errno. */
int announce_open(uint16_t port) must_check;

struct ifreq;
/* The interfaces that have an IPv4 address, as many as there are: *COUNT of them, malloc'ed. NULL: none, or no
 * memory. */
struct ifreq *announce_interfaces(int fd, size_t *count) must_check;

/* The same for both families, where the kernel has both. */
int announce_open_both(uint16_t port) must_check;

/* Sends LEN bytes to PORT of everybody on every network this machine is on: by broadcast, or where no interface has an
 * IPv4 address, by IPv6 multicast on the link. */
void announce_everybody(int fd, uint16_t port, const void *bytes, size_t len);

/* Sends M to PORT of everybody, and to the COUNT addresses TO, which have their ports. Never fails: what
 * cannot be reached now may be the next time. */
void announce_send(struct loop *l, int fd, uint16_t port, const struct wire_hello *m, const struct peer_address *to,
		   size_t count);

/* Reads one announcement waiting on FD. 1: M and FROM (with the announced port) are filled; 0: nothing more is waiting;
 * -EBADMSG: it was something else. */
int announce_receive(struct loop *l, int fd, struct wire_hello *m, struct peer_address *from) must_check;

#endif
