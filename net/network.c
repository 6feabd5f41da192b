/* network.c - struct network -> KEY='value' lines; and its end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "net/address.h"
#include "net/card.h"
#include "net/frame6.h"

void network_free(struct network *net)
{
	free(net->routes);
	free(net->dns);
	free(net->ntp);
	free(net->hostname);
	free(net->domain);
	free(net->search);
	free(net->tftp_server);
	free(net->bootfile);
	free(net->address6);
	free(net->dns6);
	free(net->server_duid);
	free(net->tried);
	free(net->shunned);
	*net = (struct network){ 0 };
}

static void put_address(struct buf *out, const char *key, struct in_addr a)
{
	char text[ADDRESS_TEXT_SIZE];

	if (a.s_addr)
		buf_setting(out, key, address_text(a, text));
}

static void put_addresses(struct buf *out, const char *key, const struct in_addr *list, size_t count)
{
	cleanup_buf struct buf words = { 0 };
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < count; i++)
		buf_printf(&words, "%s%s", i ? " " : "", address_text(list[i], text));
	buf_setting(out, key, buf_cstr(&words));
}

/* All routes but the default one: "10.2.0.0/16,10.0.1.9 10.3.0.0/16,0.0.0.0" */
static void put_routes(struct buf *out, const struct network *net)
{
	cleanup_buf struct buf words = { 0 };
	char dest[ADDRESS_TEXT_SIZE], gateway[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < net->route_count; i++) {
		const struct net_route *r = &net->routes[i];

		if (r->prefix)
			buf_printf(&words, "%s%s/%u,%s", words.len ? " " : "", address_text(r->dest, dest), r->prefix,
				   address_text(r->gateway, gateway));
	}
	buf_setting(out, "ROUTES", buf_cstr(&words));
}

static void put_lease(struct buf *out, const struct network *net)
{
	char mac[MAC_TEXT_SIZE];

	if (net->dhcp)
		buf_printf(out, "CLIENTID='01:%s'\n", mac_text(net->mac, mac));
	put_address(out, "SERVERID", net->server_id);
	buf_setting_number(out, "LEASE", net->lease_s);
	buf_setting_number(out, "RENEW", net->renew_s);
	buf_setting_number(out, "REBIND", net->rebind_s);
	buf_setting_number(out, "BOUND", net->bound_at_ms / 1000);
	put_address(out, "NEXTSERVER", net->next_server);
	buf_setting(out, "TFTPSERVER", net->tftp_server);
	buf_setting(out, "BOOTFILE", net->bootfile);
}

static void put_ip4(struct buf *out, const struct network *net)
{
	buf_setting(out, "BOOTPROTO", net->dhcp ? "dhcp" : "static");
	put_address(out, "IPADDR", net->address);
	buf_setting_number(out, "PREFIX", net->prefix);
	put_address(out, "NETMASK", prefix_netmask(net->prefix));
	put_address(out, "BROADCAST", net->broadcast);
	if (net->route_count && !net->routes[0].prefix)
		put_address(out, "GATEWAY", net->routes[0].gateway);
	put_routes(out, net);
	put_addresses(out, "DNS", net->dns, net->dns_count);
}

static void put_ip6(struct buf *out, const struct network *net)
{
	cleanup_buf struct buf addresses = { 0 }, dns = { 0 };
	char text[IP6_TEXT_SIZE];

	for (size_t i = 0; i < net->address6_count; i++)
		buf_printf(&addresses, "%s%s/%u", i ? " " : "", ip6_text(&net->address6[i].address, text),
			   net->address6[i].prefix);
	for (size_t i = 0; i < net->dns6_count; i++)
		buf_printf(&dns, "%s%s", i ? " " : "", ip6_text(&net->dns6[i], text));
	buf_setting(out, "IPV6PROTO", net->server_duid ? "dhcp" : "auto");
	buf_setting(out, "IPV6ADDR", buf_cstr(&addresses));
	if (!ip6_equal(&net->gateway6, &ip6_any))
		buf_setting(out, "IPV6GATEWAY", ip6_text(&net->gateway6, text));
	buf_setting(out, "IPV6DNS", buf_cstr(&dns));
	buf_setting(out, "IPV6SERVERID", net->server_duid);
}

int net_describe(const struct network *net, struct buf *out)
{
	char mac[MAC_TEXT_SIZE];

	buf_setting(out, "DEVICE", net->interface);
	buf_setting(out, "HWADDR", mac_text(net->mac, mac));
	buf_setting(out, "BOND", net->bond);
	if (net->vlan) {
		buf_setting(out, "CARD", net->card);
		buf_setting_number(out, "VLAN", net->vlan);
	}
	if (net->address.s_addr)
		put_ip4(out, net);
	if (net->address6_count)
		put_ip6(out, net);
	buf_setting(out, "SEARCH", net->search);
	buf_setting(out, "HOSTNAME", net->hostname);
	buf_setting(out, "DOMAIN", net->domain);
	if (net->mtu)
		buf_setting_number(out, "MTU", net->mtu);
	put_addresses(out, "NTP", net->ntp, net->ntp_count);
	if (net->dhcp || net->server_duid)
		put_lease(out, net);
	return out->failed ? -ENOMEM : 0;
}
