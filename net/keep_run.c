/* keep_run.c - a network with leases -> a small process that renews them meanwhile; what became of them -> the
 * network. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/dhcp6_packet.h"
#include "net/dhcp_packet.h"
#include "net/keep.h"
#include "net/interface.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LEASES_SHOWN = 8,       /* an interface has no more: seek6.c */
	DATAGRAMS_AT_ONCE = 16, /* a flood must not keep the leases from their clock */
	DATAGRAM_SIZE = 1500,
	END_MS = 1000,         /* the process ends at once, or is ended */
	NO_NEED_S = 12 * 3600, /* no boot takes so long: the next system is the first to ask */
};

/* What the process leaves for who reads it when it has ended, or, of LOST alone, before. */
struct kept {
	size_t count;
	struct keep_lease lease[LEASES_SHOWN];
	bool lost;
};

struct keeping {
	pid_t pid;
	int alive; /* the process ends when this is closed, or whoever holds it has ended */
	struct kept *kept;
};

/* ---- the process */

struct runner {
	struct keep_wire wire;
	struct keeper keeper;
	struct netlink nl;
	struct pollfd fd[3]; /* whether somebody is there who needs this; DHCP; DHCPv6 */
};

static int open_socket(const struct network *net, bool ip6)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(DHCP6_CLIENT_PORT) };
	int fd = socket(ip6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, net->interface, (socklen_t)strlen(net->interface));
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	if (bind(fd, ip6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4, ip6 ? sizeof(a6) : sizeof(a4)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static void send_datagram(struct keep_wire *wire, bool ip6, bool to_all, const void *data, size_t len)
{
	struct runner *r = container_of(wire, struct runner, wire);
	const struct network *net = r->keeper.net;
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_port = htons(DHCP_SERVER_PORT),
				  .sin_addr = to_all ? (struct in_addr){ INADDR_BROADCAST } : net->server_id };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(DHCP6_SERVER_PORT),
				   .sin6_addr = ip6_dhcp,
				   .sin6_scope_id = (uint32_t)net->ifindex };

	if (sendto(r->fd[1 + ip6].fd, data, len, 0, ip6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4,
		   ip6 ? sizeof(a6) : sizeof(a4)) < 0)
		log_debug("%s: renewing: %s", net->interface, err_text(-errno));
}

static void read_datagrams(struct runner *r, bool ip6)
{
	uint8_t data[DATAGRAM_SIZE];

	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		struct sockaddr_in6 from = { 0 };
		socklen_t from_len = sizeof(from);
		struct sockaddr_in a4 = { 0 };
		ssize_t n = recvfrom(r->fd[1 + ip6].fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return;
		if (!ip6)
			memcpy(&a4, &from, sizeof(a4));
		keeper_datagram(&r->keeper, now_ms(), ip6, a4.sin_addr, data, (size_t)n);
	}
}

/* The interface has the address as long as the lease says: the kernel takes it away at its end. */
static void apply(struct runner *r, struct keep_lease *l, int64_t now)
{
	const struct network *net = r->keeper.net;
	struct net_address6 a6 = { .address = l->address6,
				   .prefix = 128,
				   .valid_s = keep_left_s(l, now),
				   .by_dhcp = true,
				   .preferred_s = MIN(l->preferred_s, keep_left_s(l, now)) };
	int err = 0;

	for (size_t i = 0; i < net->address6_count; i++)
		if (ip6_equal(&net->address6[i].address, &l->address6))
			a6.prefix = net->address6[i].prefix;
	if (l->lost && !l->ip6)
		err = interface_flush_addresses(&r->nl, net->ifindex, AF_INET);
	else if (l->renewed && l->ip6)
		err = interface_add_address6(&r->nl, net->ifindex, &a6);
	else if (l->renewed)
		err = link_keep_address(&r->nl, net, keep_left_s(l, now));
	l->renewed = false;
	if (err)
		log_warn("%s: its lease: %s", net->interface, err_text(err));
}

static void show(struct runner *r, struct kept *kept)
{
	int64_t now = now_ms();

	kept->count = MIN(r->keeper.count, (size_t)LEASES_SHOWN);
	for (size_t i = 0; i < r->keeper.count; i++) {
		struct keep_lease *l = &r->keeper.lease[i];

		if (l->renewed || (l->lost && !kept->lost))
			apply(r, l, now);
		kept->lost |= l->lost;
	}
	memcpy(kept->lease, r->keeper.lease, kept->count * sizeof(kept->lease[0]));
}

