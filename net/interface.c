/* interface.c - one wish (up, an MTU, an address, a route) -> the kernel's interface, by rtnetlink. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/interface.h"

#include "base/failure.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPBACK_INDEX = 1 }; /* the kernel makes lo first, in every namespace (LOOPBACK_IFINDEX) */

int interface_set_up(struct netlink *nl, int ifindex, bool up)
{
	struct ifinfomsg info = { .ifi_index = ifindex, .ifi_change = IFF_UP, .ifi_flags = up ? IFF_UP : 0 };
	cleanup_buf struct buf m = { 0 };

	nl_begin(&m, RTM_NEWLINK, 0, &info, sizeof(info));
	return netlink_request(nl, &m, up ? "switching the card on" : "switching the card off");
}

/* Writes VALUE to the interface's IPv6 switch called WHAT. Where there is no IPv6, nothing. */
static void set_ip6(const char *name, const char *what, const char *value)
{
	cleanup_free char *path = str_printf("/proc/sys/net/ipv6/conf/%s/%s", name, what);
	cleanup_close int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd >= 0 && write(fd, value, strlen(value)) < 0)
		log_debug("%s: %s: %s", path, value, err_text(-errno));
}

void interface_auto_ipv6(const char *name, bool on)
{
	/* it would check addresses for seconds that are known to be free */
	set_ip6(name, "accept_ra", on ? "1" : "0");
	set_ip6(name, "addr_gen_mode", on ? "0" : "1"); /* ip-sysctl: 0 is EUI-64, 1 is none */
}

int interface_set_mtu(struct netlink *nl, int ifindex, unsigned mtu)
{
	struct ifinfomsg info = { .ifi_index = ifindex };
	cleanup_buf struct buf m = { 0 };

	nl_begin(&m, RTM_NEWLINK, 0, &info, sizeof(info));
	nl_put_u32(&m, IFLA_MTU, mtu);
	return netlink_request(nl, &m, "setting the MTU");
}

int interface_add_vlan(struct netlink *nl, int parent, const char *name, unsigned id)
{
	struct ifinfomsg info = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	cleanup_buf struct buf m = { 0 };
	uint16_t number = (uint16_t)id;
	size_t outer, inner;

	nl_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	nl_put_string(&m, IFLA_IFNAME, name);
	nl_put_u32(&m, IFLA_LINK, (uint32_t)parent);
	outer = nl_nest(&m, IFLA_LINKINFO);
	nl_put_string(&m, IFLA_INFO_KIND, "vlan");
	inner = nl_nest(&m, IFLA_INFO_DATA);
	nl_put(&m, IFLA_VLAN_ID, &number, sizeof(number));
	nl_nest_end(&m, inner);
	nl_nest_end(&m, outer);
	return netlink_request(nl, &m, "making the VLAN");
}

int interface_delete(struct netlink *nl, int ifindex)
{
	struct ifinfomsg info = { .ifi_index = ifindex };
	cleanup_buf struct buf m = { 0 };

	nl_begin(&m, RTM_DELLINK, 0, &info, sizeof(info));
	return netlink_request(nl, &m, "taking the interface away");
}

int interface_add_address(struct netlink *nl, int ifindex, struct in_addr address, unsigned prefix,
			  struct in_addr broadcast, struct in_addr peer, uint32_t valid_s)
{
	struct ifa_cacheinfo times = { .ifa_prefered = valid_s, .ifa_valid = valid_s };
	struct ifaddrmsg info = { .ifa_family = AF_INET,
				  .ifa_prefixlen = (uint8_t)prefix,
				  .ifa_index = (unsigned)ifindex };
	cleanup_buf struct buf m = { 0 };
	int err;

