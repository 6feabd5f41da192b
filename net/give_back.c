/* give_back.c - a lease that is not used any more -> its server knows (RFC 2131, 4.4.6). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "base/log.h"
#include "base/random.h"
#include "net/dhcp_packet.h"

#include <sys/socket.h>
#include <unistd.h>

void net_give_back(const struct network *net)
{
	struct dhcp_ask ask = { .type = DHCP_RELEASE, .xid = random_u32(), .own = net->address,
				.server_id = net->server_id };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT),
				    .sin_addr = net->address };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT),
				  .sin_addr = net->server_id };
	cleanup_buf struct buf message = { 0 };
	cleanup_close int fd = -1;

	if (!net->dhcp)
		return;
	memcpy(ask.mac, net->mac, MAC_LEN);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || dhcp_write(&message, &ask) || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    sendto(fd, message.data, message.len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		log_info("%s: the lease is not given back: %s", net->interface, err_text(-errno));
}
