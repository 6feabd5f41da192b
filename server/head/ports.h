/* ports.h - a port -> who listens on it here, by the kernel's tables of sockets and descriptors. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_PORTS_H
#define SERVER_HEAD_PORTS_H

#include "base/buf.h"

#include <netinet/in.h>
#include <sys/types.h>

/* A port that is needed. */
struct port {
	bool tcp; /* else UDP */
	uint16_t number;
};

/* True when a line of /proc/net/tcp or udp (proc(5)) is of a socket that keeps others from listening on the port at
 * ADDRESS (0.0.0.0: any). *INODE: the socket's. */
bool port_line_takes(const char *line, const struct port *port, struct in_addr address, unsigned long *inode);

/* The inode of the socket that has the port; 0: none. */
unsigned long port_taken(const struct port *port, struct in_addr address);

/* The process that has the socket open; adds its name to NAME. 0: not to be found. */
pid_t port_owner(unsigned long inode, struct buf *name);

#endif
