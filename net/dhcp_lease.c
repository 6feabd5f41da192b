/* dhcp_lease.c - a DHCP message -> the network it offers, every value checked; a pure function but for its log
 * lines. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dhcp_lease.h"

#include "base/log.h"
#include "net/address.h"
#include "net/dns_packet.h"
#include "net/frame.h"

#include <ctype.h>
#include <stdio.h>

/* below RFC 791's smallest every host must take, nothing works well */
enum { MTU_SMALLEST = 576, MTU_BIGGEST = 65535 };

static void log_unusable(const struct network *net, enum dhcp_option option, const char *why)
{
	log_warn("%s: DHCP option %d left out: %s", net->interface, option, why);
}

static bool is_in(const struct in_addr *list, size_t count, struct in_addr a)
{
	while (count--)
		if (list[count].s_addr == a.s_addr)
			return true;
	return false;
}

/* A list of addresses; those no host can have are left out. */
static int read_addresses(const struct dhcp_message *m, enum dhcp_option option, const struct network *net,
			  struct in_addr **out, size_t *count)
{
	const struct dhcp_value *v = &m->option[option];

	*count = 0;
	if (!v->len)
		return 0;
	if (v->len % 4)
		log_unusable(net, option, "its length is no multiple of 4");
	*out = malloc(v->len);
	if (!*out)
		return -ENOMEM;
	for (size_t at = 0; at + 4 <= v->len; at += 4) {
		struct in_addr a = get_in_addr(v->data + at);

		if (!address_is_host(a))
			log_unusable(net, option, "an address in it is no host's");
		else if (!is_in(*out, *count, a))
			(*out)[(*count)++] = a;
	}
	return 0;
}

/* A text option without the NULs, blanks and line ends that some servers end it with; NULL when it is absent, empty, or
 * holds what is no printable character. */
static int read_text(const uint8_t *data, size_t len, const struct network *net, enum dhcp_option option, char **out)
{
	*out = NULL;
	while (len && (data[len - 1] == '\0' || isspace(data[len - 1])))
		len--;
	if (!len)
		return 0;
	for (size_t i = 0; i < len; i++)
		if (data[i] <= ' ' || data[i] > '~') {
			log_unusable(net, option, "it holds a character that is not printable");
			return 0;
		}
	*out = strndup((const char *)data, len);
	return *out ? 0 : -ENOMEM;
}

/* The same, for a host's or a domain's name. */
static int read_name(const struct dhcp_message *m, enum dhcp_option option, const struct network *net, char **out)
{
	const struct dhcp_value *v = &m->option[option];
	int err = read_text(v->data, v->len, net, option, out);

	if (!err && *out && !host_name_is_sane(*out)) {
		log_unusable(net, option, "it is no name");
		free(*out);
		*out = NULL;
	}
	return err;
}

/* Option 15 is one name, but people write several there, as for a resolver's search list: the first is the node's own
 * domain, all are searched. */
static int read_domain(const struct dhcp_message *m, struct network *net)
{
	const struct dhcp_value *v = &m->option[OPTION_DOMAIN];
	cleanup_free char *text = strndup((const char *)(v->len ? v->data : (const uint8_t *)""), v->len);
	cleanup_buf struct buf all = { 0 };
	char *rest = text, *name;

	if (!text)
		return -ENOMEM;
	while ((name = strsep(&rest, " ,;\t\r\n"))) {
		size_t len = strlen(name);

		if (len && name[len - 1] == '.')
			name[len - 1] = '\0';
		if (*name && !host_name_is_sane(name))
			log_unusable(net, OPTION_DOMAIN, "it is no name");
		else if (*name)
			buf_printf(&all, "%s%s", all.len ? " " : "", name);
	}
	if (!all.len)
		return all.failed ? -ENOMEM : 0;
	net->domain = strndup(all.data, strcspn(all.data, " "));
	if (strchr(all.data, ' ') && !net->search)
		net->search = buf_take(&all);
	return net->domain ? 0 : -ENOMEM;
}

