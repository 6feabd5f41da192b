/* give_back.c - leases that are not used any more -> their servers know (RFC 2131, 4.4.6; RFC 8415, 18.2.7). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "base/digits.h"
#include "base/log.h"
#include "base/random.h"
#include "net/address.h"
#include "net/dhcp6_packet.h"
#include "net/dhcp_packet.h"

#include <sys/socket.h>
#include <unistd.h>

static int send_release(const struct network *net)
{
	struct dhcp_ask ask = {
		.type = DHCP_RELEASE, .xid = random_u32(), .own = net->address, .server_id = net->server_id
	};
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_port = htons(DHCP_CLIENT_PORT),
				    .sin_addr = net->address };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(DHCP_SERVER_PORT),
				  .sin_addr = net->server_id };
	cleanup_buf struct buf message = { 0 };
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(ask.mac, net->mac, MAC_LEN);
	if (dhcp_write(&message, &ask))
		return -ENOMEM;
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    sendto(fd, message.data, message.len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

/* The server's identity back from its hex digits. */
static void read_duid(const char *hex, struct buf *duid)
{
	for (; hex[0] && hex[1]; hex += 2)
		buf_char(duid, (char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1])));
}

static int send_release6(const struct network *net, const struct in6_addr *address)
{
	struct dhcp6_ask ask = { .type = DHCP6_RELEASE, .xid = random_u32() & 0xffffff, .address = *address };
	struct sockaddr_in6 from = { .sin6_family = AF_INET6,
				     .sin6_port = htons(DHCP6_CLIENT_PORT),
				     .sin6_addr = ip6_link_local(net->mac),
				     .sin6_scope_id = (uint32_t)net->ifindex };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
				   .sin6_port = htons(DHCP6_SERVER_PORT),
				   .sin6_addr = ip6_dhcp,
				   .sin6_scope_id = (uint32_t)net->ifindex };
	cleanup_buf struct buf message = { 0 }, duid = { 0 };
	cleanup_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(ask.mac, net->mac, MAC_LEN);
	read_duid(net->server_duid, &duid);
	ask.server_id = (struct dhcp6_bytes){ (const uint8_t *)duid.data, duid.len };
	if (duid.failed || dhcp6_write(&message, &ask))
		return -ENOMEM;
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    sendto(fd, message.data, message.len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

void net_give_back(const struct network *net)
{
	int err = net->dhcp ? send_release(net) : 0;

	for (size_t i = 0; i < net->address6_count && !err && net->server_duid; i++)
		if (net->address6[i].by_dhcp)
			err = send_release6(net, &net->address6[i].address);
	if (err)
		log_info("%s: the lease is not given back: %s", net->interface, err_text(err));
}
