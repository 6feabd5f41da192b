/* frame6.c - bytes on the wire <-> Ethernet frames with IPv6: ICMPv6 and UDP; pure functions (RFC 8200). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/frame6.h"

#include <arpa/inet.h>

enum { ETHER_HEADER = 14, TYPE_IP6 = 0x86dd, IP6_HEADER = 40, UDP_HEADER = 8, ICMP_HEADER = 4 };

const struct in6_addr ip6_any;
const struct in6_addr ip6_all_nodes = { .s6_addr = { 0xff, 2, [15] = 1 } };
const struct in6_addr ip6_all_routers = { .s6_addr = { 0xff, 2, [15] = 2 } };
const struct in6_addr ip6_dhcp = { .s6_addr = { 0xff, 2, [13] = 1, [15] = 2 } };

/* ---- addresses */

struct in6_addr ip6_solicited_node(const struct in6_addr *a)
{
	struct in6_addr group = { .s6_addr = { 0xff, 2, [11] = 1, 0xff } };

	memcpy(group.s6_addr + 13, a->s6_addr + 13, 3);
	return group;
}

void ip6_group_mac(const struct in6_addr *group, uint8_t mac[MAC_LEN])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group->s6_addr + 12, 4);
}

struct in6_addr ip6_of_mac(const struct in6_addr *prefix, const uint8_t mac[MAC_LEN])
{
	struct in6_addr a = *prefix;

	memcpy(a.s6_addr + 8, mac, 3);
	a.s6_addr[8] ^= 2;
	a.s6_addr[11] = 0xff;
	a.s6_addr[12] = 0xfe;
	memcpy(a.s6_addr + 13, mac + 3, 3);
	return a;
}

struct in6_addr ip6_link_local(const uint8_t mac[MAC_LEN])
{
	const struct in6_addr prefix = { .s6_addr = { 0xfe, 0x80 } };

	return ip6_of_mac(&prefix, mac);
}

bool ip6_equal(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool ip6_is_link_local(const struct in6_addr *a)
{
	return a->s6_addr[0] == 0xfe && (a->s6_addr[1] & 0xc0) == 0x80;
}

bool ip6_is_host(const struct in6_addr *a)
{
	static const uint8_t zeros[15];
	/* :: and ::1, and IPv4 in disguise */
	bool special = memcmp(a->s6_addr, zeros, 15) == 0 || IN6_IS_ADDR_V4MAPPED(a);

	return !special && a->s6_addr[0] != 0xff && !ip6_is_link_local(a);
}

bool ip6_same_prefix(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (bits > 128 || memcmp(a->s6_addr, b->s6_addr, whole) != 0)
		return false;
	return !rest || ((a->s6_addr[whole] ^ b->s6_addr[whole]) >> (8 - rest)) == 0;
}

const char *ip6_text(const struct in6_addr *a, char buf[IP6_TEXT_SIZE])
{
	if (!inet_ntop(AF_INET6, a, buf, IP6_TEXT_SIZE))
		str_copy(buf, IP6_TEXT_SIZE, "?");
	return buf;
}

/* ---- frames */

/* RFC 8200, 8.1: over the addresses, the length, the protocol and what follows. */
static uint32_t pseudo_sum(const struct in6_addr *from, const struct in6_addr *to, uint8_t protocol, size_t len)
{
	uint32_t sum = protocol + (uint32_t)len; /* below 64 KiB: the upper half is 0 */

	return internet_sum(internet_sum(sum, from->s6_addr, 16), to->s6_addr, 16);
}

static uint16_t checksum(const struct in6_addr *from, const struct in6_addr *to, uint8_t protocol, const uint8_t *data,
			 size_t len)
{
	return internet_checksum(internet_sum(pseudo_sum(from, to, protocol, len), data, len));
}

/* The sum is right, or the half of it that is left to hardware (frame.h). */
static bool sum_is_good(const struct ip6_frame *p, const uint8_t *data, size_t len)
{
	size_t at = p->protocol == PROTOCOL_UDP6 ? 6 : 2;

	return checksum(&p->from, &p->to, p->protocol, data, len) == 0 ||
	       checksum_is_half(pseudo_sum(&p->from, &p->to, p->protocol, len), get_be16(data + at));
}

int frame_read_ip6(const uint8_t *frame, size_t len, bool no_checksum, struct ip6_frame *out)
{
	const uint8_t *ip = frame + ETHER_HEADER, *data = ip + IP6_HEADER;
	size_t data_len;

	if (len < ETHER_HEADER || get_be16(frame + 12) != TYPE_IP6)
		return -EPROTONOSUPPORT;
	len -= ETHER_HEADER;
	if (len < IP6_HEADER || ip[0] >> 4 != 6)
		return -EBADMSG;
	data_len = get_be16(ip + 4);
	if (data_len > len - IP6_HEADER)
		return -EBADMSG;
	*out = (struct ip6_frame){ .protocol = ip[6], .hop_limit = ip[7], .data = data, .len = data_len };
	memcpy(out->to_mac, frame, MAC_LEN);
	memcpy(out->from_mac, frame + MAC_LEN, MAC_LEN);
	memcpy(&out->from, ip + 8, 16);
	memcpy(&out->to, ip + 24, 16);
	if (out->protocol != PROTOCOL_UDP6 && out->protocol != PROTOCOL_ICMP6)
		return -EPROTONOSUPPORT;
	if (data_len < (out->protocol == PROTOCOL_UDP6 ? (size_t)UDP_HEADER : ICMP_HEADER))
		return -EBADMSG;
	if (out->protocol == PROTOCOL_UDP6) {
		size_t udp_len = get_be16(data + 4);

		if (udp_len < UDP_HEADER || udp_len > data_len)
			return -EBADMSG;
		data_len = udp_len;
		out->from_port = get_be16(data);
		out->to_port = get_be16(data + 2);
		out->data = data + UDP_HEADER;
		out->len = udp_len - UDP_HEADER;
	}
	if (!no_checksum && !sum_is_good(out, data, data_len))
		return -EBADMSG;
	return 0;
}

int frame_write_ip6(struct buf *out, const struct ip6_frame *p)
{
	size_t at = out->len, udp_len = p->protocol == PROTOCOL_UDP6 ? UDP_HEADER : 0, len = udp_len + p->len;
	uint8_t head[ETHER_HEADER + IP6_HEADER + UDP_HEADER] = { 0 };
	uint8_t *ip = head + ETHER_HEADER, *udp = ip + IP6_HEADER, *data;
	uint16_t sum;

	if (len > UINT16_MAX)
		return -EMSGSIZE;
	memcpy(head, p->to_mac, MAC_LEN);
	memcpy(head + MAC_LEN, p->from_mac, MAC_LEN);
	put_be16(head + 12, TYPE_IP6);
	ip[0] = 0x60;
	put_be16(ip + 4, len);
	ip[6] = p->protocol;
	ip[7] = p->hop_limit;
	memcpy(ip + 8, &p->from, 16);
	memcpy(ip + 24, &p->to, 16);
	put_be16(udp, p->from_port);
	put_be16(udp + 2, p->to_port);
	put_be16(udp + 4, len);
	buf_add(out, head, ETHER_HEADER + IP6_HEADER + udp_len);
	if (buf_add(out, p->data, p->len))
		return -ENOMEM;
	data = (uint8_t *)out->data + at + ETHER_HEADER + IP6_HEADER;
	sum = checksum(&p->from, &p->to, p->protocol, data, len);
	put_be16(data + (udp_len ? 6 : 2), sum ? sum : 0xffff);
	return 0;
}
