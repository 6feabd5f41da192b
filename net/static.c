/* static.c - network:static and its values -> a checked network; frames and time -> the card on which it works. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/seeker.h"

#include "base/log.h"
#include "net/address.h"
#include "net/arp.h"
#include "net/patience.h"

#include <stdio.h>

/* ---- the values */

static int bad(struct failure *f, const struct net_wish *w, enum option_key key, const char *why)
{
	char quote[120];

	return fail(f, FAIL_NET_BAD_ADDRESS, -EINVAL, "%s %s", net_wish_quote(w, key, quote, sizeof(quote)), why);
}

/* ip: and netmask:. Where the mask is silent the address's class decides, as it always did. 255.255.255.255 is a
 * point-to-point link, whose other end is the gateway. */
static int read_address(const struct net_wish *w, struct network *net, struct failure *f)
{
	const char *ip = net_wish_value(w, KEY_IP), *mask = net_wish_value(w, KEY_NETMASK);
	char quote[120];

	if (!ip)
		return fail(f, FAIL_CMD_MISSING, -EINVAL, "network:static needs ip:");
	if (address_parse(ip, &net->address) || !address_is_host(net->address))
		return bad(f, w, KEY_IP, "is no address a machine can have");
	net->prefix = address_class_prefix(net->address);
	if (mask && (netmask_parse(mask, &net->prefix) || !net->prefix))
		return bad(f, w, KEY_NETMASK, "is no netmask (255.255.255.0 or 24)");
	if (!address_is_own(net->address, net->prefix))
		return fail(f, FAIL_NET_BAD_ADDRESS, -EINVAL, "%s is the network's own or broadcast address with /%u",
			    net_wish_quote(w, KEY_IP, quote, sizeof(quote)), net->prefix);
	net->mtu = w->mtu;
	net->next_server = w->server;
	net->broadcast = broadcast_of(net->address, net->prefix);
	return 0;
}

static int read_gateway(const struct net_wish *w, struct network *net, struct failure *f)
{
	const char *text = net_wish_value(w, KEY_GATEWAY);
	char quote[120], ip_quote[120];
	struct in_addr gateway;

	if (!text) {
		if (net->prefix == 32)
			return fail(f, FAIL_CMD_MISSING, -EINVAL,
				    "netmask:255.255.255.255 needs gateway:, the other end");
		return 0;
	}
	if (address_parse(text, &gateway) || !address_is_host(gateway))
		return bad(f, w, KEY_GATEWAY, "is no machine's address");
	if (gateway.s_addr == net->address.s_addr)
		return bad(f, w, KEY_GATEWAY, "is this machine's own address");
	if (net->prefix < 31 && !same_network(net->address, gateway, net->prefix))
		return fail(f, FAIL_NET_BAD_ADDRESS, -EINVAL, "%s is not in the network of %s with /%u",
			    net_wish_quote(w, KEY_GATEWAY, quote, sizeof(quote)),
			    net_wish_quote(w, KEY_IP, ip_quote, sizeof(ip_quote)), net->prefix);
	net->routes = malloc(sizeof(*net->routes));
	if (!net->routes)
		return -ENOMEM;
	net->routes[0] = (struct net_route){ .gateway = gateway };
	net->route_count = 1;
	return 0;
}

/* dns: one address, or several joined by '+'. The machine's own address means none, as it always did. */
static int read_dns(const struct net_wish *w, struct network *net, struct failure *f)
{
	const char *all = net_wish_value(w, KEY_DNS), *next = all;
	struct in_addr *list;

	while (next && *next) {
		size_t n = strcspn(next, "+");
		char one[ADDRESS_TEXT_SIZE] = "";
		struct in_addr a;

		if (n < sizeof(one))
			memcpy(one, next, n);
		if (address_parse(one, &a) || !address_is_host(a))
			return bad(f, w, KEY_DNS, "is no machine's address");
		next += n + (next[n] == '+');
		if (a.s_addr == net->address.s_addr)
			continue;
		list = realloc(net->dns, (net->dns_count + 1) * sizeof(*list));
		if (!list)
			return -ENOMEM;
		net->dns = list;
		list[net->dns_count++] = a;
	}
	return 0;
}

int static_network(const struct net_wish *w, struct network *net, struct failure *f)
{
	int err;

	*net = (struct network){ 0 };
	err = read_address(w, net, f);
	if (!err)
		err = read_gateway(w, net, f);
	if (!err)
		err = read_dns(w, net, f);
	if (err == -ENOMEM)
		fail(f, FAIL_SYS_INTERNAL, err, "no memory for the network's values");
	if (err)
		network_free(net);
	return err;
}

/* ---- the card */

