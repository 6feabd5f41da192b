/* attempt.c - one card that is tried: its link, its VLAN, its raw frames -> a network found on it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/attempt.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/frame6.h"
#include "net/interface.h"
#include "net/packet.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	GROUPS_MS = 1500,           /* without an answer, before bridges and IPv6 routers are listened to */
	IP4_PATIENCE_MS = 6000,     /* IPv6 is there, IPv4 may still come: a server with a name mostly wants it */
	IP4_BESIDE_MS = 300,        /* the same where IPv6 is what is needed: IPv4 is taken along */
	STATIC_PATIENCE_MS = 50000, /* spanning tree; after that a static address is taken unheard */
	FRAMES_AT_ONCE = 64,        /* whoever floods the wire must not keep us from the clock and the other cards */
	FRAME_SIZE = 9216,          /* the biggest frame a card takes; DHCP messages are far smaller */
};

const struct card *attempt_interface(const struct attempt *a)
{
	return a->all->wish->vlan ? &a->vlan : &a->card;
}

/* ---- the wire */

static void wire_send(struct wire *wire, const void *frame, size_t len)
{
	struct attempt *a = container_of(wire, struct attempt, wire);
	int err = a->fd >= 0 ? packet_send(a->fd, attempt_interface(a)->ifindex, frame, len) : -ENETDOWN;

	if (err)
		log_debug("%s: a frame is lost: %s", wire->name, err_text(err));
}

static bool wire_is_ours(struct wire *wire, const uint8_t mac[MAC_LEN])
{
	const struct attempts *all = container_of(wire, struct attempt, wire)->all;

	for (size_t i = 0; i < all->count; i++)
		if (memcmp(all->attempt[i]->wire.mac, mac, MAC_LEN) == 0)
			return true;
	return false;
}

/* ---- made and gone */

static void start_seeker(struct attempt *a, int which, int64_t now)
{
	struct seeker *s = a->seeker[which];

	if (!s || a->seeking[which])
		return;
	a->seeking[which] = true;
	s->ops->start(s, now);
}

/* What servers gave is given back. */
static void stop_seekers(struct attempt *a)
{
	for (int i = 0; i < SEEKERS; i++) {
		if (a->seeking[i])
			a->seeker[i]->ops->stop(a->seeker[i], now_ms());
		a->seeking[i] = false;
	}
}

