/* interface.h - one wish (up, an MTU, an address, a route) -> the kernel's interface, by rtnetlink. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include "net/net.h"
#include "net/netlink.h"

/* Switches the interface on or off. Being up says nothing about having link. 0 or -errno. */
int interface_set_up(struct netlink *nl, int ifindex, bool up) must_check;

/* Lets the kernel give the interface NAME its IPv6 addresses by itself (true), or not. Where there is no IPv6,
 * nothing. */
void interface_auto_ipv6(const char *name, bool on);

/* Sets the biggest packet, in bytes. Some drivers restart the card for that: its link goes and comes back. */
int interface_set_mtu(struct netlink *nl, int ifindex, unsigned mtu) must_check;

/* Makes the VLAN number ID on top of the interface PARENT, called NAME, and switches it on. 0 or -errno (-EEXIST: there
 * is something of that name; -EOPNOTSUPP: the kernel has no VLANs). */
int interface_add_vlan(struct netlink *nl, int parent, const char *name, unsigned id) must_check;

/* Takes away an interface that software made. */
int interface_delete(struct netlink *nl, int ifindex) must_check;

/* Adds the IPv4 address. PEER: the other end of a point-to-point link, 0.0.0.0 on an ordinary network. BROADCAST may
 * be 0.0.0.0 (none). VALID_S: after so many seconds the kernel takes it away; UINT32_MAX: never. 0 also when the
 * interface has it already. */
int interface_add_address(struct netlink *nl, int ifindex, struct in_addr address, unsigned prefix,
			  struct in_addr broadcast, struct in_addr peer, uint32_t valid_s) must_check;

/* The interface of NET has its IPv4 address for VALID_S more seconds; UINT32_MAX: for ever. */
int link_keep_address(struct netlink *nl, const struct network *net, uint32_t valid_s) must_check;

/* Takes away all addresses of the interface of one FAMILY (AF_INET, AF_INET6), and with them its routes. */
int interface_flush_addresses(struct netlink *nl, int ifindex, int family) must_check;

/* Adds an IPv6 address that is known to be free, and the way to its neighbours. 0 also when the interface has it
 * already. */
int interface_add_address6(struct netlink *nl, int ifindex, const struct net_address6 *address) must_check;

/* Sets an IPv6 route over the interface to DEST/PREFIX (NULL and 0: the default route). GATEWAY NULL: on the link
 * itself. MTU: the biggest packet over it; 0: the interface's. (The kernel's own place for a router's MTU is of no use:
 * it is forgotten whenever the link changes.) */
int interface_add_route6(struct netlink *nl, int ifindex, const struct in6_addr *dest, unsigned prefix,
			 const struct in6_addr *gateway, unsigned mtu) must_check;

/* Adds a route over the interface; one to the same network is replaced. ON_LINK: the gateway is reached directly even
 * where no address of the interface says so. BY_DHCP: the kernel notes that, and networkd of the next system knows by
 * it that the address is a lease; the others are noted as static. */
int interface_add_route(struct netlink *nl, int ifindex, const struct net_route *route, struct in_addr source,
			bool on_link, bool by_dhcp) must_check;

/* Loopback up. A kernel that has none is no reason to stop: the result goes to the log. */
void interface_loopback_up(struct netlink *nl);

#endif
