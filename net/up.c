/* up.c - options -> one configured interface: the arrow's one function, and what follows when its card leads
 * nowhere. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "base/log.h"
#include "base/clock.h"
#include "net/address.h"
#include "net/arp.h"
#include "net/configure.h"
#include "net/interface.h"
#include "net/nd.h"
#include "net/card_search.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* ---- what was found */

static int replace_text(char **text, const char *wanted)
{
	char *copy = wanted ? strdup(wanted) : NULL;

	if (!wanted)
		return 0;
	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static bool has_name_server(const struct network *net, const struct in_addr *a, const struct in6_addr *a6)
{
	for (size_t i = 0; a && i < net->dns_count; i++)
		if (net->dns[i].s_addr == a->s_addr)
			return true;
	for (size_t i = 0; a6 && i < net->dns6_count; i++)
		if (ip6_equal(&net->dns6[i], a6))
			return true;
	return false;
}

/* The name servers of nameserver=, before all others. */
static int take_name_servers(const struct options *o, struct network *net)
{
	for (size_t i = o->nameservers.count; i--;) {
		const char *word = o->nameservers.word[i];
		struct in6_addr a6, *more6;
		struct in_addr a, *more;

		if (address_parse(word, &a) == 0) {
			if (has_name_server(net, &a, NULL))
				continue;
			more = realloc(net->dns, (net->dns_count + 1) * sizeof(*more));
			if (!more)
				return -ENOMEM;
			memmove(more + 1, more, net->dns_count++ * sizeof(*more));
			net->dns = more;
			more[0] = a;
		} else if (address6_parse(word, &a6) == 0) {
			if (has_name_server(net, NULL, &a6))
				continue;
			more6 = realloc(net->dns6, (net->dns6_count + 1) * sizeof(*more6));
			if (!more6)
				return -ENOMEM;
			memmove(more6 + 1, more6, net->dns6_count++ * sizeof(*more6));
			net->dns6 = more6;
			more6[0] = a6;
		} else {
			log_warn("nameserver=%s is no address", word);
		}
	}
	return 0;
}

/* What a person gave counts more than what a server says. */
static int take_wishes(const struct net_wish *wish, struct network *net)
{
	int err = take_name_servers(wish->options, net);

	if (!err)
		err = replace_text(&net->hostname, net_wish_value(wish, KEY_HOSTNAME));

	if (wish->mtu)
		net->mtu = wish->mtu;
	return err ? err : replace_text(&net->domain, net_wish_value(wish, KEY_DOMAIN));
}

static int configure(struct card_search *s, struct attempt *a, struct network *net)
{
	int err;

	/* a VLAN cannot carry more than its card */
	if (net->vlan && net->mtu > a->card.mtu)
		err = interface_set_mtu(&s->commands, a->card.ifindex, net->mtu);
	else
		err = 0;
	if (err)
		log_warn("%s: MTU %u: %s", a->card.name, net->mtu, err_text(err));
	if (net->vlan)
		err = interface_flush_addresses(&s->commands, a->card.ifindex, AF_INET);
	if (!err)
		err = net_configure(&s->commands, attempt_interface(a), net, s->fail);
	if (!err && net->mtu)
		err = card_search_wait_for_link(s, a);
	return err;
}

/* The neighbours and the log hear of it. */
static void announce(struct attempt *a, const struct network *net)
{
	char text[ADDRESS_TEXT_SIZE], text6[IP6_TEXT_SIZE];

	/* Older readers of the log look for this line: mdk-stage1's stage2 takes the address from it. */
	if (net->address.s_addr) {
		arp_announce(&a->wire, net->address);
		log_info("configuring device %s ip: %s", net->interface, address_text(net->address, text));
	}
	for (size_t i = 0; i < net->address6_count; i++) {
		cleanup_buf struct buf frame = { 0 };

		if (nd_write_announcement(&frame, net->mac, &net->address6[i].address) == 0)
			a->wire.send(&a->wire, frame.data, frame.len);
		log_info("configuring device %s ip: %s", net->interface, ip6_text(&net->address6[i].address, text6));
	}
}

/* Which interface it is. */
static void identify(const struct card_search *s, const struct attempt *a, struct network *net)
{
	net->ifindex = attempt_interface(a)->ifindex;
	net->vlan = s->wish.vlan;
	net->bond = bond_mode_name(s->wish.bond.mode);
	str_copy(net->card, sizeof(net->card), a->card.name);
}

/* A bond that works may do so over one of its cards only. */
static void note_bond(const struct card_search *s)
{
	cleanup_buf struct buf why = { 0 };

	if (s->bond)
		bond_explain(NULL, &why);
	if (why.len)
		watch_note(s->request->watch, BOND_NAME ": %s", buf_cstr(&why));
}

/* The kernel's interface becomes what NET says. */
static int use(struct card_search *s, struct attempt *a, struct network *net)
{
	int err = take_wishes(&s->wish, net);

	if (err)
		return fail(s->fail, FAIL_SYS_INTERNAL, err, "no memory for the network's values");
	err = configure(s, a, net);
	if (err)
		return err;
	announce(a, net);
	note_bond(s);
	attempt_end(a, true);
	return 0;
}

static int use_winner(struct card_search *s, struct network *net)
{
	struct attempt *a = s->winner;

	*net = attempt_take(a);
	identify(s, a, net);
	for (size_t i = 0; i < s->all.count; i++)
		if (s->all.attempt[i] != a)
			attempt_end(s->all.attempt[i], false);
	return use(s, a, net);
}

/* What was found of the one family joins what NET has of the other. */
static int take_family(struct card_search *s, struct attempt *a, struct network *net)
{
	struct network found = attempt_take(a), old;

	if (found.address6_count) {
		network_move_ip6(net, &found);
		network_free(&found);
	} else {
		identify(s, a, &found);
		network_move_ip6(&found, net);
		found.tried = net->tried;
		found.tried_count = net->tried_count;
		found.shunned = net->shunned;
		found.shunned_count = net->shunned_count;
		old = *net;
		old.tried = NULL;
		old.shunned = NULL;
		*net = found;
		network_free(&old);
	}
	return use(s, a, net);
}

/* ---- all of it */

static int read_options(struct card_search *s)
{
	struct network checked;
	int err = net_wish_read(s->request->options, &s->wish, s->fail);

	if (s->tried_count && s->wish.card.by_bootif) /* the boot loader's card was tried */
		s->wish.card = (struct card_wish){ .choice = CARD_ANY };
	if (err || s->wish.mode != NET_STATIC)
		return err;
	err = static_network(&s->wish, &checked, s->fail);
	if (!err)
		network_free(&checked);
	return err;
}

static int open_netlink(struct card_search *s)
{
	int err = netlink_open(&s->commands, 0);

	if (!err)
		err = netlink_open(&s->events, RTMGRP_LINK);
	if (err)
		fail(s->fail, FAIL_NET_CONFIGURE, err, "no rtnetlink: %s", err_text(err));
	return err;
}

static int search_and_use(struct card_search *s, struct network *net)
{
	int err = open_netlink(s);

	if (!err) {
		interface_loopback_up(&s->commands);
		err = card_search_run(s);
		if (err && s->fail->id == FAIL_NONE)
			fail(s->fail, FAIL_NET_CONFIGURE, err, "%s", err_text(err));
	}
	if (!err)
		err = use_winner(s, net);
	if (err)
		network_free(net);
	return err;
}

static void begin(struct card_search *s, const struct net_request *request, const uint8_t (*tried)[MAC_LEN],
		  size_t tried_count, struct failure *f)
{
	*s = (struct card_search){ .request = request,
				   .fail = f,
				   .tried = tried,
				   .tried_count = tried_count,
				   .commands = { -1, 0 },
				   .events = { -1, 0 },
				   .meanwhile_done = tried_count > 0 };
	s->all = (struct attempts){ .request = request, .wish = &s->wish, .commands = &s->commands };
	s->began_ms = s->moved_ms = s->told_ms = now_ms();
	*f = (struct failure){ 0 };
}

static void end(struct card_search *s)
{
	attempts_free(&s->all);
	free(s->poll);
	net_wish_free(&s->wish);
	netlink_close(&s->events);
	netlink_close(&s->commands);
}

/* As net_up, without the cards in TRIED. */
static int bring_up(struct network *net, const struct net_request *request, const uint8_t (*tried)[MAC_LEN],
		    size_t tried_count, struct failure *f)
{
	struct failure unheard;
	struct card_search s;
	int err;

	begin(&s, request, tried, tried_count, f ? f : &unheard);
	*net = (struct network){ 0 };
	err = read_options(&s);
	if (!err)
		err = search_and_use(&s, net);
	end(&s);
	return err;
}

int net_up(struct network *net, const struct net_request *request, struct failure *f)
{
	return bring_up(net, request, NULL, 0, f);
}

bool net_lacks_card(const struct options *o)
{
	struct netlink nl = { -1, 0 };
	struct cards cards = { 0 };
	struct net_wish wish;
	bool lacks = net_wish_read(o, &wish, NULL) == 0 &&
		     (wish.card.choice == CARD_NAMED || wish.card.choice == CARD_MAC) && netlink_open(&nl, 0) == 0 &&
		     cards_list(&nl, &cards) == 0;

	for (size_t i = 0; i < cards.count; i++)
		lacks &= !card_is_usable(&cards.card[i]) || !card_matches(&cards.card[i], &wish.card);
	cards_free(&cards);
	netlink_close(&nl);
	net_wish_free(&wish);
	return lacks;
}

/* ---- the wrong family, the wrong card */

enum {
	FAMILY_MS = 6000, /* a router answers within half a second, a DHCP server mostly within one */
	SERVER_MS = 5000, /* the same where one has answered, and another is slower */
};

bool net_may_be_wrong_card(const struct failure *f)
{
	/* a name server that knows no such name was reached: another network does not make the name right */
	return f->id == FAIL_SRV_UNREACHABLE || f->id == FAIL_SRV_TIMEOUT || f->id == FAIL_DNS_NO_SERVER ||
	       f->id == FAIL_DNS_NO_ANSWER;
}

/* What the card lacks of IPv4 and IPv6, beside what has led nowhere, where the server is not known to need the one that
 * is there. 0, or -errno: it is not to be had, NET is as it was. */
static int add_family(struct network *net, const struct net_request *request)
{
	bool ip6 = !net->address6_count, ip4 = !net->address.s_addr;
	struct net_request hurry = *request;
	struct failure unheard;
	struct card_search s;
	int err;

	hurry.deadline = MIN(request->deadline, now_ms() + FAMILY_MS);
	begin(&s, &hurry, NULL, 0, &unheard);
	s.meanwhile_done = true;
	err = net_wish_read(request->options, &s.wish, &unheard);
	if (!err && (s.wish.mode != NET_DHCP || ip4 == ip6 || (ip6 ? s.wish.need4 : s.wish.need6)))
		err = -ENODEV;
	else if (!err)
		log_info("%s: not reached over IPv%c, is there IPv%c?", net->interface, ip6 ? '4' : '6',
			 ip6 ? '6' : '4');
	s.wish.mode = ip6 ? NET_AUTO6 : NET_DHCP4;
	s.wish.card = (struct card_wish){ .choice = CARD_NAMED };
	str_copy(s.wish.card.name, sizeof(s.wish.card.name), net->card);
	if (!err)
		err = open_netlink(&s);
	if (!err)
		err = card_search_run(&s);
	if (!err)
		err = take_family(&s, s.winner, net);
	end(&s);
	return err;
}

/* The server that gave the address is left alone from now on. 0 or -ENOMEM. */
static int shun_server(struct network *net)
{
	struct in_addr *more = realloc(net->shunned, (net->shunned_count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	net->shunned = more;
	more[net->shunned_count++] = net->server_id;
	return 0;
}

/* An address of another DHCP server on the same card, in place of the one that has led nowhere. 0, or -errno: there is
 * none, NET is as it was. */
static int other_server(struct network *net, const struct net_request *request)
{
	struct net_request hurry = *request;
	struct failure unheard;
	struct card_search s;
	int err;

	if (!net->dhcp || !net->address.s_addr)
		return -ENODEV;
	hurry.deadline = MIN(request->deadline, now_ms() + SERVER_MS);
	begin(&s, &hurry, NULL, 0, &unheard);
	s.meanwhile_done = true;
	err = net_wish_read(request->options, &s.wish, &unheard);
	if (!err)
		err = shun_server(net);
	s.all.shunned = net->shunned;
	s.all.shunned_count = net->shunned_count;
	s.wish.mode = NET_DHCP4;
	s.wish.card = (struct card_wish){ .choice = CARD_NAMED };
	str_copy(s.wish.card.name, sizeof(s.wish.card.name), net->card);
	log_info("%s: not reached, is there another DHCP server?", net->interface);
	if (!err)
		err = open_netlink(&s);
	if (!err)
		err = card_search_run(&s);
	if (!err) {
		net_give_back(net);
		err = take_family(&s, s.winner, net);
	}
	end(&s);
	return err;
}

/* Another card than the one that has led nowhere, and than those before it. */
static bool another_card(struct netlink *nl, const struct network *net, const struct options *o)
{
	struct net_wish wish;
	struct cards cards = { 0 };
	bool found = false;

	/* a person's own choice of a card is kept; the boot loader's is not */
	if (net_wish_read(o, &wish, NULL) == 0 && !wish.bond.mode &&
	    (wish.card.choice == CARD_ANY || wish.card.choice == CARD_WIRED || wish.card.by_bootif) &&
	    cards_list(nl, &cards) == 0)
		for (size_t i = 0; i < cards.count && !found; i++) {
			const struct card *c = &cards.card[i];

			found = card_is_usable(c) && !net_wish_leaves(&wish, c) &&
				(wish.card.by_bootif || card_matches(c, &wish.card)) &&
				memcmp(c->mac, net->mac, MAC_LEN) != 0;
			for (size_t j = 0; j < net->tried_count && found; j++)
				found = memcmp(c->mac, net->tried[j], MAC_LEN) != 0;
		}
	cards_free(&cards);
	net_wish_free(&wish);
	return found;
}

/* The card as it was before: without lease, address, VLAN, off. */
static void leave_card(struct netlink *nl, const struct network *net)
{
	struct cards cards;

	net_give_back(net);
	if (cards_list(nl, &cards))
		return;
	for (size_t i = 0; i < cards.count; i++) {
		int err = 0;

		if (net->vlan && cards.card[i].ifindex == net->ifindex)
			err = interface_delete(nl, net->ifindex);
		else if (streq(cards.card[i].name, net->card)) {
			err = interface_flush_addresses(nl, cards.card[i].ifindex, AF_INET);
			if (!err)
				err = interface_set_up(nl, cards.card[i].ifindex, false);
		}
		if (err)
			log_warn("%s: not switched off: %s", cards.card[i].name, err_text(err));
	}
	cards_free(&cards);
}

int net_try_next(struct network *net, const struct net_request *request, struct failure *f)
{
	uint8_t(*tried)[MAC_LEN] = NULL;
	size_t count = net->tried_count + 1;
	struct netlink nl;
	struct network next;
	int err = other_server(net, request);

	if (err)
		err = add_family(net, request);
	if (!err)
		return 0;
	err = netlink_open(&nl, 0);
	if (err)
		return fail(f, FAIL_NET_CONFIGURE, err, "no rtnetlink: %s", err_text(err));
	if (!another_card(&nl, net, request->options))
		err = -ENODEV;
	else
		tried = realloc(net->tried, count * sizeof(*tried));
	if (!err && !tried)
		err = -ENOMEM;
	if (err) {
		netlink_close(&nl);
		return err;
	}
	net->tried = tried;
	memcpy(tried[net->tried_count++], net->mac, MAC_LEN);
	leave_card(&nl, net);
	netlink_close(&nl);
	err = bring_up(&next, request, (const uint8_t(*)[MAC_LEN])tried, count, f);
	if (err)
		return err;
	net->tried = NULL;
	network_free(net);
	*net = next;
	net->tried = tried;
	net->tried_count = count;
	return 0;
}
