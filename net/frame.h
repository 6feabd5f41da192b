/* frame.h - bytes on the wire <-> Ethernet frames with UDP, ARP or spanning tree in them; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include "base/buf.h"
#include "net/card.h"

#include <netinet/in.h>

extern const uint8_t mac_broadcast[MAC_LEN];

/* Numbers in network byte order at any address. */
static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline void put_be16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void add_be16(struct buf *out, size_t value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 8), (uint8_t)value };

	buf_add(out, bytes, sizeof(bytes));
}

static inline void add_be32(struct buf *out, uint32_t value)
{
	add_be16(out, value >> 16);
	add_be16(out, value & 0xffff);
}

static inline struct in_addr get_in_addr(const uint8_t *p)
{
	struct in_addr a;

	memcpy(&a, p, sizeof(a));
	return a;
}

/* The Internet checksum (RFC 1071): internet_sum adds up bytes, going on from SUM; of several stretches all but the
 * last have an even length, and all together fewer than 2^17 bytes. */
uint32_t internet_sum(uint32_t sum, const uint8_t *p, size_t len);
uint16_t internet_checksum(uint32_t sum);

/* True when FOUND is the sum of the pseudo header alone, SUM, as a sender writes it for a card that adds the rest;
 * where the mark that says so gets lost on the way (bridges, tunnels, virtual functions) it arrives like this. */
bool checksum_is_half(uint32_t sum, uint16_t found);

/* A UDP datagram in its frame. */
struct udp_frame {
	uint8_t to_mac[MAC_LEN], from_mac[MAC_LEN];
	struct in_addr from, to;
	uint16_t from_port, to_port; /* host byte order */
	const uint8_t *data;         /* the datagram's contents; points into the frame */
	size_t len;
};

/* Takes a frame apart: Ethernet II, IPv4 with or without options (RFC 791), UDP (RFC 768). Both checksums are verified;
 * the UDP one is not when NO_CHECKSUM says that the sender left it to hardware that was never passed (a cable inside
 * one machine), nor where it is the half sum that the sender leaves to such hardware (checksum_is_half), nor IPv4's
 * where it is 0. 0; -EPROTONOSUPPORT: something else, nobody's fault; -EBADMSG: it is damaged or lies about its
 * lengths. */
int frame_read_udp(const uint8_t *frame, size_t len, bool no_checksum, struct udp_frame *out) must_check;

/* Adds the frame that carries U to OUT. 0 or -ENOMEM; -EMSGSIZE when the data does not fit a datagram. */
int frame_write_udp(struct buf *out, const struct udp_frame *u) must_check;

/* An ARP packet for IPv4 over Ethernet (RFC 826). */
struct arp_frame {
	bool reply; /* else a request */
	uint8_t from_mac[MAC_LEN];
	struct in_addr from; /* 0.0.0.0: a probe (RFC 5227, 1.1) */
	uint8_t target_mac[MAC_LEN];
	struct in_addr target;
};

/* 0, -EPROTONOSUPPORT or -EBADMSG, as above. */
int frame_read_arp(const uint8_t *frame, size_t len, struct arp_frame *out) must_check;

/* Adds a broadcast frame with A to OUT. 0 or -ENOMEM. */
int frame_write_arp(struct buf *out, const struct arp_frame *a) must_check;

/* What a bridge says of its port (IEEE 802.1D-2004, 9.3). */
struct stp_frame {
	bool rapid;             /* RSTP or MSTP: the two flags below count */
	bool forwarding;        /* the port forwards */
	unsigned forward_delay; /* seconds in each of listening and learning */
};

/* Where bridges send to; a card must be told to listen to it. */
extern const uint8_t mac_bridges[MAC_LEN];

/* 0, -EPROTONOSUPPORT or -EBADMSG, as above. */
int frame_read_stp(const uint8_t *frame, size_t len, struct stp_frame *out) must_check;

#endif
