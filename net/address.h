/* address.h - IPv4 addresses, masks and networks in numbers and words -> checked values; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/buf.h"

#include <netinet/in.h>

#define ADDRESS_TEXT_SIZE INET_ADDRSTRLEN

/* "10.0.1.21", nothing before or behind it -> *OUT. 0 or -EINVAL. */
int address_parse(const char *s, struct in_addr *out) must_check;

/* "fe80::1" (RFC 4291, 2.2), nothing before or behind it -> *OUT. 0 or -EINVAL. dietlibc's inet_pton takes "" and
 * "12345::" for addresses. */
int address6_parse(const char *s, struct in6_addr *out) must_check;

/* "255.255.255.0", "24" or "/24" -> 0..32. 0 or -EINVAL. */
int netmask_parse(const char *s, unsigned *prefix) must_check;

/* A mask as DHCP carries it -> 0..32; -EINVAL when its ones are not all in front. */
int netmask_prefix(struct in_addr mask, unsigned *prefix) must_check;

/* The prefix that the address's class stood for (RFC 791, 3.2): 8, 16 or 24. */
unsigned address_class_prefix(struct in_addr a);

/* Of a PREFIX of 0 to 32 bits: its mask; the first address of the network that A lies in; the last. */
struct in_addr prefix_netmask(unsigned prefix);
struct in_addr network_of(struct in_addr a, unsigned prefix);
struct in_addr broadcast_of(struct in_addr a, unsigned prefix); /* 0.0.0.0 for /31 and /32, which have none */

/* True when B lies in A's network. */
bool same_network(struct in_addr a, struct in_addr b, unsigned prefix);

/* True when a machine can be reached at it: not 0/8, loopback, multicast or beyond. */
bool address_is_host(struct in_addr a);

/* True when a machine can have it as its own on such a network: a host's, and neither the network's own name nor its
 * broadcast address. */
bool address_is_own(struct in_addr a, unsigned prefix);

/* "10.0.1.21"; returns BUF. */
const char *address_text(struct in_addr a, char buf[ADDRESS_TEXT_SIZE]);

/* LEN bytes that came from the network, made fit for a console in OUT of SIZE bytes: printable ASCII, cut. */
void words_of_others(const uint8_t *data, size_t len, char *out, size_t size);

/* A name for a host or a domain: letters, digits, - and _ in labels separated by single dots, at most 253
 * characters. */
bool host_name_is_sane(const char *name);

#endif
