/* frame.c - bytes on the wire <-> Ethernet frames with UDP, ARP or spanning tree in them; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/frame.h"

enum { ETHER_HEADER = 14, TYPE_IP = 0x0800, TYPE_ARP = 0x0806 };
enum { IP_HEADER = 20, UDP_HEADER = 8, PROTOCOL_UDP = 17 };
enum { ARP_LEN = 28, ARP_REQUEST = 1, ARP_REPLY = 2 };

const uint8_t mac_broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
const uint8_t mac_bridges[MAC_LEN] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };

uint32_t internet_sum(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get_be16(p);
	if (len)
		sum += (uint32_t)p[0] << 8;
	return (sum & 0xffff) + (sum >> 16); /* no carry is lost: a datagram has fewer than 2^15 words */
}

uint16_t internet_checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

bool checksum_is_half(uint32_t sum, uint16_t found)
{
	const uint16_t half = (uint16_t)~internet_checksum(sum);

	return half == found;
}

/* The pseudo header of UDP (RFC 768). */
static uint32_t pseudo_sum(const uint8_t *addresses, size_t len)
{
	return internet_sum(PROTOCOL_UDP + (uint32_t)len, addresses, 8);
}

/* The pseudo header and the datagram. */
static uint16_t udp_checksum(const uint8_t *addresses, const uint8_t *udp, size_t len)
{
	return internet_checksum(internet_sum(pseudo_sum(addresses, len), udp, len));
}

int frame_read_udp(const uint8_t *frame, size_t len, bool no_checksum, struct udp_frame *out)
{
	const uint8_t *ip = frame + ETHER_HEADER, *udp;
	size_t ip_len, header, udp_len;

	if (len < ETHER_HEADER || get_be16(frame + 12) != TYPE_IP)
		return -EPROTONOSUPPORT;
	len -= ETHER_HEADER;
	if (len < IP_HEADER || ip[0] >> 4 != 4)
		return -EBADMSG;
	header = (size_t)(ip[0] & 0xf) * 4;
	ip_len = get_be16(ip + 2); /* the frame may be longer: short ones are filled up */
	if (header < IP_HEADER || ip_len < header || ip_len > len ||
	    (get_be16(ip + 10) && internet_checksum(internet_sum(0, ip, header)) != 0))
		return -EBADMSG;
	if (ip[9] != PROTOCOL_UDP || (get_be16(ip + 6) & 0x3fff)) /* fragments: no DHCP server sends any */
		return -EPROTONOSUPPORT;
	udp = ip + header;
	if (ip_len - header < UDP_HEADER)
		return -EBADMSG;
	udp_len = get_be16(udp + 4);
	if (udp_len < UDP_HEADER || udp_len > ip_len - header)
		return -EBADMSG;
	if (!no_checksum && get_be16(udp + 6) != 0 && udp_checksum(ip + 12, udp, udp_len) != 0 &&
	    !checksum_is_half(pseudo_sum(ip + 12, udp_len), get_be16(udp + 6)))
		return -EBADMSG;
	*out = (struct udp_frame){
		.from = get_in_addr(ip + 12),
		.to = get_in_addr(ip + 16),
		.from_port = get_be16(udp),
		.to_port = get_be16(udp + 2),
		.data = udp + UDP_HEADER,
		.len = udp_len - UDP_HEADER,
	};
	memcpy(out->to_mac, frame, MAC_LEN);
	memcpy(out->from_mac, frame + MAC_LEN, MAC_LEN);
	return 0;
}

static void fill_ethernet(uint8_t *frame, const uint8_t *to, const uint8_t *from, uint16_t type)
{
	memcpy(frame, to, MAC_LEN);
	memcpy(frame + MAC_LEN, from, MAC_LEN);
	put_be16(frame + 12, type);
}

