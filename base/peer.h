/* peer.h - the address of somebody on the network, of either family -> its text, its port, who it is. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_PEER_H
#define BASE_PEER_H

#include "base/base.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* An address of either family, as connect(2) takes it. */
struct peer_address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len;
};

/* Longest text of an address. */
#define PEER_TEXT 48

/* "10.0.1.31", "fe80::1"; returns BUF. */
const char *peer_text(const struct peer_address *a, char buf[PEER_TEXT]);

/* The port, in this machine's order. */
void peer_set_port(struct peer_address *a, uint16_t port);
uint16_t peer_port(const struct peer_address *a);

/* An IPv4 address in IPv6's clothes (::ffff:10.0.1.31), as a socket of both families has it: as IPv4. */
void peer_unmap(struct peer_address *a);

/* Same host, whatever the port and the clothes. */
bool peer_same_host(const struct peer_address *a, const struct peer_address *b);

#endif