static void close_wire(struct attempt *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

static void attempt_free(struct attempt *a)
{
	if (a->fd >= 0)
		stop_seekers(a);
	close_wire(a);
	for (int i = 0; i < SEEKERS; i++)
		if (a->seeker[i]) {
			network_free(&a->seeker[i]->found);
			a->seeker[i]->ops->free(a->seeker[i]);
		}
	free(a);
}

/* "eth0.12", or "vlan12" where that is too long for a name. */
static void name_wire(struct wire *wire, const struct card *card, unsigned vlan)
{
	char name[CARD_NAME_SIZE + 8];

	snprintf(name, sizeof(name), vlan ? "%s.%u" : "%s", card->name, vlan);
	if (str_copy(wire->name, sizeof(wire->name), name))
		snprintf(wire->name, sizeof(wire->name), "vlan%u", vlan);
}

/* True when the kernel gives the interface IPv6 addresses. */
static bool has_ip6(const char *interface)
{
	cleanup_free char *path = str_printf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
	cleanup_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char digit = '1';

	return fd >= 0 && read(fd, &digit, 1) == 1 && digit == '0';
}

/* The searches that the wish asks for. False when memory is short. */
static bool make_seekers(struct attempt *a)
{
	const struct net_wish *wish = a->all->wish;
	const char *hostname = wish->hostname[0] ? wish->hostname : NULL;
	bool ip6 = has_ip6(a->card.name), only6 = wish->mode == NET_AUTO6 || wish->mode == NET_DHCP6;

	if (wish->mode == NET_STATIC) /* before the deadline in any case */
		a->seeker[SEEK4] =
			static_seeker(&a->wire, wish, MIN(STATIC_PATIENCE_MS, ms_left(a->all->request->deadline) / 2));
	else if (wish->mode == NET_DHCP || wish->mode == NET_DHCP4)
		a->seeker[SEEK4] = dhcp_seeker(&a->wire, hostname);
	if (only6 && !ip6)
		a->broken = -EAFNOSUPPORT;
	if (only6 || (ip6 && wish->mode != NET_DHCP4 && (wish->mode == NET_DHCP || wish->need6)))
		a->seeker[SEEK6] = ip6_seeker(&a->wire, wish->mode == NET_DHCP6, hostname);
	if (a->seeker[SEEK6] && !ip6_equal(&wish->server6, &ip6_any))
		ip6_expect(a->seeker[SEEK6], &wish->server6);
	if (a->seeker[SEEK4] && wish->mode != NET_STATIC)
		dhcp_shun(a->seeker[SEEK4], a->all->shunned, a->all->shunned_count);
	return (only6 || a->seeker[SEEK4]) && (!only6 || a->seeker[SEEK6]);
}

static struct attempt *attempt_new(struct attempts *all, const struct card *card)
{
	const struct net_wish *wish = all->wish;
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	*a = (struct attempt){
		.all = all, .card = *card, .fd = -1, .wire = { .send = wire_send, .is_ours = wire_is_ours }
	};
	name_wire(&a->wire, card, wish->vlan);
	memcpy(a->wire.mac, card->mac, MAC_LEN);
	if (make_seekers(a))
		return a;
	attempt_free(a);
	return NULL;
}

int attempt_add(struct attempts *all, const struct card *card)
{
	struct attempt **more = realloc(all->attempt, (all->count + 1) * sizeof(*more));
	struct attempt *a = more ? attempt_new(all, card) : NULL;
	int err;

	all->attempt = more ? more : all->attempt;
	if (!a)
		return -ENOMEM;
	all->attempt[all->count++] = a;
	if (card->up)
		return 0;
	interface_auto_ipv6(card->name, false); /* it would join groups while we wait: see packet_hear_groups */
	err = interface_set_up(all->commands, card->ifindex, true);
	if (err)
		log_error("%s: the driver does not switch the card on: %s", card->name, err_text(err));
	return 0;
}

void attempt_remove(struct attempts *all, struct attempt *a)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->attempt[i] == a) {
			memmove(&all->attempt[i], &all->attempt[i + 1], (all->count - i - 1) * sizeof(all->attempt[0]));
			all->count--;
			break;
		}
	attempt_free(a);
}

void attempts_free(struct attempts *all)
{
	for (size_t i = 0; i < all->count; i++)
		attempt_free(all->attempt[i]);
	free(all->attempt);
	all->attempt = NULL;
	all->count = 0;
}

/* ---- link */

/* "eth0 Intel 82540EM, link 1000 Mb/s" */
static void note_link(const struct attempt *a)
{
	const struct net_request *r = a->all->request;
	cleanup_buf struct buf line = { 0 };
	const char *title = NULL;
	struct card_facts facts;

	card_ask(a->card.name, &facts);
	if (r->card_title && facts.address[0])
		title = r->card_title(r->ctx, facts.address);
	if (a->all->wish->bond.mode)
		title = bond_mode_name(a->all->wish->bond.mode);
	if (!title)
		title = facts.driver;
	buf_printf(&line, "%s%s%s, link", a->wire.name, *title ? " " : "", title);
	if (facts.speed)
		buf_printf(&line, " %d Mb/s", facts.speed);
	watch_note(r->watch, "%s", buf_cstr(&line));
}

/* IPv6 and spanning tree need groups to be heard, which costs some cards what comes in meanwhile: not before IPv4 had
 * its chance. */
static void seek_ip6(struct attempt *a, int64_t now)
{
	packet_hear_groups(a->fd, attempt_interface(a)->ifindex);
	a->hears_groups = true;
	start_seeker(a, SEEK6, now);
}