int frame_write_udp(struct buf *out, const struct udp_frame *u)
{
	uint8_t head[ETHER_HEADER + IP_HEADER + UDP_HEADER] = { 0 };
	uint8_t *ip = head + ETHER_HEADER, *udp = ip + IP_HEADER;
	size_t at = out->len;
	uint16_t sum;

	if (u->len > UINT16_MAX - IP_HEADER - UDP_HEADER)
		return -EMSGSIZE;
	fill_ethernet(head, u->to_mac, u->from_mac, TYPE_IP);
	ip[0] = 0x45;
	put_be16(ip + 2, IP_HEADER + UDP_HEADER + u->len);
	ip[8] = 64;
	ip[9] = PROTOCOL_UDP;
	memcpy(ip + 12, &u->from, 4);
	memcpy(ip + 16, &u->to, 4);
	put_be16(ip + 10, internet_checksum(internet_sum(0, ip, IP_HEADER)));
	put_be16(udp, u->from_port);
	put_be16(udp + 2, u->to_port);
	put_be16(udp + 4, UDP_HEADER + u->len);
	buf_add(out, head, sizeof(head));
	if (buf_add(out, u->data, u->len))
		return -ENOMEM;
	ip = (uint8_t *)out->data + at + ETHER_HEADER;
	sum = udp_checksum(ip + 12, ip + IP_HEADER, UDP_HEADER + u->len);
	put_be16(ip + IP_HEADER + 6, sum ? sum : 0xffff);
	return 0;
}

int frame_read_arp(const uint8_t *frame, size_t len, struct arp_frame *out)
{
	static const uint8_t ip_over_ethernet[] = { 0, 1, 8, 0, 6, 4 };
	const uint8_t *arp = frame + ETHER_HEADER;
	uint16_t what;

	if (len < ETHER_HEADER || get_be16(frame + 12) != TYPE_ARP)
		return -EPROTONOSUPPORT;
	if (len < ETHER_HEADER + ARP_LEN)
		return -EBADMSG;
	what = get_be16(arp + 6);
	if (memcmp(arp, ip_over_ethernet, sizeof(ip_over_ethernet)) != 0 || (what != ARP_REQUEST && what != ARP_REPLY))
		return -EPROTONOSUPPORT;
	*out = (struct arp_frame){ .reply = what == ARP_REPLY,
				   .from = get_in_addr(arp + 14),
				   .target = get_in_addr(arp + 24) };
	memcpy(out->from_mac, arp + 8, MAC_LEN);
	memcpy(out->target_mac, arp + 18, MAC_LEN);
	return 0;
}

int frame_write_arp(struct buf *out, const struct arp_frame *a)
{
	uint8_t frame[ETHER_HEADER + ARP_LEN] = { 0 };
	uint8_t *arp = frame + ETHER_HEADER;

	fill_ethernet(frame, mac_broadcast, a->from_mac, TYPE_ARP);
	memcpy(arp, (const uint8_t[]){ 0, 1, 8, 0, 6, 4 }, 6);
	put_be16(arp + 6, a->reply ? ARP_REPLY : ARP_REQUEST);
	memcpy(arp + 8, a->from_mac, MAC_LEN);
	memcpy(arp + 14, &a->from, 4);
	memcpy(arp + 18, a->target_mac, MAC_LEN);
	memcpy(arp + 24, &a->target, 4);
	return buf_add(out, frame, sizeof(frame));
}

int frame_read_stp(const uint8_t *frame, size_t len, struct stp_frame *out)
{
	static const uint8_t llc[] = { 0x42, 0x42, 0x03, 0, 0 }; /* 802.2 SAPs, UI, protocol 0 */
	enum { FORWARDING = 0x20, CONFIG = 0, RAPID = 2, CONFIG_LEN = 35 };
	const uint8_t *bpdu = frame + ETHER_HEADER + 3;

	if (len < ETHER_HEADER + sizeof(llc) + 2 || memcmp(frame, mac_bridges, MAC_LEN) != 0 ||
	    memcmp(frame + ETHER_HEADER, llc, sizeof(llc)) != 0)
		return -EPROTONOSUPPORT;
	if (bpdu[3] != CONFIG && bpdu[3] != RAPID) /* a topology change notice */
		return -EPROTONOSUPPORT;
	if (len < ETHER_HEADER + 3 + CONFIG_LEN)
		return -EBADMSG;
	*out = (struct stp_frame){
		.rapid = bpdu[3] == RAPID,
		.forwarding = bpdu[3] == RAPID && (bpdu[4] & FORWARDING),
		.forward_delay = get_be16(bpdu + 33) / 256,
	};
	return 0;
}
