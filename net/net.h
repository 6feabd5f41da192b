/* net.h - the arrow "devices -> network": cards and options -> one configured interface. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/buf.h"
#include "base/failure.h"
#include "base/peer.h"
#include "base/watch.h"
#include "options/options.h"

#include <netinet/in.h>

/* Routes beyond the connected one (DHCP options 3 and 121, RFC 3442). */
struct net_route {
	struct in_addr dest;    /* network */
	unsigned prefix;        /* 0..32; 0: the default route */
	struct in_addr gateway; /* 0.0.0.0: on the link itself */
};

/* An IPv6 address of the interface. */
struct net_address6 {
	struct in6_addr address;
	unsigned prefix; /* 0..128 */
	/* how long it may be used for new connections, from bound_at_ms on; 0xffffffff: for ever */
	uint32_t preferred_s;
	uint32_t valid_s; /* how long at all */
	bool by_dhcp;     /* from a DHCPv6 server; else made of a router's prefix */
};

/* What is known of the one interface that works. Strings are owned by the struct; NULL where unknown. */
struct network {
	char interface[16]; /* what has the address; IFNAMSIZ: at most 15 characters */
	int ifindex;
	char card[16]; /* the card, or bond, it is, or lies on where it is a VLAN */
	unsigned vlan; /* VLAN number; 0: none */
	/* how card is made of several: "802.3ad", "active-backup"; NULL: it is one; not owned */
	const char *bond;
	uint8_t mac[6];
	bool dhcp; /* false: static */
	struct in_addr address;
	unsigned prefix; /* 0..32 */
	struct in_addr broadcast;
	struct net_route *routes; /* default route first where there is one */
	size_t route_count;
	unsigned mtu; /* bytes; 0: the card's own */

	struct in_addr *dns; /* name servers in order (option 6) */
	size_t dns_count;
	struct in_addr *ntp; /* time servers (option 42) */
	size_t ntp_count;
	char *hostname; /* option 12, or hostname: */
	char *domain;   /* option 15, or domain: */
	char *search;   /* option 119, names separated by spaces */

	/* DHCP only */
	struct in_addr server_id;            /* option 54, or where it is missing who sent the lease */
	bool server_named;                   /* it is option 54 */
	struct in_addr next_server;          /* siaddr, 0.0.0.0 where none */
	char *tftp_server;                   /* option 66 */
	char *bootfile;                      /* option 67 or the file field */
	uint32_t lease_s, renew_s, rebind_s; /* options 51 58 59; seconds; lease 0xffffffff: for ever */
	int64_t bound_at_ms; /* when the lease began, of now_ms(): the kernel's CLOCK_MONOTONIC, which the next system
			      * has too */

	/* IPv6: what there is of it. Where address is 0.0.0.0 the network has IPv6 only. */
	struct net_address6 *address6; /* without the link's own (fe80::) */
	size_t address6_count;
	struct in6_addr gateway6; /* default router, mostly fe80::..., on this interface; ::, none */
	struct in6_addr *dns6;
	size_t dns6_count;
	unsigned mtu6;     /* of the router; 0: the card's own */
	char *server_duid; /* of the DHCPv6 server that gave an address, as hex digits; NULL: none did */

	uint8_t (*tried)[6]; /* cards that had an address, too, but led nowhere: net_try_next */
	size_t tried_count;
	struct in_addr *shunned; /* DHCP servers on this card whose addresses led nowhere */
	size_t shunned_count;
};

/* What net_up is asked for. Fields may be NULL or 0 unless told else. */
struct net_request {
	const struct options *options; /* interface:, BOOTIF=, network:, ip: ...; not NULL */
	int64_t deadline;              /* of now_ms(): after that it gives up */
	struct watch *watch;
	/* Called once, when there is nothing to do but to wait (for a link, for an answer): time that would be lost is
	 * used. Not called when it fails before. */
	void (*while_waiting)(void *ctx);
	/* Called once, when for seconds no card has had a link, or none is there: it may hang on a bus that was not
	 * looked at. */
	void (*more_cards)(void *ctx);
	/* A card's name for a person ("Intel Corporation 82540EM ..."), by its place on the bus ("0000:00:03.0"); NULL
	 * where it is not known. */
	const char *(*card_title)(void *ctx, const char *address);
	/* Loads a kernel module that is needed only now ("8021q", "bonding"). 0 or -errno. */
	int (*load_module)(void *ctx, const char *name);
	void *ctx; /* of all four */
};

/* True when interface:, ip= or BOOTIF= names a card, and the kernel shows no such one (yet). */
bool net_lacks_card(const struct options *o);

