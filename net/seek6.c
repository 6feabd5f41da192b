/* seek6.c - frames and time -> IPv6 addresses that nobody else uses, router, name servers (RFC 4861, 4862, 8415). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/seeker.h"

#include "base/log.h"
#include "net/arp.h"
#include "net/dhcp6.h"
#include "net/nd.h"
#include "net/patience.h"

#include <stdio.h>

enum {
	MANAGED_WAIT_MS = 3000, /* a router says that a server gives addresses: so long it is waited for when there is
				 * one without it */
	OTHER_WAIT_MS = 1000,   /* the same for name servers and the like, */
	OTHER_KNOWN_MS = 200,   /* where the router has named name servers already */
	ROUTER_WAIT_MS = 1000,  /* a server has given an address, but no router was heard */
	/* only routers that lead nowhere were heard (lifetime 0); another may take its time */
	NO_WAY_OUT_MS = 2000,
	MAX_ADDRESSES = 8,  /* of one card; more prefixes of a router are left out */
	ON_LINK_GUESS = 64, /* prefix of a DHCPv6 address where no router says which */
};

/* One address while it is checked. As for ARP (arp.h): fast. */
struct check {
	struct net_address6 a;
	unsigned sent;
	int64_t next_ms, end_ms;
	bool free; /* nobody has it */
};

struct ip6_client {
	struct seeker s;
	bool ask_dhcp;
	bool running;
	const struct in6_addr *server; /* whom the boot needs; NULL: not known */
	struct patience patience;
	int64_t began_ms;
	unsigned solicitations; /* sent */
	int64_t solicit_ms;     /* when the next one is sent; INT64_MAX once a router was heard */
	int64_t router_ms;      /* when a router was heard first; 0: none yet */
	bool managed, other;    /* what it said */
	unsigned odd;           /* the option of its last message that was left out, as is known already */
	struct check link_local;
	struct check check[MAX_ADDRESSES];
	size_t checks;
	struct ra_prefix *on_link;
	size_t on_link_count;
	struct dhcp6_client dhcp;
};

static struct ip6_client *of(struct seeker *s)
{
	return container_of(s, struct ip6_client, s);
}

/* ---- duplicate address detection (RFC 4862, 5.4) */

static void probe(struct ip6_client *c, struct check *k, int64_t now)
{
	cleanup_buf struct buf frame = { 0 };

	if (nd_write_probe(&frame, c->s.wire->mac, &k->a.address) == 0)
		c->s.wire->send(c->s.wire, frame.data, frame.len);
	k->sent++;
	k->next_ms = now + ARP_PROBE_GAP_MS;
	k->end_ms = MAX(k->end_ms, now + ARP_PROBE_MS - (ARP_PROBES - 1) * ARP_PROBE_GAP_MS);
}

static void check_start(struct ip6_client *c, struct check *k, const struct net_address6 *a, int64_t now)
{
	*k = (struct check){ .a = *a, .end_ms = now + ARP_PROBE_MS };
	probe(c, k, now);
}

/* Returns when to come again. */
static int64_t check_time(struct ip6_client *c, struct check *k, int64_t now)
{
	if (k->free)
		return INT64_MAX;
	if (k->sent < ARP_PROBES && now >= k->next_ms)
		probe(c, k, now);
	if (k->sent == ARP_PROBES && now >= k->end_ms) {
		k->free = true;
		return INT64_MAX;
	}
	return k->sent < ARP_PROBES ? k->next_ms : k->end_ms;
}

static bool begin_check(struct ip6_client *c, const struct net_address6 *a, int64_t now)
{
	for (size_t i = 0; i < c->checks; i++)
		if (ip6_equal(&c->check[i].a.address, &a->address))
			return true;
	if (c->checks == MAX_ADDRESSES)
		return false;
	check_start(c, &c->check[c->checks++], a, now);
	return true;
}