static void link_is_there(struct attempt *a)
{
	a->fd = packet_open(attempt_interface(a)->ifindex);
	if (a->fd < 0) {
		log_error("%s: no raw frames: %s", a->wire.name, err_text(a->fd));
		return;
	}
	a->linked = true;
	a->link_ms = now_ms();
	a->hears_groups = false;
	note_link(a);
	if (!a->seeker[SEEK4] || a->all->wish->need6)
		seek_ip6(a, a->link_ms);
	start_seeker(a, SEEK4, a->link_ms);
}

static void make_vlan(struct attempt *a)
{
	const struct net_request *r = a->all->request;
	int err = r->load_module ? r->load_module(r->ctx, "8021q") : 0;

	if (err)
		log_info("module 8021q: %s", err_text(err)); /* may be built in under another name */
	err = interface_add_vlan(a->all->commands, a->card.ifindex, a->wire.name, a->all->wish->vlan);
	if (err && err != -EEXIST) {
		log_error("%s: no VLAN %u: %s", a->card.name, a->all->wish->vlan, err_text(err));
		a->broken = err;
	}
}

struct attempt *attempt_of(const struct attempts *all, const struct card *card)
{
	for (size_t i = 0; i < all->count; i++) {
		struct attempt *a = all->attempt[i];

		if (a->card.ifindex == card->ifindex)
			return a;
		if (all->wish->vlan && card->link == a->card.ifindex && streq(card->name, a->wire.name) &&
		    streq(card->kind, "vlan"))
			return a;
	}
	return NULL;
}

void attempt_update(struct attempt *a, const struct card *card)
{
	bool running;

	if (card->ifindex == a->card.ifindex)
		a->card = *card;
	else
		a->vlan = *card;
	if (a->all->wish->vlan && !a->vlan.ifindex && a->card.running && !a->broken)
		make_vlan(a);
	if (a->fd < 0) /* a bond's is that of its first card */
		memcpy(a->wire.mac, a->card.mac, MAC_LEN);
	/* left from an earlier try */
	if (a->vlan.ifindex && !a->vlan.up && a->card.running)
		(void)!interface_set_up(a->all->commands, a->vlan.ifindex, true);
	running = a->card.running && attempt_interface(a)->running;
	if (running && a->fd < 0) {
		link_is_there(a);
	} else if (!running && a->fd >= 0) {
		stop_seekers(a);
		close_wire(a);
	}
}

/* ---- frames and time */

void attempt_read(struct attempt *a)
{
	static uint8_t frame[FRAME_SIZE];
	bool no_checksum;
	int n;

	for (unsigned read = 0; read < FRAMES_AT_ONCE && a->fd >= 0; read++) {
		n = packet_receive(a->fd, frame, sizeof(frame), &no_checksum);
		if (n < 0)
			return;
		for (int i = 0; i < SEEKERS && n; i++)
			if (a->seeking[i])
				a->seeker[i]->ops->frame(a->seeker[i], now_ms(), frame, (size_t)n, no_checksum);
	}
}

static bool has_found(const struct attempt *a, int which)
{
	return a->seeking[which] && a->seeker[which]->state == SEEK_FOUND;
}

/* So long IPv4 is waited for when IPv6 is there. */
static int64_t ip4_until(const struct attempt *a)
{
	return a->link_ms + (a->all->wish->need6 ? IP4_BESIDE_MS : IP4_PATIENCE_MS);
}

int64_t attempt_next_ms(const struct attempt *a)
{
	int64_t next = INT64_MAX;

	if (a->fd < 0)
		return next;
	if (!a->hears_groups)
		next = a->link_ms + GROUPS_MS;
	if (has_found(a, SEEK6))
		next = MIN(next, ip4_until(a));
	for (int i = 0; i < SEEKERS; i++)
		if (a->seeking[i])
			next = MIN(next, a->seeker[i]->next_ms);
	return next;
}

/* What was found is what is needed: which of IPv4 and IPv6 leads to the server is known from its address only. */
static bool is_enough(const struct attempt *a, int64_t now)
{
	const struct net_wish *wish = a->all->wish;
	bool ip4 = has_found(a, SEEK4), ip6 = has_found(a, SEEK6);

	if (wish->need6 && a->seeker[SEEK6] && !ip6)
		return false;
	if (ip4 || !ip6 || !a->seeker[SEEK4])
		return ip4 || ip6;
	return !wish->need4 && now >= ip4_until(a);
}

