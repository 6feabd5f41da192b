/* fragments.c - struct network -> the files by which the next system's network programs keep the booted interface
 * up. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/fragments.h"

#include "net/address.h"
#include "net/card.h"
#include "net/dhcp6_packet.h"
#include "net/frame6.h"

static const char whose[] = "# Left by stage1, which booted this system over the interface.\n";

/* ---- systemd-networkd */

static void add_lease(const struct network *net, struct buf *out)
{
	/* a router's word starts the DHCPv6 client in any case; "ipv6" does not wait for it */
	if (net->dhcp)
		buf_str(out, net->server_duid ? "DHCP=yes\n" : "DHCP=ipv4\n");
	else
		buf_str(out, net->server_duid ? "DHCP=ipv6\n" : "DHCP=no\n");
}

static void add_resolver(const struct network *net, struct buf *out)
{
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < net->dns_count; i++)
		buf_printf(out, "DNS=%s\n", address_text(net->dns[i], text));
	if (net->search || net->domain)
		buf_printf(out, "Domains=%s\n", net->search ? net->search : net->domain);
}

static void add_routes(const struct network *net, struct buf *out)
{
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < net->route_count; i++) {
		const struct net_route *r = &net->routes[i];

		buf_str(out, "\n[Route]\n");
		if (r->prefix)
			buf_printf(out, "Destination=%s/%u\n", address_text(r->dest, text), r->prefix);
		if (r->gateway.s_addr)
			buf_printf(out, "Gateway=%s\n", address_text(r->gateway, text));
		buf_printf(out, "PreferredSource=%s\n", address_text(net->address, text));
		if (r->gateway.s_addr && !same_network(net->address, r->gateway, net->prefix))
			buf_str(out, "GatewayOnLink=yes\n");
	}
}

void networkd_interface(const struct network *net, struct buf *out)
{
	bool by_hand = net->address.s_addr && !net->dhcp;
	char text[ADDRESS_TEXT_SIZE];

	buf_printf(out, "%s[Match]\nName=%s\n\n[Network]\n", whose, net->interface);
	/* the root may lie behind this interface */
	buf_str(out, "KeepConfiguration=yes\nIgnoreCarrierLoss=yes\n");
	add_lease(net, out);
	if (by_hand) {
		buf_printf(out, "Address=%s/%u\n", address_text(net->address, text), net->prefix);
		add_resolver(net, out);
		add_routes(net, out);
	}
	if (net->dhcp)
		/* in place of those there are */
		buf_str(out, "\n[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\nRouteMetric=0\n");
	buf_printf(out, "\n[DHCPv6]\nDUIDType=link-layer\nIAID=%u\nUseHostname=no\n", dhcp6_ia_id(net->mac));
}

/* By name, or, with NAME NULL, the cards that the interface lies on. */
static void add_match(const struct network *net, const char *key, const char *name, struct buf *out)
{
	char mac[MAC_TEXT_SIZE];

	buf_printf(out, "%s[Match]\n", whose);
	if (name)
		buf_printf(out, "%s=%s\n", key, name);
	else /* no kind: a card, not what is made of one */
		buf_printf(out, "MACAddress=%s\nKind=!*\n", mac_text(net->mac, mac));
	buf_str(out, "\n[Link]\n");
}

void networkd_below(const struct network *net, const char *name, struct buf *out)
{
	add_match(net, "Name", name, out);
	buf_str(out, "Unmanaged=yes\n");
}

void udev_link(const struct network *net, const char *name, struct buf *out)
{
	add_match(net, "OriginalName", name, out);
	buf_str(out, "AlternativeNamesPolicy=database onboard slot path\nMACAddressPolicy=none\n");
}

/* ---- ifupdown */

/* Where the AppArmor profile that Debian has for dhclient lets it read and write; %s: the interface. */
#define DHCLIENT_CONF  "/run/" DHCLIENT_CONF_NAME
#define DHCLIENT_FILES "-pf /run/dhclient%s.%s.pid -lf /run/dhclient%s.%s.leases"

/* ISC's client in the background; "dhcp" would ask under the machine's own DUID, which the server does not know. */
static void add_dhclient(const struct network *net, const char *which, struct buf *out)
{
	bool six = *which == '6';
	const char *name = net->interface, *suffix = six ? which : "";

	buf_printf(out, "\tup dhclient -%s -nw ", which);
	if (six) /* its DUID-LL and IAID are made as those of stage1 are */
		buf_str(out, "-D LL ");
	else
		buf_printf(out, "-cf " DHCLIENT_CONF " ", name);
	buf_printf(out, DHCLIENT_FILES " %s\n", suffix, name, suffix, name, name);
}

void ifupdown_lines(const struct network *net, struct buf *out)
{
	buf_printf(out, "%sauto %s\n", whose, net->interface);
	/* it has its addresses, which "static" could not set again, and the root may lie behind it */
	if (net->address.s_addr)
		buf_printf(out, "iface %s inet manual\n", net->interface);
	if (net->dhcp)
		add_dhclient(net, "4", out);
	if (net->address6_count)
		buf_printf(out, "iface %s inet6 manual\n", net->interface);
	if (net->server_duid)
		add_dhclient(net, "6", out);
}

void dhclient_lines(struct buf *out)
{
	buf_printf(out, "%sinclude \"/etc/dhcp/dhclient.conf\";\nsend dhcp-client-identifier = hardware;\n", whose);
}