/* Somebody else has, or wants, one of the addresses. */
static void conflict(struct ip6_client *c, struct check *k, const uint8_t holder[MAC_LEN], int64_t now)
{
	char a[IP6_TEXT_SIZE], mac[MAC_TEXT_SIZE];
	bool leased = k->a.by_dhcp;

	snprintf(c->s.last, sizeof(c->s.last), "%s is already used by %s", ip6_text(&k->a.address, a),
		 mac_text(holder, mac));
	log_warn("%s: %s", c->s.wire->name, c->s.last);
	c->s.trouble = FAIL_NET_CONFLICT;
	if (k == &c->link_local) {
		c->s.state = SEEK_FAILED; /* two cards with one MAC address: nothing will work here */
		return;
	}
	c->checks--;
	memmove(k, k + 1, (size_t)(&c->check[c->checks] - k) * sizeof(*k));
	if (leased)
		dhcp6_decline(&c->dhcp, now);
}

/* Servers and routers that answer to the link's own address ask whose it is; the kernel does not have it yet. */
static void answer_neighbour(struct ip6_client *c, const struct neighbour *n)
{
	cleanup_buf struct buf frame = { 0 };

	if (nd_write_answer(&frame, c->s.wire->mac, n) == 0)
		c->s.wire->send(c->s.wire, frame.data, frame.len);
}

static void on_neighbour(struct ip6_client *c, const struct neighbour *n, int64_t now)
{
	bool claims = n->advert || ip6_equal(&n->from, &ip6_any);

	if (c->s.wire->is_ours(c->s.wire, n->from_mac))
		return;
	if (!claims) {
		if (c->link_local.free && ip6_equal(&n->target, &c->link_local.a.address))
			answer_neighbour(c, n);
		return;
	}
	if (ip6_equal(&n->target, &c->link_local.a.address))
		conflict(c, &c->link_local, n->from_mac, now);
	for (size_t i = 0; i < c->checks; i++)
		if (ip6_equal(&n->target, &c->check[i].a.address)) {
			conflict(c, &c->check[i], n->from_mac, now);
			return;
		}
}

/* ---- routers */

static void solicit_router(struct ip6_client *c, int64_t now)
{
	cleanup_buf struct buf frame = { 0 };

	if (nd_write_router_solicitation(&frame, c->s.wire->mac) == 0)
		c->s.wire->send(c->s.wire, frame.data, frame.len);
	c->solicitations++;
	c->solicit_ms = patience_next(&c->patience, now);
}

