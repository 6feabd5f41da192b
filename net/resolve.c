/* resolve.c - a host's name -> the addresses it stands for, best first: numeric, hosts file, DNS with the search
 * list. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "base/clock.h"
#include "base/file.h"
#include "net/address.h"
#include "net/dns.h"
#include "net/frame6.h"
#include "net/hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOSTS_FILE    "/etc/hosts"
#define RESOLVER_FILE "/etc/resolv.conf"
#define IPV6_FILE     "/proc/net/if_inet6"

/* ---- where to look */

static int running_systems_resolver(struct resolver *r)
{
	cleanup_buf struct buf text = { 0 };

	(void)!file_read(RESOLVER_FILE, &text); /* one that is not there names nobody */
	return text.failed ? -ENOMEM : resolver_read(r, buf_cstr(&text));
}

/* True when an interface has an IPv6 address that is not just the link's or the loopback's. The fourth word of a line
 * is the address's scope, 00 for global. */
static bool has_ipv6(void)
{
	cleanup_free char *text = file_text(IPV6_FILE);
	const char *p = text;

	while (p && *p) {
		for (int word = 0; word < 3; word++) {
			p += strcspn(p, " \n");
			p += *p == ' ';
		}
		if (starts_with(p, "00 "))
			return true;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return false;
}

/* ---- asking */

/* What one lookup is about. */
struct lookup {
	struct resolver resolver;
	const char *host;
	uint16_t port;
	int64_t deadline;
	struct address_list found;
	struct failure *fail;
};

static int failed(struct lookup *l, int err, const char *why)
{
	enum fail_id id = err == -ENOENT || err == -EINVAL ? FAIL_DNS_NO_NAME
			  : err == -EDESTADDRREQ           ? FAIL_DNS_NO_SERVER
			  : err == -ENOMEM                 ? FAIL_SYS_INTERNAL
							   : FAIL_DNS_NO_ANSWER;

	return fail(l->fail, id, err, "%s: %s", l->host, *why ? why : err_text(err));
}

/* Asks for one full name. 0 with addresses found, -ENOENT when there are none, other -errno. */
static int ask_for(struct lookup *l, const char *name, char *why, size_t why_size)
{
	struct dns_question q[] = { { .type = DNS_A }, { .type = DNS_AAAA } };
	size_t count = has_ipv6() ? 2 : 1;
	int err = 0;

	if (str_copy(q[0].name, sizeof(q[0].name), name) || str_copy(q[1].name, sizeof(q[1].name), name)) {
		str_copy(why, why_size, "the name is too long");
		return -EINVAL;
	}
	err = dns_ask(l->resolver.servers.address, l->resolver.servers.count, q, count, l->deadline, why, why_size);
	if (err == -EINVAL)
		str_copy(why, why_size, "this is no name");
	for (size_t i = count; i--;) { /* AAAA before A (RFC 6724, 2.1, table: native IPv6 first) */
		for (size_t j = 0; j < q[i].count && !err; j++)
			err = address_list_add(&l->found, &q[i].address[j], l->port, 0);
		free(q[i].address);
	}
	if (!err && !l->found.count) {
		snprintf(why, why_size, "%s %s", name,
			 q[0].rcode == DNS_OK ? "exists, but has no address" : "does not exist");
		return -ENOENT;
	}
	return err;
}

/* A name without a dot is tried with the search list first, one with a dot as it stands first; a dot at its end: as it
 * stands only (resolv.conf(5), ndots:1). */
static int ask_with_search(struct lookup *l)
{
	const struct resolver *r = &l->resolver;
	const char *dot = strchr(l->host, '.');
	bool absolute = *l->host && l->host[strlen(l->host) - 1] == '.';
	char why[300] = "";
	int err = dot ? ask_for(l, l->host, why, sizeof(why)) : -ENOENT;

	for (size_t i = 0; err == -ENOENT && !absolute && i < r->search_count; i++) {
		cleanup_free char *name = str_printf("%s.%s", l->host, r->search[i]);

		err = name ? ask_for(l, name, why, sizeof(why)) : -ENOMEM;
	}
	if (err == -ENOENT && !dot)
		err = ask_for(l, l->host, why, sizeof(why));
	return err ? failed(l, err, why) : 0;
}

/* Addresses that no route leads to are dropped, as long as others are left. */
static void drop_unroutable(struct address_list *found)
{
	size_t kept = 0;

	for (size_t i = 0; i < found->count; i++) {
		const struct peer_address *a = &found->address[i];
		cleanup_close int fd = socket(a->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		if (fd >= 0 && connect(fd, &a->u.sa, a->len) == 0) /* sends nothing, but looks for the route */
			found->address[kept++] = *a;
	}
	if (kept)
		found->count = kept;
}

static int find(struct lookup *l, const struct network *net)
{
	struct in6_addr ip;
	uint32_t scope;
	int err;

	err = ip_parse(l->host, &ip, &scope);
	if (err && strchr(l->host, '%'))
		return fail(l->fail, FAIL_CMD_BAD_VALUE, err, "%s: there is no such interface", l->host);
	if (!err && !scope && net && ip6_is_link_local(&ip))
		scope = (uint32_t)net->ifindex; /* the one that is there */
	if (!err)
		return address_list_add(&l->found, &ip, l->port, scope) ? failed(l, -ENOMEM, "") : 0;
	if (!net) {
		cleanup_buf struct buf hosts = { 0 };

		(void)!file_read(HOSTS_FILE, &hosts);
		err = hosts.failed ? -ENOMEM : hosts_find(buf_cstr(&hosts), l->host, l->port, &l->found);
		if (err || l->found.count)
			return err ? failed(l, err, "") : 0;
		err = running_systems_resolver(&l->resolver);
	} else {
		err = resolver_of_network(&l->resolver, net);
	}
	if (err)
		return failed(l, err, "");
	if (!host_name_is_sane(l->host))
		return failed(l, -EINVAL, "this is no name");
	if (!l->resolver.servers.count)
		return failed(l, -EDESTADDRREQ, "no name server is known");
	return ask_with_search(l);
}

int net_resolve(const struct network *net, const char *host, uint16_t port, int64_t deadline, struct peer_address **out,
		size_t *count, struct failure *f)
{
	struct lookup l = { .host = host, .port = port, .deadline = deadline, .fail = f };
	int err = find(&l, net);

	resolver_free(&l.resolver);
	if (err) {
		address_list_free(&l.found);
		return err;
	}
	drop_unroutable(&l.found);
	*out = l.found.address;
	*count = l.found.count;
	return 0;
}
