/* hosts.h - the text of resolv.conf and hosts -> name servers, search list, addresses; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_HOSTS_H
#define NET_HOSTS_H

#include "net/net.h"

/* Addresses, as they are collected. Release with address_list_free, or take the array over. */
struct address_list {
	struct peer_address *address;
	size_t count;
};

/* Adds an address; IP as in6 (an IPv4 address as ::ffff:a.b.c.d becomes AF_INET). 0 or -ENOMEM. */
int address_list_add(struct address_list *list, const struct in6_addr *ip, uint16_t port, uint32_t scope) must_check;
void address_list_free(struct address_list *list);

/* Text of a numeric address ("10.0.1.21", "fe80::1%2", "fe80::1%eth0", "[2001:db8::1]") -> *IP and *SCOPE (the
 * interface's number; 0: none). 0, or -EINVAL: an interface that this machine lacks, too. */
int ip_parse(const char *text, struct in6_addr *ip, uint32_t *scope) must_check;

/* Where names are looked up. Release with resolver_free. */
struct resolver {
	struct address_list servers; /* with port 53 */
	char **search;               /* domains to try behind a name */
	size_t search_count;
};

/* Adds what TEXT, in the form of resolv.conf(5), says: nameserver, search, domain. Other lines, and lines that make no
 * sense, are left out. 0 or -ENOMEM. */
int resolver_read(struct resolver *r, const char *text) must_check;

/* Adds the name servers and the search list (or else the domain) of a network. 0 or -ENOMEM. */
int resolver_of_network(struct resolver *r, const struct network *net) must_check;
void resolver_free(struct resolver *r);

/* Adds the addresses that TEXT, in the form of hosts(5), gives for NAME. 0 or -ENOMEM. */
int hosts_find(const char *text, const char *name, uint16_t port, struct address_list *found) must_check;

#endif