static int keep_on_link(struct ip6_client *c, const struct ra_prefix *p)
{
	struct ra_prefix *more;

	for (size_t i = 0; i < c->on_link_count; i++)
		if (c->on_link[i].bits == p->bits && ip6_same_prefix(&c->on_link[i].prefix, &p->prefix, p->bits))
			return 0;
	more = realloc(c->on_link, (c->on_link_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	c->on_link = more;
	more[c->on_link_count++] = *p;
	return 0;
}

/* RFC 4862, 5.5.3 */
static int use_prefix(struct ip6_client *c, const struct ra_prefix *p, int64_t now)
{
	struct net_address6 a = { .prefix = p->bits, .preferred_s = p->preferred_s, .valid_s = p->valid_s };
	char text[IP6_TEXT_SIZE];

	if (ip6_is_link_local(&p->prefix) || p->prefix.s6_addr[0] == 0xff || !p->valid_s || p->preferred_s > p->valid_s)
		return 0;
	if (p->autonomous && p->bits == 64 && p->preferred_s) {
		a.address = ip6_of_mac(&p->prefix, c->s.wire->mac);
		if (!begin_check(c, &a, now))
			log_info("%s: one prefix too many: %s", c->s.wire->name, ip6_text(&p->prefix, text));
	} else if (p->autonomous) {
		log_info("%s: no address is made of %s/%u: it is not 64 bits long, or old", c->s.wire->name,
			 ip6_text(&p->prefix, text), p->bits);
	}
	return p->on_link ? keep_on_link(c, p) : 0;
}

static int use_advert(struct ip6_client *c, const struct router_advert *ra, int64_t now)
{
	struct network *net = &c->s.found;
	int err = 0;

	if (!c->router_ms)
		c->router_ms = now;
	if (ra->lifetime_s) /* else it is no way out (RFC 4861, 6.2.1): another router is asked for */
		c->solicit_ms = INT64_MAX;
	c->managed |= ra->managed;
	c->other |= ra->other;
	if (ra->lifetime_s && ip6_equal(&net->gateway6, &ip6_any))
		net->gateway6 = ra->router;
	if (ra->mtu)
		net->mtu6 = ra->mtu;
	for (size_t i = 0; i < ra->prefix_count && !err; i++)
		err = use_prefix(c, &ra->prefix[i], now);
	for (size_t i = 0; i < ra->dns_count && !err; i++)
		err = ip6_list_add(&net->dns6, &net->dns6_count, &ra->dns[i]);
	if (!err && ra->search && !net->search)
		err = (net->search = strdup(ra->search)) ? 0 : -ENOMEM;
	return err;
}

static int on_icmp(struct ip6_client *c, const struct ip6_frame *p, int64_t now)
{
	struct router_advert ra;
	struct neighbour n;
	char from[IP6_TEXT_SIZE];
	int err;

	if (neighbour_read(p, &n) == 0)
		on_neighbour(c, &n, now);
	err = ra_read(p, &ra);
	if (err == -EBADMSG)
		log_warn("%s: a router advertisement from %s is damaged", c->s.wire->name, ip6_text(&p->from, from));
	if (err)
		return err == -ENOMEM ? err : 0;
	if (ra.odd && ra.odd != c->odd)
		log_warn("%s: option %u of router %s left out: it is not as long as it must be, or makes no sense",
			 c->s.wire->name, ra.odd, ip6_text(&p->from, from));
	c->odd = ra.odd;
	err = use_advert(c, &ra, now);
	ra_free(&ra);
	return err;
}

/* ---- when it is enough */

/* A server's address lies in a network that a router calls on-link, or stands for itself. */
static unsigned prefix_of_lease(const struct ip6_client *c, const struct in6_addr *a)
{
	if (!c->router_ms)
		return ON_LINK_GUESS;
	for (size_t i = 0; i < c->on_link_count; i++)
		if (ip6_same_prefix(a, &c->on_link[i].prefix, c->on_link[i].bits))
			return c->on_link[i].bits;
	return 128;
}

static bool any_free(const struct ip6_client *c, bool by_dhcp)
{
	for (size_t i = 0; i < c->checks; i++)
		if (c->check[i].free && c->check[i].a.by_dhcp == by_dhcp)
			return true;
	return false;
}

static bool all_free(const struct ip6_client *c)
{
	for (size_t i = 0; i < c->checks; i++)
		if (!c->check[i].free)
			return false;
	return true;
}

/* Until when the addresses that are there are not enough; INT64_MAX: not at all; 0: they are. */
static int64_t addresses_until(const struct ip6_client *c)
{
	bool asked = c->ask_dhcp || c->managed;

	if (!all_free(c) || !c->checks)
		return INT64_MAX;
	if (asked && any_free(c, true))
		return c->router_ms ? 0 : c->dhcp.bound_ms + ROUTER_WAIT_MS;
	if (c->ask_dhcp)
		return INT64_MAX;
	if (c->managed)
		return c->router_ms + MANAGED_WAIT_MS;
	if (c->other && c->dhcp.state != DHCP6_DONE)
		return c->router_ms + (c->s.found.dns6_count ? OTHER_KNOWN_MS : OTHER_WAIT_MS);
	return 0;
}

static bool is_on_link(const struct ip6_client *c, const struct in6_addr *a)
{
	for (size_t i = 0; i < c->on_link_count; i++)
		if (ip6_same_prefix(a, &c->on_link[i].prefix, c->on_link[i].bits))
			return true;
	return false;
}

/* The same, with the way out: routers speak up that are none, and the right one later. */
static int64_t not_before(const struct ip6_client *c)
{
	int64_t until = addresses_until(c);

	if (until == INT64_MAX || !c->router_ms || !ip6_equal(&c->s.found.gateway6, &ip6_any))
		return until;
	if (!c->server)
		return MAX(until, c->router_ms + NO_WAY_OUT_MS);
	return is_on_link(c, c->server) || ip6_is_link_local(c->server) ? until : INT64_MAX;
}

static int take_lease(const struct ip6_client *c, struct network *net)
{
	cleanup_buf struct buf duid = { 0 };

	net->lease_s = c->dhcp.lease.valid_s;
	net->renew_s = c->dhcp.renew_s;
	net->rebind_s = c->dhcp.rebind_s;
	net->bound_at_ms = c->dhcp.bound_ms;
	for (size_t i = 0; i < c->dhcp.server_id.len; i++)
		buf_printf(&duid, "%02x", (uint8_t)c->dhcp.server_id.data[i]);
	net->server_duid = buf_take(&duid);
	return net->server_duid ? 0 : -ENOMEM;
}

static int found(struct ip6_client *c)
{
	struct network *net = &c->s.found;

	net->address6 = calloc(c->checks, sizeof(*net->address6));
	if (!net->address6)
		return -ENOMEM;
	net->bound_at_ms = c->router_ms;
	/* what a server gives comes first: it is what is known of us */
	for (int by_dhcp = 1; by_dhcp >= 0; by_dhcp--)
		for (size_t i = 0; i < c->checks; i++) {
			struct net_address6 *a = &net->address6[net->address6_count];

			if (c->check[i].a.by_dhcp != by_dhcp)
				continue;
			*a = c->check[i].a;
			if (by_dhcp)
				a->prefix = prefix_of_lease(c, &a->address);
			net->address6_count++;
		}
	str_copy(net->interface, sizeof(net->interface), c->s.wire->name);
	memcpy(net->mac, c->s.wire->mac, MAC_LEN);
	c->s.state = SEEK_FOUND;
	c->s.next_ms = INT64_MAX;
	return any_free(c, true) ? take_lease(c, net) : 0;
}

static void give_up(struct ip6_client *c, int err)
{
	snprintf(c->s.last, sizeof(c->s.last), "%s", err_text(err));
	c->s.trouble = FAIL_SYS_INTERNAL;
	c->s.state = SEEK_FAILED;
}

/* All checks; returns when to come again. */
static int64_t checks_time(struct ip6_client *c, int64_t now)
{
	int64_t next = check_time(c, &c->link_local, now);

	for (size_t i = 0; i < c->checks; i++)
		next = MIN(next, check_time(c, &c->check[i], now));
	return next;
}

/* After anything has happened: starts what can be started now, and looks whether it is enough. */
static void go_on(struct ip6_client *c, int64_t now, int err)
{
	int64_t wait;

	checks_time(c, now);
	if (!err && c->link_local.free && (c->ask_dhcp || c->managed || c->other))
		dhcp6_begin(&c->dhcp, c->ask_dhcp || c->managed, now);
	if (!err && c->dhcp.state == DHCP6_DONE && !ip6_equal(&c->dhcp.lease.address, &ip6_any) &&
	    !begin_check(c, &c->dhcp.lease, now))
		log_info("%s: one address too many", c->s.wire->name);
	wait = not_before(c);
	if (!err && c->s.state == SEEK_WORKING && now >= wait) {
		err = found(c);
		if (!err)
			return;
	}
	if (err)
		give_up(c, err);
	if (c->dhcp.trouble != FAIL_NONE)
		c->s.trouble = c->dhcp.trouble;
	c->s.next_ms = MIN(c->solicit_ms, c->dhcp.next_ms);
	c->s.next_ms = MIN(c->s.next_ms, checks_time(c, now));
	if (wait != INT64_MAX && wait > now)
		c->s.next_ms = MIN(c->s.next_ms, wait);
	if (c->s.state != SEEK_WORKING)
		c->s.next_ms = INT64_MAX;
}

/* ---- what a seeker does */

static void ip6_start(struct seeker *s, int64_t now)
{
	struct ip6_client *c = of(s);
	struct net_address6 own = { .address = ip6_link_local(s->wire->mac), .prefix = 64 };

	s->started_ms = now;
	s->state = SEEK_WORKING;
	c->running = true;
	if (!c->began_ms)
		c->began_ms = now;
	c->router_ms = 0;
	c->managed = c->other = false;
	c->checks = c->on_link_count = 0;
	network_free(&s->found);
	patience_start(&c->patience, now);
	dhcp6_init(&c->dhcp, s->wire, &c->patience, c->dhcp.hostname);
	check_start(c, &c->link_local, &own, now);
	solicit_router(c, now);
	go_on(c, now, 0);
}

static void ip6_frame_in(struct seeker *s, int64_t now, const uint8_t *frame, size_t len, bool no_checksum)
{
	struct ip6_client *c = of(s);
	struct ip6_frame p;
	int err = 0;

	if (!c->running || s->state != SEEK_WORKING || len < 2 * MAC_LEN || s->wire->is_ours(s->wire, frame + MAC_LEN))
		return;
	if (frame_read_ip6(frame, len, no_checksum, &p) == 0) {
		if (p.protocol == PROTOCOL_ICMP6)
			err = on_icmp(c, &p, now);
		else if (p.to_port == DHCP6_CLIENT_PORT)
			err = dhcp6_frame(&c->dhcp, now, &p, &s->found);
	}
	if (patience_hear(&c->patience, now, frame, len) && c->solicit_ms != INT64_MAX)
		solicit_router(c, now);
	go_on(c, now, err);
}

static void ip6_time(struct seeker *s, int64_t now)
{
	struct ip6_client *c = of(s);

	if (!c->running || s->state != SEEK_WORKING) {
		s->next_ms = INT64_MAX;
		return;
	}
	if (now >= c->solicit_ms)
		solicit_router(c, now);
	if (now >= c->dhcp.next_ms)
		dhcp6_time(&c->dhcp, now);
	go_on(c, now, 0);
}

static void ip6_stop(struct seeker *s, int64_t now)
{
	struct ip6_client *c = of(s);

	(void)now;
	dhcp6_end(&c->dhcp);
	c->running = false;
	s->next_ms = INT64_MAX;
}

static void ip6_explain(const struct seeker *s, int64_t now, struct buf *out)
{
	const struct ip6_client *c = container_of(s, const struct ip6_client, s);
	int port_s = patience_port_wait_s(&c->patience, now);

	if (*s->last)
		buf_str(out, s->last);
	else if (*c->dhcp.last)
		buf_str(out, c->dhcp.last);
	else if (port_s)
		buf_printf(out, "spanning tree, its port forwards in at most %d s", port_s);
	else if (c->router_ms && (c->managed || c->ask_dhcp))
		buf_printf(out, "no answer to %u DHCPv6 requests", c->dhcp.solicits);
	else if (c->router_ms && c->checks)
		buf_str(out, "the IPv6 routers heard lead nowhere (lifetime 0)");
	else if (c->router_ms)
		buf_str(out, "the IPv6 router gives no prefix for addresses");
	else
		buf_printf(out, "no answer to %u IPv6 router solicitation%s%s", c->solicitations,
			   c->solicitations == 1 ? "" : "s", c->dhcp.solicits ? " and DHCPv6 requests" : "");
}

static void ip6_free(struct seeker *s)
{
	struct ip6_client *c = of(s);

	buf_free(&c->dhcp.server_id);
	free(c->on_link);
	free(c);
}

static const struct seeker_ops ip6_ops = {
	.start = ip6_start,
	.frame = ip6_frame_in,
	.time = ip6_time,
	.stop = ip6_stop,
	.explain = ip6_explain,
	.free = ip6_free,
};

void ip6_expect(struct seeker *s, const struct in6_addr *server)
{
	of(s)->server = server;
}

struct seeker *ip6_seeker(struct wire *wire, bool ask_dhcp, const char *hostname)
{
	struct ip6_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->s = (struct seeker){ .ops = &ip6_ops, .wire = wire, .next_ms = INT64_MAX, .trouble = FAIL_NET_NO_ANSWER };
	c->ask_dhcp = ask_dhcp;
	dhcp6_init(&c->dhcp, wire, &c->patience, hostname);
	return &c->s;
}
