/* announce.c - "here I am" by UDP: nodes that wait for a head, and heads that wait for nodes. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/announce.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"

static int open_at(const struct peer_address *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_DGRAM, 0), on = 1, off = 0, err;

	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->u.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &a->u.sa, a->len) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int announce_open(uint16_t port)
{
	struct peer_address a = { .u.in.sin_family = AF_INET, .len = sizeof(a.u.in) };

	peer_set_port(&a, port);
	return open_at(&a);
}

int announce_open_both(uint16_t port)
{
	struct peer_address a = { .u.in6.sin6_family = AF_INET6, .len = sizeof(a.u.in6) };
	int fd;

	peer_set_port(&a, port);
	fd = open_at(&a);
	return fd == -EAFNOSUPPORT ? announce_open(port) : fd;
}

/* The broadcast address of interface R: as it was set, else by its netmask. 0 where there is none. */
static in_addr_t broadcast_of(int fd, const struct ifreq *name)
{
	struct sockaddr_in own, mask, all;
	struct ifreq r = *name;

	memcpy(&own, &r.ifr_addr, sizeof(own));
	if (ioctl(fd, SIOCGIFBRDADDR, &r) == 0) {
		memcpy(&all, &r.ifr_broadaddr, sizeof(all));
		if (all.sin_addr.s_addr)
			return all.sin_addr.s_addr;
	}
	r = *name;
	if (ioctl(fd, SIOCGIFNETMASK, &r) < 0)
		return 0;
	memcpy(&mask, &r.ifr_addr, sizeof(mask));
	return own.sin_addr.s_addr | ~mask.sin_addr.s_addr;
}

struct ifreq *announce_interfaces(int fd, size_t *count)
{
	struct ifconf c = { .ifc_len = 0 };
	int room = 32 * (int)sizeof(struct ifreq);

	*count = 0;
	do { /* a list that fills its room may have been cut */
		room *= 2;
		free(c.ifc_buf);
		c = (struct ifconf){ .ifc_len = room, .ifc_buf = malloc((size_t)room) };
		if (!c.ifc_buf || ioctl(fd, SIOCGIFCONF, &c) < 0) {
			free(c.ifc_buf);
			return NULL;
		}
	} while (c.ifc_len > room - (int)sizeof(struct ifreq) && room < MIB);
	*count = (size_t)c.ifc_len / sizeof(struct ifreq);
	return c.ifc_req;
}

/* Sends to the broadcast address of each interface that has one. True where there was one. */
static bool broadcast(int fd, uint16_t port, const void *bytes, size_t len)
{
	/* a socket of both families does not know IPv4's questions (ENOTTY), though it sends to IPv4's addresses */
	cleanup_close int ask = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t count;
	cleanup_free struct ifreq *list = announce_interfaces(ask, &count);
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		struct ifreq r = list[i];
		struct sockaddr_in to;

		if (ioctl(ask, SIOCGIFFLAGS, &r) < 0 || !(r.ifr_flags & IFF_UP) || !(r.ifr_flags & IFF_BROADCAST))
			continue;
		to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
		to.sin_addr.s_addr = broadcast_of(ask, &list[i]);
		if (!to.sin_addr.s_addr)
			continue;
		sendto(fd, bytes, len, 0, (struct sockaddr *)&to, sizeof(to));
		any = true;
	}
	return any;
}

/* Sends to all nodes of each link that has a link-local address (RFC 4291, section 2.7.1: ff02::1). A line there is
 * "fe80000000000000021122fffe334455 02 40 20 80 eth0": address, interface, prefix, scope, flags, name, in hexadecimal.
 */
static void multicast(int fd, uint16_t port, const void *bytes, size_t len)
{
	FILE *list = fopen("/proc/net/if_inet6", "r");
	char line[128];

	while (list && fgets(line, sizeof(line), list)) {
		struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

		if (!starts_with(line, "fe80") || strlen(line) < 36)
			continue;
		to.sin6_scope_id = (uint32_t)strtoul(line + 33, NULL, 16);
		to.sin6_addr.s6_addr[0] = 0xff;
		to.sin6_addr.s6_addr[1] = 0x02;
		to.sin6_addr.s6_addr[15] = 1;
		sendto(fd, bytes, len, 0, (struct sockaddr *)&to, sizeof(to));
	}
	if (list)
		fclose(list);
}

void announce_everybody(int fd, uint16_t port, const void *bytes, size_t len)
{
	if (!broadcast(fd, port, bytes, len))
		multicast(fd, port, bytes, len);
}

void announce_send(struct loop *l, int fd, uint16_t port, const struct wire_hello *m, const struct peer_address *to,
		   size_t count)
{
	cleanup_buf struct buf b = { 0 };

	buf_add(&b, WIRE_MAGIC, WIRE_MAGIC_SIZE);
	wire_put_hello(&b, WIRE_ANNOUNCE, m);
	if (!b.failed)
		l->world->tell(l, fd, port, b.data, b.len, to, count);
}

int announce_receive(struct loop *l, int fd, struct wire_hello *m, struct peer_address *from)
{
	uint8_t bytes[1024];
	struct wire_header h;
	ssize_t n;

	n = l->world->hear(l, fd, bytes, sizeof(bytes), from);
	if (n < 0)
		return 0;
	if (n < WIRE_MAGIC_SIZE + WIRE_HEADER || memcmp(bytes, WIRE_MAGIC, WIRE_MAGIC_SIZE) != 0)
		return -EBADMSG;
	h = wire_get_header(bytes + WIRE_MAGIC_SIZE);
	if (h.type != WIRE_ANNOUNCE || h.length > (size_t)n - WIRE_MAGIC_SIZE - WIRE_HEADER ||
	    wire_get_hello(bytes + WIRE_MAGIC_SIZE + WIRE_HEADER, h.length, m) < 0)
		return -EBADMSG;
	peer_unmap(from);
	peer_set_port(from, m->port);
	return 1;
}
