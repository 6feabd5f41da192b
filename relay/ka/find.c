/* find.c - a session's name -> its server's address, by broadcast on every network and by asking. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/find.h"

#include "relay/announce.h"
#include "relay/ka/wire.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* By the interface of that number (ip(7), IP_PKTINFO), which needs no privilege; 0: as the routes say. */
static void send_by(struct ka_find *f, struct in_addr ip, int interface)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(KA_UDP_REQUEST), .sin_addr = ip };
	struct in_pktinfo by = { .ipi_ifindex = interface };
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(by))];
	} control = { .header = {
			      .cmsg_len = CMSG_LEN(sizeof(by)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO } };
	struct iovec words = { (void *)(uintptr_t)f->session, strlen(f->session) + 1 };
	struct msghdr message = { .msg_name = &to,
				  .msg_namelen = sizeof(to),
				  .msg_iov = &words,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_LEN(sizeof(by)) };

	memcpy(CMSG_DATA(&control.header), &by, sizeof(by));
	/* what cannot be reached now may be the next time */
	if (sendmsg(f->ask.fd, &message, MSG_NOSIGNAL) < 0)
		return;
}

static void send_to(struct ka_find *f, struct in_addr ip)
{
	send_by(f, ip, 0);
}

/* The network's own broadcast address, made from address and mask where the interface has none. */
static struct in_addr directed(int fd, const struct ifreq *interface)
{
	struct sockaddr_in a, mask, broadcast = { 0 };
	struct ifreq r = *interface;

	memcpy(&a, &interface->ifr_addr, sizeof(a));
	if (ioctl(fd, SIOCGIFBRDADDR, &r) == 0)
		memcpy(&broadcast, &r.ifr_broadaddr, sizeof(broadcast));
	r = *interface;
	if (broadcast.sin_addr.s_addr == 0 && ioctl(fd, SIOCGIFNETMASK, &r) == 0) {
		memcpy(&mask, &r.ifr_netmask, sizeof(mask));
		broadcast.sin_addr.s_addr = a.sin_addr.s_addr | ~mask.sin_addr.s_addr;
	}
	return broadcast.sin_addr;
}

/* Everybody on every network there is, no route needed; then whoever else may be it. */
static void ask(struct ka_find *f)
{
	size_t count;
	cleanup_free struct ifreq *list = announce_interfaces(f->ask.fd, &count);
	const struct in_addr everybody = { .s_addr = INADDR_BROADCAST };

	for (size_t i = 0; i < count; i++) {
		struct ifreq r = list[i];
		struct in_addr network;

		if (ioctl(f->ask.fd, SIOCGIFFLAGS, &r) < 0 || !(r.ifr_flags & IFF_UP) || !(r.ifr_flags & IFF_BROADCAST))
			continue;
		network = directed(f->ask.fd, &list[i]);
		if (ioctl(f->ask.fd, SIOCGIFINDEX, &r) == 0)
			send_by(f, everybody, r.ifr_ifindex);
		if (network.s_addr && network.s_addr != INADDR_BROADCAST)
			send_to(f, network);
	}
	send_to(f, everybody);
	for (size_t i = 0; i < f->also_count; i++)
		send_to(f, f->also[i]);
}

static void take_answer(struct ka_find *f, int fd)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t bytes[64];
	ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);

	if (n <= 0)
		return;
	if (!ka_is_reply(bytes, (size_t)n)) {
		f->wrong(f, from.sin_addr);
		return;
	}
	ka_find_end(f);
	f->found(f, from.sin_addr);
}

static void on_reply(struct loop_fd *w, uint32_t events)
{
	(void)events;
	take_answer(container_of(w, struct ka_find, reply), w->fd);
}

static void on_ask(struct loop_fd *w, uint32_t events)
{
	(void)events;
	take_answer(container_of(w, struct ka_find, ask), w->fd);
}

static void on_again(struct loop_timer *t)
{
	struct ka_find *f = container_of(t, struct ka_find, again);

	f->tries++;
	if (f->tries > KA_FIND_RETRIES) {
		ka_find_end(f);
		f->silence(f, f->tries);
		return;
	}
	f->silence(f, f->tries);
	ask(f);
	loop_at(f->loop, t, loop_now(f->loop) + KA_FIND_EVERY);
}

int ka_find_begin(struct ka_find *f)
{
	int err;

	f->tries = 0;
	f->reply = (struct loop_fd){ .fd = f->loop->world->datagrams(f->loop, KA_UDP_REPLY, false), .ready = on_reply };
	f->ask = (struct loop_fd){ .fd = f->loop->world->datagrams(f->loop, 0, false), .ready = on_ask };
	f->again = (struct loop_timer){ .fire = on_again };
	err = f->ask.fd < 0 ? f->ask.fd : loop_add(f->loop, &f->ask, EPOLLIN);
	if (!err && f->reply.fd >= 0)
		err = loop_add(f->loop, &f->reply, EPOLLIN);
	if (err) {
		ka_find_end(f);
		return err;
	}
	ask(f);
	loop_at(f->loop, &f->again, loop_now(f->loop) + KA_FIND_EVERY);
	return 0;
}

void ka_find_end(struct ka_find *f)
{
	struct loop_fd *const both[] = { &f->reply, &f->ask };

	if (!f->again.fire)
		return;
	loop_forget(f->loop, &f->again);
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		if (both[i]->fd < 0)
			continue;
		loop_close_fd(f->loop, both[i]);
	}
}