	nl_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	nl_put(&m, IFA_LOCAL, &address, sizeof(address));
	nl_put(&m, IFA_ADDRESS, peer.s_addr ? &peer : &address, sizeof(address));
	if (broadcast.s_addr && !peer.s_addr)
		nl_put(&m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	nl_put(&m, IFA_CACHEINFO, &times, sizeof(times));
	err = netlink_request(nl, &m, "setting the address");
	return err == -EEXIST ? 0 : err;
}

/* A netmask of 255.255.255.255 is a point-to-point link whose other end is the gateway. */
static struct in_addr peer_of(const struct network *net)
{
	if (net->prefix == 32 && net->route_count && !net->routes[0].prefix)
		return net->routes[0].gateway;
	return (struct in_addr){ 0 };
}

int link_keep_address(struct netlink *nl, const struct network *net, uint32_t valid_s)
{
	return interface_add_address(nl, net->ifindex, net->address, net->prefix, net->broadcast, peer_of(net),
				     valid_s);
}

int interface_add_address6(struct netlink *nl, int ifindex, const struct net_address6 *address)
{
	/* a server gives an address and says nothing of its neighbours: networkd of the next system sets it so, too */
	unsigned prefix = address->by_dhcp ? 128 : address->prefix;
	struct ifaddrmsg info = { .ifa_family = AF_INET6,
				  .ifa_prefixlen = (uint8_t)prefix,
				  .ifa_flags = IFA_F_NODAD,
				  .ifa_index = (unsigned)ifindex };
	struct ifa_cacheinfo times = { .ifa_prefered = address->preferred_s, .ifa_valid = address->valid_s };
	cleanup_buf struct buf m = { 0 };
	int err;

	nl_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	nl_put(&m, IFA_LOCAL, &address->address, sizeof(address->address));
	nl_put(&m, IFA_CACHEINFO, &times, sizeof(times));
	err = netlink_request(nl, &m, "setting the IPv6 address");
	if (err && err != -EEXIST)
		return err;
	return prefix == address->prefix
		       ? 0
		       : interface_add_route6(nl, ifindex, &address->address, address->prefix, NULL, 0);
}

int interface_add_route6(struct netlink *nl, int ifindex, const struct in6_addr *dest, unsigned prefix,
			 const struct in6_addr *gateway, unsigned mtu)
{
	struct rtmsg info = { .rtm_family = AF_INET6,
			      .rtm_dst_len = (uint8_t)prefix,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = RTPROT_BOOT,
			      .rtm_scope = RT_SCOPE_UNIVERSE,
			      .rtm_type = RTN_UNICAST };
	cleanup_buf struct buf m = { 0 };
	size_t metrics;

	nl_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	if (prefix)
		nl_put(&m, RTA_DST, dest, sizeof(*dest));
	if (gateway)
		nl_put(&m, RTA_GATEWAY, gateway, sizeof(*gateway));
	nl_put_u32(&m, RTA_OIF, (uint32_t)ifindex);
	if (mtu) {
		metrics = nl_nest(&m, RTA_METRICS);
		nl_put_u32(&m, RTAX_MTU, mtu);
		nl_nest_end(&m, metrics);
	}
	return netlink_request(nl, &m, prefix ? "setting an IPv6 route" : "setting the IPv6 default route");
}

/* What a flush walks over. */
struct flush {
	int ifindex, family;
	struct buf found; /* struct old_address, one after the other */
};

struct old_address {
	struct ifaddrmsg info;
	uint8_t address[16]; /* 4 of them for IPv4 */
	size_t len;
};

static int note_address(void *ctx, uint16_t type, const uint8_t *data, size_t len)
{
	struct flush *flush = ctx;
	struct old_address old = { .len = flush->family == AF_INET ? 4 : 16 };
	struct nl_attr a;

	if (type != RTM_NEWADDR || len < sizeof(old.info))
		return 0;
	memcpy(&old.info, data, sizeof(old.info));
	if ((int)old.info.ifa_index != flush->ifindex || old.info.ifa_family != flush->family)
		return 0;
	data += NLMSG_ALIGN(sizeof(old.info));
	len -= MIN(len, NLMSG_ALIGN(sizeof(old.info)));
	while (nl_next(&data, &len, &a)) /* IPv6 knows IFA_ADDRESS only; of IPv4 IFA_LOCAL is the own one */
		if (a.type == (flush->family == AF_INET ? IFA_LOCAL : IFA_ADDRESS) && a.len == old.len) {
			memcpy(old.address, a.data, old.len);
			return buf_add(&flush->found, &old, sizeof(old));
		}
	return 0;
}

int interface_flush_addresses(struct netlink *nl, int ifindex, int family)
{
	struct ifaddrmsg any = { .ifa_family = (uint8_t)family };
	struct flush flush = { .ifindex = ifindex, .family = family };
	cleanup_buf struct buf m = { 0 };
	struct old_address old;
	int err;

	nl_begin(&m, RTM_GETADDR, 0, &any, sizeof(any));
	err = netlink_dump(nl, &m, note_address, &flush);
	for (size_t at = 0; !err && at + sizeof(old) <= flush.found.len; at += sizeof(old)) {
		memcpy(&old, flush.found.data + at, sizeof(old));
		nl_begin(&m, RTM_DELADDR, 0, &old.info, sizeof(old.info));
		nl_put(&m, IFA_LOCAL, old.address, old.len);
		err = netlink_request(nl, &m, "removing an old address");
		if (err == -EADDRNOTAVAIL) /* went with the primary address of its network */
			err = 0;
	}
	buf_free(&flush.found);
	return err;
}

int interface_add_route(struct netlink *nl, int ifindex, const struct net_route *route, struct in_addr source,
			bool on_link, bool by_dhcp)
{
	bool direct = !route->gateway.s_addr;
	struct rtmsg info = {
		.rtm_family = AF_INET,
		.rtm_dst_len = (uint8_t)route->prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = by_dhcp ? RTPROT_DHCP : RTPROT_STATIC,
		.rtm_scope = direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = on_link && !direct ? RTNH_F_ONLINK : 0,
	};
	cleanup_buf struct buf m = { 0 };
	char dest[INET_ADDRSTRLEN], what[64];

	nl_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	if (route->prefix)
		nl_put(&m, RTA_DST, &route->dest, sizeof(route->dest));
	if (!direct)
		nl_put(&m, RTA_GATEWAY, &route->gateway, sizeof(route->gateway));
	if (source.s_addr)
		nl_put(&m, RTA_PREFSRC, &source, sizeof(source));
	nl_put_u32(&m, RTA_OIF, (uint32_t)ifindex);
	inet_ntop(AF_INET, &route->dest, dest, sizeof(dest));
	snprintf(what, sizeof(what), "setting the route to %s/%u", dest, route->prefix);
	return netlink_request(nl, &m, what);
}

void interface_loopback_up(struct netlink *nl)
{
	int err = interface_set_up(nl, LOOPBACK_INDEX, true);

	if (err)
		log_warn("the loopback interface does not come up: %s", err_text(err));
}