static int add_route(struct network *net, struct net_route route)
{
	struct net_route *more = realloc(net->routes, (net->route_count + 1) * sizeof(*more));
	size_t at = net->route_count;

	if (!more)
		return -ENOMEM;
	net->routes = more;
	if (!route.prefix) { /* the default route comes first */
		memmove(more + 1, more, at * sizeof(*more));
		at = 0;
	}
	more[at] = route;
	net->route_count++;
	return 0;
}

/* RFC 3442: prefix, as many octets of the network as it needs, router; repeated. */
static bool next_route(const struct dhcp_value *v, size_t *at, struct net_route *route)
{
	uint8_t dest[4] = { 0 };
	unsigned prefix = v->data[*at];
	size_t octets = (prefix + 7) / 8;

	if (prefix > 32 || v->len - *at < 1 + octets + 4)
		return false;
	memcpy(dest, v->data + *at + 1, octets);
	*route = (struct net_route){ network_of(get_in_addr(dest), prefix), prefix,
				     get_in_addr(v->data + *at + 1 + octets) };
	*at += 1 + octets + 4;
	return true;
}

static int read_classless_routes(const struct dhcp_value *v, struct network *net)
{
	struct net_route route;
	int err = 0;

	for (size_t at = 0; !err && at < v->len;) {
		if (!next_route(v, &at, &route)) {
			log_unusable(net, OPTION_ROUTES, "a route in it is cut or has a prefix over 32");
			free(net->routes);
			net->routes = NULL;
			net->route_count = 0;
			return 0;
		}
		if (route.gateway.s_addr && !address_is_host(route.gateway))
			log_unusable(net, OPTION_ROUTES, "a gateway in it is no host's address");
		else
			err = add_route(net, route);
	}
	return err;
}

/* Where there are classless routes, option 3 must be ignored (RFC 3442). */
static int read_routes(const struct dhcp_message *m, struct network *net)
{
	struct in_addr *routers = NULL;
	size_t count;
	int err = read_classless_routes(&m->option[OPTION_ROUTES], net);

	if (err || net->route_count)
		return err;
	err = read_addresses(m, OPTION_ROUTERS, net, &routers, &count);
	if (!err && count)
		err = add_route(net, (struct net_route){ .gateway = routers[0] }); /* in order of preference */
	free(routers);
	return err;
}

/* RFC 3397: names, compressed against each other. */
static int read_search(const struct dhcp_message *m, struct network *net)
{
	const struct dhcp_value *v = &m->option[OPTION_SEARCH];
	cleanup_buf struct buf list = { 0 };
	char name[DNS_NAME_SIZE];

	for (size_t at = 0; at < v->len;) {
		if (dns_name_read(v->data, v->len, &at, name) || !host_name_is_sane(name)) {
			log_unusable(net, OPTION_SEARCH, "a name in it is cut, loops or is none");
			return 0;
		}
		buf_printf(&list, "%s%s", list.len ? " " : "", name);
	}
	if (!list.len)
		return 0;
	net->search = buf_take(&list);
	return net->search ? 0 : -ENOMEM;
}

static void read_times(const struct dhcp_message *m, struct network *net)
{
	bool given = m->option[OPTION_LEASE].len == 4;

	net->lease_s = given ? dhcp_option_u32(m, OPTION_LEASE) : UINT32_MAX;
	net->renew_s = dhcp_option_u32(m, OPTION_RENEW);
	net->rebind_s = dhcp_option_u32(m, OPTION_REBIND);
	if (!given)
		log_warn("%s: the server names no lease time: taken as for ever", net->interface);
	/* RFC 2131, 4.4.5: half and seven eighths of the lease where the server is silent or makes no sense */
	if (!net->rebind_s || net->rebind_s > net->lease_s)
		net->rebind_s = net->lease_s - net->lease_s / 8;
	if (!net->renew_s || net->renew_s > net->rebind_s)
		net->renew_s = net->lease_s / 2;
}

static void read_mtu(const struct dhcp_message *m, struct network *net)
{
	const struct dhcp_value *v = &m->option[OPTION_MTU];
	unsigned mtu = v->len == 2 ? get_be16(v->data) : 0;

	if (!v->len)
		return;
	if (mtu < MTU_SMALLEST)
		log_unusable(net, OPTION_MTU, "no MTU a network can have");
	else
		net->mtu = mtu;
}

