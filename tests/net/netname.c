/* netname.c - seconds, a host, a port, name servers -> net_resolve() and net_connect() in this namespace; for
 * tests/net. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netname SECONDS HOST PORT [SERVER...]
 * No SERVER: those of the running system. SEARCH in the environment: the search list. CONNECT: connects, too.
 * Prints "address A" for each, "connected A", "failed CODE TITLE: DETAIL", "ms N". */
#include "base/clock.h"
#include "net/address.h"
#include "net/net.h"

#include <stdio.h>
#include <unistd.h>

static void print_address(const char *what, const struct peer_address *a)
{
	char text[PEER_TEXT];

	printf("%s %s\n", what, peer_text(a, text));
}

static int connect_to(const struct peer_address *found, size_t count, int64_t deadline, struct failure *f)
{
	struct peer_address peer = { .len = sizeof(peer.u) };
	int fd = net_connect(found, count, deadline, f);

	if (fd < 0)
		return fd;
	if (getpeername(fd, &peer.u.sa, &peer.len) == 0)
		print_address("connected", &peer);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	int64_t began = now_ms(), deadline = began + (argc > 3 ? atol(argv[1]) * 1000 : 0);
	struct in_addr servers[8];
	struct network net = { .dns = servers, .search = getenv("SEARCH") };
	struct peer_address *found = NULL;
	struct failure f = { 0 };
	size_t count = 0;
	int err;

	if (argc < 4)
		return 2;
	for (int i = 4; i < argc && net.dns_count < ARRAY_SIZE(servers); i++)
		if (address_parse(argv[i], &servers[net.dns_count++]))
			return 2;
	err = net_resolve(net.dns_count || getenv("NO_SYSTEM") ? &net : NULL, argv[2], (uint16_t)atoi(argv[3]),
			  deadline, &found, &count, &f);
	for (size_t i = 0; i < count; i++)
		print_address("address", &found[i]);
	if (!err && getenv("CONNECT"))
		err = connect_to(found, count, deadline, &f);
	free(found);
	if (err)
		printf("failed %s %s: %s\n", fail_code(f.id), fail_title(f.id), f.detail);
	printf("ms %lld\n", (long long)(now_ms() - began));
	return err ? 1 : 0;
}