enum static_state {
	STATIC_IDLE,
	STATIC_CHECKING, /* does somebody use the address? */
	STATIC_ASKING,   /* is anybody there? */
	STATIC_DONE,
};

static const char *const state_names[] = { "idle", "checking", "asking", "done" };

enum { MAX_TARGETS = 8 };

struct static_client {
	struct seeker s;
	struct network network; /* what was asked for; moves to s.found */
	enum static_state state;
	struct patience patience;
	struct arp_probe probe;
	int64_t patience_ms; /* so long answers are waited for ... */
	int64_t give_up_ms;  /* ... until then; after that the card is taken as it is */
	int64_t ask_ms;      /* when to ask again */
	/* Whom an answer is awaited from, and what it says: any of them shows that the card is the right one. */
	struct target {
		struct in_addr address;
		bool gateway_guess; /* nobody named it, but a router usually has it */
		bool answered;
	} target[MAX_TARGETS];
	size_t targets;
	bool gateway_wanted; /* something lies outside the network and no gateway was named */
};

static struct static_client *of(struct seeker *s)
{
	return container_of(s, struct static_client, s);
}

static void enter(struct static_client *c, enum static_state state, int64_t next_ms)
{
	if (c->state != state)
		log_debug("%s: static %s -> %s", c->s.wire->name, state_names[c->state], state_names[state]);
	c->state = state;
	c->s.next_ms = next_ms;
}

static void add_target(struct static_client *c, struct in_addr a, bool guess)
{
	bool outside = !same_network(c->network.address, a, c->network.prefix) && c->network.prefix < 31;

	if (!a.s_addr || a.s_addr == c->network.address.s_addr || (guess && outside))
		return;
	if (outside) {
		c->gateway_wanted |= !c->network.route_count;
		return;
	}
	for (size_t i = 0; i < c->targets; i++)
		if (c->target[i].address.s_addr == a.s_addr)
			return;
	if (c->targets < MAX_TARGETS)
		c->target[c->targets++] = (struct target){ a, guess, false };
}

/* The classic guesses for a gateway that nobody named: the network's first or last address. A guess is only used when a
 * machine answers there. */
static void add_guesses(struct static_client *c)
{
	const struct network *n = &c->network;
	uint32_t first = ntohl(network_of(n->address, n->prefix).s_addr), last = ntohl(n->broadcast.s_addr);

	if (n->route_count || n->prefix >= 31)
		return;
	add_target(c, (struct in_addr){ htonl(first + 1) }, true);
	add_target(c, (struct in_addr){ htonl(last - 1) }, true);
}

static void ask(struct static_client *c, int64_t now)
{
	/* A probe's empty sender harms nobody as long as the address is not known to be ours. */
	struct in_addr from = c->state == STATIC_ASKING ? c->network.address : (struct in_addr){ 0 };

	for (size_t i = 0; i < c->targets; i++)
		if (!c->target[i].answered)
			arp_ask(c->s.wire, from, c->target[i].address);
	c->ask_ms = patience_next(&c->patience, now);
}

/* True when what answered is enough to say that this is the card. */
static bool answered(const struct static_client *c)
{
	bool any = false, gateway = false, named = false;

	for (size_t i = 0; i < c->targets; i++) {
		any |= c->target[i].answered;
		gateway |= c->target[i].answered && c->target[i].gateway_guess;
		named |= !c->target[i].gateway_guess;
	}
	if (c->gateway_wanted)
		return gateway;
	return any || !named; /* guesses alone are not waited for when nothing needs them */
}

/* The default route over the guessed gateway that answered. */
static int take_guess(struct static_client *c)
{
	struct network *net = &c->network;
	char a[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < c->targets && !net->route_count; i++) {
		if (!c->target[i].answered || !c->target[i].gateway_guess)
			continue;
		net->routes = malloc(sizeof(*net->routes));
		if (!net->routes)
			return -ENOMEM;
		net->routes[0] = (struct net_route){ .gateway = c->target[i].address };
		net->route_count = 1;
		log_info("%s: no gateway: was given, %s answers and is taken for it", c->s.wire->name,
			 address_text(c->target[i].address, a));
	}
	return 0;
}

static void done(struct static_client *c)
{
	enter(c, STATIC_DONE, INT64_MAX);
	if (take_guess(c)) {
		snprintf(c->s.last, sizeof(c->s.last), "out of memory");
		c->s.trouble = FAIL_SYS_INTERNAL;
		c->s.state = SEEK_FAILED;
		return;
	}
	network_free(&c->s.found);
	c->s.found = c->network;
	c->network = (struct network){ 0 };
	str_copy(c->s.found.interface, sizeof(c->s.found.interface), c->s.wire->name);
	memcpy(c->s.found.mac, c->s.wire->mac, MAC_LEN);
	c->s.state = SEEK_FOUND;
}

