/* peer.c - the address of somebody on the network, of either family -> its text, its port, who it is. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/peer.h"

#include "base/buf.h"

#include <arpa/inet.h>

static bool is_ip6(const struct peer_address *a)
{
	return a->u.sa.sa_family == AF_INET6;
}

const char *peer_text(const struct peer_address *a, char buf[PEER_TEXT])
{
	struct peer_address plain = *a;
	const void *ip;

	peer_unmap(&plain);
	ip = is_ip6(&plain) ? (const void *)&plain.u.in6.sin6_addr : (const void *)&plain.u.in.sin_addr;
	if (!inet_ntop(plain.u.sa.sa_family, ip, buf, PEER_TEXT))
		str_copy(buf, PEER_TEXT, "?");
	return buf;
}

void peer_set_port(struct peer_address *a, uint16_t port)
{
	if (is_ip6(a))
		a->u.in6.sin6_port = htons(port);
	else
		a->u.in.sin_port = htons(port);
}

uint16_t peer_port(const struct peer_address *a)
{
	return ntohs(is_ip6(a) ? a->u.in6.sin6_port : a->u.in.sin_port);
}

void peer_unmap(struct peer_address *a)
{
	struct peer_address plain = { .u.in.sin_family = AF_INET, .len = sizeof(plain.u.in) };

	if (!is_ip6(a) || !IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
		return;
	memcpy(&plain.u.in.sin_addr, &a->u.in6.sin6_addr.s6_addr[12], 4);
	plain.u.in.sin_port = a->u.in6.sin6_port;
	*a = plain;
}

bool peer_same_host(const struct peer_address *a, const struct peer_address *b)
{
	struct peer_address x = *a, y = *b;

	peer_unmap(&x);
	peer_unmap(&y);
	if (x.u.sa.sa_family != y.u.sa.sa_family)
		return false;
	return is_ip6(&x) ? memcmp(&x.u.in6.sin6_addr, &y.u.in6.sin6_addr, sizeof(x.u.in6.sin6_addr)) == 0
			  : x.u.in.sin_addr.s_addr == y.u.in.sin_addr.s_addr;
}