/* Sets up the loopback and one card as the options ask until it has an address and its routes. Drivers must be loaded;
 * a card that appears late is taken in. Every card that may be used is switched on and tried at once, the first usable
 * answer wins, the others are switched off again. NET is filled; release it with network_free.
 * 0 or -errno with F filled (FAIL_NET_*, FAIL_DEV_NO_CARD, FAIL_CMD_*, FAIL_SYS_CANCELLED); the cards are left on then,
 * so that a second try, or a person in the shell, need not wait for their link. */
int net_up(struct network *net, const struct net_request *request, struct failure *f) must_check;

/* True when the failure may come from an address on the wrong card: another one might reach the server. */
bool net_may_be_wrong_card(const struct failure *f);

/* The card of NET has an address, but the server cannot be reached over it. Where NET is of IPv4 only, or of IPv6
 * only, and the server might have the other, NET gets that besides, if it is to be had within seconds. The same for the
 * address of another DHCP server on the card: a wrong one may have been the faster. Else the lease is given back, the
 * card switched off, and a network looked for on the others that the options allow (interface: silent, auto or wired),
 * which may get their link as late as the deadline; BOOTIF= does not count any more. 0: NET has both families now, or
 * is another one. -ENODEV: there is no other card, NET is as it was and F is untouched. Other -errno: no other card
 * found a network, F is filled, NET's card is off. */
int net_try_next(struct network *net, const struct net_request *request, struct failure *f) must_check;

/* Gives the leases back to the DHCP servers (RFC 2131, 4.4.6; RFC 8415, 18.2.7), while the interface still has its
 * addresses. Nothing for a static one. */
void net_give_back(const struct network *net);

/* Leases are renewed by a process of its own, so that whoever fetches need not look after them; the kernel takes an
 * address away when its lease ends all the same. NULL: there is nothing to renew, or (a log line) no process. NET is
 * not changed. */
struct keeping *net_keep_start(const struct network *net);

/* Ends that process; NET gets the times of its leases as they are now. False: a lease was lost, its address is gone,
 * and WHY (of WHY_SIZE bytes) says how. K may be NULL. */
bool net_keep_end(struct keeping *k, struct network *net, char *why, size_t why_size);

/* The last thing before the next system: the kernel may give the interface its IPv6 addresses, which it was kept from
 * while the boot depended on every packet; and the IPv4 address stays until that system's client knows of the lease. */
void net_release(const struct network *net);

/* Writes what the next system needs below DIR ("/run/stage1"): resolv.conf, net-IFACE.conf (KEY='value' lines).
 * 0 or -errno. */
int net_write_handover(const struct network *net, const char *dir) must_check;

/* Writes below RUN ("/run") the files by which the next system keeps the interface up and renews its lease: for
 * systemd-networkd and udev systemd/network/10-stage1-IFACE.network and .link, for ifupdown stage1/interfaces, and for
 * the dhclient that it starts dhclient.IFACE.lease.conf. 0 or -errno. */
int net_write_fragments(const struct network *net, const char *run) must_check;

/* The network's facts as KEY='value' lines: DEVICE, BOOTPROTO, IPADDR, PREFIX, NETMASK, BROADCAST, GATEWAY, ROUTES,
 * DNS, SEARCH, HOSTNAME, DOMAIN, MTU, NTP, SERVERID, NEXTSERVER, BOOTFILE, LEASE; and HWADDR, TFTPSERVER, CLIENTID (the
 * DHCP client id as hex octets), RENEW, REBIND, BOUND (seconds; BOUND is CLOCK_MONOTONIC's); for a VLAN also CARD (what
 * it lies on) and VLAN (its number), for a bond BOND (802.3ad, active-backup); for IPv6 IPV6PROTO (auto, dhcp),
 * IPV6ADDR (ADDRESS/PREFIX ...), IPV6GATEWAY, IPV6DNS, IPV6SERVERID (a DHCPv6 server's DUID in hex). What is unknown is
 * left out; without IPv4 BOOTPROTO to DNS are. */
int net_describe(const struct network *net, struct buf *out);

void network_free(struct network *net);

/* Finds the addresses of HOST, ready for connect(2) with PORT (a numeric address, or a name by DNS: RFC 1035). NET
 * gives the name servers; NULL: /etc/resolv.conf and /etc/hosts of the running system. *OUT is malloc'ed, at least one
 * long on success. 0 or -errno with F filled (FAIL_DNS_*). */
int net_resolve(const struct network *net, const char *host, uint16_t port, int64_t deadline, struct peer_address **out,
		size_t *count, struct failure *f) must_check;

/* A TCP connection to the first of the addresses that answers; each gets a fair share of the time left. The socket
 * is non-blocking and has keepalive and TCP_USER_TIMEOUT set. The descriptor, or -errno with F filled (FAIL_SRV_*). */
int net_connect(const struct peer_address *addresses, size_t count, int64_t deadline, struct failure *f) must_check;

#endif
