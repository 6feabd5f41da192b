/* wish.h - options -> what a person wants of the network: automatic= first, ip= where that is silent; pure
 * functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_WISH_H
#define NET_WISH_H

#include "net/bond.h"
#include "net/card.h"
#include "net/net.h"
#include "options/options.h"

enum net_mode {
	NET_DHCP,   /* IPv4 by DHCP; IPv6 as well where IPv4 is silent, or server: is an IPv6 address */
	NET_STATIC, /* IPv4 as given */
	NET_AUTO6,  /* IPv6 only, as the routers say */
	NET_DHCP6,  /* IPv6 only, the address from a DHCPv6 server */
	NET_DHCP4,  /* IPv4 only, by DHCP; no word for network: says this */
};

/* What is wanted. Release with net_wish_free; the options it was read from must live as long. */
struct net_wish {
	const struct options *options;
	char *from_ip[KEY_COUNT]; /* what ip= gives in place of a silent key; NULL: nothing */
	struct card_wish card;
	/* cards, by name or MAC address with a blank behind each, that ip= tells to leave alone */
	struct buf left;
	enum net_mode mode;
	unsigned mtu;            /* of ip=; 0: not given */
	unsigned vlan;           /* of vlan:; 0: none */
	struct bond_wish bond;   /* of bond: */
	struct in_addr server;   /* of server:, or the second field of ip=; 0.0.0.0: none, or a name */
	struct in6_addr server6; /* of server: where it is one; ::, none */
	bool need4, need6;       /* nothing else will do: server: is an IPv4 address, or silent; an IPv6 address */
	char hostname[64];       /* what DHCP servers are told: the name without its domain; "": nothing */
};

/* Reads and checks all that the options say of cards and addresses (the addresses of network:static themselves are
 * static_network's).
 *
 * Where automatic= names neither network: nor ip:, the words of ip= count, in any of these forms:
 *   ip=MODE                                               MODE: dhcp on any both bootp; auto6 either6; dhcp6; off none:
 * as if it were not there ip=CARD:MODE[:MTU]                                    (dracut)
 *   ip=ADDRESS:SERVER:GATEWAY:NETMASK:HOSTNAME:CARD:MODE:DNS:DNS:NTP   (the kernel; pxelinux's IPAPPEND writes the
 *                                                         first four), every field may be empty or left out
 *   ip=ADDRESS:PEER:GATEWAY:NETMASK:HOSTNAME:CARD:MODE:MTU:MAC         (dracut)
 * ADDRESS/PREFIX is taken as well, and CARD may be BOOTIF (MAAS): the one of BOOTIF=. Of several words the one counts
 * that seems to lead somewhere; the cards of the others, and those that are off or none, are left alone. A word that is
 * none of these is an error only where no other says it all. interface: counts more than the CARD of ip=, and that more
 * than BOOTIF=; hostname: more than its HOSTNAME.
 *
 * 0, or -errno with F filled (FAIL_CMD_BAD_VALUE). */
int net_wish_read(const struct options *o, struct net_wish *wish, struct failure *f) must_check;
/* True when the card is one of those to be left alone. */
bool net_wish_leaves(const struct net_wish *wish, const struct card *card);
void net_wish_free(struct net_wish *wish);

/* The value of a key, from automatic= or ip=; NULL where both are silent. */
const char *net_wish_value(const struct net_wish *wish, enum option_key key);

/* Says in an error's words which value is meant: "gateway:10.9", or "gateway 10.9 of ip=". Returns BUF. */
const char *net_wish_quote(const struct net_wish *wish, enum option_key key, char *buf, size_t size);

/* The addresses of network:static -> NET. 0, or -errno with F filled (FAIL_CMD_MISSING, FAIL_NET_BAD_ADDRESS). */
int static_network(const struct net_wish *wish, struct network *net, struct failure *f) must_check;

#endif
