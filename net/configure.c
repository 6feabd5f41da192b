/* configure.c - a found network -> the kernel's interface has its MTU, address and routes. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/configure.h"

#include "base/log.h"
#include "net/address.h"
#include "net/frame6.h"
#include "net/interface.h"

#include <sys/socket.h>

static void set_mtu(struct netlink *nl, const struct card *card, struct network *net)
{
	int err = 0;

	if (!net->mtu || net->mtu == card->mtu)
		return;
	if (card->max_mtu && net->mtu > card->max_mtu)
		err = -ERANGE;
	else
		err = interface_set_mtu(nl, card->ifindex, net->mtu);
	if (!err) {
		log_info("%s: MTU %u", card->name, net->mtu);
		return;
	}
	log_warn("%s: MTU %u, as the server wants, cannot be set (the card: %u, at most %u): %s", card->name, net->mtu,
		 card->mtu, card->max_mtu, err_text(err));
	net->mtu = 0;
}

static int set_route(struct netlink *nl, const struct card *card, const struct network *net,
		     const struct net_route *route)
{
	/* Servers name gateways outside the network, too, and mean that they are on the cable (RFC 3442 has a route for
	 * that, which many leave out). */
	bool on_link = route->gateway.s_addr && !same_network(net->address, route->gateway, net->prefix);

	return interface_add_route(nl, card->ifindex, route, net->address, on_link, net->dhcp);
}

/* Those over the link itself first: the others' gateways may lie behind them. */
static void set_routes(struct netlink *nl, const struct card *card, const struct network *net)
{
	char dest[ADDRESS_TEXT_SIZE], gateway[ADDRESS_TEXT_SIZE];

	for (int direct = 1; direct >= 0; direct--)
		for (size_t i = 0; i < net->route_count; i++) {
			const struct net_route *r = &net->routes[i];
			int err = (r->gateway.s_addr == 0) == direct ? set_route(nl, card, net, r) : 0;

			if (!err)
				continue;
			address_text(r->gateway, gateway);
			log_warn("%s: route to %s/%u over %s left out: %s", card->name, address_text(r->dest, dest),
				 r->prefix, gateway, err_text(err));
		}
}

/* The link's own address, those found, the router. */
static int set_ip6(struct netlink *nl, const struct card *card, struct network *net, struct failure *f)
{
	const struct net_address6 own = {
		.address = ip6_link_local(net->mac), .prefix = 64, .preferred_s = UINT32_MAX, .valid_s = UINT32_MAX
	};
	char text[IP6_TEXT_SIZE];
	int err;

	if (!net->address6_count)
		return 0;
	err = interface_flush_addresses(nl, card->ifindex, AF_INET6);
	if (!err)
		err = interface_add_address6(nl, card->ifindex, &own);
	for (size_t i = 0; i < net->address6_count && !err; i++)
		err = interface_add_address6(nl, card->ifindex, &net->address6[i]);
	if (err)
		return fail(f, FAIL_NET_CONFIGURE, err, "%s: IPv6 addresses: %s", card->name, err_text(err));
	if (net->mtu6 >= card->mtu)
		net->mtu6 = 0;
	if (!ip6_equal(&net->gateway6, &ip6_any))
		err = interface_add_route6(nl, card->ifindex, NULL, 0, &net->gateway6, net->mtu6);
	if (err)
		log_warn("%s: IPv6 default route over %s left out: %s", card->name, ip6_text(&net->gateway6, text),
			 err_text(err));
	return 0;
}

int net_configure(struct netlink *nl, const struct card *card, struct network *net, struct failure *f)
{
	char a[ADDRESS_TEXT_SIZE];
	int err;

	set_mtu(nl, card, net);
	err = set_ip6(nl, card, net, f);
	if (err)
		return err;
	err = interface_flush_addresses(nl, card->ifindex, AF_INET);
	if (!err && !net->address.s_addr)
		return 0;
	if (!err)
		err = link_keep_address(nl, net, net->dhcp ? net->lease_s : UINT32_MAX);
	if (err)
		return fail(f, FAIL_NET_CONFIGURE, err, "%s: address %s/%u: %s", card->name,
			    address_text(net->address, a), net->prefix, err_text(err));
	set_routes(nl, card, net);
	return 0;
}
