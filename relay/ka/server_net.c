/* server_net.c - the ka server's ports: datagrams, control connections, data connections -> peers, children. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/server_internal.h"

#include "base/log.h"
#include "relay/announce.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PEERS 4096

/* ---- datagrams */

static void reply(struct ka_server *s, struct sockaddr_in to, uint16_t port)
{
	to.sin_port = htons(port);
	if (sendto(s->udp.fd, KA_VERSION, sizeof(KA_VERSION), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		log_debug("ka: reply to %s: %s", inet_ntoa(to.sin_addr), err_text(-errno));
}

static void on_datagram(struct loop_fd *w, uint32_t events)
{
	struct ka_server *s = container_of(w, struct ka_server, udp);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t bytes[KA_NAME_MAX + 2];
	ssize_t n = recvfrom(w->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);

	(void)events;
	if (n <= 0 || !ka_is_request(bytes, (size_t)n, s->options.session))
		return;
	/* ours ask in several ways at once: all are answered, one is told of */
	if (from.sin_addr.s_addr == s->asked_by.s_addr && loop_now(s->loop) - s->asked_at < 300) {
		if (!s->built || ka_server_can_join(s, true, 0))
			reply(s, from, ntohs(from.sin_port));
		return;
	}
	s->asked_by = from.sin_addr;
	s->asked_at = loop_now(s->loop);
	ka_say(s, "got UDP packet from %s", inet_ntoa(from.sin_addr));
	ka_say(s, "Session name matches");
	if (s->built && !ka_server_can_join(s, true, 0)) {
		ka_say(s, "%s comes too late: the beginning is not kept any more", inet_ntoa(from.sin_addr));
		return;
	}
	ka_say(s, "Sending UDP reply to %s", inet_ntoa(from.sin_addr));
	reply(s, from, KA_UDP_REPLY);
	if (ntohs(from.sin_port) != KA_UDP_REPLY)
		/* ours listen there too: two of them may share a machine */
		reply(s, from, ntohs(from.sin_port));
}

/* ---- control connections */

static void on_control(struct loop_fd *w, uint32_t events)
{
	struct ka_server *s = container_of(w, struct ka_server, control);
	struct in_addr ip;
	int fd = ka_accept(s->loop, w->fd, &ip);
	struct ka_peer *p, **list;

	(void)events;
	if (fd < 0)
		return;
	list = s->peers < MAX_PEERS && !s->ending ? realloc(s->peer, (s->peers + 1) * sizeof(struct ka_peer *)) : NULL;
	if (list)
		s->peer = list;
	p = list ? calloc(1, sizeof(*p)) : NULL;
	if (!p) {
		peer_shut(s->loop, fd);
		return;
	}
	p->server = s;
	p->ip = ip;
	p->since = loop_now(s->loop);
	inet_ntop(AF_INET, &ip, p->address, sizeof(p->address));
	ka_say(s, "Accepting connection from %s", p->address);
	ka_say(s, "Clients : want_data %u  / connected %u", s->want_data, s->places - 1);
	if (ka_conn_accept(&p->conn, s->loop, fd, &ka_peer_calls) < 0) {
		free(p);
		return;
	}
	s->peer[s->peers++] = p;
}

/* ---- data connections */

static void on_ours(struct ka_door *d, struct link *l, const struct wire_get *g)
{
	struct ka_server *s = container_of(d, struct ka_server, door);

	if (memcmp(g->session, s->session, WIRE_SESSION) == 0 && feed_adopt(&s->feed, l, g) < 0)
		log_warn("ka: no memory for child %u", g->node);
}

static void reader_done(struct ka_reader *r, int err)
{
	struct ka_server *s = r->owner;

	if (!err)
		ka_say(s, "Dropping child %s", inet_ntoa(r->ip));
	else if (r->started)
		ka_say(s, "data connection of %s: %s", inet_ntoa(r->ip), err_text(err));
}

static bool is_expected(const struct ka_server *s, struct in_addr ip)
{
	for (uint32_t i = 1; i < s->places; i++)
		if (!s->member[i]->ours && s->place[i].ip.s_addr == ip.s_addr && s->place[i].parent == KA_ROOT &&
		    (s->member[i]->state == KA_LINKING || s->member[i]->state == KA_ASKED))
			return true;
	return false;
}

static void on_silent(struct ka_door *d, int fd, struct in_addr ip)
{
	struct ka_server *s = container_of(d, struct ka_server, door);
	struct ka_reader *r;

	if (!is_expected(s, ip)) {
		ka_say(s, "%s connects for data and is not expected: sent away", inet_ntoa(ip));
		peer_shut(s->loop, fd);
		return;
	}
	ka_say(s, "Accepting connection from %s", inet_ntoa(ip));
	r = ka_reader_add(&s->store, fd, s, reader_done);
	if (!r)
		return;
	r->ip = ip;
	ka_peer_seen(s, NULL, ip);
}

static const struct ka_door_calls door_calls = { .ours = on_ours, .silent = on_silent };

int ka_server_authorise(struct ka_server *s, struct in_addr ip, int64_t at)
{
	struct ka_reader *r = ka_reader_find(&s->store, ip, false);

	return r ? ka_reader_start(r, at) : -ENOENT;
}

void ka_server_drop_child(struct ka_server *s, struct in_addr ip)
{
	struct ka_reader *r;

	while ((r = ka_reader_find(&s->store, ip, true)) || (r = ka_reader_find(&s->store, ip, false)))
		ka_reader_drop(r);
}

/* ---- begin and end */

static void say_ready(struct ka_server *s, int fd, uint16_t port)
{
	char host[65] = "";

	gethostname(host, sizeof(host) - 1);
	ka_say(s, "Socket %d on port %u on %s ready.", fd, port, host);
}

int ka_server_listen(struct ka_server *s, struct failure *f)
{
	int err = ka_door_open(&s->door, s->loop, s->options.data_port, &door_calls);

	if (err)
		return fail(f, FAIL_NET_PORT, err, "port %u: %s", s->options.data_port, err_text(err));
	s->control = (struct loop_fd){ .fd = peer_listen(s->loop, s->options.control_port), .ready = on_control };
	err = s->control.fd < 0 ? s->control.fd : loop_add(s->loop, &s->control, EPOLLIN);
	if (err)
		return fail(f, FAIL_NET_PORT, err, "port %u: %s", s->options.control_port, err_text(err));
	say_ready(s, s->control.fd, s->options.control_port);
	say_ready(s, s->door.listener.fd, s->options.data_port);
	if (!s->options.session)
		return 0;
	s->udp = (struct loop_fd){ .fd = s->loop->world->datagrams(s->loop, KA_UDP_REQUEST, false),
				   .ready = on_datagram };
	err = s->udp.fd < 0 ? s->udp.fd : loop_add(s->loop, &s->udp, EPOLLIN);
	if (err)
		return fail(f, FAIL_SRV_ERROR, err, "UDP port %d: %s", KA_UDP_REQUEST, err_text(err));
	return 0;
}

void ka_server_unlisten(struct ka_server *s)
{
	ka_door_close(&s->door);
	loop_close_fd(s->loop, &s->control);
	loop_close_fd(s->loop, &s->udp);
}