static int read_boot_values(const struct dhcp_message *m, struct network *net)
{
	const struct dhcp_value *tftp = &m->option[OPTION_TFTP_SERVER], *file = &m->option[OPTION_BOOTFILE];
	int err;

	if (address_is_host(m->next_server))
		net->next_server = m->next_server;
	err = read_text(tftp->data, tftp->len, net, OPTION_TFTP_SERVER, &net->tftp_server);
	if (!err && !net->tftp_server)
		err = read_text((const uint8_t *)m->server_name, strlen(m->server_name), net, OPTION_TFTP_SERVER,
				&net->tftp_server);
	if (!err)
		err = read_text(file->data, file->len, net, OPTION_BOOTFILE, &net->bootfile);
	if (!err && !net->bootfile)
		err = read_text((const uint8_t *)m->file, strlen(m->file), net, OPTION_BOOTFILE, &net->bootfile);
	return err;
}

/* Who offers: option 54, or where it is missing the sender, or who is to be asked next. */
static bool read_server(const struct dhcp_message *m, struct network *net)
{
	net->server_id = dhcp_option_address(m, OPTION_SERVER_ID);
	net->server_named = address_is_host(net->server_id);
	if (net->server_named)
		return true;
	net->server_id = address_is_host(m->from) ? m->from : m->next_server;
	return address_is_host(net->server_id);
}

/* The address and what belongs to it: without these an offer is none. */
static int read_address(const struct dhcp_message *m, struct network *net, char *why, size_t why_size)
{
	struct in_addr mask = dhcp_option_address(m, OPTION_NETMASK);
	char text[ADDRESS_TEXT_SIZE];

	net->address = m->address;
	net->prefix = address_class_prefix(net->address);
	if (!read_server(m, net)) {
		snprintf(why, why_size, "neither option 54 nor its sender says which server it is");
		return -EBADMSG;
	}
	if (m->option[OPTION_NETMASK].len && (netmask_prefix(mask, &net->prefix) || !net->prefix)) {
		snprintf(why, why_size, "%s is no netmask", address_text(mask, text));
		return -EBADMSG;
	}
	if (!address_is_own(net->address, net->prefix)) {
		snprintf(why, why_size, "%s/%u is no address for a machine", address_text(net->address, text),
			 net->prefix);
		return -EBADMSG;
	}
	net->broadcast = dhcp_option_address(m, OPTION_BROADCAST);
	if (net->broadcast.s_addr != INADDR_BROADCAST && !same_network(net->address, net->broadcast, net->prefix)) {
		if (m->option[OPTION_BROADCAST].len)
			log_unusable(net, OPTION_BROADCAST, "it is outside the network");
		net->broadcast = broadcast_of(net->address, net->prefix);
	}
	return 0;
}

int dhcp_lease_read(const struct dhcp_message *m, struct network *net, char *why, size_t why_size)
{
	int err = read_address(m, net, why, why_size);

	if (err)
		return err;
	for (unsigned i = 0; i < ARRAY_SIZE(m->odd); i++)
		if (m->odd[i])
			log_unusable(net, (enum dhcp_option)i, "it is longer or shorter than it must be");
	net->dhcp = true;
	read_times(m, net);
	if (!net->lease_s) {
		snprintf(why, why_size, "its lease lasts 0 seconds");
		return -EBADMSG;
	}
	read_mtu(m, net);
	err = read_routes(m, net);
	if (!err)
		err = read_addresses(m, OPTION_DNS, net, &net->dns, &net->dns_count);
	if (!err)
		err = read_addresses(m, OPTION_NTP, net, &net->ntp, &net->ntp_count);
	if (!err)
		err = read_name(m, OPTION_HOSTNAME, net, &net->hostname);
	if (!err)
		err = read_search(m, net);
	if (!err)
		err = read_domain(m, net);
	return err ? err : read_boot_values(m, net);
}

int dhcp_lease_worth(const struct network *net)
{
	return (net->route_count > 0) * 4 + (net->dns_count > 0) * 2 + (net->next_server.s_addr != 0);
}