static void run(struct runner *r, struct kept *kept)
{
	show(r, kept);
	while (!r->fd[0].revents) {
		if (poll(r->fd, ARRAY_SIZE(r->fd), ms_left(keeper_next_ms(&r->keeper))) < 0 && errno != EINTR)
			return;
		for (int ip6 = 0; ip6 < 2; ip6++)
			if (r->fd[1 + ip6].revents)
				read_datagrams(r, ip6);
		keeper_time(&r->keeper, now_ms());
		show(r, kept);
	}
}

static int process(const struct network *net, int alive, struct kept *kept)
{
	struct runner r = { .wire.send = send_datagram, .fd = { { .fd = alive, .events = POLLIN } } };
	int err = keeper_start(&r.keeper, &r.wire, net);

	if (!err)
		err = netlink_open(&r.nl, 0);
	for (int ip6 = 0; ip6 < 2; ip6++)
		r.fd[1 + ip6] = (struct pollfd){ .fd = open_socket(net, ip6), .events = POLLIN };
	if (err)
		log_warn("%s: its lease is not renewed: %s", net->interface, err_text(err));
	else
		run(&r, kept);
	return 0;
}

/* ---- its owner */

static bool is_needed(const struct network *net)
{
	bool needed = net->dhcp && net->lease_s != UINT32_MAX && net->renew_s < NO_NEED_S;

	for (size_t i = 0; i < net->address6_count; i++)
		needed |= net->address6[i].by_dhcp && net->address6[i].preferred_s / 2 < NO_NEED_S;
	return needed;
}

/* The process, with its end of the pipe. -errno: there is none. */
static int start_process(struct keeping *k, const struct network *net)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	k->pid = fork();
	if (k->pid == 0) {
		close(ends[1]);
		_exit(process(net, ends[0], k->kept));
	}
	close(ends[0]);
	k->alive = ends[1];
	return k->pid < 0 ? -errno : 0;
}

struct keeping *net_keep_start(const struct network *net)
{
	struct keeping *k = is_needed(net) ? calloc(1, sizeof(*k)) : NULL;
	int err;

	if (!k)
		return NULL;
	k->alive = -1;
	k->kept = mmap(NULL, sizeof(*k->kept), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	err = k->kept == MAP_FAILED ? -ENOMEM : start_process(k, net);
	if (!err)
		return k;
	log_warn("%s: its lease is not renewed: %s", net->interface, err_text(err));
	if (k->alive >= 0)
		close(k->alive);
	if (k->kept != MAP_FAILED)
		munmap(k->kept, sizeof(*k->kept));
	free(k);
	return NULL;
}

static void take_lease6(const struct keep_lease *l, struct network *net)
{
	if (!net->address.s_addr) {
		net->bound_at_ms = l->bound_ms;
		net->lease_s = l->lease_s;
		net->renew_s = l->renew_s;
		net->rebind_s = l->rebind_s;
	}
	for (size_t i = 0; i < net->address6_count; i++)
		if (ip6_equal(&net->address6[i].address, &l->address6)) {
			net->address6[i].valid_s = l->lease_s;
			net->address6[i].preferred_s = l->preferred_s;
		}
}

static void take_leases(const struct kept *kept, struct network *net)
{
	for (size_t i = 0; i < kept->count; i++) {
		const struct keep_lease *l = &kept->lease[i];

		if (l->ip6) {
			take_lease6(l, net);
			continue;
		}
		net->bound_at_ms = l->bound_ms;
		net->lease_s = l->lease_s;
		net->renew_s = l->renew_s;
		net->rebind_s = l->rebind_s;
	}
}

static void wait_for_end(pid_t pid)
{
	for (int64_t until = now_ms() + END_MS; waitpid(pid, NULL, WNOHANG) == 0; poll(NULL, 0, 1))
		if (now_ms() > until) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			return;
		}
}

bool net_keep_end(struct keeping *k, struct network *net, char *why, size_t why_size)
{
	bool lost;

	if (!k)
		return true;
	close(k->alive);
	wait_for_end(k->pid);
	take_leases(k->kept, net);
	lost = k->kept->lost;
	for (size_t i = 0; i < k->kept->count && lost; i++)
		if (k->kept->lease[i].lost)
			str_copy(why, why_size, k->kept->lease[i].why);
	munmap(k->kept, sizeof(*k->kept));
	free(k);
	return !lost;
}
