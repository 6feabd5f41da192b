/* reverse.c - the own address -> the name that name servers know it by, asked for while the boot goes on (RFC
 * 1035, 3.5). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/reverse.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "net/address.h"
#include "net/hosts.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- names */

bool reverse_name(const struct network *net, char name[DNS_NAME_SIZE])
{
	const uint8_t *a = (const uint8_t *)&net->address;
	const uint8_t *a6 = net->address6_count ? net->address6[0].address.s6_addr : NULL;
	size_t n = 0;

	if (net->address.s_addr) {
		snprintf(name, DNS_NAME_SIZE, "%u.%u.%u.%u.in-addr.arpa", a[3], a[2], a[1], a[0]);
		return true;
	}
	for (int i = 15; a6 && i >= 0; i--)
		n += (size_t)snprintf(name + n, DNS_NAME_SIZE - n, "%x.%x.", a6[i] & 15, a6[i] >> 4);
	snprintf(name + n, DNS_NAME_SIZE - n, "ip6.arpa");
	return a6;
}

bool reverse_take(struct network *net, const char *full)
{
	size_t len = strlen(full), label = strcspn(full, ".");

	/* an alias that leads to no name leaves one of arpa's own (RFC 2317) */
	if (!host_name_is_sane(full) || (len >= 5 && dns_name_equal(full + len - 5, ".arpa")) ||
	    dns_name_equal(full, "localhost") || net->hostname)
		return false;
	net->hostname = strndup(full, label);
	if (!net->domain && full[label] && full[label + 1])
		net->domain = strdup(full + label + 1);
	return net->hostname;
}

/* ---- the question */

static void ask(struct reverse *r, const struct peer_address *server, const struct buf *query)
{
	int fd = socket(server->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* connected: answers of others do not get in */
	if (fd >= 0 && connect(fd, &server->u.sa, server->len) == 0 &&
	    send(fd, query->data, query->len, MSG_NOSIGNAL) == (ssize_t)query->len)
		r->fd[r->count++] = fd;
	else if (fd >= 0)
		close(fd);
}

/* Forgets the question. */
static void stop(struct reverse *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->fd[i] >= 0)
			close(r->fd[i]);
	r->count = 0;
}

void reverse_start(struct reverse *r, const struct network *net)
{
	struct resolver servers = { 0 };
	cleanup_buf struct buf query = { 0 };

	stop(r);
	r->id = (uint16_t)random_u32();
	r->until_ms = now_ms() + REVERSE_MS;
	if (net->hostname || !reverse_name(net, r->name))
		return;
	if (resolver_of_network(&servers, net) == 0 && dns_query_write(&query, r->id, r->name, DNS_PTR) == 0)
		for (size_t i = 0; i < servers.servers.count && r->count < REVERSE_SERVERS; i++)
			ask(r, &servers.servers.address[i], &query);
	resolver_free(&servers);
}

/* ---- the answer */

/* Reads what server I sent. True when NET has its name. */
static bool read_answer(struct reverse *r, size_t i, struct network *net)
{
	uint8_t message[4096];
	ssize_t n = recv(r->fd[i], message, sizeof(message), 0);
	struct dns_answer answer = { 0 };
	bool found;
	int err = n < 0 ? -errno : dns_answer_read(message, (size_t)n, r->id, r->name, DNS_PTR, &answer);

	if (err == -EAGAIN)
		return false;
	found = !err && answer.rcode == DNS_OK && reverse_take(net, answer.name);
	dns_answer_free(&answer);
	close(r->fd[i]); /* refused, or no name: it will not know better */
	r->fd[i] = -1;
	return found;
}

bool reverse_finish(struct reverse *r, struct network *net)
{
	struct pollfd servers[REVERSE_SERVERS];
	bool found = false, waiting = r->count;

	while (!found && waiting) {
		for (size_t i = 0; i < r->count; i++)
			servers[i] = (struct pollfd){ .fd = r->fd[i], .events = POLLIN };
		if (poll(servers, r->count, ms_left(r->until_ms)) <= 0)
			break;
		waiting = false;
		for (size_t i = 0; i < r->count; i++) {
			if (r->fd[i] >= 0 && servers[i].revents && !found)
				found = read_answer(r, i, net);
			waiting |= r->fd[i] >= 0;
		}
	}
	if (found)
		log_info("%s is %s%s%s", r->name, net->hostname, net->domain ? "." : "",
			 net->domain ? net->domain : "");
	stop(r);
	return found;
}
