/* fuzz_ip6.c - any bytes as an IPv6 frame, a router advertisement, a DHCPv6 message -> values or an error, never a
 * crash. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dhcp6_packet.h"
#include "net/nd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_icmp(const struct ip6_frame *p)
{
	struct router_advert ra;
	struct neighbour n;

	(void)!neighbour_read(p, &n);
	if (ra_read(p, &ra) == 0)
		ra_free(&ra);
}

static void use_dhcp(const uint8_t *data, size_t size)
{
	static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
	struct dhcp6_message m;
	char why[120];

	if (dhcp6_read(data, size, mac, &m, why, sizeof(why)) == 0)
		dhcp6_message_free(&m);
}

/* The first byte chooses the layer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t identities[] = { 7, 0, 0, 0, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1, 0, 2, 0, 1, 9 };
	struct ip6_frame p = { .protocol = PROTOCOL_ICMP6, .hop_limit = 255, .from.s6_addr = { 0xfe, 0x80 } };
	struct buf message = { 0 };

	if (size < 5)
		return 0;
	p.data = data + 1;
	p.len = size - 1;
	switch (data[0] & 3) {
	case 0:
		if (frame_read_ip6(data + 1, size - 1, data[0] & 4, &p) == 0 && p.protocol == PROTOCOL_ICMP6)
			use_icmp(&p);
		break;
	case 1:
		use_icmp(&p);
		break;
	default: /* with the identities in front that a message needs, and as it is */
		buf_add(&message, identities, sizeof(identities));
		buf_add(&message, data + 1, size - 1);
		use_dhcp((const uint8_t *)message.data, message.len);
		use_dhcp(data + 1, size - 1);
		buf_free(&message);
		break;
	}
	return 0;
}
