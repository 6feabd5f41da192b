/* frame6.h - bytes on the wire <-> Ethernet frames with IPv6: ICMPv6 and UDP; pure functions (RFC 8200). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_FRAME6_H
#define NET_FRAME6_H

#include "net/frame.h"

enum { PROTOCOL_UDP6 = 17, PROTOCOL_ICMP6 = 58 };

/* An IPv6 packet in its frame. */
struct ip6_frame {
	uint8_t to_mac[MAC_LEN], from_mac[MAC_LEN];
	struct in6_addr from, to;
	uint8_t protocol, hop_limit;
	uint16_t from_port, to_port; /* of UDP, host byte order */
	const uint8_t *data;         /* the ICMPv6 message, or the UDP datagram's contents; points into the frame */
	size_t len;
};

/* Takes a frame apart: Ethernet II, IPv6 without extension headers, UDP or ICMPv6. The checksum is verified unless
 * NO_CHECKSUM says that the sender left it to hardware that was never passed. 0; -EPROTONOSUPPORT: something else;
 * -EBADMSG: damaged, or it lies about its lengths. */
int frame_read_ip6(const uint8_t *frame, size_t len, bool no_checksum, struct ip6_frame *out) must_check;

/* Adds the frame that carries P to OUT; an ICMPv6 message's own checksum field is filled in. 0, -ENOMEM, -EMSGSIZE. */
int frame_write_ip6(struct buf *out, const struct ip6_frame *p) must_check;

extern const struct in6_addr ip6_any;         /* :: */
extern const struct in6_addr ip6_all_nodes;   /* ff02::1 */
extern const struct in6_addr ip6_all_routers; /* ff02::2 */
extern const struct in6_addr ip6_dhcp;        /* ff02::1:2, all DHCP agents (RFC 8415, 7.1) */

/* The group that hears questions about A (RFC 4291, 2.7.1). */
struct in6_addr ip6_solicited_node(const struct in6_addr *a);

/* The MAC address that a multicast group goes to (RFC 2464, 7). */
void ip6_group_mac(const struct in6_addr *group, uint8_t mac[MAC_LEN]);

/* PREFIX's first 64 bits, and an identifier made of the MAC address (RFC 4291, appendix A). */
struct in6_addr ip6_of_mac(const struct in6_addr *prefix, const uint8_t mac[MAC_LEN]);

/* fe80:: with that identifier. */
struct in6_addr ip6_link_local(const uint8_t mac[MAC_LEN]);

/* Whether the two are the same; whether A is in fe80::/10 (RFC 4291, section 2.5.6). */
bool ip6_equal(const struct in6_addr *a, const struct in6_addr *b);
bool ip6_is_link_local(const struct in6_addr *a);

/* True when a machine can have it beyond its own link: no multicast, loopback, link-local, unspecified. */
bool ip6_is_host(const struct in6_addr *a);

/* True when the first BITS are equal. */
bool ip6_same_prefix(const struct in6_addr *a, const struct in6_addr *b, unsigned bits);

/* "fe80::1"; returns BUF. */
#define IP6_TEXT_SIZE INET6_ADDRSTRLEN
const char *ip6_text(const struct in6_addr *a, char buf[IP6_TEXT_SIZE]);

#endif