static void conflict(struct static_client *c)
{
	char a[ADDRESS_TEXT_SIZE], mac[MAC_TEXT_SIZE];

	snprintf(c->s.last, sizeof(c->s.last), "%s is already used by %s", address_text(c->probe.address, a),
		 mac_text(c->probe.holder, mac));
	c->s.trouble = FAIL_NET_CONFLICT;
	c->s.state = SEEK_FAILED;
	enter(c, STATIC_DONE, INT64_MAX);
}

static void go_on(struct static_client *c, int64_t now)
{
	int64_t next;

	if (c->probe.conflict) {
		conflict(c);
		return;
	}
	if (!arp_probe_is_free(&c->probe, now)) {
		next = arp_probe_time(&c->probe, c->s.wire, now);
		if (now >= c->ask_ms)
			ask(c, now);
		enter(c, STATIC_CHECKING, MIN(next, c->ask_ms));
		return;
	}
	if (!answered(c) && now >= c->give_up_ms)
		log_warn("%s: nobody asked for answers; the address is used all the same", c->s.wire->name);
	if (answered(c) || now >= c->give_up_ms) {
		done(c);
		return;
	}
	enter(c, STATIC_ASKING, c->s.next_ms);
	if (now >= c->ask_ms)
		ask(c, now);
	c->s.next_ms = MIN(c->ask_ms, c->give_up_ms);
}

static void static_start(struct seeker *s, int64_t now)
{
	struct static_client *c = of(s);

	s->started_ms = now;
	s->state = SEEK_WORKING;
	c->give_up_ms = now + c->patience_ms;
	patience_start(&c->patience, now);
	arp_probe_start(&c->probe, s->wire, c->network.address, now);
	c->ask_ms = now;
	go_on(c, now);
}

static void static_frame(struct seeker *s, int64_t now, const uint8_t *frame, size_t len, bool no_checksum)
{
	struct static_client *c = of(s);
	struct arp_frame a;

	(void)no_checksum;
	if (c->state == STATIC_IDLE || c->state == STATIC_DONE || len < 2 * MAC_LEN ||
	    s->wire->is_ours(s->wire, frame + MAC_LEN))
		return;
	if (frame_read_arp(frame, len, &a) == 0) {
		arp_probe_frame(&c->probe, s->wire, &a, now);
		for (size_t i = 0; i < c->targets; i++)
			c->target[i].answered |= c->target[i].address.s_addr == a.from.s_addr;
	}
	if (patience_hear(&c->patience, now, frame, len))
		c->ask_ms = now;
	go_on(c, now);
}

static void static_time(struct seeker *s, int64_t now)
{
	struct static_client *c = of(s);

	if (c->state == STATIC_CHECKING || c->state == STATIC_ASKING)
		go_on(c, now);
	else
		s->next_ms = INT64_MAX;
}

static void static_stop(struct seeker *s, int64_t now)
{
	(void)now;
	enter(of(s), STATIC_IDLE, INT64_MAX);
}

static void static_explain(const struct seeker *s, int64_t now, struct buf *out)
{
	const struct static_client *c = container_of(s, const struct static_client, s);
	int port_s = patience_port_wait_s(&c->patience, now);
	const char *separator = "no answer from ";
	char a[ADDRESS_TEXT_SIZE];

	if (*s->last) {
		buf_str(out, s->last);
	} else if (port_s) {
		buf_printf(out, "spanning tree, its port forwards in at most %d s", port_s);
	} else {
		for (size_t i = 0; i < c->targets; i++) {
			buf_printf(out, "%s%s", separator, address_text(c->target[i].address, a));
			separator = ", ";
		}
	}
}

static void static_free(struct seeker *s)
{
	struct static_client *c = of(s);

	network_free(&c->network);
	free(c);
}

static const struct seeker_ops static_ops = {
	.start = static_start,
	.frame = static_frame,
	.time = static_time,
	.stop = static_stop,
	.explain = static_explain,
	.free = static_free,
};

struct seeker *static_seeker(struct wire *wire, const struct net_wish *w, int64_t patience_ms)
{
	struct static_client *c = calloc(1, sizeof(*c));

	if (!c || static_network(w, &c->network, NULL)) {
		free(c);
		return NULL;
	}
	c->s = (struct seeker){ .ops = &static_ops, .wire = wire, .next_ms = INT64_MAX, .trouble = FAIL_NET_NO_ANSWER };
	c->patience_ms = patience_ms;
	for (size_t i = 0; i < c->network.route_count; i++)
		add_target(c, c->network.routes[i].gateway, false);
	add_target(c, w->server, false);
	for (size_t i = 0; i < c->network.dns_count; i++)
		add_target(c, c->network.dns[i], false);
	add_guesses(c);
	return &c->s;
}