bool attempt_work(struct attempt *a, int64_t now)
{
	if (a->fd < 0)
		return false;
	if (!a->hears_groups && now >= a->link_ms + GROUPS_MS)
		seek_ip6(a, now);
	for (int i = 0; i < SEEKERS; i++)
		if (a->seeking[i] && a->seeker[i]->next_ms <= now)
			a->seeker[i]->ops->time(a->seeker[i], now);
	return is_enough(a, now);
}

void network_move_ip6(struct network *to, struct network *from)
{
	to->address6 = from->address6;
	to->address6_count = from->address6_count;
	to->gateway6 = from->gateway6;
	to->dns6 = from->dns6;
	to->dns6_count = from->dns6_count;
	to->mtu6 = from->mtu6;
	to->server_duid = from->server_duid;
	from->address6 = NULL;
	from->dns6 = NULL;
	from->server_duid = NULL;
	if (!to->search) {
		to->search = from->search;
		from->search = NULL;
	}
}

struct network attempt_take(struct attempt *a)
{
	struct network net = { 0 };
	int from = has_found(a, SEEK4) ? SEEK4 : SEEK6;

	net = a->seeker[from]->found;
	a->seeker[from]->found = (struct network){ 0 };
	if (from == SEEK4 && has_found(a, SEEK6))
		network_move_ip6(&net, &a->seeker[SEEK6]->found);
	return net;
}

bool attempt_failed(const struct attempt *a)
{
	const struct seeker *ip4 = a->seeker[SEEK4], *ip6 = a->seeker[SEEK6];

	if (a->broken)
		return true;
	if (a->fd < 0)
		return false;
	if (ip4 && ip4->state != SEEK_FAILED)
		return false;
	return a->all->wish->mode == NET_STATIC || !ip6 || ip6->state == SEEK_FAILED;
}

enum fail_id attempt_trouble(const struct attempt *a)
{
	if (a->broken)
		return FAIL_NET_CONFIGURE;
	return a->seeker[a->seeker[SEEK4] ? SEEK4 : SEEK6]->trouble;
}

void attempt_explain(const struct attempt *a, struct buf *out)
{
	cleanup_buf struct buf bond = { 0 };
	const char *separator = "";

	buf_printf(out, "%s%s: ", out->len ? "; " : "", a->wire.name);
	if (a->all->wish->bond.mode)
		bond_explain(NULL, &bond);
	if (bond.len)
		buf_printf(out, "%s; ", bond.data);
	if (a->broken == -EAFNOSUPPORT)
		buf_str(out, "the kernel has no IPv6");
	else if (a->broken)
		buf_printf(out, "VLAN %u: %s", a->all->wish->vlan, err_text(a->broken));
	else if (a->fd < 0)
		buf_str(out, a->linked ? "link lost" : "no link");
	for (int i = 0; i < SEEKERS && a->fd >= 0 && !a->broken; i++) {
		if (!a->seeking[i])
			continue;
		buf_str(out, separator);
		separator = ", ";
		if (has_found(a, i))
			buf_str(out, i == SEEK4 ? "IPv4 is there" : "IPv6 is there");
		else
			a->seeker[i]->ops->explain(a->seeker[i], now_ms(), out);
	}
}

/* ---- the end */

void attempt_end(struct attempt *a, bool keep)
{
	int err;

	for (int i = 0; i < SEEKERS; i++)
		if (keep && has_found(a, i))
			a->seeking[i] = false; /* nothing of it is given back */
	if (a->fd >= 0)
		stop_seekers(a);
	close_wire(a);
	if (keep)
		return;
	err = a->vlan.ifindex ? interface_delete(a->all->commands, a->vlan.ifindex) : 0;
	if (!err)
		err = interface_flush_addresses(a->all->commands, a->card.ifindex, AF_INET);
	if (!err)
		err = interface_set_up(a->all->commands, a->card.ifindex, false);
	interface_auto_ipv6(a->card.name, true);
	if (err)
		log_warn("%s: not switched off: %s", a->card.name, err_text(err));
}
